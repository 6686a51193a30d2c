"""How long the window's thread is held up while a model trains beside it and is watched.

Run with a display, or ``xvfb-run -a -s "-screen 0 1920x1080x24" python …``. A timer in the event
loop beats every 5 ms. The same things are done with and without a training: keys through the list
of jobs and the page of trainings, whose curves and pictures grow meanwhile.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.analysis.runs import encode
from annotator.domain.reading import Diagnosis
from annotator.gui import theme
from annotator.gui.app import application
from annotator.gui.jobs_dialog import JobsDialog
from annotator.gui.settings import Settings
from annotator.gui.window import MainWindow
from annotator.session.session import Session
from tests.gui.small_project import ball, make_project

if TYPE_CHECKING:
    from collections.abc import Callable

BEAT_MS = 5
DRIVE_S = 20.0
TRAINING = {
    "trainer": "unet",
    "target": None,
    "parameters": {"dimensions": "2d", "size": 64, "width": 8, "levels": 3, "steps": 2},
}


class Heart:
    """Beats in the event loop; knows how late each beat came, by the clock, and why.

    ``gap``: late by the clock. ``wait``: the part of it in which the window's thread did not run,
    because others had the processor. ``work``: what one turn of the loop cost the processor.
    """

    def __init__(self) -> None:
        self.gaps_ms: list[float] = []
        self.waits_ms: list[float] = []
        self.work_ms: list[float] = []
        self._last_s, self._ran_s = time.perf_counter(), time.thread_time()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def begin(self) -> None:
        """Forget what was so far."""
        self.gaps_ms.clear()
        self.waits_ms.clear()
        self.work_ms.clear()
        self._last_s, self._ran_s = time.perf_counter(), time.thread_time()

    def _beat(self) -> None:
        now_s, ran_s = time.perf_counter(), time.thread_time()
        late_ms = 1000 * (now_s - self._last_s) - BEAT_MS
        self.gaps_ms.append(late_ms)
        self.waits_ms.append(max(0.0, late_ms - 1000 * (ran_s - self._ran_s)))
        self._last_s, self._ran_s = now_s, ran_s

    def work(self) -> None:
        """Handle what waits, and take down how much of the processor that took."""
        begin_s = time.thread_time()
        QApplication.processEvents()
        self.work_ms.append(1000 * (time.thread_time() - begin_s))

    def told(self) -> dict[str, float]:
        """Return the longest and the 99th percentile of each, ms."""
        return {
            name: round(value, 1)
            for kind, values in (
                ("gap", self.gaps_ms),
                ("wait", self.waits_ms),
                ("work", self.work_ms),
            )
            for name, value in (
                (f"longest {kind}", max(values)),
                (f"p99 {kind}", statistics.quantiles(values, n=100)[-1]),
            )
        }


def spin(heart: Heart, seconds: float, until: Callable[[], object] = lambda: False) -> None:
    """Let the event loop work for so long, or until something holds."""
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s and not until():
        heart.work()
        time.sleep(0.001)


def drive(window: MainWindow, heart: Heart, seconds: float) -> dict[str, float]:
    """Press keys in the lists while the training page shows what it gets; return the stalls."""
    models = window.errands.models
    models.show_jobs()
    spin(heart, 2.0)
    jobs = window.findChildren(JobsDialog)[-1]
    heart.begin()
    end_s = time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < end_s:
        QTest.keyClick(jobs.table, (Qt.Key.Key_Down, Qt.Key.Key_Up)[number % 2])
        if number % 10 == 9:
            window.resize(1440 + number % 3, 900)
        spin(heart, 0.1)
        number += 1
    found = heart.told()
    jobs.reject()
    return found


def build(place: Path) -> None:
    """Make a project of four cases, each read by two."""
    make_project(place, n_cases=4)
    with Session.open(place) as session:
        people = [person for person in session.people() if not person.may_review][:2]
        for case in session.cases():
            for person, radius in zip(people, (8, 7), strict=True):
                session.store.add_annotation(
                    case.case_id,
                    person.rater_id,
                    encode(ball((12, 18, 18), radius)),
                    Diagnosis(),
                    actor=person.rater_id,
                )


def main() -> None:
    """Drive the window, first alone and then while a model trains."""
    with tempfile.TemporaryDirectory() as base:
        os.environ["ANNOTATOR_SETTINGS"] = str(Path(base) / "settings.json")
        place = Path(base) / "project"
        build(place)
        theme.apply(application(), "dark", 1.0)
        heart = Heart()
        window = MainWindow(Settings())
        window.resize(1440, 900)
        window.show()
        window.door.open(str(place))
        spin(heart, 30.0, lambda: window.project.facts is not None)
        session = window.session
        assert session is not None
        models = window.errands.models
        models.show_trainings()
        spin(heart, 60.0, lambda: models.trainings)
        assert models.trainings is not None
        spin(heart, 3.0)
        alone = drive(window, heart, DRIVE_S)
        models.train(TRAINING)
        sight = models.trainings.sight
        spin(heart, 180.0, lambda: sight.pictures and len(sight.loss.curves.get("loss", ())) > 1)
        before = len(sight.loss.curves["loss"])
        training = drive(window, heart, DRIVE_S)
        told = {
            "alone": alone,
            "while training": training,
            "rounds seen": len(sight.loss.curves["loss"]) - before,
            "load of the machine": round(os.getloadavg()[0], 1),
        }
        print(json.dumps(told, indent=1))  # noqa: T201 - its result
        window.close()


if __name__ == "__main__":
    main()

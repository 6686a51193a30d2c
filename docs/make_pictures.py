"""Draw the pictures of the user guide anew, by driving the real window under a virtual display."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from qtpy.QtWidgets import QApplication, QDialog, QWidget

from annotator.api import Prompt
from annotator.demo.display import SCREEN, virtual_display, work_through
from annotator.demo.hand import Hand
from annotator.demo.neuron import NEURON
from annotator.demo.project import build_sample_project
from annotator.demo.readings import FUNDUS, REVIEWER
from annotator.gui import theme
from annotator.gui.app import application
from annotator.gui.export_dialog import ExportDialog
from annotator.gui.jobs_dialog import JobsDialog
from annotator.gui.methods_dialog import MethodsDialog
from annotator.gui.quality_dialog import QualityDialog
from annotator.gui.settings import Settings
from annotator.gui.window import MainWindow

PICTURES = Path(__file__).parent / "pictures"
STEPS = {
    "start": "start", "people": "project", "worklist": "worklist", "draw": "polygon-drawn",
    "diagnosis": "diagnosis-filled-in", "model": "started-from-the-model", "queue": "queue",
    "region": "hardest-case", "heat": "disagreement", "redraw": "redraw", "keys": "keys",
    "final": "final-diagnosis", "report": "report-on-raters", "export": "export",
    "methods": "methods", "belief": "belief", "agreement": "agreement", "rules": "rules",
    "models": "models", "training": "training", "unsure": "unsure", "jobs": "jobs",
    "point": "point", "place": "place", "branch": "branch",
}  # fmt: skip
"""Name of a picture in the guide → the step of the session that it shows."""
SIZE = (1200, 750)
TRAINING = {
    "trainer": "unet",
    "target": "readings",
    "parameters": {"dimensions": "2d", "size": 128, "width": 8, "levels": 4, "steps": 10},
}
N_ROUNDS = 8


def look_around(project: Path, out: Path) -> None:
    """Take what the demonstration does not: start, keys, redrawing, an export with a plain path."""
    application()
    theme.apply(application(), Settings().theme, 1.0)
    window = MainWindow(Settings(), build_demo=build_sample_project)
    review, people = window.review, window.project.people
    hand = Hand(window, out, lambda _: None)
    window.setGeometry(application().primaryScreen().geometry())
    window.show()
    hand.picture("start")
    window.door.open(str(project))
    hand.wait(lambda: people.buttons, "the project")
    assert window.session is not None
    hand.click(people.buttons[window.session.store.rater(REVIEWER).rater_id, "review"])
    hand.wait(lambda: review.queue.cases.count(), "the queue")
    ExportDialog("/data/lungs/export", window).open()
    _take_dialog(hand, out / "00-export.png")
    window.show_shortcuts()
    _take_dialog(hand, out / "00-keys.png")
    review.open(next(row.key for row in review.queue.cases.rows() if row.title == FUNDUS))
    hand.wait(lambda: review.desk and review.desk.current, "a disputed region")
    hand.key("5")
    hand.picture("belief")
    review.on_desk(lambda desk: desk.toggle("belief"))
    review.masks.compare_methods()
    hand.wait(lambda: any(one.cards for one in window.findChildren(MethodsDialog)), "the methods")
    _take_dialog(hand, out / "00-methods.png")
    hand.key("R")
    review.on_desk(lambda desk: desk.canvas.frame(desk.case.findings[0].box))
    hand.picture("redraw")
    review.on_desk(lambda desk: desk.end_redraw(keep=False))
    window.open_report()
    hand.wait(lambda: window.report.plot, "the report")
    window.report.tabs.setCurrentIndex(1)
    hand.wait(lambda: window.report.agreement.report, "the comparison")
    hand.picture("agreement")
    window.back()
    window.back()
    window.errands.keep_quality()
    hand.wait(lambda: window.findChild(QualityDialog), "the rules")
    _take_dialog(hand, out / "00-rules.png")
    _review_tracing(window, hand)
    _ask_models(window, hand, out)
    _point(window, hand)
    window.close()


def _review_tracing(window: MainWindow, hand: Hand) -> None:
    """Take a place of the traced case, and a branch that another tracer has."""
    assert window.session is not None
    review = window.review
    reviewer = window.session.store.rater(REVIEWER).rater_id
    hand.click(window.project.people.buttons[reviewer, "review"])
    hand.wait(lambda: review.queue.cases.count(), "the queue")
    review.open(next(row.key for row in review.queue.cases.rows() if row.title == NEURON))
    hand.wait(lambda: review.traces.desk and review.traces.desk.current, "a place")
    desk = review.traces.desk
    assert desk is not None
    hand.picture("place")
    desk.panel.table.select_region(next(one.region for one in desk.review.items if one.offers))
    desk.step_offer(+1)
    review.traces.show_3d(on=True)
    hand.picture("branch")
    review.traces.show_3d(on=False)
    window.back()


def _ask_models(window: MainWindow, hand: Hand, out: Path) -> None:
    """Take the models, a training half-way, where what it made is unsure, and the jobs."""
    models, review, session = window.errands.models, window.review, window.session
    assert session is not None
    models.show()
    hand.wait(lambda: models.list and models.list.table.rowCount(), "the models")
    assert models.list is not None
    _take(hand, models.list, out / "00-models.png")
    models.show_trainings()
    hand.wait(lambda: models.trainings, "the page of trainings")
    assert models.trainings is not None
    sight = models.trainings.sight
    models.train(TRAINING)
    hand.wait(lambda: len(sight.loss.curves.get("loss", ())) >= N_ROUNDS, "the curves")
    hand.settle()
    models.trainings.grab().save(str(out / "00-training.png"))
    sight.stop.click()
    hand.wait(lambda: sight.entry and sight.entry.fit_id, "the end of the training")
    assert sight.entry is not None
    fit_id, case_id = str(sight.entry.fit_id), session.cases()[0].case_id
    models.trainings.reject()
    session.predict_by_fit(fit_id, [case_id])
    models.show_jobs()
    (jobs,) = window.findChildren(JobsDialog)
    hand.wait(lambda: jobs.table.rowCount(), "the jobs")
    _take(hand, jobs, out / "00-jobs.png")
    hand.click(window.project.people.buttons[session.store.rater(REVIEWER).rater_id, "review"])
    hand.wait(lambda: review.queue.cases.count(), "the queue")
    review.open(case_id)
    hand.wait(lambda: review.desk and review.desk.case.case.case_id == case_id, "the case")
    hand.key("6")
    hand.wait(lambda: "doubt" in review.masks.shown, "where the model is unsure")
    hand.picture("unsure")


def _point(window: MainWindow, hand: Hand) -> None:
    """Point at the mass of a chest CT, and beside it."""
    assert window.session is not None
    room, store = window.rater, window.session.store
    busy = {entry.rater_id for entry in store.assignments()}
    guest = [person for person in window.session.people() if person.rater_id in busy][-1]
    window.read_cases(guest.rater_id)
    hand.wait(lambda: room.worklist.cases.count(), "the worklist")
    room.open(next(case.case_id for case in store.cases() if "LUNG2" in case.title))
    hand.wait(lambda: room.open_case, "the chest CT")
    canvas = room.holder.canvas
    assert canvas is not None
    canvas.set_position((18, 182, 178))
    room.tools.choose_nth_label(1)
    hand.key("A")
    for is_positive, place in ((True, (18, 182, 178)), (False, (18, 160, 178))):
        canvas.prompted.emit(Prompt(kind="click", is_positive=is_positive, voxels=(place,)))
        hand.wait(lambda: not room.pointing.is_waiting, "the answer")
    hand.picture("point")
    window.back()


def _take(hand: Hand, dialog: QDialog, path: Path) -> None:
    hand.settle()
    dialog.grab().save(str(path))
    dialog.reject()


def _take_dialog(hand: Hand, path: Path) -> None:
    hand.settle()
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, QWidget)
    dialog.grab().save(str(path))
    dialog.close()


def main() -> None:
    """Build the sample project, work on it, and keep the pictures that the guide shows."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as base, virtual_display(SCREEN) as environment:
        project, seen = Path(base) / "sample", Path(base) / "seen"
        build_sample_project(project)
        work_through(project, print)
        subprocess.run([sys.executable, __file__, project, seen], env=environment, check=True)
        for name, step in STEPS.items():
            found = [
                *seen.glob(f"??-{step}.png"),
                *(project / "screenshots").glob(f"??-{step}.png"),
            ]
            with Image.open(found[0]) as taken:
                picture = taken.convert("RGB")
            picture.thumbnail(SIZE, Image.Resampling.LANCZOS)
            small = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2)
            small.save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    look_around(*map(Path, sys.argv[1:])) if len(sys.argv) > 1 else main()

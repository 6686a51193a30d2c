"""Start to a usable worklist against stock napari's start to an empty viewer.

Both as whole processes, in turn, from launch to the first frame drawn. Ours opens a project of
20 cases, enters the rater's room and has the worklist on screen; the time is taken when the event
loop has drawn it. Run under a display: ``xvfb-run -a python tests/benchmarks/bench_start.py``.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from annotator.domain.geometry import Geometry
from annotator.domain.schema import Label, LabelSchema
from annotator.domain.study import Series
from annotator.session.session import Session

N_RUNS = 5
N_CASES = 20

OURS = """
import sys
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from annotator.gui.app import application, run

def look():
    QTimer.singleShot(5, look)
    for window in QApplication.topLevelWidgets():
        session = getattr(window, "session", None)
        if session is not None and window.room_name != "rater":
            window.read_cases(session.people()[0].rater_id)
        if session is not None and window.room_name == "rater":
            if window.rater.worklist.cases.count() == int(sys.argv[2]):
                window.repaint()
                import os
                os._exit(0)

app = application()
QTimer.singleShot(0, look)
run(sys.argv[1])
"""

PEER = """
import napari
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer()
QApplication.processEvents()
import os
os._exit(0)
"""


def main() -> None:
    """Time both in turn and print medians and their ratio."""
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory) / "project"
        _make_project(project)
        ours, peer = [], []
        for run in range(N_RUNS + 1):
            ours.append(_time([sys.executable, "-c", OURS, str(project), str(N_CASES)], directory))
            peer.append(_time([sys.executable, "-c", PEER], directory))
            if run == 0:
                sys.stdout.write(
                    f"first (cold) start: worklist {ours[0]:.2f} s, napari {peer[0]:.2f} s\n"
                )
    ours, peer = ours[1:], peer[1:]
    ratios = [a / b for a, b in zip(ours, peer, strict=True)]
    sys.stdout.write(
        f"worklist, {N_CASES} cases   median {statistics.median(ours):.2f} s\n"
        f"napari, empty viewer  median {statistics.median(peer):.2f} s\n"
        f"ratio                 median {statistics.median(ratios):.2f}"
        f"  ({min(ratios):.2f} to {max(ratios):.2f}; goal at most 0.6)\n"
    )


def _make_project(project: Path) -> None:
    schema = LabelSchema(
        name="one", title="One", labels=(Label(value=1, name="Lesion", color="#e69f00"),)
    )
    voxels = np.zeros((1, 64, 64), np.uint8)
    with Session.create(project, schema=schema, title="Start") as session:
        session.add_rater("Ada")
        for number in range(N_CASES):
            voxels[0, 0, 0] = number
            series = Series(
                series_id=f"{number:064x}",
                kind="picture",
                modality="OT",
                description="",
                geometry=Geometry(shape=(1, 64, 64)),
                dtype="uint8",
            )
            session.store.add_series(series, voxels, actor="system")
            session.store.add_case(f"Case {number}", [series.series_id], actor="system")
        session.assign()


def _time(command: list[str], home: str) -> float:
    environment = os.environ | {"XDG_CONFIG_HOME": home}
    started_s = time.perf_counter()
    subprocess.run(command, check=True, env=environment, timeout=120, capture_output=True)
    return time.perf_counter() - started_s


if __name__ == "__main__":
    main()

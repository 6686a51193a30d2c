"""A volume of 1000 x 1024 x 1024 uint16 in three linked views: open, scroll, draw.

Run with a display, or ``xvfb-run -a -s "-screen 0 1920x1080x24" python …``; needs 3 GB of disk and
of memory to make the project. The image is mapped from the project's file, as the window does it;
strokes are kept as a rater's are. On software OpenGL most of a step is the redraw.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.schema import Label, LabelSchema
from annotator.domain.study import Series
from annotator.gui.canvas import Canvas
from annotator.session.access import DraftAccess
from annotator.session.draft import DraftSession
from annotator.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

T = TypeVar("T")
SHAPE = (1000, 1024, 1024)
SIZE = (1280, 800)
SCHEMA = LabelSchema(
    name="bench", title="Bench", labels=(Label(value=1, name="Region", color="#e69f00"),)
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", help="where the project is made", default=None)
    application = QApplication.instance() or QApplication([])
    with tempfile.TemporaryDirectory(dir=parser.parse_args().directory) as name:
        _tell(Path(name))
    del application


def _tell(directory: Path) -> None:
    store, series = _project(directory)
    _say_memory("the project is made")
    case = store.cases()[0]
    rater = store.raters()[0]
    draft = store.open_draft(case.case_id, rater.rater_id, actor=rater.rater_id)
    canvas = Canvas()
    canvas.resize(*SIZE)
    canvas.show()
    access = DraftAccess(store, draft, rater.rater_id)
    drawing = _time("open the draft", lambda: DraftSession(access, np.dtype(np.uint8)))
    voxels = store.voxels(series.series_id)
    canvas.edited.connect(drawing.record)
    _time("show it in three views", lambda: _show(canvas, voxels, series, drawing))
    for axis, title in enumerate(("axial", "coronal", "sagittal")):
        _steps(canvas, axis, title)
    for diameter, is_3d in ((10, False), (40, False), (40, True), (100, True)):
        _stroke(canvas, diameter, is_3d=is_3d)
    _time("all strokes are on disk", drawing.flush)
    _time("undo", drawing.undo)
    _say_memory("all is done")
    drawing.close()
    canvas.close()
    store.close()


def _project(directory: Path) -> tuple[Store, Series]:
    random = np.random.default_rng(0)
    voxels = np.empty(SHAPE, np.uint16)
    noise = random.integers(0, 2000, (16, *SHAPE[1:])).astype(np.uint16)
    for z in range(SHAPE[0]):
        voxels[z] = noise[z % 16] + z
    geometry = Geometry(shape=SHAPE)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="OT",
        description="",
        geometry=geometry,
        dtype="uint16",
    )
    store = Store.create(directory / "project", title="Bench", schema=SCHEMA)
    store.add_series(series, voxels, actor="system")
    store.add_case("Bench", [series.series_id], actor="system")
    store.add_rater("Ada", actor="system")
    return store, series


def _show(canvas: Canvas, voxels: NDArray[Any], series: Series, drawing: DraftSession) -> None:
    canvas.show_volume(voxels, series, drawing.mask, SCHEMA)
    QTest.qWait(1)


def _steps(canvas: Canvas, axis: int, title: str) -> None:
    """Scroll along one axis, twenty slices of a volume that was not read there before."""
    taken = []
    position = [size // 2 for size in SHAPE]
    for number in range(20):
        position[axis] = 100 + 7 * number
        begun = time.perf_counter()
        canvas.set_position(position)
        QApplication.processEvents()
        taken.append(1e3 * (time.perf_counter() - begun))
    p50, p95 = np.percentile(taken, [50, 95])
    sys.stdout.write(f"{title} step, all views{'':20} p50 {p50:8.1f} ms  p95 {p95:8.1f} ms\n")


def _stroke(canvas: Canvas, diameter: int, *, is_3d: bool) -> None:
    canvas.set_position([size // 2 for size in SHAPE])
    canvas.set_tool("brush")
    canvas.set_brush_mm(diameter)
    canvas.set_brush_3d(is_3d)
    canvas.clock.clear()
    overlay = canvas.views[0].overlay
    begun = time.perf_counter()
    QTest.mousePress(overlay, Qt.MouseButton.LeftButton, pos=QPoint(100, 200))
    for number in range(30):
        QTest.mouseMove(overlay, QPoint(100 + 4 * number, 200 + 2 * number))
        QApplication.processEvents()
    moved = time.perf_counter()
    QTest.mouseRelease(overlay, Qt.MouseButton.LeftButton, pos=QPoint(216, 258))
    released = time.perf_counter()
    tool_ms = [1e3 * frame.tool_s / max(frame.n_events, 1) for frame in canvas.clock.frames]
    name = f"{'ball' if is_3d else 'disc'} of {diameter} voxels"
    sys.stdout.write(
        f"{name:24} an event in the tool {np.median(tool_ms):6.2f} ms; 30 events with redraw "
        f"{1e3 * (moved - begun):6.0f} ms; release {1e3 * (released - moved):6.1f} ms\n"
    )


def _time(title: str, work: Callable[[], T]) -> T:
    begun = time.perf_counter()
    result = work()
    sys.stdout.write(f"{title:40} {1e3 * (time.perf_counter() - begun):9.1f} ms\n")
    return result


def _say_memory(when: str) -> None:
    """Say what the process holds, and what of the image's file the system has mapped for it."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    held, mapped = (int(fields[key].split()[0]) / 1e6 for key in ("RssAnon", "RssFile"))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    sys.stdout.write(
        f"memory when {when}: {held:.2f} GB of its own, {mapped:.2f} GB mapped, "
        f"most {most:.2f} GB\n"
    )


if __name__ == "__main__":
    main()

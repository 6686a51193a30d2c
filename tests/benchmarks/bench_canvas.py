"""Scroll step and brush event of the canvas against stock napari, in one run.

Run with a display, or ``xvfb-run -a -s "-screen 0 1920x1080x24" python …``. On software OpenGL
most of a step is the redraw, which both pay.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from scipy import ndimage

from annotator.domain.geometry import Geometry
from annotator.domain.schema import Label, LabelSchema
from annotator.domain.study import Series, Window
from annotator.gui.canvas import Canvas, RaterContour

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SHAPE = (300, 512, 512)
SIZE = (900, 800)
STEPS = 25
COLORS = ("#ff6b6b", "#4dabf7", "#ffd43b", "#69db7c", "#da77f2")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def make_reading(shift: int) -> NDArray[np.uint8]:
    """Return a mask with a few organs, moved a little for each rater."""
    coarse = np.zeros(tuple(size // 4 for size in SHAPE), np.float32)
    rng = np.random.default_rng(5)
    for label in range(1, 6):
        z, y, x = (int(rng.integers(size // 4, 3 * size // 4)) for size in coarse.shape)
        grid = np.ogrid[tuple(slice(0, size) for size in coarse.shape)]
        distance = sum(((axis - at) / 14) ** 2 for axis, at in zip(grid, (z, y, x), strict=True))
        coarse[np.asarray(distance) < 1] = label
    mask = ndimage.zoom(coarse, 4, order=0).astype(np.uint8)
    rolled: NDArray[np.uint8] = np.roll(mask, shift, axis=(1, 2))
    return rolled


def measure(step: Callable[[int], None]) -> tuple[float, float]:
    """Return the median time and CPU time of a step with its redraw, ms."""
    for z in range(4):
        step(140 + z)
        QApplication.processEvents()
    taken, worked = [], []
    for number in range(STEPS):
        begin, cpu = time.perf_counter(), time.process_time()
        step(150 + number)
        QApplication.processEvents()
        taken.append(time.perf_counter() - begin)
        worked.append(time.process_time() - cpu)
    return 1000 * statistics.median(taken), 1000 * statistics.median(worked)


def stock(n_masks: int, *, is_bare: bool) -> tuple[float, float]:
    """Time stock napari with one Labels layer a mask: its QtViewer alone, or its whole window."""
    import napari
    from napari.components import ViewerModel
    from napari.qt import QtViewer

    window: Any
    if is_bare:
        model = ViewerModel()
        window = QtViewer(model)
        window.resize(*SIZE)
        window.show()
    else:
        model = window = napari.Viewer(show=True)
        window.window.resize(SIZE[0] + 300, SIZE[1] + 150)
    model.add_image(make_image(), contrast_limits=(-160, 240))
    for number in range(n_masks):
        model.add_labels(make_reading(4 * number))
    QTest.qWait(300)
    return measure(lambda z: model.dims.set_point(0, z))


def make_image() -> NDArray[np.int16]:
    """Return a volume of noise, (z, y, x)."""
    rng = np.random.default_rng(0)
    slices = rng.integers(-200, 300, (8, *SHAPE[1:])).astype(np.int16)
    return np.tile(slices, (SHAPE[0] // 8 + 1, 1, 1))[: SHAPE[0]]


def open_canvas(n_masks: int, layout: str) -> Canvas:
    """Return a canvas with the first mask, and with all as contours where there are several."""
    labels = tuple(Label(value=n, name=f"Label {n}", color=COLORS[n - 1]) for n in range(1, 6))
    series = Series(
        series_id="bench",
        kind="volume",
        modality="CT",
        description="",
        geometry=Geometry(shape=SHAPE),
        dtype="int16",
        windows=(Window(name="soft", level=40, width=400),),
    )
    canvas = Canvas()
    canvas.resize(*SIZE)
    canvas.show()
    canvas.set_layout(layout)
    schema = LabelSchema(name="b", title="b", labels=labels)
    canvas.show_volume(make_image(), series, make_reading(0), schema)
    if n_masks > 1:
        canvas.set_contours(
            [
                RaterContour(
                    "ABCDE"[number], COLORS[number], DASHES[number], make_reading(4 * number)
                )
                for number in range(n_masks)
            ]
        )
    QTest.qWait(300)
    return canvas


def ours(n_masks: int, layout: str) -> tuple[float, float]:
    """Time a step of the canvas."""
    canvas = open_canvas(n_masks, layout)
    return measure(lambda z: canvas.set_position((z, 256, 256)))


BRUSHES = ((10, False), (64, False), (10, True), (40, True), (64, True))


def brush(canvas: Canvas, diameter: int, is_3d: bool) -> str:
    """Return what a brush event costs the window's thread: handling it, without the redraw."""
    overlay = canvas.views[0].overlay
    canvas.set_tool("brush")
    canvas.set_brush_mm(diameter)
    canvas.set_brush_3d(is_3d)
    QTest.mousePress(overlay, Qt.MouseButton.LeftButton, pos=QPoint(100, 200))
    events: list[float] = []
    redraws: list[float] = []
    for number in range(40):
        place = QPointF(100 + 6 * number, 200 + 3 * number)
        moved = QMouseEvent(
            QEvent.Type.MouseMove,
            place,
            overlay.mapToGlobal(place),
            Qt.MouseButton.NoButton,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        begin = time.perf_counter()
        QApplication.sendEvent(overlay, moved)
        events.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        QApplication.processEvents()
        redraws.append(time.perf_counter() - begin)
    begin = time.perf_counter()
    QTest.mouseRelease(overlay, Qt.MouseButton.LeftButton, pos=QPoint(340, 320))
    release = time.perf_counter() - begin
    name = f"{diameter} mm {'ball' if is_3d else 'disc'}"
    p95 = 1000 * float(np.percentile(events, 95))
    return (
        f"  {name:12s} {1000 * statistics.median(events):7.2f} {p95:7.2f} "
        f"{1000 * release:9.2f} {1000 * statistics.median(redraws):9.1f}"
    )


PARTS: dict[str, Callable[[], object]] = {
    "canvas, 1 mask": lambda: ours(1, "single"),
    "napari QtViewer, 1 mask": lambda: stock(1, is_bare=True),
    "napari Viewer, 1 mask": lambda: stock(1, is_bare=False),
    "canvas, 5 readings": lambda: ours(5, "single"),
    "napari QtViewer, 5 readings": lambda: stock(5, is_bare=True),
    "napari Viewer, 5 readings": lambda: stock(5, is_bare=False),
    "canvas, three views": lambda: ours(1, "three"),
}


def brushes() -> list[str]:
    """Return a row for each brush."""
    canvas = open_canvas(1, "three")
    return [brush(canvas, diameter, is_3d) for diameter, is_3d in BRUSHES]


def in_own_process(part: str) -> Any:  # noqa: ANN401 - what the part returns, through JSON
    """Measure a part in a fresh process: closing a napari window may take the process with it."""
    done = subprocess.run(
        [sys.executable, __file__, part], capture_output=True, text=True, check=False
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table, or one part of it as JSON."""
    if len(sys.argv) > 1:
        os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")
        application = QApplication(sys.argv[:1])
        run = brushes if sys.argv[1] == "brushes" else PARTS[sys.argv[1]]
        sys.stdout.write(json.dumps(run()) + "\n")
        sys.stdout.flush()
        application.processEvents()
        os._exit(0)
    out = sys.stdout.write
    out("Scroll step with redraw, 512 x 512 x 300, view 900 x 800, ms (median)\n")
    out(f"  {'':30s} {'time':>7s} {'CPU':>7s} {'ratio of time, CPU to the canvas':>34s}\n")
    own = (1.0, 1.0)
    for part in PARTS:
        taken, worked = in_own_process(part)
        if part.startswith("canvas"):
            own = (taken, worked)
        ratio = "" if part.startswith("canvas") else f"{own[0] / taken:.2f}, {own[1] / worked:.2f}"
        out(f"  {part:30s} {taken:7.1f} {worked:7.1f} {ratio:>34s}\n")
    out("Brush events in the window's thread, ms: median, p95, release; redraw after it\n")
    out("\n".join(in_own_process("brushes")) + "\n")


if __name__ == "__main__":
    main()

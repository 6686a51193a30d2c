"""A slide of 100,000 x 80,000 pixels in the canvas: time to see it, cost of strokes and memory.

Run with a display, or ``xvfb-run -a -s "-screen 0 1920x1080x24" python …``. The slide is made up
while it is read, and each tile of 512 pixels costs ``--read-ms`` beside that, as reading and
decoding a file does.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from annotator.analysis.pyramid import PyramidVoxels
from annotator.analysis.sparse_array import sparse_zeros
from annotator.domain.geometry import Geometry
from annotator.domain.schema import Label, LabelSchema
from annotator.domain.study import Series
from annotator.gui.canvas import Canvas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.gui.slice_view import SliceView

ROWS, COLUMNS = 80_000, 100_000
SIDE = 4096
SIZE = (1600, 900)
SCHEMA = LabelSchema(
    name="slide", title="Slide", labels=(Label(value=1, name="Tumour", color="#ff0000"),)
)


class MadeSlide:
    """Levels of half the size each, of one texture that repeats."""

    def __init__(self, read_ms: float) -> None:
        self._read_s = read_ms / 1000
        rng = np.random.default_rng(3)
        texture = np.repeat(
            np.repeat(rng.integers(120, 255, (SIDE // 8, SIDE // 8, 3)), 8, 0), 8, 1
        )
        self._textures = [texture.astype(np.uint8)]
        while len(self._textures) < 9:
            self._textures.append(np.ascontiguousarray(self._textures[-1][::2, ::2]))
        self.shapes = tuple((-(-ROWS >> n), -(-COLUMNS >> n)) for n in range(9))
        self.dtype = np.dtype(np.uint8)
        self.n_channels = 3

    def read(self, level: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of a level."""
        time.sleep(self._read_s * max(1, (rows.stop - rows.start) // 512))
        texture = self._textures[level]
        row = np.arange(rows.start, rows.stop) % texture.shape[0]
        column = np.arange(columns.start, columns.stop) % texture.shape[1]
        found: NDArray[Any] = texture[row[:, None], column]
        return found


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def resident_mb() -> float:
    """Return the memory that the program takes now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def complete(view: SliceView) -> float:
    """Return how long it takes until all that is seen is there and drawn, ms."""
    begun = time.perf_counter()
    while view.slide is None or not view.slide.is_complete:
        QApplication.processEvents()
        time.sleep(0.001)
    QApplication.processEvents()
    return 1000 * (time.perf_counter() - begun)


def shares(times: Sequence[float]) -> str:
    """Return median and 95th percentile, ms."""
    low, high = np.percentile(times, [50, 95])
    return f"{low:6.1f} {high:6.1f}"


def pan(view: SliceView, steps: int, far: float) -> tuple[list[float], list[float]]:
    """Drag the slide; returns what each move cost, and each way until it was complete, ms."""
    moves, ways = [], []
    for number in range(steps):
        sense = -1 if number % 2 else 1
        for _ in range(10):
            begun = time.perf_counter()
            view._pan(QPointF(-far * sense, -far / 2))
            QApplication.processEvents()
            moves.append(1000 * (time.perf_counter() - begun))
        ways.append(complete(view))
    return moves, ways


def drag(view: SliceView, places: Sequence[tuple[float, float]]) -> list[float]:
    """Draw through places of the view; returns what each event cost, ms."""
    overlay, times = view.overlay, []
    QTest.mousePress(overlay, Qt.MouseButton.LeftButton, pos=QPointF(*places[0]).toPoint())
    for place in places[1:]:
        at = QPointF(*place)
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            at,
            overlay.mapToGlobal(at),
            Qt.MouseButton.NoButton,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        begun = time.perf_counter()
        QApplication.sendEvent(overlay, event)
        times.append(1000 * (time.perf_counter() - begun))
        QApplication.processEvents()
    end = QPointF(*places[-1]).toPoint()
    begun = time.perf_counter()
    QTest.mouseRelease(overlay, Qt.MouseButton.LeftButton, pos=end)
    times.append(1000 * (time.perf_counter() - begun))
    return times


def open_slide(read_ms: float) -> Canvas:
    """Show the slide."""
    canvas = Canvas()
    canvas.resize(*SIZE)
    canvas.show()
    series = Series(
        series_id="s",
        kind="picture",
        modality="SM",
        description="",
        geometry=Geometry(shape=(1, ROWS, COLUMNS), spacing_mm=(1.0, 0.00025, 0.00025)),
        dtype="uint8",
        n_channels=3,
    )
    mask: Any = sparse_zeros((1, ROWS, COLUMNS), np.dtype(np.uint8))
    begun = time.perf_counter()
    canvas.show_volume(PyramidVoxels(MadeSlide(read_ms)), series, mask, SCHEMA)
    QApplication.processEvents()
    shown = 1000 * (time.perf_counter() - begun)
    say(f"shown after {shown:.0f} ms, complete {complete(canvas.views[0]):.0f} ms later")
    return canvas


def main() -> None:
    """Print what is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read-ms", type=float, default=4.0)
    chosen = parser.parse_args()
    app = QApplication([])
    canvas = open_slide(chosen.read_ms)
    view = canvas.views[0]
    say(f"resident after opening {resident_mb():.0f} MB")
    edits: list[float] = []
    canvas.edited.connect(lambda *_: edits.append(time.perf_counter()))
    say("zoom     pan: event p50 p95   until complete p50 p95 (ms)")
    for zoom in (1 / 64, 1 / 16, 1 / 4, 1.0, 4.0):
        view.zoom_by(zoom / (view.camera.zoom * 0.00025))
        first = complete(view)
        moves, ways = pan(view, 8, 40.0)
        say(f"{zoom:<8.4g} {shares(moves)}   {shares(ways)}   (after the jump {first:.0f})")
    say(f"resident after the tour {resident_mb():.0f} MB")
    say("zoom     brush px  stroke event p50 p95 max   release until kept (ms)")
    for zoom, size_px in ((1.0, 60), (1 / 4, 60), (1 / 16, 60), (1 / 64, 60), (1 / 100, 200)):
        view.fit()
        view.zoom_by(zoom / (view.camera.zoom * 0.00025))
        complete(view)
        canvas.set_tool("brush")
        canvas.set_brush_px(size_px)
        step = 4 if size_px < 100 else 1
        way = [(500.0 + step * n, 400.0 + 10 * step * np.sin(n / 8)) for n in range(100)]
        n_before = len(edits)
        times = drag(view, way)
        begun = time.perf_counter()
        while len(edits) == n_before and time.perf_counter() - begun < 60:
            QApplication.processEvents()
        kept = 1000 * (time.perf_counter() - begun) + times[-1]
        most = max(times[:-1])
        say(f"{zoom:<8.4g} {size_px / zoom:8.0f}  {shares(times[:-1])} {most:6.1f}   {kept:6.0f}")
    picture = canvas.slide.picture
    if picture is not None:
        n_drawn = int(picture.levels.counts().sum()) / 1e6
        say(f"resident after drawing {resident_mb():.0f} MB, of which {n_drawn:.0f} Mpx drawn")
        say(f"tiles {picture.tiles.n_bytes >> 20} MB")
    frames = [1000 * frame.total_s for frame in canvas.clock.frames]
    say(f"mouse to screen, median {statistics.median(frames):.1f} ms" if frames else "")
    canvas.close()
    del app


if __name__ == "__main__":
    main()

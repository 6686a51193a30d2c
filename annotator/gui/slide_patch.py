"""The part of a slide that a view shows: which pixels of which level, read as they are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from annotator.analysis.slide_tiles import grid_for, tiles_over
from annotator.drawing.slide_surface import Sight
from annotator.gui.tile_loader import TileLoader

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.analysis.slide_tiles import Grid, TileKey
    from annotator.domain.reading import Box
    from annotator.gui.planes import Plane
    from annotator.gui.scene import Scene
    from annotator.gui.slide_picture import SlidePicture
    from annotator.gui.view_camera import ViewCamera

    Ends = tuple[int, int]

_MARGIN = 0.15
"""Of the view, that is shown beyond each of its sides: so far it can be dragged for nothing."""
_GATHER_MS = 15
"""Tiles that arrive within this time are shown together."""
_PREVIEW = 2
"""How much coarser the tiles are that are read first: a sixteenth of the work or less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Which pixels are in the scene: of a grid of the image, and of a level of the mask."""

    grid: int
    rows: Ends
    columns: Ends
    level: int
    mask_rows: Ends
    mask_columns: Ends


class SlidePatch(QObject):
    """Keeps a scene to what the camera of one view sees of a slide.

    What is not in memory is shown from coarser levels until it is read, beside the window.
    ``ratio`` is pixels of the screen a pixel of the view; ``shown`` returns what of labels is seen.
    """

    overview_ready = Signal(object)
    """The whole slide, ``(rows, columns[, channel])``, small."""
    completed = Signal()
    """All that is seen is shown as finely as the screen can."""

    def __init__(
        self,
        scene: Scene,
        picture: SlidePicture,
        plane: Plane,
        ratio: float,
        shown: Callable[[NDArray[Any]], NDArray[Any]],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._scene = scene
        self._picture = picture
        self._plane = plane
        self._ratio = ratio
        self._shown = shown
        self._frame: _Frame | None = None
        self._seen: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
        self._image: NDArray[Any] | None = None
        self.sight = Sight()
        self._fresh: list[TileKey] = []
        self._has_overview = False
        self._loader = TileLoader(picture.tiles, self)
        self._loader.arrived.connect(self._arrive)
        self._loader.failed.connect(picture.tell_failure)
        self._gather = QTimer(self, singleShot=True, interval=_GATHER_MS)
        self._gather.timeout.connect(self._show_fresh)

    @property
    def is_complete(self) -> bool:
        """Whether all that is seen is shown as finely as the screen can."""
        return not self._loader.is_busy and not self._fresh

    def close(self) -> None:
        """Stop reading."""
        self._gather.stop()
        self._loader.close()

    def look(self, camera: ViewCamera) -> None:
        """Show what a camera sees."""
        pixels = 1 / (camera.zoom * min(camera.spacing_mm) * self._ratio)
        top, left = camera.to_slice(0, 0)
        bottom, right = camera.to_slice(*camera.size)
        self._seen = (top, left, bottom, right)
        grid = grid_for(self._picture.tiles.grids, pixels)
        level = self._picture.levels.for_pixels(pixels)
        if self._frame is None or not self._covers(self._frame, grid, level):
            self._reframe(grid, level)
        elif self._loader.is_busy:
            self._want(self._frame)

    def refresh_mask(self, box: Box | None) -> None:
        """Show what the levels of the mask hold now, in ``box`` or anywhere."""
        frame = self._frame
        if frame is None:
            return
        rows, columns = frame.mask_rows, frame.mask_columns
        if box is not None:
            (_, y0, x0), (_, y1, x1) = box
            side = 1 << frame.level
            rows = (max(rows[0], y0 // side), min(rows[1], -(-y1 // side)))
            columns = (max(columns[0], x0 // side), min(columns[1], -(-x1 // side)))
            if rows[0] >= rows[1] or columns[0] >= columns[1]:
                return
        pixels = self._shown(self._picture.levels.area(frame.level, rows, columns))
        self._scene.put_mask_part(
            pixels,
            (
                slice(rows[0] - frame.mask_rows[0], rows[1] - frame.mask_rows[0]),
                slice(columns[0] - frame.mask_columns[0], columns[1] - frame.mask_columns[0]),
            ),
        )

    def _covers(self, frame: _Frame, grid: int, level: int) -> bool:
        if (frame.grid, frame.level) != (grid, level):
            return False
        shown = self._picture.tiles.grids[grid]
        rows, columns = self._cells(shown, 0.0)
        return (
            frame.rows[0] <= rows[0]
            and rows[1] <= frame.rows[1]
            and frame.columns[0] <= columns[0]
            and columns[1] <= frame.columns[1]
        )

    def _cells(self, grid: Grid, margin: float) -> tuple[Ends, Ends]:
        """Return the rows and columns of a grid that are seen, with a margin; at least one."""
        top, left, bottom, right = self._seen
        tall, wide = (bottom - top) * margin, (right - left) * margin
        return (
            _inside(grid.cells(top - tall, bottom + tall, 0), grid.shape[0]),
            _inside(grid.cells(left - wide, right + wide, 1), grid.shape[1]),
        )

    def _reframe(self, number: int, level: int) -> None:
        """Put other pixels into the scene."""
        tiles, levels = self._picture.tiles, self._picture.levels
        grid = tiles.grids[number]
        rows, columns = self._cells(grid, _MARGIN)
        side = 1 << level
        (top, bottom), (left, right) = _finest(grid, rows), _finest(grid, columns)
        size = levels.shape(level)
        mask_rows = _inside((int(top) // side, -(-int(bottom) // side)), size[0])
        mask_columns = _inside((int(left) // side, -(-int(right) // side)), size[1])
        frame = self._frame = _Frame(
            grid=number,
            rows=rows,
            columns=columns,
            level=level,
            mask_rows=mask_rows,
            mask_columns=mask_columns,
        )
        (y0, y1), (x0, x1) = mask_rows, mask_columns
        self.sight = Sight(factor=side, box=((0, y0 * side, x0 * side), (1, y1 * side, x1 * side)))
        self._image = tiles.area(number, rows, columns, reads=False)
        mask = self._shown(levels.area(level, mask_rows, mask_columns))
        spacing = self._plane.spacing_mm
        self._scene.put_patches(
            self._image,
            _place(spacing, grid.factor, (rows[0], columns[0])),
            mask,
            _place(spacing, side, (y0, x0)),
            is_rgb=self._picture.is_rgb,
        )
        self._fresh.clear()
        self._want(frame)

    def _want(self, frame: _Frame) -> None:
        """Read what is seen, roughly first, then what is beside it."""
        tiles = self._picture.tiles
        grid, last = tiles.grids[frame.grid], len(tiles.grids) - 1
        wanted = tiles_over(last, tiles.grids[last], *self._cells(tiles.grids[last], 1e9))
        if frame.grid + _PREVIEW < last:
            rough = tiles.grids[frame.grid + _PREVIEW]
            wanted += tiles_over(frame.grid + _PREVIEW, rough, *self._cells(rough, 0.0))
        wanted += tiles_over(frame.grid, grid, *self._cells(grid, 0.0))
        wanted += tiles_over(frame.grid, grid, frame.rows, frame.columns)
        if not self._has_overview and all(tiles.held(key) is not None for key in wanted[:1]):
            self._tell_overview()
        self._loader.want(dict.fromkeys(wanted))

    def _arrive(self, key: TileKey) -> None:
        if key.grid == len(self._picture.tiles.grids) - 1:
            self._tell_overview()
        self._fresh.append(key)
        if not self._gather.isActive():
            self._gather.start()

    def _tell_overview(self) -> None:
        if not self._has_overview:
            self._has_overview = True
            self.overview_ready.emit(self._picture.tiles.overview())

    def _show_fresh(self) -> None:
        fresh, self._fresh = self._fresh, []
        frame, image, tiles = self._frame, self._image, self._picture.tiles
        if frame is None or image is None:
            return
        if any(key.grid != frame.grid for key in fresh):
            image[...] = tiles.area(frame.grid, frame.rows, frame.columns, reads=False)
        else:
            for key in fresh:
                tiles.put_tile(image, key, frame.rows, frame.columns)
        self._scene.refresh_image()
        if self.is_complete:
            self.completed.emit()


def _inside(ends: Ends, size: int) -> Ends:
    """Return what of a range lies in an axis; its nearest place where nothing does."""
    first = min(max(0, ends[0]), size - 1)
    return first, max(first + 1, min(size, ends[1]))


def _finest(grid: Grid, ends: Ends) -> tuple[float, float]:
    return ends[0] * grid.factor, ends[1] * grid.factor


def _place(
    spacing_mm: tuple[float, float], factor: float, first: tuple[int, int]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the size of a pixel and the place of the centre of the first, mm."""
    scale = (spacing_mm[0] * factor, spacing_mm[1] * factor)
    row, column = ((at + 0.5) * factor - 0.5 for at in first)
    return scale, (row * spacing_mm[0], column * spacing_mm[1])

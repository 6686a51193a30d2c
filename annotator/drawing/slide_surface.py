"""Drawing on a picture of gigapixels: at its finest level, whatever the size of a stroke."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.level_pixels import LevelPixels
from annotator.analysis.sparse_array import sparse_zeros
from annotator.drawing.edit import (
    Edit,
    EditRecorder,
    box_slices,
    common_box,
    join_boxes,
    tile_box,
)
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.large_shapes import coarser_box, stamp_shape
from annotator.drawing.surface import Surface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.mask_levels import MaskLevels
    from annotator.analysis.slide_tiles import SlideTiles
    from annotator.domain.reading import Box
    from annotator.drawing.edit import Editable, Mask, Shape
    from annotator.drawing.large_shapes import LargeShape

AT_ONCE_PIXELS = 1 << 19
"""A larger shape is shown at the level seen while the mouse moves, and written afterwards."""
COPIED_PIXELS = 1 << 24
"""A box of a stroke up to this size is copied while the window waits."""
MAX_PIXELS = 1 << 30
"""What the box of one stroke may cover: two of 32 thousand pixels a side would not fit memory."""
_BLOCK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a view of the slide shows: ``factor`` finest pixels a pixel of the mask, and where.

    ``box`` is what is seen and as much around it, in finest pixels.
    """

    factor: int = 1
    box: Box = ((0, 0, 0), (1, 1, 1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlideSurface(Surface):
    """A live mask ``(1, y, x)`` that may be larger than memory as long as little is drawn on it.

    Attributes
    ----------
    levels : MaskLevels
        Of that mask.
    tiles : SlideTiles
        Of the image.
    sight : callable
        Returns what is seen now.
    """

    levels: MaskLevels
    tiles: SlideTiles
    sight: Callable[[], Sight] = Sight

    def seen_values(self, box: Box) -> NDArray[np.float32]:
        """Return the image over a box as it is seen now, modality units; luminance for colours."""
        factor = self.sight().factor
        (_, top, left), (_, bottom, right) = coarser_box(box, factor)
        seen = LevelPixels(self.tiles, factor, (top, bottom), (left, right))
        whole = slice(None)
        return replace(self, image=seen[whole, whole, whole]).values(
            ((0, 0, 0), (1, bottom - top, right - left))
        )

    def label_box(self, label: int) -> Box | None:
        """Return the box around a label, of whatever group; None where it is not drawn."""
        values = [label]
        if self.layers is not None:
            every = np.arange(np.iinfo(self.mask.dtype).max + 1, dtype=self.mask.dtype)
            values = np.flatnonzero(self.layers.holds(every, label)).tolist()
        found = self.levels.box(*values)
        return (
            None
            if found is None
            else ((0, found[0][0], found[1][0]), (1, found[0][1], found[1][1]))
        )

    def n_pixels(self, label: int, counts: NDArray[np.int64]) -> int:
        """Return how many pixels a label has, of those of each value of the mask."""
        values = np.arange(len(counts), dtype=self.mask.dtype)
        drawn = values == label if self.layers is None else self.layers.holds(values, label)
        return int(counts[drawn].sum())

    def recorder(self) -> SlideRecorder:
        """Return what writes an edit under the rules."""
        return SlideRecorder(self, self._allowed if self.rules.bind else None)


class SlideRecorder(EditRecorder):
    """Writes small shapes at once; from the first large one on, when `catch_up` is called.

    What waits is shown at the level that is seen. The pixels that are written do not depend on
    which way they took.
    """

    def __init__(self, surface: SlideSurface, editable: Editable | None) -> None:
        super().__init__(surface.mask, editable, surface.layer)
        self._levels = surface.levels
        self._factor = surface.sight().factor
        self._waiting: list[tuple[LargeShape, int]] = []
        self._waiting_box: Box | None = None
        self._sketched = surface.levels.n_levels
        self._is_settled = False
        self._edit: Edit | None = None

    @property
    def is_behind(self) -> bool:
        """Whether something waits to be written, or to be copied, beside the window."""
        if self._is_settled:
            return False
        return bool(self._waiting) or _n_pixels(self._whole_box()) > COPIED_PIXELS

    def paint(
        self, origin: tuple[int, int, int], stamp: NDArray[np.bool_], value: int
    ) -> Box | None:
        """Set the pixels of a stamp, whose first pixel lies at ``origin``, to ``value``."""
        if stamp.size <= AT_ONCE_PIXELS and not self._waiting:
            self._refuse_endless((origin, _end(origin, stamp.shape)))
            return self._follow(super().paint(origin, stamp, value))
        shape = stamp_shape((origin[1], origin[2]), stamp[0], 1, self._mask.shape)
        return None if shape is None else self.paint_large(shape, value)

    def paint_shape(self, shape: Shape, value: int) -> Box:
        """Set the pixels of a shape, which lies inside the mask, to ``value``; returns its box."""
        if _n_pixels(shape.box) <= AT_ONCE_PIXELS and not self._waiting:
            self._refuse_endless(shape.box)
            self._follow(super().paint_shape(shape, value))
            return shape.box
        return self.paint_large(shape, value)  # type: ignore[arg-type]

    def put(self, box: Box, labels: Mask) -> None:
        """Write one label a pixel, ``(1, y, x)`` over a box that lies inside the mask."""
        self._refuse_endless(box)
        super().put(box, labels)
        self._follow(box)

    def paint_large(self, shape: LargeShape, value: int) -> Box:
        """Show a shape as it looks at the level that is seen; it is written later."""
        self._refuse_endless(shape.box)
        self._waiting.append((shape, value))
        self._waiting_box = join_boxes(self._waiting_box, shape.box)
        factor = self._factor
        while _n_pixels(shape.box) > AT_ONCE_PIXELS * factor**2:
            factor *= 2
        # Never the finest: that is the mask, which is not written before.
        level = max(1, min(factor.bit_length() - 1, self._levels.n_levels - 1))
        (_, top, left), (_, bottom, right) = coarser_box(shape.box, 1 << level)
        seen = self._levels.area(level, (top, bottom), (left, right))[None]
        reached = np.zeros(seen.shape, np.bool_)
        shape.coarser(1 << level).fill(reached.view(np.uint8), 1)
        np.copyto(seen, self._drawn(seen, value), where=reached)
        self._levels.sketch(level, (top, bottom), (left, right), seen[0])
        self._sketched = min(self._sketched, level)
        return shape.box

    def catch_up(self) -> None:
        """Write what waits and find the edit; beside the window. Only this may write meanwhile.

        What it raises leaves the mask as it was before the edit.
        """
        box = self._whole_box()
        if box is None:
            return
        shape = tuple(b - a for a, b in zip(*box, strict=True))
        before, after = (sparse_zeros(shape, self._mask.dtype) for _ in range(2))
        self._copy(box, before)
        for key, tile in self._tiles.items():
            held = tile_box(key, tile.shape)
            common = common_box(held, box)
            before[_inside(common, box)] = tile[_inside(common, held)]
        try:
            for rows in self._write(box):
                self._levels.update(rows, _columns(box))
        except BaseException:
            self._put_back(box, before)
            raise
        self._waiting.clear()
        self._copy(box, after)
        self._is_settled = True
        self._edit = Edit(box=box, before=before, after=after)

    def finish(self) -> Edit | None:
        """Return what changed since the start, or None where no voxel is another one now."""
        return self._edit if self._is_settled else super().finish()

    def revert(self) -> Box | None:
        """Put everything back as it was; returns the box, or None where nothing was written."""
        box, waiting = self._whole_box(), self._waiting_box
        self._waiting_box = None
        self._waiting.clear()
        for key, tile in self._tiles.items():
            self._mask[box_slices(tile_box(key, tile.shape))] = tile
            self._follow(tile_box(key, tile.shape))
        if waiting is not None:
            (_, top, left), (_, bottom, right) = coarser_box(waiting, 1 << self._sketched)
            self._levels.wipe(self._sketched, (top, bottom), (left, right))
        self._tiles.clear()
        self._is_held[...] = False
        self._low = None
        return box

    def _copy(self, box: Box, out: Mask) -> None:
        """Copy what is drawn in a box to an array of zeros over it."""
        for top, left, bottom, right in self._levels.drawn((box[0][1], box[1][1]), _columns(box)):
            block: Box = ((0, top, left), (1, bottom, right))
            live = self._mask[box_slices(block)]
            if live.any():  # memory that nothing is written to costs nothing
                out[_inside(block, box)] = live

    def _put_back(self, box: Box, before: Mask) -> None:
        """Make a box of the mask what it was, wherever writing ended."""
        rows, columns = (box[0][1], box[1][1]), _columns(box)
        self._levels.expect(rows, columns)
        for top, left, bottom, right in self._levels.drawn(rows, columns):
            block: Box = ((0, top, left), (1, bottom, right))
            live, was = self._mask[box_slices(block)], before[_inside(block, box)]
            if not np.array_equal(live, was):
                live[...] = was
        self._levels.update(rows, columns)

    def _follow(self, box: Box | None) -> Box | None:
        """Let the levels follow what was written in a box."""
        if box is not None:
            (_, top, left), (_, bottom, right) = box
            self._levels.update((top, bottom), (left, right))
        return box

    def _write(self, box: Box) -> Iterator[tuple[int, int]]:
        """Write what waits, block by block; yields the rows that are done."""
        if not self._waiting:
            return
        (_, y0, x0), (_, y1, x1) = self._waiting_box or box
        boxes = np.array([(*shape.box[0][1:], *shape.box[1][1:]) for shape, _ in self._waiting])
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        for top in range(y0 // _BLOCK * _BLOCK, y1, _BLOCK):
            rows = (max(y0, top), min(y1, top + _BLOCK))
            for left in range(x0 // _BLOCK * _BLOCK, x1, _BLOCK):
                columns = (max(x0, left), min(x1, left + _BLOCK))
                meets = (boxes[:, 0] < rows[1]) & (boxes[:, 2] > rows[0])
                meets &= (boxes[:, 1] < columns[1]) & (boxes[:, 3] > columns[0])
                near = np.flatnonzero(meets)
                if not near.size:
                    continue
                block: Box = ((0, rows[0], columns[0]), (1, rows[1], columns[1]))
                away = np.abs(middles - (sum(rows) / 2, sum(columns) / 2)).max(axis=1)
                for value, alike in groupby(near.tolist(), lambda n: self._waiting[n][1]):
                    # Those around it cover it soonest.
                    nearest = sorted(alike, key=away.__getitem__)
                    self._write_block(block, [self._waiting[n][0] for n in nearest], value)
            yield rows

    def _write_block(self, block: Box, shapes: Sequence[LargeShape], value: int) -> None:
        reached = np.zeros([b - a for a, b in zip(*block, strict=True)], np.bool_)
        for shape in shapes:
            part = common_box(shape.box, block)
            shape.within(part).fill(reached[_inside(part, block)].view(np.uint8), 1)
            if reached.all():
                break
        if reached.any():
            live = self._mask[box_slices(block)]
            inside = self._allowed(block, live, reached, value)
            np.copyto(live, self._drawn(live, value), where=inside)

    def _whole_box(self) -> Box | None:
        written = None if self._low is None else (self._low, self._high)
        return join_boxes(written, self._waiting_box)

    def _refuse_endless(self, box: Box) -> None:
        whole = join_boxes(self._whole_box(), box)
        if _n_pixels(whole) > MAX_PIXELS:
            raise NothingToDoError(
                "One stroke may cover an area of at most "
                f"{math.isqrt(MAX_PIXELS):,} × {math.isqrt(MAX_PIXELS):,} pixels, and this one "
                "grew larger: nothing of it was kept. Draw it in several strokes."
            )


def _n_pixels(box: Box | None) -> int:
    return 0 if box is None else math.prod(b - a for a, b in zip(*box, strict=True))


def _columns(box: Box) -> tuple[int, int]:
    return box[0][2], box[1][2]


def _end(origin: tuple[int, int, int], shape: Sequence[int]) -> tuple[int, int, int]:
    z, y, x = (a + n for a, n in zip(origin, shape, strict=True))
    return z, y, x


def _inside(box: Box, outer: Box) -> tuple[slice, slice, slice]:
    z, y, x = (
        slice(first - start, last - start)
        for first, last, start in zip(*box, outer[0], strict=True)
    )
    return z, y, x

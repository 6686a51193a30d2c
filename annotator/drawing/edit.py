"""What an edit did to a mask, recorded while it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from annotator.domain.reading import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.drawing.label_layers import Layer

Mask = np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger]]
"""Label values ``(z, y, x)``, uint8 or uint16."""

Point = tuple[float, float, float]
"""Continuous array position ``(z, y, x)``; voxel centres lie at whole numbers."""

_TILE = (8, 64, 64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edit:
    """One finished edit: the mask inside ``box`` ``(z, y, x)``, before and after.

    Both arrays are copies; the box holds every changed voxel.
    """

    box: Box
    before: Mask
    after: Mask


Editable = Callable[[Box, Mask, "Mask | int"], "NDArray[np.bool_]"]
"""Says where in a box, with this mask now, a label (or one a voxel) may be written."""


class Shape(Protocol):
    """Voxels of a box that lies inside the mask."""

    @property
    def box(self) -> Box:
        """The box ``(z, y, x)``."""
        ...

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which voxels of the box, ``(z, y, x)``."""
        ...

    def fill(self, live: Mask, value: int) -> None:
        """Write a value into these voxels of an array ``(z, y, x)`` over the box."""
        ...


class EditRecorder:
    """Writes into a live mask ``(z, y, x)`` and remembers what was there.

    What a write is about to cover is copied in small tiles, once each, so that neither the whole
    mask nor the growing box of a long stroke is copied on every mouse event. Where ``editable``
    is given, it is asked before each write; ``was_refused`` says whether it forbade one
    that would have changed a voxel. Where ``layer`` is given, labels are those of its group, and
    what the mask holds of other groups stays.
    """

    def __init__(
        self, mask: Mask, editable: Editable | None = None, layer: Layer | None = None
    ) -> None:
        self._mask = mask
        self._editable = editable
        self._layer = layer
        self.was_refused = False
        self._tiles: dict[tuple[int, int, int], Mask] = {}
        self._is_held = np.zeros([-(-n // t) for n, t in zip(mask.shape, _TILE, strict=True)], bool)
        self._last_tiles: Box | None = None
        self._low: tuple[int, int, int] | None = None
        self._high: tuple[int, int, int] = (0, 0, 0)

    @property
    def is_behind(self) -> bool:
        """Whether something waits for `catch_up`."""
        return False

    def catch_up(self) -> None:
        """Write what waits, beside the window; nothing else may write meanwhile."""

    def paint(
        self, origin: tuple[int, int, int], stamp: NDArray[np.bool_], value: int
    ) -> Box | None:
        """Set the voxels of a stamp, whose first voxel lies at ``origin``, to ``value``.

        What reaches over the edge of the mask is cut off. Returns the box written to, or None
        where nothing of the stamp lies inside.
        """
        low = tuple(max(0, start) for start in origin)
        high = tuple(
            min(size, start + length)
            for size, start, length in zip(self._mask.shape, origin, stamp.shape, strict=True)
        )
        if any(a >= b for a, b in zip(low, high, strict=True)):
            return None
        box: Box = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        self._remember(box)
        inside = stamp[
            tuple(
                slice(a - start, b - start) for a, b, start in zip(low, high, origin, strict=True)
            )
        ]
        live = self._mask[box_slices(box)]
        if self._editable is not None:
            inside = self._allowed(box, live, inside, value)
        np.copyto(live, self._drawn(live, value), where=inside)
        return box

    def paint_shape(self, shape: Shape, value: int) -> Box:
        """Set the voxels of a shape, which lies inside the mask, to ``value``; returns its box."""
        self._remember(shape.box)
        live = self._mask[box_slices(shape.box)]
        if self._editable is None and self._layer is None:
            shape.fill(live, value)
        else:
            inside = self._allowed(shape.box, live, shape.inside, value)
            np.copyto(live, self._drawn(live, value), where=inside)
        return shape.box

    def put(self, box: Box, labels: Mask) -> None:
        """Write one label a voxel, ``(z, y, x)`` over a box that lies inside the mask."""
        self._remember(box)
        live = self._mask[box_slices(box)]
        wanted = labels if self._layer is None else self._layer.written(live, labels)
        if self._editable is None:
            live[...] = wanted
        else:
            allowed = self._editable(box, live, labels)
            if not self.was_refused:
                self.was_refused = bool((~allowed & (live != wanted)).any())
            np.copyto(live, wanted, where=allowed, casting="same_kind")

    def _drawn(self, live: Mask, value: int) -> Mask | np.unsignedinteger:
        """Return what voxels hold once a label is drawn there."""
        if self._layer is None:
            return self._mask.dtype.type(value)
        return self._layer.drawn(live, value)

    def _allowed(
        self, box: Box, live: Mask, inside: NDArray[np.bool_], value: int
    ) -> NDArray[np.bool_]:
        """Return where a stamp may be written, and remember whether it may not somewhere."""
        if self._editable is None:
            return inside
        allowed = inside & self._editable(box, live, value)
        if not self.was_refused:
            wanted = self._drawn(live, value)
            self.was_refused = bool((inside & ~allowed & (live != wanted)).any())
        return allowed

    def finish(self) -> Edit | None:
        """Return what changed since the start, or None where no voxel is another one now."""
        changed: Box | None = None
        for key, tile in self._tiles.items():
            held = tile_box(key, tile.shape)
            joined = join_boxes(changed, held)
            if joined != changed and (tile != self._mask[_tile_slices(key)]).any():
                changed = joined
        if changed is None or self._low is None:
            return None
        box = common_box(changed, (self._low, self._high))
        return Edit(box=box, before=self._before(box), after=self._mask[box_slices(box)].copy())

    def revert(self) -> Box | None:
        """Put everything back as it was; returns the box, or None where nothing was written."""
        if self._low is None:
            return None
        box = (self._low, self._high)
        self._mask[box_slices(box)] = self._before(box)
        self._tiles.clear()
        self._is_held[...] = False
        self._last_tiles = None
        self._low = None
        return box

    def _remember(self, box: Box) -> None:
        (z0, y0, x0), (z1, y1, x1) = box
        (deep, tall, wide) = _TILE
        tiles = (
            (z0 // deep, y0 // tall, x0 // wide),
            (-(-z1 // deep), -(-y1 // tall), -(-x1 // wide)),
        )
        if tiles != self._last_tiles:  # most movements of the mouse stay on the same ones
            self._hold(tiles)
            self._last_tiles = tiles
        if self._low is None:
            self._low, self._high = box
        else:
            (a0, b0, c0), (a1, b1, c1) = self._low, self._high
            self._low = (min(z0, a0), min(y0, b0), min(x0, c0))
            self._high = (max(z1, a1), max(y1, b1), max(x1, c1))

    def _hold(self, tiles: Box) -> None:
        """Copy those of some tiles that are not held yet."""
        reached = self._is_held[box_slices(tiles)]
        if reached.all():
            return
        for place in np.argwhere(~reached).tolist():
            z, y, x = (a + number for a, number in zip(tiles[0], place, strict=True))
            self._tiles[z, y, x] = self._mask[_tile_slices((z, y, x))].copy()
        reached[...] = True

    def _before(self, box: Box) -> Mask:
        before = self._mask[box_slices(box)].copy()
        for key, tile in self._tiles.items():
            held = tile_box(key, tile.shape)
            common = common_box(held, box)
            if all(a < b for a, b in zip(*common, strict=True)):
                before[_inside(common, box)] = tile[_inside(common, held)]
        return before


def box_slices(box: Box) -> tuple[slice, slice, slice]:
    """Return the slices that cut a half-open voxel box out of a ``(z, y, x)`` array."""
    (z0, y0, x0), (z1, y1, x1) = box
    return slice(z0, z1), slice(y0, y1), slice(x0, x1)


def join_boxes(left: Box | None, right: Box | None) -> Box | None:
    """Return the smallest box around both; None stands for no box."""
    if left is None or right is None:
        return left or right
    (low_a, high_a), (low_b, high_b) = left, right
    return (
        (min(low_a[0], low_b[0]), min(low_a[1], low_b[1]), min(low_a[2], low_b[2])),
        (max(high_a[0], high_b[0]), max(high_a[1], high_b[1]), max(high_a[2], high_b[2])),
    )


def _tile_slices(key: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    starts = [number * size for number, size in zip(key, _TILE, strict=True)]
    z, y, x = (slice(start, start + size) for start, size in zip(starts, _TILE, strict=True))
    return z, y, x


def tile_box(key: tuple[int, int, int], shape: tuple[int, ...]) -> Box:
    """Return the box of a tile that a recorder holds, of its number and shape."""
    z, y, x = (number * size for number, size in zip(key, _TILE, strict=True))
    return (z, y, x), (z + shape[0], y + shape[1], x + shape[2])


def common_box(left: Box, right: Box) -> Box:
    """Return the part of both; no side of it is longer than 0 where they do not meet."""
    (low_a, high_a), (low_b, high_b) = left, right
    return (
        (max(low_a[0], low_b[0]), max(low_a[1], low_b[1]), max(low_a[2], low_b[2])),
        (min(high_a[0], high_b[0]), min(high_a[1], high_b[1]), min(high_a[2], high_b[2])),
    )


def _inside(box: Box, outer: Box) -> tuple[slice, slice, slice]:
    """Return the slices of ``box`` within an array that begins where ``outer`` does."""
    z, y, x = (
        slice(first - start, last - start)
        for first, last, start in zip(*box, outer[0], strict=True)
    )
    return z, y, x

"""Fill: gives a connected region of one label another label, in a slice or locally in 3D."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.drawing.edit import box_slices
from annotator.drawing.gesture import Gesture, NothingToDoError
from annotator.drawing.scope import box_of, moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.label_layers import Sections

Block = tuple[int, int, int]

BLOCK = 32
"""Edge of the blocks that a 3D fill works through, voxels."""
_NEAR = 24
"""Reach of the box around the seed that is looked at first, voxels."""
AT_ONCE_VOXELS = 1 << 20
"""Slices up to this size are filled while the mouse waits; larger ones beside it."""
LARGEST_SLICE = 1 << 28
"""Slices up to this size are looked at as a whole."""
_FIRST_REACH, _LAST_REACH = 256, 4096
"""How far from the seed a larger slice is looked at, pixels."""
MAX_VOXELS = 16_000_000
"""What one 3D fill may cover: more than a liver at half a millimetre, less than an open leak."""


class LeakError(AnnotatorError):
    """A fill ran out of the region that was meant."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """Connected voxels ``(z, y, x)``: ``inside``, its first voxel at ``origin`` of the mask."""

    origin: tuple[int, int, int]
    inside: NDArray[np.bool_]
    n_voxels: int


class Fill(Gesture):
    """Gives the region around a voxel a label; voxels that share a face are connected.

    A slice of ordinary size is filled at once; larger ones and volumes are worked out beside.
    """

    name: ClassVar[str] = "fill"
    title: ClassVar[str] = "Fill"
    advice: ClassVar[str] = "Click into a region: all of it that hangs together gets the label."

    @property
    def has_begun(self) -> bool:
        """Whether a region is being worked out."""
        return self.work is not None

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Fill from the voxel at the position."""
        seed = self.surface.voxel_at(at)
        if seed is None:
            self.is_done = True
            return None
        n_voxels = self.surface.mask.size // self.surface.shape[self.plane]
        if not self.held.is_3d and n_voxels <= AT_ONCE_VOXELS:
            return self.take(self.find(seed))
        self.work = lambda is_cancelled: self.find(seed, is_cancelled=is_cancelled)
        return None

    def take(self, result: Any) -> Box | None:  # noqa: ANN401 - a region, or None
        """Write the label into the region."""
        self.is_done = True
        region: Region | None = result
        if region is None:
            raise NothingToDoError("This region already has the chosen label.")
        return self._recorder.paint(region.origin, region.inside, self.held.label)

    def find(
        self, seed: tuple[int, int, int], *, is_cancelled: Callable[[], bool] = lambda: False
    ) -> Region | None:
        """Return the region of the seed's own label around it; None where it is the held one.

        Only reads. Raises LeakError where a 3D region grows beyond ``MAX_VOXELS``, and
        CancelledError as soon as ``is_cancelled`` says so (it is asked once a block, which takes
        about a millisecond).
        """
        labels = self.surface.sections
        if int(labels[seed]) == self.held.label:
            return None
        if self.held.is_3d:
            return find_region(labels, seed, is_cancelled=is_cancelled)
        section = tuple(
            slice(at, at + 1) if axis == self.plane else slice(None) for axis, at in enumerate(seed)
        )
        origin = [at if axis == self.plane else 0 for axis, at in enumerate(seed)]
        if n_pixels(self.surface.shape, self.plane) > LARGEST_SLICE:
            return _near_on_slide(labels, seed, is_cancelled)
        parts = _parts(labels[section] == labels[seed])
        place = tuple(0 if axis == self.plane else at for axis, at in enumerate(seed))
        inside: NDArray[np.bool_] = parts == parts[place]
        return _trimmed((origin[0], origin[1], origin[2]), inside)


def find_region(
    mask: Sections,
    seed: tuple[int, int, int],
    *,
    is_cancelled: Callable[[], bool] = lambda: False,
    max_voxels: int = MAX_VOXELS,
) -> Region:
    """Return the 3D region of the seed's label that the seed lies in; must not write to the mask.

    Most are small and found in one box around the seed. Larger ones are followed from block to
    block, each labelled once, so that the cost depends on the region and not on the volume.
    """
    near = _near_region(mask, seed)
    if near is not None and near.n_voxels <= max_voxels:
        return near
    flood = _Flood(mask, int(mask[seed]))
    flood.enter(seed)
    while flood.step():
        if is_cancelled():
            raise CancelledError("The fill was cancelled; nothing was changed.")
        if flood.n_voxels > max_voxels:
            raise LeakError(
                f"The fill was stopped at {max_voxels / 1e6:.3g} million voxels: the region is not "
                "closed. Close the outline in every slice, or fill slice by slice (2D)."
            )
    return flood.region()


def n_pixels(shape: tuple[int, int, int], plane: int) -> int:
    """Return how many pixels a slice across an axis has."""
    return math.prod(shape) // shape[plane]


def _near_on_slide(
    labels: Sections, seed: tuple[int, int, int], is_cancelled: Callable[[], bool]
) -> Region:
    """Return the region of the seed on a slice too large to be looked at whole, across axis 0.

    In a box that grows; raises LeakError where the region goes on beyond the largest, and
    CancelledError soon after ``is_cancelled`` says so.
    """
    z, y, x = seed
    reach, (_, tall, wide) = _FIRST_REACH, labels.shape
    while True:
        if is_cancelled():
            raise CancelledError("The fill was cancelled; nothing was changed.")
        top, left = max(0, y - reach), max(0, x - reach)
        bottom, right = min(tall, y + reach + 1), min(wide, x + reach + 1)
        near = labels[slice(z, z + 1), slice(top, bottom), slice(left, right)]
        parts = _parts(near == near[0, y - top, x - left])
        inside: NDArray[np.bool_] = parts == parts[0, y - top, x - left]
        goes_on = (top > 0 and inside[0, 0].any()) or (left > 0 and inside[0, :, 0].any())
        goes_on |= bottom < tall and bool(inside[0, -1].any())
        goes_on |= right < wide and bool(inside[0, :, -1].any())
        if not goes_on:
            return _trimmed((z, top, left), inside)
        if reach >= _LAST_REACH:
            raise LeakError(
                f"The region goes on more than {_LAST_REACH:,} pixels from where you clicked, so "
                "nothing was filled. Close the outline, or draw the region with the polygon."
            )
        reach *= 4


def _near_region(mask: Sections, seed: tuple[int, int, int]) -> Region | None:
    """Return the region of the seed where it does not leave the box around it, else None."""
    low = [max(0, at - _NEAR) for at in seed]
    box = tuple(slice(first, at + _NEAR + 1) for first, at in zip(low, seed, strict=True))
    place = tuple(at - first for at, first in zip(seed, low, strict=True))
    parts = _parts(mask[box] == mask[seed])
    inside: NDArray[np.bool_] = parts == parts[place]
    for axis in range(3):
        last = inside.shape[axis] - 1
        if low[axis] > 0 and inside[_face(axis, 0)].any():
            return None
        if low[axis] + last < mask.shape[axis] - 1 and inside[_face(axis, last)].any():
            return None
    return _trimmed((low[0], low[1], low[2]), inside)


class _Flood:
    """The state of a 3D fill: labelled blocks, chosen parts of them, and where to go on."""

    def __init__(self, mask: Sections, label: int) -> None:
        self._mask = mask
        self._label = label
        self._parts: dict[Block, NDArray[np.int32]] = {}
        self._chosen: dict[Block, NDArray[np.bool_]] = {}
        self._whole: set[Block] = set()
        self._entries: dict[Block, list[tuple[tuple[slice, ...], NDArray[np.bool_]]]] = {}
        self._queue: deque[Block] = deque()
        self.n_voxels = 0

    def enter(self, seed: tuple[int, int, int]) -> None:
        """Start at a voxel."""
        block = (seed[0] // BLOCK, seed[1] // BLOCK, seed[2] // BLOCK)
        place = tuple(slice(at % BLOCK, at % BLOCK + 1) for at in seed)
        self._push(block, place, np.ones((1, 1, 1), bool))

    def step(self) -> bool:
        """Work through one block; False when nothing is left to do."""
        if not self._queue:
            return False
        block = self._queue.popleft()
        entries = self._entries.pop(block)
        if block not in self._parts:
            same = self._mask[self._slices(block)] == self._label
            if same.all():
                self._take_whole(block)
                return bool(self._queue)
            self._parts[block] = _parts(same)
            self._chosen[block] = np.zeros(same.shape, bool)
        parts, chosen = self._parts[block], self._chosen[block]
        numbers = np.unique(np.concatenate([parts[place][came] for place, came in entries]))
        wanted = np.zeros(int(parts.max()) + 1, bool)
        wanted[numbers[numbers > 0]] = True
        fresh = wanted[parts] & ~chosen
        gained = int(np.count_nonzero(fresh))
        if gained:
            self.n_voxels += gained
            chosen |= fresh
            self._spread(block, fresh)
        return bool(self._queue)

    def region(self) -> Region:
        """Return what was found, in its smallest box."""
        parts = {block: chosen for block, chosen in self._chosen.items() if chosen.any()}
        blocks = [*parts, *self._whole]
        z, y, x = (int(number) * BLOCK for number in np.min(blocks, axis=0))
        high = np.minimum((np.max(blocks, axis=0) + 1) * BLOCK, self._mask.shape)
        inside = np.zeros(high - (z, y, x), bool)
        for block in blocks:
            inside[self._slices(block, (z, y, x))] = parts.get(block, True)
        return _trimmed((z, y, x), inside)

    def _take_whole(self, block: Block) -> None:
        """Take a block that is of the label altogether: it is never looked at again."""
        shape = self._shape(block)
        self._whole.add(block)
        self.n_voxels += math.prod(shape)
        for axis, neighbour, _, arriving in self._neighbours(block, shape):
            face = tuple(1 if other == axis else size for other, size in enumerate(shape))
            self._push(neighbour, arriving, np.broadcast_to(np.True_, face))

    def _spread(self, block: Block, fresh: NDArray[np.bool_]) -> None:
        for _, neighbour, leaving, arriving in self._neighbours(block, fresh.shape):
            if fresh[leaving].any():
                self._push(neighbour, arriving, fresh[leaving])

    def _neighbours(
        self, block: Block, shape: tuple[int, ...]
    ) -> Iterator[tuple[int, Block, tuple[slice, ...], tuple[slice, ...]]]:
        """Yield what may be entered next: axis, block, the face that is left and the one entered.

        Blocks that were taken whole are no more.
        """
        for axis in range(3):
            for side in (-1, 1):
                other = list(block)
                other[axis] += side
                neighbour = (other[0], other[1], other[2])
                is_inside = 0 <= other[axis] * BLOCK < self._mask.shape[axis]
                if is_inside and neighbour not in self._whole:
                    leaving = _face(axis, 0 if side < 0 else shape[axis] - 1)
                    arriving = _face(axis, 0 if side > 0 else self._shape(neighbour)[axis] - 1)
                    yield axis, neighbour, leaving, arriving

    def _push(self, block: Block, place: tuple[slice, ...], came: NDArray[np.bool_]) -> None:
        if block not in self._entries:
            self._entries[block] = []
            self._queue.append(block)
        self._entries[block].append((place, came))

    def _shape(self, block: Block) -> tuple[int, ...]:
        return tuple(
            min(BLOCK, size - number * BLOCK)
            for size, number in zip(self._mask.shape, block, strict=True)
        )

    def _slices(self, block: Block, low: tuple[int, ...] = (0, 0, 0)) -> tuple[slice, ...]:
        """Return where a block lies in an array that begins at ``low`` of the mask."""
        starts = [number * BLOCK - first for number, first in zip(block, low, strict=True)]
        return tuple(
            slice(start, start + length)
            for start, length in zip(starts, self._shape(block), strict=True)
        )


def _face(axis: int, at: int) -> tuple[slice, ...]:
    return tuple(slice(at, at + 1) if other == axis else slice(None) for other in range(3))


def _trimmed(origin: tuple[int, int, int], inside: NDArray[np.bool_]) -> Region:
    box = box_of(inside)
    if box is None:
        raise RuntimeError("a region without voxels")
    kept = inside[box_slices(box)]
    if kept.size < inside.size:
        kept = kept.copy()  # what lies around it is let go
    return Region(origin=moved(box, origin)[0], inside=kept, n_voxels=int(np.count_nonzero(kept)))


def _parts(same: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the number of the part that each voxel belongs to, from 1; 0 where it is False."""
    from scipy import ndimage  # scipy takes a while to import

    parts = np.empty(same.shape, np.int32)
    ndimage.label(same, output=parts)
    return parts

"""Labels that grow from seeds until they meet, each voxel to the seed that is least far from it.

How far a step leads is the difference of both levels plus its length; a voxel has the label of the
seed with the shortest way to it, and of ways as long as each other that of the lower label. This is
what GrowCut comes to rest at [1]_, found by Dijkstra's search [2]_; after seeds came or went, only
voxels whose way they change are looked at again.

References
----------
.. [1] Vezhnevets V, Konouchine V. GrowCut: interactive multi-label N-D image segmentation by
   cellular automata. Graphicon 2005.
.. [2] Zhu L, Kolesov I, Gao Y, Kikinis R, Tannenbaum A. An effective interactive medical image
   segmentation method using fast GrowCut. MICCAI workshop on interactive methods, 2014.
"""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels
from annotator.drawing.operation import unwatched

if TYPE_CHECKING:
    import ctypes

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Mask
    from annotator.drawing.operation import Progress

HIGHEST_LEVEL = 65535
_AT_ONCE = 1 << 18
"""Voxels between two looks at whether it is still wanted: some 30 ms."""
_LABEL_BITS = 16
_IMPOSSIBLE = -1
_UNREACHED = np.iinfo(np.int64).max


class Grown:
    """A box of voxels and how far each is from the seeds, which may change.

    Parameters
    ----------
    levels : ndarray
        The image ``(z, y, x)``, uint16.
    lengths : ndarray
        Lengths of steps to the neighbours, ``(3, 3, 3)`` int32, above 0 but in the middle; in the
        unit of the levels.
    """

    def __init__(self, levels: NDArray[np.uint16], lengths: NDArray[np.int32]) -> None:
        self._levels = np.ascontiguousarray(levels)
        self._lengths = np.ascontiguousarray(lengths)
        self._search: _Search | None = None
        self._keys: NDArray[np.int64] | None = None

    def take_over(self, inner: Grown, box: Box, progress: Progress = unwatched) -> None:
        """Begin with what is known of a box inside; ``inner`` can be used further on."""
        library = kernels.library()
        if library is None or inner._search is None:
            return
        inner._search.go_on(progress)
        self._search = _Search(library, self._levels, self._lengths)
        self._search.begin_with(inner._search, box)

    def update(self, seeds: Mask, progress: Progress = unwatched) -> None:
        """Make the seeds ``(z, y, x)``, 0 where none, what it grows from.

        Where ``progress`` raises, the work that was done counts for the next update.
        """
        library = kernels.library()
        if library is None:
            self._search = None
            self._keys = _sweep(self._levels, seeds, self._lengths, progress)
            return
        if self._search is None:
            self._search = _Search(library, self._levels, self._lengths)
        self._search.update(np.ascontiguousarray(seeds), progress)

    def labels(self, kind: np.dtype[np.unsignedinteger]) -> Mask:
        """Return the label of each voxel, uint8 or uint16."""
        if self._search is not None:
            return self._search.labels(kind)
        if self._keys is None:
            raise RuntimeError("nothing has grown yet")
        swept: Mask = (self._keys & ((1 << _LABEL_BITS) - 1)).astype(kind)
        return swept


class _Search:
    """A compiled search over a box, and what is still to do of it."""

    def __init__(
        self, library: ctypes.CDLL, levels: NDArray[np.uint16], lengths: NDArray[np.int32]
    ) -> None:
        self._library = library
        self._shape = np.array(levels.shape, np.int64)
        self._state = np.empty([size + 2 for size in levels.shape], np.uint64)
        shape, state = kernels.address(self._shape), kernels.address(self._state)
        library.grow_fill(kernels.address(levels), shape, state)
        self._search = library.grow_open(state, shape, kernels.address(lengths))
        if not self._search:
            raise MemoryError
        weakref.finalize(self, library.grow_close, self._search)

    def begin_with(self, inner: _Search, box: Box) -> None:
        """Take what was found in a box inside, at its end, and go on around it."""
        z, y, x = (slice(a + 1, b + 1) for a, b in zip(*box, strict=True))
        self._state[z, y, x] = inner._state[1:-1, 1:-1, 1:-1]
        first, last = (np.array(corner, np.int64) for corner in box)
        self._library.grow_around(self._search, kernels.address(first), kernels.address(last))

    def update(self, seeds: Mask, progress: Progress) -> None:
        """Grow from these seeds, by what changed since."""
        asked = (self._search, kernels.address(seeds), seeds.itemsize)
        n_changed = self._library.grow_seeds(*asked)
        if n_changed == _IMPOSSIBLE:
            self.go_on(progress)
            n_changed = self._library.grow_seeds(*asked)
        if n_changed < 0:
            raise MemoryError
        self.go_on(progress)

    def go_on(self, progress: Progress) -> None:
        """Search to the end."""
        share, left = 0.0, 1
        while left > 0:
            left = self._library.grow_on(self._search, _AT_ONCE)
            share += 0.9 * (1 - share) * min(1.0, _AT_ONCE / self._state.size)
            progress(share)
        if left < 0:
            raise MemoryError

    def labels(self, kind: np.dtype[np.unsignedinteger]) -> Mask:
        labels: Mask = np.empty([int(size) for size in self._shape], kind)
        self._library.grow_labels(
            kernels.address(self._state),
            kernels.address(self._shape),
            labels.itemsize,
            kernels.address(labels),
        )
        return labels


def _sweep(
    levels: NDArray[np.uint16], seeds: Mask, lengths: NDArray[np.int32], progress: Progress
) -> NDArray[np.int64]:
    """Return distance and label of each voxel in one number, distance first.

    Sweeps to and fro along each axis, a plane at a time, until no way gets shorter.
    """
    level = np.pad(levels.astype(np.int64), 1)
    seeds = np.pad(seeds.astype(np.int64), 1)
    keys = np.where(seeds > 0, seeds, _UNREACHED)
    steps = lengths.astype(np.int64)
    share, is_better = 0.0, True
    while is_better:
        is_better = False
        for axis, is_back in itertools.product(range(3), (False, True)):
            flip = (slice(None, None, -1 if is_back else 1), slice(None), slice(None))
            turned = (np.moveaxis(array, axis, 0)[flip] for array in (keys, level, steps))
            is_better |= _sweep_once(*turned)
            share += 0.02 * (1 - share)
            progress(share)
    return keys[1:-1, 1:-1, 1:-1]


def _sweep_once(
    keys: NDArray[np.int64], level: NDArray[np.int64], steps: NDArray[np.int64]
) -> bool:
    """Improve each plane from the one before it, in place; tell whether anything was."""
    is_better = False
    rows, columns = (size - 2 for size in keys.shape[1:])
    for at in range(2, len(keys) - 1):
        here, own = keys[at, 1:-1, 1:-1], level[at, 1:-1, 1:-1]
        best = here.copy()
        for y, x in itertools.product(range(3), range(3)):
            place = (at - 1, slice(y, y + rows), slice(x, x + columns))
            before = keys[place]
            step = np.abs(level[place] - own) + steps[0, y, x]
            way = np.where(before == _UNREACHED, _UNREACHED, before + (step << _LABEL_BITS))
            np.minimum(best, way, out=best)
        if not np.array_equal(best, here):
            here[...] = best
            is_better = True
    return is_better

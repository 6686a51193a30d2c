"""Surfaces of up to 64 raters at once: a bit each, and one search for the nearest of all others.

Around each surface element the voxels are looked at in the order of their distance until every
rater's surface was met, so that the work follows how far raters differ, not the volume. What lies
beyond the ball that is looked at is left to a k-d tree.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels
from annotator.analysis.votes import bounding_box, paint

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.analysis.surface_elements import Spacing, Spectra
    from annotator.analysis.votes import VoteRuns

MAX_BITS = 64
_BALL = 4096
"""Voxels that are looked at around an element; a k-d tree finds what is farther in less time."""
_UNMET = np.iinfo(np.uint16).max
_MANY = 1 << 13
"""Elements from which on two threads search faster than one."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A bit a rater in every voxel of a padded box, ``(z, y, x)``, and which bits are a surface.

    ``position`` are the flat places of surface elements, ascending, and ``origin`` is the voxel of
    the grid that the field begins with. ``step`` leads to the neighbour along each axis, 0 along
    one that does not count.
    """

    bits: NDArray[np.unsignedinteger]
    surface: NDArray[np.unsignedinteger]
    position: NDArray[np.int64]
    origin: tuple[int, int, int]
    step: tuple[int, int, int]

    @property
    def strides(self) -> tuple[int, int, int]:
        """Voxels from one to the next along each axis."""
        _, rows, columns = self.bits.shape
        return rows * columns, columns, 1

    def index(self, position: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return voxels of the grid ``(n, 3)``."""
        found = np.stack(np.unravel_index(position, self.bits.shape), axis=1)
        return np.asarray(found + np.array(self.origin))

    def owned(self, bit: int) -> NDArray[np.int64]:
        """Return the positions of one bit's surface."""
        return self.position[self.has(bit)]

    def has(self, bit: int) -> NDArray[np.bool_]:
        """Tell of each surface element whether it is one of this bit."""
        here = self.surface.reshape(-1)[self.position]
        return np.asarray((here >> here.dtype.type(bit)) & here.dtype.type(1) != 0)


def mark(
    votes: VoteRuns, says: NDArray[np.bool_], rim: tuple[int, int, int], *, at_corners: bool
) -> Field | None:
    """Return the surfaces of what each column of ``says``, ``(pattern, bit)``, tells of.

    They lie at edge voxels, or at the corner before a voxel. The box is padded by ``rim``, at least
    1 along axes longer than 1. None where there is no kernel for it or nothing drawn.
    """
    library = kernels.library()
    n_bits = says.shape[1]
    box = bounding_box(votes, np.asarray(says.any(axis=1)))
    if library is None or n_bits > MAX_BITS or box is None:
        return None
    kind = next(
        kind for kind in (np.uint8, np.uint16, np.uint32, np.uint64) if 8 * kind().nbytes >= n_bits
    )
    size = [high - low for low, high in zip(*box, strict=True)]
    bits: NDArray[np.unsignedinteger] = np.zeros(
        [length + 2 * pad for length, pad in zip(size, rim, strict=True)], kind
    )
    inner = tuple(slice(pad, pad + length) for pad, length in zip(rim, size, strict=True))
    powers = np.array([1 << place for place in range(n_bits)], kind)
    paint(votes, (says * powers).sum(axis=1, dtype=kind), bits[inner], box)
    rows, columns = bits.shape[1:]
    counts = [length > 1 for length in votes.grid.shape]
    if at_corners:
        counts[1:] = [True, True]
    step = np.where(counts, [rows * columns, columns, 1], 0)
    surface = np.zeros_like(bits)
    first = (rim[0] * rows + rim[1]) * columns + rim[2]
    last = ((rim[0] + size[0]) * rows - rows + rim[1] + size[1] - 1) * columns + rim[2] + size[2]
    # A corner may lie behind the last voxel, so one more along every axis that counts. Edge voxels
    # are drawn ones: looking farther would look for neighbours beyond a rim of one voxel.
    stop = last + (int(step.sum()) if at_corners else 0)

    def mark_part(low: int, high: int) -> None:
        library.mark_surfaces(
            kernels.address(bits),
            kernels.address(surface),
            bits.itemsize,
            first + low,
            first + high,
            kernels.address(step),
            int(at_corners),
        )

    kernels.in_parts(mark_part, stop - first, 1 << 20)
    return Field(
        bits,
        surface,
        np.flatnonzero(surface.reshape(-1) != 0),
        (box[0][0] - rim[0], box[0][1] - rim[1], box[0][2] - rim[2]),
        (int(step[0]), int(step[1]), int(step[2])),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Ball:
    """Offsets ``(n, 3)`` in voxels, nearest first, and their lengths, mm."""

    offset: NDArray[np.int64]
    length_mm: NDArray[np.float64]

    @property
    def rim(self) -> tuple[int, int, int]:
        """What must lie around a box so that no offset leads out of it."""
        z, y, x = (np.abs(self.offset).max(axis=0) + 1).tolist()
        return (z, y, x)


@cache
def _ball(spacing_mm: Spacing, is_flat: bool) -> _Ball:
    axes = spacing_mm[1:] if is_flat else spacing_mm
    n_axes = len(axes)
    unit = math.pi if n_axes == 2 else 4.0 / 3.0 * math.pi
    radius = (_BALL * math.prod(axes) / unit) ** (1.0 / n_axes)

    def reach() -> list[int]:
        return [int(radius / spacing) for spacing in axes]

    # Where slices lie far apart, the ball is a disc, and smaller.
    while math.prod(2 * size + 1 for size in reach()) > 4 * _BALL:
        radius *= 0.9
    found = np.array(
        list(itertools.product(*[range(-max(1, size), max(1, size) + 1) for size in reach()])),
        np.int64,
    )
    if is_flat:
        found = np.insert(found, 0, 0, axis=1)
    length = np.sqrt(((found * np.array(spacing_mm)) ** 2).sum(axis=1))
    # Beyond the least way out of this box not every voxel is in it.
    out = min((max(1, size) + 1) * spacing for size, spacing in zip(reach(), axes, strict=True))
    order = np.argsort(length, kind="stable")
    order = order[length[order] < out]
    return _Ball(found[order], length[order])


def spectra_by_kernel(
    votes: VoteRuns, says: NDArray[np.bool_], spacing_mm: Spacing, *, has_areas: bool
) -> Spectra | None:
    """Return the same as `spectra_in_numpy`; None where there is no kernel for it."""
    library = kernels.library()
    n_raters = says.shape[1]
    is_flat = votes.grid.shape[0] == 1
    ball = _ball(spacing_mm, is_flat)
    rim = ball.rim if not is_flat else (0, *ball.rim[1:])
    field = mark(votes, says, rim, at_corners=has_areas)
    if library is None or field is None:
        return None
    rank = _find_nearest(library, field, ball, n_raters)
    return _Tally(library, field, ball, rank, spacing_mm, has_areas=has_areas).spectra()


def _find_nearest(
    library: ctypes.CDLL, field: Field, ball: _Ball, n_raters: int
) -> NDArray[np.uint16]:
    """Return which offset of the ball meets each rater from each element, ``(element, rater)``."""
    rank = np.full((len(field.position), n_raters), _UNMET, np.uint16)
    offset = ball.offset @ np.array(field.strides)
    wanted = int(np.bitwise_or.reduce(field.surface.reshape(-1)[field.position]))

    def search(low: int, high: int) -> None:
        library.find_nearest(
            kernels.address(field.surface),
            field.surface.itemsize,
            kernels.address(field.position[low:]),
            high - low,
            kernels.address(offset),
            len(offset),
            wanted,
            n_raters,
            kernels.address(rank[low:]),
        )

    kernels.in_parts(search, len(rank), _MANY)
    return rank


class _Tally:
    """Sums surfaces by distance."""

    def __init__(
        self,
        library: ctypes.CDLL,
        field: Field,
        ball: _Ball,
        rank: NDArray[np.uint16],
        spacing_mm: Spacing,
        *,
        has_areas: bool,
    ) -> None:
        from annotator.analysis.surface_elements import areas, lengths

        self._library, self._field, self._ball, self._rank = library, field, ball, rank
        self._spacing_mm = spacing_mm
        z, y, x = field.step
        self._corner = np.array(
            [
                -(z if before_z else 0) - (y if before_y else 0) - (x if before_x else 0)
                for before_z, before_y, before_x in itertools.product((1, 0), repeat=3)
            ],
            np.int64,
        )
        self._table: NDArray[np.float64] | None = None
        if has_areas and z:
            self._table = areas(spacing_mm)
        elif has_areas:  # both slices of the code are the same one
            self._table = np.zeros(256)
            self._table[17 * np.arange(16)] = lengths(spacing_mm[1:])

    def spectra(self) -> Spectra:
        from annotator.analysis.surface_elements import Spectrum

        n_raters = self._rank.shape[1]
        owned = [self._field.has(rater) for rater in range(n_raters)]
        beyond = [self._beyond(rater, owned[rater]) for rater in range(n_raters)]
        found: Spectra = [[None] * n_raters for _ in range(n_raters)]
        sums = [np.zeros((n_raters, len(self._ball.length_mm))) for _ in range(n_raters)]

        def sum_part(low: int, high: int) -> None:
            for rater in range(low, high):
                self._sum(rater, sums[rater])

        kernels.in_parts(sum_part, n_raters, 1)
        for first, second in itertools.permutations(range(n_raters), 2):
            if not owned[first].any() or not owned[second].any():
                continue
            met = np.flatnonzero(sums[first][second])
            distance, weight = self._ball.length_mm[met], sums[first][second][met]
            element, far = beyond[second]
            is_own = owned[first][element]
            if is_own.any():
                weight = np.append(weight, self._weight(first, element[is_own]))
                distance = np.append(distance, far[is_own])
            found[first][second] = Spectrum(distance, weight)
        return found

    def _sum(self, rater: int, sums: NDArray[np.float64]) -> None:
        field = self._field
        self._library.sum_by_rank(
            kernels.address(field.surface),
            kernels.address(field.bits),
            field.bits.itemsize,
            kernels.address(field.position),
            len(field.position),
            kernels.address(self._rank),
            self._rank.shape[1],
            rater,
            kernels.address(self._corner),
            None if self._table is None else kernels.address(self._table),
            sums.shape[1],
            kernels.address(sums),
        )

    def _beyond(
        self, rater: int, is_own: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the elements farther from a rater's surface than the ball reaches, nearest first.

        Their distances, mm, come along.
        """
        from annotator.analysis.surface_elements import nearest

        element = np.flatnonzero(self._rank[:, rater] == _UNMET)
        if not len(element) or not is_own.any():
            return np.zeros(0, np.int64), np.zeros(0)
        index: Callable[[NDArray[np.int64]], NDArray[np.int64]] = self._field.index
        position = self._field.position
        distance = nearest(index(position[is_own]), index(position[element]), self._spacing_mm)
        order = np.argsort(distance)
        return element[order], distance[order]

    def _weight(self, rater: int, element: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how much some elements count as a rater's."""
        if self._table is None:
            return np.ones(len(element))
        bits = self._field.bits.reshape(-1)
        around = bits[self._field.position[element][:, None] + self._corner]
        is_inside = (around >> bits.dtype.type(rater)) & bits.dtype.type(1)
        code = is_inside.astype(np.int64) @ (1 << np.arange(7, -1, -1))
        return np.asarray(self._table[code])

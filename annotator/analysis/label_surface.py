"""The surface of a label as triangles, for showing it in 3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_VOXELS = 4_000_000
"""What a surface is made of at most; larger labels are made coarser first."""
MAX_TRIANGLES = 400_000
"""About how many a surface has at most; a more rugged one is made of fewer voxels."""
_SMOOTH = 0.7
"""Standard deviation, in voxels of what is shown, by which the steps of voxels are rounded off."""
_PLANES = 2
"""Layers of cells that are made into triangles at once."""
_TRIANGLES_A_SIDE = 2
"""About how many marching cubes makes for each side of a voxel that is seen."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelSurface:
    """Triangles of one label.

    ``points`` ``(n, 3)`` are mm along ``(z, y, x)`` from the centre of the first voxel, float32;
    ``triangles`` ``(m, 3)`` are rows of it, uint32, whose cross product points outwards where
    ``(z, y, x)`` are taken for the axes of a right-handed frame; ``step`` tells how many voxels
    along each axis were joined to one.
    """

    points: NDArray[np.float32]
    triangles: NDArray[np.uint32]
    step: tuple[int, int, int]


def label_surface(
    mask: NDArray[np.integer],
    label: int,
    spacing_mm: Sequence[float],
    *,
    max_voxels: int = MAX_VOXELS,
    max_triangles: int = MAX_TRIANGLES,
) -> LabelSurface | None:
    """Return the surface of a label of a mask ``(z, y, x)``; None where it is not drawn.

    Marching cubes (Lorensen and Cline 1987, in the variant of Lewiner et al. 2003 that has no
    ambiguous cases) at half of the share of the label, of which the steps of single voxels are
    smoothed away. Closed also where the label reaches the edge of the volume.
    """
    box = label_box(mask, label)
    if box is None:
        return None
    inside = mask[box] == label
    step, share = _share(inside, spacing_mm, max_voxels)
    while (n_expected := _TRIANGLES_A_SIDE * _sides_seen(share > 0.5)) > max_triangles:
        n_voxels = int(0.9 * share.size * (max_triangles / n_expected) ** 1.5)
        step, share = _share(inside, spacing_mm, n_voxels)
    level = min(0.5, 0.5 * float(share.max()))
    points, triangles = _triangulated(share, level)
    first = np.array([part.start for part in box])
    voxels = first + (points - 2) * step + (np.array(step) - 1) / 2
    return LabelSurface(
        points=(voxels * np.asarray(spacing_mm)).astype(np.float32),
        triangles=triangles,
        step=step,
    )


def vertex_normals(
    points: NDArray[np.float32], triangles: NDArray[np.uint32], rounds: int = 0
) -> NDArray[np.float32]:
    """Return the direction outwards at each point of a closed surface, ``(n, 3)``, of length 1.

    The mean of the triangles that meet there, weighted by their area; then, so many times, that of
    the point and its neighbours: light then falls on thick slices as if they had no terraces,
    while the surface stays where it was drawn.
    """
    from scipy import sparse  # takes a while to import

    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    rows = triangles.ravel()
    sums = [
        np.bincount(rows, np.repeat(across[:, axis], 3), minlength=len(points)) for axis in range(3)
    ]
    normals = _of_length_1(np.stack(sums, axis=1).astype(np.float32))
    if rounds:
        ones = np.ones(len(rows), np.float32)
        far = np.roll(triangles, 1, axis=1).ravel()
        links = sparse.csr_array((ones, (rows, far)), shape=(len(points), len(points)))
        n_links = np.maximum(links.sum(axis=1), 1.0)[:, None].astype(np.float32)
    for _ in range(rounds):
        normals = _of_length_1(normals + links @ normals / n_links)
    return normals


def _of_length_1(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    made: NDArray[np.float32] = vectors / np.maximum(lengths, np.float32(1e-12))
    return made


def label_box(mask: NDArray[np.integer], label: int) -> tuple[slice, slice, slice] | None:
    """Return the smallest box around a label of a mask ``(z, y, x)``; None without any."""
    found: list[slice] = []
    piece = mask
    for axis in range(3):  # each axis looks only at what the ones before have left
        others = tuple(other for other in range(3) if other != axis)
        places = np.flatnonzero((piece == label).any(axis=others))
        if not places.size:
            return None
        found.append(slice(int(places[0]), int(places[-1]) + 1))
        piece = piece[(slice(None),) * axis + (found[-1],)]
    return found[0], found[1], found[2]


def _share(
    inside: NDArray[np.bool_], spacing_mm: Sequence[float], max_voxels: int
) -> tuple[tuple[int, int, int], NDArray[np.float32]]:
    """Return how many voxels are joined, and the smoothed share of the label with a rim of 2."""
    from scipy import ndimage  # takes a while to import

    step = _step(inside.shape, spacing_mm, max_voxels)
    joined = np.pad(_joined(inside, step), 2)
    share: NDArray[np.float32] = ndimage.gaussian_filter(
        joined, [_SMOOTH if size > 5 else 0.0 for size in joined.shape], mode="constant"
    )
    if share.max() <= 0.5:  # a label of single voxels vanishes when it is smoothed
        return step, joined
    return step, share


def _sides_seen(inside: NDArray[np.bool_]) -> int:
    """Return how many sides of voxels lie between inside and outside."""
    return int(
        np.count_nonzero(inside[1:] != inside[:-1])
        + np.count_nonzero(inside[:, 1:] != inside[:, :-1])
        + np.count_nonzero(inside[:, :, 1:] != inside[:, :, :-1])
    )


def _triangulated(
    share: NDArray[np.float32], level: float
) -> tuple[NDArray[np.float64], NDArray[np.uint32]]:
    """Return points ``(n, 3)`` in voxels and triangles where the share crosses a level.

    A few layers at a time: one call for all would keep every other thread waiting for a second.
    """
    from skimage.measure import marching_cubes  # takes a while to import

    points: list[NDArray[np.float64]] = [np.empty((0, 3))]
    triangles: list[NDArray[np.uint32]] = [np.empty((0, 3), np.uint32)]
    n_points = 0
    rim = _Rim(np.empty(0, np.int64), np.empty(0, np.int64))
    for start in range(0, share.shape[0] - 1, _PLANES):
        piece = share[start : start + _PLANES + 1]
        if not piece.min() <= level < piece.max():
            continue  # nothing is crossed, neither here nor on its first plane
        found, corners, _, _ = marching_cubes(piece, level)  # type: ignore[no-untyped-call]
        found = found.astype(np.float64)
        rows = rim.rows_of(found, at=0.0)
        is_new = rows < 0
        rows[is_new] = n_points + np.arange(np.count_nonzero(is_new))
        rim = _Rim.of(found, rows, at=len(piece) - 1.0)
        triangles.append(rows[corners[:, ::-1]].astype(np.uint32))
        points.append(found[is_new] + (start, 0.0, 0.0))
        n_points += int(np.count_nonzero(is_new))
    return np.concatenate(points), np.concatenate(triangles)


@dataclass(frozen=True, slots=True)
class _Rim:
    """Points on the last plane of a piece: their places, ascending, and rows among all points."""

    places: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, points: NDArray[np.float64], rows: NDArray[np.int64], at: float) -> _Rim:
        """Return those of some points that lie on the plane ``at``."""
        there = np.flatnonzero(points[:, 0] == at)
        places = _places(points[there])
        order = np.argsort(places)
        return cls(places[order], rows[there[order]])

    def rows_of(self, points: NDArray[np.float64], at: float) -> NDArray[np.int64]:
        """Return the row of each point that lies here, where ``at`` is this plane; else -1."""
        rows = np.full(len(points), -1, np.int64)
        there = np.flatnonzero(points[:, 0] == at)
        if there.size and self.places.size:
            places = _places(points[there])
            nearest = np.minimum(np.searchsorted(self.places, places), len(self.places) - 1)
            is_same = self.places[nearest] == places
            rows[there[is_same]] = self.rows[nearest[is_same]]
        return rows


def _places(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return a number for each place on a plane; coordinates are single precision."""
    fine = np.rint(points[:, 1:] * 2**12).astype(np.int64)
    made: NDArray[np.int64] = (fine[:, 0] << 32) + fine[:, 1]
    return made


def _step(
    shape: tuple[int, ...], spacing_mm: Sequence[float], max_voxels: int
) -> tuple[int, int, int]:
    """Return how many voxels to join: the finest axes first, until few enough are left."""
    step = [1, 1, 1]
    while np.prod([-(-size // by) for size, by in zip(shape, step, strict=True)]) > max_voxels:
        coarse = [spacing * by for spacing, by in zip(spacing_mm, step, strict=True)]
        step[int(np.argmin(coarse))] += 1
    return step[0], step[1], step[2]


def _joined(inside: NDArray[np.bool_], step: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the share of the label in blocks of voxels."""
    if step == (1, 1, 1):
        return inside.astype(np.float32)
    padded = np.pad(inside, [(0, -size % by) for size, by in zip(inside.shape, step, strict=True)])
    z, y, x = (size // by for size, by in zip(padded.shape, step, strict=True))
    blocks = padded.reshape(z, step[0], y, step[1], x, step[2])
    share: NDArray[np.float32] = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    return share

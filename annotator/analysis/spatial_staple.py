"""STAPLE in which a rater may be good here and bad there.

After Asman and Landman, "Formulating spatially varying performance in the statistical fusion
framework", IEEE TMI 31 (2012) 1326 (Spatial STAPLE): the confusion matrix of a rater varies over
the image; each place learns it from its surroundings, and is drawn towards the rater's matrix for
the whole case where the surroundings tell little. With ``G`` a Gaussian mean over the voxels that
count and ``W`` the posterior::

    theta_k(x; s, t) = (G[W_t * [D_k = s]](x) + shrinkage * theta_k(s, t))
                       / (G[W_t](x) + shrinkage)

Choices: the window is Gaussian where the paper's is a box; ``shrinkage`` is a share of the window.
With an infinite window the result is that of STAPLE.

Matrices are held on cells half as wide as the Gaussian (wider in large cases). All voxels of a cell
that were voted on alike share their posterior, so the loop runs over (cell, pattern) pairs instead
of voxels: as a field of matrices on cells it is exact, and many times faster than voxel by voxel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Triple = tuple[int, int, int]

_CELLS_IN_SIGMA = 2
_MOST_NUMBERS = 1 << 20
_CHANGE = 1e-5
_SMALLEST = 1e-300
_REACH = 3.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellVotes:
    """The voxels that count, by cell and vote pattern.

    Attributes
    ----------
    edge : tuple of int
        Size of a cell in voxels ``(z, y, x)``; the last of an axis may be smaller.
    grid : tuple of int
        Cells along ``(z, y, x)``.
    cell, pattern : ndarray
        Cell and vote pattern of each pair, ``(pair,)``.
    counts : ndarray
        Voxels of each pair, ``(pair,)``.
    pair : ndarray
        Pair of each voxel that counts, in the order of the flattened box, ``(voxel,)``.
    """

    edge: Triple
    grid: Triple
    cell: Ints
    pattern: Ints
    counts: Floats
    pair: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpatialResult:
    """What spatial STAPLE estimates.

    Attributes
    ----------
    posterior : ndarray
        Probability of each true label, ``(pair, label)``; rows sum to 1.
    skill : ndarray
        Mean of P(said so | is so) over the labels, less chance, 0 to 1, of each rater in each cell,
        ``(rater, z, y, x)`` of cells.
    n_iterations : int
    has_converged : bool
        False where the iterations ran out first.
    """

    posterior: Floats
    skill: Floats
    n_iterations: int
    has_converged: bool


def near_drawn(drawn: NDArray[np.bool_], margin: int = 3) -> NDArray[np.bool_]:
    """Return the voxels within ``margin`` voxels, along every axis, of what was drawn."""
    size = 2 * margin + 1
    return np.asarray(ndimage.maximum_filter(drawn, size=size, mode="constant", cval=False))


def into_cells(
    index: NDArray[np.integer],
    is_counted: NDArray[np.bool_],
    sigma_vox: tuple[float, float, float],
    n_labels: int,
) -> CellVotes:
    """Sort the voxels that count, of patterns ``(z, y, x)``, into cells half of sigma wide.

    Where that would make too many cells for a field of matrices, they are larger.
    """
    edge = tuple(
        max(1, min(size, int(min(sigma / _CELLS_IN_SIGMA, size))))
        for sigma, size in zip(sigma_vox, index.shape, strict=True)
    )
    grid = _grid(index.shape, edge)
    while math.prod(grid) * n_labels**2 > _MOST_NUMBERS and math.prod(grid) > 1:
        edge = tuple(min(2 * own, size) for own, size in zip(edge, index.shape, strict=True))
        grid = _grid(index.shape, edge)
    z, y, x = (np.arange(size) // own for size, own in zip(index.shape, edge, strict=True))
    cell = (z[:, None, None] * grid[1] + y[:, None]) * grid[2] + x
    n_patterns = int(index.max(initial=0)) + 1
    code = cell[is_counted].astype(np.int64) * n_patterns + index[is_counted]
    found, pair, counts = np.unique(code, return_inverse=True, return_counts=True)
    return CellVotes(
        edge=(edge[0], edge[1], edge[2]),
        grid=grid,
        cell=found // n_patterns,
        pattern=found % n_patterns,
        counts=counts.astype(np.float64),
        pair=pair.astype(np.int64),
    )


def _grid(shape: tuple[int, ...], edge: tuple[int, ...]) -> Triple:
    z, y, x = (-(-size // own) for size, own in zip(shape, edge, strict=True))
    return z, y, x


def spatial_staple(
    votes: CellVotes,
    said: Ints,
    n_labels: int,
    sigma_vox: tuple[float, float, float],
    *,
    shrinkage: float = 0.05,
    max_iterations: int = 200,
    report: Callable[[int], None] = lambda iteration: None,
) -> SpatialResult:
    """Run spatial STAPLE; ``said`` is the place in the list of labels of what each rater said.

    ``said`` is ``(pair, rater)``. ``report`` is told of each iteration. Never NaN.
    """
    smooth = _Smoother(votes, sigma_vox)
    n_raters = said.shape[1]
    posterior = (said[:, :, None] == np.arange(n_labels)).mean(axis=1)
    prior = votes.counts @ posterior / max(votes.counts.sum(), 1.0)
    log_prior = np.log(np.maximum(prior, _SMALLEST))
    whole = np.repeat(np.eye(n_labels)[None], n_raters, axis=0)
    skill = np.zeros((n_raters, math.prod(votes.grid)))
    n_iterations, has_converged = 0, not len(said)
    while not has_converged and n_iterations < max_iterations:
        report(n_iterations)
        weighted = posterior * votes.counts[:, None]
        there = smooth.means(votes.cell, weighted)
        joint = np.repeat(log_prior[None], len(said), axis=0)
        for rater in range(n_raters):
            own = said[:, rater]
            whole[rater] = _whole(weighted, own, whole[rater])
            local = _said_means(smooth, votes.cell, weighted, own, there)
            local += shrinkage * whole[rater]
            local /= (there + shrinkage)[:, None]
            joint += np.log(np.maximum(local[votes.cell, own], _SMALLEST))
            skill[rater] = _above_chance(np.einsum("cll->cl", local), prior > 0)
        joint -= joint.max(axis=1, keepdims=True)
        before, posterior = posterior, np.exp(joint)
        posterior /= posterior.sum(axis=1, keepdims=True)
        n_iterations += 1
        moved = float(np.abs(posterior - before).max())
        has_converged = n_iterations > 1 and moved <= _CHANGE
    return SpatialResult(
        posterior=posterior,
        skill=skill.reshape(n_raters, *votes.grid),
        n_iterations=n_iterations,
        has_converged=has_converged,
    )


def spread_over_voxels(field: Floats, edge: Triple, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a field on cells, ``(…, z, y, x)``, between their centres, at each voxel of a box."""
    found = field.astype(np.float32)
    for axis, (own, size) in enumerate(zip(edge, shape, strict=True)):
        if own > 1:
            starts = np.arange(0, size, own)
            centres = (starts + np.minimum(starts + own, size) - 1) / 2
            hats = [np.interp(np.arange(size), centres, row) for row in np.eye(len(centres))]
            place = found.ndim - 3 + axis
            found = np.tensordot(found, np.array(hats, np.float32), (place, 0))
            found = np.moveaxis(found, -1, place)
    return np.ascontiguousarray(found)


class _Smoother:
    """Gaussian means over the voxels that count, on the cells."""

    def __init__(self, votes: CellVotes, sigma_vox: tuple[float, float, float]) -> None:
        self._grid = votes.grid
        self._sigma = [sigma / own for sigma, own in zip(sigma_vox, votes.edge, strict=True)]
        self._radius = [
            int(min(math.ceil(_REACH * sigma), size - 1))
            for sigma, size in zip(self._sigma, votes.grid, strict=True)
        ]
        total = self._filter(np.bincount(votes.cell, votes.counts, math.prod(votes.grid)))
        self._total = np.where(total > 0, total, 1.0)

    def means(self, cell: Ints, weighted: Floats) -> Floats:
        """Return the means of weighted voxels ``(pair, label)`` on the cells, ``(cell, label)``."""
        sums = [np.bincount(cell, own, len(self._total)) for own in weighted.T]
        return np.stack([self._filter(own) / self._total for own in sums], axis=1)

    def _filter(self, field: NDArray[Any]) -> Floats:
        found = field.reshape(self._grid)
        for axis, (sigma, radius) in enumerate(zip(self._sigma, self._radius, strict=True)):
            if radius > 0:
                found = ndimage.gaussian_filter1d(
                    found, sigma, axis=axis, mode="constant", radius=radius
                )
        return np.asarray(found.reshape(-1), np.float64)


def _said_means(
    smooth: _Smoother, cell: Ints, weighted: Floats, said: Ints, there: Floats
) -> Floats:
    """Return the means for each label that a rater said, ``(cell, said, label)``.

    ``there`` are the means whatever was said, ``(cell, label)``: background is what is left.
    """
    n_labels = weighted.shape[1]
    means = np.empty((len(there), n_labels, n_labels))
    for label in range(1, n_labels):
        own = said == label
        means[:, label] = smooth.means(cell[own], weighted[own])
    means[:, 0] = np.maximum(there - means[:, 1:].sum(axis=1), 0.0)
    return means


def _whole(weighted: Floats, said: Ints, last: Floats) -> Floats:
    """Return a rater's matrix ``(said, true)`` over all voxels; a label without any keeps its."""
    total = weighted.sum(axis=0)
    sums = np.stack([np.bincount(said, own, len(total)) for own in weighted.T], axis=1)
    return np.where(total > 0, sums / np.where(total > 0, total, 1.0), last)


def _above_chance(right: Floats, is_there: NDArray[np.bool_]) -> Floats:
    """Return the mean of ``(cell, label)`` over the labels that occur, 0 at chance, 1 at best."""
    n_labels = int(is_there.sum())
    mean = np.asarray(right[:, is_there].mean(axis=1))
    if n_labels < 2:
        return mean
    return np.asarray(np.maximum((mean - 1 / n_labels) / (1 - 1 / n_labels), 0.0))

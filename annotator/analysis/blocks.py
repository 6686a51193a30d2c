"""Votes by block of neighbouring voxels: what intervals within one case are drawn from.

Voxels of one outline go wrong together, so drawing single voxels would give intervals that are far
too narrow. Whole blocks are drawn instead, with replacement (block bootstrap; Künsch, Annals of
Statistics 17 (1989) 1217), and everything that is counted over voxels is a sum over blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.votes import bounding_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns
    from annotator.domain.reading import Box

N_BLOCKS = 24
"""Blocks that are aimed at."""
FEWEST_BLOCKS = 4
"""Fewer blocks, or cases, say nothing of how much a number would change with others."""
N_DRAWS = 200


def count_blocks(votes: VoteRuns) -> NDArray[np.int64]:
    """Count the voxels of each pattern in each block, ``(block, pattern)``, from runs alone.

    A block is some neighbouring slices; where fewer than twelve slices hold anything drawn, it is a
    band of rows of one slice. Blocks without a drawn voxel are left out. The pattern of voxels that
    nobody drew is not counted.
    """
    n_patterns = len(votes.patterns)
    is_drawn = (votes.patterns != 0).any(axis=1)
    box = bounding_box(votes, is_drawn)
    if box is None:
        return np.zeros((0, n_patterns), np.int64)
    edges = _edges(box, votes.grid.shape)
    cut = np.searchsorted(votes.ends, edges, side="right")
    ends = np.insert(votes.ends, cut, edges)
    pattern = np.insert(votes.index, cut, votes.index[cut])
    block = np.maximum(np.searchsorted(edges, ends, side="left") - 1, 0)
    found = np.bincount(
        block * n_patterns + pattern,
        weights=np.diff(ends, prepend=0),
        minlength=len(edges) * n_patterns,
    ).reshape(len(edges), n_patterns)
    found[:, ~is_drawn] = 0
    return found[found.any(axis=1)].astype(np.int64)


def _edges(box: Box, shape: tuple[int, int, int]) -> NDArray[np.int64]:
    """Return the first voxel of each block in the flattened grid, ascending."""
    (z0, y0, _), (z1, y1, _) = box
    n_slices, n_rows = z1 - z0, y1 - y0
    if n_slices >= N_BLOCKS // 2:
        first_row = np.arange(z0, z1, -(-n_slices // N_BLOCKS)) * shape[1]
    else:
        band = -(-n_rows // -(-N_BLOCKS // n_slices))
        bands = np.arange(y0, y1, band)
        first_row = (np.arange(z0, z1)[:, None] * shape[1] + bands).reshape(-1)
    return np.asarray(first_row * shape[2], np.int64)


def draw_blocks(n_blocks: int, n_draws: int = N_DRAWS) -> NDArray[np.float64]:
    """Return how often each block is drawn in each draw, ``(draw, block)``; always the same."""
    random = np.random.default_rng(0)
    return random.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), n_draws).astype(np.float64)


def interval_ends(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 95 % percentile interval over the first axis, ``(2, …)``.

    Draws that are NaN, in which a number is undefined, are left out; NaN where none is left.
    """
    flat = drawn.reshape(len(drawn), -1)
    ends = np.full((2, flat.shape[1]), np.nan)
    is_known = np.isfinite(flat)
    whole = is_known.all(axis=0)
    ends[:, whole] = np.quantile(flat[:, whole], [0.025, 0.975], axis=0)
    for column in np.flatnonzero(~whole & is_known.any(axis=0)):
        known = flat[is_known[:, column], column]
        ends[:, column] = np.quantile(known, [0.025, 0.975])
    return ends.reshape(2, *drawn.shape[1:])

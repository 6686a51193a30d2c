"""Size, place and extent of what each rater drew, as sums that mix linearly.

The moments of a weighted mean of masks are the weighted means of their moments: a fusion can be
judged by size and shape for any weights without touching a voxel again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns

N_MOMENTS = 10


def label_moments(votes: VoteRuns, spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return sums over the voxels of each rater's label, ``(rater, label, moment)``.

    Background is left out. Moments are 1, z, y, x, zz, yy, xx, zy, zx, yx in mm from the middle of
    the grid. Exact, from runs: a run lies in rows, along which the sums have closed forms.
    """
    by_pattern = _pattern_moments(votes, spacing_mm)
    says = votes.patterns[:, :, None] == np.asarray(votes.labels[1:], np.uint16)
    return np.asarray(np.einsum("prl,pm->rlm", says.astype(np.float64), by_pattern), np.float64)


def _pattern_moments(
    votes: VoteRuns, spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Return the moments of each pattern's voxels, ``(pattern, moment)``; 0 for background."""
    _, n_rows, n_columns = votes.grid.shape
    start, stop, pattern = _rows(votes, n_columns)
    line, first = np.divmod(start, n_columns)
    z, y = np.divmod(line, n_rows)
    middle = [(size - 1) / 2 for size in votes.grid.shape]
    length = (stop - start).astype(np.float64)
    at_z = (z - middle[0]) * spacing_mm[0]
    at_y = (y - middle[1]) * spacing_mm[1]
    # Sums of x and x² over first … first + length - 1, from the middle of the run.
    centre = (first + (length - 1) / 2 - middle[2]) * spacing_mm[2]
    sum_x = length * centre
    sum_xx = length * (centre**2 + (length**2 - 1) / 12 * spacing_mm[2] ** 2)
    sums = (
        length, length * at_z, length * at_y, sum_x, length * at_z**2, length * at_y**2, sum_xx,
        length * at_z * at_y, at_z * sum_x, at_y * sum_x,
    )  # fmt: skip
    n_patterns = len(votes.patterns)
    return np.stack([np.bincount(pattern, one, n_patterns) for one in sums], axis=1)


def _rows(
    votes: VoteRuns, n_columns: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Return start, stop and pattern of the runs that anybody drew, cut at the ends of rows."""
    is_drawn = (votes.patterns != 0).any(axis=1)[votes.index]
    stop = votes.ends[is_drawn]
    start = np.append(0, votes.ends[:-1])[is_drawn]
    pattern = votes.index[is_drawn]
    n_lines = (stop - 1) // n_columns - start // n_columns + 1
    place = np.repeat(np.arange(len(start)), n_lines)
    offset = np.arange(len(place)) - np.repeat(np.cumsum(n_lines) - n_lines, n_lines)
    line = start[place] // n_columns + offset
    return (
        np.maximum(start[place], line * n_columns),
        np.minimum(stop[place], (line + 1) * n_columns),
        pattern[place],
    )

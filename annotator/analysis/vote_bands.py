"""Votes on a slide, a band of rows at a time: no whole slice of them fits memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import SlabGrid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns

BAND_VOXELS = 1 << 24
"""What a band holds: an array of it takes 16 MB a byte."""


def bands(
    votes: VoteRuns, says: NDArray[np.bool_], *, above: int, below: int
) -> Iterator[tuple[tuple[int, int], int, VoteRuns]]:
    """Yield the bands of a slice in which ``says``, ``(pattern, …)``, tells of something.

    Each as its rows, the row of the slice that its votes begin with, and its votes, which hold as
    many more rows ``above`` and ``below`` as there are. ``counts`` are those of the slice.
    """
    _, rows, columns = votes.grid.shape
    tall = max(1, BAND_VOXELS // columns)
    chosen: NDArray[np.bool_] = np.any(says.reshape(len(says), -1), axis=1)
    for first in range(0, rows, tall):
        stop = min(rows, first + tall)
        top, bottom = max(0, first - above), min(rows, stop + below)
        band = _band(votes, top, bottom)
        if chosen[band.index].any():
            yield (first, stop), top, band


def _band(votes: VoteRuns, top: int, bottom: int) -> VoteRuns:
    columns = votes.grid.shape[2]
    start, stop = top * columns, bottom * columns
    low = int(np.searchsorted(votes.ends, start, side="right"))
    high = int(np.searchsorted(votes.ends, stop, side="left")) + 1
    return replace(
        votes,
        ends=np.minimum(votes.ends[low:high], stop) - start,
        index=np.ascontiguousarray(votes.index[low:high]),
        grid=SlabGrid((1, bottom - top, columns)),
    )

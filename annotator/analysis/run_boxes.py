"""Writing a box into runs, at the cost of the box and of the runs: a slab may be large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import SlabRuns

if TYPE_CHECKING:
    from numpy.typing import NDArray


def replace_box(
    runs: SlabRuns | None,
    n_rows: int,
    n_columns: int,
    origin: tuple[int, int],
    labels: NDArray[np.unsignedinteger],
) -> SlabRuns | None:
    """Return the runs of a slab after a box of it was written to, or None where all are 0.

    Must not write to its input.

    Parameters
    ----------
    runs : SlabRuns or None
        What the slab holds; None where that is nothing.
    n_rows, n_columns : int
        Size of the slab.
    origin : tuple of int
        First row and column of the box.
    labels : ndarray
        What is written, ``(rows, columns)``, inside the slab.
    """
    size = n_rows * n_columns
    if runs is None:
        runs = SlabRuns(np.array([size], np.uint32), np.zeros(1, np.uint16))
    height, width = labels.shape
    starts = (origin[0] + np.arange(height)) * n_columns + origin[1]
    stops = starts + width
    old = runs.ends.astype(np.int64)
    row = np.searchsorted(starts, old - 1, side="right") - 1
    is_written = (row >= 0) & (old <= stops[np.maximum(row, 0)])
    # Where the box interrupts a row, a run ends that went on.
    gaps = starts[starts > np.append(0, stops[:-1])]
    cut = np.append(gaps, size) if stops[-1] < size else gaps
    kept = np.append(old[~is_written], cut)
    inner_ends, inner_labels = _runs_of_rows(labels, starts)
    ends = np.append(kept, inner_ends)
    values = np.append(runs.labels[np.searchsorted(old, kept - 1, side="right")], inner_labels)
    return _joined(ends, values)


def _runs_of_rows(
    labels: NDArray[np.unsignedinteger], starts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """Return the ends and labels of the runs of each row, placed where the rows begin."""
    height, width = labels.shape
    is_end = np.ones((height, width), np.bool_)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=is_end[:, :-1])
    at = np.flatnonzero(is_end)
    row, column = np.divmod(at, width)
    return starts[row] + column + 1, labels[row, column].astype(np.uint16)


def _joined(ends: NDArray[np.int64], labels: NDArray[np.uint16]) -> SlabRuns | None:
    """Return runs in any order as those of a slab: neighbours differ."""
    order = np.argsort(ends, kind="stable")
    ends, labels = ends[order], labels[order]
    is_last = np.append(ends[1:] != ends[:-1], True)
    ends, labels = ends[is_last], labels[is_last]
    is_last = np.append(labels[1:] != labels[:-1], True)
    ends, labels = ends[is_last], labels[is_last]
    if len(labels) == 1 and labels[0] == 0:
        return None
    return SlabRuns(ends.astype(np.uint32), labels)

"""Tables from mask values to labels and back, where labels of different groups may overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import MaskRuns, SlabRuns
from annotator.domain.errors import AnnotatorError
from annotator.domain.label_groups import HIGHEST_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.domain.label_groups import MaskValues

Table = np.ndarray[tuple[int, ...], np.dtype[np.uint16]]
"""Indexed by mask value, all 65,536 of them."""
_N_VALUES = HIGHEST_VALUE + 1


def group_table(values: MaskValues, group: str) -> Table:
    """Return, by mask value, the label that it holds of a group; 0 where it holds none."""
    unknown = np.arange(_N_VALUES) if group == values.groups[0] else np.zeros(_N_VALUES)
    return _table(values, unknown, lambda value: values.in_group(value, group))


def put_table(values: MaskValues, label: int) -> Table:
    """Return, by mask value, the value once a label is drawn over it.

    Where the two cannot share a voxel, because the schema does not know one of them, it stays.
    """
    is_first = values.group_of(label) == values.groups[0]
    unknown = np.full(_N_VALUES, label) if is_first else np.arange(_N_VALUES)

    def put(value: int) -> int:
        try:
            return values.put(value, label)
        except AnnotatorError:
            return value

    return _table(values, unknown, put)


def cleared_table(values: MaskValues, group: str) -> Table:
    """Return, by mask value, the value once a group is erased there."""
    unknown = np.zeros(_N_VALUES) if group == values.groups[0] else np.arange(_N_VALUES)
    return _table(values, unknown, lambda value: values.cleared(value, group))


def holds_table(values: MaskValues, label: int) -> NDArray[np.bool_]:
    """Return, by mask value, whether it holds a label."""
    table = np.zeros(_N_VALUES, np.bool_)
    table[list(values.holding(label))] = True
    return table


def runs_of_group(mask: MaskRuns, values: MaskValues, group: str) -> MaskRuns:
    """Return what a mask holds of one group, by its labels; the same object where all is of it."""
    if not values.may_overlap:
        return mask
    return mapped(mask, group_table(values, group))


def mapped(mask: MaskRuns, table: Table) -> MaskRuns:
    """Return a mask with its values looked up in a table; must not change background."""
    found: dict[int, SlabRuns] = {}
    for slab, runs in mask.slabs.items():
        labels = table[runs.labels]
        is_last = np.append(labels[1:] != labels[:-1], True)
        if labels.any():
            found[slab] = SlabRuns(runs.ends[is_last], labels[is_last])
    return MaskRuns(mask.grid, found)


def _table(values: MaskValues, unknown: NDArray[np.number], entry: Callable[[int], int]) -> Table:
    """Return a table of an entry a value; values that nobody knows are labels of the first group.

    ``unknown`` holds what becomes of them.
    """
    table = unknown.astype(np.uint16)
    known = values.known
    table[list(known)] = [entry(value) for value in known]
    return table

"""Tables from mask values to labels and back, where labels of different groups may overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import MaskRuns, SlabRuns

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.domain.label_groups import MaskValues

Table = np.ndarray[tuple[int, ...], np.dtype[np.uint16]]
"""Indexed by mask value, all 65,536 of them."""


def group_table(values: MaskValues, group: str) -> Table:
    """Return, by mask value, the label that it holds of a group; 0 where it holds none."""
    return _table(values, lambda value: values.in_group(value, group), other=group)


def put_table(values: MaskValues, label: int) -> Table:
    """Return, by mask value, the value once a label is drawn over it."""
    return _table(values, lambda value: values.put(value, label), other=None)


def cleared_table(values: MaskValues, group: str) -> Table:
    """Return, by mask value, the value once a group is erased there."""
    return _table(values, lambda value: values.cleared(value, group), other=None)


def holds_table(values: MaskValues, label: int) -> NDArray[np.bool_]:
    """Return, by mask value, whether it holds a label."""
    table = np.zeros(1 << 16, np.bool_)
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


def _table(values: MaskValues, entry: Callable[[int], int], *, other: str | None) -> Table:
    """Return a table of an entry a value; values that nobody knows are labels of the first group.

    ``other`` is the group that is asked for, None where every group's labels stay.
    """
    table = np.arange(1 << 16, dtype=np.uint16)
    if other is not None and other != values.groups[0]:
        table[:] = 0
    for value in values.known:
        table[value] = entry(value)
    return table

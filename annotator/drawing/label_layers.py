"""Groups of labels in one mask, each drawn on as if it had the mask for itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from annotator.analysis.label_tables import cleared_table, group_table, holds_table, put_table

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    from annotator.domain.label_groups import MaskValues
    from annotator.drawing.edit import Mask
    from annotator.drawing.rules import MaskingRules


class Sections(Protocol):
    """A mask that parts are cut out of by slices, and voxels by their index."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size ``(z, y, x)``."""
        ...

    def __getitem__(self, place: tuple[slice | int, ...], /) -> Mask:
        """Return the labels of a part."""
        ...


class LabelLayers:
    """Looks mask values up, by tables that are made when they are needed first.

    Parameters
    ----------
    dtype : dtype
        Of the masks: uint8 or uint16.
    """

    def __init__(self, values: MaskValues, dtype: np.dtype[np.unsignedinteger]) -> None:
        self.values = values
        self._dtype = dtype
        self._length = int(np.iinfo(dtype).max) + 1
        self._tables: dict[Hashable, NDArray[np.unsignedinteger]] = {}
        self._holds: dict[Hashable, NDArray[np.bool_]] = {}

    def labels(self, mask: NDArray[np.integer], group: str) -> Mask:
        """Return the labels of a group in a part of a mask; 0 where it has none."""
        table = self._table(("labels", group), lambda: group_table(self.values, group))
        return _looked_up(table, mask)

    def holds(self, mask: Mask, label: int) -> NDArray[np.bool_]:
        """Return where a part of a mask has a label, alone or with others."""
        found = self._holds.get(label)
        if found is None:
            found = self._holds[label] = holds_table(self.values, label)[: self._length]
        held: NDArray[np.bool_] = found[mask]
        return held

    def drawn(self, mask: Mask, group: str, label: int) -> Mask:
        """Return mask values once a label of a group is drawn everywhere; 0 erases the group."""
        if label:
            table = self._table(("put", label), lambda: put_table(self.values, label))
        else:
            table = self._table(("clear", group), lambda: cleared_table(self.values, group))
        return _looked_up(table, mask)

    def written(self, mask: Mask, group: str, labels: Mask) -> Mask:
        """Return mask values once a group has these labels, one a voxel; others stay."""
        found = mask.copy()
        differs = self.labels(mask, group) != labels
        for label in np.unique(labels[differs]).tolist():
            place = differs & (labels == label)
            found[place] = self.drawn(mask[place], group, label)
        return found

    def outlined(self, section: Mask) -> Mask:
        """Return a slice ``(y, x)`` of a mask with each label kept at its own border only.

        The border is what has a neighbour of another label of the group, so that a label that
        lies in another one leaves no line in that.
        """
        found = np.zeros_like(section)
        for group in self.values.groups:
            labels = self.labels(section, group)
            is_border = np.zeros(labels.shape, np.bool_)
            for axis in (0, 1):
                differs = np.diff(labels, axis=axis) != 0
                first, last = (slice(None, -1), slice(None)), (slice(1, None), slice(None))
                is_border[first if axis == 0 else first[::-1]] |= differs
                is_border[last if axis == 0 else last[::-1]] |= differs
            found = self.written(found, group, np.where(is_border, labels, 0))
        return found

    def in_area(self, mask: Mask, rules: MaskingRules) -> NDArray[np.bool_]:
        """Return where a part of a mask lies in the area of rules, whatever groups it names."""
        key = ("area", rules.area, rules.area_label, rules.hidden)
        found = self._holds.get(key)
        if found is None:
            has_unknown = rules.area_has((-1,))
            found = np.full(self._length, has_unknown)
            known = [value for value in self.values.known if value < self._length]
            found[known] = [rules.area_has(self.values.labels(value)) for value in known]
            self._holds[key] = found
        inside: NDArray[np.bool_] = found[mask]
        return inside

    def _table(
        self, key: Hashable, make: Callable[[], NDArray[np.uint16]]
    ) -> NDArray[np.unsignedinteger]:
        table = self._tables.get(key)
        if table is None:
            made = make()[: self._length]
            if made.max() >= self._length:
                raise ValueError(f"a mask of {self._dtype} cannot hold the value {made.max()}")
            table = self._tables[key] = made.astype(self._dtype)
        return table


def _looked_up(table: Mask, mask: NDArray[np.integer]) -> Mask:
    """Return a table's entries for a part of a mask."""
    if mask.dtype != np.uint8 or table.dtype != np.uint8:
        found: Mask = table[mask]
        return found
    # several times as fast as an index for each voxel
    content = mask.tobytes().translate(table.tobytes())
    return np.frombuffer(content, np.uint8).reshape(mask.shape)


@dataclass(frozen=True, slots=True)
class Layer:
    """One group of labels in the masks of a project."""

    layers: LabelLayers
    group: str

    def labels(self, mask: Mask) -> Mask:
        """Return the labels of the group in a part of a mask."""
        return self.layers.labels(mask, self.group)

    def drawn(self, mask: Mask, label: int) -> Mask:
        """Return mask values once a label of the group is drawn everywhere; 0 erases it."""
        return self.layers.drawn(mask, self.group, label)

    def written(self, mask: Mask, labels: Mask) -> Mask:
        """Return mask values once the group has these labels, one a voxel."""
        return self.layers.written(mask, self.group, labels)


@dataclass(frozen=True, slots=True, eq=False)
class LayerSections:
    """The labels of a group, looked up part by part."""

    mask: Mask
    layer: Layer

    @property
    def shape(self) -> tuple[int, ...]:
        """Size ``(z, y, x)``."""
        return self.mask.shape

    def __getitem__(self, place: tuple[slice | int, ...]) -> Mask:
        """Return the labels of a part."""
        return self.layer.labels(self.mask[place])

"""Labels that may share a voxel, and the mask values that stand for several of them.

A mask holds one value a voxel. Labels of one group exclude each other; where labels of different
groups meet, the mask holds the value of their `Overlap`. Everything that is counted or compared by
label goes through `MaskValues`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError
from annotator.domain.schema import Overlap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annotator.domain.schema import LabelSchema

HIGHEST_VALUE = 65535
"""Of a mask that is kept."""


def with_overlaps(schema: LabelSchema) -> LabelSchema:
    """Return a schema that has a value for all labels that can share a voxel.

    Overlaps that it has keep their values; new ones get values above all that are taken. Raises
    AnnotatorError where an overlap makes no sense, takes the value of a label, or where the groups
    allow more of them than a mask has values.
    """
    _check(schema)
    sizes = [sum(label.group == group for label in schema.labels) for group in schema.groups]
    n_values = prod(size + 1 for size in sizes) - 1
    highest = schema.highest_value
    known = {entry.labels for entry in schema.overlaps}
    added: list[Overlap] = []
    if n_values <= HIGHEST_VALUE:
        for labels in _combinations(schema):
            if labels not in known:
                highest += 1
                added.append(Overlap(value=highest, labels=labels))
    if n_values > HIGHEST_VALUE or highest > HIGHEST_VALUE:
        raise AnnotatorError(
            f"{len(sizes)} label groups of {', '.join(map(str, sizes))} labels can overlap in "
            f"{n_values} ways; a mask holds values up to {HIGHEST_VALUE}. Put labels that never "
            "share a voxel into one group, or give them smaller values"
        )
    return replace(schema, overlaps=(*schema.overlaps, *added)) if added else schema


def in_place_of(kept: LabelSchema, wanted: LabelSchema) -> LabelSchema:
    """Return a schema that may take the place of another one, with all overlaps.

    Values of overlaps are given once: masks hold them. Raises AnnotatorError where a wanted label
    or overlap would change what one of them means.
    """
    known = {entry.value: entry.labels for entry in kept.overlaps}
    values = {entry.labels: entry.value for entry in kept.overlaps}
    for entry in wanted.overlaps:
        if known.get(entry.value, entry.labels) != entry.labels:
            raise AnnotatorError(
                f"mask value {entry.value} stands for {_named(known[entry.value], kept)} in this "
                f"project and cannot become {_named(entry.labels, wanted)}: masks hold it"
            )
        if values.get(entry.labels, entry.value) != entry.value:
            raise AnnotatorError(
                f"{_named(entry.labels, wanted)} have the mask value {values[entry.labels]} in "
                f"this project and cannot get {entry.value}: masks hold it"
            )
    new = tuple(entry for entry in wanted.overlaps if entry.value not in known)
    return with_overlaps(replace(wanted, overlaps=(*kept.overlaps, *new)))


def label_names(schema: LabelSchema) -> dict[int, str]:
    """Return what each mask value is called: names of its labels, ``Liver + Lesion``."""
    names = {label.value: label.name for label in schema.labels}
    return names | {
        entry.value: " + ".join(names[value] for value in entry.labels) for entry in schema.overlaps
    }


def _check(schema: LabelSchema) -> None:
    """Raise AnnotatorError where an overlap makes no sense in a schema."""
    known = {label.value: label for label in schema.labels}
    n_values = Counter(entry.value for entry in schema.overlaps)
    n_labels = Counter(entry.labels for entry in schema.overlaps)
    for entry in schema.overlaps:
        value, labels = entry.value, entry.labels
        found = [known.get(label) for label in labels]
        groups = {label.group for label in found if label is not None}
        if value in known:
            raise AnnotatorError(
                f"label {known[value].name!r} has the value {value}, which is that of "
                f"{_named(labels, schema)} in one voxel. Give it another, for example "
                f"{schema.highest_value + 1}"
            )
        if n_values[value] > 1 or n_labels[labels] > 1:
            raise AnnotatorError(
                f"the overlap of the labels {_listed(labels)} and its value {value} must occur once"
            )
        if None in found or len(labels) < 2 or list(labels) != sorted(set(labels)):
            raise AnnotatorError(
                f"mask value {value} stands for the labels {_listed(labels) or 'none'}; an overlap "
                "has two or more labels of the schema, ascending: it has "
                f"{_listed(schema.values)}"
            )
        if len(groups) < len(labels):
            raise AnnotatorError(
                f"mask value {value} stands for {_named(labels, schema)} in one voxel: they must "
                "stay in different groups"
            )


def _named(labels: tuple[int, ...], schema: LabelSchema) -> str:
    found = {label.value: label.name for label in schema.labels}
    return " and ".join(f"{found[label]!r}" if label in found else str(label) for label in labels)


def _listed(labels: tuple[int, ...]) -> str:
    return ", ".join(map(str, labels))


def _combinations(schema: LabelSchema) -> Iterable[tuple[int, ...]]:
    """Yield the sets of two and more labels that can share a voxel, each ascending."""
    by_group = [
        (0, *(label.value for label in schema.labels if label.group == group))
        for group in schema.groups
    ]
    for chosen in product(*by_group):
        labels = tuple(sorted(value for value in chosen if value))
        if len(labels) > 1:
            yield labels


class MaskValues:
    """What the values of a project's masks mean: each is a set of labels, one a group at most.

    A value that the schema does not know stands for a label of the first group, as it does where
    nothing overlaps.
    """

    def __init__(self, schema: LabelSchema) -> None:
        self.groups = schema.groups or ("",)
        self._group_of = {label.value: label.group for label in schema.labels}
        self._labels_of: dict[int, tuple[int, ...]] = {0: ()}
        self._labels_of |= {value: (value,) for value in schema.values}
        self._labels_of |= {entry.value: entry.labels for entry in schema.overlaps}
        self._value_of = {labels: value for value, labels in self._labels_of.items()}

    @property
    def may_overlap(self) -> bool:
        """Whether there is more than one group."""
        return len(self.groups) > 1

    @property
    def known(self) -> tuple[int, ...]:
        """All values that a mask may hold, ascending; 0 is the first."""
        return tuple(sorted(self._labels_of))

    def group_of(self, label: int) -> str:
        """Return the group of a label."""
        return self._group_of.get(label, self.groups[0])

    def labels(self, value: int) -> tuple[int, ...]:
        """Return the labels that a mask value stands for, ascending; none for background."""
        return self._labels_of.get(value, (value,))

    def value(self, labels: Iterable[int]) -> int:
        """Return the mask value of labels that share a voxel; 0 for none.

        Raises AnnotatorError where two of them are of one group.
        """
        wanted = tuple(sorted(set(labels) - {0}))
        if len(wanted) == 1:
            return wanted[0]
        if wanted not in self._value_of:
            raise AnnotatorError(
                f"labels {', '.join(map(str, wanted))} cannot share a voxel: only labels of "
                "different groups can"
            )
        return self._value_of[wanted]

    def holding(self, label: int) -> tuple[int, ...]:
        """Return the mask values that hold a label, ascending."""
        held = {value for value, labels in self._labels_of.items() if label in labels}
        return tuple(sorted(held | {label}))

    def drawn(self, values: Iterable[int]) -> frozenset[int]:
        """Return the labels that any of these mask values holds."""
        return frozenset(label for value in values for label in self.labels(value))

    def in_group(self, value: int, group: str) -> int:
        """Return the label of a group that a mask value holds; 0 where it holds none."""
        return next((label for label in self.labels(value) if self.group_of(label) == group), 0)

    def put(self, value: int, label: int) -> int:
        """Return a mask value with a label in it, in place of what its group holds there."""
        return self.value((*self.labels(self.cleared(value, self.group_of(label))), label))

    def cleared(self, value: int, group: str) -> int:
        """Return a mask value without what it holds of a group."""
        return self.value(label for label in self.labels(value) if self.group_of(label) != group)

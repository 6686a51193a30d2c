"""Which label of a schema a model draws."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from annotator.domain.schema import Label, LabelSchema

_SIDES = re.compile(r"\b(left|right)\b", re.IGNORECASE)


def choose_label(
    schema: LabelSchema, *, words: tuple[str, ...], codes: Collection[str]
) -> Label | None:
    """Return the label that stands for a structure, or None where the schema has none.

    In this order: the first label coded with one of ``codes`` (SNOMED CT values); the first label
    with a word of its name beginning with one of ``words``; the only label of a schema with one.
    A label for one side of the body (``Left lung``) is never chosen: the model draws both sides.
    """
    both_sides = [label for label in schema.labels if not _SIDES.search(label.name)]
    for label in both_sides:
        if label.code is not None and label.code.value in codes:
            return label
    pattern = re.compile(rf"\b({'|'.join(words)})", re.IGNORECASE)
    for label in both_sides:
        if pattern.search(label.name):
            return label
    return both_sides[0] if len(schema.labels) == len(both_sides) == 1 else None


def no_label(schema: LabelSchema, structure: str) -> str:
    """Say that a schema has no label for a structure, and what it has."""
    names = ", ".join(repr(label.name) for label in schema.labels) or "none"
    return f"the schema {schema.name!r} has no label for {structure}; its labels are {names}"

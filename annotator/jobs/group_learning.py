"""What a method learned of each label group by itself, as the content of one fit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from annotator.analysis.dispute_words import group_words
from annotator.analysis.group_votes import groups_in
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.label_groups import MaskValues
from annotator.jobs.readings import GroupReadings, Readings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.domain.schema import LabelSchema
    from annotator.jobs.lessons import Lesson
    from annotator.store import Store

_MARK = b"learned by label group\n"


def drawn_groups(store: Store, lessons: Sequence[Lesson]) -> tuple[str, ...]:
    """Return the label groups that are drawn in any of the lessons; none where there is but one."""
    values = MaskValues(store.project().schema)
    if not values.may_overlap:
        return ()
    # Readings of their own: those of a lesson would keep their masks for as long as there is it.
    found = {
        value
        for lesson in lessons
        for value in Readings(store, lesson.readings.case, lesson.readings.annotations).labels
    }
    return groups_in(values, found)


def group_to_learn(schema: LabelSchema, wanted: str | None) -> str | None:
    """Return the label group that a trainer learns from; None where there is but one.

    ``wanted`` is its name, or that of one of its labels; the first group where it is None. Raises
    UnknownNameError.
    """
    groups = schema.groups
    named = {label.name: label.group for label in schema.labels} | {one: one for one in groups}
    if wanted is not None and wanted not in named:
        known = [group_words(schema, one) for one in groups]
        raise UnknownNameError("label group", wanted, known)
    if len(groups) < 2:
        return None
    return groups[0] if wanted is None else named[wanted]


def pack(learned: Mapping[str, bytes]) -> bytes:
    """Return what was learned of each group, by name, as one content."""
    sizes = [[group, len(content)] for group, content in learned.items()]
    return b"".join((_MARK, json.dumps(sizes).encode(), b"\n", *learned.values()))


def of_group(content: bytes, readings: Readings) -> bytes:
    """Return what was learned of the label group of these readings.

    What was learned where there was but one group holds for readings of one group. Raises
    AnnotatorError where nothing was learned of theirs.
    """
    if not content.startswith(_MARK):
        if isinstance(readings, GroupReadings):
            raise AnnotatorError(
                f"{readings.case.title!r} has labels of several groups, and the method learned "
                "when only one was drawn: let it learn again"
            )
        return content
    sizes, _, rest = content[len(_MARK) :].partition(b"\n")
    for name, size in json.loads(sizes):
        if name == readings.only_group:
            return rest[:size]
        rest = rest[size:]
    raise AnnotatorError(
        f"nothing was learned of {group_words(readings.schema, readings.only_group)}, which was "
        f"drawn on {readings.case.title!r}: let the method learn again"
    )

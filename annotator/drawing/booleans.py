"""Booleans: copy, join, cut and clear, between the label in hand and another."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.domain.errors import AnnotatorError
from annotator.drawing.edit import join_boxes
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.margin import grown
from annotator.drawing.operation import Asked, Change, Progress, trimmed, unwatched
from annotator.drawing.options import ChoiceOption, LabelOption, NumberOption, Option
from annotator.drawing.scope import WHERE, placed, refuse_background, relabelled, scope_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.scope import Scope
    from annotator.drawing.surface import Surface


class Booleans:
    """Sets the label in hand by where another one lies, that one with a margin if wanted.

    A voxel has one label of a group: what the label in hand takes, another one of its group loses,
    unless it is locked. Labels of other groups stay as they are.
    """

    name: ClassVar[str] = "booleans"
    title: ClassVar[str] = "Combine labels"
    explanation: ClassVar[str] = (
        "Sets the label in hand by another label. A voxel has one label of a group: what is taken "
        "from another label of the same group is no longer its own; lock it to keep it, so that "
        "only what its margin adds is taken. A label of another group always stays. Invert swaps "
        "the label with what has no label of its group; other labels stay."
    )
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key="what",
            title="Combine",
            tooltip="What the label in hand becomes.",
            default="add",
            choices=(
                ("copy", "Copy: become the other"),
                ("add", "Add the other"),
                ("subtract", "Subtract the other"),
                ("intersect", "Keep what lies in the other"),
                ("invert", "Invert"),
                ("clear", "Clear"),
            ),
        ),
        LabelOption(key="other", title="Other label", tooltip="Not asked for invert and clear."),
        NumberOption(
            key="mm",
            title="Margin of the other",
            tooltip="The other label counts as this much larger on all sides.",
            default=0.0,
            minimum=0.0,
            maximum=200.0,
            unit="mm",
        ),
        WHERE,
    )
    needs_image: ClassVar[bool] = False
    is_live: ClassVar[bool] = False

    def run(self, surface: Surface, asked: Asked, progress: Progress = unwatched) -> Change | None:
        """Return the label in hand as it becomes."""
        scope, what = scope_of(surface, asked), str(asked.chosen["what"])
        refuse_background(asked.label)
        if what == "invert":
            return trimmed(surface, _inverted(scope, asked.label))
        if what == "clear":
            box = scope.box_around(asked.label)
            nothing = np.zeros([b - a for a, b in zip(*box, strict=True)], np.bool_)
            labels = relabelled(scope, asked.label, box, nothing)
            return trimmed(surface, Change(box=box, labels=labels))
        _refuse_same(asked)
        box, own, other = _both(scope, asked, progress)
        if what in ("subtract", "intersect"):
            _refuse_apart(scope, asked, own & other)
        if what == "copy":
            region = other
        elif what == "add":
            region = own | other
        else:
            region = own & (~other if what == "subtract" else other)
        return trimmed(surface, Change(box=box, labels=relabelled(scope, asked.label, box, region)))


def _both(
    scope: Scope, asked: Asked, progress: Progress
) -> tuple[Box, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where the label in hand and the other with its margin lie, over one box."""
    around, large = grown(scope, int(asked.chosen["other"]), float(asked.chosen["mm"]), progress)
    if asked.chosen["what"] in ("subtract", "intersect"):
        box = scope.box_around(asked.label)
    else:
        box = join_boxes(around, scope.find(asked.label)) or around
    return box, scope.region(asked.label, box), placed(large, around, box)


def _inverted(scope: Scope, label: int) -> Change:
    before = scope.surface.labels(scope.box)
    labels = before.copy()
    labels[before == label] = 0
    labels[before == 0] = label
    return Change(box=scope.box, labels=labels)


def _refuse_same(asked: Asked) -> None:
    other = int(asked.chosen["other"])
    if other == 0:
        raise AnnotatorError("Choose the other label first.")
    if other == asked.label:
        raise AnnotatorError(
            f"Label {other} is in hand and the other one too: choose two that differ."
        )


def _refuse_apart(scope: Scope, asked: Asked, common: NDArray[np.bool_]) -> None:
    if not common.any():
        other, mm = int(asked.chosen["other"]), float(asked.chosen["mm"])
        margin = f" with a margin of {mm:g} mm" if mm else ""
        raise NothingToDoError(
            f"Label {asked.label} and label {other}{margin} have no voxel in common"
            f"{scope.place}. Give the other label a larger margin."
        )

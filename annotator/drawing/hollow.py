"""Hollow: a label becomes a shell of so many mm."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.margin import shell_of
from annotator.drawing.operation import Asked, Change, Progress, trimmed, unwatched
from annotator.drawing.options import ChoiceOption, NumberOption, Option
from annotator.drawing.scope import WHERE, relabelled, scope_of

if TYPE_CHECKING:
    from annotator.drawing.surface import Surface


class Hollow:
    """Keeps a shell along the surface of a label, for example the wall of an organ."""

    name: ClassVar[str] = "hollow"
    title: ClassVar[str] = "Hollow"
    explanation: ClassVar[str] = (
        "Turns the label into a shell of the given thickness: inside its surface, outside of it, "
        "or half and half. What was within becomes free."
    )
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key="side",
            title="Shell",
            tooltip="Where the shell lies, seen from the surface that the label has now.",
            default="inside",
            choices=(
                ("inside", "Inside the surface"),
                ("outside", "Outside the surface"),
                ("centred", "On both sides of the surface"),
            ),
        ),
        NumberOption(
            key="mm",
            title="Thickness",
            tooltip="Of the shell, to the voxel.",
            default=3.0,
            minimum=0.01,
            maximum=200.0,
            unit="mm",
        ),
        WHERE,
    )
    needs_image: ClassVar[bool] = False
    is_live: ClassVar[bool] = False

    def run(self, surface: Surface, asked: Asked, progress: Progress = unwatched) -> Change | None:
        """Return the shell in place of the label."""
        scope, mm = scope_of(surface, asked), float(asked.chosen["mm"])
        scope.box_around(asked.label)
        scope.reach_of_one(mm, "A thickness")
        box, region = shell_of(scope, asked.label, mm, str(asked.chosen["side"]), progress)
        if not region.any():
            raise NothingToDoError(
                f"There is no room for a shell outside label {asked.label}{scope.place}: it fills "
                "the image."
            )
        labels = relabelled(scope, asked.label, box, region)
        return trimmed(surface, Change(box=box, labels=labels))

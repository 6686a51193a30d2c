"""Margin: a label grows or shrinks by so many mm."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.operation import Asked, Change, Progress, share_of, trimmed, unwatched
from annotator.drawing.options import ChoiceOption, NumberOption, Option
from annotator.drawing.scope import WHERE, placed, relabelled, scope_of, within
from annotator.drawing.windows import is_near

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.scope import Scope
    from annotator.drawing.surface import Surface


class Margin:
    """Adds the voxels within a distance of a label, or takes those within it of anything else."""

    name: ClassVar[str] = "margin"
    title: ClassVar[str] = "Margin"
    explanation: ClassVar[str] = (
        "Grows the label by so many millimetres on all sides, or shrinks it. Distances are exact, "
        "also where slices are thicker than pixels. The edge of the image is no edge of the label."
    )
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key="what",
            title="Margin",
            tooltip="Grow: add what is near. Shrink: take away what lies near the border.",
            default="grow",
            choices=(("grow", "Grow"), ("shrink", "Shrink")),
        ),
        NumberOption(
            key="mm",
            title="By",
            tooltip="Distance between the centres of voxels that counts as near.",
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
        """Return the label with its margin."""
        scope, mm = scope_of(surface, asked), float(asked.chosen["mm"])
        scope.box_around(asked.label)
        scope.reach_of_one(mm, "A margin")
        if asked.chosen["what"] == "grow":
            box, region = grown(scope, asked.label, mm, progress)
        else:
            box, region = shrunk(scope, asked.label, mm, progress)
            if not region.any():
                raise NothingToDoError(
                    f"Nothing of label {asked.label} would be left{scope.place}: it is nowhere "
                    f"thicker than {2 * mm:g} mm. Shrink it by less."
                )
        labels = relabelled(scope, asked.label, box, region)
        return trimmed(surface, Change(box=box, labels=labels))


def grown(scope: Scope, label: int, mm: float, progress: Progress) -> tuple[Box, NDArray[np.bool_]]:
    """Return where a label lies, or is at most so far away, ``(z, y, x)`` over the box of that."""
    box = scope.grown(scope.box_around(label), scope.reach(mm))
    return box, is_near(scope.region(label, box), scope.surface.spacing_mm, mm, progress)


def shrunk(
    scope: Scope, label: int, mm: float, progress: Progress
) -> tuple[Box, NDArray[np.bool_]]:
    """Return where a label lies and all else is farther away, over the box around the label."""
    inner = scope.box_around(label)
    box = scope.grown(inner, (1, 1, 1))
    left = eroded(scope.region(label, box), scope.surface.spacing_mm, mm, progress)
    return inner, left[within(inner, box)]


def eroded(
    region: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    mm: float,
    progress: Progress,
) -> NDArray[np.bool_]:
    """Return what of a region is farther than ``mm`` from all that it leaves out."""
    return ~is_near(~region, spacing_mm, mm, progress)


def shell_of(
    scope: Scope, label: int, mm: float, side: str, progress: Progress
) -> tuple[Box, NDArray[np.bool_]]:
    """Return a shell of a thickness at the surface of a label, over a box around it.

    ``side`` says where it lies: ``inside`` the surface, ``outside`` of it, or ``centred``: the
    inside shell of the label grown by half the thickness.
    """
    if side == "inside":
        box, left = shrunk(scope, label, mm, progress)
        return box, scope.region(label, box) & ~left
    if side == "outside":
        box, large = grown(scope, label, mm, progress)
        return box, large & ~scope.region(label, box)
    box, large = grown(scope, label, mm / 2, share_of(progress, 0.0, 0.5))
    outer = scope.grown(box, (1, 1, 1))
    tell = share_of(progress, 0.5, 1.0)
    left = eroded(placed(large, box, outer), scope.surface.spacing_mm, mm, tell)
    return box, large & ~left[within(box, outer)]

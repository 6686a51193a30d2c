"""Mirror: a label on the other side of a plane through the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.edit import common_box, join_boxes
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.operation import Asked, Change, Progress, trimmed, unwatched
from annotator.drawing.options import ChoiceOption, LabelOption, Option, SwitchOption
from annotator.drawing.scope import WHERE, placed, refuse_other_group, scope_of

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.drawing.surface import Surface


class Mirror:
    """Draws a label again, mirrored along one direction of the view."""

    name: ClassVar[str] = "mirror"
    title: ClassVar[str] = "Mirror"
    explanation: ClassVar[str] = (
        "Draws the label on the other side too: mirrored across the middle of the image, or across "
        "the crosshair. The other side can have another label, for example the right kidney from "
        "the left one."
    )
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key="along",
            title="Mirror",
            tooltip="Direction as it is seen in the view that is worked in.",
            default="across",
            choices=(
                ("across", "Left and right of the view"),
                ("down", "Top and bottom of the view"),
                ("through", "Front and back, through the slices"),
            ),
        ),
        ChoiceOption(
            key="centre",
            title="Across",
            tooltip="Where the mirror stands.",
            default="image",
            choices=(("image", "The middle of the image"), ("crosshair", "The crosshair")),
        ),
        LabelOption(
            key="into",
            title="As label",
            tooltip="Label of the mirrored side; none chosen: the label in hand.",
        ),
        SwitchOption(
            key="keep",
            title="Keep the original",
            tooltip="Off: the label moves to the other side.",
            default=True,
        ),
        WHERE,
    )
    needs_image: ClassVar[bool] = False
    is_live: ClassVar[bool] = False

    def run(self, surface: Surface, asked: Asked, progress: Progress = unwatched) -> Change | None:
        """Return the label on both sides, or on the other one."""
        scope = scope_of(surface, asked)
        refuse_other_group(surface, int(asked.chosen["into"]))
        axis = _axis(asked)
        if axis == scope.plane:
            raise NothingToDoError(
                "Within one slice nothing can be mirrored through the slices. Choose the whole "
                "volume, or another direction."
            )
        box = scope.box_around(asked.label)
        mirrored = _mirrored(box, axis, _twice_the_centre(surface, asked, axis))
        target = common_box(mirrored, scope.box)
        if target[0][axis] >= target[1][axis]:
            raise NothingToDoError(
                f"Mirrored, label {asked.label} lies outside the image. Put the crosshair nearer "
                "to it, or mirror across the middle of the image."
            )
        region = np.flip(scope.region(asked.label, box), axis)
        progress(0.5)
        joined = join_boxes(box, target) or box
        labels = surface.labels(joined).copy()
        if not asked.chosen["keep"]:
            labels[labels == asked.label] = 0
        labels[placed(region, mirrored, joined)] = int(asked.chosen["into"]) or asked.label
        return trimmed(surface, Change(box=joined, labels=labels))


def _axis(asked: Asked) -> int:
    """Return the array axis that is mirrored along."""
    if asked.chosen["along"] == "through":
        return asked.plane
    first, second = (axis for axis in range(3) if axis != asked.plane)
    down, across = asked.screen or (first, second)
    return down if asked.chosen["along"] == "down" else across


def _twice_the_centre(surface: Surface, asked: Asked, axis: int) -> int:
    if asked.chosen["centre"] == "image":
        return surface.shape[axis] - 1
    if asked.at is None:
        raise NothingToDoError("Put the crosshair into the image first: the mirror stands there.")
    return 2 * asked.at[axis]


def _mirrored(box: Box, axis: int, twice: int) -> Box:
    """Return the box of what lies mirrored: voxel ``i`` at ``twice - i``."""
    low, high = list(box[0]), list(box[1])
    low[axis], high[axis] = twice + 1 - box[1][axis], twice + 1 - box[0][axis]
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])

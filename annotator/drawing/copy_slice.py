"""Copy to the next slice: what is drawn in a slice, again in those beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.edit import join_boxes
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.operation import Asked, Change, Progress, trimmed, unwatched
from annotator.drawing.options import ChoiceOption, NumberOption, Option, SwitchOption
from annotator.drawing.scope import Scope, slice_box

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.drawing.surface import Surface


class CopySlice:
    """Draws the shapes of one slice in the slices next to it; the masking rules say over what."""

    name: ClassVar[str] = "copy slice"
    title: ClassVar[str] = "Copy to next slices"
    explanation: ClassVar[str] = (
        "Draws what this slice has in the next or previous slices too. What these have already "
        "gives way where the masking rules let it."
    )
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key="to",
            title="To",
            tooltip="Next is the slice with the higher number.",
            default="next",
            choices=(
                ("next", "Next slices"),
                ("previous", "Previous slices"),
                ("both", "Both sides"),
            ),
        ),
        NumberOption(
            key="n_slices",
            title="How many",
            tooltip="Slices on each side.",
            default=1,
            minimum=1,
            maximum=1000,
            unit="slices",
            is_whole=True,
        ),
        SwitchOption(
            key="all_labels",
            title="All labels",
            tooltip="Copy every label of this slice, not only the one in hand.",
        ),
        SwitchOption(
            key="replace",
            title="Replace what is there",
            tooltip="On: what the copied labels have there now goes. Off: it stays and grows.",
        ),
    )
    needs_image: ClassVar[bool] = False
    is_live: ClassVar[bool] = False

    def run(self, surface: Surface, asked: Asked, progress: Progress = unwatched) -> Change | None:
        """Return the neighbouring slices with the shapes of this one."""
        plane, index = asked.plane, asked.index
        scope = Scope(surface=surface, box=slice_box(surface, plane, index), plane=plane)
        is_all = bool(asked.chosen["all_labels"])
        source = scope.box_around_all() if is_all else scope.box_around(asked.label)
        before, after = _reach(surface, asked)
        box = _stretched(source, plane, index - before, index + after + 1)
        if asked.chosen["replace"]:
            target = _stretched(scope.box, plane, index - before, index + after + 1)
            there = Scope(surface=surface, box=target, plane=None)
            box = join_boxes(box, there.find(None if is_all else asked.label)) or box
        shapes = surface.labels(_stretched(box, plane, index, index + 1))
        labels = surface.labels(box).copy()
        if asked.chosen["replace"]:
            labels[(labels != 0) if is_all else (labels == asked.label)] = 0
        is_copied = (shapes != 0) if is_all else (shapes == asked.label)
        np.copyto(labels, shapes, where=is_copied)
        here = [slice(None)] * 3
        here[plane] = slice(index - box[0][plane], index - box[0][plane] + 1)
        labels[tuple(here)] = shapes
        return trimmed(surface, Change(box=box, labels=labels))


def _reach(surface: Surface, asked: Asked) -> tuple[int, int]:
    """Return how many slices before and after are written to."""
    wanted, to = int(asked.chosen["n_slices"]), asked.chosen["to"]
    n_before, n_after = asked.index, surface.shape[asked.plane] - 1 - asked.index
    before = min(wanted, n_before) if to != "next" else 0
    after = min(wanted, n_after) if to != "previous" else 0
    if not before and not after:
        which = {"next": "last", "previous": "first", "both": "only"}[str(to)]
        raise NothingToDoError(f"This is the {which} slice: there is none to copy to.")
    return before, after


def _stretched(box: Box, plane: int, first: int, last: int) -> Box:
    """Return a box that runs from one slice to before another."""
    low, high = list(box[0]), list(box[1])
    low[plane], high[plane] = first, last
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])

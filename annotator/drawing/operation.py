"""What is done to a mask by asking for it, not by pointing: islands, smoothing, interpolation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from annotator.drawing.edit import box_slices, common_box
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.scope import box_of, moved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Edit, Mask
    from annotator.drawing.options import Chosen, Option
    from annotator.drawing.surface import Surface


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change:
    """What an operation suggests: labels ``(z, y, x)`` over a box, in place of those there.

    Of one group, where labels of several may share a voxel; see `mask_change`.
    """

    box: Box
    labels: Mask

    def within(self, box: Box) -> Change | None:
        """Return the part inside another box, for example one slice; None where there is none."""
        low, high = common_box(self.box, box)
        if any(a >= b for a, b in zip(low, high, strict=True)):
            return None
        z, y, x = (
            slice(a - first, b - first) for a, b, first in zip(low, high, self.box[0], strict=True)
        )
        return Change(box=(low, high), labels=self.labels[z, y, x])


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an operation is asked for.

    Attributes
    ----------
    label : int
        The label in hand.
    plane, index : int
        View and slice that were worked in last.
    at : tuple of int or None
        Voxel ``(z, y, x)`` under the crosshair; None where there is none.
    values : tuple of int
        Values of all labels of the schema, in its order.
    screen : tuple of int or None
        Array axes that run down and to the right in the view; None for the other two in order.
    chosen : mapping
        A value for every option of the operation.
    """

    label: int
    plane: int = 0
    index: int = 0
    at: tuple[int, int, int] | None = None
    values: tuple[int, ...] = ()
    screen: tuple[int, int] | None = None
    chosen: Mapping[str, Chosen] = field(default_factory=dict)


class Progress(Protocol):
    """Told how far a work is; raises CancelledError as soon as it is not wanted any more."""

    def __call__(self, share: float, /) -> None:
        """Tell the share that is done, 0 to 1."""
        ...


def unwatched(share: float) -> None:
    """Progress that nobody looks at."""


def share_of(progress: Progress, first: float, last: float) -> Progress:
    """Return progress for a part of a work, which runs from one share of the whole to another."""
    return lambda share: progress(first + share * (last - first))


class Operation(Protocol):
    """One thing that can be done to a mask. It only reads; what it returns is shown, then written.

    ``is_live`` says that it is worked out again after each stroke while it is shown, because
    strokes are what it starts from.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    explanation: ClassVar[str]
    options: ClassVar[tuple[Option, ...]]
    needs_image: ClassVar[bool]
    is_live: ClassVar[bool]

    def run(self, surface: Surface, asked: Asked, progress: Progress = unwatched) -> Change | None:
        """Return what would change; None where nothing would.

        Raises AnnotatorError, in words for the person, where it cannot be done.
        """
        ...


def apply(surface: Surface, change: Change) -> Edit | None:
    """Write a change under the rules of the surface, as one edit; None where nothing changes."""
    recorder = surface.recorder()
    recorder.put(change.box, change.labels)
    return recorder.finish()


def mask_change(surface: Surface, change: Change) -> Change:
    """Return a change of labels as one of what the mask holds."""
    return replace(change, labels=surface.mask_with(change.box, change.labels))


def label_change(surface: Surface, change: Change) -> Change:
    """Return a change of what the mask holds as one of the labels of the group in hand."""
    return replace(change, labels=surface.labels_in(change.labels))


def trimmed(surface: Surface, change: Change) -> Change | None:
    """Return what the rules let through of a change, in the smallest box around what differs.

    None where nothing does. Raises NothingToDoError where the rules forbid all of it.
    """
    before, labels = surface.labels(change.box), change.labels
    box = box_of(before != labels)
    if box is not None and surface.rules.bind:
        allowed = surface.editable(change.box, labels)
        labels = np.where(allowed, labels, before)
        box = box_of(before != labels)
        if box is None:
            raise NothingToDoError(
                "The masking rules forbid all of this change: look at the locked labels, the "
                "editable area and values, and which labels may be overwritten."
            )
    if box is None:
        return None
    return Change(box=moved(box, change.box[0]), labels=labels[box_slices(box)])

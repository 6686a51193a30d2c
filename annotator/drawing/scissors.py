"""Scissors: an outline in one view cuts through the volume, along the direction of the view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from annotator.domain.errors import CancelledError
from annotator.drawing.edit import box_slices
from annotator.drawing.fill import LARGEST_SLICE
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.lasso import Lasso
from annotator.drawing.options import ChoiceOption, NumberOption, Option
from annotator.drawing.outline_fill import fill_outline
from annotator.drawing.scope import box_of, moved

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.domain.reading import Box

_SLAB = 16
"""Slices that are looked at before it is asked whether the work is still wanted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """Voxels ``(z, y, x)`` that are changed, over a box."""

    box: Box
    inside: NDArray[np.bool_]


class Scissors(Lasso):
    """An outline that cuts: what is erased or filled goes on along the array axis of the view."""

    name: ClassVar[str] = "scissors"
    title: ClassVar[str] = "Scissors"
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key="operation",
            title="Do",
            tooltip="What happens to the voxels that the outline cuts through.",
            default="erase-inside",
            choices=(
                ("erase-inside", "Erase inside"),
                ("erase-outside", "Erase outside"),
                ("fill-inside", "Fill inside"),
            ),
        ),
        ChoiceOption(
            key="range",
            title="Depth",
            tooltip="How far the cut goes along the direction of the view.",
            default="whole",
            choices=(("whole", "All slices"), ("near", "Around this slice")),
        ),
        NumberOption(
            key="depth_mm",
            title="To each side",
            tooltip="How far the cut goes on each side of this slice, where it does not go "
            "through all.",
            default=10.0,
            minimum=0.0,
            maximum=500.0,
            unit="mm",
            only_with=("range", ("near",)),
        ),
        ChoiceOption(
            key="labels",
            title="Erases",
            tooltip="Which labels are erased.",
            default="held",
            choices=(("held", "The current label"), ("all", "All labels")),
            only_with=("operation", ("erase-inside", "erase-outside")),
        ),
    )
    advice: ClassVar[str] = (
        "Draw around what to cut with the button held, or click corners and press Enter: the cut "
        "goes through the volume along the view. Backspace takes the last part back."
    )

    def confirm(self) -> Box | None:
        """Begin to cut; nothing is cut where the outline has no area."""
        if len(self.outline) < 3:
            self.is_done = True
            return None
        self.work = self.find
        return None

    def take(self, result: Any) -> Box | None:  # noqa: ANN401 - the cut, or None
        """Write what was cut.

        Raises NothingToDoError where there is nothing to cut.
        """
        self.is_done = True
        cut: Cut | None = result
        if cut is None:
            raise NothingToDoError(
                "The scissors met nothing to change: check which labels they erase, and how deep."
            )
        is_filling = self._operation == "fill-inside"
        return self._recorder.paint(cut.box[0], cut.inside, self.held.label if is_filling else 0)

    def find(self, is_cancelled: Callable[[], bool]) -> Cut | None:
        """Return what the outline cuts through; only reads.

        Raises CancelledError soon after ``is_cancelled`` says so.
        """
        section, box = self._section()
        chosen = np.zeros(np.subtract(*box[::-1]), np.bool_)
        (z0, _, _), (z1, _, _) = box
        for first in range(z0, z1, _SLAB):
            if is_cancelled():
                raise CancelledError("Cutting was cancelled; nothing was changed.")
            stop = min(z1, first + _SLAB)
            slab: Box = (first, *box[0][1:]), (stop, *box[1][1:])
            part = section if self.plane == 0 else section[first - z0 : stop - z0]
            np.logical_and(
                self._changes(self.surface.labels(slab)), part, out=chosen[first - z0 : stop - z0]
            )
        held = box_of(chosen)
        return (
            None if held is None else Cut(box=moved(held, box[0]), inside=chosen[box_slices(held)])
        )

    @property
    def _operation(self) -> str:
        return str(self.held.chosen["operation"])

    def _section(self) -> tuple[NDArray[np.bool_], Box]:
        """Return what is cut of each slice, one voxel thick, and the box of the cut."""
        rows, columns = (axis for axis in range(3) if axis != self.plane)
        shape = self.surface.shape
        self._refuse_too_large(shape[rows] * shape[columns])
        section = fill_outline(
            np.asarray(self.outline)[:, [rows, columns]], (shape[rows], shape[columns])
        )
        if self._operation == "erase-outside":
            section = ~section
        low, high = [0, 0, 0], list(shape)
        for axis, is_in in ((rows, section.any(axis=1)), (columns, section.any(axis=0))):
            used = np.flatnonzero(is_in)
            low[axis], high[axis] = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 0)
        low[self.plane], high[self.plane] = self._depth()
        part = section[low[rows] : high[rows], low[columns] : high[columns]]
        box = (low[0], low[1], low[2]), (high[0], high[1], high[2])
        return np.expand_dims(part, self.plane), box

    def _refuse_too_large(self, n_pixels: int) -> None:
        if n_pixels > LARGEST_SLICE:
            raise NothingToDoError(
                "The scissors look at whole slices, and this one is too large: draw the outline "
                "with the lasso or the polygon, with Ctrl to erase inside it."
            )

    def _depth(self) -> tuple[int, int]:
        """Return the first slice of the cut and the one behind its last."""
        n_slices = self.surface.shape[self.plane]
        if self.held.chosen["range"] == "whole":
            return 0, n_slices
        reach = math.floor(
            float(self.held.chosen["depth_mm"]) / self.surface.spacing_mm[self.plane] + 1e-9
        )
        return max(0, self.index - reach), min(n_slices, self.index + reach + 1)

    def _changes(self, labels: NDArray[np.unsignedinteger]) -> NDArray[np.bool_]:
        """Return which voxels would have another label if they were cut through."""
        if self._operation == "fill-inside":
            return np.asarray(labels != self.held.label)
        if self.held.chosen["labels"] == "all" or self.held.label == 0:
            return np.asarray(labels != 0)
        return np.asarray(labels == self.held.label)

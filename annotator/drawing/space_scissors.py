"""Scissors in space: an outline on a picture of the volume cuts through it, along the view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.domain.errors import CancelledError
from annotator.drawing.edit import box_slices
from annotator.drawing.outline_fill import fill_outline
from annotator.drawing.scissors import Cut, Scissors
from annotator.drawing.scope import box_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.gesture import Held
    from annotator.drawing.surface import Surface


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpaceOutline:
    """What was drawn around on a picture of the volume that shows it without perspective.

    Attributes
    ----------
    corners : ndarray
        ``(n, 2)``: pixels to the right and down; the last is joined to the first.
    to_screen : ndarray
        ``(2, 4)``: the place on the picture of an array position ``(z, y, x, 1)``.
    visible : frozenset of int
        Labels that the picture shows: no other one is erased.
    """

    corners: NDArray[np.float64]
    to_screen: NDArray[np.float64]
    visible: frozenset[int]


class SpaceScissors(Scissors):
    """A cut along any direction, with the scissors' options; the depth is that of the volume."""

    advice: ClassVar[str] = "Draw around what to cut in the 3D view."

    def __init__(self, surface: Surface, held: Held, drawn: SpaceOutline) -> None:
        planes = [np.delete(drawn.to_screen[:, :3], axis, axis=1) for axis in range(3)]
        # Slices are cut one by one; those that are seen most openly map best onto the picture.
        plane = int(np.argmax([abs(np.linalg.det(one)) for one in planes]))
        super().__init__(surface, held, plane=plane, index=0)
        self._drawn = drawn
        self._from_screen = np.linalg.inv(planes[plane])

    def confirm(self) -> Box | None:
        """Begin to cut; nothing is cut where the outline has no area."""
        if len(self._drawn.corners) < 3:
            self.is_done = True
        else:
            self.work = self.find
        return None

    def find(self, is_cancelled: Callable[[], bool]) -> Cut | None:
        """Return what the outline cuts through; only reads.

        Raises CancelledError soon after ``is_cancelled`` says so.
        """
        chosen = np.zeros(self.surface.shape, np.bool_)
        for index in range(self.surface.shape[self.plane]):
            if is_cancelled():
                raise CancelledError("Cutting was cancelled; nothing was changed.")
            low, high = [0, 0, 0], list(self.surface.shape)
            low[self.plane], high[self.plane] = index, index + 1
            box = (low[0], low[1], low[2]), (high[0], high[1], high[2])
            labels = self.surface.labels(box)
            changes = self._changes(labels)
            if self._operation != "fill-inside":
                changes &= np.isin(labels, list(self._drawn.visible))
            if changes.any():
                changes &= np.expand_dims(self._is_cut(index), self.plane)
                chosen[box_slices(box)] = changes
        held = box_of(chosen)
        return None if held is None else Cut(box=held, inside=chosen[box_slices(held)])

    def _is_cut(self, index: int) -> NDArray[np.bool_]:
        """Return which voxels of a slice lie where the cut goes through it."""
        at = self._drawn.to_screen[:, self.plane] * index + self._drawn.to_screen[:, 3]
        outline = (self._drawn.corners - at) @ self._from_screen.T
        rows, columns = (axis for axis in range(3) if axis != self.plane)
        inside = fill_outline(outline, (self.surface.shape[rows], self.surface.shape[columns]))
        return ~inside if self._operation == "erase-outside" else inside

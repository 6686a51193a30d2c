"""Where drawing may write: the masking rules, which hold for every tool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from annotator.drawing.edit import box_slices, common_box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Mask

Area = Literal[
    "everywhere",
    "inside labels",
    "inside visible",
    "outside labels",
    "outside visible",
    "inside one",
]
Overwrite = Literal["all", "visible", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingRules:
    """What may be changed, whatever tool is in hand.

    Attributes
    ----------
    area : str
        Where may be written, by what is drawn there now; ``inside one`` means ``area_label``.
    regions : tuple of Box
        Half-open voxel boxes that nothing is written outside of; empty for the whole volume.
    intensity : tuple of float or None
        Lowest and highest value, in modality units, that the image may have there; both count.
    overwrite : str
        Which other labels of its group give way to the one that is drawn. Erasing is not
        overwriting.
    locked : frozenset of int
        Labels that no tool changes, in either direction.
    hidden : frozenset of int
        Labels that are not shown.
    """

    area: Area = "everywhere"
    area_label: int = 0
    regions: tuple[Box, ...] = ()
    intensity: tuple[float, float] | None = None
    overwrite: Overwrite = "all"
    locked: frozenset[int] = frozenset()
    hidden: frozenset[int] = frozenset()

    @property
    def bind(self) -> bool:
        """Whether anything is forbidden."""
        free = self.area == "everywhere" and self.overwrite == "all" and self.intensity is None
        return not free or bool(self.locked or self.regions)

    @property
    def limits_places(self) -> bool:
        """Whether some places are closed to every label, by what is there or by their value."""
        return self.area != "everywhere" or self.intensity is not None or bool(self.regions)

    def area_has(self, labels: Iterable[int]) -> bool:
        """Return whether a voxel that holds these labels lies in the area."""
        if self.area in ("everywhere", "inside one"):
            return self.area == "everywhere" or self.area_label in labels
        counted = set(labels)
        if self.area.endswith("visible"):
            counted -= self.hidden
        return bool(counted) == self.area.startswith("inside")

    def editable(
        self,
        box: Box,
        before: Mask,
        wanted: Mask | int,
        values: Callable[[Box], NDArray[np.float32]],
        in_area: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.bool_]:
        """Return where a label may take the place of another, ``(z, y, x)`` over ``box``.

        Parameters
        ----------
        before : ndarray
            Labels there now, over ``box``.
        wanted : ndarray or int
            What a tool wants there: one label, or one a voxel; 0 erases.
        values : callable
            Returns the image over a box, in modality units; asked only where that counts.
        in_area : ndarray of bool, optional
            Where the area is, if labels beside those in ``before`` count for it.
        """
        allowed = self._in_area(before) if in_area is None else in_area.copy()
        if self.regions:
            allowed &= self._in_regions(box, before.shape)
        if self.locked:
            allowed &= ~_is_any(before, self.locked) & ~_is_any(np.asarray(wanted), self.locked)
        if self.overwrite != "all":
            kept = before != 0
            if self.overwrite == "visible":
                kept = _is_any(before, self.hidden)
            allowed &= ~kept | (np.asarray(wanted) == 0)
        if self.intensity is not None and allowed.any():
            low, high = self.intensity
            shown = values(box)
            allowed &= (shown >= low) & (shown <= high)
        return allowed

    def _in_area(self, before: Mask) -> NDArray[np.bool_]:
        if self.area == "everywhere":
            return np.ones(before.shape, np.bool_)
        if self.area == "inside one":
            one: NDArray[np.bool_] = before == self.area_label
            return one
        drawn: NDArray[np.bool_] = before != 0
        if self.area.endswith("visible"):
            drawn &= ~_is_any(before, self.hidden)
        return drawn if self.area.startswith("inside") else ~drawn

    def _in_regions(self, box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        inside = np.zeros(shape, np.bool_)
        for region in self.regions:
            low, high = common_box(region, box)
            if all(a < b for a, b in zip(low, high, strict=True)):
                z, y, x = (a - first for a, first in zip(low, box[0], strict=True))
                z1, y1, x1 = (b - first for b, first in zip(high, box[0], strict=True))
                inside[box_slices(((z, y, x), (z1, y1, x1)))] = True
        return inside


def _is_any(labels: NDArray[np.integer], wanted: frozenset[int]) -> NDArray[np.bool_]:
    # One comparison a label is many times as fast as `np.isin`, for as few as are locked or hidden.
    found = np.zeros(labels.shape, np.bool_)
    for value in wanted:
        found |= labels == value
    return found

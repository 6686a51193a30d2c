"""What tools draw on: a live mask, the image behind it, and the rules that hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.drawing.edit import EditRecorder, box_slices
from annotator.drawing.label_layers import Layer, LayerSections
from annotator.drawing.rules import MaskingRules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Mask, Point
    from annotator.drawing.label_layers import LabelLayers, Sections

FREE = MaskingRules()
"""Nothing is forbidden."""
_LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Of linear red, green and blue: ITU-R BT.709."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """A live mask ``(z, y, x)`` with its image; tools read and write it only through this.

    Attributes
    ----------
    mask : ndarray
        Written to in place, by recorders only.
    image : ndarray or None
        Stored values ``(z, y, x[, channel])``; None where tools that look at it cannot be used.
    spacing_mm : tuple of float
        Voxel spacing along ``(z, y, x)``.
    unit : str
        What one step of the spacing is: ``px`` where the image does not say how large it is.
    slope, intercept : float
        From stored to modality units, for example Hounsfield units.
    rules : MaskingRules
        What may be changed.
    layers : LabelLayers or None
        Given where labels of several groups may share a voxel.
    group : str
        The one that is worked on then: labels that are read and written are those of it.
    """

    mask: Mask
    image: NDArray[Any] | None = None
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    unit: str = "mm"
    slope: float = 1.0
    intercept: float = 0.0
    rules: MaskingRules = FREE
    layers: LabelLayers | None = None
    group: str = ""

    def has_in_group(self, label: int) -> bool:
        """Return whether a label is of the group in hand."""
        return self.layers is None or self.layers.values.group_of(label) == self.group

    def of(self, label: int) -> Surface:
        """Return the surface as it is for the group of a label."""
        group = self.group if self.layers is None else self.layers.values.group_of(label)
        return self if group == self.group else replace(self, group=group)

    @property
    def layer(self) -> Layer | None:
        """The group in hand, in the mask; None where nothing overlaps."""
        return None if self.layers is None else Layer(self.layers, self.group)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size of the mask ``(z, y, x)``."""
        z, y, x = self.mask.shape
        return z, y, x

    @property
    def whole(self) -> Box:
        """The box around everything."""
        return (0, 0, 0), self.shape

    @property
    def half_a_step(self) -> float:
        """Half of what neighbouring stored whole numbers mean, modality units; 0 for fractions."""
        if self.image is None or np.issubdtype(self.image.dtype, np.floating):
            return 0.0
        return abs(self.slope) / 2

    def voxel_at(self, at: Point) -> tuple[int, int, int] | None:
        """Return the voxel at an array position, or None outside."""
        z, y, x = (int(value + 0.5) if value >= -0.5 else -1 for value in at)
        inside = all(0 <= place < size for place, size in zip((z, y, x), self.shape, strict=True))
        return (z, y, x) if inside else None

    def labels(self, box: Box) -> Mask:
        """Return the labels over a box ``(z, y, x)``; must not be written to."""
        return self.labels_in(self.mask[box_slices(box)])

    @property
    def sections(self) -> Sections:
        """The labels of the whole, to be cut out part by part; must not be written to."""
        return self.mask if self.layer is None else LayerSections(self.mask, self.layer)

    def labels_at(self, voxel: tuple[int, int, int]) -> tuple[int, ...]:
        """Return the labels of all groups that a voxel ``(z, y, x)`` has; none for background."""
        value = int(self.mask[voxel])
        if self.layers is not None:
            return self.layers.values.labels(value)
        return (value,) if value else ()

    def region(self, box: Box, label: int) -> NDArray[np.bool_]:
        """Return where a label, of whatever group, is drawn over a box ``(z, y, x)``."""
        found = self.mask[box_slices(box)]
        return (
            np.asarray(found == label) if self.layers is None else self.layers.holds(found, label)
        )

    def mask_with(self, box: Box, labels: Mask) -> Mask:
        """Return what the mask holds over a box once these labels are there."""
        layer = self.layer
        return labels if layer is None else layer.written(self.mask[box_slices(box)], labels)

    def labels_in(self, values: Mask) -> Mask:
        """Return the labels in a part of a mask, which need not be the one here."""
        layer = self.layer
        return values if layer is None else layer.labels(values)

    def values(self, box: Box) -> NDArray[np.float32]:
        """Return the image over a box ``(z, y, x)``, modality units; luminance for colours.

        Raises RuntimeError where there is no image.
        """
        if self.image is None:
            raise RuntimeError("this surface has no image")
        stored = self.image[box_slices(box)]
        if stored.ndim == 4:
            grey: NDArray[np.float32] = (stored[..., :3] @ np.asarray(_LUMINANCE)).astype(
                np.float32
            )
            return grey
        values: NDArray[np.float32] = stored.astype(np.float32)
        values *= np.float32(self.slope)
        values += np.float32(self.intercept)
        return values

    def editable(self, box: Box, wanted: Mask | int) -> NDArray[np.bool_]:
        """Return where the rules let a label, or one a voxel, be written over a box."""
        found = self.mask[box_slices(box)]
        if not self.rules.bind:
            return np.ones(found.shape, np.bool_)
        return self._allowed(box, found, wanted)

    def recorder(self) -> EditRecorder:
        """Return what writes an edit under the rules."""
        return EditRecorder(self.mask, self._allowed if self.rules.bind else None, self.layer)

    def _allowed(self, box: Box, found: Mask, wanted: Mask | int) -> NDArray[np.bool_]:
        """Return where the rules let a label be written over a box where the mask holds this."""
        if self.layers is None:
            return self.rules.editable(box, found, wanted, self.values)
        before, in_area = self.labels_in(found), self.layers.in_area(found, self.rules)
        return self.rules.editable(box, before, wanted, self.values, in_area)

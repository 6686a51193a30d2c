"""What a model proposes for one object: shown in a live mask, changed, or taken away again."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.edit import Edit, box_slices, join_boxes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Mask
    from annotator.drawing.label_layers import Layer


class Proposal:
    """One object in a live mask ``(z, y, x)``; each proposal takes the place of the one before.

    What lay under an earlier one comes back where the next does not cover it. Nobody else may
    write to the mask meanwhile, but for undo and redo of its own edits.

    Parameters
    ----------
    value : int
        Label of the object.
    layer : Layer or None
        Its group, where labels of several may share a voxel.
    """

    name: ClassVar[str] = "prompt"

    def __init__(self, mask: Mask, *, value: int, layer: Layer | None = None) -> None:
        self._mask = mask
        self._layer = layer
        self.value = value
        self._box: Box | None = None
        self._under: Mask | None = None

    def show(self, box: Box, region: NDArray[np.bool_]) -> Edit | None:
        """Show the object where ``region`` over ``box`` is True; None where nothing changes."""
        joined = join_boxes(self._box, box) or box
        self._remember(joined)
        wanted = self._beneath()
        part = wanted[_within(box, joined)]
        drawn = self.value if self._layer is None else self._layer.drawn(part, self.value)[region]
        part[region] = drawn
        return self._write(joined, wanted)

    def withdraw(self) -> Edit | None:
        """Put back what lay under the object; None where nothing of it is shown."""
        if self._box is None:
            return None
        return self._write(self._box, self._beneath())

    def _remember(self, joined: Box) -> None:
        under = self._mask[box_slices(joined)].copy()
        if self._box is not None and self._under is not None:
            under[_within(self._box, joined)] = self._under
        self._box, self._under = joined, under

    def _beneath(self) -> Mask:
        if self._under is None:
            raise RuntimeError("nothing was shown yet")
        return self._under.copy()

    def _write(self, box: Box, wanted: Mask) -> Edit | None:
        live = self._mask[box_slices(box)]
        changed = np.argwhere(live != wanted)
        if not changed.size:
            return None
        low, high = changed.min(axis=0), changed.max(axis=0) + 1
        inside = tuple(slice(start, end) for start, end in zip(low, high, strict=True))
        before = live[inside].copy()
        live[...] = wanted
        z0, y0, x0 = (low + box[0]).tolist()
        z1, y1, x1 = (high + box[0]).tolist()
        return Edit(box=((z0, y0, x0), (z1, y1, x1)), before=before, after=wanted[inside].copy())


def _within(box: Box, outer: Box) -> tuple[slice, slice, slice]:
    z, y, x = (
        slice(first - start, last - start)
        for first, last, start in zip(*box, outer[0], strict=True)
    )
    return z, y, x

"""The contours of readings with the image around them, as contour detectors see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annotator.api import DrawnContour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.study import Case, Series
    from annotator.store import Store

    Mask = NDArray[np.unsignedinteger]

_MARGIN_VOX = 64.0
"""How far around what is drawn a detector may look, in voxels at their finest."""


class CutOut(NamedTuple):
    """The image of a case around everything drawn on it, and where it lies in the grid."""

    case: Case
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    box: tuple[slice, slice, slice]
    image: NDArray[np.float32]

    @property
    def start(self) -> tuple[int, int, int]:
        """The first voxel of the cut-out in the grid, ``(z, y, x)``."""
        z, y, x = (int(part.start) for part in self.box)
        return z, y, x

    def contours(self, mask: Mask) -> tuple[DrawnContour, ...]:
        """Return the contour of each label of a mask on the whole grid ``(z, y, x)``."""
        own = np.ascontiguousarray(mask[self.box])
        return tuple(
            DrawnContour(
                name=self.case.case_id,
                label=int(label),
                mask=own,
                image=self.image,
                spacing_mm=self.spacing_mm,
            )
            for label in np.unique(own[own > 0])
        )


def cut_out(store: Store, case: Case, series: Series, masks: Sequence[Mask]) -> CutOut | None:
    """Return the image around what any of the masks ``(z, y, x)`` holds, or None for nothing."""
    image = store.voxels(series.series_id)  # refuses a slide before anything of its size is made
    drawn = np.zeros(series.geometry.shape, np.bool_)
    for mask in masks:
        drawn |= mask != 0
    if not drawn.any():
        return None
    spacing_mm = series.geometry.spacing_mm
    in_slice = min(spacing_mm[1:])
    sides = []
    for axis, (size, step) in enumerate(zip(drawn.shape, spacing_mm, strict=True)):
        others = tuple(other for other in range(3) if other != axis)
        at = np.flatnonzero(drawn.any(axis=others))
        margin = int(np.ceil(_MARGIN_VOX * in_slice / step))
        sides.append(slice(max(0, int(at[0]) - margin), min(size, int(at[-1]) + margin + 1)))
    box = (sides[0], sides[1], sides[2])
    values = np.asarray(image[box], np.float32)
    return CutOut(
        case=case,
        shape=series.geometry.shape,
        spacing_mm=spacing_mm,
        box=box,
        image=values * np.float32(series.slope) + np.float32(series.intercept),
    )

"""What has to change for one mask to become another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.drawing.edit import box_slices
from annotator.drawing.operation import Change

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.drawing.edit import Mask


def change_to(wanted: Mask, now: Mask) -> Change | None:
    """Return the change that makes a mask ``(z, y, x)`` what is wanted; None where it is already.

    Goes slice by slice, so that nothing as large as the masks is made.
    """
    slices, low, high = [], np.array(now.shape[1:]), np.zeros(2, int)
    for z, (past, present) in enumerate(zip(wanted, now, strict=True)):
        differing = past != present
        if not differing.any():
            continue
        slices.append(z)
        for axis in (0, 1):
            places = np.flatnonzero(differing.any(axis=1 - axis))
            low[axis] = min(low[axis], places[0])
            high[axis] = max(high[axis], places[-1] + 1)
    if not slices:
        return None
    box: Box = (
        (slices[0], int(low[0]), int(low[1])),
        (slices[-1] + 1, int(high[0]), int(high[1])),
    )
    return Change(box=box, labels=wanted[box_slices(box)].copy())

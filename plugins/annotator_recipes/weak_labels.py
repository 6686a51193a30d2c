"""What boxes and scribbles say of each voxel: what is sure, and what is left open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def sure_of_weak(
    readings: Sequence[tuple[NDArray[np.uint8], Literal["boxes", "scribbles"]]], n_labels: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return which labels each voxel may have, ``(label, z, y, x)``, and where that is one.

    ``readings`` are masks ``(z, y, x)`` of label places with what their rater drew. Outside every
    box there is background; inside, the label of the box or background. A scribble is its label;
    where nothing was scribbled anything may be. The first part sums to 1: it is spread evenly over
    the labels that are left. Where readings contradict each other nothing is known.
    """
    shape = readings[0][0].shape
    may = np.ones((n_labels, *shape), np.bool_)
    for mask, kind in readings:
        drawn = mask == np.arange(n_labels, dtype=np.uint8)[:, None, None, None]
        if kind == "boxes":
            drawn[0] = True
            may &= drawn
        else:
            may &= drawn | (mask == 0)
    may[:, ~may.any(axis=0)] = True
    n_left = may.sum(axis=0)
    return (may / n_left).astype(np.float32), n_left == 1

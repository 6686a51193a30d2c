"""Outlines of what is drawn on one slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """A closed line around one part of a label: ``points`` ``(n, 2)``, pixels (row, column).

    Pixel centres lie at whole numbers; the line runs half way to the pixels outside, its first
    point is its last.
    """

    label: int
    points: NDArray[np.float64]


def outlines(section: NDArray[np.integer]) -> tuple[Outline, ...]:
    """Return the outlines of each label above 0 on a slice ``(rows, columns)``, holes included."""
    from skimage.measure import find_contours  # skimage takes a while to import

    rows, columns = np.flatnonzero(section.any(axis=1)), np.flatnonzero(section.any(axis=0))
    if rows.size == 0:
        return ()
    corner = (int(rows[0]), int(columns[0]))
    drawn = section[corner[0] : int(rows[-1]) + 1, corner[1] : int(columns[-1]) + 1]
    found: list[Outline] = []
    for value in np.unique(drawn):
        if value == 0:
            continue
        same = drawn == value
        box = ndimage.find_objects(same.view(np.uint8))[0]
        offset = np.array([part.start + first - 1 for part, first in zip(box, corner, strict=True)])
        padded = np.pad(same[box], 1).astype(np.float32)
        lines = find_contours(padded, 0.5)  # type: ignore[no-untyped-call]
        found.extend(Outline(label=int(value), points=line + offset) for line in lines)
    return tuple(found)

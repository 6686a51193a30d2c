"""Where two masks of a case differ, place by place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box

_EVERY_NEIGHBOUR = np.ones((3, 3, 3), np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A connected place (26 neighbours) where two masks differ.

    ``centre`` is one of its voxels, ``(z, y, x)``, in the slice that holds most of it; ``label`` is
    what most of it is in the first mask and ``other`` what it is in the second.
    """

    box: Box
    centre: tuple[int, int, int]
    n_voxels: int
    label: int
    other: int


def find_differences(
    first: NDArray[np.unsignedinteger], second: NDArray[np.unsignedinteger]
) -> tuple[Difference, ...]:
    """Return the places where two masks ``(z, y, x)`` differ, largest first."""
    differs = first != second
    outer = ndimage.find_objects(differs.view(np.uint8))
    if not outer:
        return ()
    start = np.array([part.start for part in outer[0]])
    pieces, _ = ndimage.label(differs[outer[0]], _EVERY_NEIGHBOUR)
    found = []
    for number, place in enumerate(ndimage.find_objects(pieces), start=1):
        inside = np.argwhere(pieces[place] == number)
        index = inside + [part.start for part in place] + start
        low, high = index.min(axis=0).tolist(), (index.max(axis=0) + 1).tolist()
        at = tuple(index.T)
        found.append(
            Difference(
                box=((low[0], low[1], low[2]), (high[0], high[1], high[2])),
                centre=_centre(index),
                n_voxels=len(index),
                label=int(np.bincount(first[at]).argmax()),
                other=int(np.bincount(second[at]).argmax()),
            )
        )
    found.sort(key=lambda entry: (-entry.n_voxels, entry.box))
    return tuple(found)


def _centre(index: NDArray[np.int64]) -> tuple[int, int, int]:
    z = int(np.bincount(index[:, 0]).argmax())
    inside = index[index[:, 0] == z]
    squared = ((inside[:, 1:] - inside[:, 1:].mean(axis=0)) ** 2).sum(axis=1)
    _, y, x = inside[int(squared.argmin())].tolist()
    return (z, y, x)

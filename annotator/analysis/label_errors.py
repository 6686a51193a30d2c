"""Places whose label two networks reject: what is likely drawn wrong, even where raters agree.

The networks were taught by each other's reliable pixels (after arXiv 2006.10990), so that neither
has learned the wrong labels by heart; a voxel is rejected where both do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis.dispute_words import label_name, size_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry
    from annotator.domain.schema import LabelSchema

    Floats = NDArray[np.float32]
    Mask = NDArray[np.unsignedinteger]

LEAST_DOUBT = 0.8
"""Both networks give the drawn label less than the rest."""
_MOST_PLACES = 20
_EVERY_WAY = np.ones((3, 3, 3), np.bool_)
_THICK = np.ones((1, 3, 3), np.bool_)
"""A place is at least this wide somewhere: networks waver by a pixel along every outline."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RejectedPlace:
    """A connected place that is drawn as one label where both networks see another.

    Attributes
    ----------
    drawn, proposed : int
        The label that was drawn, and the one that the networks give most of the place.
    position : ndarray
        Its voxels in the flattened grid, ascending, ``(voxel,)`` int64.
    doubt : float
        Mean over its voxels of one minus the most that either network gives the drawn label.
    """

    drawn: int
    proposed: int
    position: NDArray[np.int64]
    doubt: float


def doubt_of(mask: Mask, labels: Sequence[int], believed: Floats) -> Floats:
    """Return how far the label of each voxel is rejected, ``(z, y, x)`` from 0 to 1.

    ``believed`` is the most that either network gives each of ``labels``, ``(label, z, y, x)``. A
    label that the networks do not know is not doubted.
    """
    found = np.zeros(mask.shape, np.float32)
    for label, most in zip(labels, believed, strict=True):
        np.copyto(found, 1.0 - most, where=mask == label)
    return found


def find_rejected(
    mask: Mask,
    labels: Sequence[int],
    believed: Floats,
    *,
    among: NDArray[np.bool_] | None = None,
    least_doubt: float = LEAST_DOUBT,
) -> tuple[RejectedPlace, ...]:
    """Return where both networks reject what was drawn, the most of it first; 20 at most.

    ``mask`` is ``(z, y, x)``, ``believed`` as in `doubt_of`; only voxels ``among`` these count.
    """
    doubt = doubt_of(mask, labels, believed)
    rejected = doubt >= least_doubt
    if among is not None:
        rejected &= among
    if not rejected.any():
        return ()
    proposed = np.asarray(labels)[believed.argmax(axis=0)]
    places = []
    for label in labels:
        own = rejected & (mask == label)
        core = ndimage.binary_erosion(own, _THICK, border_value=1)
        thick = ndimage.binary_propagation(core, _EVERY_WAY, mask=own)
        number, _ = ndimage.label(thick, _EVERY_WAY)
        places += _places(number, label, proposed, doubt)
    places.sort(key=lambda one: (-one.doubt * len(one.position), int(one.position[0])))
    return tuple(places[:_MOST_PLACES])


def _places(
    number: NDArray[np.integer], drawn: int, proposed: NDArray[np.int64], doubt: Floats
) -> list[RejectedPlace]:
    flat = np.flatnonzero(number)
    own = number.reshape(-1)[flat]
    order = np.argsort(own, kind="stable")
    found = []
    for position in np.split(flat[order], np.flatnonzero(np.diff(own[order])) + 1):
        if not len(position):
            continue
        values, counts = np.unique(proposed.reshape(-1)[position], return_counts=True)
        found.append(
            RejectedPlace(
                drawn=drawn,
                proposed=int(values[counts.argmax()]),
                position=position,
                doubt=float(doubt.reshape(-1)[position].mean()),
            )
        )
    return found


def describe_rejected(
    place: RejectedPlace, geometry: Geometry, schema: LabelSchema, *, who: str
) -> str:
    """Return one sentence on a rejected place; ``who`` drew it, in words."""
    drawn, proposed = (
        "background" if value == 0 else label_name(schema, value)
        for value in (place.drawn, place.proposed)
    )
    size = size_in_words(len(place.position), geometry)
    return (
        f"{who} made this {drawn} ({size}); two networks that check each other see {proposed} "
        f"and give {drawn} {1 - place.doubt:.0%} at most, on average"
    )

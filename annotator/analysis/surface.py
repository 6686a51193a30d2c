"""Distances between raters' surfaces, all pairs at once.

What a number means depends on its definition: implementations differ by tenths of a millimetre on
the same masks. Each definition of :data:`DEFINITIONS` is that of a published package, and its name
goes with the number.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from annotator.analysis.sparse_array import is_large
from annotator.analysis.surface_elements import Spectrum, spectra_in_numpy
from annotator.analysis.surface_kernels import spectra_by_kernel
from annotator.domain.errors import UnknownNameError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.surface_elements import Spacing
    from annotator.analysis.votes import VoteRuns

SurfaceDefinition = Literal["surfels", "directed", "pooled"]

_EDGES = (
    "surfaces are the voxels with one of their six neighbours (in a picture four) outside, each "
    "counting 1; "
)
DEFINITIONS: dict[SurfaceDefinition, str] = {
    "surfels": (
        "surfel-weighted surfaces as in surface-distance 0.1: surface elements where 2 x 2 x 2 "
        "(in a picture 2 x 2) voxels are mixed, weighted by their marching-cubes area; HD95 is the "
        "larger of the two directed 95th percentiles, the mean distance is taken over the elements "
        "of both surfaces"
    ),
    "directed": (
        "edge voxels as in MONAI: " + _EDGES + "HD95 is the larger of the two directed 95th "
        "percentiles, the mean distance is taken over the voxels of both surfaces"
    ),
    "pooled": (
        "edge voxels as in medpy: " + _EDGES + "HD95 is the 95th percentile of the distances of "
        "both directions together, the mean distance is taken over the voxels of both surfaces"
    ),
}
"""Name → what it means, in words."""
DEFINITION = DEFINITIONS["surfels"]
_PERCENT = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceDistance:
    """How far two raters' surfaces of a label lie apart, mm; raters by column.

    ``surface_dice`` is the share of both surfaces that lies no farther than the tolerance from the
    other (Nikolov et al., J Med Internet Res 23 (2021) e26151); None where no tolerance was asked
    for. All are None where they are undefined because one of them, or both, did not draw the label.
    """

    first: int
    second: int
    hd95_mm: float | None
    mean_mm: float | None
    surface_dice: float | None = None


def surface_distances(
    votes: VoteRuns,
    label: int,
    spacing_mm: Spacing,
    *,
    definition: SurfaceDefinition = "surfels",
    tolerance_mm: float | None = None,
) -> tuple[SurfaceDistance, ...]:
    """Return the surface distances of every rater pair for one label.

    ``definition`` is a name in :data:`DEFINITIONS`; raises UnknownNameError for another.
    ``tolerance_mm`` is that of the surface Dice.
    """
    if definition not in DEFINITIONS:
        raise UnknownNameError("definition of surface distances", definition, tuple(DEFINITIONS))
    says, has_areas = votes.patterns == label, definition == "surfels"
    spectra = None
    if not is_large(votes.grid.shape):
        spectra = spectra_by_kernel(votes, says, spacing_mm, has_areas=has_areas)
    if spectra is None:
        spectra = spectra_in_numpy(votes, says, spacing_mm, has_areas=has_areas)
    found = []
    for first, second in itertools.combinations(range(says.shape[1]), 2):
        there, back = spectra[first][second], spectra[second][first]
        if there is None or back is None:
            pair = SurfaceDistance(first=first, second=second, hd95_mm=None, mean_mm=None)
        else:
            total = there.weight.sum() + back.weight.sum()
            sum_mm = there.distance @ there.weight + back.distance @ back.weight
            pair = SurfaceDistance(
                first=first,
                second=second,
                hd95_mm=_hd95(there, back, definition),
                mean_mm=float(sum_mm / total),
                surface_dice=None
                if tolerance_mm is None
                else float((_within(there, tolerance_mm) + _within(back, tolerance_mm)) / total),
            )
        found.append(pair)
    return tuple(found)


def _within(spectrum: Spectrum, tolerance_mm: float) -> float:
    return float(spectrum.weight[spectrum.distance <= tolerance_mm].sum())


def _hd95(there: Spectrum, back: Spectrum, definition: SurfaceDefinition) -> float:
    if definition == "surfels":
        return max(_covering(there), _covering(back))
    if definition == "directed":
        return max(_quantile(there), _quantile(back))
    distance = np.append(there.distance, back.distance)
    order = np.argsort(distance, kind="stable")
    return _quantile(Spectrum(distance[order], np.append(there.weight, back.weight)[order]))


def _covering(spectrum: Spectrum) -> float:
    """Return the distance that 95 % of the surface does not exceed."""
    share = np.cumsum(spectrum.weight) / spectrum.weight.sum()
    place = min(int(np.searchsorted(share, _PERCENT)), len(share) - 1)
    return float(spectrum.distance[place])


def _quantile(spectrum: Spectrum) -> float:
    """Return the 95th percentile of counted distances, between two of them where it falls so."""
    last: NDArray[np.float64] = np.cumsum(spectrum.weight) - 1
    rank = _PERCENT * float(last[-1])
    low, high = np.floor(rank), np.ceil(rank)
    below, above = spectrum.distance[np.searchsorted(last, [low, high])].tolist()
    return float(below + (above - below) * (rank - low))

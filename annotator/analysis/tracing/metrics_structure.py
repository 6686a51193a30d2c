"""Distances between two tracings as Vaa3D's ``neuron_distance`` and BigNeuron count them.

Peng et al., Nature Biotechnology 28 (2010) 348 (spatial distance, and the part of it that is
visible). Each edge is walked in steps of about one voxel, both ends included, so that a node
between two edges counts twice; each point's distance is to the nearest edge of the other tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.cable import Cable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureDistance:
    """Distances in the trees' unit, shares 0 to 1; None where a tree has no edge.

    Attributes
    ----------
    esa_test, esa_gold, esa : float or None
        Entire-structure average: the mean distance from the test's cable to the gold's, back, and
        the mean of the two.
    dsa : float or None
        Different-structure average: the same of the points that lie ``apart`` or farther; the one
        direction that has such points where the other has none, 0 where neither has.
    pds_test, pds_gold, pds : float or None
        Share of different structure: of the points that lie so far apart.
    """

    esa_test: float | None
    esa_gold: float | None
    esa: float | None
    dsa: float | None
    pds_test: float | None
    pds_gold: float | None
    pds: float | None


def structure_distance(
    test: Tree, gold: Tree, *, voxel: float = 1.0, apart: float = 2.0
) -> StructureDistance:
    """Return ESA, DSA and PDS of two trees; ``apart`` is in voxels, a voxel ``voxel`` units."""
    cables = Cable(test), Cable(gold)
    if not all((cable.lengths > 0).any() for cable in cables):
        return StructureDistance(
            esa_test=None, esa_gold=None, esa=None, dsa=None, pds_test=None, pds_gold=None, pds=None
        )
    there, back = (
        other.nearest(_walk(own, voxel)).distances for own, other in (cables, cables[::-1])
    )
    limit = apart * voxel
    far = [gaps[gaps >= limit] for gaps in (there, back)]
    averages = [float(gaps.mean()) for gaps in far if len(gaps)]
    shares = [float(np.mean(gaps >= limit)) for gaps in (there, back)]
    esa_test, esa_gold = float(there.mean()), float(back.mean())
    return StructureDistance(
        esa_test=esa_test,
        esa_gold=esa_gold,
        esa=(esa_test + esa_gold) / 2,
        dsa=sum(averages) / len(averages) if averages else 0.0,
        pds_test=shares[0],
        pds_gold=shares[1],
        pds=sum(shares) / 2,
    )


def _walk(cable: Cable, voxel: float) -> NDArray[np.float64]:
    """Return points along each edge, ends included, ``(point, 3)``."""
    n_points = (1.5 + cable.lengths / voxel).astype(np.int64)
    owners = np.repeat(np.arange(len(n_points)), n_points)
    number = np.arange(len(owners)) - np.repeat(np.cumsum(n_points) - n_points, n_points)
    fractions = number / np.maximum(n_points - 1, 1)[owners]
    points: NDArray[np.float64] = cable.starts[owners] + cable.steps[owners] * fractions[:, None]
    return points

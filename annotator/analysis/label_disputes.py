"""The disputed regions of one label, before they are put into words and ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.edges import Edges, find_edges
from annotator.analysis.hotspots import find_thick_parts
from annotator.analysis.segments import connect, cut_into_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns
    from annotator.domain.geometry import Geometry
    from annotator.domain.review import FindingKind

MOST_OBJECTS = 40
"""Objects of one label that get regions of their own, by disputed voxels."""
SPECK_VOXELS = 4
"""Objects up to this size are specks."""
DREW_SHARE = 0.1
"""A rater drew an object who marked at least this share of what the most generous one marked."""
_SAMPLE = 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draft:
    """A region before it is numbered: positions in the flattened grid, and their patterns."""

    label: int
    kind: FindingKind
    part: str
    """``object``, ``place`` (where outlines part), ``rim`` or ``specks``."""
    n_objects: int
    drew: NDArray[np.bool_]
    position: NDArray[np.int64]
    pattern: NDArray[np.int64]
    max_distance_mm: float | None


class LabelDisputes:
    """The disputes about one label: its objects, who drew each, and its disputed voxels."""

    def __init__(
        self, votes: VoteRuns, geometry: Geometry, label: int, claimed: NDArray[np.bool_]
    ) -> None:
        self.votes, self.label = votes, label
        self.spacing_mm = geometry.spacing_mm
        self.says = votes.patterns == label
        pieces = cut_into_rows(votes, self.says.any(axis=1))
        number = connect(pieces, votes.grid)
        n_objects = int(number.max()) + 1
        self.drawn = np.stack(
            [
                np.bincount(number, pieces.size * said[pieces.pattern], n_objects)
                for said in self.says.T
            ],
            axis=1,
        )
        self.drew = self.drawn >= np.maximum(1, DREW_SHARE * self.drawn.max(axis=1, keepdims=True))
        self.n_union = np.bincount(number, pieces.size, n_objects)
        own = claimed[pieces.pattern]
        rows = pieces.take(own)
        self.position = rows.voxels(votes.grid.shape[2])
        self.pattern = np.repeat(rows.pattern, rows.size)
        self.object = np.repeat(number[own], rows.size)
        self._edges: Edges | None = None
        self._trees: dict[int, cKDTree] = {}

    def drafts(self) -> list[Draft]:
        """Return the regions; together they hold every disputed voxel once."""
        n_disputed = np.bincount(self.object, minlength=len(self.n_union))
        ranked = np.argsort(-n_disputed, kind="stable")
        is_large = (self.n_union > SPECK_VOXELS) & (n_disputed > 0)
        kept = ranked[is_large[ranked]][:MOST_OBJECTS]
        found: list[Draft] = []
        along = np.argsort(self.object, kind="stable")
        bounds = np.searchsorted(self.object[along], np.arange(len(self.n_union) + 1))
        for number in kept.tolist():
            voxels = along[bounds[number] : bounds[number + 1]]
            if self.drew[number].all():
                found += self._boundary(number, voxels)
            else:
                found.append(self._draft("presence", "object", voxels, self.drew[number]))
        rest = np.flatnonzero(~np.isin(self.object, kept))
        if len(rest):
            n_rest = len(np.unique(self.object[rest]))
            everyone = np.ones(self.says.shape[1], np.bool_)
            found.append(self._draft("boundary", "specks", rest, everyone, n_objects=n_rest))
        return found

    def _boundary(self, number: int, voxels: NDArray[np.int64]) -> list[Draft]:
        """Split the disputed voxels of an object that everyone drew."""
        index = self._index(voxels)
        part = find_thick_parts(index, self.spacing_mm)
        found = []
        for place in np.unique(part).tolist():
            own = part == place
            distance = self._largest_distance_mm(voxels[own], index[own])
            name = "rim" if place == 0 else "place"
            found.append(
                self._draft("boundary", name, voxels[own], self.drew[number], distance=distance)
            )
        return found

    def _draft(
        self,
        kind: FindingKind,
        part: str,
        voxels: NDArray[np.int64],
        drew: NDArray[np.bool_],
        *,
        n_objects: int = 1,
        distance: float | None = None,
    ) -> Draft:
        return Draft(
            label=self.label,
            kind=kind,
            part=part,
            n_objects=n_objects,
            drew=drew,
            position=self.position[voxels],
            pattern=self.pattern[voxels],
            max_distance_mm=distance,
        )

    def _index(self, voxels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the array indices, ``(voxel, 3)``, of some of the disputed voxels."""
        return np.stack(np.unravel_index(self.position[voxels], self.votes.grid.shape), axis=1)

    def _largest_distance_mm(self, voxels: NDArray[np.int64], index: NDArray[np.int64]) -> float:
        """Return how far a voxel here lies from a rater who left it out, at most, in mm.

        Looked for on the outermost outline in the region, which is where it is reached. In a large
        region a sample finds which rater is farthest, then all voxels are held against that one.
        """
        if self._edges is None:
            self._edges = find_edges(self.votes, self.says)
            shape = self.votes.grid.shape
            self._outermost = np.sort(np.ravel_multi_index(tuple(self._edges.union.T), shape))
        position = self.position[voxels]
        place = np.searchsorted(self._outermost, position) % max(1, len(self._outermost))
        is_outer = self._outermost[place] == position
        if is_outer.any():
            voxels, index = voxels[is_outer], index[is_outer]
        sample = slice(None, None, -(-len(voxels) // _SAMPLE))
        by_rater = [
            self._distance_mm(rater, voxels[sample], index[sample])
            for rater in range(self.says.shape[1])
        ]
        farthest = int(np.argmax(by_rater))
        return max(by_rater[farthest], self._distance_mm(farthest, voxels, index))

    def _distance_mm(
        self, rater: int, voxels: NDArray[np.int64], index: NDArray[np.int64]
    ) -> float:
        left_out = ~self.says[self.pattern[voxels], rater]
        if not left_out.any() or self._edges is None:
            return 0.0
        if rater not in self._trees:
            points = self._edges.raters[rater] * self.spacing_mm
            self._trees[rater] = cKDTree(points, balanced_tree=False, compact_nodes=False)
        distance, _ = self._trees[rater].query(index[left_out] * self.spacing_mm)
        return float(np.max(distance))

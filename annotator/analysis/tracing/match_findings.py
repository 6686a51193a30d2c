"""Where several tracers of one neuron differ, as findings on each one's own tree."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from annotator.analysis.tracing.consensus_joints import KEPT, find_branches
from annotator.analysis.tracing.consensus_votes import rank_tracers, unite
from annotator.analysis.tracing.course import climb, finding_at, reach_out
from annotator.analysis.tracing.match import match_trees

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.tracing.consensus_joints import Branches
    from annotator.analysis.tracing.consensus_votes import Union
    from annotator.analysis.tracing.match import Fine, Matched
    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.tracing import Severity, TraceFinding

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

ONLY_SOME = "traced-by-some"
MISSING = "missing-branch"
ELSEWHERE = "joined-elsewhere"
_SHORT_PER_TOLERANCE = 2
_APART_PER_TOLERANCE = 3
_NEAR_PER_TOLERANCE = 4


def find_disputes(
    trees: Mapping[str, Tree], *, tolerance: float
) -> dict[str, tuple[TraceFinding, ...]]:
    """Return for each tracer where the others differ, by what is at stake; ``tolerance`` in µm.

    ``traced-by-some``: a branch that not all have begins; the probability is that it is not there.
    ``missing-branch``: one that this tracer has not, at the node nearest to where it begins; the
    impact is its own cable. ``joined-elsewhere``: this tracer goes from one branch to another where
    others have both and do not. What is shorter than twice the tolerance is no dispute.
    """
    names = tuple(sorted(trees))
    if len(names) < 2:
        return dict.fromkeys(names, ())
    matched = match_trees([trees[name] for name in names], tolerance=tolerance)
    ranks = rank_tracers(matched)
    matched = matched.in_order(ranks)
    ordered = tuple(names[rank] for rank in ranks)
    union = unite(matched)
    branches = find_branches(matched, union)
    found: dict[str, tuple[TraceFinding, ...]] = {}
    for tracer, name in enumerate(ordered):
        teller = _Teller(matched, union, branches, ordered, tracer)
        own = [*teller.only_some(), *teller.missing(), *teller.joined_elsewhere()]
        found[name] = tuple(sorted(own, key=lambda one: (-one.at_stake_um, one.node_id)))
    return {name: found[name] for name in names}


class _Teller:
    """Tells one tracer's differences."""

    def __init__(
        self,
        matched: Matched,
        union: Union,
        branches: Branches,
        names: Sequence[str],
        tracer: int,
    ) -> None:
        self._matched = matched
        self._union = union
        self._branches = branches
        self._names = names
        self._tracer = tracer
        self._fine: Fine = matched.trees[tracer]
        self._short = _SHORT_PER_TOLERANCE * matched.tolerance
        course = self._fine.course
        self._reach = _APART_PER_TOLERANCE * matched.tolerance
        self._outward = reach_out(course, self._reach)
        self._inward = climb(course, np.arange(len(course.tree)), self._reach)

    def only_some(self) -> list[TraceFinding]:
        """Return the branches of this tracer at whose beginning others stop."""
        course = self._fine.course
        shared = self._matched.shared[self._tracer]
        probability = self._union.belief.probability(shared)
        leaves = ~shared & shared[course.parents] & course.is_edge[:, None]
        # Nothing leads to the first edges: whoever has them not never came here.
        is_first = course.is_edge & ~course.is_edge[course.parents]
        leaves[is_first] = ~shared[is_first]
        rows = np.flatnonzero(leaves.any(axis=1) & (course.below_um >= self._short))
        found: list[TraceFinding] = []
        for row in rows.tolist():
            against = np.flatnonzero(leaves[row])
            wrong = 1.0 - float(probability[row])
            finding = self._finding(
                row,
                check=ONLY_SOME,
                probability=wrong,
                value=float(shared[row].mean()),
                impact_um=float(course.below_um[row]),
                why=f"{self._list(np.flatnonzero(shared[row]))} traced this branch; "
                f"{self._list(against)} stopped here or passed by.",
            )
            found.append(self._with_sides(finding, shared[row]))
        return found

    def missing(self) -> list[TraceFinding]:
        """Return the branches that this tracer has not; those that hang together are one."""
        union, pieces = self._union, self._branches.pieces
        cable = np.array([float(union.lengths[own].sum()) for own in pieces])
        has = self._shares(cable)
        lacks = has[:, self._tracer] <= KEPT
        groups = self._hanging_together(lacks)
        found: list[TraceFinding] = []
        if not len(self._fine.tree):
            return found
        for group in range(int(groups.max(initial=-1)) + 1):
            own = np.flatnonzero(groups == group)
            length = float(cable[own].sum())
            if length < self._short:
                continue
            first, place = self._beginning(own, lacks)
            votes = has[first] > KEPT
            likely = [union.lengths[pieces[one]] @ union.probability[pieces[one]] for one in own]
            finding = self._finding(
                self._nodes_at(place[None])[0],
                check=MISSING,
                probability=float(np.sum(likely)) / length,
                value=float(votes.mean()),
                impact_um=length,
                why=f"{self._list(np.flatnonzero(votes))} traced {length:.0f} µm that begin here; "
                f"{self._names[self._tracer]} did not.",
            )
            x, y, z = place.tolist()
            found.append(replace(self._with_sides(finding, votes), point_um=(x, y, z)))
        return found

    def joined_elsewhere(self) -> list[TraceFinding]:
        """Return where this tracer joins two branches that others have and do not join."""
        course = self._fine.course
        found: list[TraceFinding] = []
        for joint in self._branches.joints:
            if self._tracer not in joint.voters:
                continue
            places = np.stack([self._place(piece) for piece in joint.pieces])
            row = int(max(self._nodes_at(places), key=lambda node: course.root_um[node]))
            # Where branches meet all are near; a little farther on they have parted.
            ends = int(self._outward[row]), int(self._inward[row])
            says = [self._joins(tracer, ends) for tracer in range(len(self._names))]
            says[self._tracer] = True
            against = np.array([say is False for say in says])
            joins = np.array([say is True for say in says])
            if not against.any() or course.below_um[row] < self._short:
                continue
            trust = self._union.trust
            finding = self._finding(
                row,
                check=ELSEWHERE,
                probability=float(trust[against].sum() / trust[against | joins].sum()),
                value=float(joins.sum() / (against | joins).sum()),
                impact_um=float(course.below_um[row]),
                why=f"{self._list(np.flatnonzero(joins))} went on from one branch to another here; "
                f"{self._list(np.flatnonzero(against))} traced both and did not.",
            )
            found.append(self._with_sides(finding, joins))
        return self._apart(found)

    def _apart(self, findings: list[TraceFinding]) -> list[TraceFinding]:
        """Return findings without those that tell of the same place again."""
        kept: list[TraceFinding] = []
        for finding in sorted(findings, key=lambda one: (-one.at_stake_um, one.node_id)):
            gaps = [math.dist(finding.point_um, other.point_um) for other in kept]
            if min(gaps, default=math.inf) > self._reach:
                kept.append(finding)
        return kept

    def _joins(self, tracer: int, ends: tuple[int, int]) -> bool | None:
        """Tell whether a tracer goes from one node's edge to the other's; None: lacks one."""
        one, other = self._matched.beside[self._tracer][list(ends), tracer].tolist()
        if one < 0 or other < 0:
            return None
        course = self._matched.trees[tracer].course
        if course.piece[one] != course.piece[other]:
            return False
        limit = _NEAR_PER_TOLERANCE * self._matched.tolerance
        limit += float(abs(np.subtract(*self._fine.course.root_um[list(ends)])))
        way = 0.0
        while one != other and way <= limit:
            if course.depth[one] < course.depth[other]:
                one, other = other, one
            way += float(course.lengths[one])
            one = int(course.parents[one])
        return way <= limit

    def _nodes_at(self, places: Floats) -> list[int]:
        """Return the node of this tracer that is nearest to each place."""
        found = self._fine.cable.nearest(places)
        return [
            int(row if fraction < 0.5 else self._fine.course.parents[row])
            for row, fraction in zip(found.rows, found.fractions, strict=True)
        ]

    def _shares(self, cable: Floats) -> Floats:
        """Return how much of each branch each tracer has, ``(branch, tracer)``, 0 to 1."""
        union = self._union
        has = [
            np.bincount(self._branches.number, weights=union.lengths * votes, minlength=len(cable))
            for votes in union.votes.T
        ]
        shares: Floats = np.stack(has, axis=1) / np.maximum(cable, 1e-12)[:, None]
        return shares

    def _hanging_together(self, lacks: NDArray[np.bool_]) -> Rows:
        """Return a number for branches that are lacking and joined to each other; -1: not."""
        pairs = np.array(
            [joint.branches for joint in self._branches.joints if all(lacks[list(joint.branches)])],
            np.int64,
        ).reshape(-1, 2)
        graph = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(lacks),) * 2)
        parts = connected_components(graph, directed=False)[1]
        groups = np.full(len(lacks), -1)
        groups[lacks] = np.unique(parts[lacks], return_inverse=True)[1]
        return groups

    def _beginning(self, group: Rows, lacks: NDArray[np.bool_]) -> tuple[int, Floats]:
        """Return the branch of a group that hangs best on what the tracer has, and where."""
        members = set(group.tolist())
        best: tuple[float, int, int] | None = None
        for joint in self._branches.joints:
            for side in (0, 1):
                inside, outside = joint.branches[side], joint.branches[1 - side]
                if inside not in members or lacks[outside]:
                    continue
                if best is None or joint.support > best[0]:
                    best = joint.support, inside, joint.pieces[side]
        if best is not None:
            return best[1], self._place(best[2])
        likely = [float(self._union.probability[self._branches.pieces[one]].max()) for one in group]
        first = int(group[int(np.argmax(likely))])
        return first, self._place(int(self._branches.pieces[first][0]))

    def _place(self, piece: int) -> Floats:
        fine = self._matched.trees[int(self._union.tracers[piece])]
        place: Floats = fine.middles[int(self._union.rows[piece])]
        return place

    def _list(self, tracers: Rows) -> str:
        names = sorted(self._names[tracer] for tracer in tracers)
        return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

    def _with_sides(self, finding: TraceFinding, has: NDArray[np.bool_]) -> TraceFinding:
        names = np.array(self._names, object)
        return replace(
            finding,
            tracers_for=tuple(sorted(names[has])),
            tracers_against=tuple(sorted(names[~has])),
        )

    def _finding(
        self,
        row: int,
        *,
        check: str,
        probability: float,
        value: float,
        impact_um: float,
        why: str,
    ) -> TraceFinding:
        severity: Severity = "warning" if probability > KEPT else "hint"
        finding = finding_at(
            self._fine.course,
            [row],
            check=check,
            source="tracers",
            severity=severity,
            value=value,
            threshold=None,
            unit="share of tracers",
            probability=probability,
            why=why,
            impact_um=impact_um,
        )
        # Nodes that were put between are nobody's: the next one outwards is.
        node_id = int(self._fine.tree.ids[self._fine.origins[row]])
        return replace(finding, node_id=node_id, node_ids=(node_id,))

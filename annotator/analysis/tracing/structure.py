"""Checks of a tree's structure that see a node and its neighbours, one finding an event.

What one pass noticed at each node (`structure_scan`) is told here in words. Checks that must see
the whole tree are in `structure_whole`, `structure_beside` and `structure_crossings`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing import structure_scan as marks
from annotator.analysis.tracing.structure_scan import Scan, scan_tree
from annotator.analysis.tracing.tree import NO_PARENT, Tree, sum_below_in_order
from annotator.domain.tracing import TraceFinding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from annotator.domain.tracing import Severity

MOST_EVENTS = 1000
"""Findings of one check; the last of them says how many more there are."""
MOST_IDS = 1000
"""Nodes that one finding names."""
_MOST_ROWS = 20_000
"""Nodes that one check looks at more closely, those with most at stake."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """A tree that was looked over.

    ``below_um`` is the cable that hangs on each node, ``(node,)``; ``order`` the rows with parents
    first, without loops and all below (`parents_first`).
    """

    scan: Scan
    below_um: NDArray[np.float64]
    order: NDArray[np.int64]

    @property
    def tree(self) -> Tree:
        """The tree itself."""
        return self.scan.tree

    def rows(self, mark: int) -> list[int]:
        """Return the rows that bear a mark; of very many those on which most cable hangs."""
        return self.most_at_stake(np.flatnonzero(self.scan.marks & mark))

    def most_at_stake(self, rows: NDArray[np.int64]) -> list[int]:
        """Return rows in their order, of very many only those on which most cable hangs."""
        if len(rows) > _MOST_ROWS:
            order = np.argsort(-self.below_um[rows], kind="stable")
            rows = np.sort(rows[order[:_MOST_ROWS]])
        kept: list[int] = rows.tolist()
        return kept


def look(tree: Tree) -> Looked:
    """Look over a tree once for all checks of its structure."""
    scan = scan_tree(tree)
    below_um, order = sum_below_in_order(tree, np.nan_to_num(scan.lengths))
    return Looked(scan=scan, below_um=below_um, order=order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What findings of one check have in common."""

    check: str
    severity: Severity
    probability: float
    unit: str = ""


def tell(
    looked: Looked,
    kind: Kind,
    rows: Sequence[int],
    why: str,
    *,
    value: float | None = None,
    threshold: float | None = None,
    impact_um: float | None = None,
) -> TraceFinding:
    """Return a finding that begins at the first of these rows; its impact is the cable there."""
    tree, first = looked.tree, rows[0]
    x, y, z = tree.points[first].tolist()
    return TraceFinding(
        check=kind.check,
        source="structure",
        severity=kind.severity,
        node_id=int(tree.ids[first]),
        node_ids=tuple(int(tree.ids[row]) for row in rows[:MOST_IDS]),
        point_um=(x, y, z),
        value=value,
        threshold=threshold,
        unit=kind.unit,
        impact_um=float(looked.below_um[first]) if impact_um is None else impact_um,
        probability=kind.probability,
        why=why,
    )


def tops_of(tree: Tree, rows: Sequence[int]) -> dict[int, int]:
    """Return for each of these rows the topmost that it reaches over others of them.

    In a loop any of its rows is the topmost, the same for all. Outer rows come after their tops.
    """
    wanted, parents = set(rows), tree.parents
    tops: dict[int, int] = {}
    for row in rows:
        way: dict[int, None] = {}
        at = row
        while at in wanted and at not in tops and at not in way:
            way[at] = None
            at = int(parents[at])
        upwards = list(way)
        if upwards:
            top = tops.get(at, upwards[-1])
            tops.update(dict.fromkeys(reversed(upwards), top))
    return tops


def runs_of(looked: Looked, rows: Sequence[int]) -> list[list[int]]:
    """Return rows as events: those joined by edges are one, the one nearest the root first."""
    events: dict[int, list[int]] = {}
    for row, top in tops_of(looked.tree, rows).items():
        events.setdefault(top, []).append(row)
    return list(events.values())


def find_not_finite(looked: Looked) -> list[TraceFinding]:
    """Return nodes whose place is no number."""
    kind = Kind(check="not-finite", severity="error", probability=1.0)
    return [
        tell(
            looked,
            kind,
            run,
            f"{_nodes(run)} without a place: a coordinate is no number or absurd.",
        )
        for run in runs_of(looked, looked.rows(marks.NOT_FINITE))
    ]


def find_no_radius(looked: Looked) -> list[TraceFinding]:
    """Return nodes whose radius is 0, negative or no number."""
    kind = Kind(check="no-radius", severity="warning", probability=0.9, unit="µm")
    radii = looked.tree.radii
    return [
        tell(
            looked,
            kind,
            run,
            f"{_nodes(run)} with a radius of {radii[run[0]]:g}: a neurite has some.",
            value=float(radii[run[0]]),
            threshold=0.0,
        )
        for run in runs_of(looked, looked.rows(marks.NO_RADIUS))
    ]


def find_zero_lengths(looked: Looked) -> list[TraceFinding]:
    """Return nodes that lie where their parent lies."""
    kind = Kind(check="zero-length", severity="warning", probability=0.9, unit="µm")
    zero_um = looked.scan.limits.zero_um
    return [
        tell(
            looked,
            kind,
            run,
            f"{_nodes(run)} at the place of the parent: the edge has no length.",
            value=float(looked.scan.lengths[run[0]]),
            threshold=zero_um,
        )
        for run in runs_of(looked, looked.rows(marks.ZERO_LENGTH))
    ]


def find_gaps(looked: Looked) -> list[TraceFinding]:
    """Return edges that are far longer than the tree's others of their type."""
    kind = Kind(check="gap", severity="warning", probability=0.7, unit="µm")
    scan = looked.scan
    told = []
    for row in looked.rows(marks.GAP):
        times = scan.lengths[row] / max(scan.limits.median_um, 1e-300)
        told.append(
            tell(
                looked,
                kind,
                [row],
                f"An edge of {scan.lengths[row]:.1f} µm, {times:.0f} times the usual: "
                "something is missing in between, or it joins what does not belong together.",
                value=float(scan.lengths[row]),
                threshold=scan.gap_limit(row),
            )
        )
    return told


def find_multifurcations(looked: Looked) -> list[TraceFinding]:
    """Return nodes, roots and somata left out, with more children than a fork has."""
    kind = Kind(check="multifurcation", severity="warning", probability=0.5, unit="children")
    scan = looked.scan
    told = []
    for row in looked.rows(marks.MULTIFURCATION):
        children = scan.children_of(row)
        told.append(
            tell(
                looked,
                kind,
                [row, *children],
                f"{len(children)} branches leave one place: some begin elsewhere.",
                value=float(len(children)),
                threshold=float(scan.limits.most_children),
            )
        )
    return told


def find_spurs(looked: Looked) -> list[TraceFinding]:
    """Return side branches of one node that end inside what they leave.

    What goes on straightest is the neurite's own end, however short.
    """
    kind = Kind(check="spur", severity="hint", probability=0.6, unit="µm")
    scan = looked.scan
    return [
        tell(
            looked,
            kind,
            [row],
            f"A side branch of one node, {scan.lengths[row]:.2f} µm, ends inside the neurite that "
            "it leaves.",
            value=float(scan.lengths[row]),
            threshold=scan.spur_limit(row),
        )
        for row in looked.rows(marks.SPUR)
    ]


def find_type_changes(looked: Looked) -> list[TraceFinding]:
    """Return nodes where the type changes within a branch; what changes back is one event."""
    kind = Kind(check="type-change", severity="warning", probability=0.8)
    tree = looked.tree
    rows = looked.rows(marks.TYPE_CHANGE)
    changed = set(rows)
    told = []
    for row in rows:
        before, inside = int(tree.types[tree.parents[row]]), int(tree.parents[row])
        while inside not in changed and int(tree.types[inside]) == before:
            further = int(tree.parents[inside])
            if further in (NO_PARENT, row) or _is_fork(looked, further):
                break
            inside = further
        comes_back = inside in changed and tree.types[tree.parents[inside]] == tree.types[row]
        if not comes_back:
            told.append(
                tell(
                    looked,
                    kind,
                    [row],
                    f"The type changes from {before} to {tree.types[row]} within a branch.",
                    value=float(tree.types[row]),
                )
            )
    return told


def find_radius_jumps(looked: Looked) -> list[TraceFinding]:
    """Return single nodes much thicker, or thinner, than those before and all those behind.

    To the thinner of two radii is added what thin neurites have, itself at most: a radius that is
    one step of the measurement may be two.
    """
    kind = Kind(check="radius-jump", severity="warning", probability=0.8, unit="×")
    tree, limits = looked.tree, looked.scan.limits
    told = []
    for row in looked.rows(marks.RADIUS_JUMP):
        own, before = float(tree.radii[row]), float(tree.radii[tree.parents[row]])
        if not (own > 0 and before > 0):
            continue
        thinner = min(own, before)
        times = max(own, before) / (thinner + min(thinner, limits.thin_um))
        what = "thicker" if own > before else "thinner"
        told.append(
            tell(
                looked,
                kind,
                [row],
                f"This node alone is more than {times:.1f} times {what} than those beside it.",
                value=times,
                threshold=limits.radius_ratio,
            )
        )
    return told


def find_back_tracks(looked: Looked) -> list[TraceFinding]:
    """Return places where the path goes back over itself: it turns twice, or right back."""
    kind = Kind(check="back-track", severity="warning", probability=0.7, unit="°")
    scan = looked.scan
    told = []
    for run in runs_of(looked, looked.rows(marks.BACK_TRACK)):
        cosine = min(float(scan.cosines[child]) for child in scan.children_of(run[0]))
        angle = float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
        told.append(
            tell(
                looked,
                kind,
                run,
                f"The path turns by {angle:.0f}° and goes back along itself.",
                value=angle,
                threshold=scan.limits.back_deg,
            )
        )
    return told


def _is_fork(looked: Looked, row: int) -> bool:
    return int(looked.scan.starts[row + 1] - looked.scan.starts[row]) != 1


def _nodes(run: Sequence[int]) -> str:
    return "A node" if len(run) == 1 else f"{len(run):,} nodes in a row"


LOCAL_CHECKS: dict[str, Callable[[Looked], list[TraceFinding]]] = {
    "not-finite": find_not_finite,
    "no-radius": find_no_radius,
    "zero-length": find_zero_lengths,
    "gap": find_gaps,
    "multifurcation": find_multifurcations,
    "spur": find_spurs,
    "type-change": find_type_changes,
    "radius-jump": find_radius_jumps,
    "back-track": find_back_tracks,
}
"""Checks that see a node and those around it: `recheck` asks them again where a tree is edited."""


def capped(findings: Collection[TraceFinding]) -> list[TraceFinding]:
    """Return at most `MOST_EVENTS` findings, those with most at stake; the last tells of others."""
    if len(findings) <= MOST_EVENTS:
        return list(findings)
    ranked = sorted(findings, key=lambda finding: -finding.at_stake_um)
    last = ranked[MOST_EVENTS - 1]
    n_more = len(ranked) - MOST_EVENTS
    return [
        *ranked[: MOST_EVENTS - 1],
        replace(last, why=f"{last.why} At least {n_more:,} more of this kind are not listed."),
    ]

"""Repairs of a tracing: each answers some findings, has a name, and is done only if asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.structure_whole import same_places
from annotator.analysis.tracing.tree import NO_PARENT, Tree, child_lists, depths
from annotator.domain.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from annotator.domain.tracing import TraceFinding

Rows = list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A repair: the checks whose findings it answers, what it does in words, and how.

    ``run`` takes the tree and the rows where findings begin, and returns another tree.
    """

    checks: frozenset[str]
    title: str
    run: Callable[[Tree, Rows], Tree]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A repair that would answer so many findings of a tracing."""

    name: str
    title: str
    n_findings: int


def offers(findings: Collection[TraceFinding]) -> tuple[Offer, ...]:
    """Return the repairs that answer any of these findings, in the order in which they are done."""
    counts = {
        name: sum(finding.check in repair.checks for finding in findings)
        for name, repair in REPAIRS.items()
    }
    return tuple(
        Offer(name=name, title=REPAIRS[name].title, n_findings=count)
        for name, count in counts.items()
        if count
    )


def repair(tree: Tree, findings: Collection[TraceFinding], names: Collection[str]) -> Tree:
    """Return a tree with the named repairs done, where findings ask for them; nothing else changes.

    Nodes keep their ids. Raises UnknownNameError for a repair that does not exist.
    """
    for name in names:
        if name not in REPAIRS:
            raise UnknownNameError("repair", name, REPAIRS)
    for name, offered in REPAIRS.items():
        wanted = [node for one in findings if one.check in offered.checks for node in one.node_ids]
        if name in names and wanted:
            rows: Rows = np.flatnonzero(np.isin(tree.ids, wanted)).tolist()
            tree = offered.run(tree, rows)
    return tree


def _as_read(tree: Tree, rows: Rows) -> Tree:
    """Return the tree itself: its ids and parents are sound, only the file's text is not."""
    del rows
    return tree


def _cut_loops(tree: Tree, rows: Rows) -> Tree:
    parents = tree.parents.copy()
    left = set(rows)
    while left:
        # The first node of each loop, its longest edge, is the first row of its finding.
        is_in = depths(replace(tree, parents=parents)) < 0
        left = {row for row in left if is_in[row]}
        if left:
            points = tree.points
            longest = max(left, key=lambda row: _length(points, row, int(tree.parents[row])))
            parents[longest] = NO_PARENT
    return replace(tree, parents=parents)


def _length(points: NDArray[np.float64], row: int, up: int) -> float:
    return float(np.nan_to_num(np.linalg.norm(points[row] - points[up])))


def _fill_places(tree: Tree, rows: Rows) -> Tree:
    points = tree.points.copy()
    starts, children = child_lists(tree)
    for row in rows:
        beside = [*children[starts[row] : starts[row + 1]].tolist(), int(tree.parents[row])]
        known = [
            points[one] for one in beside if one != NO_PARENT and np.isfinite(points[one]).all()
        ]
        if known:
            points[row] = np.mean(known, axis=0)
    return replace(tree, points=points)


def _fill_radii(tree: Tree, rows: Rows) -> Tree:
    radii = tree.radii.copy()
    starts, children = child_lists(tree)
    left = {row for row in rows if not (radii[row] > 0 and np.isfinite(radii[row]))}
    while left:
        filled: dict[int, float] = {}
        for row in left:
            beside = [*children[starts[row] : starts[row + 1]].tolist(), int(tree.parents[row])]
            known = [radii[one] for one in beside if one != NO_PARENT and one not in left]
            known = [radius for radius in known if radius > 0 and np.isfinite(radius)]
            if known:
                filled[row] = float(np.mean(known))
        if not filled:
            break
        for row, radius in filled.items():
            radii[row] = radius
        left -= filled.keys()
    return replace(tree, radii=radii)


def _drop(tree: Tree, rows: Rows) -> Tree:
    """Return the tree without these nodes; their children hang on their parents."""
    is_dropped = np.zeros(len(tree), np.bool_)
    is_dropped[rows] = True
    is_dropped &= tree.parents != NO_PARENT
    parents = tree.parents.copy()
    for _ in range(len(rows)):
        hangs = (parents != NO_PARENT) & is_dropped[parents]
        if not hangs.any():
            break
        parents[hangs] = parents[parents[hangs]]
    kept = np.flatnonzero(~is_dropped)
    return _rows_of(replace(tree, parents=parents), kept)


def _join_roots(tree: Tree, rows: Rows) -> Tree:
    """Return the tree with roots hung on a node of another part that lies at the same place."""
    parents = tree.parents.copy()
    same = same_places(tree.points)
    for row in rows:
        if parents[row] != NO_PARENT:
            continue
        first = int(same[row]) if same[row] >= 0 else row
        for other in np.flatnonzero((same == first) | (np.arange(len(tree)) == first)).tolist():
            if other != row and not _is_below(parents, other, row):
                parents[row] = other
                break
    return replace(tree, parents=parents)


def _is_below(parents: NDArray[np.int64], row: int, other: int) -> bool:
    for _ in range(len(parents)):
        if row in (NO_PARENT, other):
            break
        row = int(parents[row])
    return row == other


def _sort(tree: Tree, rows: Rows) -> Tree:
    """Return the tree with each node after its parent, otherwise in the order that it had."""
    del rows
    starts, children = child_lists(tree)
    order: list[int] = []
    is_done = np.zeros(len(tree), np.bool_)
    waiting = np.flatnonzero(tree.parents == NO_PARENT)[::-1].tolist()
    while waiting:
        row = waiting.pop()
        order.append(row)
        is_done[row] = True
        waiting += children[starts[row] : starts[row + 1]][::-1].tolist()
    return _rows_of(tree, np.array([*order, *np.flatnonzero(~is_done).tolist()], np.int64))


def _rows_of(tree: Tree, rows: NDArray[np.int64]) -> Tree:
    """Return the tree of these rows, in this order; their parents are among them."""
    place = np.full(len(tree) + 1, NO_PARENT, np.int64)
    place[rows] = np.arange(len(rows))
    return Tree(
        ids=tree.ids[rows],
        types=tree.types[rows],
        points=tree.points[rows],
        radii=tree.radii[rows],
        parents=place[tree.parents[rows]],
    )


REPAIRS: dict[str, Repair] = {
    "rewrite-fields": Repair(
        checks=frozenset(
            {"duplicate-id", "odd-id", "missing-parent", "bad-field", "too-few-columns"}
        ),
        title="write lines that are wrong as they were understood, with ids of their own",
        run=_as_read,
    ),
    "cut-loops": Repair(
        checks=frozenset({"loop"}),
        title="cut each loop at its longest edge",
        run=_cut_loops,
    ),
    "fill-places": Repair(
        checks=frozenset({"not-finite"}),
        title="put nodes without a place between those beside them",
        run=_fill_places,
    ),
    "fill-radii": Repair(
        checks=frozenset({"no-radius"}),
        title="give nodes without a radius that of those beside them",
        run=_fill_radii,
    ),
    "drop-repeated": Repair(
        checks=frozenset({"zero-length"}),
        title="leave out nodes at the place of their parent",
        run=_drop,
    ),
    "drop-spurs": Repair(
        checks=frozenset({"spur"}),
        title="leave out side branches of one node",
        run=_drop,
    ),
    "join-roots": Repair(
        checks=frozenset({"fragment", "missing-parent"}),
        title="hang parts on the node at the place of their root, where there is one",
        run=_join_roots,
    ),
    "sort": Repair(
        checks=frozenset({"parent-after-child"}),
        title="write each node after its parent",
        run=_sort,
    ),
}
"""Repairs by name, in the order in which they are done."""

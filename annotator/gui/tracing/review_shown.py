"""What a reviewer is shown of tracings: trees, the part at stake, what verdicts make; no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.match_findings import MISSING
from annotator.analysis.tracing.tree import NO_PARENT
from annotator.gui.tracing.coloring import colored
from annotator.gui.tracing.shown import PlaceMark, ShownTree

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.trace_review import TraceItem, TraceOffer
    from annotator.domain.tracing import PointUm, TraceFinding
    from annotator.gui.tracing.coloring import ColorMode
    from annotator.session.trace_review import TracerReading

BASE, RESULT = "base", "result"
STAKE_COLOR, BELOW_COLOR = "#ff4d6d", "#ffa3b1"
ADDED_COLOR, GONE_COLOR, KEPT_COLOR = "#4ade80", "#ff5a4f", "#ffd84d"
_MARKED_PX = 5.0
_LEAST_UM, _MOST_UM = 15.0, 50.0
_SHARE = 1.2
"""Of the distance to what matters: a view shows about three times what it is to frame."""


def shown_reading(
    reading: TracerReading, mode: ColorMode, findings: Sequence[TraceFinding]
) -> ShownTree:
    """Return a tracing as it is painted: the reviewed one by the mode, others faded."""
    tree = reading.tree
    palette, codes = colored(
        tree,
        mode if reading.is_base else "plain",
        plain=reading.color,
        findings=findings if mode == "finding" else (),
    )
    return ShownTree(
        key=BASE if reading.is_base else reading.rater_id,
        points=tree.points,
        parents=tree.parents,
        radii=tree.radii,
        palette=palette,
        codes=codes,
        width_px=2.4 if reading.is_base else 1.6,
        is_faded=not reading.is_base,
        is_pickable=reading.is_base,
    )


def shown_part(
    key: str,
    tree: Tree,
    rows: NDArray[np.int64],
    palette: tuple[str, ...],
    codes: NDArray[np.uint8] | None = None,
    *,
    width_px: float = _MARKED_PX,
    is_faded: bool = False,
) -> ShownTree:
    """Return the edges above some nodes as a tree of their own; ``codes`` is ``(rows,)``."""
    ends = np.unique(np.concatenate([rows, tree.parents[rows][tree.parents[rows] != NO_PARENT]]))
    place = np.full(len(tree) + 1, NO_PARENT)
    place[ends] = np.arange(len(ends))
    parents = np.full(len(ends), NO_PARENT)
    # The last place stands for no parent.
    parents[place[rows]] = place[tree.parents[rows]]
    own = np.zeros(len(ends), np.uint8)
    if codes is not None:
        own[place[rows]] = codes
    return ShownTree(
        key=key,
        points=tree.points[ends],
        parents=parents,
        radii=tree.radii[ends],
        palette=palette,
        codes=own,
        width_px=width_px,
        is_faded=is_faded,
        is_pickable=False,
    )


def rows_of(tree: Tree, node_ids: Collection[int]) -> NDArray[np.int64]:
    """Return the rows of nodes by id; those that the tree has not are left out."""
    return np.flatnonzero(np.isin(tree.ids, np.fromiter(node_ids, np.int64, len(node_ids))))


def rows_below(tree: Tree, row: int) -> NDArray[np.int64]:
    """Return the rows of a node and of all below it."""
    n_nodes = len(tree)
    ahead = np.append(np.where(tree.parents == NO_PARENT, n_nodes, tree.parents), n_nodes)
    meets = np.zeros(n_nodes + 1, np.bool_)
    meets[row] = True
    # Pointers double; a loop has no end, but after so many turns all of it was met.
    for _ in range(max(1, n_nodes).bit_length()):
        meets |= meets[ahead]
        ahead = ahead[ahead]
    return np.flatnonzero(meets[:-1])


def stake_of(tree: Tree, item: TraceItem) -> ShownTree:
    """Return what is at stake at a place: the nodes concerned, and what hangs on them."""
    concerned = rows_of(tree, item.reasons[0].node_ids)
    chosen = concerned
    own = rows_of(tree, (item.node_id,))
    if len(own) and item.reasons[0].check != MISSING:
        chosen = np.union1d(concerned, rows_below(tree, int(own[0])))
    is_beside = ~np.isin(chosen, concerned)
    return shown_part("stake", tree, chosen, (STAKE_COLOR, BELOW_COLOR), is_beside.astype(np.uint8))


def offer_of(reading: TracerReading, base: Tree, offer: TraceOffer) -> ShownTree:
    """Return a branch that could be taken, with the edge by which it would hang on the tree."""
    tree = reading.tree
    joint, rows = rows_of(base, (offer.to_id,)), rows_of(tree, offer.node_ids)
    place = np.full(len(tree) + 1, 0)
    place[rows] = np.arange(1, len(rows) + 1)
    parents = np.where(tree.parents[rows] == NO_PARENT, 0, place[tree.parents[rows]])
    return ShownTree(
        key="offer",
        points=np.concatenate([base.points[joint], tree.points[rows]]),
        parents=np.append(NO_PARENT, parents),
        radii=np.concatenate([base.radii[joint], tree.radii[rows]]),
        palette=(reading.color,),
        width_px=_MARKED_PX,
        is_pickable=False,
    )


def shown_result(base: Tree, result: Tree) -> tuple[ShownTree, ...]:
    """Return the tree that verdicts make, what is new in it marked, and what it lost, faded."""
    order = np.argsort(base.ids, kind="stable")
    place = np.minimum(np.searchsorted(base.ids[order], result.ids), max(0, len(base) - 1))
    at = order[place] if len(base) else place
    is_old = (base.ids[at] == result.ids) if len(base) else np.zeros(len(result), np.bool_)
    is_old &= _parent_ids(result) == (_parent_ids(base)[at] if len(base) else 0)
    kept = ShownTree(
        key=RESULT,
        points=result.points,
        parents=result.parents,
        radii=result.radii,
        palette=(KEPT_COLOR, ADDED_COLOR),
        codes=(~is_old).astype(np.uint8),
        width_px=2.6,
        is_pickable=False,
    )
    gone = np.flatnonzero(~np.isin(base.ids, result.ids))
    if not len(gone):
        return (kept,)
    lost = shown_part("gone", base, gone, (GONE_COLOR,), width_px=2.0, is_faded=True)
    return lost, kept


def _parent_ids(tree: Tree) -> NDArray[np.int64]:
    return np.where(tree.parents == NO_PARENT, NO_PARENT, tree.ids[tree.parents])


def marks_of(
    items: Sequence[TraceItem], decided: Collection[int], current: int | None
) -> tuple[PlaceMark, ...]:
    """Return the places that are open, and the one that is looked at."""
    return tuple(
        PlaceMark(
            point_um=item.point_um,
            severity=item.severity,
            is_selected=item.region == current,
        )
        for item in items
        if item.region == current or item.region not in decided
    )


def extent_um(points: Sequence[NDArray[np.float64]], place_um: PointUm) -> float:
    """Return what a view is to frame about a place so that these points ``(point, 3)`` are seen."""
    reach = np.abs(np.concatenate([np.array([place_um]), *points]) - np.array(place_um))
    reach = reach[np.isfinite(reach).all(axis=1)]
    return float(np.clip(_SHARE * reach.max(initial=0.0), _LEAST_UM, _MOST_UM))

"""The adjudicated tracing: what verdicts make of the one that was reviewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.editable import NO_NODES, EditableTree, Nodes, TraceEdit, nodes_of
from annotator.analysis.tracing.tree import NO_PARENT
from annotator.domain.errors import AnnotatorError
from annotator.drawing.tracing.connect import reattach
from annotator.drawing.tracing.delete import delete_subtree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.trace_review import TraceVerdict


def adjudicate(base: Tree, verdicts: Sequence[TraceVerdict], trees: Mapping[str, Tree]) -> Tree:
    """Return the tree that verdicts make of a tracing; the tracings themselves stay as they are.

    First all branches that are taken from other tracings are added, then parts are connected
    elsewhere, then cut parts are taken away with what hangs on them: the order in which verdicts
    were given does not matter, but where two connect each other's parts in a loop. ``keep`` and
    ``uncertain`` change nothing. ``trees`` holds the other tracings by annotation id.

    Raises AnnotatorError, with the reason, where a verdict cannot be done.
    """
    tree = EditableTree(base)
    ordered = sorted(verdicts, key=lambda verdict: verdict.region)
    for verdict in ordered:
        if verdict.choice == "take":
            tree.apply(_taken(tree, verdict, trees[verdict.annotation_id or ""]))
    for verdict in ordered:
        if verdict.choice == "connect":
            if verdict.to_id is None:
                raise AnnotatorError(f"finding {verdict.region}: connect to which node?")
            tree.apply(reattach(tree, verdict.node_id, verdict.to_id))
    for verdict in ordered:
        # It may have gone already, with a part above it.
        if verdict.choice == "cut" and verdict.node_id in tree:
            tree.apply(delete_subtree(tree, verdict.node_id))
    return tree.tree()


def _taken(tree: EditableTree, verdict: TraceVerdict, other: Tree) -> TraceEdit:
    """Return the edit that adds a branch of another tracing, under new ids."""
    if verdict.to_id is None or not verdict.taken:
        raise AnnotatorError(f"finding {verdict.region}: take which branch, and onto which node?")
    tree.nodes([verdict.to_id])
    source = EditableTree(other).nodes(verdict.taken)
    new_ids = {old: tree.next_id + at for at, old in enumerate(source.ids.tolist())}
    parent_ids = [new_ids.get(parent_id, verdict.to_id) for parent_id in source.parent_ids.tolist()]
    after = Nodes(
        ids=np.array(list(new_ids.values()), np.int64),
        types=source.types,
        points=source.points,
        radii=source.radii,
        parent_ids=np.array(parent_ids, np.int64),
    )
    return TraceEdit(before=NO_NODES, after=after)


def open_ends(base: Tree, verdicts: Sequence[TraceVerdict]) -> tuple[TraceVerdict, ...]:
    """Return the verdicts that left something to look at again: all uncertain ones.

    Ends of the tree first: where tracing may have to go on.
    """
    nodes = nodes_of(base)
    inner = set(nodes.parent_ids.tolist()) - {NO_PARENT}
    left = [verdict for verdict in verdicts if verdict.choice == "uncertain"]
    return tuple(sorted(left, key=lambda verdict: (verdict.node_id in inner, verdict.region)))

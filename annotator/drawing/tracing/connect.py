"""Joining two parts of a tracing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.editable import TraceEdit
from annotator.domain.errors import AnnotatorError
from annotator.drawing.tracing.reroot import reroot

if TYPE_CHECKING:
    from annotator.analysis.tracing.editable import EditableTree


def connect(tree: EditableTree, node_id: int, to_id: int) -> TraceEdit:
    """Hang the part that a node is in on another part, by an edge from the node to ``to_id``.

    The node becomes the root of its part first. Raises AnnotatorError where both are in one part
    already: the edge would close a loop.
    """
    there = tree.to_root(to_id)
    if there[-1] == tree.to_root(node_id)[-1]:
        raise AnnotatorError(
            f"nodes {node_id} and {to_id} are connected already; another edge between them would "
            "close a loop. Cut the wrong edge first"
        )
    turned = reroot(tree, node_id)
    parent_ids = turned.after.parent_ids.copy()
    parent_ids[0] = to_id
    return TraceEdit(before=turned.before, after=replace(turned.after, parent_ids=parent_ids))


def reattach(tree: EditableTree, node_id: int, to_id: int) -> TraceEdit:
    """Hang a node, with all below it, on another node instead of its parent.

    Raises AnnotatorError where the other one is below it: the edge would close a loop.
    """
    before = tree.nodes([node_id])
    if tree.is_below(to_id, node_id):
        raise AnnotatorError(
            f"node {to_id} hangs on node {node_id}; hung on it in turn, both would be in a loop"
        )
    return TraceEdit(before=before, after=replace(before, parent_ids=np.array([to_id])))

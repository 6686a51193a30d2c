"""Putting a node into an edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.editable import Nodes, TraceEdit
from annotator.analysis.tracing.tree import NO_PARENT
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.analysis.tracing.editable import EditableTree
    from annotator.domain.tracing import PointUm


def insert_node(tree: EditableTree, node_id: int, point_um: PointUm) -> TraceEdit:
    """Put a node between a node and its parent; it has the node's type and radius."""
    before = tree.nodes([node_id])
    if tree.parent(node_id) == NO_PARENT:
        raise AnnotatorError(f"node {node_id} is a root: there is no edge above it")
    new_id = tree.next_id
    after = Nodes(
        ids=np.array([node_id, new_id]),
        types=np.repeat(before.types, 2),
        points=np.concatenate([before.points, np.array([point_um], np.float64)]),
        radii=np.repeat(before.radii, 2),
        parent_ids=np.array([new_id, tree.parent(node_id)]),
    )
    return TraceEdit(before=before, after=after)

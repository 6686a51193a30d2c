"""Cutting an edge."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.editable import TraceEdit
from annotator.analysis.tracing.tree import NO_PARENT
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.analysis.tracing.editable import EditableTree


def cut(tree: EditableTree, node_id: int) -> TraceEdit:
    """Part a node from its parent: with all that hangs on it, it becomes a part of its own."""
    before = tree.nodes([node_id])
    if tree.parent(node_id) == NO_PARENT:
        raise AnnotatorError(f"node {node_id} is a root: there is no edge to cut")
    return TraceEdit(before=before, after=replace(before, parent_ids=np.array([NO_PARENT])))

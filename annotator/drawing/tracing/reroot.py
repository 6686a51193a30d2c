"""Making another node the root."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.editable import TraceEdit
from annotator.analysis.tracing.tree import NO_PARENT
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.analysis.tracing.editable import EditableTree


def reroot(tree: EditableTree, node_id: int) -> TraceEdit:
    """Make a node the root of its part: the edges from it to the old root are turned round.

    Raises AnnotatorError in and below a loop, where there is no root.
    """
    path = tree.to_root(node_id)
    if tree.parent(path[-1]) != NO_PARENT:
        raise AnnotatorError(
            f"node {node_id} hangs on a loop, which has no root; cut the loop open first"
        )
    before = tree.nodes(path)
    above = np.array([NO_PARENT, *path[:-1]], np.int64)
    return TraceEdit(before=before, after=replace(before, parent_ids=above))

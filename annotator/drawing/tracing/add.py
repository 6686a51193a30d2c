"""Adding nodes: one, or a path of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.editable import NO_NODES, Nodes, TraceEdit
from annotator.analysis.tracing.tree import NO_PARENT
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.editable import EditableTree


def add_path(
    tree: EditableTree,
    points: NDArray[np.float64],
    *,
    parent_id: int | None,
    radii: NDArray[np.float64] | float = 1.0,
    node_type: int = 0,
) -> TraceEdit:
    """Add nodes one after the other, ``(node, 3)`` x, y, z in µm, the first one on a parent.

    Without ``parent_id`` the first becomes a root. Ids are ``tree.next_id`` and those after it.
    """
    n_nodes = len(points)
    if n_nodes == 0:
        raise AnnotatorError("there is nothing to add: the path has no points")
    if not np.isfinite(points).all():
        raise AnnotatorError("a path must have coordinates that are numbers")
    if parent_id is not None:
        tree.nodes([parent_id])
    ids = np.arange(tree.next_id, tree.next_id + n_nodes)
    parent_ids = ids - 1
    parent_ids[0] = NO_PARENT if parent_id is None else parent_id
    after = Nodes(
        ids=ids,
        types=np.full(n_nodes, node_type, np.int32),
        points=np.array(points, np.float64),
        radii=np.broadcast_to(np.asarray(radii, np.float64), (n_nodes,)).copy(),
        parent_ids=parent_ids,
    )
    return TraceEdit(before=NO_NODES, after=after)

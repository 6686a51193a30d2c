"""Taking nodes away: some of them, or one with all that hangs on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.editable import NO_NODES, TraceEdit
from annotator.analysis.tracing.tree import NO_PARENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.tracing.editable import EditableTree


def delete_nodes(tree: EditableTree, node_ids: Sequence[int]) -> TraceEdit:
    """Take nodes away; what hung on them hangs on the nearest node above that stays.

    Where none stays above, it becomes a root.
    """
    gone = dict.fromkeys(node_ids)
    tree.nodes(list(gone))
    orphans = [child for node_id in gone for child in tree.children(node_id) if child not in gone]
    changed = tree.nodes(orphans)
    parent_ids = [_staying(tree, node_id, gone) for node_id in orphans]
    return TraceEdit(
        before=tree.nodes([*gone, *orphans]),
        after=replace(changed, parent_ids=np.array(parent_ids, np.int64)),
    )


def delete_subtree(tree: EditableTree, node_id: int) -> TraceEdit:
    """Take a node away with all that hangs on it."""
    return TraceEdit(before=tree.nodes(tree.subtree(node_id)), after=NO_NODES)


def _staying(tree: EditableTree, node_id: int, gone: dict[int, None]) -> int:
    """Return the nearest node above that is not taken away, or ``NO_PARENT``."""
    for above in tree.to_root(node_id)[1:]:
        if above not in gone:
            return above
    return NO_PARENT

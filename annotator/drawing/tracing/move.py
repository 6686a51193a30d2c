"""Moving nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.editable import TraceEdit
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.tracing.editable import EditableTree


def move_nodes(
    tree: EditableTree, node_ids: Sequence[int], points: NDArray[np.float64]
) -> TraceEdit:
    """Give nodes other places, ``(node, 3)`` x, y, z in µm, in the order of ``node_ids``."""
    if not np.isfinite(points).all():
        raise AnnotatorError("a node can only be moved to coordinates that are numbers")
    before = tree.nodes(node_ids)
    return TraceEdit(before=before, after=replace(before, points=np.array(points, np.float64)))

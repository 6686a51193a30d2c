"""Setting what is said of nodes: their type and radius."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.editable import TraceEdit
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.tracing.editable import EditableTree


def set_type(tree: EditableTree, node_ids: Sequence[int], node_type: int) -> TraceEdit:
    """Give nodes a type, as SWC counts them."""
    before = tree.nodes(node_ids)
    types = np.full(len(before), node_type, np.int32)
    return TraceEdit(before=before, after=replace(before, types=types))


def set_radius(tree: EditableTree, node_ids: Sequence[int], radius_um: float) -> TraceEdit:
    """Give nodes a radius, µm."""
    if not (math.isfinite(radius_um) and radius_um >= 0):
        raise AnnotatorError(f"a radius must be 0 µm or more; got {radius_um}")
    before = tree.nodes(node_ids)
    return TraceEdit(before=before, after=replace(before, radii=np.full(len(before), radius_um)))

"""Numbers that describe each node of a tracing: what a judge of right and wrong learns from.

They come from the image around the node, from the tree's course, from what the checks say, and
from the means of all that along the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.checks import check_tree
from annotator.analysis.tracing.course import trace_course
from annotator.analysis.tracing.features_context import CONTEXTS, gather_context
from annotator.analysis.tracing.features_course import describe_course
from annotator.analysis.tracing.features_image import describe_image
from annotator.analysis.tracing.sound import sound_tree
from annotator.analysis.tracing.tree import NO_PARENT, make_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree
    from annotator.analysis.tracing.volume import ImageLike
    from annotator.domain.tracing import TraceFinding

    Floats = NDArray[np.float64]

_SOURCES = ("structure", "shape", "image")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeFeatures:
    """What is known of each node.

    Attributes
    ----------
    names : tuple of str
        What each column is. With an image there are more than without one.
    values : ndarray
        ``(node, feature)`` float32, finite; 0 for nodes whose place is no number.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]


def describe_nodes(
    tree: Tree, image: ImageLike | None, findings: Sequence[TraceFinding] | None = None
) -> NodeFeatures:
    """Return the features of a tree's nodes.

    ``findings`` are what `check_tree` returns of the same tree and image, where that is known.
    """
    sound = sound_tree(tree)
    if not len(sound):
        nowhere = make_tree(np.zeros((1, 3)), np.array([NO_PARENT]))
        names = describe_nodes(nowhere, image, ()).names
        return NodeFeatures(names=names, values=np.zeros((len(tree), len(names)), np.float32))
    told = check_tree(sound, image) if findings is None else findings
    course = trace_course(sound)
    found = describe_course(course)
    found.update(_checks(sound, told))
    if image is not None:
        found.update(describe_image(course, image))
    own = np.stack(list(found.values()), axis=1)
    around = gather_context(course, own).reshape(len(sound), -1)
    values = np.zeros((len(tree), own.shape[1] * (1 + len(CONTEXTS))), np.float32)
    values[np.isin(tree.ids, sound.ids)] = np.concatenate([own, around], axis=1)
    names = (*found, *(f"{name}, {where}" for where in CONTEXTS for name in found))
    return NodeFeatures(names=names, values=values)


def _checks(tree: Tree, findings: Sequence[TraceFinding]) -> dict[str, Floats]:
    """Return, by source, how likely findings that cover or begin at each node are right."""
    order = np.argsort(tree.ids)
    ids = tree.ids[order]
    found = {
        f"{word} {source}": np.zeros(len(tree)) for source in _SOURCES for word in ("in", "at")
    }
    for finding in findings:
        if finding.source not in _SOURCES or not len(ids):
            continue
        for word, nodes in (("in", finding.node_ids), ("at", (finding.node_id,))):
            asked = np.asarray(nodes, np.int64)
            place = np.minimum(np.searchsorted(ids, asked), len(ids) - 1)
            rows = order[place[ids[place] == asked]]
            values = found[f"{word} {finding.source}"]
            values[rows] = np.maximum(values[rows], finding.probability)
    return found

"""Small made neurons with their volumes, traced with branches that lead into the dark."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from annotator.analysis.tracing.simulate_tracers import TracerSkill, grow_neuron, trace_as
from annotator.analysis.tracing.tree import Tree, make_tree
from annotator.api.tracing import TracedImage, TracedNeuron, TraceLesson

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPACING_UM = (2.0, 1.0, 1.0)
_MARGIN_UM = 14.0


@cache
def spoiled(number: int) -> TraceLesson:
    """Return a traced neuron with three false branches, and which nodes are theirs."""
    grown = grow_neuron(number, n_sections=7, section_um=28.0)
    points = grown.points * (1.0, 1.0, 0.4)
    truth = replace(grown, points=points - points.min(axis=0) + _MARGIN_UM)
    skill = TracerSkill(sensitivity=1.0, n_false=3, false_um=24.0, jitter_um=0.3)
    traced = trace_as(truth, skill, number)
    image = TracedImage(voxels=_picture(truth, number), spacing_um=SPACING_UM)
    neuron = TracedNeuron(
        name=f"made {number}",
        points=traced.points,
        radii=traced.radii,
        parents=traced.parents,
        image=image,
    )
    return TraceLesson(traced=neuron, is_wrong=np.arange(len(traced)) >= len(truth))


def tree_of(traced: TracedNeuron) -> Tree:
    """Return a traced neuron as a tree."""
    return make_tree(traced.points, traced.parents, radii=traced.radii)


def _picture(tree: Tree, number: int) -> NDArray[np.uint8]:
    shape = np.ceil((tree.points.max(axis=0) + _MARGIN_UM)[::-1] / SPACING_UM).astype(int)
    drawn = np.zeros(tuple(shape), np.float32)
    there = np.maximum(tree.parents, 0)
    for share in (0.0, 0.3, 0.6, 0.9):
        places = tree.points * (1 - share) + tree.points[there] * share
        drawn[tuple(np.rint(places[:, ::-1] / SPACING_UM).astype(int).T)] = 1.0
    bright = 400 * gaussian_filter(drawn, (0.6, 1.1, 1.1)) + 12
    noise = np.sqrt(bright) * np.random.default_rng(number).standard_normal(drawn.shape)
    picture: NDArray[np.uint8] = np.clip(bright + noise, 0, 255).astype(np.uint8)
    return picture

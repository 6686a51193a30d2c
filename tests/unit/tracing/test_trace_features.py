"""What is told of each node: the same whatever the image's brightness, and of any tree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annotator.analysis.tracing.course import trace_course
from annotator.analysis.tracing.features import describe_nodes
from annotator.analysis.tracing.features_context import CONTEXTS, gather_context, sum_above
from annotator.analysis.tracing.simulate_tracers import grow_neuron
from annotator.analysis.tracing.tree import NO_PARENT
from annotator.api.tracing import TracedImage
from tests.unit.tracing.spoiled_neurons import spoiled, tree_of

pytestmark = pytest.mark.unit


def test_brightness_and_place_do_not_matter() -> None:
    traced = spoiled(0).traced
    tree, image = tree_of(traced), traced.image
    assert image is not None
    known = describe_nodes(tree, image, ())
    brighter = replace(image, voxels=2.0 * image.voxels.astype(np.float32))
    assert known.names == describe_nodes(tree, brighter, ()).names
    assert np.allclose(known.values, describe_nodes(tree, brighter, ()).values, atol=2e-3)
    pad = ((3, 0), (5, 0), (7, 0))
    moved = replace(image, voxels=np.pad(image.voxels, pad, mode="edge"))
    z, y, x = image.spacing_um
    there = replace(tree, points=tree.points + np.array([7 * x, 5 * y, 3 * z]))
    away = np.abs(describe_nodes(there, moved, ()).values - known.values)
    # Ridges are measured in blocks whose rims lie elsewhere now.
    assert np.quantile(away, 0.95) < 0.05


def test_a_false_branch_looks_dark() -> None:
    lesson = spoiled(0)
    known = describe_nodes(tree_of(lesson.traced), lesson.traced.image, ())
    signal = known.values[:, known.names.index("signal")]
    assert np.median(signal[lesson.is_wrong]) < 0.3 * np.median(signal[~lesson.is_wrong])


def test_what_is_broken_is_described_as_well() -> None:
    traced = spoiled(1).traced
    tree = tree_of(traced)
    tree.points[4] = np.inf
    tree.parents[9] = 15
    for image in (traced.image, None, TracedImage(voxels=np.zeros((1, 4, 4)), spacing_um=(1,) * 3)):
        known = describe_nodes(tree, image)
        assert known.values.shape == (len(tree), len(known.names))
        assert np.isfinite(known.values).all()
        assert not known.values[4].any()
    assert len(set(known.names)) == len(known.names)


def test_means_around_a_node_are_those_of_its_cable() -> None:
    course = trace_course(grow_neuron(3, n_sections=5, section_um=30.0))
    random = np.random.default_rng(0)
    values = random.normal(size=(len(course.tree), 2))
    around = dict(zip(CONTEXTS, gather_context(course, values).transpose(1, 0, 2), strict=True))
    lengths = course.lengths
    for row in random.choice(np.flatnonzero(course.section >= 0), 12).tolist():
        way = [row]
        while course.tree.parents[way[-1]] != NO_PARENT:
            way.append(int(course.tree.parents[way[-1]]))
        path = np.array(way[:-1])
        assert sum_above(course, values)[row] == pytest.approx(values[path].sum(axis=0))
        near = path[course.root_um[row] - course.root_um[path] < 15.0]
        section = np.flatnonzero(course.section == course.section[row])
        for name, rows in (("15 inward", near), ("in section", section)):
            mean = np.average(values[rows], axis=0, weights=lengths[rows])
            assert around[name][row] == pytest.approx(mean)
    edges = np.flatnonzero(course.is_edge)
    whole = np.average(values[edges], axis=0, weights=lengths[edges])
    assert around["in tree"][0] == pytest.approx(whole, abs=1e-3)
    assert around["below"][0] == pytest.approx(whole, abs=1e-3)

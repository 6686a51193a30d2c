"""Errors put into tracings on purpose are found, each as one event where it begins."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from annotator.analysis.tracing.checks import STRUCTURE_CHECKS, check_file, check_tree
from annotator.analysis.tracing.inject import KINDS, grow_tree, inject
from annotator.analysis.tracing.swc import read_swc
from annotator.analysis.tracing.tree import NO_PARENT, Tree, edge_lengths, make_tree
from annotator.domain.errors import AnnotatorError, UnknownNameError

pytestmark = pytest.mark.unit

NEAR_UM = 5.0


@cache
def neuron(seed: int) -> Tree:
    return grow_tree(2500, seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_a_grown_neuron_is_sound(seed: int) -> None:
    tree = neuron(seed)
    assert len(tree) >= 2500
    assert np.count_nonzero(tree.parents == NO_PARENT) == 1
    assert 0.9 < float(np.median(edge_lengths(tree))) < 1.1
    assert check_tree(tree, names=STRUCTURE_CHECKS) == ()
    assert np.array_equal(grow_tree(2500, seed=seed).points, tree.points)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_found_where_it_begins(kind: str) -> None:
    for seed in range(3):
        injected = inject(neuron(seed % 3), kind, seed=seed)
        findings = check_file(read_swc(injected.text), names=STRUCTURE_CHECKS)
        places = np.array(injected.points_um)
        is_near = [
            finding.node_id in injected.node_ids
            or bool((np.linalg.norm(places - finding.point_um, axis=1) <= NEAR_UM).any())
            for finding in findings
        ]
        hits = [
            finding
            for finding, near in zip(findings, is_near, strict=True)
            if near and finding.check == injected.check
        ]
        assert len(hits) == 1, (seed, findings)
        assert all(is_near), (seed, findings)


def test_the_same_seed_makes_the_same_error() -> None:
    texts = {inject(neuron(0), "spur", seed=seed).text for seed in (1, 1, 2)}
    assert len(texts) == 2


def test_a_kind_that_does_not_exist() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'cycle'"):
        inject(neuron(0), "cycel", seed=0)


def test_a_tree_without_room_for_an_error() -> None:
    small = make_tree(np.zeros((2, 3)), np.array([NO_PARENT, 0]))
    with pytest.raises(AnnotatorError, match="2 nodes has no place for"):
        inject(small, "gap", seed=0)

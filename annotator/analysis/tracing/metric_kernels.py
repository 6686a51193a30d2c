"""The compiled loops of the metrics that are PyNeval's; None where they leave it to Python.

That is where there is no library, and where a tree has no node, a place that is no number or, for
some, a loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annotator.analysis import kernels

if TYPE_CHECKING:
    from ctypes import c_void_p

    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree

    Floats = NDArray[np.float64]


class CriticalGaps(NamedTuple):
    """How many forks and tips each tree has, and the distances of those paired, ``(pair,)``."""

    n_gold: int
    n_test: int
    gaps: Floats


class TakenEdges(NamedTuple):
    """Lengths of all edges, ``(node,)``, and the cable that was found: of the gold, of the test."""

    gold_lengths: Floats
    test_lengths: Floats
    found_gold: float
    found_test: float


def pair_critical(gold: Tree, test: Tree, tolerance: float) -> CriticalGaps | None:
    """Pair forks and tips of two trees as `metrics_critical` says."""
    library = kernels.library()
    if library is None:
        return None
    held, given = _given(gold, test)
    found = np.empty(2 + len(gold))
    n_pairs = library.pair_critical(*given[0], *given[1], tolerance, kernels.address(found))
    del held
    if n_pairs < 0:
        return None
    return CriticalGaps(int(found[0]), int(found[1]), found[2 : 2 + n_pairs])


def measure_apart(
    test: Tree, gold: Tree, spacing: float, scale: float
) -> tuple[Floats, Floats] | None:
    """Return how far nodes of the test lie from the gold's, and back, as `metrics_ssd` says."""
    library = kernels.library()
    if library is None:
        return None
    held, given = _given(test, gold)
    n_parts = [library.count_parts(*one, spacing) for one in given]
    if min(n_parts) < 0:
        return None
    there, back = np.empty(n_parts[0]), np.empty(n_parts[1])
    made = kernels.address(there), kernels.address(back)
    result = library.measure_apart(
        *given[0], n_parts[0], *given[1], n_parts[1], spacing, scale, *made
    )
    del held
    return None if result < 0 else (there, back)


def take_edges(
    test: Tree, gold: Tree, reaches: Floats, length_tolerance: float
) -> TakenEdges | None:
    """Find the gold's edges again along the test tree as `metrics_edges` says."""
    library = kernels.library()
    if library is None:
        return None
    held, (on_test, on_gold) = _given(test, gold)
    ids, reaches = np.ascontiguousarray(test.ids), np.ascontiguousarray(reaches)
    made = np.empty(len(test)), np.empty(len(gold)), np.empty(2)
    result = library.take_edges(
        *on_test[:2],
        kernels.address(ids),
        len(test),
        *on_gold[:2],
        kernels.address(reaches),
        len(gold),
        length_tolerance,
        *map(kernels.address, made),
    )
    del held
    if result < 0:
        return None
    return TakenEdges(made[1], made[0], *made[2].tolist())


def _given(
    *trees: Tree,
) -> tuple[list[NDArray[np.generic]], list[tuple[c_void_p, c_void_p, int]]]:
    """Return arrays to keep, and where each tree's points and parents lie, and how many."""
    held: list[NDArray[np.generic]] = []
    given: list[tuple[c_void_p, c_void_p, int]] = []
    for tree in trees:
        arrays = (
            np.ascontiguousarray(tree.points, np.float64),
            np.ascontiguousarray(tree.parents, np.int64),
        )
        held.extend(arrays)
        given.append((kernels.address(arrays[0]), kernels.address(arrays[1]), len(tree)))
    return held, given

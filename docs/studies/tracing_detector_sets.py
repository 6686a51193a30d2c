"""Tracings with known errors for the study of the learned detector, described once and kept.

Three sets: automatic tracings of BigNeuron beside the gold ones; gold tracings into which errors
are put; made neurons, two in one volume, into which the same errors are put.
"""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from tracing_autos import far_from
from tracing_detector_errors import make_pair, spoil
from tracing_sets import neurons, read_tree

from annotator.analysis.tracing.checks import check_tree
from annotator.analysis.tracing.features import describe_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from tracing_sets import Neuron

    from annotator.analysis.tracing.tree import Tree
    from annotator.api.tracing import TracedImage
    from annotator.domain.tracing import TraceFinding

WRONG_UM = 2.0
FEWEST_NODES, MOST_NODES, MOST_TRACINGS = 20, 4000, 16
N_SPOILED, N_PAIRS, N_SPOILED_PAIRS = 6, 12, 3
ONE_NEURON = {"test.small": "test"}
"""A volume that is cut out of another counts as the same neuron."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Traced:
    """A tracing, where it is wrong, what the checks say of it, and its nodes' features.

    Attributes
    ----------
    kind : ndarray
        ``(node,)``: which kind of error, an index of ``KINDS``; -1 for right nodes.
    """

    neuron: str
    tree: Tree
    is_wrong: NDArray[np.bool_]
    kind: NDArray[np.int64]
    findings: tuple[TraceFinding, ...]
    values: NDArray[np.float32]
    names: tuple[str, ...]


def described(
    neuron: str,
    tree: Tree,
    image: TracedImage,
    is_wrong: NDArray[np.bool_],
    kind: NDArray[np.int64] | None = None,
) -> Traced:
    """Ask the checks, and describe the nodes."""
    findings = check_tree(tree, image)
    features = describe_nodes(tree, image, findings)
    return Traced(
        neuron=neuron,
        tree=tree,
        is_wrong=is_wrong,
        kind=np.where(is_wrong, 0, -1) if kind is None else kind,
        findings=findings,
        values=features.values,
        names=features.names,
    )


def automatic(data: Path) -> Iterator[Traced]:
    """Yield automatic tracings: a node is wrong farther than 2 voxels from the gold tracing.

    Tracings that are wrong for the greater part are left out: an error has then no beginning.
    """
    for neuron in neurons(data):
        if not neuron.is_projection:
            continue
        chosen = []
        for path in sorted((data / "bigneuron" / neuron.name).glob("[0-9]*_*.swc")):
            tree = read_tree(path)
            if FEWEST_NODES <= len(tree) <= MOST_NODES:
                wrong = far_from(neuron.tree, tree, WRONG_UM)
                if wrong.mean() <= 0.5:
                    chosen.append((tree, wrong))
        step = max(1.0, len(chosen) / MOST_TRACINGS)
        for number in np.arange(0, len(chosen), step).astype(int):
            tree, wrong = chosen[number]
            yield described(neuron.name, tree, neuron.image, wrong)


def injected(data: Path) -> Iterator[Traced]:
    """Yield gold tracings with errors put in, several each, by several seeds."""
    for neuron in neurons(data):
        for seed in range(N_SPOILED):
            yield _spoiled(neuron, None, seed)


def made(data: Path) -> Iterator[Traced]:
    """Yield tracings of made neurons that share their volume with another, errors put in."""
    del data
    for number in range(N_PAIRS):
        neuron, other = make_pair(number)
        for seed in range(N_SPOILED_PAIRS):
            yield _spoiled(neuron, other, 100 * number + seed)


def _spoiled(neuron: Neuron, other: Tree | None, seed: int) -> Traced:
    spoiled = spoil(neuron, other, seed)
    name = ONE_NEURON.get(neuron.name, neuron.name)
    return described(name, spoiled.tree, neuron.image, spoiled.kind >= 0, spoiled.kind)


SETS: dict[str, Callable[[Path], Iterator[Traced]]] = {
    "automatic": automatic,
    "injected": injected,
    "made": made,
}


def load(name: str, data: Path, cache: Path, version: str) -> list[Traced]:
    """Return a set, described once and kept in ``cache`` under what described it."""
    key = hashlib.sha256(f"{name} {version}".encode()).hexdigest()[:12]
    path = cache / f"{name}-{key}.pickle"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(list(SETS[name](data))))
    found: list[Traced] = pickle.loads(path.read_bytes())
    return found

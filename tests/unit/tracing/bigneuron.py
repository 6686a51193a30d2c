"""Tracings of BigNeuron: of each of twelve neurons a gold one, a consensus and many by programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotator.analysis.tracing.tree import NO_PARENT, Tree, make_tree

BIGNEURON = Path(__file__).parents[3].parent / "shared" / "data" / "neurons" / "bigneuron"

needs_bigneuron = pytest.mark.skipif(
    not BIGNEURON.is_dir(), reason="the tracings of BigNeuron are not beside the checkout"
)


def read_tree(path: Path) -> Tree:
    """Return the tree of a clean file, in the file's unit."""
    table = np.loadtxt(path, ndmin=2)
    ids = table[:, 0].astype(np.int64)
    row_of = {int(node_id): row for row, node_id in enumerate(ids)}
    parents = np.array([row_of.get(int(parent), NO_PARENT) for parent in table[:, 6]])
    return make_tree(
        table[:, 2:5].copy(),
        parents,
        radii=table[:, 5].copy(),
        types=table[:, 1].astype(np.int32),
        ids=ids,
    )


def read_neuron(number: str, name: str) -> Tree:
    """Return a tracing of a neuron by the beginning of its file's name, such as ``"gold"``."""
    (path,) = (BIGNEURON / number).glob(f"{name}*.swc")
    return read_tree(path)

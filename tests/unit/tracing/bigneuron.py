"""Tracings of BigNeuron: of each of twelve neurons a gold one, a consensus and many by programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from annotator.analysis.tracing.swc import read_swc_file

if TYPE_CHECKING:
    from annotator.analysis.tracing.tree import Tree

BIGNEURON = Path(__file__).parents[3].parent / "shared" / "data" / "neurons" / "bigneuron"

needs_bigneuron = pytest.mark.skipif(
    not BIGNEURON.is_dir(), reason="the tracings of BigNeuron are not beside the checkout"
)


def read_neuron(number: str, name: str) -> Tree:
    """Return a tracing of a neuron by the beginning of its file's name, such as ``"gold"``."""
    (path,) = (BIGNEURON / number).glob(f"{name}*.swc")
    return read_swc_file(path).tree

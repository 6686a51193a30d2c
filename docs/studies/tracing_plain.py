"""Trees as peers want them, and what NeuroM says of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.tracing.tree import NO_PARENT, Tree, parents_first

if TYPE_CHECKING:
    from collections.abc import Sequence


def write_plain(path: Path, tree: Tree) -> None:
    """Write a tree as peers want it: parents first, ids from 1, types soma or dendrite."""
    order = parents_first(tree)
    place = np.full(len(tree), NO_PARENT)
    place[order] = np.arange(1, len(order) + 1)
    lines = []
    for row in order:
        parent = tree.parents[row]
        x, y, z = tree.points[row]
        kind = 1 if parent == NO_PARENT and row == order[0] else 3
        up = NO_PARENT if parent == NO_PARENT else place[parent]
        lines.append(f"{place[row]} {kind} {x:.4f} {y:.4f} {z:.4f} {tree.radii[row]:.4f} {up}\n")
    path.write_text("".join(lines), encoding="utf-8")


def ask_neurom(python: str, paths: Sequence[str]) -> dict[str, Any]:
    """Return NeuroM's answers."""
    script = Path(__file__).with_name("tracing_peers.py")
    ended = subprocess.run(
        [python, str(script), *paths], capture_output=True, text=True, check=True
    )
    answers: dict[str, Any] = json.loads(ended.stdout)
    return answers

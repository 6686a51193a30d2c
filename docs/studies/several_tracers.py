"""Consensus of several tracings against the truth: simulated tracers, and programs of BigNeuron.

``python docs/studies/several_tracers.py [--data DIR] [--seeds 20] [--tracings 15]`` prints the
tables of several-tracers.md; DIR holds the neurons of BigNeuron as folders with ``gold.swc``,
``consensus.swc`` and tracings by programs. Takes some minutes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.analysis.tracing.consensus import merge_trees
from annotator.analysis.tracing.metrics_length import SharedLength, shared_length
from annotator.analysis.tracing.simulate_tracers import TracerSkill, grow_neuron, trace_as
from annotator.analysis.tracing.swc import read_swc_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.tracing.tree import Tree

SIMULATED_UM = 3.0
BIGNEURON_VOXELS = 4.0
GROUPS: dict[str, Sequence[TracerSkill]] = {
    "five alike": [TracerSkill(sensitivity=0.95, n_false=2, jitter_um=0.4)] * 5,
    "three alike": [TracerSkill(sensitivity=0.95, n_false=2, jitter_um=0.4)] * 3,
    "five of different skill": [
        TracerSkill(sensitivity=sensitivity, n_false=n_false, jitter_um=0.4)
        for sensitivity, n_false in ((0.99, 1), (0.95, 2), (0.95, 4), (0.9, 5), (0.85, 8))
    ],
    "four and one who invents": [
        *[TracerSkill(sensitivity=0.95, n_false=2, jitter_um=0.4)] * 4,
        TracerSkill(sensitivity=0.6, n_false=40, jitter_um=0.8),
    ],
}


def f1(found: SharedLength) -> float:
    """Return the F1, 0 where there is none."""
    return found.f1 or 0.0


def say(*cells: object) -> None:
    """Print a row of a table at once."""
    sys.stdout.write("| " + " | ".join(map(str, cells)) + " |\n")
    sys.stdout.flush()


def shares(found: SharedLength) -> str:
    """Return precision, recall and F1 in words."""
    return f"{found.precision or 0:.3f} / {found.recall or 0:.3f} / {f1(found):.3f}"


def simulated(n_seeds: int) -> None:
    """Print how consensus and tracers do on made neurons."""
    say(
        "tracers",
        "mean tracer",
        "best tracer",
        "consensus",
        "at least the mean in",
        "error of P, R",
    )
    say(*["---"] * 6)
    for name, skills in GROUPS.items():
        scores, better, errors = [], 0, []
        for seed in range(n_seeds):
            truth = grow_neuron(seed)
            trees = {
                str(number): trace_as(truth, skill, 1000 * seed + number)
                for number, skill in enumerate(skills)
            }
            made = merge_trees(trees, tolerance=SIMULATED_UM)
            own = [shared_length(tree, truth, tolerance=SIMULATED_UM) for tree in trees.values()]
            consensus = f1(shared_length(made.tree, truth, tolerance=SIMULATED_UM))
            mean = float(np.mean([f1(found) for found in own]))
            scores.append((mean, max(f1(found) for found in own), consensus))
            better += consensus >= mean
            errors += [
                (
                    abs((judged.precision or 0) - (found.precision or 0)),
                    abs((judged.sensitivity or 0) - (found.recall or 0)),
                )
                for judged, found in zip(made.performances, own, strict=True)
            ]
        means = [f"{value:.3f}" for value in np.mean(scores, axis=0)]
        gap = " and ".join(f"{value:.3f}" for value in np.mean(errors, axis=0))
        say(name, *means, f"{better} of {n_seeds}", gap)


def bigneuron(data: Path, n_tracings: int) -> None:
    """Print how the consensus of programs does against the gold tracing."""
    say("neuron", "tracings", "mean F1", "median F1", "best F1", "consensus P / R / F1", "theirs")
    say(*["---"] * 7)
    for folder in sorted(
        (path for path in data.iterdir() if path.is_dir()), key=lambda p: int(p.name)
    ):
        gold = read_swc_file(folder / "gold.swc").tree
        trees: dict[str, Tree] = {
            path.name: read_swc_file(path).tree
            for path in sorted(folder.glob("[0-9]*_*.swc"))[:n_tracings]
        }
        made = merge_trees(trees, tolerance=BIGNEURON_VOXELS)
        own = [f1(shared_length(tree, gold, tolerance=BIGNEURON_VOXELS)) for tree in trees.values()]
        theirs = folder / "consensus.swc"
        say(
            folder.name,
            len(trees),
            f"{np.mean(own):.3f}",
            f"{np.median(own):.3f}",
            f"{max(own):.3f}",
            shares(shared_length(made.tree, gold, tolerance=BIGNEURON_VOXELS)),
            shares(shared_length(read_swc_file(theirs).tree, gold, tolerance=BIGNEURON_VOXELS))
            if theirs.exists()
            else "–",
        )


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of BigNeuron's neurons")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--tracings", type=int, default=15)
    options = parser.parse_args()
    if options.seeds:
        simulated(options.seeds)
    if options.data:
        bigneuron(options.data, options.tracings)


if __name__ == "__main__":
    main()

"""The learned detector of wrong tracing: what it finds in neurons that it did not learn from.

``python docs/studies/tracing_detector.py --data DIR --cache DIR --output
docs/studies/tracing-detector.json`` writes the numbers and the picture of
docs/studies/tracing-detector.md. ``DIR`` holds ``bigneuron/`` and ``rivulet/``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tracing_autos import far_from
from tracing_detector_errors import KINDS
from tracing_detector_scores import (
    SHARES,
    USUAL,
    Case,
    at_fixed_points,
    curve_of_checks,
    curve_of_judged,
    order_of_checks,
    order_of_judged,
    reviewed,
    told,
    touched_by_kind,
)
from tracing_detector_sets import Traced, load
from tracing_sets import neurons

from annotator.analysis.tracing.features_context import CONTEXTS
from annotator.api import no_progress
from annotator.api.tracing import TracedNeuron, TraceLesson
from annotator_recipes.torch_door import seed_everything
from annotator_recipes.trace_committee import learn_committee, read_committee
from annotator_recipes.trace_detector import TraceCommittee, TraceCommitteeParameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.tracing.events_scoring import EventScore
    from annotator.analysis.tracing.tree import Tree

    Floats = NDArray[np.float64]

N_FOLDS = 5
PICTURE = Path(__file__).parents[1] / "pictures" / "study-tracing-detector.png"
IN_PLANE_UM, LEAST_UM = 4.0, 10.0
IN_PLANE = "automatic, in the plane"
_SETS = {
    "made": ("made", 0.0, 3),
    "injected": ("injected", 0.0, 3),
    IN_PLANE: ("automatic", LEAST_UM, 3),
    "automatic, in space": ("automatic", LEAST_UM, 1),
}
"""Title, what is loaded, how short an error may be, and most seeds."""


def main() -> None:
    """Learn and judge every set; write the numbers and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", choices=sorted(_SETS), nargs="*", help="sets; all where none")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    numbers: dict[str, Any] = {}
    if arguments.output.is_file():
        numbers = json.loads(arguments.output.read_text(encoding="utf-8"))
    for title in arguments.only or _SETS:
        started = time.process_time()
        name, least_um, n_seeds = _SETS[title]
        own = load(name, arguments.data, arguments.cache, "v1")
        if title == IN_PLANE:
            own = in_plane(own, arguments.data)
        cases = [Case(traced=one, least_um=least_um) for one in own]
        numbers[title] = study(cases, min(n_seeds, arguments.seeds))
        numbers[title]["cpu_s"] = round(time.process_time() - started, 1)
        arguments.output.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
        sys.stderr.write(f"{time.process_time() - began:6.0f} s of the processor: {title}\n")
    plot(numbers, PICTURE)


def in_plane(own: Sequence[Traced], data: Path) -> list[Traced]:
    """Return the automatic tracings with what can be seen in a projection as their errors."""
    gold = {one.name: _flat(one.tree) for one in neurons(data) if one.is_projection}
    found = []
    for one in own:
        wrong = far_from(gold[one.neuron], _flat(one.tree), IN_PLANE_UM)
        found.append(replace(one, is_wrong=wrong, kind=np.where(wrong, 0, -1)))
    return found


def _flat(tree: Tree) -> Tree:
    return replace(tree, points=tree.points * [1.0, 1.0, 0.0])


def study(cases: Sequence[Case], n_seeds: int) -> dict[str, Any]:
    """Return the numbers of a set."""
    seeds = [judge_unseen(cases, seed) for seed in range(n_seeds)]
    numbers: dict[str, Any] = {
        "n_neurons": len({case.traced.neuron for case in cases}),
        "n_tracings": len(cases),
        "n_nodes": sum(len(case.traced.tree) for case in cases),
        "n_wrong": sum(int(case.traced.is_wrong.sum()) for case in cases),
        "n_errors": sum(len(case.starts) for case in cases),
        "cable_mm": round(sum(float(case.course.lengths.sum()) for case in cases) / 1000, 1),
        "detector": [at_fixed_points(cases, values) for values in seeds],
        "without context": at_fixed_points(cases, alone := judge_unseen(cases, 0, alone=True)),
        "checks": at_fixed_points(cases, [case.points_of_checks for case in cases]),
        "calibration": calibration(cases, seeds[0]),
    }
    limit = numbers["detector"][0]["limit"]
    if cases[0].least_um == 0.0:
        numbers["kinds"] = touched_by_kind(cases, seeds[0], limit, KINDS)
    by_seed = [curve_of_judged(cases, values) for values in seeds]
    of_checks = curve_of_checks(cases)
    numbers["events"] = {
        "detector": [told(curve, USUAL) for curve in by_seed],
        "without context": told(curve_of_judged(cases, alone), USUAL),
        "checks": told(of_checks, len(of_checks) - 1),
    }
    random = np.random.default_rng(0)
    numbers["reviewer"] = {
        "shares": SHARES.tolist(),
        "detector": [
            reviewed(cases, [order_of_judged(*one) for one in zip(cases, values, strict=True)])
            for values in seeds
        ],
        "checks": reviewed(cases, [order_of_checks(case, random) for case in cases]),
        "by chance": reviewed(cases, [random.permutation(len(case.traced.tree)) for case in cases]),
    }
    numbers["curves"] = {"detector": _points(by_seed[0]), "checks": _points(of_checks)}
    return numbers


def _points(curve: Sequence[EventScore]) -> list[list[float]]:
    """Return false alerts a mm and recall along a curve."""
    return sorted([round(one.false_per_mm, 3), round(one.recall, 3)] for one in curve)


def judge_unseen(cases: Sequence[Case], seed: int, *, alone: bool = False) -> list[Floats]:
    """Return how likely each node is wrong, judged by what was learned from other neurons.

    ``alone`` leaves out the means along the tree: each point is judged by itself.
    """
    lessons = [_lesson(case.traced) for case in cases]
    names = np.array(sorted({case.traced.neuron for case in cases}))
    np.random.default_rng(seed).shuffle(names)
    fold = {name: number % N_FOLDS for number, name in enumerate(names.tolist())}
    n_own = len(cases[0].traced.names) // (1 + len(CONTEXTS)) if alone else None
    found: list[Floats] = [np.zeros(0)] * len(cases)
    for number in range(N_FOLDS):
        learn = [k for k, case in enumerate(cases) if fold[case.traced.neuron] != number]
        seed_everything(torch, seed)
        learned = learn_committee(
            [cases[k].traced.values[:, :n_own] for k in learn],
            cases[0].traced.names[:n_own],
            [lessons[k] for k in learn],
            TraceCommitteeParameters(),
            seed,
            no_progress,
        )
        committee = read_committee(learned)
        for k, case in enumerate(cases):
            if fold[case.traced.neuron] == number:
                judged = committee.judge(np.ascontiguousarray(case.traced.values[:, :n_own]))
                found[k] = judged.astype(np.float64)
    return found


def _lesson(traced: Traced) -> TraceLesson:
    tree = traced.tree
    neuron = TracedNeuron(
        name=traced.neuron, points=tree.points, radii=tree.radii, parents=tree.parents, image=None
    )
    return TraceLesson(traced=neuron, is_wrong=traced.is_wrong)


def calibration(cases: Sequence[Case], values: Sequence[Floats]) -> list[list[float]]:
    """Return, by tenths and fifths of probability: its mean, the share that is wrong, how many."""
    judged = np.concatenate(values)
    wrong = np.concatenate([case.traced.is_wrong for case in cases])
    edges = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.01)
    told_as = []
    for low, high in pairwise(edges):
        here = (judged >= low) & (judged < high)
        if here.any():
            means = (float(judged[here].mean()), float(wrong[here].mean()))
            told_as.append([*(round(mean, 3) for mean in means), int(here.sum())])
    return told_as


def plot(numbers: dict[str, Any], path: Path) -> None:
    """Draw recall over false alerts, and what a reviewer sees over the cable checked."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    titles = [title for title in _SETS if title in numbers]
    size = (3.2 * len(titles), 5.6)
    figure, axes = plt.subplots(2, len(titles), figsize=size, dpi=100, squeeze=False)
    for column, title in enumerate(titles):
        upper, lower = axes[:, column]
        for name, style in (("detector", "o-"), ("checks", "s--")):
            false, recall = zip(*numbers[title]["curves"][name], strict=True)
            upper.plot(false, recall, style, markersize=3, label=name)
        upper.set(title=title, xlabel="false alerts a mm", ylim=(0, 1), xlim=(0, 5))
        seen = numbers[title]["reviewer"]
        for name, style in (("detector", "o-"), ("checks", "s--"), ("by chance", "k:")):
            values = seen[name][0] if name == "detector" else seen[name]
            lower.plot(seen["shares"], values, style, markersize=3, label=name)
        lower.set(xlabel="share of the cable checked", ylim=(0, 1), xlim=(0, 1))
    axes[0, 0].set_ylabel("errors hit within 10 µm")
    axes[1, 0].set_ylabel("errors seen")
    axes[1, 0].legend(fontsize=8)
    figure.suptitle(f"{TraceCommittee.title}, {N_FOLDS} folds by neuron")
    figure.tight_layout()
    figure.savefig(path)


if __name__ == "__main__":
    main()

"""Every fusion method that the registry offers, run on cases: what it makes of each voxel."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.votes import to_dense
from annotator.api import (
    FusedPatterns,
    FusedVoxels,
    FusionMethod,
    LearnedFusionMethod,
    no_progress,
)
from annotator.domain.errors import AnnotatorError
from annotator.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from study_cases import StudyCase

    from annotator.api import AnyFusionMethod

NETWORKS = "annotator_recipes"
"""Where methods live that train networks: minutes where the others take milliseconds."""
NETWORK_SETTINGS = {
    "size": 64,
    "epochs": 20,
    "patience": 5,
    "warm_up": 5,
    "judge_epochs": 10,
    "n_epochs": 8,
}
"""Smaller than their defaults, by the parameters that a method has; so the study ends in time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fused:
    """A fusion of one case: probability ``(label, z, y, x)``, chosen labels, processor seconds.

    What learning took is shared out among the cases that were learned from.
    """

    probability: NDArray[np.float32]
    chosen: NDArray[np.uint16]
    seconds: float


def methods(*, with_networks: bool) -> tuple[AnyFusionMethod, ...]:
    """Return the installed methods, the vote and STAPLE first."""
    first = ["majority", "staple"]
    found = [
        method
        for method in Registry.load().fusion_methods()
        if with_networks or not trains_network(method)
    ]
    order = {name: place for place, name in enumerate(first)}
    return tuple(sorted(found, key=lambda method: (order.get(method.name, 2), method.name)))


def trains_network(method: AnyFusionMethod) -> bool:
    """Whether the method comes with the recipes."""
    return type(method).__module__.startswith(NETWORKS)


def learns(method: AnyFusionMethod) -> bool:
    """Whether the method needs raters who are the same in every case."""
    return isinstance(method, LearnedFusionMethod)


def fuse_all(
    method: AnyFusionMethod, cases: Sequence[StudyCase], learn_from: Sequence[StudyCase] = ()
) -> Iterator[Fused]:
    """Yield the fusion of each case by the method's defaults; raises AnnotatorError.

    What learns does so from ``learn_from``, or from the cases themselves. Networks get
    `NETWORK_SETTINGS`.
    """
    settings = NETWORK_SETTINGS if trains_network(method) else {}
    known = method.parameters.model_fields
    parameters = method.parameters(
        **{name: value for name, value in settings.items() if name in known}
    )
    learned, share = b"", 0.0
    if isinstance(method, LearnedFusionMethod):
        start = time.process_time()
        source = [case.given for case in learn_from or cases]
        learned = method.learn(source, parameters, no_progress).content
        share = (time.process_time() - start) / len(source)
    for case in cases:
        start = time.process_time()
        made: FusedPatterns | FusedVoxels
        if isinstance(method, LearnedFusionMethod):
            made = method.fuse_learned(case.given, learned, parameters, no_progress)
        elif isinstance(method, FusionMethod):
            made = method.fuse(case.given.votes, parameters)
        else:
            made = method.fuse_voxels(case.given, parameters, no_progress)
        yield _on_grid(case, made, share + time.process_time() - start)


def try_all(
    method: AnyFusionMethod, cases: Sequence[StudyCase], learn_from: Sequence[StudyCase] = ()
) -> tuple[list[Fused], str]:
    """Return the fusions of all cases, or none and why."""
    try:
        return list(fuse_all(method, cases, learn_from)), ""
    except AnnotatorError as error:
        return [], str(error)


def _on_grid(case: StudyCase, made: FusedPatterns | FusedVoxels, seconds: float) -> Fused:
    labels = case.runs.labels
    if isinstance(made, FusedPatterns):
        maps = [
            to_dense(case.runs, made.probability[:, place], np.float32)
            for place in range(len(labels))
        ]
        chosen = to_dense(case.runs, made.chosen, np.uint16)
        return Fused(probability=np.stack(maps), chosen=chosen, seconds=seconds)
    if made.training_target_only:
        raise AnnotatorError(
            "its masks know the diagnosis that they would be judged by: targets to train on, "
            "never a reference"
        )
    (z0, y0, x0), (z1, y1, x1) = made.box
    probability = np.zeros((len(labels), *case.runs.grid.shape), np.float32)
    probability[0] = 1.0
    probability[:, z0:z1, y0:y1, x0:x1] = made.probability
    chosen = np.asarray(labels, np.uint16)[probability.argmax(axis=0)]
    return Fused(
        probability=probability,
        chosen=chosen,
        seconds=seconds,
    )

"""Learning maps of trust across the cases of a project, and fusing a case by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from annotator.analysis.diagnosis_criterion import compare_aucs
from annotator.api import Learned
from annotator_recipes.diagnosis_fused import fuse_weighted
from annotator_recipes.diagnosis_map_net import ExpertnessMap, MapSettings, train_map
from annotator_recipes.diagnosis_material import ALL, Reading, gather, train_judges
from annotator_recipes.stages import Stages
from annotator_recipes.torch_door import load_state, pick_device, state_arrays
from annotator_recipes.weights import from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.diagnosis_criterion import AucInterval
    from annotator.api import CaseVotes, FusedVoxels, Progress
    from annotator_recipes.diagnosis_map import DiagnosisMapParameters


def learn_maps(
    cases: Sequence[CaseVotes], parameters: DiagnosisMapParameters, title: str, progress: Progress
) -> Learned:
    """Return a map for each fold, trained outside it, and one of all cases."""
    stages = Stages(progress, 3 + 2 * parameters.folds)
    material = gather(cases, parameters, title, stages)
    judges, of_mean = train_judges(material, parameters, stages)
    settings = MapSettings(
        n_epochs=parameters.n_epochs,
        patience=parameters.patience,
        learning_rate=parameters.learning_rate,
        smoothness=parameters.smoothness,
        restraint=parameters.restraint,
        seed=parameters.seed,
    )
    arrays: dict[str, NDArray[Any]] = {}
    told = np.zeros_like(of_mean)
    for name, taught, held_out in material.parts():
        network, _ = train_map(
            judges[name],
            material.stack.select(taught),
            material.wanted(taught),
            len(material.reading.raters),
            settings,
            stages.begin(max(1, parameters.n_epochs), "learning whom to believe where"),
        )
        arrays |= state_arrays(network, name)
        if held_out:
            part = material.stack.select(held_out)
            with torch.no_grad():
                told[held_out] = judges[name](part, part.mix(network(part))).cpu().numpy()
    progress(1.0, "learned whom to believe where")
    return Learned(
        content=to_bytes(material.facts(), arrays),
        summary=(
            material.told,
            _gain(*compare_aucs(of_mean, told, material.is_positive, material.fold)),
        ),
    )


def _gain(mean: AucInterval, weighted: AucInterval, gain: AucInterval) -> str:
    said = (
        "On cases that were not learned from, the weighted readings tell the diagnosis with AUC "
        f"{weighted.value:.3f}, their mean with {mean.value:.3f} (difference {gain.value:+.3f}, "
        f"95 % interval {gain.low:+.3f} to {gain.high:+.3f})"
    )
    return f"{said}." if gain.low > 0 else f"{said}: no gain is certain."


def fuse_by_map(case: CaseVotes, learned: bytes, progress: Progress) -> FusedVoxels:
    """Fuse one case by the map of the fold that it was held out in, or by that of all cases."""
    facts, arrays = from_bytes(learned)
    progress(0.0, "weighing raters")
    reading = Reading.of_facts(facts["reading"])
    slices = reading.read(case)
    device = pick_device(torch)
    sampling = reading.sampling
    network = ExpertnessMap(sampling.n_channels, len(sampling.labels), len(reading.raters))
    load_state(network, str(facts["folds"].get(case.case_id, ALL)), arrays)
    network.to(device).eval()
    with torch.no_grad():
        weights = network(reading.stack([slices], device)).cpu().numpy()
    progress(1.0, "weighed raters")
    return fuse_weighted(case, slices, weights)

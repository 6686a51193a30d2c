"""Learning what tells the diagnosis, and fitting the map of one image to its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from annotator.analysis.diagnosis_criterion import compare_aucs
from annotator.api import Learned
from annotator.domain.errors import AnnotatorError
from annotator_recipes.diagnosis_fused import fuse_weighted
from annotator_recipes.diagnosis_image_net import CoordinateSettings, fit_maps
from annotator_recipes.diagnosis_judges import make_judge
from annotator_recipes.diagnosis_material import ALL, Reading, gather, train_judges
from annotator_recipes.diagnosis_question import Criterion
from annotator_recipes.stages import Stages
from annotator_recipes.torch_door import load_state, pick_device, state_arrays
from annotator_recipes.weights import from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, FusedVoxels, Progress
    from annotator_recipes.diagnosis_image import DiagnosisImageParameters

WARNING = "label-dependent: training target only, never an evaluation reference"


def learn_judges(
    cases: Sequence[CaseVotes], parameters: DiagnosisImageParameters, title: str, progress: Progress
) -> Learned:
    """Return a judge for each fold, trained outside it, and one of all cases."""
    stages = Stages(progress, 2 + parameters.folds)
    material = gather(cases, parameters, title, stages)
    judges, told = train_judges(material, parameters, stages)
    arrays: dict[str, NDArray[Any]] = {}
    for name, judge in judges.items():
        arrays |= state_arrays(judge, name)
    mean, _, _ = compare_aucs(told, told, material.is_positive, material.fold)
    progress(1.0, "learned to tell the diagnosis")
    return Learned(
        content=to_bytes({**material.facts(), "judge": parameters.judge}, arrays),
        summary=(
            material.told,
            "On cases that were not learned from, the mean of the readings tells the diagnosis "
            f"with AUC {mean.value:.3f}.",
            "Every fused mask knows the diagnosis of its own case: a target for training only.",
        ),
    )


def fuse_by_image(
    case: CaseVotes, learned: bytes, parameters: DiagnosisImageParameters, progress: Progress
) -> FusedVoxels:
    """Weigh the readings of one case so that they look most like its diagnosis."""
    facts, arrays = from_bytes(learned)
    asked = facts["criterion"]
    criterion = Criterion(
        question=asked["question"],
        positive=tuple(asked["positive"]),
        neither=tuple(asked["neither"]),
    )
    answer = criterion.answer(case)
    if answer is None:
        raise AnnotatorError(
            f"{case.title!r} has no diagnosis for {criterion.question!r}, or as many raters say "
            "one as the other: a map of its own needs one"
        )
    reading = Reading.of_facts(facts["reading"])
    slices = reading.read(case)
    device = pick_device(torch)
    sampling = reading.sampling
    judge = make_judge(facts["judge"], sampling.n_channels, len(sampling.labels))
    load_state(judge, str(facts["folds"].get(case.case_id, ALL)), arrays)
    judge.to(device).freeze()
    weights, _ = fit_maps(
        judge,
        reading.stack([slices], device),
        torch.tensor([float(answer)], device=device),
        CoordinateSettings(
            n_steps=parameters.n_steps,
            learning_rate=parameters.learning_rate,
            n_hidden=parameters.n_hidden,
            n_layers=parameters.n_layers,
            seed=parameters.seed,
        ),
        Stages(progress, 1).begin(parameters.n_steps, "fitting the map of this image"),
    )
    return fuse_weighted(
        case, slices, weights.cpu().numpy(), warnings=(WARNING,), training_target_only=True
    )

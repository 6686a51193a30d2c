"""One seed of the study of diagnosis-first masks: what is made, fused, trained and judged."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from annotator.analysis.consensus import choose, count_votes
from annotator.analysis.diagnosis_criterion import compare_aucs, fit_criterion
from annotator.analysis.diagnosis_features import MaskFeatures, mask_sums
from annotator.analysis.phantoms import disc_cup_case, simulate_study
from annotator.api import CaseWindow, FusedPatterns, no_progress
from annotator.domain.errors import AnnotatorError
from annotator_builtins.diagnosis_first import DiagnosisFirst, DiagnosisFirstParameters
from annotator_recipes.diagnosis_image import DiagnosisImage, DiagnosisImageParameters
from annotator_recipes.diagnosis_map import DiagnosisMap, DiagnosisMapParameters
from annotator_recipes.epochs import train_rounds
from annotator_recipes.images import image_slices
from annotator_recipes.nets import UNet
from annotator_recipes.take_and_give import TakeAndGiveParameters, TakeAndGiveTrainer
from annotator_recipes.take_and_give_training import gather_lessons, start_at_the_share
from annotator_recipes.torch_door import seed_everything
from tests.made_cases import cases_of_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from annotator.analysis.diagnosis_criterion import Criterion
    from annotator.analysis.phantoms import SimulatedCase
    from annotator.api import CaseVotes, FusedVoxels, LearnedFusionMethod

    Floats = NDArray[np.float32]

SIDE = 48
WORKING = 32
CONTRAST = 1.5
CRITERION = {"question": "finding", "positive": ("ill",), "min_per_class": 15}
COSTLY = {"judge": "network", "judge_epochs": 15, "folds": 3}
"""How the map of an image is judged here: as published by a network, for few cases and rounds."""
SPACING = np.ones((1, 3))


def trial(
    scenario: str, seed: int, *, n_cases: int, n_epochs: int
) -> dict[tuple[str, str, str], float]:
    """Return numbers by table, row and measure; ``n_epochs`` of 0 trains no networks.

    Then maps of single images are left out too.
    """
    study = simulate_study(scenario, n_cases=n_cases, seed=seed, size=SIDE)
    cases = [
        cleared(case, known, seed, number)
        for number, (case, known) in enumerate(zip(cases_of_study(study), study.cases, strict=True))
    ]
    half = n_cases // 2
    taught, known, other = cases[:half], study.cases[:half], study.cases[half:]
    masks = fuse_all(taught, by_image=n_epochs > 0)
    masks["truth"] = [truth_of(case) for case in known]
    criterion = judge_of(other)
    found: dict[tuple[str, str, str], float] = {}
    for name, drawn in masks.items():
        for key, value in judged(drawn, known, criterion).items():
            found[f"masks-{scenario}", name, key] = value
    if n_epochs:
        criterion = judge_of(known)
        for name, drawn in read_all(taught, masks, cases[half:], n_epochs, seed).items():
            for key, value in judged(drawn, other, criterion).items():
                found["networks", name, key] = value
    return found


def cleared(case: CaseVotes, known: SimulatedCase, seed: int, number: int) -> CaseVotes:
    """Return the case with a clearer image: eighty noisy pictures do not teach a cup."""
    own = int(np.random.SeedSequence((seed, number)).generate_state(3)[0])
    clear = disc_cup_case(seed=own, size=SIDE, contrast=CONTRAST)
    if not np.array_equal(clear.truth, known.phantom.truth):
        raise AnnotatorError("made studies are seeded in another way now")

    def window(margin: int | None) -> CaseWindow:
        found = case.window(margin)
        part = tuple(slice(low, high) for low, high in zip(*found.box, strict=True))
        return replace(found, image=clear.image[part])

    return replace(case, window=window)


def fuse_all(cases: Sequence[CaseVotes], *, by_image: bool) -> dict[str, list[Floats]]:
    """Return what each way of fusing makes of each case, ``(label, z, y, x)``."""
    found: dict[str, list[Floats]] = {"mean": [], "majority": []}
    for case in cases:
        votes, index = case.votes, case.window(None).index
        share = count_votes(votes.patterns, votes.labels) / len(votes.rater_ids)
        chosen, _ = choose(share, votes.labels)
        sure = (chosen[:, None] == np.array(votes.labels)).astype(np.float32)
        found["mean"].append(on_grid(share.astype(np.float32), index))
        found["majority"].append(on_grid(sure, index))
    own = DiagnosisFirstParameters.model_validate(CRITERION)
    found["diagnosis-first"] = learned_by(DiagnosisFirst(), own, cases)
    by_map = DiagnosisMapParameters.model_validate({**CRITERION, "size": WORKING})
    found["diagnosis-first-map"] = learned_by(DiagnosisMap(), by_map, cases)
    if by_image:
        published = DiagnosisImageParameters.model_validate(
            {**CRITERION, **COSTLY, "size": WORKING}
        )
        found["diagnosis-first-image"] = learned_by(DiagnosisImage(), published, cases)
    return found


def learned_by(
    method: LearnedFusionMethod, parameters: DiagnosisFirstParameters, cases: Sequence[CaseVotes]
) -> list[Floats]:
    """Return the fusions of cases by a method that learned from the same cases."""
    content = method.learn(cases, parameters, no_progress).content
    found = []
    for case in cases:
        fused = method.fuse_learned(case, content, parameters, no_progress)
        if isinstance(fused, FusedPatterns):
            index = case.window(None).index
            found.append(on_grid(fused.probability.astype(np.float32), index))
        else:
            found.append(whole(fused, case.shape))
    return found


def on_grid(table: Floats, index: NDArray[np.int32]) -> Floats:
    """Return a table ``(pattern, label)`` voxel by voxel."""
    return np.moveaxis(table[index], -1, 0)


def whole(fused: FusedVoxels, shape: tuple[int, ...]) -> Floats:
    """Return a fusion of a box on the whole grid."""
    found = np.zeros((len(fused.probability), *shape), np.float32)
    found[0] = 1
    (z0, y0, x0), (z1, y1, x1) = fused.box
    found[:, z0:z1, y0:y1, x0:x1] = fused.probability
    return found


def truth_of(case: SimulatedCase) -> Floats:
    """Return the truth, one label after the other."""
    labels = np.arange(3)[:, None, None, None]
    return np.asarray(case.phantom.truth[None] == labels, np.float32)


def features_of(masks: Sequence[Floats]) -> NDArray[np.float64]:
    """Return size and shape of soft masks, ``(case, feature)``."""
    sums = []
    for mask in masks:
        at = [np.arange(size) - (size - 1) / 2 for size in mask.shape[1:]]
        z, y, x = np.meshgrid(*at, indexing="ij")
        terms = np.stack([z * 0 + 1, z, y, x, z * z, y * y, x * x, z * y, z * x, y * x])
        moments = np.einsum("lzyx,mzyx->lm", mask[1:].astype(np.float64), terms)
        sums.append(mask_sums(moments, (1.0, 1.0, 1.0)))
    return MaskFeatures.of(np.array(sums), np.repeat(SPACING, len(masks), axis=0)).values


def judge_of(cases: Sequence[SimulatedCase]) -> Criterion:
    """Return what tells the diagnosis from the true masks of other cases."""
    is_ill = np.array([case.phantom.is_diseased for case in cases])
    return fit_criterion(
        features_of([truth_of(case) for case in cases]), is_ill, np.ones(len(cases))
    )


def judged(
    masks: Sequence[Floats], cases: Sequence[SimulatedCase], criterion: Criterion
) -> dict[str, float]:
    """Return how well masks tell the diagnosis, and how well they lie on the truth."""
    is_ill = np.array([case.phantom.is_diseased for case in cases])
    told = criterion.logit(features_of(masks))
    auc, _, _ = compare_aucs(told, told, is_ill, np.zeros(len(told), np.int64), n=2)
    overlap = []
    for mask, case in zip(masks, cases, strict=True):
        drawn = mask.argmax(axis=0)
        truth = case.phantom.truth
        overlap.append([dice(drawn >= label, truth >= label) for label in (1, 2)])
    outer, inner = np.mean(overlap, axis=0).tolist()
    return {"auc": auc.value, "outer": outer, "inner": inner}


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the overlap of two masks, 0 to 1."""
    return float(2 * (first & second).sum() / max(1, first.sum() + second.sum()))


def read_all(
    taught: Sequence[CaseVotes],
    masks: dict[str, list[Floats]],
    unread: Sequence[CaseVotes],
    n_epochs: int,
    seed: int,
) -> dict[str, list[Floats]]:
    """Return what networks draw on images of which they saw no reading, by what they learned."""
    settings = TakeAndGiveParameters.model_validate(
        {
            "question": "finding", "positive": ("ill",), "size": WORKING, "width": 8, "levels": 3,
            "epochs": n_epochs, "patience": n_epochs, "batch": 4, "learning_rate": 3e-3,
            "seed": seed,
        }
    )  # fmt: skip
    found = {}
    for name, drawn in masks.items():
        aimed = [
            replace(case, target=partial(np.asarray, mask))
            for case, mask in zip(taught, drawn, strict=True)
        ]
        found[f"U-Net, {name}"] = read_by_unet(aimed, unread, settings)
        if name in ("mean", "diagnosis-first", "diagnosis-first-image"):
            trainer = TakeAndGiveTrainer()
            content = trainer.train(aimed, settings, no_progress).content
            found[f"Take-and-Give, {name}"] = [
                probability
                for case in unread
                if (
                    probability := trainer.predict(
                        content,
                        case.window(None).image,
                        case.spacing_mm,
                        trust=None,
                        progress=no_progress,
                    ).probability
                )
                is not None
            ]
    return found


def read_by_unet(
    taught: Sequence[CaseVotes], unread: Sequence[CaseVotes], settings: TakeAndGiveParameters
) -> list[Floats]:
    """Return what a plain U-Net draws, trained on the same slices by the same rounds."""
    lessons = gather_lessons(taught, settings, "U-Net", no_progress)
    seed_everything(torch, settings.seed)
    network = UNet(lessons.image.shape[1], 2, settings.widths)
    start_at_the_share([network.decoder.head], lessons.target)

    def loss_of(rows: NDArray[np.int64], epoch: int) -> Tensor:
        del epoch
        return torch.nn.functional.binary_cross_entropy_with_logits(
            network(torch.from_numpy(lessons.image[rows])), torch.from_numpy(lessons.target[rows])
        )

    random = np.random.default_rng(settings.seed)
    rows = random.permutation(len(lessons.image))
    n_held = round(settings.held_out * len(rows))
    train_rounds(
        network,
        loss_of,
        loss_of,
        rows[n_held:],
        rows[:n_held],
        epochs=settings.epochs,
        patience=settings.patience,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        random=random,
        progress=no_progress,
    )
    found = []
    for case in unread:
        slices, frame = image_slices(
            case.window(None).image, case.spacing_mm, size=WORKING, n_channels=1
        )
        with torch.no_grad():
            shown = torch.sigmoid(network(torch.from_numpy(slices))).numpy()
        drawn = np.moveaxis(frame.to_grid(shown), 1, 0)
        drawn = drawn / np.maximum(drawn.sum(axis=0), 1.0)
        found.append(np.concatenate([1 - drawn.sum(axis=0, keepdims=True), drawn]))
    return found

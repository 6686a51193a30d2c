"""What the study of networks that learn raters measures, one seed at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rater_networks_sets import Known, outlines, panel, sectors, spots
from scipy.stats import spearmanr
from study_cases import study_case
from study_measures import dice
from torch.nn import functional

from annotator.analysis.evaluation import auroc
from annotator.analysis.soft_overlap import soft_dice
from annotator.api import no_progress
from annotator_recipes.difficulty import DifficultyParameters, DifficultyTrainer
from annotator_recipes.difficulty_answers import case_slices
from annotator_recipes.difficulty_net import AnswerNet
from annotator_recipes.difficulty_training import stack_cases
from annotator_recipes.epochs import train_rounds
from annotator_recipes.reading_slices import gather_readings
from annotator_recipes.self_calibration import SelfCalibrationParameters
from annotator_recipes.self_calibration_training import train_calibration
from annotator_recipes.torch_door import seed_everything
from annotator_recipes.trust_vector import TrustVectorParameters, TrustVectorTrainer, WarmTrust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from annotator.api import CaseVotes
    from annotator_recipes.self_calibration_net import SelfCalibration

Found = dict[tuple[str, str, str], float]
"""Numbers by (table, row, column)."""

SQUARE = (1.0, 1.0, 1.0)
N_LEARN, N_TEST = 40, 30
CPU = torch.device("cpu")
COMMON: dict[str, Any] = {
    "levels": 3,
    "width": 8,
    "batch": 4,
    "learning_rate": 5e-3,
    "patience": 20,
}
VARIANTS: dict[str, tuple[float, int, bool]] = {
    "mean of the readings": (0.0, 1, False),
    "two-sided, T = 1": (8.0, 1, False),
    "two-sided, T = 2": (8.0, 2, False),
    "two-sided, T = 3": (8.0, 3, False),
    "two-sided, T = 1, β = 4": (4.0, 1, False),
    "two-sided, T = 1, β = 16": (16.0, 1, False),
    "one-sided, T = 1": (8.0, 1, True),
    "one-sided, T = 2": (8.0, 2, True),
    "one-sided, T = 3": (8.0, 3, True),
}
"""β, passes, and whether raters are weighed by ``P / sum P`` of the published code."""


def one_sided(
    estimate: Tensor, drawn: Tensor, present: Tensor, beta: float, sigma: float
) -> Tensor:
    """Return each rater's share in the probability that is drawn, ``(n, rater, y, x)``."""
    share = drawn[:, :, 1].clamp_min(1e-6) * present[:, :, None, None]
    return share / share.sum(dim=1, keepdim=True)


def calibration(seed: int, *, epochs: int) -> Iterator[Found]:
    """Train each variant on quadrants, and two on a panel whose pictures say little."""
    sets: list[tuple[str, Callable[[int, int], list[Known]], list[str]]] = [
        ("quadrants", sectors, list(VARIANTS)),
        ("panel", _regional, list(VARIANTS)[:2]),
    ]
    for table, make, names in sets:
        learn, test = make(N_LEARN, 2 * seed), make(N_TEST, 2 * seed + 1)
        votes = [_vote(case) for case in test]
        yield {
            (table, "vote", "readings"): float(
                np.mean(
                    [dice(vote > 0.5, one.truth) for vote, one in zip(votes, test, strict=True)]
                )
            )
        }
        for name in names:
            beta, passes, is_one_sided = VARIANTS[name]
            settings = SelfCalibrationParameters(
                **COMMON,
                size=test[0].truth.shape[0],
                epochs=epochs,
                warm_up=epochs // 3,
                beta=beta,
                sigma=2.0,
                passes=passes,
                seed=seed,
            )
            network = _train(learn, settings, is_one_sided=is_one_sided)
            yield {(table, name, key): value for key, value in _judge(network, test).items()}


def _regional(n_cases: int, seed: int) -> list[Known]:
    return panel("regional-skill", n_cases, seed)


def _vote(case: Known) -> NDArray[np.float64]:
    return np.asarray(case.masks().mean(axis=0))


def _train(
    cases: Sequence[Known], settings: SelfCalibrationParameters, *, is_one_sided: bool
) -> SelfCalibration:
    data = gather_readings([case.given for case in cases], settings, "the study", no_progress)
    seed_everything(torch, settings.seed)
    weigh = one_sided if is_one_sided else None
    return train_calibration(data, settings, CPU, no_progress, weigh=weigh)[0]


def _judge(network: SelfCalibration, cases: Sequence[Known]) -> dict[str, float]:
    """Return Dice and soft Dice of the drawing, Dice of the weighed readings, and correlation."""
    rows = []
    size = cases[0].truth.shape[0]
    for case in cases:
        image = torch.from_numpy(
            case_slices(case.image, SQUARE, size=size, n_slices=1, n_channels=1)
        )
        masks = case.masks()
        with torch.inference_mode():
            last = network(image, torch.ones(1, len(masks), dtype=torch.bool))[-1]
        drawn, weight = last.estimate.softmax(1)[0, 1].numpy(), last.weight[0].numpy()
        near = masks.any(axis=0) & ~masks.all(axis=0)
        rho = np.nan
        if weight[:, near].std() > 1e-6:
            rho = spearmanr(weight[:, near].ravel(), -case.error_mm[:, near].ravel()).statistic
        rows.append(
            {
                "drawing": dice(drawn > 0.5, case.truth),
                "soft": soft_dice(drawn, case.truth.astype(np.float64)),
                "readings": dice((weight * masks).sum(axis=0) > 0.5, case.truth),
                "correlation": float(rho),
            }
        )
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def trust(seed: int, *, epochs: int) -> Iterator[Found]:
    """Train a network that is told whom to trust on a panel of differing skill."""
    learn, test = (panel("global-skill", n, 2 * seed + at) for at, n in ((0, N_LEARN), (1, N_TEST)))
    settings = TrustVectorParameters(
        **COMMON, size=test[0].truth.shape[0], epochs=epochs, seed=seed
    )
    learned = TrustVectorTrainer().train([case.given for case in learn], settings, no_progress)
    warm = WarmTrust.load(learned.content)
    overlap: dict[str, list[tuple[float, float]]] = {rater: [] for rater in warm.rater_ids}
    rises = []
    for case in test:
        warm.set_image(case.image, SQUARE)
        alike = warm.draw(None, 0)[1] > 0.5
        for rater, mask in zip(case.given.votes.rater_ids, case.masks(), strict=True):
            alone = warm.draw({rater: 1.0}, 0)[1] > 0.5
            overlap[rater].append((dice(alone, mask), dice(alike, mask)))
        areas = [
            float(warm.draw({"r3": share, "r4": 1.0 - share}, 0)[1].sum())
            for share in np.linspace(0, 1, 11)
        ]
        rises.append(float((np.diff(areas) > 0).mean()))
    for rater, pairs in overlap.items():
        alone_mean, alike_mean = np.mean(pairs, axis=0).tolist()
        yield {
            ("trust", rater, "alone"): alone_mean,
            ("trust", rater, "alike"): alike_mean,
            ("trust", rater, "gain"): alone_mean - alike_mean,
        }
    yield {("trust", "area", "rises"): float(np.mean(rises))}


def answers(seed: int, *, epochs: int) -> Iterator[Found]:
    """Foretell disputed answers, by difficulty and by doubt about the majority."""
    settings = DifficultyParameters(
        size=32,
        width=4,
        levels=2,
        batch=16,
        learning_rate=1e-2,
        question="finding",
        positive="ill",
        epochs=epochs,
        seed=seed,
    )
    for name, is_one_ready in (("all alike", False), ("one ready early", True)):
        learn = spots(150, 2 * seed, is_one_ready=is_one_ready)
        test = spots(200, 2 * seed + 1, is_one_ready=is_one_ready)
        disputed = [len(set(_said(case))) > 1 for case in test]
        learned = DifficultyTrainer().train(learn, settings, no_progress)
        ours = auroc([_difficulty(learned.content, case) for case in test], disputed)
        theirs = auroc(_doubt(learn, test, settings), disputed)
        assert ours is not None
        assert theirs is not None
        yield {
            ("answers", name, "disputed"): float(np.mean(disputed)),
            ("answers", name, "difficulty"): ours,
            ("answers", name, "doubt"): theirs,
            ("answers", name, "gain"): ours - theirs,
        }


def _said(case: CaseVotes) -> list[bool]:
    return [one.answer("finding") == "ill" for one in case.diagnoses.values()]


def _difficulty(learned: bytes, case: CaseVotes) -> float:
    image = case.window(None).image
    found = DifficultyTrainer().predict(learned, image, SQUARE, trust=None, progress=no_progress)
    assert found.difficulty is not None
    return found.difficulty


def _doubt(
    learn: Sequence[CaseVotes], test: Sequence[CaseVotes], settings: DifficultyParameters
) -> list[float]:
    """Return the entropy of the same network, trained on what most raters answered."""
    seed_everything(torch, settings.seed)
    network = AnswerNet(1, settings.widths)
    majority = np.array([2 * sum(_said(case)) > len(_said(case)) for case in learn], np.float32)

    def ask(cases: Sequence[CaseVotes]) -> Tensor:
        slices = [
            case_slices(case.window(None).image, SQUARE, size=32, n_slices=1, n_channels=1)
            for case in cases
        ]
        logits: Tensor = network(*stack_cases(slices, CPU), len(cases))[:, 2]
        return logits

    def loss_of(rows: NDArray[np.int64], epoch: int) -> Tensor:
        target = torch.from_numpy(majority[rows])
        return functional.binary_cross_entropy_with_logits(
            ask([learn[row] for row in rows.tolist()]), target
        )

    random = np.random.default_rng(settings.seed)
    rows = random.permutation(len(learn))
    n_held_out = round(settings.held_out * len(rows))
    train_rounds(
        network,
        loss_of,
        loss_of,
        rows[n_held_out:],
        rows[:n_held_out],
        epochs=settings.epochs,
        patience=settings.patience,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        random=random,
        progress=no_progress,
    )
    with torch.inference_mode():
        logits = ask(test).double()
        entropy = functional.binary_cross_entropy_with_logits(
            logits, logits.sigmoid(), reduction="none"
        )
    return [float(value) for value in entropy]


def drawings(seed: int, *, epochs: int) -> Iterator[Found]:
    """Foretell how far outlines lie apart, by difficulty, by doubt about the majority, by size."""
    common = {**COMMON, "size": 32, "levels": 2, "epochs": epochs, "seed": seed}
    for name, is_visible in (("doubt is visible", True), ("doubt is not visible", False)):
        learn = outlines(N_LEARN, 2 * seed, is_visible=is_visible)
        test = outlines(60, 2 * seed + 1, is_visible=is_visible)
        really = np.array([_apart(case) for case in test])
        learned = DifficultyTrainer().train(
            [case.given for case in learn], DifficultyParameters(**common), no_progress
        )
        network = _train(
            [_majority(case) for case in learn],
            SelfCalibrationParameters(**common, beta=0.0, warm_up=0),
            is_one_sided=False,
        )
        doubt, smallness = _entropies(network, test)
        disputed = really > np.median(really)
        for way, score in (
            ("difficulty", [_difficulty(learned.content, case.given) for case in test]),
            ("doubt", doubt),
            ("size alone", smallness),
        ):
            found = auroc(score, disputed)
            assert found is not None
            yield {("drawings", name, way): found}


def _apart(case: Known) -> float:
    masks = case.masks()
    return 1.0 - float(masks.all(axis=0).sum() / max(1, masks.any(axis=0).sum()))


def _majority(case: Known) -> Known:
    """Return a case in which two raters drew what most did."""
    most = (_vote(case) > 0.5)[None].astype(np.uint8)
    made = study_case(
        case.given.case_id, dict.fromkeys("ab", most), most, group="majority", image=case.image
    )
    return Known(given=made.given, truth=case.truth, error_mm=case.error_mm)


def _entropies(network: SelfCalibration, cases: Sequence[Known]) -> tuple[list[float], list[float]]:
    """Return the entropy per pixel drawn, and how small the drawing is, of each case."""
    doubt, smallness = [], []
    for case in cases:
        image = torch.from_numpy(case_slices(case.image, SQUARE, size=32, n_slices=1, n_channels=1))
        with torch.inference_mode():
            share = network(image, torch.ones(1, 2, dtype=torch.bool))[-1].estimate.double()
        chance = share.softmax(1)
        entropy = -(chance * chance.clamp_min(1e-12).log()).sum()
        area = float(chance[:, 1].sum())
        doubt.append(float(entropy) / (area + 1.0))
        smallness.append(-area)
    return doubt, smallness

"""Trials of the recipes for labels that are hard-edged, wrong, alike, coarse or distracted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from recipe_rows import Pair, Trial
from recipes_sets import SQUARE, alike, coarse, distracted, edges, spoilt
from scipy import ndimage

from annotator.analysis.calibration import (
    Cells,
    bin_sums,
    calibration_error,
    equal_width_edges,
    log_loss,
)
from annotator.analysis.evaluation import auroc
from annotator.api import no_progress
from annotator_recipes.label_trainers import (
    CorrelatedTrainer,
    CrossDenoisingTrainer,
    DistractorTrainer,
    MixedSupervisionTrainer,
    SoftenedTrainer,
)
from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_trainer import SegmentingTrainer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from recipes_sets import Known

    from annotator_recipes.segmenting_plan import SegmenterParameters

    Floats = NDArray[np.float64]

EPOCHS, STEPS = 6, 20
N_TEST = 24
COMMON: dict[str, Any] = {
    "dimensions": "2d",
    "width": 8,
    "levels": 3,
    "batch": 4,
    "learning_rate": 1e-2,
    "patience": 1000,
    "flips": "yx",
}


RAMP = {"ramp": 3}
"""Half of the rounds."""


class PlainTrainer(SegmentingTrainer):
    """The same training without any recipe."""

    name = "plain"
    title = "Plain network"
    version = "1"

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the recipe that changes nothing."""
        return Recipe(settings)


def taught(
    trainer: SegmentingTrainer,
    learn: Sequence[Known],
    test: Sequence[Known],
    seed: int,
    *,
    quick: bool,
    **own: object,
) -> Floats:
    """Train on some cases and read others: probability, ``(case, label, y, x)``."""
    rounds = {"epochs": 2, "steps": 3} if quick else {"epochs": EPOCHS, "steps": STEPS}
    settings = trainer.parameters.model_validate({**COMMON, **rounds, "seed": seed, **own})
    learned = trainer.train([case.given for case in learn], settings, no_progress)
    return read(trainer, learned.content, test)


def read(trainer: SegmentingTrainer, content: bytes, cases: Sequence[Known]) -> Floats:
    """Return the probability of each label in the pictures of cases, ``(case, label, y, x)``."""
    shown = []
    for case in cases:
        found = trainer.predict(content, case.image, SQUARE, trust=None, progress=no_progress)
        assert found.probability is not None
        shown.append(found.probability[:, 0])
    return np.stack(shown).astype(np.float64)


def mean_dice(shown: Floats, cases: Sequence[Known]) -> float:
    """Return the mean Dice to the truth over cases and the labels that are there."""
    drawn = shown.argmax(axis=1)
    found = []
    for mask, case in zip(drawn, cases, strict=True):
        for label in range(1, shown.shape[1]):
            one, other = mask == label, case.truth == label
            if other.any():
                found.append(2.0 * (one & other).sum() / (one.sum() + other.sum()))
    return float(np.mean(found))


def near_outlines(cases: Sequence[Known], reach: int = 4) -> NDArray[np.bool_]:
    """Return which pixels lie near an outline of the truth, ``(case, y, x)``."""
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.bool_)
    return np.stack(
        [
            ndimage.maximum_filter(case.truth, footprint=square)
            != ndimage.minimum_filter(case.truth, footprint=square)
            for case in cases
        ]
    )


def told_cells(shown: Floats, cases: Sequence[Known]) -> Cells:
    """Return what was said of each label near outlines, and what is so."""
    near = near_outlines(cases)
    truth = np.stack([case.truth for case in cases])
    said = [shown[:, label][near] for label in range(shown.shape[1])]
    so = [(truth == label)[near] for label in range(shown.shape[1])]
    return Cells(
        probability=np.concatenate(said),
        observed=np.concatenate(so).astype(np.float64),
        counts=np.ones(len(said) * int(near.sum())),
    )


def calibration(shown: Floats, cases: Sequence[Known]) -> float:
    """Return the expected calibration error near outlines."""
    found = calibration_error(bin_sums(told_cells(shown, cases), equal_width_edges()))
    assert found is not None
    return found


def surprise(shown: Floats, cases: Sequence[Known]) -> float:
    """Return the mean negative log-likelihood of the truth near outlines."""
    found = log_loss(told_cells(shown, cases))
    assert found is not None
    return found


_MEASURES = {
    "Dice": (mean_dice, False),
    "ECE near outlines": (calibration, True),
    "log loss near outlines": (surprise, True),
}


def compared(
    recipe: str,
    claim: str,
    ours: Floats,
    plain: Floats,
    cases: Sequence[Known],
    measures: Sequence[str],
) -> Iterator[Pair]:
    """Return a pair for each measure of two ways of reading the same cases."""
    for name in measures:
        measure, less_is_better = _MEASURES[name]
        yield Pair(
            recipe=recipe,
            claim=claim,
            measure=name,
            with_recipe=measure(ours, cases),
            without=measure(plain, cases),
            less_is_better=less_is_better,
        )


def softened(seed: int, *, quick: bool, claim: str, blur: float, waver: float) -> Iterable[Pair]:
    """Soften outlines of edges blurred so far, drawn by a hand that wavers so far."""
    learn = edges(16, 2 * seed, blur=blur, waver=waver)
    test = edges(N_TEST, 2 * seed + 1, blur=blur, waver=0.0)
    plain = taught(PlainTrainer(), learn, test, seed, quick=quick)
    ours = taught(SoftenedTrainer(), learn, test, seed, quick=quick)
    yield from compared("softened", claim, ours, plain, test, list(_MEASURES))


def cross_denoised(seed: int, *, quick: bool, share: float) -> Iterable[Pair]:
    """Let two peers choose each other's pixels, with so many labels spoilt."""
    learn, test = spoilt(30, 2 * seed, share=share), spoilt(N_TEST, 2 * seed + 1, share=0.0)
    n_test, claim = len(test), f"{share:.0%} of 30 labels spoilt"
    plain, ours = (
        taught(trainer, learn, [*test, *learn], seed, quick=quick, **own)
        for trainer, own in ((PlainTrainer(), {}), (CrossDenoisingTrainer(), RAMP))
    )
    yield from compared("cross-denoising", claim, ours[:n_test], plain[:n_test], test, ["Dice"])
    if share:
        yield Pair(
            recipe="cross-denoising",
            claim=f"{claim}: finding them",
            measure="AUROC",
            with_recipe=_found(ours[n_test:], learn),
            without=_found(plain[n_test:], learn),
        )


def exchanged(seed: int, *, quick: bool) -> Iterable[Pair]:
    """Compare peers that choose each other's pixels with peers that keep all of them."""
    learn, test = spoilt(30, 2 * seed, share=0.4), spoilt(N_TEST, 2 * seed + 1, share=0.0)
    ours, keeping = (
        taught(CrossDenoisingTrainer(), learn, test, seed, quick=quick, **RAMP, noise=noise)
        for noise in (0.2, 0.0)
    )
    claim = "40% of 30 labels spoilt; without: two peers that keep everything"
    yield from compared("cross-denoising", claim, ours, keeping, test, ["Dice"])


def _found(shown: Floats, cases: Sequence[Known]) -> float:
    """Return how well the share of a drawing that is rejected tells spoilt cases from others."""
    doubt = []
    for probability, case in zip(shown, cases, strict=True):
        drawn = case.given.window(None).masks(case.given.votes)[0, 0] != 0
        rejected = (probability[1] > 0.5) != drawn
        doubt.append(float(rejected.sum() / max(1, drawn.sum())))
    found = auroc(doubt, [case.is_wrong for case in cases])
    assert found is not None
    return found


def correlated(seed: int, *, quick: bool, claim: str, gap: float) -> Iterable[Pair]:
    """Soften labels towards those that look alike, where two are told apart by such a gap."""
    learn, test = alike(24, 2 * seed, gap=gap), alike(N_TEST, 2 * seed + 1, gap=gap)
    plain, ours = (
        taught(trainer, learn, test, seed, quick=quick, **({} if quick else {"epochs": 12}))
        for trainer in (PlainTrainer(), CorrelatedTrainer())
    )
    yield from compared("correlated", claim, ours, plain, test, list(_MEASURES))


def mixed(seed: int, *, quick: bool, kind: str) -> Iterable[Pair]:
    """Learn from few masks with many boxes or scribbles, against the masks alone."""
    n_full, n_weak = 8, 60
    test = coarse(N_TEST, 0, 2 * seed + 1, kind=kind)
    learn = coarse(n_full, n_weak, 2 * seed, kind=kind)
    ours = taught(MixedSupervisionTrainer(), learn, test, seed, quick=quick, weak={"weak": kind})
    situation = f"{n_full} masks and {n_weak} {kind}"
    for against, cases in (
        (f"the {n_full} masks alone", learn[:n_full]),
        (f"{kind} taken for masks", learn),
    ):
        other = taught(PlainTrainer(), cases, test, seed, quick=quick)
        claim = f"{situation}; without: {against}"
        yield from compared("mixed-supervision", claim, ours, other, test, ["Dice"])


def distractors(seed: int, *, quick: bool, n_learn: int) -> Iterable[Pair]:
    """Push responses apart where lumps as bright lie beside the striped one."""
    learn, test = distracted(n_learn, 2 * seed), distracted(N_TEST, 2 * seed + 1)
    plain = taught(PlainTrainer(), learn, test, seed, quick=quick)
    ours = taught(DistractorTrainer(), learn, test, seed, quick=quick)
    claim = f"distractors beside the structure, {n_learn} cases"
    yield from compared("distractor-aware", claim, ours, plain, test, ["Dice"])


TRIALS: dict[str, Trial] = {
    "softened, blurred": partial(
        softened, claim="blurred edges, wavering hand, 16 cases", blur=3.0, waver=1.5
    ),
    "softened, sharp": partial(
        softened, claim="sharp edges, steady hand, 16 cases", blur=0.5, waver=0.0
    ),
    "cross-denoising, spoilt": partial(cross_denoised, share=0.4),
    "cross-denoising, clean": partial(cross_denoised, share=0.0),
    "cross-denoising, exchange": exchanged,
    "correlated, alike": partial(correlated, claim="two of three labels look alike", gap=0.5),
    "correlated, distinct": partial(correlated, claim="all three labels differ", gap=2.0),
    "mixed-supervision, boxes": partial(mixed, kind="boxes"),
    "mixed-supervision, scribbles": partial(mixed, kind="scribbles"),
    "distractor-aware, few": partial(distractors, n_learn=8),
    "distractor-aware, more": partial(distractors, n_learn=30),
}

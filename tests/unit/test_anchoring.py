"""Anchoring: raters who are drawn towards a model by a known share, and raters who are not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from annotator.analysis.anchoring import AnchoringRow, ShownReading, measure_anchoring
from annotator.session.without_model import BLOCK, draw_place

pytestmark = pytest.mark.unit

ANGLES = np.linspace(0, 2 * np.pi, 72, endpoint=False)

WAVES = np.array([wave(k * ANGLES) for k in (1, 2, 3) for wave in (np.cos, np.sin)])


@dataclass(frozen=True, kw_only=True)
class Made:
    """Readings of made cases, and what showing the model did to them on average."""

    readings: list[ShownReading]
    effect_on_model: float
    effect_on_truth: float


def outline(random: np.random.Generator, size: float) -> np.ndarray:
    """Return a smooth departure of an outline from a circle, a number an angle."""
    return size * np.asarray(random.normal(size=len(WAVES)) @ WAVES)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Return the Dice of two areas around one point whose outlines are given by angle."""
    both = np.minimum(first, second)
    return float(2 * (both**2).sum() / ((first**2).sum() + (second**2).sum()))


def make(seed: int, *, pull: float, model_bias: float, n_cases: int = 40, share: float) -> Made:
    """Let three raters read cases; whoever is shown the model moves ``pull`` of the way to it."""
    random = np.random.default_rng(seed)
    key = str(seed).encode()
    readings, effects = [], []
    for case in range(n_cases):
        truth = 20 + outline(random, 1.0)
        model = truth + outline(random, 0.6) + model_bias
        hardness = random.uniform(0.2, 0.8)
        for rater in range(3):
            own = truth + outline(random, hardness) + 0.4 * (rater - 1)
            pulled = own + pull * (model - own)
            is_shown = draw_place(key, case, rater) >= share
            with_truth = {True: dice(pulled, truth), False: dice(own, truth)}
            with_model = {True: dice(pulled, model), False: dice(own, model)}
            readings.append(
                ShownReading(
                    case_id=f"{case:03}",
                    rater_id=f"{rater}",
                    label=1,
                    is_shown=is_shown,
                    with_model=with_model[is_shown],
                    with_truth=with_truth[is_shown],
                    active_s=random.lognormal(4, 0.5) * (0.6 if is_shown else 1.0),
                )
            )
            effects.append([found[True] - found[False] for found in (with_model, with_truth)])
    on_model, on_truth = np.mean(effects, axis=0).tolist()
    return Made(readings=readings, effect_on_model=on_model, effect_on_truth=on_truth)


def rows_of(made: Made) -> dict[str, AnchoringRow]:
    return {row.measure: row for row in measure_anchoring(made.readings)}


def covers(row: AnchoringRow, value: float) -> bool:
    assert row.low is not None
    assert row.high is not None
    return row.low <= value <= row.high


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_a_planted_pull_is_found_and_its_size_too(share: float) -> None:
    """Half of the way towards a model that draws too large: agreement with the truth falls."""
    hits, found, missed_harm = [], 0, 0
    for seed in range(40):
        made = make(seed, pull=0.5, model_bias=2.0, share=share)
        rows = rows_of(made)
        hits.append(covers(rows["model"], made.effect_on_model))
        hits.append(covers(rows["truth"], made.effect_on_truth))
        found += rows["model"].is_shown and rows["model"].difference > 0
        missed_harm += not (rows["truth"].is_shown and rows["truth"].difference < 0)
    assert np.mean(hits) > 0.88
    assert found == 40
    assert missed_harm <= 3


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_where_nobody_is_pulled_the_interval_holds_nothing(share: float) -> None:
    called = [
        rows_of(make(seed, pull=0.0, model_bias=2.0, share=share))[measure].is_shown
        for seed in range(60)
        for measure in ("model", "truth")
    ]
    # 95 % intervals: over 500 seeds it is 5 to 9 in a hundred with 40 cases.
    assert 0.0 < np.mean(called) < 0.13


def test_time_is_that_of_a_case_however_many_structures_it_has() -> None:
    made = make(0, pull=0.3, model_bias=0.0, share=0.5)
    doubled = [*made.readings, *(replace(entry, label=2) for entry in made.readings)]
    (once,) = [row for row in measure_anchoring(made.readings) if row.measure == "time"]
    (again,) = [row for row in measure_anchoring(doubled) if row.measure == "time"]
    assert once == again
    assert once.label is None
    assert once.is_shown
    assert once.difference < 0


def test_order_does_not_matter_and_who_has_one_kind_only_says_nothing() -> None:
    made = make(3, pull=0.3, model_bias=1.0, share=0.5)
    always = [
        replace(entry, rater_id="9", is_shown=True, with_model=0.0) for entry in made.readings[::3]
    ]
    every = [*made.readings, *always]
    shuffled = [every[at] for at in np.random.default_rng(0).permutation(len(every))]
    assert measure_anchoring(shuffled) == measure_anchoring(made.readings)
    assert measure_anchoring(always) == ()
    assert measure_anchoring([]) == ()


def test_difference_is_within_raters() -> None:
    """A rater who draws unlike the model and is mostly shown it must not look like an effect."""
    plan = [("a", True, 0.5), ("a", True, 0.5), ("a", False, 0.5), ("b", True, 0.9)]
    plan += [("b", False, 0.9), ("b", False, 0.9)]
    readings = [
        ShownReading(case_id=str(at), rater_id=rater, label=1, is_shown=is_shown, with_model=value)
        for at, (rater, is_shown, value) in enumerate(plan)
    ]
    (row,) = measure_anchoring(readings)
    assert row.difference == pytest.approx(0.0)
    assert (row.n_with, row.n_without, row.n_cases) == (3, 3, 6)
    # b, who is like the model, reads without it more often; the plain means would differ.
    assert row.mean_with == pytest.approx(row.mean_without)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.8])
def test_lot_is_balanced_fixed_and_grows_with_the_share(share: float) -> None:
    places = np.array(
        [[draw_place(b"key", case, rater) for rater in range(4)] for case in range(20 * BLOCK)]
    )
    assert ((places >= 0) & (places < 1)).all()
    without = places < share
    for rater in range(4):
        blocks = without[:, rater].reshape(-1, BLOCK).sum(axis=1)
        assert abs(blocks - BLOCK * share).max() < 1
        assert abs(without[:, rater].mean() - share) < 0.03
    # Four raters of one case lie a quarter apart, so that a case has its share as well.
    assert abs(without.sum(axis=1) - 4 * share).max() < 1
    assert draw_place(b"key", 3, 1) == places[3, 1]
    assert (places < 0.9 * share).sum() < without.sum()


def test_lot_is_not_to_be_guessed_without_the_key() -> None:
    lots = np.array(
        [[draw_place(str(key).encode(), case, 0) < 0.5 for case in range(40)] for key in range(400)]
    )
    assert abs(lots.mean(axis=0) - 0.5).max() < 0.1
    # Nor from the case before it: within a block of ten, half of which are drawn, 4 of 9 follow.
    after = lots[:, 1:][lots[:, :-1]]
    assert 0.4 < after.mean() < 0.5

"""The order in which to draw: laws of it, and a loop of drawing and learning with known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis.next_cases import (
    Candidate,
    GainWeights,
    NextCase,
    doubt_of_map,
    next_cases,
)
from annotator.domain.errors import AnnotatorError

pytestmark = pytest.mark.unit

ONLY_UNSURE = GainWeights(uncertainty=1, difficulty=0, diversity=0)
ONLY_DIVERSE = GainWeights(uncertainty=0, difficulty=0, diversity=1)
POOL = st.lists(
    st.tuples(
        st.none() | st.floats(0, 1),
        st.none() | st.floats(0, 1),
        st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
    ),
    min_size=1,
    max_size=12,
)


def pool_of(rows: list[tuple[float | None, float | None, tuple[float, ...]]]) -> list[Candidate]:
    return [
        Candidate(case_id=f"{place:02}", uncertainty=unsure, difficulty=hard, features=features)
        for place, (unsure, hard, features) in enumerate(rows)
    ]


@given(rows=POOL, seed=st.integers(0, 99))
def test_order_in_which_cases_are_given_does_not_matter(
    rows: list[tuple[float | None, float | None, tuple[float, ...]]], seed: int
) -> None:
    pool = pool_of(rows)
    drawn = [(0.0, 1.0), (2.0, -1.0), (0.1, 0.7)]
    random = np.random.default_rng(seed)
    shuffled = [pool[place] for place in random.permutation(len(pool))]
    again = [drawn[place] for place in random.permutation(len(drawn))]
    assert next_cases(pool, drawn=drawn) == next_cases(shuffled, drawn=again)


@given(rows=POOL)
def test_lazily_chosen_cases_are_those_of_plain_greed(
    rows: list[tuple[float | None, float | None, tuple[float, ...]]],
) -> None:
    found = next_cases(pool_of(rows))
    assert sorted(entry.case_id for entry in found) == [f"{at:02}" for at in range(len(rows))]
    gains = [entry.gain for entry in found]
    assert all(0 <= gain <= 1 for gain in gains)
    # What was chosen lowers what others gain, so gains can only fall along the order.
    assert gains == sorted(gains, reverse=True)
    assert next_cases(pool_of(rows), n=2) == found[:2]


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_uncertainty_alone_sorts(values: list[float]) -> None:
    pool = pool_of([(value, 1 - value, (value, 0.0)) for value in values])
    found = next_cases(pool, weights=ONLY_UNSURE)
    wanted = sorted(range(len(values)), key=lambda place: (-values[place], place))
    assert [entry.case_id for entry in found] == [f"{place:02}" for place in wanted]


@pytest.mark.parametrize("seed", range(5))
def test_diversity_visits_every_cluster_before_any_twice(seed: int) -> None:
    random = np.random.default_rng(seed)
    centres = np.array([(0, 0), (40, 0), (0, 40), (40, 40)])
    sizes = (12, 9, 7, 5)
    cluster = np.repeat(np.arange(4), sizes)
    points = centres[cluster] + random.normal(size=(len(cluster), 2))
    pool = pool_of([(None, None, tuple(point)) for point in points.tolist()])
    found = next_cases(pool, n=4)
    assert {int(cluster[int(entry.case_id)]) for entry in found} == {0, 1, 2, 3}
    assert int(cluster[int(found[0].case_id)]) == 0
    known = [tuple(points[0].tolist())]
    first, *_ = next_cases(pool, drawn=known, n=1)
    assert int(cluster[int(first.case_id)]) == 1


def test_an_outlier_is_not_what_stands_for_most() -> None:
    random = np.random.default_rng(0)
    points = [*random.normal(size=(30, 2)).tolist(), [30.0, 30.0]]
    first, *_ = next_cases(pool_of([(None, None, tuple(point)) for point in points]), n=1)
    assert first.case_id != "30"


def test_says_why() -> None:
    pool = pool_of([(0.9, None, ()), (0.1, None, ()), (0.5, 0.5, ())])
    first, second, last = next_cases(pool)
    assert isinstance(first, NextCase)
    assert (first.case_id, first.why) == ("00", "The model is very unsure of it.")
    assert second.why == ("The model is fairly unsure of it; raters are fairly likely to disagree.")
    assert last.difficulty is None
    (unknown,) = next_cases([Candidate(case_id="a")])
    assert (unknown.gain, unknown.why) == (0.0, "Nothing is known of it yet.")
    assert next_cases([]) == ()


def test_refuses_what_gives_no_order() -> None:
    with pytest.raises(AnnotatorError, match=r"got \(0, 0, 0\)"):
        GainWeights(uncertainty=0, difficulty=0, diversity=0)
    with pytest.raises(AnnotatorError, match=r"number of features; got \[1, 2\]"):
        next_cases([Candidate(case_id="a", features=(1.0,))], drawn=[(1.0, 2.0)])
    with pytest.raises(AnnotatorError, match="given twice"):
        next_cases([Candidate(case_id="a"), Candidate(case_id="a")])


def test_doubt_is_that_along_the_outline_whatever_the_size() -> None:
    distance = np.hypot(*np.mgrid[-20:20, -20:20] + 0.5)[None]
    doubts = []
    for radius in (6.0, 14.0):
        uncertainty = np.exp(-((distance - radius) ** 2) / 2)
        doubts.append(doubt_of_map(uncertainty, (distance < radius).astype(np.uint8)))
    assert doubts[0] == pytest.approx(doubts[1], rel=0.1)
    assert doubts[0] > 5 * float(uncertainty.mean())
    flat = np.zeros((1, 10, 10))
    flat[0, 0, 0] = 0.7
    assert doubt_of_map(flat, np.zeros((1, 10, 10), np.uint8)) == pytest.approx(0.7)


def made_pool(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return points ``(case, 2)`` and their classes: most easy and alike, few of them hard."""
    points, classes = [], []
    for centre in ((0.0, 0.0), (6.0, 0.0)):
        points.append(random.normal(centre, 0.6, size=(80, 2)))
        classes.append(np.full(80, int(centre[0] > 3)))
    for centre in ((0.0, 8.0), (6.0, 8.0), (3.0, 14.0)):
        points.append(random.normal(centre, 1.2, size=(20, 2)))
        classes.append((points[-1][:, 0] > centre[0]).astype(int))
    return np.concatenate(points), np.concatenate(classes)


def error_after(chooses: bool, seed: int) -> float:
    """Draw 5 cases six times and learn from them; return the mean error over the rounds."""
    random = np.random.default_rng(seed)
    points, classes = made_pool(random)
    drawn = random.choice(len(points), 5, replace=False).tolist()
    errors = []
    for _ in range(6):
        share = learn(points, drawn, classes, random)
        errors.append(float(((share > 0.5) != classes).mean()))
        left = np.setdiff1d(np.arange(len(points)), drawn)
        if not chooses:
            drawn += random.choice(left, 5, replace=False).tolist()
            continue
        pool = [
            Candidate(
                case_id=str(at),
                uncertainty=float(share[at] * (1 - share[at])),
                features=tuple(points[at].tolist()),
            )
            for at in left.tolist()
        ]
        known = [tuple(points[at].tolist()) for at in drawn]
        drawn += [int(entry.case_id) for entry in next_cases(pool, drawn=known, n=5)]
    return float(np.mean(errors))


def learn(
    points: np.ndarray, drawn: list[int], classes: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Return how often each case is called 1 by nearest neighbours in resampled drawn cases."""
    votes = np.zeros(len(points))
    for _ in range(20):
        own = random.choice(drawn, len(drawn))
        apart = ((points[:, None] - points[own]) ** 2).sum(axis=2)
        votes += classes[own][apart.argmin(axis=1)]
    return votes / 20


def test_chosen_cases_teach_more_than_random_ones() -> None:
    better = [error_after(False, seed) - error_after(True, seed) for seed in range(30)]
    assert np.mean(better) > 2 * np.std(better, ddof=1) / np.sqrt(len(better))

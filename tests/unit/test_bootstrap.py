from __future__ import annotations

import numpy as np
import pytest

from annotator.analysis.bootstrap import bootstrap_interval

pytestmark = pytest.mark.unit


def mean(values: np.ndarray) -> float:
    return float(values.mean())


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        found = bootstrap_interval(random.normal(3.0, 1.0, 40), mean, 300, trial)
        assert found is not None
        assert found.low <= found.value <= found.high
        hits += found.low <= 3.0 <= found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_same_seed_same_interval() -> None:
    values = np.arange(20.0)
    assert bootstrap_interval(values, mean, 100, 4) == bootstrap_interval(values, mean, 100, 4)
    assert bootstrap_interval(values, mean, 100, 4) != bootstrap_interval(values, mean, 100, 5)


def test_cases_are_drawn_whole() -> None:
    values = np.repeat(np.arange(10)[:, None], 3, axis=1)
    seen = []

    def look(drawn: np.ndarray) -> float:
        seen.append(bool((drawn == drawn[:, :1]).all()))
        return 0.0

    found = bootstrap_interval(values, look, 20, 0)
    assert found is not None
    assert found.n_cases == 10
    assert all(seen)


def test_undefined_is_none() -> None:
    assert bootstrap_interval(np.zeros(0), mean) is None
    assert bootstrap_interval(np.zeros(1), mean) is None
    assert bootstrap_interval(np.zeros(5), lambda _: None) is None

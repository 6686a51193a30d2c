"""The page of the loop says what its numbers say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from docs.studies.loop_page import (
    STEPS,
    WAYS,
    Looked,
    Round,
    Trial,
    dice_table,
    doubt_table,
    interval,
    load,
    save,
)

pytestmark = pytest.mark.unit

STUDIES = Path(__file__).parents[2] / "docs" / "studies"


def trial(seed: int, *, gain: float, sign: float) -> Trial:
    """The model's way is ahead by ``gain``; its doubt rises with the Dice by ``sign``."""
    looked = tuple(
        Looked(
            case_id=str(place),
            is_gold=False,
            doubt=0.5 + sign * place / 10,
            gain=0.5 - sign * place / 10,
            dice=0.7 + place / 100,
            changed=0.3,
        )
        for place in range(5)
    )
    return Trial(
        seed=seed,
        rounds=tuple(
            Round(
                way=way,
                n_cases=n_cases,
                dice=0.7 + n_cases / 100 + seed / 1000 + gain * (way == "model"),
                share_changed=None if n_cases == STEPS[-1] else 0.3,
                looked=looked,
            )
            for way in WAYS
            for n_cases in STEPS
        ),
    )


def test_tables_tell_gains_and_correlations() -> None:
    trials = [trial(seed, gain=0.02, sign=-1.0) for seed in (1, 2, 3)]
    rows = dice_table(trials).splitlines()[2:]
    assert len(rows) == len(STEPS) * len(WAYS)
    (model,) = [one for one in rows if one.startswith("| 8 | the model")]
    assert "0.802 (0.801 to 0.803) | +0.020 (+0.020 to +0.020) | 30 %" in model
    doubts = doubt_table(trials).splitlines()[2:]
    assert all("-1.00 (-1.00 to -1.00) | +1.00" in one for one in doubts)
    assert doubts[0].startswith("| 5 | 3 | 5 |"), "the first training is one for all ways"
    assert doubts[1].startswith("| 8 | 9 | 5 |")


def test_intervals_are_those_of_student() -> None:
    values = np.array([0.1, 0.3, -0.2, 0.4])
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert interval(values) == f"+0.150 ({low:+.3f} to {high:+.3f})"
    assert interval([0.1]) == "+0.100"


def test_numbers_are_kept_as_they_are(tmp_path: Path) -> None:
    trials = {seed: trial(seed, gain=0.01, sign=1.0) for seed in (2, 1)}
    save(trials, tmp_path)
    assert load(tmp_path) == trials
    assert load(tmp_path / "absent") == {}


def test_the_page_holds_the_tables_of_its_numbers() -> None:
    page = (STUDIES / "loop.md").read_text(encoding="utf-8")
    kept = list(load(STUDIES).values())
    assert len(kept) >= 3
    assert dice_table(kept) in page
    assert doubt_table(kept) in page

"""Thresholds as documents, presets, and thresholds from trusted trees."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis.tracing.course import trace_course
from annotator.analysis.tracing.shape_turns import check_turns
from annotator.analysis.tracing.threshold_calibration import calibrate, describe_changes
from annotator.analysis.tracing.thresholds import (
    DEFAULT_THRESHOLDS,
    PRESETS,
    Thresholds,
    find_preset,
    thresholds_from_json,
    thresholds_to_json,
    unit_of,
)
from annotator.analysis.tracing.tree import NO_PARENT, Tree, make_tree
from annotator.domain.errors import AnnotatorError, UnknownNameError
from tests.unit.tracing.tube_images import draw_tubes

pytestmark = pytest.mark.unit


@given(
    name=st.sampled_from([limit.name for limit in fields(Thresholds)]),
    value=st.floats(1e-6, 1e6),
)
def test_documents_come_back_as_they_were(name: str, value: float) -> None:
    changed = replace(DEFAULT_THRESHOLDS, **{name: value})
    assert thresholds_from_json(thresholds_to_json(changed)) == changed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no json", "not JSON"),
        ("[]", "not a file of thresholds"),
        ('{"format": "annotator trace thresholds 1", "thresholds": []}', "names with numbers"),
    ],
)
def test_other_documents_are_refused(text: str, says: str) -> None:
    with pytest.raises(AnnotatorError, match=says):
        thresholds_from_json(text)


def test_unknown_and_impossible_thresholds_are_refused() -> None:
    document = json.loads(thresholds_to_json(DEFAULT_THRESHOLDS))
    document["thresholds"] = {"turn_degree": 90}
    with pytest.raises(UnknownNameError, match="turn_deg"):
        thresholds_from_json(json.dumps(document))
    for value in (-1.0, 0.0, float("nan"), "many"):
        document["thresholds"] = {"turn_deg": value}
        with pytest.raises(AnnotatorError, match="above 0"):
            thresholds_from_json(json.dumps(document))
    document["thresholds"] = {}
    assert thresholds_from_json(json.dumps(document)) == DEFAULT_THRESHOLDS


def test_presets_have_names_and_thresholds_units() -> None:
    assert find_preset("default") == DEFAULT_THRESHOLDS
    assert PRESETS["strict"].turn_deg < PRESETS["lenient"].turn_deg
    with pytest.raises(UnknownNameError, match="strict"):
        find_preset("stric")
    assert unit_of("turn_deg") == "°"


def winding(turn_deg: float, n_turns: int = 30) -> Tree:
    """Return a path that turns by an angle every 20 µm, to either side."""
    headings = np.radians(turn_deg) * (np.arange(n_turns) % 2)
    steps = np.repeat(np.c_[np.cos(headings), np.sin(headings), np.zeros(n_turns)], 20, axis=0)
    points = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    parents = np.arange(-1, len(points) - 1)
    parents[0] = NO_PARENT
    return make_tree(points, parents)


def test_what_is_usual_in_trusted_trees_is_not_reported() -> None:
    trees = [winding(130.0) for _ in range(25)]
    before = check_turns(trees[0], trace_course(trees[0]), DEFAULT_THRESHOLDS)
    assert len(before) == 29
    calibration = calibrate(trees)
    after = check_turns(
        trees[0],
        trace_course(trees[0]),
        replace(calibration.thresholds, turn_deg=calibration.thresholds.turn_deg + 0.1),
    )
    assert calibration.thresholds.turn_deg == pytest.approx(130, abs=0.5)
    assert after == []
    lines = describe_changes(calibration.changes)
    assert any(line.startswith("turn_deg: 110 -> 130 (99 % of 25") for line in lines)
    assert any("min_branch_deg: 10 stays (left as it is: only 0 places" in line for line in lines)


def test_images_calibrate_what_is_seen() -> None:
    lines = [np.c_[np.linspace(5, 85, 200), np.full(200, y), np.zeros(200)] for y in (10, 40)]
    image = draw_tubes(lines, (1, 60, 92), noise=4.0)
    points = np.concatenate([line[::5] for line in lines])
    parents = np.arange(-1, len(points) - 1)
    parents[len(points) // 2] = NO_PARENT
    tree = make_tree(points + np.array([0, 0.5, 0]), parents)
    calibration = calibrate([tree], [image], quantile=0.95)
    changed = {change.name: change for change in calibration.changes}
    assert changed["offset_um"].after == pytest.approx(0.6, abs=0.2)
    assert changed["min_contrast"].after == changed["min_contrast"].before


def test_calibration_says_what_it_lacks() -> None:
    tree = winding(60.0)
    with pytest.raises(AnnotatorError, match="at least one"):
        calibrate([])
    with pytest.raises(AnnotatorError, match="one for each"):
        calibrate([tree, tree], [None])
    with pytest.raises(AnnotatorError, match="quantile"):
        calibrate([tree], quantile=1.0)


def test_the_guide_names_every_threshold_and_its_default() -> None:
    page = (Path(__file__).parents[3] / "docs" / "neuron-tracings.md").read_text(encoding="utf-8")
    for limit in fields(Thresholds):
        assert f"`{limit.name}`" in page, limit.name
    assert f"`turn_deg` ({DEFAULT_THRESHOLDS.turn_deg:g}°)" in page
    assert f"`missed_um` ({DEFAULT_THRESHOLDS.missed_um:g} µm)" in page

"""When a case is given to one more rater, and where they are told to look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis.adaptive_overlap import Evidence, needs_further_rater, regions_to_read
from annotator.analysis.partial_readings import complete_readings
from annotator.analysis.runs import decode, encode
from annotator.domain.errors import AnnotatorError
from annotator.domain.geometry import Geometry
from annotator.domain.quality import OverlapRule

pytestmark = pytest.mark.unit

RULE = OverlapRule(first_raters=2, at_most=4, dice_below=0.8, boundary_above_mm=2.0)
AGREED = Evidence(n_finished=2, mean_dice=0.9, boundary_mm=1.0)
GRID = Geometry(shape=(20, 100, 100), spacing_mm=(5.0, 1.0, 1.0))


def test_readings_that_agree_are_enough() -> None:
    decision = needs_further_rater(RULE, AGREED)
    assert (decision.n_more, decision.why) == (0, "2 raters agree well enough")


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (replace(AGREED, mean_dice=0.79), "Mean Dice 0.79 lies below 0.80."),
        (replace(AGREED, boundary_mm=2.1), "Outlines lie 2.1 mm from the majority's on average"),
        (replace(AGREED, n_presence=1), "An object that only some drew."),
        (replace(AGREED, n_presence=3), "3 objects that only some drew."),
        (replace(AGREED, diagnosis_disputed=True), "The diagnosis is disputed."),
    ],
)
def test_each_dispute_asks_for_one_more(evidence: Evidence, words: str) -> None:
    decision = needs_further_rater(RULE, evidence)
    assert (decision.n_more, decision.about_dispute) == (1, True)
    assert words in decision.why


def test_what_the_rule_does_not_ask_for_does_not_count() -> None:
    mute = OverlapRule(dice_below=0.0, on_presence=False, on_diagnosis=False)
    evidence = Evidence(
        n_finished=2, mean_dice=0.1, boundary_mm=50.0, n_presence=3, diagnosis_disputed=True
    )
    assert needs_further_rater(mute, evidence).n_more == 0


def test_the_first_raters_are_asked_at_once() -> None:
    assert needs_further_rater(RULE, Evidence(n_finished=0)).n_more == 2
    assert needs_further_rater(RULE, Evidence(n_finished=0, n_waiting=1)).n_more == 1


def test_a_case_foretold_to_be_difficult_gets_one_more_from_the_start() -> None:
    rule = replace(RULE, difficulty_above=0.6)
    hard = needs_further_rater(rule, Evidence(n_finished=0, difficulty=0.7))
    assert hard.n_more == 3
    assert "foretold difficulty 0.70 lies above 0.60" in hard.why
    assert needs_further_rater(rule, Evidence(n_finished=0, difficulty=0.6)).n_more == 2
    assert needs_further_rater(rule, Evidence(n_finished=0)).n_more == 2


def test_nobody_is_asked_while_a_reading_is_to_come() -> None:
    decision = needs_further_rater(RULE, replace(AGREED, mean_dice=0.1, n_waiting=1))
    assert (decision.n_more, decision.why) == (0, "one reading is still to come")


evidences = st.builds(
    Evidence,
    n_finished=st.integers(0, 6),
    n_waiting=st.integers(0, 3),
    mean_dice=st.none() | st.floats(0, 1),
    boundary_mm=st.none() | st.floats(0, 20),
    n_presence=st.integers(0, 3),
    diagnosis_disputed=st.booleans(),
    difficulty=st.none() | st.floats(0, 1),
)


@given(evidences, st.integers(2, 4), st.integers(0, 3), st.none() | st.floats(0, 1))
def test_asking_ends_within_the_limit(
    evidence: Evidence, first: int, more: int, difficulty: float | None
) -> None:
    rule = OverlapRule(first_raters=first, at_most=first + more, difficulty_above=difficulty)
    n_asked = evidence.n_finished + evidence.n_waiting
    decision = needs_further_rater(rule, evidence)
    assert decision.n_more == 0 or n_asked + decision.n_more <= rule.at_most
    waiting = replace(evidence, n_waiting=evidence.n_waiting + decision.n_more)
    if decision.n_more:
        assert needs_further_rater(rule, waiting).n_more == 0, "asking twice asks nobody"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"first_raters": 1}, "2 raters or more"),
        ({"at_most": 1}, "fewer than the first 2"),
        ({"dice_below": 1.5}, "Dice runs from 0 to 1; got 1.5"),
        ({"boundary_above_mm": -1.0}, "0 mm or more"),
        ({"difficulty_above": 2.0}, "difficulty runs from 0 to 1"),
    ],
)
def test_a_rule_that_nobody_can_follow_is_refused(changed: dict[str, float], words: str) -> None:
    with pytest.raises(AnnotatorError, match=words):
        OverlapRule(**changed)  # type: ignore[arg-type]


def test_regions_reach_beyond_disputes_and_stay_in_the_grid() -> None:
    (box,) = regions_to_read([((3, 50, 5), (4, 52, 7))], GRID, margin_mm=10.0)
    assert box == ((1, 40, 0), (6, 62, 17))


def test_regions_that_meet_become_one() -> None:
    boxes = [((3, 50, 5), (4, 52, 7)), ((3, 65, 5), (4, 70, 7)), ((15, 5, 90), (16, 9, 95))]
    first, second = regions_to_read(boxes, GRID, margin_mm=10.0)
    assert first == ((1, 40, 0), (6, 80, 17))
    assert second == ((13, 0, 80), (18, 19, 100))


def test_frames_of_a_video_are_not_widened() -> None:
    video = replace(GRID, is_time=True, is_calibrated=False)
    (box,) = regions_to_read([((3, 50, 5), (4, 52, 7))], video, margin_mm=10.0)
    assert (box[0][0], box[1][0]) == (3, 4)


points = st.tuples(st.integers(0, 19), st.integers(0, 99), st.integers(0, 99))


@given(st.lists(points, min_size=1, max_size=8))
def test_every_dispute_lies_in_one_region(corners: list[tuple[int, int, int]]) -> None:
    boxes = [((z, y, x), (z + 1, y + 1, x + 1)) for z, y, x in corners]
    regions = regions_to_read(boxes, GRID, margin_mm=6.0)
    covered = np.zeros(GRID.shape, np.uint8)
    for (z0, y0, x0), (z1, y1, x1) in regions:
        covered[z0:z1, y0:y1, x0:x1] += 1
    assert covered.max() == 1, "no voxel is asked for twice"
    assert all(covered[corner] == 1 for corner in corners)


def test_a_reading_of_regions_says_nothing_of_the_rest() -> None:
    whole = np.zeros((4, 12, 10), np.uint8)
    whole[1:3, 2:8, 2:8] = 1
    larger = whole.copy()
    larger[1:3, 2:8, 2:9] = 1
    larger[0, 0, 0] = 2
    own = np.zeros_like(whole)
    own[1, 2:8, 2:9] = 2
    masks = [encode(whole), encode(own), encode(larger)]
    boxes = (((1, 0, 5), (2, 12, 10)),)
    filled = complete_readings(masks, [(), boxes, ()], (0, 1, 2))
    assert filled[0] is masks[0]
    expected = whole.copy()
    expected[1, :, 5:] = own[1, :, 5:]
    np.testing.assert_array_equal(decode(filled[1]), expected)


def test_without_a_whole_reading_nothing_is_filled() -> None:
    mask = encode(np.ones((2, 3, 4), np.uint8))
    box = (((0, 0, 0), (1, 1, 1)),)
    assert complete_readings([mask, mask], [box, box], (0, 1)) == (mask, mask)

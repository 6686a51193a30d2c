"""Gold cases, what raters are worth by signed-off cases, and feedback on their own drawing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.drift import find_drift
from annotator.analysis.runs import encode
from annotator.domain.errors import AccessDeniedError, AnnotatorError, GeometryMismatchError
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.jobs.gold_report import drift_in_words
from annotator.session.repeats import RepeatPlan
from tests.unit.project_builder import add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.domain.study import Case
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

SHAPE = (12, 40, 40)
GRID = Geometry(shape=SHAPE, spacing_mm=(2.0, 0.5, 0.5))
YES = Diagnosis(answers=(("dx", "yes"),))
NO = Diagnosis(answers=(("dx", "no"),))
TRUTH = block(((1, 10, 10), (11, 30, 30)), SHAPE)
BEHIND = block(((1, 10, 10), (11, 34, 30)), SHAPE)
"""4 voxels, 2 mm, larger at the back"""
TWO = TRUTH | block(((1, 2, 2), (3, 5, 5)), SHAPE)
"""an object more"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        for number in range(1, 6):
            add_case(opened, number, SHAPE)
        for name in ("Ann", "Bob", "Rev"):
            opened.add_rater(name)
        yield opened


def read(
    session: Session,
    case: Case,
    name: str,
    mask: NDArray[np.unsignedinteger],
    diagnosis: Diagnosis = YES,
) -> None:
    session.store.add_annotation(
        case.case_id, session.store.rater(name).rater_id, encode(mask), diagnosis, actor="system"
    )


def mark(
    session: Session, case: Case, mask: NDArray[np.unsignedinteger] = TRUTH, said: Diagnosis = YES
) -> None:
    session.quality.mark_gold(case.case_id, mask, GRID, said, source="biopsy")


def sign_off(session: Session, case: Case) -> None:
    """Let the reviewer decide for the first region's first rater, everywhere."""
    opened = session.review_room("Rev").open_case(case.case_id, method="majority")
    ann = session.store.rater("Ann").rater_id
    for region in opened.open_regions():
        opened.decide(region, "rater", rater_id=ann, reason="missed")
    opened.sign_off(YES)
    opened.close()


def test_a_truth_must_fit_the_case(session: Session) -> None:
    case = session.cases()[0]
    with pytest.raises(GeometryMismatchError, match="spacing"):
        session.quality.mark_gold(
            case.case_id, TRUTH, replace(GRID, spacing_mm=(1.0, 0.5, 0.5)), source=""
        )
    with pytest.raises(AnnotatorError, match="nobody could draw them"):
        mark(session, case, 7 * TRUTH)
    with pytest.raises(AnnotatorError, match="has no answer 'perhaps'"):
        mark(session, case, said=Diagnosis(answers=(("dx", "perhaps"),)))
    with pytest.raises(AnnotatorError, match="is not signed off; review it first"):
        session.quality.mark_gold_as_signed_off(case.case_id)


def test_raters_are_judged_by_the_truth(session: Session) -> None:
    cases = session.cases()
    for case in cases[:2]:
        mark(session, case, TWO)
    read(session, cases[0], "Ann", TWO, YES)
    read(session, cases[1], "Ann", TWO, NO)
    read(session, cases[0], "Bob", TRUTH, YES)
    read(session, cases[2], "Bob", TRUTH, YES)
    report = session.quality.gold_report()
    assert report.n_gold == 2
    ann, bob = report.labels
    assert (ann.rater_name, ann.n_cases, ann.dice, ann.detection) == ("Ann", 2, 1.0, 1.0)
    assert (ann.surface_dice, ann.hd95_mm, ann.false_per_case) == (1.0, 0.0, 0.0)
    assert (bob.n_cases, bob.n_found, bob.n_objects) == (1, 1, 2)
    assert bob.dice == pytest.approx(2 * TRUTH.sum() / (TRUTH.sum() + TWO.sum()))
    assert bob.dice_interval is None
    answers = {row.rater.name: (row.n_right, row.n_asked) for row in report.raters}
    assert answers == {"Ann": (1, 2), "Bob": (1, 1)}


def test_a_reviewer_who_still_reads_learns_nothing_of_own_gold_cases(session: Session) -> None:
    cases = session.cases()
    mark(session, cases[0])
    bob = session.store.rater("Bob").rater_id
    for position, case in enumerate(cases[:2], start=1):
        session.store.assign(case.case_id, bob, position, actor="system")
    for name in ("Ann", "Bob"):
        read(session, cases[0], name, TRUTH)
    room = session.review_room("Bob")
    assert [one.rater.name for one in room.gold_report().raters] == ["Ann"]
    assert {one.rater_name for one in room.gold_report().labels} == {"Ann"}
    read(session, cases[1], "Bob", TRUTH)
    assert room.gold_report() == session.quality.gold_report()


def test_objects_that_are_not_there_count_a_case(session: Session) -> None:
    for case in session.cases()[:2]:
        mark(session, case)
        read(session, case, "Ann", TWO)
    (label,) = session.quality.gold_report().labels
    assert (label.false_per_case, label.detection) == (1.0, 1.0)


def test_the_tolerance_decides_what_is_close(session: Session) -> None:
    case = session.cases()[0]
    mark(session, case)
    read(session, case, "Ann", BEHIND)
    (strict,) = session.quality.gold_report(tolerance_mm=1.0).labels
    (lenient,) = session.quality.gold_report(tolerance_mm=3.0).labels
    assert strict.surface_dice is not None
    assert strict.surface_dice < 0.95
    assert lenient.surface_dice == 1.0


def test_a_signed_off_case_can_become_gold(session: Session) -> None:
    case = session.cases()[0]
    read(session, case, "Ann", TRUTH)
    read(session, case, "Bob", TWO)
    sign_off(session, case)
    gold = session.quality.mark_gold_as_signed_off(case.case_id)
    assert gold.source.startswith("adjudication ")
    assert gold.diagnosis == YES
    (ann, _) = session.quality.gold_report().labels
    assert ann.dice == 1.0
    session.quality.unmark_gold(case.case_id)
    assert session.quality.gold_report().n_gold == 0


def test_gold_cases_are_mixed_into_what_is_still_to_read(session: Session) -> None:
    cases = session.cases()
    ann = session.store.rater("Ann").rater_id
    for position, case in enumerate(cases[1:], start=1):
        session.store.assign(case.case_id, ann, position, actor="system")
    mark(session, cases[0])
    assert session.quality.assign_gold() == 3
    assert session.quality.assign_gold() == 0
    for name in ("Ann", "Bob", "Rev"):
        own = session.rater_room(session.store.rater(name).rater_id).worklist()
        assert cases[0].case_id in {entry.case_id for entry in own}


def test_who_has_seen_a_gold_case_does_not_get_it(session: Session) -> None:
    case = session.cases()[0]
    mark(session, case)
    read(session, case, "Ann", TRUTH)
    bob = session.store.rater("Bob").rater_id
    session.store.note_review(case.case_id, bob, actor=bob)
    assert session.quality.assign_gold() == 1
    assert session.store.assignments("Rev")


def test_results_that_fall_are_told_in_a_sentence(session: Session) -> None:
    steady = find_drift([0.9, 0.91, 0.89, 0.9, 0.92, 0.88, 0.9, 0.91])
    assert drift_in_words("Ann", steady) == ""
    assert drift_in_words("Ann", None) == ""
    falling = find_drift([0.9 - 0.02 * place for place in range(20)])
    words = drift_in_words("Ann", falling)
    assert words.startswith("Ann's Dice falls by 0.020 from one gold case to the next (95 %")
    assert words.endswith(", of 20 read.")
    assert "fell for longer than chance explains by gold case" in words


def test_results_come_in_the_order_of_reading(session: Session) -> None:
    masks = (TRUTH, BEHIND, TWO)
    for case in session.cases()[:3]:
        mark(session, case)
    for case, mask in zip(reversed(session.cases()[:3]), masks, strict=True):
        read(session, case, "Ann", mask)
    (row,) = session.quality.gold_report().raters
    expected = [2 * TRUTH.sum() / (TRUTH.sum() + mask.sum()) for mask in masks]
    assert row.dice == pytest.approx(expected)
    assert row.drift is None, "three results tell nothing"


def test_performance_is_pooled_from_signed_off_cases(session: Session) -> None:
    assert session.quality.signed_off_report().says == "No case is signed off yet."
    cases = session.cases()[:3]
    for case, own in zip(cases, (TRUTH, BEHIND, TWO), strict=True):
        read(session, case, "Ann", TRUTH)
        read(session, case, "Bob", own)
        sign_off(session, case)
    report = session.quality.signed_off_report()
    assert (report.n_cases, report.says) == (3, "Updated from 3 signed-off cases.")
    rows = {row.rater_name: row for row in report.rows}
    assert rows["Ann"].sensitivity == 1.0
    bob = rows["Bob"]
    false = (int(BEHIND.sum()) - int(TRUTH.sum())) + (int(TWO.sum()) - int(TRUTH.sum()))
    background = 3 * (TRUTH.size - int(TRUTH.sum()))
    expected = 1 - false / background
    assert bob.specificity == pytest.approx(expected)
    assert bob.specificity_interval is not None
    assert bob.specificity_interval.low < expected < bob.specificity_interval.high
    assert (bob.n_right, bob.n_asked) == (3, 3)
    room = session.review_room("Rev")
    assert room.signed_off_report().rows == report.rows
    rev = session.store.rater("Rev").rater_id
    session.store.assign(cases[0].case_id, rev, 1, actor="system")
    assert room.signed_off_report().n_cases == 2, "nothing of what they have yet to read"


def give_feedback(session: Session) -> None:
    session.quality.set_feedback(True)
    for case in session.cases()[:4]:
        mark(session, case)


def test_feedback_is_given_where_the_project_allows_it(session: Session) -> None:
    for case in session.cases():
        read(session, case, "Ann", BEHIND)
    assert not session.quality.gives_feedback
    with pytest.raises(AccessDeniedError, match="gives raters no feedback"):
        session.rater_room("Ann").feedback()
    give_feedback(session)
    assert session.rater_room("Ann").feedback()
    session.quality.set_feedback(False)
    with pytest.raises(AccessDeniedError, match="gives raters no feedback"):
        session.rater_room("Ann").feedback()


def test_feedback_says_on_which_side(session: Session) -> None:
    give_feedback(session)
    for case in session.cases()[:4]:
        read(session, case, "Ann", BEHIND)
    (label,) = session.rater_room("Ann").feedback()
    assert (label.name, label.n_cases, label.unit) == ("Lesion", 4, "mm")
    assert label.volume is not None
    assert label.volume.value == pytest.approx(0.2)
    sides = {side: entry.value for side, entry in label.towards}
    assert sides["posterior"] == pytest.approx(2.0, abs=0.3)
    assert all(abs(value) < 0.3 for side, value in sides.items() if side != "posterior")
    assert any("outside at the posterior side." in words for words in label.sentences)


def test_feedback_counts_objects_and_tells_of_no_case(session: Session) -> None:
    give_feedback(session)
    for case, mask in zip(session.cases()[:4], (TWO, TRUTH, TRUTH, TRUTH & False), strict=True):
        read(session, case, "Ann", mask.astype(np.uint8))
    read(session, session.cases()[0], "Bob", TRUTH)
    feedback = session.rater_room("Ann").feedback()
    (label,) = feedback
    assert (label.n_objects, label.n_missed, label.n_false) == (4, 1, 1)
    assert "Lesion: you missed 1 of 4 objects." in label.sentences
    assert "Lesion: you drew 1 object that is not there." in label.sentences
    told = repr(feedback)
    for case in session.cases():
        assert case.case_id not in told
        assert case.title not in told
    assert "Bob" not in told


def test_few_cases_are_no_tendency(session: Session) -> None:
    session.quality.set_feedback(True)
    for case in session.cases()[:2]:
        mark(session, case)
        read(session, case, "Ann", BEHIND)
    assert session.rater_room("Ann").feedback() == ()


def test_feedback_leaves_out_what_is_still_to_read(session: Session) -> None:
    give_feedback(session)
    for case in session.cases()[:4]:
        read(session, case, "Ann", BEHIND)
    (before,) = session.rater_room("Ann").feedback()
    plan = RepeatPlan(share=0.25, min_days=0, min_cases=0)
    session.quality.give_repeats(plan)
    (after,) = session.rater_room("Ann").feedback()
    assert (before.n_cases, after.n_cases) == (4, 3), "one of them is to be read again"

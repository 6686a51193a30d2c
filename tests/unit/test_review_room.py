from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import decode, encode
from annotator.domain.errors import AccessDeniedError, AnnotatorError, UnknownNameError
from annotator.domain.reading import Diagnosis
from annotator.drawing.edit import Edit, box_slices
from annotator.session.review_room import REASONS
from tests.unit.project_builder import SHAPE, add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.domain.review import Choice
    from annotator.session.review_case import ReviewCase
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

YES = Diagnosis(answers=(("dx", "yes"),))
NO = Diagnosis(answers=(("dx", "no"),))
COMMON: Box = ((0, 0, 0), (3, 5, 5))
"""An object that everyone draws."""
EXTRA: Box = ((0, 7, 6), (3, 11, 9))
"""An object that only some draw."""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        for name in ("Ada", "Ben", "Cleo", "Rev"):
            opened.add_rater(name)
        add_case(opened, 1)
        add_case(opened, 2)
        yield opened


def _reading(has_extra: bool, extra_value: int = 1) -> NDArray[np.unsignedinteger]:
    mask = block(COMMON)
    if has_extra:
        mask = np.maximum(mask, block(EXTRA, value=extra_value))
    return mask


def _read(
    session: Session, number: int, *with_extra: bool, diagnosis: Diagnosis = YES, value: int = 1
) -> str:
    """Let Ada, Ben and Cleo read a case; returns its id."""
    case_id = session.store.case(f"Case {number}").case_id
    geometry = session.store.series(session.store.case(case_id).series_ids[0]).geometry
    for name, has_extra in zip(("Ada", "Ben", "Cleo"), with_extra, strict=False):
        session.add_reading(case_id, name, _reading(has_extra, value), geometry, diagnosis)
    return case_id


def _open(session: Session, case_id: str, method: str = "majority") -> ReviewCase:
    return session.review_room("Rev").open_case(case_id, method=method)


def _only_region(case: ReviewCase) -> int:
    (finding,) = case.findings
    return finding.region


def test_hard_cases_come_first(session: Session) -> None:
    easy = _read(session, 1, True, True, True)
    hard = _read(session, 2, True, False, False)
    room = session.review_room("Rev")
    assert [entry.score for entry in room.queue()] == [None, None]
    assert room.queue()[0].note == "not compared yet"
    for case_id in (easy, hard):
        session.find(case_id)
    queue = room.queue()
    assert [entry.case_id for entry in queue] == [hard, easy]
    assert [(entry.n_regions, entry.n_readings, entry.state) for entry in queue] == [
        (1, 3, "waiting"),
        (0, 3, "waiting"),
    ]


def test_one_reading_is_no_case_for_review(session: Session) -> None:
    case_id = _read(session, 1, True)
    assert session.review_room("Rev").queue() == ()
    with pytest.raises(AnnotatorError, match="has one reading; two or more"):
        _open(session, case_id)


def test_opening_fuses_once_and_tells_readings_apart(session: Session) -> None:
    case_id = _read(session, 1, True, True, False)
    case = _open(session, case_id)
    assert [(entry.letter, entry.name) for entry in case.readings] == [
        ("A", "Ada"),
        ("B", "Ben"),
        ("C", "Cleo"),
    ]
    assert len({entry.color for entry in case.readings}) == 3
    assert len({entry.dash for entry in case.readings}) == 3
    assert case.diagnoses() == (("A", YES), ("B", YES), ("C", YES))
    assert _open(session, case_id).fusion == case.fusion
    assert len(session.store.fusions(case_id)) == 1
    np.testing.assert_array_equal(case.fused, _reading(True))
    np.testing.assert_array_equal(case.reading_mask(case.readings[2].rater_id), _reading(False))
    np.testing.assert_array_equal(case.region_map > 0, block(EXTRA) > 0)
    np.testing.assert_array_equal(case.entropy > 0, block(EXTRA) > 0)
    np.testing.assert_array_equal(case.profile(0), (block(EXTRA) > 0).sum(axis=(1, 2)))
    probability = case.probability(1)
    np.testing.assert_allclose(probability[block(EXTRA) > 0], 2 / 3, rtol=1e-6)
    np.testing.assert_array_equal(case.probability(2), np.zeros(SHAPE))
    with pytest.raises(UnknownNameError, match="no label '7'"):
        case.probability(7)


@pytest.mark.parametrize(
    ("choice", "name", "has_extra"),
    [
        ("rater", "Ada", True),
        ("rater", "Cleo", False),
        ("fusion", None, True),
        ("none", None, False),
    ],
)
def test_verdicts_make_the_mask_and_say_where_it_came_from(
    session: Session, choice: Choice, name: str | None, has_extra: bool
) -> None:
    case = _open(session, _read(session, 1, True, True, False))
    region = _only_region(case)
    rater_id = session.store.rater(name).rater_id if name else None
    assert case.open_regions() == (region,)
    case.decide(region, choice, rater_id=rater_id, reason="missed")
    assert case.open_regions() == ()
    mask, origin = case.composed()
    np.testing.assert_array_equal(mask, _reading(has_extra))
    np.testing.assert_array_equal(origin, block(EXTRA) * region)


def test_none_takes_the_disputed_label_away_and_no_other(session: Session) -> None:
    case_id = session.store.case("Case 1").case_id
    geometry = session.store.series(session.store.case(case_id).series_ids[0]).geometry
    for name, value in (("Ada", 1), ("Ben", 2), ("Cleo", 2)):
        mask = np.maximum(block(COMMON, value=2), block(EXTRA, value=value))
        session.add_reading(case_id, name, mask, geometry, YES)
    case = _open(session, case_id)
    for finding in case.findings:
        case.decide(finding.region, "none", reason="wrong-label")
    mask, _ = case.composed()
    labels = {finding.label for finding in case.findings}
    extra = mask[block(EXTRA) > 0]
    assert set(np.unique(extra)) == ({0} if 2 in labels else {2})
    np.testing.assert_array_equal(mask[block(COMMON) > 0], 2)


def _redraw(case: ReviewCase, box: Box, value: int = 1) -> None:
    drawing = case.redraw
    before = drawing.mask[box_slices(box)].copy()
    drawing.mask[box_slices(box)] = value
    after = drawing.mask[box_slices(box)].copy()
    drawing.record("brush", Edit(box=box, before=before, after=after))


def test_a_redrawing_holds_in_its_region_and_as_far_as_its_stroke_reaches(
    session: Session,
) -> None:
    case = _open(session, _read(session, 1, True, True, False))
    region = _only_region(case)
    _redraw(case, ((0, 7, 6), (1, 9, 10)))  # reaches one column out of the region
    _redraw(case, ((3, 0, 0), (4, 1, 1)), value=2)  # hangs together with nothing in the region
    untouched, _ = case.composed()
    np.testing.assert_array_equal(untouched, _reading(True))
    case.decide(region, "redraw", reason="boundary-unclear")
    mask, origin = case.composed()
    expected = np.maximum(block(COMMON), block(((0, 7, 6), (1, 9, 10))))
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(
        origin > 0, (block(EXTRA) > 0) | (block(((0, 7, 6), (1, 9, 10))) > 0)
    )
    case.close()
    again = _open(session, case.case.case_id)
    np.testing.assert_array_equal(again.composed()[0], expected)
    again.close()


def test_a_verdict_can_be_replaced_and_taken_back(session: Session) -> None:
    case = _open(session, _read(session, 1, True, True, False))
    region = _only_region(case)
    assert case.undo() is None
    case.decide(region, "fusion", reason="missed")
    case.decide(region, "none", reason="artefact", comment="motion")
    assert case.verdicts[region].comment == "motion"
    assert case.undo() == region
    assert case.verdicts[region].choice == "fusion"
    assert case.undo() == region
    assert case.open_regions() == (region,)


def test_wrong_verdicts_are_told(session: Session) -> None:
    case = _open(session, _read(session, 1, True, True, False))
    region = _only_region(case)
    with pytest.raises(UnknownNameError, match="no disputed region '9'"):
        case.decide(9, "none", reason="missed")
    with pytest.raises(UnknownNameError, match="did you mean 'missed'"):
        case.decide(region, "none", reason="mised")
    with pytest.raises(UnknownNameError, match="no reading by rater"):
        case.decide(region, "rater", rater_id="nobody", reason=REASONS[0][0])


def test_signing_off_needs_every_verdict_and_the_diagnosis(session: Session) -> None:
    case = _open(session, _read(session, 1, True, True, False))
    region = _only_region(case)
    with pytest.raises(AnnotatorError, match="1 of 1 regions have no verdict yet: 1"):
        case.sign_off(YES)
    case.decide(region, "none", reason="over-drawn")
    with pytest.raises(AnnotatorError, match="“Finding” is not answered"):
        case.sign_off(Diagnosis())
    adjudication = case.sign_off(NO)
    assert adjudication.diagnosis == NO
    assert [verdict.choice for verdict in adjudication.verdicts] == ["none"]
    mask, origin = session.store.adjudication_mask(adjudication.adjudication_id)
    np.testing.assert_array_equal(decode(mask), _reading(False))
    np.testing.assert_array_equal(decode(origin), block(EXTRA) * region)
    (entry,) = session.review_room("Rev").queue()
    assert entry.state == "signed off"
    assert session.store.verify() == ()


def test_a_redrawing_holds_whoever_signs_off(session: Session) -> None:
    case_id = _read(session, 1, True, False)
    session.add_rater("Second")
    first = _open(session, case_id)
    region = _only_region(first)
    _redraw(first, ((0, 7, 6), (1, 9, 9)))
    first.decide(region, "redraw", reason="boundary-unclear")
    first.redraw.flush()
    decided, _ = first.composed()
    second = session.review_room("Second").open_case(case_id, method="majority")
    np.testing.assert_array_equal(second.composed()[0], decided)
    assert second.undo() is None, "the verdict is another reviewer's"
    adjudication = second.sign_off(YES)
    mask, _ = session.store.adjudication_mask(adjudication.adjudication_id)
    np.testing.assert_array_equal(decode(mask), decided)
    assert adjudication.verdicts[0].reviewer_id == session.store.rater("Rev").rater_id
    first.close()


def test_a_reading_that_comes_later_asks_for_a_new_review(session: Session) -> None:
    case_id = _read(session, 1, True, False)
    case = _open(session, case_id)
    case.decide(_only_region(case), "fusion", reason="missed")
    geometry = session.store.series(session.store.case(case_id).series_ids[0]).geometry
    session.add_reading(case_id, "Cleo", _reading(True), geometry, YES)
    with pytest.raises(AnnotatorError, match="1 readings of 'Case 1' came in since"):
        case.decide(_only_region(case), "none", reason="missed")
    with pytest.raises(AnnotatorError, match="open the case again"):
        case.sign_off(YES)
    again = _open(session, case_id)
    assert again.findings_key != case.findings_key
    assert again.open_regions() == (_only_region(again),)
    again.decide(_only_region(again), "fusion", reason="missed")
    again.sign_off(YES)
    session.add_reading(case_id, "Rev", _reading(False), geometry, YES)
    (entry,) = session.review_room("Rev").queue()
    assert entry.state == "waiting"
    assert entry.note == "1 readings came in after the sign-off; review it again"


def test_models_count_only_when_ticked(session: Session) -> None:
    case_id = _read(session, 1, True, True)
    model = session.store.add_rater("Threshold 1", is_model=True, actor="system")
    session.store.add_annotation(
        case_id, model.rater_id, encode(_reading(False)), Diagnosis(), actor="system"
    )
    room = session.review_room("Rev")
    without = room.open_case(case_id, method="majority")
    assert without.findings == ()
    ticked = room.open_case(case_id, method="majority", include_models=True)
    assert [entry.name for entry in ticked.readings] == ["Ada", "Ben", "Threshold 1"]
    assert len(ticked.findings) == 1
    assert set(ticked.fusion.recipe.inputs) > set(without.fusion.recipe.inputs)


def test_a_case_that_the_reviewer_still_has_to_read_is_withheld(session: Session) -> None:
    case_id = _read(session, 1, True, True, False)
    reviewer = session.store.rater("Rev")
    session.store.assign(case_id, reviewer.rater_id, 1, actor="system")
    room = session.review_room("Rev")
    assert room.queue() == ()
    ((withheld, reason),) = room.withheld()
    assert withheld == case_id
    assert "has not submitted an own reading" in reason
    with pytest.raises(AccessDeniedError, match="may not see the others' before"):
        room.open_case(case_id)
    opened = session.rater_room("Rev").open_case(case_id)
    opened.drawing.set_diagnosis(YES)
    opened.submit()
    assert len(room.queue()) == 1
    assert room.withheld() == ()
    room.open_case(case_id)


def test_who_has_reviewed_a_case_cannot_read_it_blinded_again(session: Session) -> None:
    case_id = _read(session, 1, True, True, False)
    ada = session.store.rater("Ada")
    session.store.assign(case_id, ada.rater_id, 1, actor="system")
    correction = session.rater_room("Ada").open_case(case_id)
    correction.close()
    session.review_room("Ada").open_case(case_id, method="majority").close()
    with pytest.raises(AccessDeniedError, match="has seen the other readings of 'Case 1' in rev"):
        session.rater_room("Ada").open_case(case_id)
    session.review_room("Ada").open_case(case_id, method="majority").close()
    opened = [row for row in session.store.audit() if row.action == "open for review"]
    assert len(opened) == 1, "noted once"
    assert session.store.verify() == ()


def test_only_people_who_may_review_enter(session: Session) -> None:
    session.add_rater("Novice", may_review=False)
    with pytest.raises(AccessDeniedError, match="Novice may not review"):
        session.review_room("Novice")
    session.store.add_rater("Threshold 1", is_model=True, actor="system")
    with pytest.raises(AccessDeniedError, match="is a model"):
        session.review_room("Threshold 1")


def test_the_report_knows_agreement_bias_and_misses(session: Session) -> None:
    for number in (1, 2):
        case_id = _read(session, number, True, True, False)
        session.fuse(case_id, "majority")
    report = session.review_room("Rev").report()
    assert (report.n_fused, report.n_adjudicated) == (2, 0)
    rows = {row.rater_name: row for row in report.rows}
    assert set(rows) == {"Ada", "Ben", "Cleo"}
    n_common, n_extra = int(block(COMMON).sum()), int(block(EXTRA).sum())
    assert rows["Ada"].dice == 1.0
    assert rows["Ada"].dice_interval == (1.0, 1.0)
    assert rows["Ada"].volume_bias == 0.0
    assert (rows["Ada"].n_missed, rows["Ada"].n_objects) == (0, 4)
    cleo = rows["Cleo"]
    assert cleo.dice == pytest.approx(2 * n_common / (2 * n_common + n_extra))
    assert cleo.volume_bias == pytest.approx(-n_extra / (n_common + n_extra))
    assert (cleo.n_missed, cleo.n_objects, cleo.n_cases) == (2, 4, 2)
    case_id = session.store.case("Case 1").case_id
    case = _open(session, case_id)
    case.decide(_only_region(case), "none", reason="artefact")
    case.sign_off(YES)
    signed = session.review_room("Rev").report()
    assert (signed.n_fused, signed.n_adjudicated) == (1, 1)
    assert {row.rater_name: row.n_missed for row in signed.rows}["Cleo"] == 1


def test_an_empty_case_can_be_reviewed(session: Session) -> None:
    case_id = session.store.case("Case 1").case_id
    geometry = session.store.series(session.store.case(case_id).series_ids[0]).geometry
    for name in ("Ada", "Ben"):
        session.add_reading(case_id, name, np.zeros(SHAPE, np.uint8), geometry, YES)
    for method in ("majority", "staple", "soft-vote"):
        case = _open(session, case_id, method)
        assert case.findings == ()
        assert not case.composed()[0].any()
    assert case.sign_off(replace(YES, comment="normal")).verdicts == ()

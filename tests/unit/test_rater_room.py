from __future__ import annotations

import threading
from types import FunctionType, MethodType
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import decode, encode
from annotator.domain.acceptance import Offer
from annotator.domain.errors import AccessDeniedError, AnnotatorError
from annotator.domain.reading import Diagnosis
from annotator.drawing.edit import Edit
from annotator.session.access import DraftAccess, OwnWork
from annotator.store import Store
from tests.unit.project_builder import add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.session.open_case import OpenCase
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

DIAGNOSIS = Diagnosis(answers=(("dx", "yes"),), confidence=0.8)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        for number in range(1, 6):
            add_case(opened, number)
        opened.add_rater("Ada")
        opened.add_rater("Ben")
        yield opened


def _draw(opened: OpenCase, value: int = 1) -> None:
    box = ((0, 0, 0), (2, 5, 5))
    mask = opened.drawing.mask
    before = mask[:2, :5, :5].copy()
    mask[:2, :5, :5] = value
    opened.drawing.record("brush", Edit(box=box, before=before, after=mask[:2, :5, :5].copy()))


def _model_reading(session: Session, case_id: str) -> str:
    known = {rater.name: rater for rater in session.store.raters()}
    model = known.get("Threshold 1") or session.store.add_rater(
        "Threshold 1", is_model=True, actor="system"
    )
    mask = encode(block(((1, 2, 2), (3, 6, 6))))
    return session.store.add_annotation(
        case_id, model.rater_id, mask, Diagnosis(), actor="system"
    ).annotation_id


def test_worklist_is_in_an_own_random_order(session: Session) -> None:
    assert session.assign() == 10
    assert session.assign() == 0
    ada = session.rater_room("Ada").worklist()
    ben = session.rater_room("Ben").worklist()
    assert sorted(entry.title for entry in ada) == [f"Case {number}" for number in range(1, 6)]
    assert [entry.case_id for entry in ada] != [entry.case_id for entry in ben]
    assert [entry.position for entry in ada] == [1, 2, 3, 4, 5]
    assert {(entry.state, entry.modality, entry.n_slices) for entry in ada} == {("new", "CT", 4)}


def test_next_case_goes_round_and_ends(session: Session) -> None:
    session.assign()
    room = session.rater_room("Ada")
    order = [entry.case_id for entry in room.worklist()]
    assert room.next_case() == order[0]
    assert room.next_case(order[-1]) == order[0]
    for case_id in order:
        opened = room.open_case(case_id)
        opened.drawing.set_diagnosis(DIAGNOSIS)
        opened.submit()
    assert room.next_case() is None
    assert {entry.state for entry in room.worklist()} == {"submitted"}


def test_a_reading_needs_its_answers_and_a_yes_to_what_is_missing(session: Session) -> None:
    session.assign()
    room = session.rater_room("Ada")
    case_id = room.next_case()
    assert case_id is not None
    opened = room.open_case(case_id)
    assert opened.problems() == ("“Finding” is not answered",)
    assert opened.cautions() == ("nothing is drawn: submit an empty reading?",)
    with pytest.raises(AnnotatorError, match="“Finding” is not answered"):
        opened.submit()
    _draw(opened, 2)
    assert opened.cautions() == ("“Lesion” is not drawn: submit without it?",)
    _draw(opened, 1)
    assert opened.cautions() == ()
    opened.drawing.set_diagnosis(Diagnosis(answers=(("dx", "maybe"), ("x", "1")), confidence=2))
    wrong = " ".join(opened.problems())
    assert "no question 'x'" in wrong
    assert "choose one of: yes, no" in wrong
    assert "between 0 and 1" in wrong
    opened.drawing.set_diagnosis(DIAGNOSIS)
    annotation = opened.submit()
    assert annotation.diagnosis == DIAGNOSIS
    stored = decode(session.store.annotation_mask(annotation.annotation_id))
    np.testing.assert_array_equal(stored, opened.drawing.mask)


def test_a_correction_is_a_new_revision(session: Session) -> None:
    session.assign()
    room = session.rater_room("Ada")
    case_id = room.worklist()[0].case_id
    first = room.open_case(case_id)
    first.drawing.set_diagnosis(DIAGNOSIS)
    _draw(first)
    before = first.submit()
    again = room.open_case(case_id)
    np.testing.assert_array_equal(again.drawing.mask, first.drawing.mask)
    _draw(again, 2)
    after = again.submit()
    assert (after.revision, after.parent_id) == (before.revision + 1, before.annotation_id)


def test_starting_from_a_prediction_can_be_undone_and_is_recorded(session: Session) -> None:
    session.assign()
    room = session.rater_room("Ada")
    case_id = room.worklist()[0].case_id
    annotation_id = _model_reading(session, case_id)
    opened = room.open_case(case_id)
    assert opened.suggestions == ((annotation_id, "Threshold 1"),)
    _draw(opened)
    drawn = opened.drawing.mask.copy()
    opened.start_from(annotation_id)
    np.testing.assert_array_equal(opened.drawing.mask, block(((1, 2, 2), (3, 6, 6))))
    assert opened.drawing.draft.started_from_id == annotation_id
    opened.drawing.undo()
    np.testing.assert_array_equal(opened.drawing.mask, drawn)
    opened.drawing.redo()
    opened.drawing.set_diagnosis(DIAGNOSIS)
    assert opened.submit().started_from_id == annotation_id


def test_cases_that_are_read_without_a_model_offer_none(session: Session) -> None:
    session.assign()
    predicted = {case.case_id: _model_reading(session, case.case_id) for case in session.cases()}
    session.quality.set_share_without_model(0.4)
    assert session.quality.share_without_model == 0.4
    offers = {}
    for name in ("Ada", "Ben"):
        room = session.rater_room(name)
        for case_id, annotation_id in predicted.items():
            opened = room.open_case(case_id)
            if not opened.suggestions:
                with pytest.raises(AccessDeniedError, match="read without a model"):
                    opened.start_from(annotation_id)
            opened.drawing.set_diagnosis(DIAGNOSIS)
            offers[name, case_id] = opened.suggestions
            found = opened.submit().annotation_id
            known = session.store.acceptances()[found].offer
            assert known == Offer(readings=(annotation_id,), is_withheld=not opened.suggestions)
            # A correction finds what the first reading found.
            again = session.rater_room(name).open_case(case_id)
            assert again.suggestions == opened.suggestions
            again.close()
    withheld = {key for key, found in offers.items() if not found}
    # 4 of ten cases, of which there are five, and different ones for each of two people.
    assert 2 <= len(withheld) <= 6
    session.quality.set_share_without_model(1.0)
    ada = OwnWork(session.store, session.store.rater("Ada"))
    assert all(ada.suggestions(case_id) == () for case_id in predicted)
    assert session.store.verify() == ()


def test_a_draft_that_began_from_a_model_before_the_rule_says_so(session: Session) -> None:
    session.assign()
    case_id = session.cases()[0].case_id
    annotation_id = _model_reading(session, case_id)
    room = session.rater_room("Ada")
    opened = room.open_case(case_id)
    opened.start_from(annotation_id)
    opened.close()
    session.quality.set_share_without_model(1.0)
    again = room.open_case(case_id)
    again.drawing.set_diagnosis(DIAGNOSIS)
    found = again.submit()
    assert found.started_from_id == annotation_id
    known = session.store.acceptances()[found.annotation_id].offer
    assert known == Offer(readings=(annotation_id,), is_withheld=False)


def test_what_is_not_assigned_cannot_be_opened(session: Session) -> None:
    case_id = session.cases()[0].case_id
    ada = session.store.rater("Ada")
    session.store.assign(case_id, ada.rater_id, 1, actor="system")
    room = session.rater_room("Ben")
    assert room.worklist() == ()
    with pytest.raises(AccessDeniedError, match="not assigned to Ben"):
        room.open_case(case_id)


def test_another_persons_reading_cannot_be_started_from(session: Session) -> None:
    session.assign()
    case_id = session.cases()[0].case_id
    ben = session.store.rater("Ben")
    secret = session.store.add_annotation(
        case_id, ben.rater_id, encode(block(((0, 0, 0), (4, 4, 4)))), DIAGNOSIS, actor="system"
    )
    opened = session.rater_room("Ada").open_case(case_id)
    assert opened.suggestions == ()
    with pytest.raises(AccessDeniedError, match="only start from a model"):
        opened.start_from(secret.annotation_id)
    assert not opened.drawing.mask.any()
    opened.close()


def test_a_model_has_no_room(session: Session) -> None:
    session.store.add_rater("Threshold 1", is_model=True, actor="system")
    with pytest.raises(AccessDeniedError, match="is a model"):
        session.rater_room("Threshold 1")


def _reachable(root: object) -> Iterator[object]:
    """Everything that attributes lead to, private ones too, up to the two narrow doors."""
    seen: dict[int, object] = {}
    left = [root]
    while left:
        entry = left.pop()
        if id(entry) in seen or isinstance(entry, type | FunctionType | threading.Thread):
            continue
        seen[id(entry)] = entry
        yield entry
        if isinstance(entry, OwnWork | DraftAccess | np.ndarray):
            continue
        if isinstance(entry, MethodType):
            left.append(entry.__self__)
        if isinstance(entry, dict):
            left.extend(entry.values())
        if isinstance(entry, tuple | list | set | frozenset):
            left.extend(entry)
        if type(entry).__module__.startswith("annotator"):
            names = [name for name in dir(entry) if not name.startswith("__")]
            left.extend(getattr(entry, name) for name in names)


def test_nothing_of_anybody_else_can_be_reached_from_a_raters_room(session: Session) -> None:
    session.assign()
    case_id = session.cases()[0].case_id
    ben = session.store.rater("Ben")
    session.store.add_annotation(
        case_id,
        ben.rater_id,
        encode(block(((0, 0, 0), (4, 4, 4)), value=2)),
        Diagnosis(answers=(("dx", "no"),), comment="Ben's secret"),
        actor="system",
    )
    room = session.rater_room("Ada")
    opened = room.open_case(case_id)
    for root in (room, opened, room.worklist()):
        for entry in _reachable(root):
            assert not isinstance(entry, Store)
            assert "Ben" not in repr(entry)
            assert ben.rater_id not in repr(entry)
            if isinstance(entry, np.ndarray) and entry.dtype == np.uint8:
                assert not entry.any()
    opened.close()


def test_the_doors_hand_out_nothing_but_ones_own(session: Session) -> None:
    """Whatever the two doors offer by a public name is bound to one rater or one draft."""
    public = {name for name in dir(OwnWork) if not name.startswith("_")}
    assert public == {
        "assignments",
        "case",
        "cases",
        "cases_with_series",
        "companion_voxels",
        "companions",
        "doubt",
        "feedback",
        "gives_feedback",
        "image",
        "open_draft",
        "open_trace",
        "rater",
        "regions",
        "schema",
        "series",
        "suggestions",
        "voxels",
        "withholds_models",
    }
    case_id = session.cases()[0].case_id
    work = OwnWork(session.store, session.store.rater("Ada"))
    assert work.assignments() == ()
    assert work.cases() == {}
    assert work.cases_with_series() == {}
    of_a_case = (
        work.case,
        work.series,
        work.voxels,
        work.image,
        work.open_draft,
        work.open_trace,
        work.suggestions,
        work.regions,
        work.withholds_models,
        work.companions,
        lambda case_id: work.companion_voxels(case_id, "any"),
        lambda case_id: work.doubt(case_id, "any"),
    )
    for call in of_a_case:
        with pytest.raises(AccessDeniedError):
            call(case_id)

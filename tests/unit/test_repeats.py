"""Cases that a rater reads twice: chosen by chance, told to nobody, used for nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.api import no_progress
from annotator.domain.errors import AccessDeniedError, AnnotatorError
from annotator.domain.reading import Diagnosis
from annotator.jobs.cohort import summarise_cohort
from annotator.jobs.exporting import export_project
from annotator.jobs.handlers import HANDLERS
from annotator.jobs.lessons import lessons_of
from annotator.session.repeats import RepeatPlan
from tests.unit.project_builder import add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.session.session import Session

pytestmark = pytest.mark.unit

WHOLE = block(((0, 2, 2), (2, 6, 6)))
"""32 voxels"""
HALF = block(((0, 2, 2), (2, 6, 4)))
YES = Diagnosis(answers=(("dx", "yes"),))
NO = Diagnosis(answers=(("dx", "no"),))
AT_ONCE = RepeatPlan(share=0.5, min_days=0, min_cases=0)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        for number in range(1, 7):
            add_case(opened, number)
        opened.add_rater("Ann", may_review=False)
        opened.add_rater("Bob")
        opened.assign()
        yield opened


def read(
    session: Session,
    case_id: str,
    name: str,
    mask: NDArray[np.unsignedinteger] = WHOLE,
    diagnosis: Diagnosis = YES,
) -> None:
    session.store.add_annotation(
        case_id, session.store.rater(name).rater_id, encode(mask), diagnosis, actor="system"
    )


def read_all(session: Session) -> None:
    for case in session.cases():
        read(session, case.case_id, "Ann")
        read(session, case.case_id, "Bob", HALF)


def give(session: Session, name: str = "Ann") -> list[str]:
    """Give repeats at once; return the ids of one rater's."""
    session.quality.give_repeats(AT_ONCE)
    rater_id = session.store.rater(name).rater_id
    return [entry.case_id for entry in session.store.repeats() if entry.rater_id == rater_id]


def test_a_share_of_the_cases_is_read_twice(session: Session) -> None:
    read_all(session)
    planned = session.quality.plan_repeats(AT_ONCE)
    assert session.store.repeats() == (), "a plan gives nothing"
    assert len(planned) == 6, "half of six cases, for two raters"
    session.quality.give_repeats(AT_ONCE)
    given = {(entry.rater_id, entry.original_id) for entry in session.store.repeats()}
    assert given == {(entry.rater.rater_id, entry.original.case_id) for entry in planned}
    n_rows = len(session.store.audit())
    assert session.quality.give_repeats(AT_ONCE) == ()
    assert len(session.store.audit()) == n_rows
    assert session.store.verify() == ()


def test_a_case_that_was_not_read_or_only_just_waits(session: Session) -> None:
    plan = RepeatPlan(share=1.0, min_days=7, min_cases=0)
    for case in session.cases()[:3]:
        read(session, case.case_id, "Ann")
    today = {
        entry.original.case_id: entry.waits
        for entry in session.quality.plan_repeats(plan)
        if entry.rater.name == "Ann"
    }
    assert sorted(today.values()) == ["not read yet"] * 3 + ["read less than 7 days ago"] * 3
    later = datetime.now(UTC) + timedelta(days=8)
    given = session.quality.give_repeats(plan, now=later)
    assert len(session.store.repeats()) == 3
    assert sum(entry.position is None for entry in given if entry.rater.name == "Ann") == 3


def test_what_is_repeated_does_not_depend_on_who_reads_fast(session: Session) -> None:
    one = RepeatPlan(share=1 / 6, min_days=0, min_cases=0)
    (chosen,) = [e for e in session.quality.plan_repeats(one) if e.rater.name == "Ann"]
    assert chosen.waits == "not read yet"
    for case in session.cases():
        if case != chosen.original:
            read(session, case.case_id, "Ann")
    session.quality.give_repeats(one)
    assert session.store.repeats() == ()
    read(session, chosen.original.case_id, "Ann")
    session.quality.give_repeats(one)
    (repeat,) = session.store.repeats()
    assert repeat.original_id == chosen.original.case_id


@pytest.mark.parametrize("n_read", [1, 2, 3, 5, 6])
def test_enough_other_cases_lie_between(session: Session, n_read: int) -> None:
    plan = RepeatPlan(share=1.0, min_days=0, min_cases=3)
    order = [entry.case_id for entry in session.rater_room("Ann").worklist()]
    for case_id in order[:n_read]:
        read(session, case_id, "Ann")
    session.quality.give_repeats(plan)
    own = session.rater_room("Ann").worklist()
    ids = [entry.case_id for entry in own]
    repeats = session.store.repeats()
    assert repeats
    for repeat in repeats:
        between = ids[ids.index(repeat.original_id) + 1 : ids.index(repeat.case_id)]
        assert len(set(between) - {entry.case_id for entry in repeats}) >= 3 or len(between) >= 3


def test_repeats_are_mixed_into_what_is_still_to_read(session: Session) -> None:
    order = [entry.case_id for entry in session.rater_room("Ann").worklist()]
    for case_id in order[:3]:
        read(session, case_id, "Ann")
    session.quality.give_repeats(RepeatPlan(share=1.0, min_days=0, min_cases=0))
    ids = [entry.case_id for entry in session.rater_room("Ann").worklist()]
    repeats = {entry.case_id for entry in session.store.repeats()}
    assert len(repeats) == 3
    assert set(ids[-3:]) != repeats, "they do not come as one block at the end"


def test_a_worklist_does_not_tell_repeats_apart(session: Session) -> None:
    before = {entry.title for entry in session.rater_room("Ann").worklist()}
    assert before == {case.title for case in session.cases()}
    read_all(session)
    (*_, repeat_id) = give(session)
    room = session.rater_room("Ann")
    titles = [entry.title for entry in room.worklist()]
    assert len(set(titles)) == len(titles) == 9
    assert all(title.startswith("Case ") and len(title) == 11 for title in titles)
    assert not before & set(titles)
    opened = room.open_case(repeat_id)
    original = session.store.repeat(repeat_id)
    assert original is not None
    assert opened.case.title in titles
    assert original.original_id not in repr(opened.case)
    opened.close()


def test_a_repeat_offers_the_same_suggestions(session: Session) -> None:
    read_all(session)
    model = session.store.add_rater("Model 1", is_model=True, may_review=False, actor="system")
    for case in session.cases():
        session.store.add_annotation(
            case.case_id, model.rater_id, encode(HALF), Diagnosis(), actor="system"
        )
    repeat_id = give(session)[0]
    opened = session.rater_room("Ann").open_case(repeat_id)
    ((annotation_id, title),) = opened.suggestions
    assert title == "Model 1"
    opened.start_from(annotation_id)
    np.testing.assert_array_equal(opened.drawing.mask, HALF)
    opened.close()
    assert session.store.verify() == ()


def test_who_has_a_repeat_to_read_may_not_review_its_original(session: Session) -> None:
    read_all(session)
    room = session.review_room("Bob")
    assert len(room.queue()) == 6
    repeat_ids = give(session, "Bob")
    originals = {
        entry.original_id for entry in session.store.repeats() if entry.case_id in repeat_ids
    }
    assert {entry.case_id for entry in room.queue()} == {
        case.case_id for case in session.cases()
    } - originals
    assert {case_id for case_id, _ in room.withheld()} == originals
    with pytest.raises(AccessDeniedError, match="has not submitted an own reading"):
        room.open_case(next(iter(originals)))
    for repeat_id in repeat_ids:
        read(session, repeat_id, "Bob")
    assert len(room.queue()) == 6


def test_a_reviewer_who_still_reads_learns_nothing_of_own_repeats(session: Session) -> None:
    read_all(session)
    (repeat_id, *others) = give(session, "Bob")
    room = session.review_room("Bob")
    assert room.intra_rater().n_waiting == 3, "Ann's"
    read(session, repeat_id, "Bob")
    assert {entry.rater_name for entry in room.intra_rater().labels} == set()
    for case_id in others:
        read(session, case_id, "Bob")
    assert {entry.rater_name for entry in room.intra_rater().labels} == {"Bob"}
    assert room.intra_rater() == session.quality.intra_rater()


def test_a_case_seen_in_review_is_not_repeated(session: Session) -> None:
    read_all(session)
    for case in session.cases():
        bob = session.store.rater("Bob").rater_id
        session.store.note_review(case.case_id, bob, actor=bob)
    assert {e.rater.name for e in session.quality.plan_repeats(AT_ONCE)} == {"Ann"}


def test_the_first_reading_of_a_reviewed_original_bars_its_repeat(session: Session) -> None:
    read_all(session)
    repeat_id = give(session, "Bob")[0]
    repeat = session.store.repeat(repeat_id)
    assert repeat is not None
    session.store.note_review(repeat.original_id, repeat.rater_id, actor=repeat.rater_id)
    with pytest.raises(AccessDeniedError, match="has seen the other readings"):
        session.rater_room("Bob").open_case(repeat_id)


def texts(value: Any) -> str:  # noqa: ANN401
    return repr(value)


def test_repeats_are_nowhere_else(session: Session, tmp_path: Path) -> None:
    read_all(session)
    model = session.store.add_rater("Model 1", is_model=True, may_review=False, actor="system")
    repeat_ids = give(session)
    for case_id in repeat_ids:
        read(session, case_id, "Ann", HALF, NO)
        read(session, case_id, "Bob", HALF, NO)
        session.store.add_annotation(
            case_id, model.rater_id, encode(HALF), Diagnosis(), actor="system"
        )
    session.store.fail_abandoned_jobs()
    fused = HANDLERS["fuse"](session.store, session.registry, {"method": "majority"}, no_progress)
    found = HANDLERS["findings"](session.store, session.registry, {}, no_progress)
    room = session.review_room("Bob")
    for format_name in ("nifti", "csv", "json"):
        export_project(
            session.store, session.registry, tmp_path / "out", format_name, None, no_progress
        )
    written = [path.read_text() for path in (tmp_path / "out").glob("*.[cj]s*")]
    assert len(written) > 5
    names = [path.name for path in (tmp_path / "out").iterdir()]
    everything = texts(
        (
            session.cases(),
            session.store.annotations(latest=False),
            room.queue(),
            room.withheld(),
            room.report(),
            session.compare_all(include_models=True),
            session.compare_diagnoses(include_models=True),
            session.report(),
            [lesson.readings.annotation_ids for lesson in lessons_of(
                session.store, include_models=True
            )],
            session.store.case_scores(),
            summarise_cohort(session.store),
            fused,
            found,
            written,
            names,
        )
    )  # fmt: skip
    hidden = {*repeat_ids}
    for case_id in repeat_ids:
        hidden.add(session.store.case(case_id).title)
        hidden |= {entry.annotation_id for entry in session.store.annotations(case_id)}
    assert len(hidden) == 15
    assert not [word for word in hidden if word in everything]
    assert all(case.title in everything for case in session.cases())


@pytest.mark.parametrize("kind", ["fuse", "findings", "predict", "export"])
def test_a_repeat_is_refused_by_name(session: Session, kind: str, tmp_path: Path) -> None:
    read_all(session)
    repeat_id = give(session)[0]
    read(session, repeat_id, "Ann")
    title = session.store.case(repeat_id).title
    parameters = {
        "cases": [title],
        "method": "majority",
        "model": "body",
        "directory": str(tmp_path),
        "format": "csv",
    }
    with pytest.raises(AnnotatorError, match="reads for the second time"):
        HANDLERS[kind](session.store, session.registry, parameters, no_progress)
    with pytest.raises(AnnotatorError, match="reads for the second time"):
        session.review_room("Bob").open_case(title)


def test_a_rater_is_compared_with_themselves(session: Session) -> None:
    read_all(session)
    first, second, third = give(session)
    read(session, first, "Ann", WHOLE, YES)
    read(session, second, "Ann", HALF, NO)
    report = session.quality.intra_rater()
    assert report.n_waiting == 4
    (label,) = report.labels
    assert (label.rater_name, label.label, label.n_cases) == ("Ann", 1, 2)
    assert label.dice == pytest.approx((1.0 + 2 * 16 / 48) / 2)
    assert label.dice_interval is not None
    assert label.hd95_mm is not None
    assert label.hd95_mm > 0
    assert sorted(entry.dice or 0 for entry in report.pairs) == pytest.approx([2 / 3, 1.0])
    assert all(0 <= entry.days_between < 1 for entry in report.pairs)
    (question,) = report.questions
    assert (question.n_cases, question.n_equal) == (2, 1)
    assert question.kappa == pytest.approx(0.0), "she said yes every first time"
    assert third


def test_kappa_of_first_and_second_answers(session: Session) -> None:
    from statsmodels.stats.inter_rater import cohens_kappa

    first = [YES, YES, NO, NO, YES, NO]
    second = [YES, NO, NO, NO, YES, YES]
    for case, said in zip(session.cases(), first, strict=True):
        read(session, case.case_id, "Ann", WHOLE, said)
    session.quality.give_repeats(RepeatPlan(share=1.0, min_days=0, min_cases=0))
    at = {case.case_id: place for place, case in enumerate(session.cases())}
    table = np.zeros((2, 2))
    for repeat in session.store.repeats():
        place = at[repeat.original_id]
        read(session, repeat.case_id, "Ann", WHOLE, second[place])
        table[int(first[place] is YES), int(second[place] is YES)] += 1
    (question,) = session.quality.intra_rater().questions
    assert question.n_cases == 6
    expected = float(cohens_kappa(table).kappa)
    assert question.kappa == pytest.approx(expected)
    assert question.kappa_interval is not None
    assert question.kappa_interval.low < expected < question.kappa_interval.high


@pytest.mark.parametrize("changed", [{"share": 0.0}, {"share": 1.1}, {"min_days": -1.0}])
def test_a_plan_that_makes_no_sense_is_refused(changed: dict[str, float]) -> None:
    with pytest.raises(AnnotatorError):
        RepeatPlan(**changed)  # type: ignore[arg-type]

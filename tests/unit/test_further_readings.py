"""The rule of a project asks for further raters: whom, where, and never twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import decode, encode
from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError
from annotator.domain.fit import FitRecipe, Forecast
from annotator.domain.quality import OverlapRule
from annotator.domain.reading import Diagnosis
from annotator.jobs.export_tables import tables_of
from annotator.jobs.rater_report import report_raters
from annotator.jobs.readings import Readings
from tests.unit.project_builder import add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.session.session import Session

pytestmark = pytest.mark.unit

NAMES = ("Ann", "Bob", "Cy", "Dee")
WHOLE = block(((0, 2, 2), (2, 6, 6)))
MORE = WHOLE | block(((3, 9, 2), (4, 12, 6)))
"""12 voxels more, apart from the rest"""
RULE = OverlapRule(first_raters=2, at_most=3, dice_below=0.5)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        for number in range(1, 4):
            add_case(opened, number)
        for name in NAMES:
            opened.add_rater(name)
        opened.quality.set_overlap_rule(RULE)
        yield opened


def read(session: Session, case_id: str, rater_id: str, mask: NDArray[np.unsignedinteger]) -> None:
    session.store.add_annotation(case_id, rater_id, encode(mask), Diagnosis(), actor="system")


def read_what_is_asked(session: Session, *masks: NDArray[np.unsignedinteger]) -> None:
    """Let the raters of each case submit these masks, in turn."""
    for case in session.cases():
        waiting = [
            entry.rater_id
            for entry in session.store.assignments()
            if entry.case_id == case.case_id and entry.state != "submitted"
        ]
        for rater_id, mask in zip(waiting, masks, strict=False):
            read(session, case.case_id, rater_id, mask)


def n_asked(session: Session) -> list[int]:
    found = session.store.assignments()
    return [sum(e.case_id == case.case_id for e in found) for case in session.cases()]


def test_cases_get_their_first_raters_once_and_evenly(session: Session) -> None:
    session.quality.assign_further()
    assert n_asked(session) == [2, 2, 2]
    loads = [len(session.store.assignments(name)) for name in NAMES]
    assert sorted(loads) == [1, 1, 2, 2]
    n_rows = len(session.store.audit())
    again = session.quality.assign_further()
    assert len(session.store.audit()) == n_rows
    assert {entry.need.decision.why for entry in again} == {"2 readings are still to come"}


def test_only_disputed_cases_get_one_more_up_to_the_limit(session: Session) -> None:
    session.quality.assign_further()
    first, *others = session.cases()
    read_what_is_asked(session, WHOLE, WHOLE)
    read(session, first.case_id, readers(session, first.case_id)[0], MORE)
    planned = {entry.need.case.case_id: entry for entry in session.quality.assign_further()}
    assert planned[first.case_id].need.decision.why == "An object that only some drew."
    assert n_asked(session) == [3, 2, 2]
    (chosen, position) = planned[first.case_id].chosen[0]
    assert chosen not in readers(session, first.case_id)
    assert position == max(e.position for e in session.store.assignments(chosen))
    assert [planned[case.case_id].need.decision.n_more for case in others] == [0, 0]
    read_what_is_asked(session, WHOLE)
    session.quality.assign_further()
    assert n_asked(session) == [3, 2, 2], "three are the most that are asked"


def readers(session: Session, case_id: str) -> list[str]:
    return [entry.rater_id for entry in session.store.annotations(case_id)]


def test_nobody_who_has_seen_a_case_is_asked(session: Session) -> None:
    first = session.cases()[0].case_id
    ann, bob, cy, dee = (session.store.rater(name).rater_id for name in NAMES)
    for rater_id, mask in ((ann, WHOLE), (bob, MORE)):
        read(session, first, rater_id, mask)
    session.store.note_review(first, cy, actor=cy)
    planned = session.quality.further_readings()
    assert [rater_id for rater_id, _ in planned[0].chosen] == [dee]
    session.store.note_review(first, dee, actor=dee)
    planned = session.quality.further_readings()
    assert (planned[0].chosen, planned[0].n_missing) == ((), 1)


def test_a_disputed_region_is_all_that_is_asked_for(session: Session) -> None:
    rule = OverlapRule(at_most=3, in_regions=True)
    session.quality.set_overlap_rule(rule)
    first = session.cases()[0].case_id
    ann, bob, cy, dee = (session.store.rater(name).rater_id for name in NAMES)
    read(session, first, ann, WHOLE)
    read(session, first, bob, MORE)
    session.quality.assign_further()
    (asked,) = [entry for entry in session.store.assignments() if entry.case_id == first]
    assert asked.rater_id in {cy, dee}
    assert asked.regions
    (entry,) = [
        row for row in session.rater_room(asked.rater_id).worklist() if row.case_id == first
    ]
    assert entry.regions == asked.regions
    opened = session.rater_room(asked.rater_id).open_case(first)
    assert opened.regions == asked.regions
    opened.close()
    assert set(type(entry).__dataclass_fields__) == {
        "case_id", "title", "state", "position", "modality", "n_slices", "regions", "reads",
    }, "a worklist says where to look and nothing of what others drew"  # fmt: skip


def test_what_was_not_asked_for_is_no_vote(session: Session) -> None:
    first = session.cases()[0].case_id
    ann, bob, cy, _ = (session.store.rater(name).rater_id for name in NAMES)
    read(session, first, ann, WHOLE)
    read(session, first, bob, MORE)
    box = (((3, 8, 1), (4, 12, 7)),)
    session.store.assign(first, cy, 1, regions=box, actor="system")
    drawn = MORE & ~WHOLE
    read(session, first, cy, drawn)
    readings = Readings.load(session.store, first)
    assert readings.regions == {cy: box}
    np.testing.assert_array_equal(decode(readings.mask_of(cy)), MORE)
    fusion = session.fuse(first, "majority")
    np.testing.assert_array_equal(decode(session.store.fusion_labels(fusion.fusion_id)), MORE)
    assert session.rerun(fusion.fusion_id) == fusion
    rows = tables_of(session.store, [first], no_progress)["readings"].rows
    assert {row["rater"]: row["is_partial"] for row in rows} == {
        "Ann": False, "Bob": False, "Cy": True,
    }  # fmt: skip
    report = report_raters(session.store, [session.cases()[0]])
    assert {row.rater_name for row in report.rows} == {"Ann", "Bob"}


def test_a_forecast_asks_before_anybody_has_read(session: Session) -> None:
    session.quality.set_overlap_rule(OverlapRule(at_most=3, difficulty_above=0.5))
    recipe = FitRecipe(kind="trainer", name="t", version="1", inputs=())
    fit = session.store.add_fit(recipe, content=b"", summary=(), actor="system")
    for case, difficulty in zip(session.cases(), (0.9, 0.2, 0.5), strict=True):
        forecast = Forecast(case_id=case.case_id, fit_id=fit.fit_id, difficulty=difficulty, why="")
        session.store.put_forecast(forecast, actor="system")
    session.quality.assign_further()
    assert n_asked(session) == [3, 2, 2]


def test_gold_cases_are_left_to_everybody(session: Session) -> None:
    gold = session.cases()[1]
    session.store.put_gold(
        gold.case_id, mask=encode(WHOLE), diagnosis=Diagnosis(), source="", actor="system"
    )
    planned = session.quality.further_readings()
    assert gold.case_id not in {entry.need.case.case_id for entry in planned}


def test_a_project_without_a_rule_says_how_to_set_one(tmp_path: Path) -> None:
    with make_session(tmp_path) as opened:
        assert opened.quality.overlap_rule is None
        with pytest.raises(AnnotatorError, match="annotator overlap --apply"):
            opened.quality.assign_further()


def test_progress_is_told(session: Session) -> None:
    told: list[float] = []
    session.quality.further_readings(progress=lambda fraction, _: told.append(fraction))
    assert told == sorted(told)
    assert len(told) == len(session.cases())

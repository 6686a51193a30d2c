"""Tracing through the rooms: own drafts, blinding, the queue of findings, verdicts, sign-off."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotator.analysis.tracing.editable import nodes_of
from annotator.analysis.tracing.tree import make_tree
from annotator.api import series_id
from annotator.domain.errors import AccessDeniedError, AnnotatorError, UnknownNameError
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.study import Series
from annotator.drawing.tracing.add import add_path
from annotator.drawing.tracing.delete import delete_subtree
from annotator.drawing.tracing.move import move_nodes
from tests.unit.project_builder import add_case, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.analysis.tracing.editable import TraceEdit
    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.study import Case
    from annotator.session.session import Session
    from annotator.session.trace_draft import TraceDraftSession
    from annotator.session.trace_review import TraceReview

pytestmark = pytest.mark.unit

YES = Diagnosis(answers=(("dx", "yes"),))
STEP = 2.0


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        yield opened


def add_traced(session: Session, number: int = 1) -> Case:
    """Add a case of 100 x 150 x 24 µm that is read by tracing, and one that is not."""
    mask_case = add_case(session, number)
    voxels = np.random.default_rng(number).integers(0, 99, (12, 300, 200), dtype=np.uint8)
    geometry = Geometry(shape=(12, 300, 200), spacing_mm=(0.002, 0.0005, 0.0005))
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="OT",
        description="a neuron",
        geometry=geometry,
        dtype="uint8",
    )
    session.store.add_series(series, voxels, actor="system")
    assert mask_case.reads == "mask"
    return session.store.add_case("Neuron", [series.series_id], reads="tracing", actor="system")


def line(start: tuple[float, float, float], along: int, n_nodes: int) -> NDArray[np.float64]:
    points = np.tile(np.array(start, np.float64), (n_nodes, 1))
    points[:, along] += STEP * np.arange(n_nodes)
    return points


def neuron(*, left: bool = True, right: bool = True) -> Tree:
    """Return a trunk along x, ids 1 to 40, with a branch to either side of 20 nodes each."""
    points = [line((0.0, 100.0, 20.0), 0, 40)]
    parents = [np.arange(-1, 39)]
    for is_there, at, sign in ((left, 10, 1.0), (right, 25, -1.0)):
        if is_there:
            branch = line((STEP * at, 100.0, 20.0), 1, 21)[1:]
            branch[:, 1] = 100.0 + sign * (branch[:, 1] - 100.0)
            first = sum(map(len, points))
            points.append(branch)
            parents.append(np.array([at, *range(first, first + 19)]))
    n_nodes = sum(map(len, points))
    return make_tree(np.concatenate(points), np.concatenate(parents), radii=np.full(n_nodes, 1.0))


def review(session: Session, case: Case, base: str | None = None) -> TraceReview:
    reviewer = session.store.rater("Rita")
    return session.review_room(reviewer.rater_id).open_tracing(case.case_id, base=base)


@pytest.fixture
def case(session: Session) -> Case:
    """Return a case that two people and an automatic tracer have traced differently."""
    case = add_traced(session)
    session.add_rater("Rita")
    for name, is_model, tree in (
        ("Ada", False, neuron(left=False)),
        ("Ben", False, neuron()),
        ("Auto", True, neuron(right=False)),
    ):
        rater = session.store.add_rater(name, is_model=is_model, actor="system")
        session.store.add_tracing(case.case_id, rater.rater_id, tree, YES, actor="system")
    return case


def test_a_tracing_is_drawn_undone_reopened_and_submitted(session: Session) -> None:
    case = add_traced(session)
    ada = session.add_rater("Ada")
    assert session.assign() == 2
    room = session.rater_room(ada.rater_id)
    assert {entry.reads for entry in room.worklist()} == {"mask", "tracing"}
    with pytest.raises(AnnotatorError, match="read as a tracing"):
        room.open_case(case.case_id)
    opened = room.open_tracing(case.case_id)
    assert opened.image.spacing_um == (2.0, 0.5, 0.5)
    assert opened.cautions() == ("nothing is traced: submit an empty tracing?",)
    drawing = opened.drawing
    drawing.record("path", add_path(drawing.tree, line((1, 2, 3), 0, 4), parent_id=None))
    drawing.record("move", move_nodes(drawing.tree, [2], np.array([[9.0, 9.0, 9.0]])))
    drawing.record("delete", delete_subtree(drawing.tree, 4))
    undone = drawing.undo()
    assert undone is not None
    assert undone.after.ids.tolist() == [4]
    kept = nodes_of(drawing.tree.tree())
    opened.close()
    again = room.open_tracing(case.case_id)
    assert nodes_of(again.drawing.tree.tree()).is_same(kept)
    assert again.drawing.redo() is not None
    assert len(again.drawing.tree) == 3
    assert again.drawing.redo() is None
    with pytest.raises(AnnotatorError, match="cannot be submitted"):
        again.submit()
    again.drawing.set_diagnosis(YES)
    found = again.submit()
    assert len(session.store.annotation_tree(found.annotation_id)) == 3
    assert {entry.state for entry in room.worklist()} == {"new", "submitted"}
    assert session.store.verify() == ()


def test_a_rater_sees_automatic_tracings_and_nobody_elses(session: Session, case: Case) -> None:
    cleo = session.add_rater("Cleo")
    session.assign(rater_ids=[cleo.rater_id])
    opened = session.rater_room(cleo.rater_id).open_tracing(case.case_id)
    ((annotation_id, title),) = opened.suggestions
    assert title == "Auto"
    others = [
        entry.annotation_id
        for entry in session.store.annotations(case.case_id)
        if entry.annotation_id != annotation_id
    ]
    with pytest.raises(AccessDeniedError, match="may only start from an automatic"):
        opened.start_from(others[0])
    opened.start_from(annotation_id)
    assert len(opened.drawing.tree) == 60
    assert opened.drawing.draft.started_from_id == annotation_id
    opened.drawing.undo()
    assert len(opened.drawing.tree) == 0
    opened.close()
    with pytest.raises(AccessDeniedError, match="may not see the others"):
        session.review_room(cleo.rater_id).open_tracing(case.case_id)


def test_who_has_reviewed_reads_no_more(session: Session, case: Case) -> None:
    rita = session.store.rater("Rita")
    review(session, case)
    session.assign(rater_ids=[rita.rater_id])
    with pytest.raises(AccessDeniedError, match="would not be blinded"):
        session.rater_room(rita.rater_id).open_tracing(case.case_id)


def test_findings_tell_what_others_traced_and_are_kept(session: Session, case: Case) -> None:
    opened = review(session, case)
    assert [(one.letter, one.name, one.is_base) for one in opened.readings] == [
        ("A", "Ada", True),
        ("B", "Ben", False),
        ("C", "Auto", False),
    ]
    by_check = {item.reasons[0].check: item for item in opened.items}
    missed = by_check["missing-branch"]
    assert set(missed.reasons[0].tracers_for) == {"Ben", "Auto"}
    assert missed.reasons[0].tracers_against == ("Ada",)
    assert {offer.to_id for offer in missed.offers} == {11}
    assert {offer.rater_id for offer in missed.offers} == {
        session.store.rater(name).rater_id for name in ("Ben", "Auto")
    }
    stakes = [item.at_stake_um for item in opened.items]
    assert stakes == sorted(stakes, reverse=True)
    assert [item.region for item in opened.items] == list(range(1, len(stakes) + 1))
    assert session.store.trace_findings(case.case_id) == opened.found
    assert review(session, case).found == opened.found
    assert "tracers" in opened.found.checked
    other = review(session, case, base="Ben")
    assert other.findings_key != opened.findings_key
    assert session.store.trace_findings(case.case_id) == other.found
    assert session.store.trace_findings(case.case_id, opened.findings_key) == opened.found


def test_verdicts_make_the_adjudicated_tree_and_readings_stay(session: Session, case: Case) -> None:
    before = {
        entry.annotation_id: nodes_of(session.store.annotation_tree(entry.annotation_id))
        for entry in session.store.annotations(case.case_id)
    }
    opened = review(session, case)
    missed = next(item for item in opened.items if item.offers)
    assert opened.next_item() == 1
    opened.decide(missed.region, "take", reason="missed")
    n_added = max(len(offer.node_ids) for offer in missed.offers)
    assert len(opened.adjudicated()) == 60 + n_added
    for item in opened.items:
        if item.region != missed.region:
            opened.decide(item.region, "keep", reason="right")
    assert opened.next_item() is None
    assert opened.undo() in {item.region for item in opened.items}
    for region in opened.undecided():
        opened.decide(region, "uncertain", reason="unclear", comment="look again")
    assert {one.choice for one in opened.stop_list()} == {"uncertain"}
    with pytest.raises(AnnotatorError, match="Finding"):
        opened.sign_off(Diagnosis())
    signed = opened.sign_off(YES)
    tree = session.store.signed_off_tree(signed.sign_off_id)
    assert nodes_of(tree).is_same(nodes_of(opened.adjudicated()))
    for annotation_id, nodes in before.items():
        assert nodes_of(session.store.annotation_tree(annotation_id)).is_same(nodes)
    (entry,) = session.review_room(session.store.rater("Rita").rater_id).queue()
    assert (entry.reads, entry.state, entry.n_readings) == ("tracing", "signed off", 3)
    assert session.store.verify() == ()


def test_cut_and_connect_are_done_and_what_cannot_be_is_refused(
    session: Session, case: Case
) -> None:
    opened = review(session, case, base="Auto")
    first, *_ = opened.items
    opened.decide(first.region, "cut", reason="not-this-neuron", node_id=41)
    assert 41 not in opened.adjudicated().ids.tolist()
    assert len(opened.adjudicated()) == 40
    opened.decide(first.region, "connect", reason="wrongly-joined", node_id=41, to_id=30)
    found = nodes_of(opened.adjudicated())
    assert found.parent_ids[found.ids == 41].tolist() == [30]
    with pytest.raises(AnnotatorError, match="in a loop"):
        opened.decide(first.region, "connect", reason="other", node_id=5, to_id=41)
    with pytest.raises(UnknownNameError, match="reason"):
        opened.decide(first.region, "keep", reason="because")
    with pytest.raises(UnknownNameError, match="finding"):
        opened.decide(999, "keep", reason="right")
    assert opened.undo() == opened.undo() == first.region
    n_items = len(opened.items)
    with pytest.raises(AnnotatorError, match=f"{n_items} of {n_items} findings have no verdict"):
        opened.sign_off(YES)


def test_a_tracing_that_comes_in_late_must_be_looked_at(session: Session, case: Case) -> None:
    opened = review(session, case)
    late = session.store.add_rater("Late", actor="system")
    session.store.add_tracing(case.case_id, late.rater_id, neuron(), YES, actor="system")
    with pytest.raises(AnnotatorError, match="came in since"):
        opened.decide(1, "keep", reason="right")


def test_nobody_has_traced(session: Session) -> None:
    case = add_traced(session)
    session.add_rater("Rita")
    with pytest.raises(AnnotatorError, match="nobody has traced"):
        review(session, case)
    with pytest.raises(AnnotatorError, match="masks are drawn"):
        session.review_room(session.store.rater("Rita").rater_id).open_tracing("Case 1")


_STROKES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["add", "move", "delete"]), st.integers(0, 99)),
        st.sampled_from(["undo", "redo", "reopen"]),
    ),
    max_size=14,
)
_NUMBERS = itertools.count(100)


def make_edit(drawing: TraceDraftSession, tool: str, number: int) -> TraceEdit | None:
    """Return an edit at a node that a number chooses, or None where there is none."""
    tree = drawing.tree
    ids = tree.tree().ids
    node_id = int(ids[number % len(ids)]) if len(ids) else None
    if tool == "add":
        return add_path(tree, np.full((1 + number % 3, 3), float(number)), parent_id=node_id)
    if node_id is None:
        return None
    if tool == "move":
        return move_nodes(tree, [node_id], np.full((1, 3), float(number)))
    return delete_subtree(tree, node_id)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(strokes=_STROKES)
def test_disk_equals_the_live_tree_whatever_is_drawn(session: Session, strokes: list[Any]) -> None:
    number = next(_NUMBERS)
    case = session.store.add_case(
        "Neuron", add_case(session, number).series_ids, reads="tracing", actor="system"
    )
    ada = session.add_rater(f"Ada {number}")
    session.store.assign(case.case_id, ada.rater_id, 1, actor="system")
    room = session.rater_room(ada.rater_id)
    drawing = room.open_tracing(case.case_id).drawing
    past, future = [nodes_of(drawing.tree.tree())], []
    for stroke in strokes:
        if stroke == "undo":
            assert (drawing.undo() is None) == (len(past) == 1)
            if len(past) > 1:
                future.append(past.pop())
        elif stroke == "redo":
            assert (drawing.redo() is None) == (not future)
            if future:
                past.append(future.pop())
        elif stroke == "reopen":
            drawing.close()
            drawing = room.open_tracing(case.case_id).drawing
        else:
            edit = make_edit(drawing, *stroke)
            if edit is not None and not edit.is_empty:
                drawing.record(stroke[0], edit)
                past.append(nodes_of(drawing.tree.tree()))
                future.clear()
        assert nodes_of(drawing.tree.tree()).is_same(past[-1])
    drawing.flush()
    stored = session.store.draft_tree(drawing.draft.draft_id)
    assert nodes_of(stored).is_same(past[-1])
    assert (drawing.draft.can_undo, drawing.draft.can_redo) == (len(past) > 1, bool(future))
    drawing.close()

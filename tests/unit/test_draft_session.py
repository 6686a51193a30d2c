from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotator.analysis.runs import decode
from annotator.domain.errors import AnnotatorError
from annotator.domain.reading import Diagnosis
from tests.unit.draft_hands import UINT8, open_drawing, paint, reopen, stored
from tests.unit.project_builder import SHAPE, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.domain.reading import Box
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

_NUMBERS = itertools.count(1)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        yield opened


def _boxes() -> st.SearchStrategy[Box]:
    def pair(size: int) -> st.SearchStrategy[list[int]]:
        return st.lists(st.integers(0, size), min_size=2, max_size=2, unique=True).map(sorted)

    def box(z: list[int], y: list[int], x: list[int]) -> Box:
        return ((z[0], y[0], x[0]), (z[1], y[1], x[1]))

    return st.builds(box, pair(SHAPE[0]), pair(SHAPE[1]), pair(SHAPE[2]))


_Moves = st.lists(
    st.one_of(
        st.tuples(_boxes(), st.integers(0, 2)),
        st.just("undo"),
        st.just("redo"),
        st.just("reopen"),
    ),
    max_size=12,
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moves=_Moves)
def test_disk_equals_the_live_mask_whatever_is_drawn(session: Session, moves: list[Any]) -> None:
    drawing = open_drawing(session, next(_NUMBERS))
    past: list[Any] = [drawing.mask.copy()]
    future: list[Any] = []
    for move in moves:
        if move == "undo":
            drawing.undo()
            if len(past) > 1:
                future.append(past.pop())
        elif move == "redo":
            drawing.redo()
            if future:
                past.append(future.pop())
        elif move == "reopen":
            drawing.close()
            drawing = reopen(session, drawing)
        else:
            edit = paint(drawing, *move)
            drawing.record("brush", edit)
            if not np.array_equal(edit.before, edit.after):
                past.append(drawing.mask.copy())
                future.clear()
        np.testing.assert_array_equal(drawing.mask, past[-1])
    drawing.flush()
    np.testing.assert_array_equal(stored(session, drawing), drawing.mask)
    assert drawing.draft.can_undo == (len(past) > 1)
    assert drawing.draft.can_redo == bool(future)
    drawing.close()


def test_undo_and_redo_return_the_box_and_survive_a_restart(session: Session) -> None:
    drawing = open_drawing(session)
    first: Box = ((0, 0, 0), (1, 4, 4))
    second: Box = ((2, 3, 3), (4, 6, 6))
    drawing.record("brush", paint(drawing, first, 1))
    drawing.record("brush", paint(drawing, second, 2))
    assert drawing.undo() == second
    drawing.close()
    drawing = reopen(session, drawing)
    assert drawing.redo() == second
    assert drawing.undo() == second
    assert drawing.undo() == first
    assert drawing.undo() is None
    assert not drawing.mask.any()
    drawing.close()


def test_every_state_can_be_looked_at_also_what_was_taken_back(session: Session) -> None:
    drawing = open_drawing(session)
    seen = [drawing.mask.copy()]
    for box, value in (
        (((0, 0, 0), (1, 4, 4)), 1),
        (((2, 3, 3), (4, 6, 6)), 2),
        (((0, 2, 2), (3, 5, 5)), 0),
    ):
        drawing.record("brush", paint(drawing, box, value))
        seen.append(drawing.mask.copy())
    drawing.undo()
    drawing.undo()
    drawing.record("fill", paint(drawing, ((1, 0, 0), (2, 6, 6)), 1))
    seen.append(drawing.mask.copy())
    history = drawing.history()
    assert [step.tool for step in history.steps] == ["brush", "brush", "brush", "fill"]
    first, *_, last = (step.step_id for step in history.steps)
    assert history.path(history.head_step_id) == (first, last)
    for step_id, expected in zip((None, *(s.step_id for s in history.steps)), seen, strict=True):
        np.testing.assert_array_equal(drawing.mask_after(step_id), expected)
        np.testing.assert_array_equal(drawing.slice_after(step_id, 2), expected[2])
    np.testing.assert_array_equal(drawing.mask, seen[-1])
    drawing.close()


def test_a_second_window_never_overwrites_the_first(session: Session) -> None:
    here = open_drawing(session)
    there = reopen(session, here)
    box: Box = ((0, 0, 0), (1, 4, 4))
    here.record("brush", paint(here, box, 1))
    here.flush()
    there.record("brush", paint(there, ((0, 1, 1), (1, 5, 5)), 2))
    with pytest.raises(AnnotatorError, match="changed in another window"):
        there.flush()
    assert there.undo() == ((0, 1, 1), (1, 5, 5)), "what is drawn here can be taken back here"
    assert not there.mask.any()
    assert there.redo() == ((0, 1, 1), (1, 5, 5))
    with pytest.raises(AnnotatorError, match="changed in another window"):
        there.close()
    assert "changed in another window" in str(there.last_error)
    np.testing.assert_array_equal(stored(session, there), here.mask)
    assert there.discard() == 3
    here.record("brush", paint(here, ((2, 0, 0), (3, 4, 4)), 1))
    assert here.undo() == ((2, 0, 0), (3, 4, 4))
    assert here.redo() == ((2, 0, 0), (3, 4, 4))
    here.close()
    again = reopen(session, here)
    np.testing.assert_array_equal(again.mask, here.mask)
    assert again.undo() == ((2, 0, 0), (3, 4, 4)), "the door knows where the draft stands"
    assert again.undo() == box
    again.record("brush", paint(again, box, 2))
    again.close()


def test_record_never_waits_for_the_disk(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = open_drawing(session)
    go = threading.Event()
    record_step = session.store.record_step

    def slow(*args: object, **kwargs: object) -> object:
        go.wait(30)
        return record_step(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(session.store, "record_step", slow)
    heard: list[int] = []
    stop = drawing.on_change(lambda: heard.append(threading.get_ident()))
    for row in range(3):
        drawing.record("brush", paint(drawing, ((0, row, 0), (1, row + 1, 5)), 1))
    assert drawing.n_pending == 3
    assert not drawing.is_saved
    go.set()
    drawing.flush()
    assert drawing.is_saved
    stop()
    drawing.record("brush", paint(drawing, ((0, 9, 0), (1, 10, 5)), 1))
    drawing.close()
    assert set(heard) != {threading.get_ident()}
    assert len(session.store.steps(drawing.draft.draft_id)) == 4


def test_a_full_disk_keeps_every_edit_until_there_is_room(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = open_drawing(session)
    record_step = session.store.record_step

    def full(*_: object, **__: object) -> object:
        raise AnnotatorError("the disk is full")

    monkeypatch.setattr(session.store, "record_step", full)
    drawing.record("brush", paint(drawing, ((0, 0, 0), (1, 4, 4)), 1))
    drawing.record("brush", paint(drawing, ((1, 0, 0), (2, 4, 4)), 2))
    with pytest.raises(AnnotatorError, match="2 edits are not on disk yet: the disk is full"):
        drawing.flush()
    assert drawing.last_error == "the disk is full"
    with pytest.raises(AnnotatorError, match="not on disk"):
        drawing.close()
    assert drawing.undo() == ((1, 0, 0), (2, 4, 4))
    assert not drawing.mask[1].any()
    assert drawing.undo() == ((0, 0, 0), (1, 4, 4))
    assert drawing.redo() == ((0, 0, 0), (1, 4, 4))
    assert drawing.n_pending == 5
    with pytest.raises(AnnotatorError, match="5 edits are not on disk yet"):
        drawing.values()
    monkeypatch.setattr(session.store, "record_step", record_step)
    drawing.retry()
    drawing.flush()
    assert drawing.last_error is None
    assert drawing.mask.any()
    np.testing.assert_array_equal(stored(session, drawing), drawing.mask)
    history = drawing.history()
    assert history.head_step_id == history.steps[0].step_id
    assert drawing.redo() == ((1, 0, 0), (2, 4, 4))
    drawing.close()
    np.testing.assert_array_equal(stored(session, drawing), drawing.mask)


def test_an_undo_that_the_disk_refuses_is_kept_and_done_later(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = open_drawing(session)
    box: Box = ((0, 0, 0), (1, 4, 4))
    drawing.record("brush", paint(drawing, box, 1))
    drawing.flush()
    undo = session.store.undo

    def full(*_: object, **__: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session.store, "undo", full)
    assert drawing.undo() == box
    drawing.record("brush", paint(drawing, ((2, 1, 1), (3, 5, 5)), 2))
    with pytest.raises(AnnotatorError, match=r"2 edits are not on disk yet.*No space left"):
        drawing.flush()
    assert stored(session, drawing).sum() == 16, "the disk is where it was"
    monkeypatch.setattr(session.store, "undo", undo)
    drawing.close()
    np.testing.assert_array_equal(stored(session, drawing), drawing.mask)
    assert len(session.store.history(drawing.draft.draft_id).steps) == 2


def test_what_cannot_be_written_can_be_given_up(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = open_drawing(session)

    def full(*_: object, **__: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session.store, "record_step", full)
    drawing.record("brush", paint(drawing, ((0, 0, 0), (1, 4, 4)), 1))
    assert drawing.discard() == 1
    with pytest.raises(AnnotatorError, match="closed"):
        drawing.record("brush", paint(drawing, ((0, 0, 0), (1, 1, 1)), 2))


def test_answers_are_kept_in_order_and_the_last_one_holds(session: Session) -> None:
    drawing = open_drawing(session)
    for number in range(50):
        drawing.set_diagnosis(Diagnosis(comment=f"note {number}"))
    assert drawing.draft.diagnosis.comment == "note 49"
    drawing.close()
    assert session.store.draft(drawing.draft.draft_id).diagnosis.comment == "note 49"


def test_labels_and_contents_tell_what_is_drawn(session: Session) -> None:
    drawing = open_drawing(session)
    assert drawing.values() == frozenset()
    drawing.record("brush", paint(drawing, ((0, 0, 0), (1, 4, 4)), 2))
    assert drawing.values() == {2}
    np.testing.assert_array_equal(decode(drawing.contents(), UINT8), drawing.mask)
    drawing.close()

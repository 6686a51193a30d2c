"""Marks of a rater's reading: live, among the strokes, asked for at submission, never lost."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.domain.errors import AnnotatorError
from annotator.domain.marks import Mark, MarkEdit
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Landmark
from annotator.session.schema_io import schema_from_json, schema_to_json
from tests.unit.draft_hands import open_drawing, paint, reopen
from tests.unit.project_builder import SCHEMA, SHAPE, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.session.draft import DraftSession
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

MARKED = replace(
    SCHEMA,
    fields=(),
    landmarks=(
        Landmark(key="spur", title="Scleral spur", required=True),
        Landmark(key="apex", title="Apex"),
    ),
)
SPUR = Mark(mark_id=1, kind="landmark", name="spur", places=((1.0, 2.0, 3.0),))
LINE = Mark(mark_id=2, kind="line", places=((0.0, 1.0, 1.0), (0.0, 8.0, 1.0)))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        yield opened


def put(drawing: DraftSession, before: Mark | None, after: Mark | None) -> None:
    drawing.record_mark("mark", MarkEdit(before=before, after=after))


def test_marks_are_live_at_once_and_undone_among_strokes(session: Session) -> None:
    drawing = open_drawing(session)
    assert (drawing.marks, drawing.next_mark_id) == ((), 1)
    put(drawing, None, SPUR)
    drawing.record("brush", paint(drawing, ((0, 0, 0), (1, 2, 2)), 1))
    moved = replace(SPUR, places=((np.float32(1.5), 2, 3),))  # type: ignore[arg-type]
    put(drawing, SPUR, moved)
    assert drawing.marks[0].places == ((1.5, 2.0, 3.0),)
    kept = drawing.marks
    put(drawing, moved, moved)
    assert drawing.marks is kept, "nothing changed"
    assert drawing.undo() == ((1, 2, 3), (3, 3, 4))
    assert drawing.marks == (SPUR,)
    kept = drawing.marks
    assert drawing.undo() == ((0, 0, 0), (1, 2, 2))
    assert drawing.marks is kept, "a stroke was taken back"
    drawing.undo()
    assert not drawing.marks
    assert drawing.next_mark_id == 2, "numbers are given once"
    drawing.redo()
    drawing.redo()
    with pytest.raises(AnnotatorError, match="not as the edit says"):
        put(drawing, LINE, None)
    assert drawing.marks == (SPUR,)
    drawing.close()
    again = reopen(session, drawing)
    assert (again.marks, again.next_mark_id) == ((SPUR,), 2)
    assert again.redo() == ((1, 2, 3), (3, 3, 4)), "asked from the disk"
    assert again.marks[0].places == ((1.5, 2.0, 3.0),)
    again.close()
    assert session.store.verify() == ()


def test_marks_stay_when_a_model_is_started_from_and_come_back_from_another_window(
    session: Session,
) -> None:
    drawing = open_drawing(session)
    put(drawing, None, SPUR)
    model = session.store.add_rater("Net", is_model=True, actor="system")
    mask = encode(block(((0, 0, 0), (2, 3, 3))))
    made = session.store.add_annotation(
        drawing.draft.case_id, model.rater_id, mask, Diagnosis(), actor="system"
    )
    drawing.start_from(made.annotation_id)
    assert drawing.mask.any()
    assert drawing.marks == (SPUR,)
    other = reopen(session, drawing)
    put(other, None, LINE)
    other.close()
    put(drawing, SPUR, None)
    with pytest.raises(AnnotatorError, match="another window"):
        drawing.flush()
    drawing.discard()
    again = reopen(session, drawing)
    assert again.marks == (SPUR, LINE)
    again.close()


def test_an_undo_that_meets_another_step_shows_the_marks_that_are_on_disk(
    session: Session,
) -> None:
    drawing = open_drawing(session)
    put(drawing, None, SPUR)
    drawing.flush()
    drawing._astray = "another step was met"
    put(drawing, None, LINE)
    with pytest.raises(AnnotatorError, match="another step was met"):
        drawing.flush()
    assert drawing.undo() == ((0, 0, 0), SHAPE)
    assert drawing.marks == (SPUR,)
    assert drawing.next_mark_id == 3
    put(drawing, None, replace(LINE, mark_id=3))
    drawing.close()
    assert session.store.verify() == ()


def test_landmarks_are_asked_for_at_submission(session: Session) -> None:
    session.store.set_schema(MARKED, actor="system")
    open_drawing(session).close()
    session.assign()
    room = session.rater_room("Ada")
    case_id = room.next_case()
    assert case_id is not None
    opened = room.open_case(case_id)
    assert opened.cautions() == ("nothing is drawn: submit an empty reading?",)
    put(opened.drawing, None, replace(SPUR, name="apex"))
    assert opened.cautions() == (
        "“Lesion” is not drawn: submit without it?",
        "“Scleral spur” is not marked: submit without it?",
    )
    put(opened.drawing, None, replace(SPUR, mark_id=2))
    assert opened.cautions() == ("“Lesion” is not drawn: submit without it?",)
    found = opened.submit()
    marks = session.store.annotation_marks([found.annotation_id])[found.annotation_id]
    assert [mark.name for mark in marks] == ["apex", "spur"]
    correction = room.open_case(case_id)
    assert correction.drawing.marks == marks
    assert correction.drawing.next_mark_id == 3
    correction.close()


def test_landmarks_are_part_of_a_schema_file() -> None:
    text = schema_to_json(MARKED)
    assert schema_from_json(text) == MARKED
    content = json.loads(text)
    del content["landmarks"]
    assert schema_from_json(json.dumps(content)).landmarks == ()
    for landmarks, words in (
        ([{"key": "a b", "title": "A"}], "landmarks.0.key"),
        ([{"key": "a", "title": ""}], "landmarks.0.title"),
        ([{"key": "a", "title": "A"}, {"key": "a", "title": "B"}], "key 'a' occurs twice"),
        ([{"key": "a", "title": "A"}, {"key": "b", "title": "A"}], "title 'A' occurs twice"),
    ):
        with pytest.raises(AnnotatorError, match=words):
            schema_from_json(json.dumps(content | {"landmarks": landmarks}))

"""Marks: part of the contract of a store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from annotator.analysis.runs import encode
from annotator.domain.errors import AnnotatorError, ConflictError
from annotator.domain.marks import Mark, MarkEdit
from annotator.domain.reading import Diagnosis
from annotator.store import Store
from tests.contract.store_drafts import LEFT, open_draft
from tests.contract.store_world import ME, Replay, World, add_reading, disc, paint

if TYPE_CHECKING:
    from collections.abc import Sequence

TIP = Mark(mark_id=1, kind="landmark", name="tip", places=((1.5, 20.25, 1 / 3),))
LINE = Mark(mark_id=2, kind="line", label=300, places=((0.0, 1.0, 2.0), (2.0, 500.0, 9.5)))
MOVED = replace(TIP, places=((2.0, 599.4, 511.4),))

# What is done behind the store's back, one after the other, and what verify must name.
TAMPERED = (
    (
        "UPDATE step_marks SET content = '[]' WHERE step_id = 3",
        "what step 3 did to marks is not what",
    ),
    ("DELETE FROM step_marks WHERE step_id = 1", "what step 1 did to marks is gone"),
    ("DELETE FROM step_marks WHERE step_id = 2", "(case 'CT', Anna): the marks that were submit"),
    ("UPDATE annotation_marks SET content = '[]'", "does not match its id: its content"),
    ("DELETE FROM annotation_marks", "does not match its id: its content"),
)


def put(store: Store, draft_id: int, before: Mark | None, after: Mark | None) -> int:
    edit = MarkEdit(before=before, after=after)
    return store.record_mark(draft_id, tool="mark", edit=edit, actor=ME).step_id


class MarksContract:
    def tamper(self, location: str, statement: str, values: Sequence[object] = ()) -> None:
        raise NotImplementedError

    def test_marks_are_steps_among_strokes(self, world: World, location: str) -> None:
        store, draft_id, replay = world.store, open_draft(world).draft_id, Replay()
        assert store.draft_marks(draft_id) == ()
        assert store.next_mark_id(draft_id) == 1
        first = put(store, draft_id, None, TIP)
        paint(store, draft_id, replay, LEFT)
        third = put(store, draft_id, None, LINE)
        fourth = put(store, draft_id, TIP, MOVED)
        states = [(None, ()), (first, (TIP,)), (third, (TIP, LINE)), (fourth, (MOVED, LINE))]
        with Store.open(location) as other:
            assert other.draft_marks(draft_id) == (MOVED, LINE)
            for step_id, marks in states:
                assert other.marks_after(draft_id, step_id) == marks
            steps = other.steps(draft_id)
            assert [step.tool for step in steps] == ["mark", "brush", "mark", "mark"]
            assert steps[0].box == ((2, 20, 0), (3, 21, 1))
            assert steps[2].box == ((0, 1, 2), (3, 501, 11))
            assert steps[3].box == ((2, 20, 0), (3, 600, 512))
            for marks in ((TIP, LINE), (TIP,), (TIP,), ()):
                assert other.undo(draft_id, actor=ME) is not None
                assert other.draft_marks(draft_id) == marks
            other.redo(draft_id, actor=ME)
            branch = put(other, draft_id, TIP, None)
            assert other.draft_marks(draft_id) == ()
            assert other.marks_after(draft_id, fourth) == (MOVED, LINE), "nothing is lost"
            assert other.marks_after(draft_id, branch) == ()
            assert other.next_mark_id(draft_id) == 3, "numbers are given once"
        with pytest.raises(AnnotatorError, match="none of draft"):
            store.marks_after(draft_id, branch + 1)
        with pytest.raises(ConflictError, match="another window"):
            store.record_mark(
                draft_id, tool="mark", edit=MarkEdit(before=None, after=LINE), actor=ME, seen=None
            )
        assert store.verify() == ()

    def test_what_cannot_be_a_mark_is_refused(self, world: World) -> None:
        store, draft_id = world.store, open_draft(world).draft_id
        for given, words in (
            (replace(TIP, places=()), "of kind landmark has 1 places; got 0"),
            (replace(LINE, places=LINE.places[:1]), "has 2 or more places; got 1"),
            (replace(TIP, places=((0.0, float("nan"), 0.0),)), "not all numbers"),
            (replace(TIP, name=""), "a landmark has a name"),
            (replace(TIP, mark_id=0), "numbered from 1"),
            (replace(LINE, kind="lime"), "did you mean"),  # type: ignore[arg-type]
        ):
            with pytest.raises(AnnotatorError, match=words):
                put(store, draft_id, None, given)
        with pytest.raises(AnnotatorError, match="about one mark"):
            put(store, draft_id, TIP, LINE)
        traced = store.add_case("CT", world.case.series_ids, reads="tracing", actor=ME)
        tracing = store.open_draft(traced.case_id, world.anna.rater_id, actor=ME)
        with pytest.raises(AnnotatorError, match="beside masks only"):
            put(store, tracing.draft_id, None, TIP)
        assert store.steps(draft_id) == ()

    def test_a_reading_holds_its_marks_and_a_correction_begins_with_them(
        self, world: World, location: str
    ) -> None:
        store, draft_id = world.store, open_draft(world).draft_id
        put(store, draft_id, None, TIP)
        put(store, draft_id, None, LINE)
        first = store.submit(draft_id, actor=ME)
        again = open_draft(world)
        assert store.draft_marks(again.draft_id) == (TIP, LINE)
        put(store, again.draft_id, LINE, None)
        assert store.next_mark_id(again.draft_id) == 3
        second = store.submit(again.draft_id, actor=ME)
        ids = [first.annotation_id, second.annotation_id]
        assert store.annotation_marks(ids) == {ids[0]: (TIP, LINE), ids[1]: (TIP,)}
        assert store.verify() == ()
        for statement, words in TAMPERED:
            self.tamper(location, statement)
            assert any(words in problem for problem in store.verify()), (statement, store.verify())

    def test_marks_are_carried_over_with_what_is_drawn(self, world: World) -> None:
        store, draft_id = world.store, open_draft(world).draft_id
        put(store, draft_id, None, TIP)
        paint(store, draft_id, Replay(), LEFT)
        elsewhere = replace(LINE, mark_id=1)
        with pytest.raises(ConflictError, match="not submitted"):
            add_reading(world, world.anna, 20)
        store.undo(draft_id, actor=ME)
        store.undo(draft_id, actor=ME)
        added = store.add_annotation(
            world.case.case_id, "Anna", encode(disc(9)), Diagnosis(), marks=[elsewhere], actor=ME
        )
        store.redo(draft_id, actor=ME)
        again = open_draft(world)
        assert again.parent_id == added.annotation_id
        assert store.draft_marks(again.draft_id) == (TIP,)
        store.undo(again.draft_id, actor=ME)
        assert store.draft_marks(again.draft_id) == (elsewhere,)
        assert store.verify() == ()

    def test_a_reading_from_elsewhere_has_marks_too(self, world: World) -> None:
        def add(radius: int, marks: Sequence[Mark] | None = None) -> tuple[int, tuple[Mark, ...]]:
            found = world.store.add_annotation(
                world.case.case_id,
                "Anna",
                encode(disc(radius)),
                Diagnosis(),
                marks=marks,
                only_new=True,
                actor=ME,
            )
            marked = world.store.annotation_marks([found.annotation_id])
            return found.revision, marked.get(found.annotation_id, ())

        assert add(9) == (1, ())
        assert add(9, [LINE, TIP]) == (2, (TIP, LINE))
        assert add(9) == (2, (TIP, LINE))
        assert add(9, [TIP, LINE]) == (2, (TIP, LINE))
        assert add(8) == (3, (TIP, LINE)), "a mask says nothing of marks"
        assert add(8, []) == (4, ())
        with pytest.raises(AnnotatorError, match="the same number"):
            add(8, [TIP, TIP])
        assert world.store.verify() == ()

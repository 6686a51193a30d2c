"""Drafts, steps and annotations: part of the contract of a store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotator.analysis.runs import SlabRuns, encode
from annotator.domain.acceptance import Offer
from annotator.domain.errors import (
    AnnotatorError,
    ConflictError,
    GeometryMismatchError,
    UnknownNameError,
)
from annotator.domain.reading import Diagnosis
from annotator.store import Store
from tests.contract.store_world import (
    ME,
    SHAPE,
    Replay,
    World,
    add_case,
    add_reading,
    changed_slabs,
    dense,
    disc,
    paint,
)

if TYPE_CHECKING:
    from annotator.domain.reading import Box, Draft

DIAGNOSIS = Diagnosis(answers=(("dx", "yes"), ("size", "3")), confidence=0.75, comment="±")
LEFT: Box = ((0, 500, 10), (2, 520, 30))
RIGHT: Box = ((1, 505, 20), (3, 530, 60))

_places = st.integers(0, 40)
_boxes = st.builds(
    lambda z, y, x, size: ((z, 490 + y, x), (z + 1, 491 + y + size, x + 1 + size)),
    st.integers(0, SHAPE[0] - 1),
    _places,
    _places,
    st.integers(0, 12),
)
_moves = st.one_of(
    st.tuples(_boxes, st.sampled_from([0, 1, 300])),
    st.sampled_from(["undo", "redo", "undo", "open again"]),
)


def open_draft(world: World) -> Draft:
    return world.store.open_draft(world.case.case_id, world.anna.rater_id, actor=ME)


def step_and_compare(store: Store, draft_id: int, replay: Replay, move: str) -> None:
    """Undo or redo in both; what the store says has changed must be exactly what did."""
    before = replay.mask
    moved = replay.undo() if move == "undo" else replay.redo()
    answer = (store.undo if move == "undo" else store.redo)(draft_id, actor=ME)
    assert (answer is not None) == moved
    if answer is None:
        return
    step, content = answer
    whole = changed_slabs(replay.mask, ((0, 0, 0), SHAPE))
    told: dict[int, SlabRuns | None] = {**changed_slabs(before, ((0, 0, 0), SHAPE)), **content}
    for index, runs in whole.items():
        kept = told[index]
        assert (runs is None) == (kept is None)
        assert runs is None or (kept is not None and runs.equals(kept))
    assert all(0 <= index < 6 for index in content)
    assert step.tool == "brush"


class DraftsContract:
    def test_a_new_draft_is_empty(self, world: World) -> None:
        draft = open_draft(world)
        assert (draft.case_id, draft.rater_id) == (world.case.case_id, world.anna.rater_id)
        assert not draft.can_undo
        assert not draft.can_redo
        assert draft.parent_id is draft.started_from_id is None
        assert world.store.draft_mask(draft.draft_id).slabs == {}
        assert world.store.undo(draft.draft_id, actor=ME) is None
        assert world.store.redo(draft.draft_id, actor=ME) is None

    def test_a_case_has_one_open_draft_a_rater_and_purpose(self, world: World) -> None:
        draft = open_draft(world)
        assert open_draft(world) == draft
        redraw = world.store.open_draft(
            world.case.case_id, world.anna.rater_id, purpose="redraw", actor=ME
        )
        assert redraw.draft_id != draft.draft_id
        with pytest.raises(AnnotatorError, match="ends with the sign-off"):
            world.store.submit(redraw.draft_id, actor=ME)

    def test_steps_are_kept_undone_and_done_again(self, world: World, location: str) -> None:
        draft_id, replay = open_draft(world).draft_id, Replay()
        first = paint(world.store, draft_id, replay, LEFT, 300)
        second = paint(world.store, draft_id, replay, RIGHT, 1)
        assert world.store.steps(draft_id) == (first, second)
        np.testing.assert_array_equal(dense(world.store.draft_mask(draft_id)), replay.mask)
        step_and_compare(world.store, draft_id, replay, "undo")
        with Store.open(location) as other:
            draft = other.draft(draft_id)
            assert (draft.can_undo, draft.can_redo) == (True, True)
            assert other.steps(draft_id) == (first,)
            np.testing.assert_array_equal(dense(other.draft_mask(draft_id)), replay.mask)
            step_and_compare(other, draft_id, replay, "redo")
            assert not other.draft(draft_id).can_redo

    def test_a_step_after_an_undo_begins_a_branch(self, world: World) -> None:
        draft_id, replay = open_draft(world).draft_id, Replay()
        paint(world.store, draft_id, replay, LEFT)
        step_and_compare(world.store, draft_id, replay, "undo")
        branch = paint(world.store, draft_id, replay, RIGHT)
        step_and_compare(world.store, draft_id, replay, "undo")
        step_and_compare(world.store, draft_id, replay, "redo")
        assert world.store.steps(draft_id) == (branch,)
        assert world.store.verify() == ()

    def test_erasing_everything_leaves_no_slab(self, world: World) -> None:
        draft_id, replay = open_draft(world).draft_id, Replay()
        paint(world.store, draft_id, replay, LEFT)
        paint(world.store, draft_id, replay, ((0, 0, 0), SHAPE), 0)
        assert world.store.draft_mask(draft_id).slabs == {}
        step_and_compare(world.store, draft_id, replay, "undo")

    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,  # each example has a rater of its own
            HealthCheck.differing_executors,  # each kind of store runs it
            HealthCheck.too_slow,
        ],
    )
    @given(moves=st.lists(_moves, max_size=12), data=st.uuids())
    def test_any_drawing_equals_its_replay(
        self, store: Store, location: str, moves: list[tuple[Box, int] | str], data: object
    ) -> None:
        case = add_case(store, 1)
        rater = store.add_rater(f"{data} {len(store.raters())}", actor=ME)
        draft_id = store.open_draft(case.case_id, rater.rater_id, actor=ME).draft_id
        replay, current = Replay(), Store.open(location)
        try:
            for move in moves:
                if move == "open again":
                    current.close()
                    current = Store.open(location)
                elif isinstance(move, str):
                    step_and_compare(current, draft_id, replay, move)
                else:
                    box, value = move
                    paint(current, draft_id, replay, box, value)
            np.testing.assert_array_equal(dense(current.draft_mask(draft_id)), replay.mask)
            assert current.verify() == ()
            self._compare_history(current, draft_id, replay)
        finally:
            current.close()

    @staticmethod
    def _compare_history(store: Store, draft_id: int, replay: Replay) -> None:
        """Every state that there ever was can be read again, wherever the draft stands now."""
        history = store.history(draft_id)
        states: dict[int | None, int] = {None: 0}
        states |= {step.step_id: n for n, step in enumerate(history.steps, 1)}
        assert states[history.head_step_id] == replay.head
        for step_id, state in states.items():
            expected = replay.state(state)
            np.testing.assert_array_equal(dense(store.mask_after(draft_id, step_id)), expected)
            part = store.mask_after(draft_id, step_id, [2, 3])
            np.testing.assert_array_equal(dense(part)[1], expected[1])
            assert set(part.slabs) <= {2, 3}

    def test_a_state_of_another_draft_is_refused(self, world: World) -> None:
        draft_id, replay = open_draft(world).draft_id, Replay()
        step = paint(world.store, draft_id, replay, LEFT)
        with pytest.raises(UnknownNameError, match=f"no step '{step.step_id + 1}'"):
            world.store.mask_after(draft_id, step.step_id + 1)

    def test_a_writer_who_has_not_seen_the_last_step_is_refused(self, world: World) -> None:
        draft = open_draft(world)
        replay = Replay()
        paint(world.store, draft.draft_id, replay, LEFT)
        n_rows = len(world.store.audit())
        for move in (world.store.undo, world.store.redo):
            with pytest.raises(ConflictError, match="another window"):
                move(draft.draft_id, actor=ME, seen=draft.head_step_id)
        with pytest.raises(ConflictError):
            world.store.record_step(
                draft.draft_id, tool="t", box=LEFT, slabs={}, actor=ME, seen=draft.head_step_id
            )
        assert len(world.store.audit()) == n_rows
        head = world.store.draft(draft.draft_id).head_step_id
        assert head == world.store.steps(draft.draft_id)[-1].step_id
        undone = world.store.undo(draft.draft_id, actor=ME, seen=head)
        assert undone is not None
        assert undone[0].parent_id is None

    def test_slabs_that_do_not_fit_the_grid_are_refused(self, world: World) -> None:
        draft_id = open_draft(world).draft_id
        good = changed_slabs(disc(30), LEFT)
        short = SlabRuns(np.array([5], np.uint32), np.array([1], np.uint16))
        box = LEFT
        n_rows = len(world.store.audit())
        with pytest.raises(GeometryMismatchError, match="has slabs 0 to 5; got slab 6"):
            world.store.record_step(draft_id, tool="t", box=box, slabs={**good, 6: None}, actor=ME)
        with pytest.raises(GeometryMismatchError, match=r"has 262144 voxels; .* cover 5"):
            world.store.record_step(draft_id, tool="t", box=box, slabs={**good, 4: short}, actor=ME)
        assert world.store.draft_mask(draft_id).slabs == {}
        assert len(world.store.audit()) == n_rows

    def test_a_diagnosis_is_kept_with_the_draft(self, world: World) -> None:
        draft_id = open_draft(world).draft_id
        world.store.set_diagnosis(draft_id, DIAGNOSIS, actor=ME)
        n_rows = len(world.store.audit())
        world.store.set_diagnosis(draft_id, DIAGNOSIS, actor=ME)
        assert len(world.store.audit()) == n_rows
        assert world.store.draft(draft_id).diagnosis == DIAGNOSIS

    def test_an_unknown_draft_is_told(self, world: World) -> None:
        for call in (world.store.draft, world.store.draft_mask, world.store.steps):
            with pytest.raises(UnknownNameError, match="no draft '99'"):
                call(99)
        with pytest.raises(UnknownNameError, match="no draft '99'"):
            world.store.undo(99, actor=ME)

    def test_submitting_makes_an_annotation_and_ends_the_draft(self, world: World) -> None:
        store = world.store
        draft_id, replay = open_draft(world).draft_id, Replay()
        paint(store, draft_id, replay, LEFT, 300)
        store.set_diagnosis(draft_id, DIAGNOSIS, actor=ME)
        annotation = store.submit(draft_id, actor=world.anna.rater_id)
        assert (annotation.revision, annotation.parent_id) == (1, None)
        assert annotation.diagnosis == DIAGNOSIS
        assert len(annotation.annotation_id) == 64
        assert store.annotation(annotation.annotation_id) == annotation
        kept = dense(store.annotation_mask(annotation.annotation_id))
        np.testing.assert_array_equal(kept, replay.mask)
        with pytest.raises(AnnotatorError, match=f"draft {draft_id} was submitted"):
            store.undo(draft_id, actor=ME)

    def test_a_correction_starts_from_the_last_revision(self, world: World) -> None:
        store = world.store
        draft_id, replay = open_draft(world).draft_id, Replay()
        paint(store, draft_id, replay, LEFT)
        store.set_diagnosis(draft_id, DIAGNOSIS, actor=ME)
        first = store.submit(draft_id, actor=ME)
        again = open_draft(world)
        assert again.draft_id != draft_id
        assert again.parent_id == first.annotation_id
        assert again.diagnosis == DIAGNOSIS
        assert not again.can_undo
        paint(store, again.draft_id, replay, RIGHT)
        np.testing.assert_array_equal(dense(store.draft_mask(again.draft_id)), replay.mask)
        second = store.submit(again.draft_id, actor=ME)
        assert (second.revision, second.parent_id) == (2, first.annotation_id)
        assert store.annotations(world.case.case_id) == (second,)
        assert store.annotations(latest=False) == (first, second)
        assert int(dense(store.annotation_mask(first.annotation_id)).sum()) == 2 * 20 * 20
        assert store.verify() == ()

    def test_a_draft_remembers_that_it_began_from_a_model(self, world: World) -> None:
        store = world.store
        predicted = add_reading(world, world.model, 30)
        draft_id, replay = open_draft(world).draft_id, Replay()
        paint(store, draft_id, replay, LEFT)
        store.start_draft_from(draft_id, predicted.annotation_id, actor=ME)
        np.testing.assert_array_equal(dense(store.draft_mask(draft_id)), disc(30))
        assert store.draft(draft_id).started_from_id == predicted.annotation_id
        assert [step.tool for step in store.steps(draft_id)] == ["brush", "start from"]
        store.undo(draft_id, actor=ME)
        assert store.draft(draft_id).started_from_id is None
        np.testing.assert_array_equal(dense(store.draft_mask(draft_id)), replay.mask)
        store.redo(draft_id, actor=ME)
        annotation = store.submit(draft_id, actor=ME)
        assert annotation.started_from_id == predicted.annotation_id
        assert open_draft(world).started_from_id == predicted.annotation_id
        assert store.verify() == ()

    def test_a_submission_keeps_how_it_came_about(self, world: World) -> None:
        store = world.store
        predicted = add_reading(world, world.model, 30)
        offer = Offer(readings=(predicted.annotation_id,), is_withheld=True)
        draft_id, replay = open_draft(world).draft_id, Replay()
        paint(store, draft_id, replay, LEFT)
        paint(store, draft_id, replay, RIGHT)
        store.undo(draft_id, actor=ME)
        found = store.submit(draft_id, offer=offer, actor=ME)
        kept = store.acceptances()
        assert kept.keys() == {found.annotation_id}  # and not of what came from elsewhere
        own = kept[found.annotation_id]
        assert (own.offer, own.n_steps) == (offer, 2)
        assert 0 < own.active_s < 60
        again = store.submit(open_draft(world).draft_id, actor=ME)
        assert store.acceptances()[again.annotation_id].offer is None
        assert store.verify() == ()

    def test_a_draft_starts_only_from_a_reading_of_its_case(self, world: World) -> None:
        other = add_case(world.store, 2)
        elsewhere = world.store.add_annotation(
            other.case_id, world.model.rater_id, encode(disc(9)), DIAGNOSIS, actor=ME
        )
        draft_id = open_draft(world).draft_id
        with pytest.raises(AnnotatorError, match="is of case"):
            world.store.start_draft_from(draft_id, elsewhere.annotation_id, actor=ME)
        with pytest.raises(AnnotatorError, match="no annotation 'nothing'"):
            world.store.start_draft_from(draft_id, "nothing", actor=ME)

    def test_the_id_of_a_reading_covers_what_it_says(self, world: World) -> None:
        first = add_reading(world, world.anna, 20)
        second = add_reading(world, world.anna, 20)
        assert second.revision == 2
        assert second.parent_id == first.annotation_id
        assert len({first.annotation_id, second.annotation_id}) == 2
        assert add_reading(world, world.ben, 20).annotation_id != first.annotation_id
        assert world.store.verify() == ()

    def test_readings_of_another_grid_are_refused(self, world: World) -> None:
        with pytest.raises(GeometryMismatchError, match=r"has shape \(z, y, x\) \(2, 600, 512\)"):
            world.store.add_annotation(
                world.case.case_id, "Anna", encode(disc(5)[:2]), DIAGNOSIS, actor=ME
            )

    def test_many_masks_come_in_the_order_that_they_were_asked_for(self, world: World) -> None:
        radii = {
            add_reading(world, rater, radius).annotation_id: radius
            for rater, radius in ((world.anna, 10), (world.ben, 25), (world.model, 0))
        }
        asked = [*reversed(radii), next(iter(radii))]
        for annotation_id, runs in zip(asked, world.store.annotation_masks(asked), strict=True):
            np.testing.assert_array_equal(dense(runs), disc(radii[annotation_id]))
        assert world.store.annotation_masks([]) == ()
        with pytest.raises(UnknownNameError, match="no annotation 'nothing'"):
            world.store.annotation_masks([*asked, "nothing"])

    def test_equal_slabs_are_kept_once(self, world: World) -> None:
        for rater in (world.anna, world.ben):
            add_reading(world, rater, 30)
        first, second = world.store.annotations()
        assert first.rater_id != second.rater_id
        assert replace(first, rater_id="", annotation_id="", created_at="") == replace(
            second, rater_id="", annotation_id="", created_at=""
        )
        assert self.n_slabs(world.store.location) == 2

    def n_slabs(self, location: str) -> int:
        raise NotImplementedError

"""Several writers at once: part of the contract of a store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.domain.errors import AnnotatorError, ConflictError
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Label
from annotator.store import Store
from tests.contract.store_drafts import DIAGNOSIS, LEFT, RIGHT, open_draft
from tests.contract.store_world import ME, SCHEMA, Replay, World, add_reading, dense, disc, paint

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.domain.schema import LabelSchema


def _with(value: int) -> Callable[[LabelSchema], LabelSchema]:
    def fit(schema: LabelSchema) -> LabelSchema:
        label = Label(value=value, name=f"Label {value}", color="#000000")
        return replace(schema, labels=(*schema.labels, label))

    return fit


class ConflictsContract:
    def test_readings_that_extend_the_schema_at_once_lose_no_label(
        self, world: World, location: str
    ) -> None:
        def add(value: int) -> None:
            with Store.open(location) as store:
                rater = store.add_rater(f"Rater {value}", actor=ME)
                store.add_annotation(
                    world.case.case_id,
                    rater.rater_id,
                    encode(disc(9, value)),
                    Diagnosis(),
                    fit_schema=_with(value),
                    actor=ME,
                )

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(add, range(10, 18)))
        assert world.store.project().schema.values == (1, *range(10, 18), 300)
        assert world.store.verify() == ()

    def test_verify_names_values_that_the_schema_lacks(self, world: World) -> None:
        store, case_id = world.store, world.case.case_id
        store.add_annotation(case_id, "Anna", encode(disc(9, 7)), Diagnosis(), actor=ME)
        (problem,) = store.verify()
        assert "(case 'CT', Anna): the schema 'test' has no label for the drawn values 7" in problem
        store.set_schema(_with(7)(SCHEMA), actor=ME)
        assert store.verify() == ()

    def test_a_reading_that_is_refused_leaves_the_schema(self, world: World) -> None:
        draft = open_draft(world)
        paint(world.store, draft.draft_id, Replay(), LEFT)
        n_rows = len(world.store.audit())
        with pytest.raises(ConflictError):
            world.store.add_annotation(
                world.case.case_id,
                world.anna.rater_id,
                encode(disc(9, 7)),
                Diagnosis(),
                fit_schema=_with(7),
                actor=ME,
            )
        assert world.store.project().schema == SCHEMA
        assert len(world.store.audit()) == n_rows

    def test_the_same_reading_again_is_not_added_where_only_new_ones_are_wanted(
        self, world: World
    ) -> None:
        def add(radius: int, diagnosis: Diagnosis = DIAGNOSIS) -> int:
            return world.store.add_annotation(
                world.case.case_id,
                "Anna",
                encode(disc(radius)),
                diagnosis,
                only_new=True,
                actor=ME,
            ).revision

        assert [add(9), add(9), add(8), add(8), add(8, Diagnosis()), add(9)] == [1, 1, 2, 2, 3, 4]

    @pytest.mark.parametrize("has_drawn", [True, False])
    def test_a_reading_from_elsewhere_does_not_get_in_between(
        self, world: World, has_drawn: bool
    ) -> None:
        store, draft = world.store, open_draft(world)
        if has_drawn:
            paint(store, draft.draft_id, Replay(), LEFT)
        else:
            store.set_diagnosis(draft.draft_id, DIAGNOSIS, actor=ME)
        with pytest.raises(ConflictError, match="Anna has drawn in 'CT' and not submitted it"):
            add_reading(world, world.anna, 20)
        add_reading(world, world.ben, 20)
        first = store.submit(draft.draft_id, actor=ME)
        assert add_reading(world, world.anna, 20).parent_id == first.annotation_id

    def test_a_draft_that_was_only_looked_at_gives_way(self, world: World) -> None:
        store, draft = world.store, open_draft(world)
        paint(store, draft.draft_id, Replay(), LEFT)
        store.undo(draft.draft_id, actor=ME)
        added = add_reading(world, world.anna, 20)
        again = open_draft(world)
        assert again.parent_id == added.annotation_id
        assert (again.can_undo, again.diagnosis) == (False, added.diagnosis)
        np.testing.assert_array_equal(dense(store.draft_mask(again.draft_id)), disc(20))
        with pytest.raises(AnnotatorError, match="replaced by a newer one"):
            paint(store, draft.draft_id, Replay(), LEFT)
        assert store.submit(again.draft_id, actor=ME).revision == 2
        assert store.verify() == ()

    def test_a_draft_older_than_the_last_reading_is_carried_over(self, world: World) -> None:
        store, draft, replay = world.store, open_draft(world), Replay()
        added = add_reading(world, world.anna, 20)
        paint(store, draft.draft_id, replay, LEFT, 300)
        paint(store, draft.draft_id, replay, RIGHT)
        store.set_diagnosis(draft.draft_id, DIAGNOSIS, actor=ME)
        n_rows = len(store.audit())
        with pytest.raises(ConflictError, match=r"revision 1, was added after .*open it again"):
            store.submit(draft.draft_id, actor=ME)
        assert len(store.audit()) == n_rows
        np.testing.assert_array_equal(dense(store.draft_mask(draft.draft_id)), replay.mask)

        again = open_draft(world)
        assert again == open_draft(world)
        assert again.draft_id != draft.draft_id
        assert (again.parent_id, again.diagnosis) == (added.annotation_id, DIAGNOSIS)
        assert [step.tool for step in store.steps(again.draft_id)] == ["carry over"]
        np.testing.assert_array_equal(dense(store.draft_mask(again.draft_id)), replay.mask)
        assert store.verify() == ()
        store.undo(again.draft_id, actor=ME)
        np.testing.assert_array_equal(dense(store.draft_mask(again.draft_id)), disc(20))
        store.redo(again.draft_id, actor=ME)
        second = store.submit(again.draft_id, actor=ME)
        assert (second.revision, second.parent_id) == (2, added.annotation_id)
        np.testing.assert_array_equal(
            dense(store.annotation_mask(second.annotation_id)), replay.mask
        )
        assert store.verify() == ()

"""Rules, gold cases, repeats and regions to read: part of the contract of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.domain.errors import AnnotatorError, GeometryMismatchError, UnknownNameError
from annotator.domain.quality import FeedbackRule, OverlapRule, Partial
from annotator.domain.reading import Diagnosis
from tests.contract.store_world import ME, World, add_reading, dense, disc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.quality import GoldCase
    from annotator.store import Store

REGIONS = (((0, 10, 20), (2, 110, 120)), ((2, 0, 0), (3, 5, 5)))
TRUTH = Diagnosis(answers=(("dx", "yes"),))

# What is done behind the store's back, and what verify must name.
TAMPERED = {
    "a rule": ("UPDATE rules SET content = '{}'", "the rule 'overlap': its content is not"),
    "a rule taken out": ("DELETE FROM rules", "the rule 'overlap' is gone"),
    "a rule put in": (
        "INSERT INTO rules (key, content) VALUES ('feedback', '{}')",
        "the rule 'feedback' is not in the audit log",
    ),
    "a truth's answers": (
        "UPDATE gold_cases SET diagnosis = '{}'",
        "the truth of case 'CT': its diagnosis is not",
    ),
    "a truth's mask": (
        "UPDATE gold_cases SET mask_id = (SELECT min(mask_id) FROM annotations)",
        "the truth of case 'CT': its mask_sha256 is not",
    ),
    "a truth taken out": ("DELETE FROM gold_cases", "the truth of case 'CT' is gone"),
    "a repeat's rater": (
        "UPDATE repeat_cases SET rater_id = (SELECT rater_id FROM raters WHERE name = 'Ben')",
        "its rater_id is not what",
    ),
    "a repeat made a case": ("DELETE FROM repeat_cases", "is gone; the audit log says"),
    "regions to read": (
        "UPDATE assignment_regions SET content = '{}'",
        "what Ben is asked for in case 'CT': its content is not",
    ),
    "regions taken out": (
        "DELETE FROM assignment_regions",
        "what Ben is asked for in case 'CT' is gone",
    ),
}


def put_gold(world: World, radius: int = 30) -> GoldCase:
    return world.store.put_gold(
        world.case.case_id, mask=encode(disc(radius)), diagnosis=TRUTH, source="biopsy", actor=ME
    )


class QualityContract:
    def tamper(self, location: str, statement: str, values: Sequence[object] = ()) -> None:
        raise NotImplementedError

    def test_a_rule_holds_until_another_one_is_put(self, store: Store) -> None:
        assert store.rule(OverlapRule) is None
        store.put_rule(OverlapRule(), actor=ME)
        changed = OverlapRule(at_most=3, boundary_above_mm=1.5, in_regions=True)
        store.put_rule(changed, actor=ME)
        n_rows = len(store.audit())
        store.put_rule(changed, actor=ME)
        assert len(store.audit()) == n_rows
        assert store.rule(OverlapRule) == changed
        assert store.rule(FeedbackRule) is None
        store.put_rule(FeedbackRule(is_on=True), actor=ME)
        assert store.rule(FeedbackRule) == FeedbackRule(is_on=True)
        assert store.verify() == ()

    def test_a_truth_comes_back_whole_and_can_be_corrected(self, world: World) -> None:
        store = world.store
        first = put_gold(world)
        assert (first.diagnosis, first.source) == (TRUTH, "biopsy")
        n_rows = len(store.audit())
        assert put_gold(world) == first
        assert len(store.audit()) == n_rows
        second = put_gold(world, 31)
        assert store.gold_cases() == (second,)
        np.testing.assert_array_equal(dense(store.gold_mask(world.case.case_id)), disc(31))
        assert store.verify() == ()

    def test_a_gold_case_can_be_a_case_like_any_other_again(self, world: World) -> None:
        put_gold(world)
        world.store.remove_gold(world.case.case_id, actor=ME)
        assert world.store.gold_cases() == ()
        with pytest.raises(UnknownNameError, match="no gold case"):
            world.store.gold_mask(world.case.case_id)
        with pytest.raises(UnknownNameError, match="no gold case"):
            world.store.remove_gold(world.case.case_id, actor=ME)
        assert world.store.verify() == ()

    def test_a_truth_lies_on_the_grid_of_its_case(self, world: World) -> None:
        with pytest.raises(GeometryMismatchError, match="the true mask has shape"):
            world.store.put_gold(
                world.case.case_id,
                mask=encode(disc(5)[:1]),
                diagnosis=TRUTH,
                source="",
                actor=ME,
            )

    def test_a_repeat_is_a_case_of_one_rater_that_no_list_names(self, world: World) -> None:
        store = world.store
        repeat = store.add_repeat(world.case.case_id, world.anna.rater_id, 5, actor=ME)
        n_rows = len(store.audit())
        again = store.add_repeat(world.case.case_id, world.anna.rater_id, 9, actor=ME)
        assert again == repeat
        assert len(store.audit()) == n_rows
        assert (repeat.original_id, repeat.rater_id) == (world.case.case_id, world.anna.rater_id)
        assert store.repeats() == (repeat,)
        assert store.repeat(repeat.case_id) == repeat
        assert store.repeat(world.case.case_id) is None
        case = store.case(repeat.case_id)
        assert case.series_ids == world.case.series_ids
        assert world.case.title not in case.title
        assert "repeat" not in case.title.casefold()
        assert store.cases() == (world.case,)
        assert set(store.cases_with_repeats()) == {world.case, case}
        assert [entry.position for entry in store.assignments("Anna")] == [5]
        assert store.assignments("Ben") == ()
        assert store.verify() == ()

    def test_readings_of_repeats_are_told_of_the_repeat_only(self, world: World) -> None:
        store = world.store
        reading = add_reading(world, world.anna, 20)
        repeat = store.add_repeat(world.case.case_id, world.anna.rater_id, 5, actor=ME)
        second = store.add_annotation(
            repeat.case_id, world.anna.rater_id, encode(disc(21)), Diagnosis(), actor=ME
        )
        assert store.annotations() == (reading,)
        assert store.annotations(repeat.case_id) == (second,)

    def test_models_and_repeats_are_not_repeated(self, world: World) -> None:
        store = world.store
        with pytest.raises(AnnotatorError, match="is a model"):
            store.add_repeat(world.case.case_id, world.model.rater_id, 1, actor=ME)
        repeat = store.add_repeat(world.case.case_id, world.anna.rater_id, 1, actor=ME)
        with pytest.raises(AnnotatorError, match="is a repeat already"):
            store.add_repeat(repeat.case_id, world.anna.rater_id, 1, actor=ME)
        with pytest.raises(AnnotatorError, match="mark the case that it repeats"):
            store.put_gold(
                repeat.case_id, mask=encode(disc(5)), diagnosis=TRUTH, source="", actor=ME
            )

    def test_a_rater_can_be_asked_for_regions_only(self, world: World) -> None:
        store, case_id = world.store, world.case.case_id
        store.assign(case_id, world.anna.rater_id, 1, actor=ME)
        store.assign(case_id, world.ben.rater_id, 1, regions=REGIONS, actor=ME)
        assert store.assignments("Anna")[0].regions == ()
        assert store.assignments("Ben")[0].regions == REGIONS
        partial = Partial(case_id=case_id, rater_id=world.ben.rater_id, regions=REGIONS)
        assert store.partial_readers() == store.partial_readers(case_id) == (partial,)
        assert store.partial_readers("other") == ()
        assert store.verify() == ()

    def test_an_empty_region_is_refused(self, world: World) -> None:
        with pytest.raises(AnnotatorError, match="a region to read is empty"):
            world.store.assign(
                world.case.case_id,
                world.ben.rater_id,
                1,
                regions=(((0, 0, 0), (1, 0, 1)),),
                actor=ME,
            )
        assert world.store.assignments() == ()

    @pytest.mark.parametrize("name", TAMPERED)
    def test_verify_names_changed_quality_rows(
        self, world: World, location: str, name: str
    ) -> None:
        store, case_id = world.store, world.case.case_id
        add_reading(world, world.anna, 20)
        store.put_rule(OverlapRule(), actor=ME)
        put_gold(world)
        store.add_repeat(case_id, world.anna.rater_id, 5, actor=ME)
        store.assign(case_id, world.ben.rater_id, 1, regions=REGIONS, actor=ME)
        assert store.verify() == ()
        statement, words = TAMPERED[name]
        self.tamper(location, statement)
        problems = store.verify()
        assert any(words in problem for problem in problems), problems

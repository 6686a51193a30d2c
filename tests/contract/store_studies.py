"""Projects, series, cases, raters and assignments: part of the contract of a store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.domain.errors import (
    AnnotatorError,
    GeometryMismatchError,
    IntegrityError,
    UnknownNameError,
)
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Label
from annotator.store import Store, migrations
from tests.contract.store_world import (
    ME,
    SCHEMA,
    Replay,
    World,
    add_case,
    make_series,
    paint,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


_SINCE_THE_FIRST = (
    "assignment_regions", "fusion_weights", "forecasts", "gold_cases", "repeat_cases", "rules",
    "case_votes", "acceptances", "training_examples", "training_points", "trainings",
    "prediction_maps", "networks", "label_errors", "contour_errors", "trace_sign_offs",
    "trace_findings", "step_trees", "draft_trees", "annotation_trees", "trees", "tracing_cases",
    "step_marks", "annotation_marks",
)  # fmt: skip
"""Tables that a project of the first version lacks."""
_INDEXES = ("fusions_of_case", "adjudications_of_case")


class StudiesContract:
    def tamper(self, location: str, statement: str, values: Sequence[object] = ()) -> None:
        raise NotImplementedError

    def test_a_project_tells_what_it_was_made_with(self, store: Store) -> None:
        info = store.project()
        assert (info.title, info.schema, info.seed) == ("Trial", SCHEMA, 7)
        assert info.schema_version == migrations.VERSION
        assert info.created_at.endswith("+00:00")

    def test_a_project_is_the_same_when_opened_again(self, store: Store, location: str) -> None:
        with Store.open(location) as other:
            assert other.project() == store.project()
            assert other.cache_dir == store.cache_dir
            assert not other.is_read_only

    def test_a_project_is_not_made_over_another(self, store: Store, location: str) -> None:
        with pytest.raises(AnnotatorError, match="a project here already; open it"):
            Store.create(location, title="Other", schema=SCHEMA)
        assert store.project().title == "Trial"

    def test_seeds_differ_where_none_is_given(self, location: str) -> None:
        with Store.create(location, title="", schema=SCHEMA) as store:
            assert 0 <= store.project().seed < 2**32

    def test_a_newer_project_is_refused(self, store: Store, location: str) -> None:
        store.close()
        self.tamper(
            location,
            "INSERT INTO schema_versions (version, applied_at) VALUES (?, ?)",
            (migrations.VERSION + 1, "later"),
        )
        with pytest.raises(AnnotatorError, match="written by a newer program"):
            Store.open(location)

    def test_an_older_project_is_brought_forward(self, world: World, location: str) -> None:
        job_id = world.store.add_job("import", {}, actor=ME).job_id
        world.store.claim_job(job_id)
        rows = world.store.audit()
        world.store.close()
        for index in _INDEXES:
            self.tamper(location, f"DROP INDEX {index}")
        for table in ("audit_head", *_SINCE_THE_FIRST):
            self.tamper(location, f"DROP TABLE {table}")
        self.tamper(location, "ALTER TABLE fusions DROP COLUMN training_target_only")
        # SQLite drops no column that refers to another table, PostgreSQL no table referred to.
        self.tamper(location, "ALTER TABLE fusions RENAME COLUMN fit_id TO unknown_before")
        self.tamper(location, "ALTER TABLE fits RENAME TO fits_before")
        for column in ("host", "pid", "beat_at"):
            self.tamper(location, f"ALTER TABLE jobs DROP COLUMN {column}")
        self.tamper(location, "DELETE FROM schema_versions WHERE version >= ?", (2,))
        with pytest.raises(AnnotatorError, match="Open it once where it can be written"):
            Store.open(location, read_only=True)
        with Store.open(location) as store:
            assert store.project().schema_version == migrations.VERSION
            assert store.verify() == ()
            assert store.audit() == rows
            store.add_rater("Carla", actor=ME)
            assert store.verify() == ()
            store.fail_abandoned_jobs()
            assert store.job(job_id).state == "running", "its worker is given time for a sign"
        for index in _INDEXES:
            self.tamper(location, f"DROP INDEX {index}")  # fails where there is none

    def test_a_schema_can_be_extended(self, store: Store) -> None:
        extended = replace(
            SCHEMA, labels=(*SCHEMA.labels, Label(value=2, name="New", color="#000000"))
        )
        store.set_schema(extended, actor=ME)
        assert store.project().schema == extended
        assert store.verify() == ()

    def test_a_series_comes_back_whole_and_is_kept_once(self, store: Store) -> None:
        series, voxels = make_series(1)
        store.add_series(series, voxels, actor=ME)
        n_rows = len(store.audit())
        store.add_series(series, voxels, actor=ME)
        assert len(store.audit()) == n_rows
        assert store.series(series.series_id) == series
        found = store.voxels(series.series_id)
        np.testing.assert_array_equal(found, voxels)
        assert isinstance(found, np.memmap)
        assert not found.flags.writeable

    def test_voxels_that_do_not_fit_their_series_are_refused(self, store: Store) -> None:
        series, voxels = make_series(1)
        with pytest.raises(GeometryMismatchError, match=r"shape \(2, 600, 512\)"):
            store.add_series(series, voxels[:2], actor=ME)
        with pytest.raises(AnnotatorError, match="are uint8; the series says int16"):
            store.add_series(series, voxels.astype(np.uint8), actor=ME)
        with pytest.raises(UnknownNameError):
            store.series(series.series_id)

    def test_lost_voxels_are_told_and_can_be_put_back(self, store: Store) -> None:
        series, voxels = make_series(1)
        store.add_series(series, voxels, actor=ME)
        (store.cache_dir / f"{series.series_id}.npy").unlink()
        with pytest.raises(AnnotatorError, match=r"Import the study again .*from /study"):
            store.voxels(series.series_id)
        assert store.verify() == ()
        with pytest.raises(IntegrityError, match="their hash differs"):
            store.rebuild_voxels(series.series_id, voxels + np.int16(1))
        store.rebuild_voxels(series.series_id, voxels)
        np.testing.assert_array_equal(store.voxels(series.series_id), voxels)

    def test_damaged_voxels_are_told(self, store: Store) -> None:
        series, voxels = make_series(1)
        store.add_series(series, voxels, actor=ME)
        path = store.cache_dir / f"{series.series_id}.npy"
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(AnnotatorError, match="damaged"):
            store.voxels(series.series_id)
        assert any(series.series_id[:12] in problem for problem in store.verify())

    def test_cases_have_titles_of_their_own(self, store: Store) -> None:
        first = add_case(store, 1)
        assert add_case(store, 1, "another title") == first
        second, third = add_case(store, 2), add_case(store, 3)
        assert [case.title for case in store.cases()] == ["CT", "CT (2)", "CT (3)"]
        assert store.cases() == (first, second, third)

    def test_a_case_is_found_by_id_and_title(self, store: Store) -> None:
        case = add_case(store, 1, "Chest CT")
        assert store.case(case.case_id) == store.case("Chest CT") == store.case("chest ct") == case
        with pytest.raises(UnknownNameError, match="did you mean 'Chest CT'"):
            store.case("Chest CR")

    def test_a_title_that_could_be_two_cases_lists_their_ids(self, store: Store) -> None:
        cases = [add_case(store, 1, "Chest"), add_case(store, 2, "CHEST")]
        assert store.case("Chest") == cases[0]
        with pytest.raises(AnnotatorError, match="could be any of") as caught:
            store.case("chest")
        assert all(case.case_id in str(caught.value) for case in cases)

    def test_a_case_needs_known_series(self, store: Store) -> None:
        with pytest.raises(UnknownNameError, match="no series 'nothing'"):
            store.add_case("Empty", ["nothing"], actor=ME)
        with pytest.raises(AnnotatorError, match="needs at least one"):
            store.add_case("Empty", [], actor=ME)

    def test_raters_are_found_by_id_and_name(self, world: World) -> None:
        store = world.store
        assert store.raters() == (world.anna, world.ben, world.model)
        assert store.rater(world.anna.rater_id) == store.rater("anna") == world.anna
        with pytest.raises(UnknownNameError, match="did you mean 'Anna'"):
            store.rater("Annna")

    @pytest.mark.parametrize(("name", "words"), [("ANNA ", "named 'Anna' already"), (" ", "empty")])
    def test_a_rater_needs_a_name_of_their_own(self, world: World, name: str, words: str) -> None:
        with pytest.raises(AnnotatorError, match=words):
            world.store.add_rater(name, actor=ME)

    def test_an_assignment_goes_from_new_to_started_to_submitted(self, world: World) -> None:
        store, case_id, rater_id = world.store, world.case.case_id, world.anna.rater_id
        store.assign(case_id, rater_id, 3, actor=ME)
        n_rows = len(store.audit())
        store.assign(case_id, rater_id, 4, actor=ME)
        assert len(store.audit()) == n_rows

        def state() -> str:
            (assignment,) = store.assignments(rater_id)
            assert assignment.position == 3
            return assignment.state

        draft = store.open_draft(case_id, rater_id, actor=rater_id)
        assert state() == "new"
        paint(store, draft.draft_id, Replay(), ((0, 0, 0), (1, 1, 1)))
        assert state() == "started"
        store.undo(draft.draft_id, actor=rater_id)
        assert state() == "new"
        store.set_diagnosis(draft.draft_id, Diagnosis(comment="seen"), actor=rater_id)
        assert state() == "started"
        store.submit(draft.draft_id, actor=rater_id)
        assert state() == "submitted"

    def test_assignments_come_in_each_raters_order(self, world: World) -> None:
        other = add_case(world.store, 2)
        for rater, order in ((world.anna, (1, 0)), (world.ben, (0, 1))):
            world.store.assign(world.case.case_id, rater.rater_id, order[0], actor=ME)
            world.store.assign(other.case_id, rater.rater_id, order[1], actor=ME)
        assert [entry.case_id for entry in world.store.assignments("Anna")] == [
            other.case_id,
            world.case.case_id,
        ]
        assert len(world.store.assignments()) == 4

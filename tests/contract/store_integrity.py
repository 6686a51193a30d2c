"""The audit log and `verify`: part of the contract of a store."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.domain.reading import Diagnosis
from annotator.store import Store
from tests.contract.store_world import (
    ME,
    Replay,
    World,
    add_fusion,
    add_reading,
    dense,
    disc,
    make_findings,
    paint,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

# What is done behind the store's back, and what verify must name.
TAMPERED = {
    "audit row changed": (
        "UPDATE audit_log SET payload = '{}' WHERE sequence = 3",
        "audit row 3 ('add case'",
    ),
    "audit actor changed": (
        "UPDATE audit_log SET actor = 'ben' WHERE sequence = 4",
        "audit row 4 ('add rater' by ben",
    ),
    "audit row taken out": (
        "DELETE FROM audit_log WHERE sequence = 5",
        "the audit log lacks row 5",
    ),
    "audit log cut": (
        "DELETE FROM audit_log WHERE sequence > 10",
        "the audit log lacks its last rows, rows 11 to",
    ),
    "audit chain broken": (
        "UPDATE audit_log SET prev_hash = hash WHERE sequence = 6",
        "does not follow the row before it",
    ),
    "slab changed": (
        "UPDATE slabs SET blob = (SELECT blob FROM slabs WHERE slab_id = 2) WHERE slab_id = 1",
        "slab 1 (",
    ),
    "slab that is no runs": (
        "UPDATE slabs SET blob = key WHERE slab_id = 1",
        "cannot be decompressed",
    ),
    "slab taken out": ("DELETE FROM slabs WHERE slab_id = 1", "which is gone"),
    "annotation moved to another slab": (
        "UPDATE mask_slabs SET slab_id = 2 WHERE mask_id = "
        "(SELECT mask_id FROM annotations WHERE revision = 1 AND started_from_id IS NULL LIMIT 1)"
        " AND slab_index = 0",
        "does not match its id",
    ),
    "diagnosis changed": (
        "UPDATE annotations SET diagnosis = '{}'",
        "(case 'CT', Anna) does not match its id",
    ),
    "annotation taken out": ("DELETE FROM annotations", "is gone; the audit log says"),
    "annotation given to another rater": (
        "UPDATE annotations SET rater_id = (SELECT rater_id FROM raters WHERE name = 'Ben')",
        "rater_id is",
    ),
    "fusion's warnings changed": ("UPDATE fusions SET warnings = '[]'", "fusion "),
    "fusion's table changed": (
        "UPDATE fusions SET probability = (SELECT key FROM slabs WHERE slab_id = 1)",
        "is damaged",
    ),
    "verdicts changed": ("UPDATE adjudications SET verdicts = '[]'", "adjudication "),
    "verdict taken out": ("DELETE FROM verdicts", "verdict 1 of case 'CT' is gone"),
    "draft's slab taken out": (
        "DELETE FROM mask_slabs WHERE mask_id = (SELECT mask_id FROM drafts)",
        "is not what its steps make of it",
    ),
    "draft's head moved": (
        "UPDATE drafts SET head_step_id = 1",
        "is not what its steps make of it",
    ),
    "step changed": (
        "UPDATE step_slabs SET after_slab_id = NULL WHERE step_id = 2",
        "step 2 is not what the audit log recorded",
    ),
    "step taken out": ("DELETE FROM steps WHERE step_id = 1", "step 1"),
    "rater made a reviewer": (
        "UPDATE raters SET may_review = (1 = 1) WHERE name = 'Ben'",
        "may_review is True, but was False",
    ),
    "rater put in": (
        "INSERT INTO raters (rater_id, name, is_model, may_review, created_at) "
        "VALUES ('x', 'Eve', (1 = 0), (1 = 1), '')",
        "rater x is not in the audit log",
    ),
    "series changed": (
        "UPDATE series SET facts = replace(facts, '0.7', '0.8')",
        "its facts are not those that were imported",
    ),
    "schema changed": (
        "UPDATE project SET schema = replace(schema, 'Lesion', 'Cyst')",
        "the label schema is not the one",
    ),
}


def fill(world: World) -> None:
    """Make one of everything."""
    store, case_id = world.store, world.case.case_id
    reading = add_reading(world, world.anna, 40)
    fusion = add_fusion(world, (reading.annotation_id,))
    score, findings = make_findings(case_id)
    store.put_findings(case_id, "key", score, findings, actor=ME)
    from tests.contract.store_review import decide

    verdict = decide(world, 1, "rater")
    store.sign_off(
        case_id,
        reviewer_id=world.anna.rater_id,
        fusion_id=fusion.fusion_id,
        findings_key="findings of a fusion",
        verdicts=(verdict,),
        diagnosis=Diagnosis(),
        mask=encode(disc(35)),
        origin=encode(disc(35, 2)),
        actor=ME,
    )
    draft = store.open_draft(case_id, world.ben.rater_id, actor=ME)
    replay = Replay()
    paint(store, draft.draft_id, replay, ((0, 0, 0), (1, 9, 9)))
    paint(store, draft.draft_id, replay, ((0, 5, 5), (1, 20, 20)), 300)


class IntegrityContract:
    def tamper(self, location: str, statement: str, values: Sequence[object] = ()) -> None:
        raise NotImplementedError

    def test_every_change_is_one_row_that_hashes_the_one_before(self, world: World) -> None:
        rows = world.store.audit()
        assert [row.action for row in rows] == [
            "create project",
            "add series",
            "add case",
            "add rater",
            "add rater",
            "add rater",
        ]
        assert [row.sequence for row in rows] == list(range(1, 7))
        for before, row in itertools.pairwise(rows):
            assert row.prev_hash == before.hash
            assert row.hash == row.computed_hash() != before.hash

    def test_reading_writes_nothing(self, world: World) -> None:
        rows = world.store.audit()
        world.store.cases()
        world.store.verify()
        assert world.store.audit() == rows

    def test_many_writers_make_one_chain(self, world: World, location: str) -> None:
        def draw(number: int) -> None:
            with Store.open(location) as store:
                rater = store.add_rater(f"Rater {number}", actor=ME)
                draft = store.open_draft(world.case.case_id, rater.rater_id, actor=ME)
                replay = Replay()
                for stroke in range(8):
                    box = ((0, 10 * number, 5 * stroke), (1, 10 * number + 5, 5 * stroke + 4))
                    paint(store, draft.draft_id, replay, box)
                kept = dense(store.draft_mask(draft.draft_id))
                np.testing.assert_array_equal(kept, replay.mask)

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(draw, range(4)))
        assert len(world.store.audit()) == 6 + 4 * 10
        assert world.store.verify() == ()

    def test_one_store_serves_many_threads(self, world: World) -> None:
        def add(number: int) -> str:
            world.store.raters()
            return world.store.add_rater(f"Rater {number}", actor=ME).rater_id

        with ThreadPoolExecutor(6) as threads:
            added = list(threads.map(add, range(18)))
        assert len(set(added)) == 18
        assert len(world.store.raters()) == 21
        assert world.store.verify() == ()

    def test_a_sound_project_has_no_problems(self, world: World) -> None:
        fill(world)
        told: list[float] = []
        assert world.store.verify(lambda fraction, _: told.append(fraction)) == ()
        assert told == sorted(told)
        assert told[-1] == 1.0

    @pytest.mark.parametrize("name", TAMPERED)
    def test_verify_names_what_was_tampered_with(
        self, world: World, location: str, name: str
    ) -> None:
        fill(world)
        statement, words = TAMPERED[name]
        self.tamper(location, statement)
        problems = world.store.verify()
        assert any(words in problem for problem in problems), problems

    def test_verify_names_who_uses_a_damaged_slab(self, world: World, location: str) -> None:
        reading = add_reading(world, world.anna, 40)
        self.tamper(
            location,
            "UPDATE slabs SET blob = (SELECT blob FROM slabs WHERE slab_id = 2) WHERE slab_id = 1",
        )
        (problem,) = world.store.verify()
        assert f"annotation {reading.annotation_id[:12]} (case 'CT', Anna), slab 0" in problem
        assert "its content does not match its hash" in problem

    def test_verify_names_changed_images(self, world: World) -> None:
        (series_id,) = world.case.series_ids
        path = world.store.cache_dir / f"{series_id}.npy"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        (problem,) = world.store.verify()
        assert "their hash differs" in problem
        assert series_id[:12] in problem

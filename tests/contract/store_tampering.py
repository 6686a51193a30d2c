"""What `verify` names besides masks: part of the contract of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.domain.reading import Diagnosis
from annotator.domain.review import VoteSummary
from tests.contract.store_integrity import fill
from tests.contract.store_review import decide, undo
from tests.contract.store_world import (
    ME,
    World,
    make_contour_errors,
    make_findings,
    make_label_errors,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWERED = '{"answers":[],"comment":"x","confidence":0.1}'

# What is done behind the store's back, and what verify must name.
TAMPERED = {
    "time of a reading": (
        "UPDATE annotations SET created_at = '1999'",
        "created_at is '1999', but was",
    ),
    "time of a fusion": ("UPDATE fusions SET created_at = '1999'", "created_at is '1999'"),
    "time of a sign-off": ("UPDATE adjudications SET created_at = '1999'", "created_at is"),
    "time of a step": ("UPDATE steps SET created_at = '1999' WHERE step_id = 2", "step 2: created"),
    "answers of a draft": (
        f"UPDATE drafts SET diagnosis = '{ANSWERED}'",
        "(case 'CT', Ben): its diagnosis is not the one",
    ),
    "a draft closed": ("UPDATE drafts SET is_open = (1 = 0)", "is_open is False, but was True"),
    "a draft's head moved": ("UPDATE drafts SET head_step_id = 1", "head_step_id is 1, but was 2"),
    "a step's parent": (
        "UPDATE steps SET parent_step_id = NULL WHERE step_id = 2",
        "step 2: parent is None, but was 1",
    ),
    "the project's title": ("UPDATE project SET title = 'zz'", "title is 'zz', but was 'Trial'"),
    "the project's seed": ("UPDATE project SET seed = 1", "seed is 1, but was 7"),
    "the project itself": ("DELETE FROM project", "its title, schema and seed are lost"),
    "order of an assignment": (
        "UPDATE assignments SET position = 9",
        "the assignment of case 'CT' to Ben: position is 9, but was 3",
    ),
    "assignments taken out": ("DELETE FROM assignments", "to Ben is gone"),
    "assignment put in": (
        "INSERT INTO assignments (rater_id, case_id, position) "
        "SELECT rater_id, case_id, 1 FROM raters, cases WHERE name = 'Anna'",
        "to Anna is not in the audit log",
    ),
    "series of a case taken out": ("DELETE FROM case_series", "its series are gone"),
    "findings emptied": (
        "UPDATE case_findings SET findings = '[]'",
        "the findings of case 'CT' are not those",
    ),
    "findings taken out": ("DELETE FROM case_findings", "the findings of case 'CT' are gone"),
    "findings scored again": ("UPDATE case_findings SET score = 99", "score is 99.0, but was 2.5"),
    "votes emptied": (
        "UPDATE case_votes SET findings_key = 'other'",
        "the vote histogram of case 'CT' is not the one",
    ),
    "votes taken out": ("DELETE FROM case_votes", "the vote histogram of case 'CT' is gone"),
    "label errors emptied": (
        "UPDATE label_errors SET content = '{}'",
        "what is rejected in the labels of case 'CT' is not what",
    ),
    "label errors taken out": ("DELETE FROM label_errors", "of case 'CT' is gone; check its"),
    "contour errors emptied": (
        "UPDATE contour_errors SET content = '{}'",
        "what is held wrong in the contours of case 'CT' is not what",
    ),
    "contour errors taken out": ("DELETE FROM contour_errors", "of case 'CT' is gone; check its"),
    "verdict undone": (
        "UPDATE verdicts SET is_undone = (1 = 1)",
        "is_undone is True, but was False",
    ),
    "verdict done again": (
        "UPDATE verdicts SET is_undone = (1 = 0)",
        "is_undone is False, but was True",
    ),
    "how long a reading took": (
        "UPDATE acceptances SET content = '{}'",
        "was made: its content is not what",
    ),
    "how a reading was made taken out": ("DELETE FROM acceptances", "was made is gone"),
    "state of a job": ("UPDATE jobs SET state = 'done'", "state is 'done', but was 'failed'"),
    "result of a job": ("UPDATE jobs SET result = '{}'", "its result is not the one"),
    "error of a job": ("UPDATE jobs SET error = ''", "error is '', but was 'no file'"),
}


class TamperingContract:
    def tamper(self, location: str, statement: str, values: Sequence[object] = ()) -> None:
        raise NotImplementedError

    def fill_all(self, world: World) -> None:
        """Make one of everything, and change what can be changed."""
        store, case_id = world.store, world.case.case_id
        fill(world)
        decide(world, 2, "none")
        undo(world)
        store.assign(case_id, world.ben.rater_id, 3, actor=ME)
        score, findings = make_findings(case_id)
        store.put_findings(case_id, "newer", score, findings, actor=ME)
        store.put_votes(
            case_id,
            "newer",
            patterns=np.array([[0, 0], [0, 1]], np.uint16),
            counts=np.array([90, 10]),
            labels=(0, 1),
            summary=VoteSummary(mean_dice=0.5, kappa=None, entropy_bits=0.1),
            actor=ME,
        )
        store.put_label_errors(make_label_errors(case_id, "newer"), actor=ME)
        store.put_contour_errors(make_contour_errors(case_id, "newer"), actor=ME)
        job = store.add_job("import", {}, actor=ME)
        store.claim_job(job.job_id)
        store.request_cancel(job.job_id, actor=ME)
        store.finish_job(job.job_id, state="failed", result={"n": 1}, error="no file")
        store.request_cancel(store.add_job("fuse", {}, actor=ME).job_id, actor=ME)
        draft = store.open_draft(case_id, world.ben.rater_id, actor=ME)
        for comment in ("a", "b"):
            store.set_diagnosis(draft.draft_id, Diagnosis(comment=comment), actor=ME)
        store.undo(draft.draft_id, actor=ME)
        store.redo(draft.draft_id, actor=ME)
        other = store.add_rater("Cleo", actor=ME)
        submitted = store.open_draft(case_id, other.rater_id, actor=ME)
        store.submit(submitted.draft_id, actor=ME)

    def test_what_was_changed_by_the_store_itself_is_sound(self, world: World) -> None:
        self.fill_all(world)
        assert world.store.verify() == ()

    @pytest.mark.parametrize("name", TAMPERED)
    def test_verify_names_a_changed_row(self, world: World, location: str, name: str) -> None:
        self.fill_all(world)
        statement, words = TAMPERED[name]
        self.tamper(location, statement)
        problems = world.store.verify()
        assert any(words in problem for problem in problems), problems

"""Fusions, findings, verdicts, adjudications and jobs: part of the contract of a store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.domain.errors import (
    AccessDeniedError,
    AnnotatorError,
    ConflictError,
    GeometryMismatchError,
    IntegrityError,
    UnknownNameError,
)
from annotator.domain.reading import Diagnosis
from annotator.domain.review import Verdict, VoteSummary
from annotator.store import Store
from tests.contract.store_world import (
    ME,
    World,
    add_case,
    add_fusion,
    add_reading,
    dense,
    disc,
    make_contour_errors,
    make_findings,
    make_label_errors,
)

KEY = "findings of a fusion"
SUMMARY = VoteSummary(mean_dice=0.75, kappa=None, entropy_bits=0.125)


def decide(world: World, region: int, choice: str) -> Verdict:
    verdict = Verdict(
        case_id=world.case.case_id,
        region=region,
        reviewer_id=world.anna.rater_id,
        choice=choice,  # type: ignore[arg-type]
        rater_id=world.anna.rater_id if choice == "rater" else None,
        reason="missed",
        comment="see slice 3",
    )
    world.store.add_verdict(verdict, KEY, actor=world.anna.rater_id)
    return verdict


def undo(world: World, key: str = KEY) -> Verdict | None:
    return world.store.undo_verdict(
        world.case.case_id, key, reviewer_id=world.anna.rater_id, actor=ME
    )


class ReviewContract:
    def test_a_fusion_comes_back_whole(self, world: World) -> None:
        reading = add_reading(world, world.anna, 40)
        fusion = add_fusion(world, (reading.annotation_id,))
        store = world.store
        assert store.fusions(world.case.case_id) == (fusion,)
        assert store.fusion(fusion.fusion_id) == fusion
        assert fusion.recipe.inputs == (reading.annotation_id,)
        assert fusion.warnings == ("Anna drew nothing on slice 3",)
        assert fusion.performance[0].specificity is None
        np.testing.assert_array_equal(dense(store.fusion_labels(fusion.fusion_id)), disc(40))
        patterns, table = store.fusion_probability(fusion.fusion_id)
        np.testing.assert_array_equal(dense(patterns), disc(40, 1))
        np.testing.assert_array_equal(table[dense(patterns)].argmax(axis=-1), disc(40))
        np.testing.assert_array_equal(table, [[1.0, 0.0], [1 / 3, 2 / 3]])

    def test_a_recipe_that_is_run_again_is_the_same_fusion(self, world: World) -> None:
        reading = add_reading(world, world.anna, 40)
        fusion = add_fusion(world, (reading.annotation_id,))
        n_rows = len(world.store.audit())
        assert add_fusion(world, (reading.annotation_id,)) == fusion
        assert len(world.store.audit()) == n_rows

    def test_a_recipe_with_another_result_is_refused(self, world: World) -> None:
        reading = add_reading(world, world.anna, 40)
        fusion = add_fusion(world, (reading.annotation_id,))
        with pytest.raises(IntegrityError, match="another result for the same recipe"):
            add_fusion(world, (reading.annotation_id,), radius=41)
        assert world.store.fusions(world.case.case_id) == (fusion,)

    def test_a_fusion_names_readings_that_exist(self, world: World) -> None:
        with pytest.raises(UnknownNameError, match="no annotation 'nothing'"):
            add_fusion(world, ("nothing",))

    def test_findings_replace_those_before(self, world: World) -> None:
        store, case_id = world.store, world.case.case_id
        assert store.findings(case_id) is None
        store.put_findings(case_id, "old", *make_findings(case_id, 9.0), actor=ME)
        score, findings = make_findings(case_id)
        store.put_findings(case_id, KEY, score, findings, actor=ME)
        assert store.findings(case_id) == (KEY, findings)
        assert store.case_scores() == (score,)
        assert store.case_score(case_id) == score
        assert store.case_score("nothing") is None
        n_rows = len(store.audit())
        store.put_findings(case_id, KEY, score, findings, actor=ME)
        assert len(store.audit()) == n_rows

    def test_label_errors_replace_those_before(self, world: World) -> None:
        store, case_id = world.store, world.case.case_id
        assert store.label_errors(case_id) is None
        store.put_label_errors(make_label_errors(case_id, "old"), actor=ME)
        found = make_label_errors(case_id, KEY)
        store.put_label_errors(found, actor=ME)
        assert store.label_errors(case_id) == found
        n_rows = len(store.audit())
        store.put_label_errors(found, actor=ME)
        assert len(store.audit()) == n_rows

    def test_contour_errors_replace_those_before(self, world: World) -> None:
        store, case_id = world.store, world.case.case_id
        assert store.contour_errors(case_id) is None
        store.put_contour_errors(make_contour_errors(case_id, "old"), actor=ME)
        found = make_contour_errors(case_id, KEY)
        store.put_contour_errors(found, actor=ME)
        assert store.contour_errors(case_id) == found
        n_rows = len(store.audit())
        store.put_contour_errors(found, actor=ME)
        assert len(store.audit()) == n_rows

    def test_votes_replace_those_before_and_come_with_the_readings_of_now(
        self, world: World
    ) -> None:
        store, case_id = world.store, world.case.case_id
        other = add_case(store, 2)
        readings = [add_reading(world, world.anna, radius) for radius in (40, 41)]
        patterns = np.array([[0, 0], [0, 7]], np.uint16)

        def put(key: str, n_voxels: int) -> None:
            store.put_votes(
                case_id,
                key,
                patterns=patterns,
                counts=np.array([n_voxels, 10]),
                labels=(0, 7),
                summary=SUMMARY,
                actor=ME,
            )

        put("old", 90)
        put(KEY, 91)
        n_rows = len(store.audit())
        put(KEY, 91)
        assert len(store.audit()) == n_rows
        kept = {entry.case_id: entry for entry in store.votes_after("", 9)}
        assert kept[other.case_id].findings_key is None
        assert kept[other.case_id].annotation_ids == ()
        mine = kept[case_id]
        assert (mine.title, mine.findings_key, mine.n_readings) == (world.case.title, KEY, 2)
        assert mine.summary == SUMMARY
        assert mine.annotation_ids == (readings[-1].annotation_id,)
        votes = store.vote_histogram(case_id)
        assert votes is not None
        assert (votes.counts.tolist(), votes.places.tolist()) == ([91, 10], [[0, 0], [0, 1]])
        assert votes.labels == (0, 7)
        assert store.vote_histogram(other.case_id) is None
        first, second = sorted(kept)
        assert [entry.case_id for entry in store.votes_after("", 1)] == [first]
        assert [entry.case_id for entry in store.votes_after(first, 9)] == [second]
        assert store.votes_after(second, 9) == ()

    def test_the_hardest_case_comes_first(self, world: World) -> None:
        others = [add_case(world.store, number) for number in (2, 3)]
        for case, points in zip([world.case, *others], (1.0, 3.0, 2.0), strict=True):
            score, findings = make_findings(case.case_id, points)
            world.store.put_findings(case.case_id, KEY, score, findings, actor=ME)
        assert [score.score for score in world.store.case_scores()] == [3.0, 2.0, 1.0]

    def test_the_last_verdict_on_a_region_holds_until_it_is_undone(self, world: World) -> None:
        store, case_id = world.store, world.case.case_id
        score, findings = make_findings(case_id)
        store.put_findings(case_id, KEY, score, findings, actor=ME)
        assert undo(world) is None
        first, second = decide(world, 1, "rater"), decide(world, 2, "none")
        changed = decide(world, 1, "fusion")
        assert store.verdicts(case_id, KEY) == (changed, second)
        assert store.verdicts(case_id, "other findings") == ()
        assert undo(world) == changed
        assert store.verdicts(case_id, KEY) == (first, second)
        assert undo(world) == second
        assert undo(world) == first
        assert undo(world) is None

    def test_verdicts_on_earlier_findings_are_not_undone(self, world: World) -> None:
        store, case_id = world.store, world.case.case_id
        score, findings = make_findings(case_id)
        store.put_findings(case_id, KEY, score, findings, actor=ME)
        verdict = decide(world, 1, "none")
        store.put_findings(case_id, "newer", score, findings, actor=ME)
        assert undo(world, "newer") is None
        assert store.verdicts(case_id, KEY) == (verdict,)
        assert undo(world) == verdict, "a case that is still open on them goes on with them"

    def test_a_reviewer_takes_back_own_verdicts_only(self, world: World) -> None:
        verdict = decide(world, 1, "none")
        cleo = world.store.add_rater("Cleo", actor=ME)
        undone = world.store.undo_verdict(
            world.case.case_id, KEY, reviewer_id=cleo.rater_id, actor=ME
        )
        assert undone is None
        assert world.store.verdicts(world.case.case_id, KEY) == (verdict,)

    def test_a_mask_made_of_other_verdicts_is_not_signed(self, world: World) -> None:
        store, case_id = world.store, world.case.case_id
        fusion = add_fusion(world, (add_reading(world, world.anna, 40).annotation_id,))
        verdict = decide(world, 1, "none")
        decide(world, 2, "none")
        with pytest.raises(ConflictError, match="changed by somebody else"):
            store.sign_off(
                case_id,
                reviewer_id=world.anna.rater_id,
                fusion_id=fusion.fusion_id,
                findings_key=KEY,
                verdicts=(verdict,),
                diagnosis=Diagnosis(),
                mask=encode(disc(5)),
                origin=encode(disc(5)),
                actor=ME,
            )
        assert store.adjudication(case_id) is None

    def test_a_case_is_signed_off_with_its_verdicts(self, world: World) -> None:
        store, case_id = world.store, world.case.case_id
        fusion = add_fusion(world, (add_reading(world, world.anna, 40).annotation_id,))
        store.put_findings(case_id, KEY, *make_findings(case_id), actor=ME)
        verdict = decide(world, 1, "rater")
        assert store.adjudication(case_id) is None

        def sign_off(reviewer: str, radius: int) -> str:
            return store.sign_off(
                case_id,
                reviewer_id=reviewer,
                fusion_id=fusion.fusion_id,
                findings_key=KEY,
                verdicts=(verdict,),
                diagnosis=Diagnosis(answers=(("dx", "no"),)),
                mask=encode(disc(radius)),
                origin=encode(disc(radius, 7)),
                actor=reviewer,
            ).adjudication_id

        with pytest.raises(AccessDeniedError, match="Ben may not sign"):
            sign_off(world.ben.rater_id, 30)
        first = sign_off(world.anna.rater_id, 30)
        found = store.adjudication(case_id)
        assert found is not None
        assert (found.adjudication_id, found.verdicts) == (first, (verdict,))
        assert found.diagnosis.answer("dx") == "no"
        mask, origin = store.adjudication_mask(first)
        np.testing.assert_array_equal(dense(mask), disc(30))
        np.testing.assert_array_equal(dense(origin), disc(30, 7))
        second = sign_off(world.anna.rater_id, 30)
        assert second != first
        latest = store.adjudication(case_id)
        assert latest is not None
        assert latest.adjudication_id == second
        assert store.verify() == ()

    def test_a_decided_mask_of_another_grid_is_refused(self, world: World) -> None:
        fusion = add_fusion(world, (add_reading(world, world.anna, 40).annotation_id,))
        with pytest.raises(GeometryMismatchError, match="the fusion has"):
            world.store.sign_off(
                world.case.case_id,
                reviewer_id=world.anna.rater_id,
                fusion_id=fusion.fusion_id,
                findings_key=KEY,
                verdicts=(),
                diagnosis=Diagnosis(),
                mask=encode(disc(5)[:1]),
                origin=encode(disc(5)),
                actor=ME,
            )

    def test_who_has_seen_the_readings_of_a_case_is_noted_once(self, world: World) -> None:
        store, case_id = world.store, world.case.case_id
        anna, ben = world.anna.rater_id, world.ben.rater_id
        other = add_case(store, 2)
        for _ in range(2):
            store.note_review(case_id, anna, actor=anna)
        assert store.has_reviewed(case_id, anna)
        assert not store.has_reviewed(case_id, ben)
        assert not store.has_reviewed(other.case_id, anna)
        assert store.reviewed() == {(case_id, anna)}
        assert [row.action for row in store.audit()].count("open for review") == 1

    def test_a_job_is_queued_claimed_and_done(self, store: Store) -> None:
        job = store.add_job("import", {"paths": ["/ä"]}, actor=ME)
        later = store.add_job("fuse", {}, actor=ME)
        assert (job.state, job.parameters) == ("queued", '{"paths":["/ä"]}')
        assert store.next_queued_job() == job
        claimed = store.claim_job(job.job_id)
        assert claimed is not None
        assert claimed.state == "running"
        assert store.claim_job(job.job_id) is None
        assert store.next_queued_job() == later
        n_rows = len(store.audit())
        assert store.report_progress(job.job_id, 0.25, "reading") is False
        assert len(store.audit()) == n_rows
        assert store.job(job.job_id).progress == 0.25
        store.request_cancel(job.job_id, actor=ME)
        assert store.report_progress(job.job_id, 0.5, "reading") is True
        store.finish_job(job.job_id, state="failed", result={"n": 1}, error="no file")
        done = store.job(job.job_id)
        assert (done.state, done.result, done.error) == ("failed", '{"n":1}', "no file")
        assert store.jobs() == (done, later)
        with pytest.raises(AnnotatorError, match="has ended already: failed"):
            store.finish_job(job.job_id, state="done", result={}, error="")

    def test_a_queued_job_is_cancelled_at_once(self, store: Store) -> None:
        job = store.add_job("import", {}, actor=ME)
        store.request_cancel(job.job_id, actor=ME)
        assert store.job(job.job_id).state == "cancelled"
        assert store.claim_job(job.job_id) is None
        assert store.report_progress(job.job_id, 0.5, "") is True
        with pytest.raises(UnknownNameError, match="no job '77'"):
            store.claim_job(77)

    def test_a_job_has_one_claimer(self, store: Store, location: str) -> None:
        job_ids = [store.add_job("fuse", {}, actor=ME).job_id for _ in range(6)]

        def claim_all(_: int) -> list[int]:
            with Store.open(location) as own:
                return [job_id for job_id in job_ids if own.claim_job(job_id)]

        with ThreadPoolExecutor(4) as threads:
            claimed = [job_id for got in threads.map(claim_all, range(4)) for job_id in got]
        assert sorted(claimed) == job_ids

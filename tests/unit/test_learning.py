"""Methods that look at places or learn from the project, job side."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.runs import decode
from annotator.api import (
    CaseVotes,
    FusedPatterns,
    FusedVoxels,
    Learned,
    Plugin,
    no_progress,
)
from annotator.domain.errors import (
    AnnotatorError,
    IntegrityError,
)
from annotator.domain.fit import FitRecipe
from annotator.domain.reading import Diagnosis
from annotator.jobs.case_votes import case_votes
from annotator.jobs.export_items import items_of_case
from annotator.jobs.keeping import keep_voxels
from annotator.jobs.learning import relearn, told
from annotator.jobs.lessons import LessonCases, lessons_of
from annotator.jobs.readings import Readings, current_fusions
from annotator.jobs.replaying import Replay
from annotator.session.review_methods import method_options, view_methods
from annotator.store import cases
from tests.unit.learning_case import (
    BOXES,
    Largest,
    NoParameters,
    first,
    learning_session,
    performance,
    sign_off,
)
from tests.unit.project_builder import SHAPE, add_case, block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pydantic import BaseModel
    from sqlalchemy import Connection

    from annotator.api import Progress
    from annotator.domain.study import Case
    from annotator.session.session import Session

pytestmark = pytest.mark.unit


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with learning_session(tmp_path) as opened:
        yield opened


def test_a_method_that_looks_at_places_is_kept_with_its_weights(session: Session) -> None:
    fusion = session.fuse(first(session), "shares")
    masks = np.stack([block(box) for box in BOXES])
    patterns, table = session.store.fusion_probability(fusion.fusion_id)
    np.testing.assert_allclose(table[decode(patterns)][..., 1], masks.mean(axis=0), atol=0.003)
    labels = decode(session.store.fusion_labels(fusion.fusion_id))
    np.testing.assert_array_equal(labels, masks.sum(axis=0) >= 2)
    assert fusion.training_target_only
    weights = session.store.fusion_weights(fusion.fusion_id)
    assert sorted(weights) == sorted(rater.rater_id for rater in session.store.raters())
    values = np.stack([decode(mask).astype(float) for mask in weights.values()])
    weighed = np.asarray((values > 0).all(axis=0))
    assert weighed[1:3, 2:9, 2:8].all()
    np.testing.assert_allclose(((values - 1) / 254).sum(axis=0)[weighed], 1.0, atol=0.03)
    assert session.store.verify() == ()
    assert session.rerun(fusion.fusion_id) == fusion


def test_what_is_for_training_only_says_so_in_its_file_name(session: Session) -> None:
    case = session.cases()[0]
    for method in ("shares", "majority"):
        session.fuse(case.case_id, method)
    stems = [stem for stem, _ in items_of_case(session.store, session.registry, case, "case")]
    assert stems[-2:] == ["case_training-target-shares", "case_fused-majority"]


def test_what_was_learned_is_kept_once_and_named(session: Session) -> None:
    Largest.n_learned = 0
    fusions = [session.fuse(case.case_id, "largest") for case in session.cases()]
    assert Largest.n_learned == 1
    (fit,) = session.store.fits()
    assert {fusion.recipe.fit_id for fusion in fusions} == {fit.fit_id}
    assert fit.summary == ("2 cases, 0 signed off",)
    assert len(fit.recipe.inputs) == 6
    labels = decode(session.store.fusion_labels(fusions[0].fusion_id))
    np.testing.assert_array_equal(labels, block(BOXES[0]))
    assert session.rerun(fusions[0].fusion_id) == fusions[0]
    again = relearn(session.store, session.registry, fit.fit_id, no_progress, actor="system")
    assert again == fit
    assert session.store.verify() == ()


def test_lessons_look_at_all_cases_once(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of thousands would take hours if each case were looked for among all."""
    looked: list[int] = []
    every = cases.every

    def count(connection: Connection) -> tuple[Case, ...]:
        looked.append(1)
        return every(connection)

    monkeypatch.setattr(cases, "every", count)
    lessons = lessons_of(session.store, include_models=False)
    expected = [
        Readings.load(session.store, case.case_id).annotation_ids for case in session.cases()
    ]
    assert sorted(one.readings.annotation_ids for one in lessons) == sorted(expected)
    looked.clear()
    again = LessonCases(session.store, lessons_of(session.store, include_models=False))
    assert [case.case_id for case in again] == [one.readings.case.case_id for one in lessons]
    assert len(looked) == 1


def test_labels_and_raters_are_told_by_their_names(session: Session) -> None:
    rater = session.store.raters()[0]
    recipe = FitRecipe(kind="trainer", name="unet", version="2", inputs=())
    said = f"Label 1 and label 2 look alike to {rater.rater_id}; label 21 does not."
    fit = session.store.add_fit(recipe, content=b"all", summary=(said,), actor="me")
    assert told(session.store, fit) == (
        f"Lesion and Organ look alike to {rater.name}; label 21 does not.",
    )


def test_a_reviewer_is_told_of_readings_since_a_method_learned(session: Session) -> None:
    case_id = first(session)
    session.fuse(case_id, "largest")
    options = tuple(one for one in method_options(session.registry) if one.name == "largest")

    def words() -> str:
        with closing(session.review_room("Ann").open_case(case_id)) as case:
            (view,) = view_methods(case, options)
            return view.in_words(case.series.geometry)

    assert "Learned before" not in words()
    case = add_case(session, 5)
    geometry = session.store.series(case.series_ids[0]).geometry
    for name in ("Ann", "Bob"):
        session.add_reading(case.case_id, name, block(BOXES[0]), geometry, Diagnosis())
    assert words().endswith(" Learned before 2 readings came in: fuse every case again.")


def test_new_readings_and_sign_offs_are_learned_from(session: Session) -> None:
    case_id = first(session)
    before = session.learn("largest")
    sign_off(session, case_id)
    after = session.learn("largest")
    assert before
    assert after
    assert before.fit_id != after.fit_id
    assert after.summary == ("2 cases, 1 signed off",)
    lessons = {
        entry.readings.case.case_id: entry
        for entry in lessons_of(session.store, include_models=False)
    }
    lesson = lessons[case_id]
    case = case_votes(session.store, lesson.readings, adjudication=lesson.adjudication)
    assert case.final_diagnosis is not None
    assert case.final_diagnosis.answer("dx") == "no"
    assert case.decided_counts is not None
    np.testing.assert_array_equal(case.decided_counts.sum(axis=1), case.votes.counts)
    again = relearn(session.store, session.registry, before.fit_id, no_progress, actor="system")
    assert again == before
    other = session.cases()[1].case_id
    by_both = [session.fuse(other, "largest", fit=fit) for fit in (before, after)]
    assert by_both[0] != by_both[1]
    assert current_fusions(session.store, other) == (by_both[1],)


def test_every_recipe_is_run_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    for case in session.cases():
        for method in ("majority", "shares", "largest"):
            session.fuse(case.case_id, method)
    assert session.replay() == Replay(n_same=7, different=(), not_done=())
    monkeypatch.setattr(Largest, "version", "2")
    changed = session.replay()
    assert (changed.n_same, len(changed.not_done)) == (4, 3)
    monkeypatch.undo()
    monkeypatch.setattr(Largest, "learn", lambda *_: Learned(content=b"{}"))
    assert len(session.replay().different) == 1


class Decided:
    """Fuses to label 1 everywhere it is drawn, where the case was signed off, else to nothing."""

    name = "decided"
    title = "Decided"
    version = "1"
    parameters: type[BaseModel] = NoParameters

    def learn(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        return Learned(content=b"{}")

    def fuse_learned(
        self, case: CaseVotes, learned: bytes, parameters: BaseModel, progress: Progress
    ) -> FusedPatterns:
        is_drawn = (case.votes.patterns != 0).any(axis=1)
        chosen = (is_drawn & (case.final_diagnosis is not None)).astype(np.uint16)
        return FusedPatterns(
            probability=(chosen[:, None] == np.asarray(case.votes.labels)).astype(np.float64),
            chosen=chosen,
            undecided=np.zeros(len(chosen), np.bool_),
            performance=performance(case),
        )


def test_a_fusion_knows_what_was_signed_off_when_it_was_learned_for(session: Session) -> None:
    session.registry.register(Plugin(name="more", fusion_methods=(Decided,)))
    case_id = first(session)
    before = session.fuse(case_id, "decided")
    sign_off(session, case_id)
    after = session.fuse(case_id, "decided")
    assert not session.store.fusion_labels(before.fusion_id).slabs
    assert session.store.fusion_labels(after.fusion_id).slabs
    assert session.replay().different == ()


def test_a_method_that_learns_something_else_is_caught(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = session.learn("largest")
    assert fit
    monkeypatch.setattr(Largest, "learn", lambda *_: Learned(content=b"{}"))
    with pytest.raises(IntegrityError, match="learned something else"):
        relearn(session.store, session.registry, fit.fit_id, no_progress, actor="system")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"probability": np.zeros((2, 1, 1, 1), np.float32)}, "shape"),
        ({"weights": np.zeros((3, 1, 1, 1), np.float32)}, "weights of shape"),
        ({"box": ((0, 0, 0), (9, 9, 9))}, "shape"),
        ({"probability": np.full((2, *SHAPE), np.nan, np.float32)}, "not finite"),
        ({"probability": np.full((2, *SHAPE), 0.9, np.float32)}, "sum to 1.8 … 1.8 over labels"),
        ({"probability": np.zeros((2, *SHAPE), np.float32)}, "sum to 0 … 0 over labels"),
    ],
)
def test_wrong_voxels_are_refused(session: Session, change: dict[str, Any], words: str) -> None:
    readings = Readings.load(session.store, first(session))
    case = case_votes(session.store, readings)
    given: dict[str, Any] = {
        "box": ((0, 0, 0), SHAPE),
        "probability": np.full((2, *SHAPE), 0.5, np.float32),
        "performance": performance(case),
    }
    with pytest.raises(AnnotatorError, match=words):
        keep_voxels(FusedVoxels(**(given | change)), case.votes, readings.votes.grid, "Test")

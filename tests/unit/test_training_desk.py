"""Trainings that are watched, stopped, left and taken up again."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict

from annotator.analysis.runs import encode
from annotator.api import CaseVotes, Learned, Plugin, Prediction, no_progress
from annotator.domain.errors import AnnotatorError, CancelledError, UnknownNameError
from annotator.domain.reading import Diagnosis
from annotator.jobs import training_desk
from annotator.jobs.handlers import train as train_job
from annotator.jobs.learning import relearn, told
from annotator.jobs.lessons import LessonCases, adjudicated_lessons, lessons_of
from annotator.jobs.readings import Readings
from annotator.jobs.training import train_model
from annotator.session.session import Session
from annotator.store import Store
from tests.small_disk import small_disk
from tests.unit.project_builder import SCHEMA, SHAPE, add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import Progress, TrainingDesk
    from annotator.registry import Registry

pytestmark = pytest.mark.unit

BOX = ((1, 2, 2), (3, 8, 8))
SLICE = np.zeros((4, 4), np.uint16)


class CountingParameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rounds: int = 4
    stop_after: int | None = None


class Counting:
    """Learns a running number, round by round; the same with breaks as without."""

    name = "counting"
    title = "Counting"
    version = "1"
    parameters: type[BaseModel] = CountingParameters
    takes_trust = False
    needs_target = False
    draws = True
    rounds_done = 0
    n_bytes_kept = 1

    def train(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        return self._train(cases, parameters, progress, None)

    def train_at(
        self,
        cases: Sequence[CaseVotes],
        parameters: BaseModel,
        progress: Progress,
        desk: TrainingDesk,
    ) -> Learned:
        return self._train(cases, parameters, progress, desk)

    def _train(
        self,
        cases: Sequence[CaseVotes],
        parameters: BaseModel,
        progress: Progress,
        desk: TrainingDesk | None,
    ) -> Learned:
        settings = CountingParameters.model_validate(parameters.model_dump())
        kept = desk.kept() if desk else None
        done = len(kept) // self.n_bytes_kept if kept else 0
        stopped = settings.stop_after
        while done < (settings.stop_after or settings.rounds):
            progress(done / settings.rounds, f"round {done + 1}")
            if desk and done and desk.should_stop():
                stopped = done
                break
            done += 1
            type(self).rounds_done += 1
            if desk:
                desk.log(done - 1, {"loss": 1.0 / done})
                desk.show_example("Case", SLICE.astype(np.float32), SLICE, SLICE + np.uint16(done))
                desk.keep(os.urandom(self.n_bytes_kept) * done)
        return Learned(content=f"{len(cases)} {done}".encode(), stopped_after=stopped)

    def predict(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        *,
        trust: Mapping[str, float] | None,
        progress: Progress,
    ) -> Prediction:
        return Prediction()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Three cases; the first read by two, the second by one, the third by nobody."""
    with make_session(tmp_path) as session:
        fill(session)
        Counting.rounds_done = 0
        yield session


def fill(session: Session) -> None:
    store, registry = session.store, session.registry
    registry.register(Plugin(name="test", trainers=(Counting,)))
    ann, bob = (store.add_rater(name, actor="system").rater_id for name in ("Ann", "Bob"))
    for number, readers in ((1, (ann, bob)), (2, (ann,)), (3, ())):
        case = add_case(session, number)
        for reader in readers:
            store.add_annotation(
                case.case_id, reader, encode(block(BOX)), Diagnosis(), actor="system"
            )


def train(store: Store, registry: Registry, progress: Progress = no_progress, **more: int) -> str:
    given = {"trainer": "counting", "target": "readings", "parameters": more}
    return str(train_job(store, registry, given, progress)["fit"])


def leave_in_round(number: int) -> Progress:
    def report(fraction: float, message: str) -> None:
        if message == f"round {number}":
            raise CancelledError("left")

    return report


def test_what_is_shown_is_kept(session: Session) -> None:
    fit_id = train(session.store, session.registry)
    (entry,) = session.trainings()
    assert (entry.state, entry.fit_id, entry.n_cases) == ("done", fit_id, 2)
    view = session.training(entry.training_id)
    assert view.curves == {"loss": ((0, 1.0), (1, 0.5), (2, 1 / 3), (3, 0.25))}
    (example,) = view.examples
    assert (example.title, int(example.drawn[0, 0])) == ("Case", 4)
    assert example.image.dtype == np.float32
    assert not session.store.training(entry.training_id).has_checkpoint
    assert session.store.verify() == ()
    with pytest.raises(UnknownNameError, match="training"):
        session.stop_training("nothing")


def test_a_training_that_was_left_goes_on(session: Session) -> None:
    with pytest.raises(CancelledError):
        train(session.store, session.registry, leave_in_round(3))
    (entry,) = session.trainings()
    assert (entry.state, entry.can_go_on) == ("left", True)
    fit_id = train(session.store, session.registry)
    assert Counting.rounds_done == 4
    (entry,) = session.trainings()
    assert (entry.state, entry.fit_id) == ("done", fit_id)
    assert len(session.training(entry.training_id).curves["loss"]) == 4
    assert relearn(session.store, session.registry, fit_id, no_progress, actor="me").fit_id


def test_stopping_keeps_the_best_under_a_recipe_that_gives_it_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_desk, "ASK_EVERY_S", 0.0)

    def stop(fraction: float, message: str) -> None:
        if message == "round 3":
            session.stop_training(session.trainings()[0].training_id)

    fit_id = train(session.store, session.registry, stop)
    (entry,) = session.trainings()
    assert (entry.state, entry.fit_id) == ("stopped", fit_id)
    fit = session.store.fit(fit_id)
    assert dict(fit.recipe.parameters)["stop_after"] == "2"
    assert session.store.fit_content(fit_id) == b"2 2"
    relearn(session.store, session.registry, fit_id, no_progress, actor="me")
    whole = train(session.store, session.registry)
    assert session.store.fit_content(whole) == b"2 4"
    assert [one.state for one in session.trainings()] == ["done"]


def test_targets_choose_the_cases(session: Session) -> None:
    store, registry = session.store, session.registry

    def n_cases(target: str | None) -> bytes:
        fit = train_model(
            store, registry, "counting", {}, no_progress, target=target, actor="system"
        )
        relearn(store, registry, fit.fit_id, no_progress, actor="me")
        return store.fit_content(fit.fit_id)

    assert (n_cases(None), n_cases("readings"), n_cases("majority")) == (b"1 4", b"2 4", b"1 4")
    with pytest.raises(AnnotatorError, match="none was signed off"):
        n_cases("adjudicated")
    with pytest.raises(UnknownNameError, match="majority"):
        n_cases("majorty")
    sign_off(session)
    assert n_cases("adjudicated") == b"1 4"


def sign_off(session: Session) -> None:
    """Sign off the first case with a label that nobody drew."""
    store = session.store
    case = session.cases()[0]
    fusion = session.fuse(case.case_id, "majority")
    decided = block(BOX)
    decided[0, 0, 0] = 2
    store.sign_off(
        case.case_id,
        reviewer_id=store.rater("Ann").rater_id,
        fusion_id=fusion.fusion_id,
        findings_key=Readings.load(store, case.case_id).findings_key,
        verdicts=(),
        diagnosis=Diagnosis(),
        mask=encode(decided),
        origin=encode(np.zeros(SHAPE, np.uint8)),
        actor="system",
    )


def test_what_was_signed_off_is_aimed_at(session: Session) -> None:
    sign_off(session)
    (case,) = LessonCases(session.store, adjudicated_lessons(session.store))
    assert case.target_labels == (0, 1, 2)
    assert case.target is not None
    target = case.target()
    np.testing.assert_array_equal(target[1], block(BOX))
    assert target[2].sum() == target[2, 0, 0, 0] == 1
    np.testing.assert_array_equal(target.sum(axis=0), np.ones(SHAPE))


def test_a_full_disk_is_told_and_the_training_goes_on_with_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1200) as remount:
        Counting.n_bytes_kept = 300_000
        Counting.rounds_done = 0
        try:
            store = Store.create(tmp_path / "disk" / "project", title="Full", schema=SCHEMA, seed=1)
            with Session(store) as session:
                fill(session)
                with pytest.raises(AnnotatorError, match="full"):
                    train(store, session.registry)
                (entry,) = session.trainings()
                assert entry.state == "left"
                assert store.verify() == ()
                remount("size=20000k")
                n_before = Counting.rounds_done
                fit_id = train(store, session.registry)
                assert store.fit_content(fit_id) == b"2 4"
                assert Counting.rounds_done < n_before + 4 or not entry.can_go_on
                assert store.verify() == ()
        finally:
            Counting.n_bytes_kept = 1


def test_a_killed_worker_takes_nothing_with_it(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow for a reason: a process of its own that loads PyTorch."""
    torch = pytest.importorskip("torch", reason="networks need PyTorch")
    from annotator_recipes.unet import UNetTrainer

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    quick = {"epochs": 40, "steps": 1, "width": 4, "levels": 2, "batch": 1, "held_out": 0.0}
    job = session.start_training("unet", parameters=quick, target="readings")
    deadline_s = time.monotonic() + 60
    while not (session.trainings() and session.store.checkpoint(training_id(session))):
        assert time.monotonic() < deadline_s, session.store.job(job.job_id)
        time.sleep(0.05)
    os.kill(worker_of(session, job.job_id), signal.SIGKILL)
    assert "SIGKILL" in session.jobs.wait(job.job_id).error
    (entry,) = session.trainings()
    assert (entry.state, entry.can_go_on) == ("left", True)
    store = session.store
    fit = train_model(
        store, session.registry, "unet", quick, no_progress, target="readings", actor="system"
    )
    cases = LessonCases(store, lessons_of(store, include_models=False, least_readings=1))
    settings = UNetTrainer.parameters.model_validate(quick)
    unbroken = UNetTrainer().train(cases, settings, no_progress)
    assert store.fit_content(fit.fit_id) == unbroken.content
    assert any("draws Lesion." in sentence for sentence in told(store, fit))
    assert store.verify() == ()


def training_id(session: Session) -> str:
    return session.trainings()[0].training_id


def worker_of(session: Session, job_id: int) -> int:
    from sqlalchemy import select

    from annotator.store.tables import jobs

    with session.store._database.read() as connection:
        query = select(jobs.c.pid).where(jobs.c.job_id == job_id)
        return int(connection.execute(query).scalar_one())

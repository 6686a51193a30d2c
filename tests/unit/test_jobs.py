"""Jobs are claimed, done and cancelled, and their rows tell what came of them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from annotator.api import (
    Plugin,
)
from annotator.jobs import heart, worker
from annotator.jobs.handlers import HANDLERS
from annotator.jobs.run import run_job, work_off
from annotator.registry import Registry
from annotator.session.session import Session
from annotator.store import Store
from tests.unit.job_case import TextReader, files_in, submit
from tests.unit.project_builder import make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.api import Progress
    from annotator.domain.job import Job

pytestmark = pytest.mark.unit


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        yield opened


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.register(Plugin(name="test", readers=(TextReader,)))
    return registry


def test_a_job_writes_its_result_into_its_row(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    source = files_in(tmp_path / "s", a__num="1", b__num="x")
    job_id = submit(session, "import", paths=[str(source)])
    job = run_job(session.store.location, job_id, registry)
    result = json.loads(job.result)
    assert (job.state, job.progress, job.error) == ("done", 1.0, "")
    assert [(case["title"], case["is_new"]) for case in result["cases"]] == [("a", True)]
    assert result["skipped"][0]["reason"] == "'x' is not a number"
    assert run_job(session.store.location, job_id, registry) == job


def test_a_job_that_fails_says_why(session: Session, registry: Registry) -> None:
    def ended(job_id: int) -> tuple[str, str]:
        job = run_job(session.store.location, job_id, registry)
        return job.state, job.error

    missing = submit(session, "import", paths=["/nowhere"])
    assert ended(missing) == ("failed", "there is no file or directory '/nowhere'")
    state, error = ended(submit(session, "improt"))
    assert state == "failed"
    assert "did you mean 'import'" in error
    state, error = ended(submit(session, "import"))
    assert (state, "KeyError" in error) == ("failed", True)


def test_a_long_import_stops_when_asked(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    source = files_in(tmp_path / "s", **{f"n{number}__num": str(number) for number in range(5000)})
    job_id = submit(session, "import", paths=[str(source)])
    ended: list[Job] = []
    thread = threading.Thread(
        target=lambda: ended.append(run_job(session.store.location, job_id, registry))
    )
    thread.start()
    while not session.cases():
        time.sleep(0.01)
    asked_s = time.monotonic()
    session.store.request_cancel(job_id, actor="system")
    thread.join()
    assert (ended[0].state, ended[0].error) == ("cancelled", "cancelled on request")
    assert time.monotonic() - asked_s < 60
    assert 0 < len(session.cases()) < 5000
    assert session.store.verify() == ()


def test_the_last_word_before_a_long_silence_is_told(
    session: Session, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(store: Store, _r: Registry, told: dict[str, object], progress: Progress) -> Any:  # noqa: ANN401
        progress(0.1, "looking")
        progress(0.2, "reading")
        progress(0.3, "training")
        for _ in range(400):
            seen = store.job(int(str(told["job"])))
            if seen.message == "training":
                break
            time.sleep(0.01)
        progress(0.9, "saving")
        return {"seen": [seen.progress, seen.message]}

    monkeypatch.setitem(HANDLERS, "predict", work)
    ended = run_job(session.store.location, submit(session, "predict"), registry)
    assert json.loads(ended.result)["seen"] == [0.3, "training"]
    assert ended.message == "saving"


def test_the_queue_is_worked_off_in_order(session: Session) -> None:
    first = submit(session, "import", paths=["/nowhere/1"])
    second = submit(session, "import", paths=["/nowhere/2"])
    assert work_off(session.store.location) == 2
    assert [session.store.job(job_id).state for job_id in (first, second)] == ["failed"] * 2
    assert worker.main([session.store.location]) == 0
    assert worker.main([session.store.location, "--job", str(first)]) == 1


def test_the_worker_tells_of_a_project_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert worker.main([str(tmp_path / "none")]) == 1
    assert "Traceback" not in capsys.readouterr().err


def _claim_by_a_dead_process(session: Session, kind: str) -> int:
    job_id = submit(session, kind)
    program = (
        "import sys; from annotator.store import Store; "
        "Store.open(sys.argv[1]).claim_job(int(sys.argv[2]))"
    )
    subprocess.run([sys.executable, "-c", program, session.store.location, str(job_id)], check=True)
    assert session.store.job(job_id).state == "running"
    return job_id


@pytest.mark.parametrize("way", ["worker", "window"])
def test_a_job_whose_worker_died_fails_when_the_next_one_starts(session: Session, way: str) -> None:
    job_id = _claim_by_a_dead_process(session, "findings")
    if way == "worker":
        work_off(session.store.location)
    else:
        with Session.open(session.store.location):
            pass
    job = session.store.job(job_id)
    assert (job.state, "stopped without a word" in job.error) == ("failed", True)
    assert session.store.verify() == ()


def test_a_silent_job_gives_signs_of_life(
    session: Session, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[int] = []
    beat = Store.beat_job
    seen = threading.Event()

    def note(store: Store, job_id: int) -> bool:
        beats.append(job_id)
        seen.set()
        return beat(store, job_id)

    monkeypatch.setattr(Store, "beat_job", note)
    monkeypatch.setattr(heart, "BEAT_EVERY_S", 0.01)
    monkeypatch.setitem(HANDLERS, "silent", lambda *_: {"heard": seen.wait(60)})
    job_id = submit(session, "silent")
    assert run_job(session.store.location, job_id, registry).result == '{"heard":true}'
    assert set(beats) == {job_id}


_SILENT = """
import sys, time
from annotator.jobs import heart, worker
from annotator.jobs.handlers import HANDLERS
heart.BEAT_EVERY_S = heart.GRACE_S = 0.05
HANDLERS["silent"] = lambda *_: time.sleep(600)
sys.exit(worker.main([sys.argv[1], "--job", sys.argv[2]]))
"""


def test_a_worker_that_nobody_watches_heeds_a_cancel_between_reports(session: Session) -> None:
    job_id = submit(session, "silent")
    with subprocess.Popen([sys.executable, "-c", _SILENT, session.store.location, str(job_id)]) as (
        process
    ):
        while session.store.job(job_id).state == "queued":
            time.sleep(0.01)
        session.store.request_cancel(job_id, actor="system")
        assert process.wait(60) == 1
    job = session.store.job(job_id)
    assert (job.state, job.error) == ("cancelled", "cancelled on request")

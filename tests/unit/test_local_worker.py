"""Jobs in processes of their own: their end is told whatever becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from annotator.domain.errors import CancelledError
from annotator.jobs.local import LocalWorker
from annotator.jobs.run import work_off
from tests.unit.job_case import submit
from tests.unit.project_builder import make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.session.session import Session

pytestmark = pytest.mark.unit


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        yield opened


@pytest.fixture
def jobs(session: Session) -> Iterator[LocalWorker]:
    jobs = LocalWorker(session.store)
    yield jobs
    jobs.close()


def test_a_job_runs_in_another_process(jobs: LocalWorker) -> None:
    job = jobs.submit("import", {"paths": ["/nowhere"]})
    seen: list[float] = []
    ended = jobs.wait(job.job_id, progress=lambda fraction, _: seen.append(fraction))
    assert (ended.state, ended.error) == ("failed", "there is no file or directory '/nowhere'")
    assert seen


def test_the_queue_goes_on_after_a_job_that_does_not_heed_a_cancel(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit(session, "import", paths=["/nowhere"])
    started = _stand_in(monkeypatch, _SLEEPER, session)
    thread = threading.Thread(target=work_off, args=(session.store.location,))
    thread.start()
    while not started:
        time.sleep(0.01)
    session.store.request_cancel(job_id, actor="system")
    thread.join(60)
    assert session.store.job(job_id).state == "cancelled"


_SLEEPER = "import sys, time; sys.stdin.readline(); time.sleep(600)"


def _stand_in(monkeypatch: pytest.MonkeyPatch, program: str, session: Session) -> list[int]:
    """Let the runner start another program, which claims the job first as a worker would."""
    started: list[int] = []
    popen = subprocess.Popen

    def start(command: list[str], **options: Any) -> object:  # noqa: ANN401
        session.store.claim_job(int(command[-1]))
        process = popen([command[0], "-c", program], **options)
        started.append(process.pid)
        return process

    monkeypatch.setattr("annotator.jobs.local.subprocess.Popen", start)
    return started


def test_a_killed_worker_leaves_its_job_failed_in_words(
    session: Session, jobs: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = _stand_in(monkeypatch, _SLEEPER, session)
    job = jobs.submit("import", {"paths": ["/nowhere"]})
    while not started:
        time.sleep(0.01)
    os.kill(started[0], signal.SIGKILL)
    ended = jobs.wait(job.job_id, timeout_s=60)
    assert ended.state == "failed"
    assert "the worker process was killed by SIGKILL" in ended.error


@pytest.mark.skipif(sys.platform == "win32", reason="niceness is not known there")
@pytest.mark.parametrize("gives_way", [False, True])
def test_a_windows_jobs_leave_it_the_processor(
    session: Session, jobs: LocalWorker, monkeypatch: pytest.MonkeyPatch, *, gives_way: bool
) -> None:
    """In the window's own session: of other sessions Linux compares no niceness."""
    told = "; ".join(
        [
            "import os, sys",
            "sys.stdin.readline()",
            "own = os.getpgid(0) == os.getpid()",
            "sys.exit(f'{os.nice(0)} {os.getsid(0)} {own}')",
        ]
    )
    _stand_in(monkeypatch, told, session)
    jobs.gives_way = gives_way
    ended = jobs.wait(jobs.submit("import", {"paths": []}).job_id, timeout_s=60)
    niceness = 19 if gives_way else os.nice(0)
    assert ended.error.endswith(f": {niceness} {os.getsid(0)} True")


def test_a_crashed_worker_leaves_its_last_words(
    session: Session, jobs: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(monkeypatch, "raise SystemExit('no CUDA device')", session)
    ended = jobs.wait(jobs.submit("predict", {"model": "x"}).job_id, timeout_s=60)
    assert ended.state == "failed"
    assert ended.error.endswith("ended with code 1 before the job was done: no CUDA device")


def test_a_worker_that_does_not_listen_is_ended(
    session: Session, jobs: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = _stand_in(monkeypatch, _SLEEPER, session)
    job = jobs.submit("import", {"paths": ["/nowhere"]})
    while not started:
        time.sleep(0.01)
    jobs.cancel(job.job_id)
    assert jobs.wait(job.job_id, timeout_s=60).state == "cancelled"


def test_giving_up_the_wait_cancels_the_job(
    session: Session, jobs: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(monkeypatch, _SLEEPER, session)
    job = jobs.submit("import", {"paths": ["/nowhere"]})

    def give_up(fraction: float, message: str) -> None:
        raise CancelledError("enough")

    with pytest.raises(CancelledError):
        jobs.wait(job.job_id, progress=give_up)
    assert jobs.wait(job.job_id, timeout_s=60).state == "cancelled"


def test_a_job_that_another_worker_took_is_left_to_it(session: Session, jobs: LocalWorker) -> None:
    with jobs._changed:  # hold the runner until the job has been taken
        job = jobs.submit("import", {"paths": ["/nowhere"]})
        session.store.claim_job(job.job_id)
    jobs.submit("import", {"paths": ["/nowhere"]})
    last = jobs.submit("import", {"paths": ["/nowhere"]})
    jobs.wait(last.job_id, timeout_s=60)
    assert jobs.job(job.job_id).state == "running"


def test_closing_cancels_what_waits(
    session: Session, jobs: LocalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(monkeypatch, _SLEEPER, session)
    ids = [jobs.submit("import", {"paths": ["/nowhere"]}).job_id for _ in range(2)]
    jobs.close()
    assert [jobs.job(job_id).state for job_id in ids] == ["cancelled", "cancelled"]

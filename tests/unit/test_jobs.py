from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from annotator import registry as registry_module
from annotator.api import (
    FoundSeries,
    Plugin,
    ReadSeries,
    ScanResult,
    Skipped,
    no_progress,
    series_id,
)
from annotator.domain.errors import AnnotatorError, CancelledError, UnreadableError
from annotator.domain.geometry import Geometry
from annotator.domain.study import Series
from annotator.jobs import heart, worker
from annotator.jobs.handlers import HANDLERS
from annotator.jobs.importing import A_TRACING, NOT_AN_IMAGE, import_paths, list_files
from annotator.jobs.local import LocalWorker
from annotator.jobs.run import run_job, work_off
from annotator.registry import Registry
from annotator.session.session import Session
from annotator.store import Store
from tests.unit.project_builder import make_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from annotator.api import Progress
    from annotator.domain.job import Job

pytestmark = pytest.mark.unit


class TextReader:
    """Reads ``.num`` files: one slice with the number in the file as its value."""

    name = "numbers"

    def scan(self, paths: Sequence[Path], progress: Progress) -> ScanResult:
        found, skipped = [], []
        for path in paths:
            if path.suffix != ".num":
                continue
            if not path.stat().st_size:
                skipped.append(Skipped(path=str(path), reason="the file is empty"))
                continue
            found.append(self._found(path))
        return ScanResult(found=tuple(found), skipped=tuple(skipped))

    def _found(self, path: Path) -> FoundSeries:
        def read(progress: Progress) -> ReadSeries:
            text = path.read_text()
            if not text.isdigit():
                raise UnreadableError(f"{text!r} is not a number")
            if text == "666":
                raise RuntimeError("a bug")
            voxels = np.full((1, 4, 4), int(text), np.int16)
            geometry = Geometry(shape=(1, 4, 4))
            return ReadSeries(
                series=Series(
                    series_id=series_id(geometry, voxels),
                    kind="picture",
                    modality="OT",
                    description="",
                    geometry=geometry,
                    dtype="int16",
                ),
                voxels=voxels,
            )

        return FoundSeries(
            title=path.stem,
            paths=(str(path),),
            read=read,
            first_slice=lambda: np.zeros((4, 4), np.int16),
        )


class BrokenReader:
    name = "broken"

    def scan(self, paths: Sequence[Path], progress: Progress) -> ScanResult:
        raise ZeroDivisionError("oops")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        yield opened


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.register(Plugin(name="test", readers=(TextReader,)))
    return registry


def _files(directory: Path, **contents: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (directory / name.replace("__", ".")).write_text(text)
    return directory


def _submit(session: Session, kind: str, **parameters: object) -> int:
    return session.store.add_job(kind, parameters, actor="system").job_id


def test_a_mixed_directory_is_imported_and_says_what_it_left_out(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    source = _files(
        tmp_path / "mixed",
        a__num="1",
        b__num="x",
        c__num="",
        d__num="666",
        e__txt="hello",
        f__num="2",
        g__swc="1 1 0 0 0 1 -1",
    )
    _files(source / "deep", g__num="3")
    _files(source / ".hidden", h__num="4")
    report = import_paths(session.store, registry, [source], no_progress, actor="system")
    assert [case.title for case in report.cases] == ["a", "f", "g"]
    reasons = {Path(entry.path).name: entry.reason for entry in report.skipped}
    assert reasons == {
        "b.num": "'x' is not a number",
        "c.num": "the file is empty",
        "d.num": "RuntimeError: a bug",
        "e.txt": NOT_AN_IMAGE,
        "g.swc": A_TRACING,
    }
    assert session.store.verify() == ()


def test_what_is_no_regular_file_is_left_out_and_never_opened(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    source = _files(tmp_path / "s", a__num="1")
    os.mkfifo(source / "pipe.num")
    (source / "zero.num").symlink_to("/dev/zero")
    (source / "lost.num").symlink_to(source / "nowhere")
    (source / "link.num").symlink_to(source / "a.num")
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(source / "s.num"))
        files, skipped = list_files([source, source / "pipe.num"])
    assert [path.name for path in files] == ["a.num", "link.num"]
    assert {(Path(entry.path).name, entry.reason) for entry in skipped} == {
        ("pipe.num", "a named pipe, not a file"),
        ("s.num", "a socket, not a file"),
        ("zero.num", "a device, not a file"),
        ("lost.num", "a link that leads nowhere: no such file or directory"),
    }
    report = import_paths(
        session.store, registry, [source / "pipe.num"], no_progress, actor="system"
    )
    assert (report.cases, len(report.skipped)) == ((), 1)


def test_the_same_image_twice_is_one_case_and_told(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    source = _files(tmp_path / "s", a__num="1", b__num="1", c__num="2")
    for _ in range(2):
        report = import_paths(session.store, registry, [source], no_progress, actor="system")
        assert [case.title for case in report.cases] == ["a", "c"]
        (skipped,) = report.skipped
        assert Path(skipped.path).name == "b.num"
        assert skipped.reason == f"the same image as {source / 'a.num'}, the case 'a'"


def test_importing_again_makes_no_second_case(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    source = _files(tmp_path / "s", a__num="1")
    first = import_paths(session.store, registry, [source], no_progress, actor="system")
    again = import_paths(session.store, registry, [source / "a.num"], no_progress, actor="system")
    assert again.cases == first.cases
    assert (len(first.new_case_ids), len(again.new_case_ids)) == (1, 0)


def test_a_path_that_is_not_there_is_named(session: Session, registry: Registry) -> None:
    with pytest.raises(AnnotatorError, match=r"no file or directory '/nowhere/x\.dcm'"):
        import_paths(session.store, registry, ["/nowhere/x.dcm"], no_progress, actor="system")
    with pytest.raises(AnnotatorError, match="nothing to import"):
        import_paths(session.store, registry, [], no_progress, actor="system")


def test_a_reader_that_breaks_does_not_stop_the_others(session: Session, tmp_path: Path) -> None:
    registry = Registry()
    registry.register(Plugin(name="test", readers=(BrokenReader, TextReader)))
    source = _files(tmp_path / "s", a__num="1", b__txt="")
    report = import_paths(session.store, registry, [source], no_progress, actor="system")
    assert [case.title for case in report.cases] == ["a"]
    (skipped,) = report.skipped
    assert "the reader 'broken' failed: ZeroDivisionError: oops" in skipped.reason


class HalfReader:
    name = "half"


def test_a_reader_that_could_not_be_loaded_is_named(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only readers are told of: other things that a plugin brings would not have read the file."""

    class Entry(NamedTuple):
        name: str
        value: str = "somewhere"

        def load(self) -> Plugin:
            raise ImportError("no module named 'pydicom'")

    monkeypatch.setattr(registry_module, "entry_points", lambda **_: [Entry("dicom-plus")])
    registry = Registry.load()
    registry.register(Plugin(name="two", readers=(HalfReader,), mask_writers=(HalfReader,)))  # type: ignore[arg-type]
    source = _files(tmp_path / "s", b__dcm="")
    report = import_paths(session.store, registry, [source], no_progress, actor="system")
    (skipped,) = report.skipped
    assert skipped.reason == (
        f"{NOT_AN_IMAGE}; the plugin 'dicom-plus' could not be asked: ImportError: no module "
        "named 'pydicom'; the plugin 'two: reader 1' could not be asked: HalfReader lacks scan"
    )


def test_a_project_that_cannot_be_written_stops_the_import_in_words(
    session: Session, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session.store, "add_series", full)
    source = _files(tmp_path / "s", a__num="1")
    with pytest.raises(AnnotatorError, match=r"cannot keep a in the project .*no space left"):
        import_paths(session.store, registry, [source], no_progress, actor="system")


def test_a_job_writes_its_result_into_its_row(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    source = _files(tmp_path / "s", a__num="1", b__num="x")
    job_id = _submit(session, "import", paths=[str(source)])
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

    missing = _submit(session, "import", paths=["/nowhere"])
    assert ended(missing) == ("failed", "there is no file or directory '/nowhere'")
    state, error = ended(_submit(session, "improt"))
    assert state == "failed"
    assert "did you mean 'import'" in error
    state, error = ended(_submit(session, "import"))
    assert (state, "KeyError" in error) == ("failed", True)


def test_a_long_import_stops_when_asked(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    source = _files(tmp_path / "s", **{f"n{number}__num": str(number) for number in range(5000)})
    job_id = _submit(session, "import", paths=[str(source)])
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
    ended = run_job(session.store.location, _submit(session, "predict"), registry)
    assert json.loads(ended.result)["seen"] == [0.3, "training"]
    assert ended.message == "saving"


def test_the_queue_is_worked_off_in_order(session: Session) -> None:
    first = _submit(session, "import", paths=["/nowhere/1"])
    second = _submit(session, "import", paths=["/nowhere/2"])
    assert work_off(session.store.location) == 2
    assert [session.store.job(job_id).state for job_id in (first, second)] == ["failed"] * 2
    assert worker.main([session.store.location]) == 0
    assert worker.main([session.store.location, "--job", str(first)]) == 1


def test_the_worker_tells_of_a_project_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert worker.main([str(tmp_path / "none")]) == 1
    assert "Traceback" not in capsys.readouterr().err


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


def _claim_by_a_dead_process(session: Session, kind: str) -> int:
    job_id = _submit(session, kind)
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
    job_id = _submit(session, "silent")
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
    job_id = _submit(session, "silent")
    with subprocess.Popen([sys.executable, "-c", _SILENT, session.store.location, str(job_id)]) as (
        process
    ):
        while session.store.job(job_id).state == "queued":
            time.sleep(0.01)
        session.store.request_cancel(job_id, actor="system")
        assert process.wait(60) == 1
    job = session.store.job(job_id)
    assert (job.state, job.error) == ("cancelled", "cancelled on request")


def test_the_queue_goes_on_after_a_job_that_does_not_heed_a_cancel(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = _submit(session, "import", paths=["/nowhere"])
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

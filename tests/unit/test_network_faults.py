"""Whatever happens to a worker that reads: no half of a reading, words for it, and a second run."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from annotator.cli import main
from annotator.domain.errors import AnnotatorError
from annotator.jobs.network_reading import NetworkReader, network_settings
from annotator.jobs.supplying import see, supply
from annotator.registry import Registry
from annotator.session.session import Session
from annotator.store import Store
from tests.fake_networks import PLUGIN, TROUBLE, installed, write_network
from tests.small_disk import small_disk
from tests.unit.project_builder import SCHEMA, add_case, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """Return a project with a case and a network, whose workers know its format."""
    place = installed(tmp_path / "site")
    monkeypatch.syspath_prepend(str(place))
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place), str(ROOT), before]))
    with make_session(tmp_path) as opened:
        add_case(opened, 1)
        _bring(opened.store, tmp_path)
        yield opened


def _bring(store: Store, directory: Path) -> Registry:
    registry = Registry()
    registry.register(PLUGIN)
    path = write_network(directory / "bright.fake")
    supply(store, see(registry, path), licence_accepted_by="Anna", actor="system")
    return registry


def _suffer(monkeypatch: pytest.MonkeyPatch, **trouble: object) -> None:
    monkeypatch.setenv(TROUBLE, json.dumps(trouble))


def _submit(session: Session) -> int:
    return session.jobs.submit("predict", {"network": "Bright"}).job_id


def _submit_slow(session: Session, monkeypatch: pytest.MonkeyPatch, sleep_s: float) -> int:
    """Return the job of a worker that has begun a window."""
    mark = Path(session.store.location) / "mark"
    _suffer(monkeypatch, sleep_s=sleep_s, mark=str(mark))
    job_id = _submit(session)
    while not mark.exists():
        assert session.store.job(job_id).state in {"queued", "running"}
        time.sleep(0.01)
    return job_id


def _is_as_before_and_can_be_read(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = session.cases()
    assert session.store.annotations(case.case_id, latest=False) == ()
    assert session.store.verify() == ()
    monkeypatch.setenv(TROUBLE, "{}")
    made = session.predict_by_network("Bright")
    (annotation,) = session.store.annotations(case.case_id, latest=False)
    assert [entry["annotation"] for entry in made["annotations"]] == [annotation.annotation_id]
    assert len(session.store.prediction_maps(annotation.annotation_id)) == 2
    assert session.store.verify() == ()


def test_a_worker_that_is_killed_while_it_reads(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    _suffer(monkeypatch, killed_after=2)
    job = session.jobs.wait(_submit(session))
    assert (job.state, "was killed by SIGKILL" in job.error) == ("failed", True)
    _is_as_before_and_can_be_read(session, monkeypatch)


def test_a_worker_that_is_killed_from_outside(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = _submit_slow(session, monkeypatch, 0.5)
    with session.store._database.read() as connection:
        pid = connection.exec_driver_sql(f"select pid from jobs where job_id = {job_id}").scalar()
    assert pid is not None
    os.kill(int(pid), signal.SIGKILL)
    job = session.jobs.wait(job_id)
    assert (job.state, "was killed by SIGKILL" in job.error) == ("failed", True)
    _is_as_before_and_can_be_read(session, monkeypatch)


@pytest.mark.parametrize("sleep_s", [0.5, 600])
def test_a_reading_that_is_cancelled_at_a_window_or_within_one(
    session: Session, monkeypatch: pytest.MonkeyPatch, sleep_s: float
) -> None:
    job_id = _submit_slow(session, monkeypatch, sleep_s)
    session.jobs.cancel(job_id)
    job = session.jobs.wait(job_id)
    assert (job.state, job.error) == ("cancelled", "cancelled on request")
    _is_as_before_and_can_be_read(session, monkeypatch)


def test_what_was_got_round_is_in_the_result(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    _suffer(monkeypatch, devices=["cpu", "cuda"], lost_after=2)
    made = session.predict_by_network("Bright")
    assert made["notes"] == [
        "Fake card was lost (it fell off the bus): the processor went on instead"
    ]
    assert made["annotations"][0]["device"] == "CPU"


def test_a_disk_that_is_full_when_the_reading_is_kept(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 3_000):
        location = tmp_path / "disk" / "project"
        with Store.create(location, title="Full", schema=SCHEMA, seed=1) as store:
            case = add_case(Session(store), 1, (30, 40, 40))
            registry = _bring(store, tmp_path)
            reader = NetworkReader(
                store, registry, ["Bright"], network_settings({}), lambda *_: None
            )
            filler = tmp_path / "disk" / "filler"

            def fill(fraction: float, _: str) -> None:
                if fraction == 1.0 and not filler.exists():
                    with pytest.raises(OSError, match="No space"):
                        filler.write_bytes(bytes(3_000_000))

            with pytest.raises(AnnotatorError, match="the disk is full"):
                reader.read_case(case.case_id, fill, actor="system")
            filler.unlink()
            assert store.annotations(case.case_id) == ()
            assert store.verify() == ()
            found = reader.read_case(case.case_id, lambda *_: None, actor="system")
            assert store.annotations(case.case_id) == (found.annotation,)
            assert store.verify() == ()


def test_the_command_reads_and_tells_of_it(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    project = str(session.store.location)
    settings = ["--set", "flips=none", "--set", "keep_maps=false"]
    assert main(["predict", project, "--network", "Bright", *settings, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["reader"].startswith("Bright ")
    assert [entry["device"] for entry in told["annotations"]] == ["CPU"]
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    own = page.split("With `--network`:\n")[1].split("\n## ")[0]
    documented = set(re.findall(r"(?m)^\| `([^`]+)` \|", own)) - {
        "skipped[].case",
        "skipped[].reason",
    }
    assert documented == told.keys() | {f"annotations[].{key}" for key in told["annotations"][0]}
    assert main(["predict", project, "--network", "Bright", "--trust", "Anna=1"]) == 1
    assert "a network knows no raters" in capsys.readouterr().err
    assert main(["predict", project, "--network", "Bright", "--set", "overlap=2"]) == 1
    assert "overlap: Input should be less than or equal to 0.9" in capsys.readouterr().err
    assert main(["predict", project, "--network", "Brigth"]) == 1
    assert "did you mean 'Bright'" in capsys.readouterr().err

"""Jobs whose worker has died: part of the contract of a store."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from annotator.store.jobs import SILENT_S
from tests.contract.store_world import ME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.store import Store


def running(store: Store) -> int:
    """Return a job that this process is at work on."""
    job = store.add_job("import", {}, actor=ME)
    assert store.claim_job(job.job_id) is not None
    return job.job_id


def ended_process() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


class JobsContract:
    def tamper(self, location: str, statement: str, values: Sequence[object] = ()) -> None:
        raise NotImplementedError

    def test_a_job_whose_process_has_ended_fails_in_words(
        self, store: Store, location: str
    ) -> None:
        dead, alive = running(store), running(store)
        queued = store.add_job("fuse", {}, actor=ME).job_id
        pid = ended_process()
        self.tamper(location, "UPDATE jobs SET pid = ? WHERE job_id = ?", (pid, dead))
        store.fail_abandoned_jobs()
        assert [store.job(job_id).state for job_id in (dead, alive, queued)] == [
            "failed",
            "running",
            "queued",
        ]
        assert f"(process {pid} on " in store.job(dead).error
        assert "start the import again: what was done is not done twice" in store.job(dead).error
        n_rows = len(store.audit())
        store.fail_abandoned_jobs()
        assert len(store.audit()) == n_rows
        assert store.verify() == ()

    @pytest.mark.parametrize("host", ["another machine", None])
    @pytest.mark.parametrize("silent_s", [SILENT_S - 30, SILENT_S + 30])
    def test_a_worker_elsewhere_is_dead_once_it_is_silent(
        self, store: Store, location: str, host: str | None, silent_s: int
    ) -> None:
        job_id = running(store)
        heard = (datetime.now(UTC) - timedelta(seconds=silent_s)).isoformat()
        self.tamper(location, "UPDATE jobs SET host = ?, pid = 1, beat_at = ?", (host, heard))
        store.fail_abandoned_jobs()
        assert store.job(job_id).state == ("failed" if silent_s > SILENT_S else "running")

    @pytest.mark.parametrize("sign", ["beat", "progress"])
    def test_a_sign_of_life_keeps_a_job_running(
        self, store: Store, location: str, sign: str
    ) -> None:
        job_id = running(store)
        self.tamper(location, "UPDATE jobs SET beat_at = ?", ("2001-01-01T00:00:00+00:00",))
        n_rows = len(store.audit())
        if sign == "beat":
            assert store.beat_job(job_id) is False
        else:
            assert store.report_progress(job_id, 0.5, "") is False
        store.fail_abandoned_jobs()
        assert store.job(job_id).state == "running"
        assert len(store.audit()) == n_rows
        store.request_cancel(job_id, actor=ME)
        assert store.beat_job(job_id) is True

    def test_a_worker_that_counts_as_dead_is_told_to_stop(
        self, store: Store, location: str
    ) -> None:
        job_id = running(store)
        store.request_cancel(job_id, actor=ME)
        self.tamper(location, "UPDATE jobs SET beat_at = ?", ("2001-01-01T00:00:00+00:00",))
        store.fail_abandoned_jobs()
        assert store.job(job_id).state == "cancelled"
        assert store.beat_job(job_id) is True
        assert store.report_progress(job_id, 0.5, "") is True

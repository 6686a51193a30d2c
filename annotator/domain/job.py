"""Work that outlives a click."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

JobState = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A row of work: what to do, how far it is, what came of it.

    ``parameters`` and ``result`` are JSON texts; ``progress`` runs from 0 to 1; ``error`` is told
    to the user in words.
    """

    job_id: int
    kind: str
    parameters: str
    state: JobState
    progress: float
    message: str
    result: str
    error: str
    cancel_requested: bool
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearedJobs:
    """Up to which job those that have ended are kept off the list of jobs."""

    key: ClassVar[str] = "cleared jobs"

    up_to: int = 0

"""What workers and those who wait for them say to each other; imports nothing."""

from __future__ import annotations

CANCELLED = "cancelled on request"
"""The error of a job that stopped because it was asked to."""
CLAIMED_ELSEWHERE = 3
"""Exit code of a worker whose job another worker is doing."""
FINISHED = ("done", "failed", "cancelled")
"""States that a job does not leave."""

"""The worker program: ``python -m annotator.jobs.worker LOCATION [--watch | --job NUMBER]``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError
from annotator.jobs.outcome import CLAIMED_ELSEWHERE
from annotator.jobs.run import run_job, work_off

if TYPE_CHECKING:
    from collections.abc import Sequence

WATCH_EVERY_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Work off a project's queue and exit; with ``--watch`` wait for more until told to stop."""
    parser = argparse.ArgumentParser(prog="annotator worker", description=main.__doc__)
    parser.add_argument(
        "location", help="project directory or PostgreSQL URL; - reads it from the input"
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--watch", action="store_true", help="wait for more jobs")
    choice.add_argument("--job", type=int, metavar="NUMBER", help="do only this one")
    given = parser.parse_args(arguments)
    # A URL may hold a password, and command lines are there for everyone to read.
    location = sys.stdin.readline().strip() if given.location == "-" else given.location
    try:
        if given.job is not None:
            state = run_job(location, given.job, is_own_process=True).state
            return {"done": 0, "running": CLAIMED_ELSEWHERE}.get(state, 1)
        if given.watch:
            watch(location)
        else:
            work_off(location)
    except AnnotatorError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def watch(location: str) -> None:
    """Do jobs as they come until the process is asked to stop; a job under way is ended first."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    while not stop.is_set():
        work_off(location, stop=stop.is_set)
        stop.wait(WATCH_EVERY_S)


if __name__ == "__main__":
    sys.exit(main())

"""Measure the networks that learn raters on pictures with planted ways of reading.

``python docs/studies/rater_networks.py`` takes less than twenty minutes on two free cores and
rewrites the tables of docs/studies/rater-networks.md. ``--quick --out FILE`` tries the whole way.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats
from study_report import put_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rater_networks_trials import Found

PAGE = Path(__file__).parent / "rater-networks.md"
SEEDS = (1, 2, 3, 4, 5)
TRIALS = {"calibration": 20, "trust": 20, "answers": 25, "drawings": 30}
"""Rounds of training in each."""
Numbers = dict[tuple[str, str, str], list[float]]


def main(words: list[str] | None = None) -> int:
    """Run the study and write the tables; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds, hardly trained")
    parser.add_argument("--out", type=Path, help="the page to write to instead")
    arguments = parser.parse_args(words)
    if arguments.quick and not arguments.out:
        parser.error("--quick needs --out: its numbers are not for the page")
    started = time.monotonic()
    seeds = SEEDS[:2] if arguments.quick else SEEDS
    found: Numbers = defaultdict(list)
    # A fork of a process that has used torch may hang.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = {
            pool.submit(run_trial, name, seed, 2 if arguments.quick else epochs): (name, seed)
            for name, epochs in TRIALS.items()
            for seed in seeds
        }
        for job in as_completed(jobs):
            for key, value in job.result().items():
                found[key].append(value)
            sys.stderr.write(f"{time.monotonic() - started:6.0f} s  {jobs[job]}\n")
    page = PAGE.read_text(encoding="utf-8")
    for name, table in tables(found).items():
        page = put_between(page, name, table)
    (arguments.out or PAGE).write_text(page, encoding="utf-8")
    return 0


def run_trial(name: str, seed: int, epochs: int) -> Found:
    """Return all numbers of one trial and seed, on one core."""
    import rater_networks_trials as trials
    import torch

    torch.set_num_threads(1)
    found: Found = {}
    for some in getattr(trials, name)(seed, epochs=epochs):
        found.update(some)
    return found


def tables(found: Numbers) -> dict[str, str]:
    """Return the tables of the page by name."""
    columns = {"drawing": "Dice, network", "soft": "soft Dice", "readings": "Dice, readings"}
    made = {}
    for name in ("quadrants", "panel"):
        heads = ["target", *columns.values(), "− mean, network", "weights and skill, ρ"]
        lines = [heads]
        for row in _rows(found, name):
            cells = [_words(found[name, row, key]) for key in columns]
            own, mean = (found[name, one, "drawing"] for one in (row, "mean of the readings"))
            gain = [] if row == "mean of the readings" or not own else np.subtract(own, mean)
            lines.append(
                [row, *cells, _words(gain, sign=True), _words(found[name, row, "correlation"])]
            )
        made[name] = _markdown(lines)
    kinds = ("accurate", "accurate", "draws large", "draws small", "unsteady", "unsteady")
    made["trust"] = _markdown(
        [
            ["rater", "trusting the rater alone", "trusting all alike", "difference"],
            *(
                [
                    kind,
                    *(_words(found["trust", f"r{at}", key]) for key in ("alone", "alike")),
                    _words(found["trust", f"r{at}", "gain"], sign=True),
                ]
                for at, kind in enumerate(kinds, start=1)
            ),
        ]
    )
    made["rises"] = _words(found["trust", "area", "rises"])
    made["answers"] = _markdown(
        [
            ["raters", "disputed", "difficulty", "doubt about the majority", "difference"],
            *(
                [
                    row,
                    f"{np.mean(found['answers', row, 'disputed']):.0%}",
                    *(_words(found["answers", row, key]) for key in ("difficulty", "doubt")),
                    _words(found["answers", row, "gain"], sign=True),
                ]
                for row in _rows(found, "answers")
            ),
        ]
    )
    ways = ("difficulty", "doubt", "size alone")
    made["drawings"] = _markdown(
        [
            ["pictures", "difficulty", "doubt about the majority", "size alone, small first"],
            *(
                [row, *(_words(found["drawings", row, way]) for way in ways)]
                for row in _rows(found, "drawings")
            ),
        ]
    )
    return made


def _rows(found: Numbers, table: str) -> list[str]:
    """Return the rows of a table in the order in which they were measured."""
    return list(dict.fromkeys(row for name, row, _ in list(found) if name == table))


def _words(values: Sequence[float], *, sign: bool = False) -> str:
    """Return a mean over seeds with its 95 % interval (Student's t)."""
    known = [value for value in values if np.isfinite(value)]
    if len(known) < 2:
        return ""
    mean, half = float(np.mean(known)), stats.sem(known) * stats.t.ppf(0.975, len(known) - 1)
    form = "+.3f" if sign else ".3f"
    return f"{mean:{form}} ({mean - half:{form}} to {mean + half:{form}})"


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *rest = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rest])


if __name__ == "__main__":
    sys.exit(main())

"""Measure diagnosis-first masks as readings, and as what a network learns from.

``python docs/studies/diagnosis_first.py`` takes about twenty minutes on two free cores and rewrites
the tables of docs/studies/diagnosis-first.md. ``--quick --out FILE`` tries the whole way.
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

PAGE = Path(__file__).parent / "diagnosis-first.md"
ROOT = Path(__file__).parents[2]
SEEDS = (1, 2, 3, 4, 5)
SCENARIOS = ("global-skill", "regional-skill")
MEASURES = {"auc": "diagnosis, AUC", "outer": "Dice of the disc", "inner": "Dice of the cup"}
Numbers = dict[tuple[str, str, str], list[float]]


def main(words: list[str] | None = None) -> int:
    """Run the study and write the tables; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds, few cases")
    parser.add_argument("--out", type=Path, help="the page to write to instead")
    arguments = parser.parse_args(words)
    if arguments.quick and not arguments.out:
        parser.error("--quick needs --out: its numbers are not for the page")
    started = time.monotonic()
    seeds = SEEDS[:2] if arguments.quick else SEEDS
    n_cases, n_epochs = (100, 2) if arguments.quick else (160, 30)
    found: Numbers = defaultdict(list)
    # A fork of a process that has used torch may hang.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = {
            pool.submit(run_trial, name, seed, n_cases, n_epochs): (name, seed)
            for name in SCENARIOS
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


def run_trial(
    scenario: str, seed: int, n_cases: int, n_epochs: int
) -> dict[tuple[str, str, str], float]:
    """Return all numbers of one panel and seed, on one core."""
    sys.path.insert(0, str(ROOT))
    import diagnosis_first_trials
    import torch

    torch.set_num_threads(1)
    is_trained = scenario == SCENARIOS[0]
    return diagnosis_first_trials.trial(
        scenario, seed, n_cases=n_cases, n_epochs=n_epochs if is_trained else 0
    )


def tables(found: Numbers) -> dict[str, str]:
    """Return the tables of the page by name."""
    made = {}
    for name in dict.fromkeys(table for table, _, _ in found):
        heads = ["", *MEASURES.values(), "AUC − that of the mean", "cup − that of the mean"]
        lines = [heads]
        for row in dict.fromkeys(row for table, row, _ in found if table == name):
            own = [found[name, row, key] for key in MEASURES]
            base = "U-Net, mean" if (name, "U-Net, mean", "auc") in found else "mean"
            gains = [
                "" if row == base else _words(
                    np.subtract(found[name, row, key], found[name, base, key]).tolist(), sign=True
                )
                for key in ("auc", "inner")
            ]  # fmt: skip
            lines.append([row, *(_words(values) for values in own), *gains])
        made[name] = _markdown(lines)
    return made


def _words(values: Sequence[float], *, sign: bool = False) -> str:
    """Return a mean over seeds with its 95 % interval (Student's t)."""
    mean, half = float(np.mean(values)), stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    form = "+.3f" if sign else ".3f"
    return f"{mean:{form}} ({mean - half:{form}} to {mean + half:{form}})"


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *rest = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rest])


if __name__ == "__main__":
    sys.exit(main())

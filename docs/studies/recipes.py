"""Measure each recipe for labels against the same training without it, on pictures of known truth.

``python docs/studies/recipes.py --jobs 2`` rewrites the table of docs/studies/recipes.md, and
docs/studies/recipes.json, which holds every number and grows with each trial. ``--only NAME`` runs
some trials and leaves the numbers of the others, ``--missing`` those seeds that have none yet;
``--quick --out DIR`` tries the whole way.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipe_rows import Pair, rows_of, table_of
from study_report import put_between

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).parent
SEEDS = (1, 2, 3, 4, 5)
MODULES = ("recipes_a", "recipes_b")
"""Each has ``TRIALS``: what it measures, by name."""
Numbers = dict[str, dict[int, list[Pair]]]
"""Pairs by trial and seed."""


def main(words: list[str] | None = None) -> int:
    """Run the trials and write the table; return the exit code."""
    trials = find_trials()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--only", nargs="+", choices=sorted(trials), help="trials to run")
    parser.add_argument("--missing", action="store_true", help="only what has no numbers yet")
    parser.add_argument("--quick", action="store_true", help="two seeds, hardly trained")
    parser.add_argument("--out", type=Path, default=HERE, help="directory of page and numbers")
    arguments = parser.parse_args(words)
    if arguments.quick and arguments.out == HERE:
        parser.error("--quick needs --out: its numbers are not for the page")
    chosen = arguments.only or list(trials)
    known = load(arguments.out)
    found = {name: old for name, old in known.items() if arguments.missing or name not in chosen}
    started = time.monotonic()
    # A fork of a process that has used torch may hang.
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        jobs = {
            pool.submit(run_trial, trials[name], name, seed, quick=arguments.quick): (name, seed)
            for name in chosen
            for seed in (SEEDS[:2] if arguments.quick else SEEDS)
            if seed not in found.get(name, {})
        }
        for job in as_completed(jobs):
            name, seed = jobs[job]
            found.setdefault(name, {})[seed] = job.result()
            write(arguments.out, {one: found[one] for one in trials if one in found})
            sys.stderr.write(f"{time.monotonic() - started:6.0f} s  {name}, seed {seed}\n")
    write(arguments.out, {one: found[one] for one in trials if one in found})
    return 0


def find_trials() -> dict[str, str]:
    """Return the module of each trial by its name."""
    return {
        name: module
        for module in MODULES
        if find_spec(module) is not None
        for name in import_module(module).TRIALS
    }


def run_trial(module: str, name: str, seed: int, *, quick: bool) -> list[Pair]:
    """Return the pairs of one trial and seed, on one core."""
    import torch

    torch.set_num_threads(1)
    return list(import_module(module).TRIALS[name](seed, quick=quick))


def load(directory: Path) -> Numbers:
    """Return the numbers that were measured before."""
    path = directory / "recipes.json"
    if not path.exists():
        return {}
    kept: dict[str, dict[str, list[dict[str, Any]]]] = json.loads(path.read_text("utf-8"))["pairs"]
    return {
        name: {int(seed): [Pair(**one) for one in pairs] for seed, pairs in by_seed.items()}
        for name, by_seed in kept.items()
    }


def write(directory: Path, found: Mapping[str, Mapping[int, Sequence[Pair]]]) -> None:
    """Write the numbers and the table."""
    rows = rows_of(
        [pair for by_seed in found.values() for seed in sorted(by_seed) for pair in by_seed[seed]]
    )
    numbers = {
        "rows": [row.as_json() for row in rows],
        "pairs": {
            name: {str(seed): [asdict(one) for one in by_seed[seed]] for seed in sorted(by_seed)}
            for name, by_seed in found.items()
        },
    }
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps(numbers, indent=1)
    (directory / "recipes.json").write_text(f"{text}\n", encoding="utf-8")
    page = put_between((HERE / "recipes.md").read_text("utf-8"), "recipes", table_of(rows))
    (directory / "recipes.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

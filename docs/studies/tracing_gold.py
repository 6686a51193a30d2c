"""What the checks of structure say of trusted tracings, finding by finding, to be judged.

``python tracing_gold.py --data DIR --peers PYTHON [--apart DIR]`` writes Markdown to standard
output: the findings on the gold tracings of ``DIR/neurons`` and on the sample neurons of navis,
each with what was measured; and, of the SWC files in the folder ``--apart``, the findings by check,
the files by turns in two halves. Files of that folder whose names begin with ``fafb`` are in nm.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tracing_injected import HEMIBRAIN_UM, sample_files

from annotator.analysis.tracing.checks import STRUCTURE_CHECKS, check_file
from annotator.analysis.tracing.swc import read_swc_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annotator.domain.tracing import TraceFinding

NM = 0.001
IN_FILE = frozenset(
    {"no-radius", "zero-length", "coincident", "multifurcation", "fragment", "back-track", "gap"}
)
"""Checks that say what anybody can read in the file; others say what it may mean."""


@dataclass(kw_only=True)
class Told:
    """What was said of some files, by check, hints apart."""

    n_files: int = 0
    n_nodes: int = 0
    by_check: Counter[str] = field(default_factory=Counter)
    hints: Counter[str] = field(default_factory=Counter)


def findings_of(path: Path, scale_um: float) -> tuple[int, list[TraceFinding]]:
    """Return the nodes of a file and what the checks of its tree say."""
    file = read_swc_file(path, scale_um=(scale_um,) * 3)
    told = check_file(file, names=STRUCTURE_CHECKS)
    return len(file.tree), [one for one in told if one.check in STRUCTURE_CHECKS]


def one_by_one(paths: Iterable[tuple[str, Path, float]]) -> list[str]:
    """Return a row for each finding."""
    rows = ["| file | node | finding | severity | value | from |", "| --- |" + " --- |" * 5]
    for name, path, scale_um in paths:
        for one in findings_of(path, scale_um)[1]:
            value, limit = (
                "" if number is None else f"{number:.2f}" for number in (one.value, one.threshold)
            )
            rows.append(
                f"| {name} | {one.node_id} | {one.check} | {one.severity} | {value} | {limit} |"
            )
    return rows


def by_halves(folder: Path) -> list[str]:
    """Return a row for each check: how often it spoke in either half of the files."""
    halves = (Told(), Told())
    for number, path in enumerate(sorted(folder.glob("*.swc"))):
        told = halves[number % 2]
        n_nodes, findings = findings_of(path, NM if path.name.startswith("fafb") else 1.0)
        told.n_files, told.n_nodes = told.n_files + 1, told.n_nodes + n_nodes
        told.by_check.update(one.check for one in findings)
        told.hints.update(one.check for one in findings if one.severity == "hint")
    heads = [f"{told.n_files} files, {told.n_nodes:,} nodes" for told in halves]
    rows = ["| finding | " + " | ".join(heads) + " |", "| --- | --- | --- |"]
    for check in sorted(halves[0].by_check.keys() | halves[1].by_check.keys()):
        counts = [f"{told.by_check[check]} ({told.hints[check]} hints)" for told in halves]
        rows.append(f"| {check} | " + " | ".join(counts) + " |")
    rates = []
    for told in halves:
        open_ = {check: n for check, n in told.by_check.items() if check not in IN_FILE}
        hints = sum(told.hints[check] for check in open_)
        every = sum(open_.values())
        rate, sure = (1e4 * count / told.n_nodes for count in (every, every - hints))
        rates.append(f"{rate:.1f}, {sure:.1f} without hints")
    rows.append(
        "| for 10,000 nodes, not to be read in the file; hints | " + " | ".join(rates) + " |"
    )
    return rows


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--apart", type=Path)
    arguments = parser.parse_args()
    known = arguments.data / "neurons"
    golds = sorted((known / "bigneuron").glob("*/gold.swc"))
    volumes = ("test-expected.swc", "test.small.swc", "test-small.swc")
    listed = [
        *((f"hemibrain {path.stem}", path, HEMIBRAIN_UM) for path in sample_files(arguments.peers)),
        *((f"BigNeuron {path.parent.name}", path, 1.0) for path in golds),
        *((f"rivuletpy {name}", known / "rivulet" / name, 1.0) for name in volumes),
    ]
    lines = one_by_one(listed)
    if arguments.apart is not None:
        lines += ["", *by_halves(arguments.apart)]
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()

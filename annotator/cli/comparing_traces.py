"""Commands on several tracings of one neuron, as files."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.tracing.consensus import merge_trees
from annotator.analysis.tracing.match_findings import find_disputes
from annotator.analysis.tracing.metrics import measure
from annotator.analysis.tracing.swc import read_swc_file
from annotator.analysis.tracing.swc_writing import write_swc
from annotator.analysis.tracing.tree import NO_PARENT, edge_lengths
from annotator.cli.command import Result
from annotator.cli.numbers import number
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from annotator.analysis.tracing.consensus import Consensus
    from annotator.analysis.tracing.consensus_votes import TracerPerformance
    from annotator.analysis.tracing.tree import Tree
    from annotator.api import Progress
    from annotator.domain.tracing import TraceFinding

_SHOWN = 20
_COLUMNS = {
    "length_precision": "P",
    "length_recall": "R",
    "esa": "ESA",
    "dsa": "DSA",
    "pds": "PDS",
    "diadem": "DIADEM",
    "pyneval_ssd_score": "ssd",
    "pyneval_length_precision": "length P",
    "pyneval_length_recall": "length R",
    "pyneval_critical_precision": "nodes P",
    "pyneval_critical_recall": "nodes R",
}


def compare_traces(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Measure each pair, or each file against the gold one, and tell where tracers differ."""
    _check_tolerance(arguments.tolerance)
    trees = _read(arguments.files, at_least=1 if arguments.gold else 2)
    if arguments.gold:
        gold = read_swc_file(arguments.gold).tree
        pairs = [(name, "gold", tree, gold) for name, tree in trees.items()]
    else:
        pairs = [(one, other, trees[one], trees[other]) for one, other in combinations(trees, 2)]
    rows: list[dict[str, Any]] = []
    for done, (test, reference, tree, other) in enumerate(pairs):
        progress(done / (len(pairs) + 1), f"measuring {test} against {reference}")
        found = measure(tree, other, tolerance=arguments.tolerance)
        rows.append({"test": test, "reference": reference, **found.numbers()})
    progress(len(pairs) / (len(pairs) + 1), "looking for differences")
    disputes = find_disputes(trees, tolerance=arguments.tolerance)
    document = {
        "tolerance": arguments.tolerance,
        "metrics": rows,
        "differences": {
            name: [asdict(finding) | {"at_stake_um": finding.at_stake_um} for finding in findings]
            for name, findings in disputes.items()
        },
    }
    lines = [*_table(rows), *(line for name in disputes for line in _told(name, disputes[name]))]
    return Result(document=document, lines=tuple(lines))


def merge_traces(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Write the consensus; a comment tells the support of each branch and who traced it."""
    _check_tolerance(arguments.tolerance)
    output = Path(arguments.output)
    if any(output.resolve() == Path(path).resolve() for path in arguments.files):
        raise AnnotatorError(f"{output} is one of the tracings; give --output another name")
    trees = _read(arguments.files, at_least=2)
    progress(0.0, f"merging {len(trees)} tracings")
    made = merge_trees(trees, tolerance=arguments.tolerance)
    if not len(made.tree):
        raise AnnotatorError(
            "the tracings have no cable in common; a greater --tolerance finds some where they lie "
            "beside each other"
        )
    branches = list(_branches(made))
    output.write_bytes(_comments(made, branches, arguments.tolerance) + write_swc(made.tree))
    n_roots = int(np.count_nonzero(made.tree.parents == NO_PARENT))
    cable = float(edge_lengths(made.tree).sum())
    document = {
        "file": str(output),
        "tolerance": arguments.tolerance,
        "n_nodes": len(made.tree),
        "n_roots": n_roots,
        "cable_um": cable,
        "tracers": [asdict(performance) for performance in made.performances],
        "branches": branches,
    }
    parts = "one tree" if n_roots == 1 else f"{n_roots} parts that nothing joins"
    lines = [
        f"{output}: {len(made.tree)} nodes, {cable:.1f} µm of cable, {parts}.",
        *(_performance_line(performance) for performance in made.performances),
    ]
    return Result(document=document, lines=tuple(lines))


def _check_tolerance(tolerance: float) -> None:
    if not tolerance > 0 or not np.isfinite(tolerance):
        raise AnnotatorError(f"--tolerance {tolerance:g} is no distance; give one above 0")


def _read(paths: Sequence[str], *, at_least: int) -> dict[str, Tree]:
    """Return the trees by the name of their file, with its folder where names are the same."""
    if len(paths) < at_least:
        raise AnnotatorError(f"{at_least} tracings are needed to compare; {len(paths)} was given")
    stems = Counter(Path(path).stem for path in paths)
    trees: dict[str, Tree] = {}
    for path in paths:
        stem = Path(path).stem
        name = stem if stems[stem] == 1 else str(Path(path).with_suffix(""))
        if name in trees:
            raise AnnotatorError(f"{path} was given twice")
        trees[name] = read_swc_file(path).tree
    return trees


def _table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    width = max((len(f"{row['test']} : {row['reference']}") for row in rows), default=0)
    yield " ".join([" " * width, *(f"{title:>8}" for title in _COLUMNS.values())])
    for row in rows:
        cells = [f"{number(row[name]):>8}" for name in _COLUMNS]
        pair = f"{row['test']} : {row['reference']}"
        yield " ".join([f"{pair:{width}}", *cells])


def _told(name: str, findings: Sequence[TraceFinding]) -> Iterator[str]:
    if not findings:
        return
    yield f"{name}: {len(findings)} places where others differ"
    for finding in findings[:_SHOWN]:
        yield f"   node {finding.node_id}, {finding.at_stake_um:.0f} µm at stake: {finding.why}"
    if len(findings) > _SHOWN:
        yield f"   and {len(findings) - _SHOWN} more (--json lists all)"


def _performance_line(performance: TracerPerformance) -> str:
    def words(value: float | None, ends: tuple[float, float] | None) -> str:
        return number(value) + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")

    return (
        f"   {performance.name}: sensitivity "
        f"{words(performance.sensitivity, performance.sensitivity_interval)}, precision "
        f"{words(performance.precision, performance.precision_interval)}"
    )


def _branches(made: Consensus) -> Iterator[dict[str, Any]]:
    """Yield runs of nodes that follow each other and that the same tracers have."""
    tree = made.tree
    parents = tree.parents
    follows = np.append(False, parents[1:] == np.arange(len(tree) - 1))
    is_same = np.append(False, (made.traced_by[1:] == made.traced_by[:-1]).all(axis=1))
    starts = np.flatnonzero(~(follows & is_same))
    lengths = edge_lengths(tree)
    for start, stop in zip(starts, np.append(starts[1:], len(tree)), strict=True):
        traced = made.traced_by[start]
        yield {
            "first_id": int(tree.ids[start]),
            "last_id": int(tree.ids[stop - 1]),
            "length_um": float(lengths[start:stop].sum()),
            "support": float(made.support[start]),
            "traced_by": [name for name, has in zip(made.names, traced, strict=True) if has],
        }


def _comments(made: Consensus, branches: Sequence[dict[str, Any]], tolerance: float) -> bytes:
    """Return comment lines that any reader of SWC passes over."""
    lines = [f"# consensus of {', '.join(made.names)}; tolerance {tolerance:g}"]
    lines += [
        f"# nodes {branch['first_id']} to {branch['last_id']}: support {branch['support']:.3f}, "
        f"traced by {', '.join(branch['traced_by'])}"
        for branch in branches
    ]
    return "".join(f"{line}\n" for line in lines).encode()

"""Metrics of two tracings against PyNeval 1.1.1, at its own values.

The trees are made neurons and tracings of them, PyNeval's demo where ``--demo`` names the folder
that its two files are in, and files where ``--neurons`` names a folder with one folder a neuron, in
which names of gold tracings have ``gold`` in them. Both sides are timed without reading the files,
by processor time (so that others on the machine count little), in the median of some rounds.

``python tests/benchmarks/bench_trace_metrics.py --peers PYTHON [--demo DIR] [--nodes 2000 5000]
[--neurons DIR --every 16]``, where PYTHON is that of an environment with
``pip install pyneval 'setuptools<80'``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.analysis.tracing.consensus import merge_trees
from annotator.analysis.tracing.metrics_critical import critical_nodes
from annotator.analysis.tracing.metrics_edges import found_edges
from annotator.analysis.tracing.metrics_length import shared_length
from annotator.analysis.tracing.metrics_ssd import substantial_distance
from annotator.analysis.tracing.metrics_structure import structure_distance
from annotator.analysis.tracing.simulate_tracers import TracerSkill, grow_neuron, trace_as
from annotator.analysis.tracing.swc import read_swc_file
from annotator.analysis.tracing.swc_writing import write_swc
from tests.benchmarks.reading_sets import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.analysis.tracing.tree import Tree

REPEATS = 5
GOAL = 150
SAME = 1e-12
NODES_PER_SECTION = 20
SKILL = TracerSkill(sensitivity=0.98, n_false=10, jitter_um=0.8)
PEER = """
import json, sys, time
sys.setrecursionlimit(1000000)
from pyneval.metric import critical_node_metric, length_metric, ssd_metric
from pyneval.metric.utils import config_utils
from pyneval.pyneval_io.swc_io import read_swc_tree
gold, test, name, rounds = sys.argv[1:]
metrics = {
    "ssd": ssd_metric.ssd_metric,
    "length": length_metric.length_metric,
    "cn": critical_node_metric.critical_node_metric,
}
took = []
for _ in range(int(rounds)):
    trees = read_swc_tree(gold), read_swc_tree(test)
    start = time.process_time()
    found = metrics[name](*trees, config_utils.get_default_configs(name))[0]
    took.append(time.process_time() - start)
print(json.dumps(dict(found, s=sorted(took)[len(took) // 2])))
"""


def ssd(test: Tree, gold: Tree) -> tuple[float | None, ...]:
    found = substantial_distance(test, gold)
    return found.score, found.recall, found.precision


def length(test: Tree, gold: Tree) -> tuple[float | None, ...]:
    found = found_edges(test, gold)
    return found.recall, found.precision


def critical(test: Tree, gold: Tree) -> tuple[float | None, ...]:
    found = critical_nodes(test, gold)
    return found.mean_distance, found.recall, found.precision


METRICS: dict[str, tuple[Callable[[Tree, Tree], tuple[float | None, ...]], tuple[str, ...]]] = {
    "ssd": (ssd, ("ssd_score", "recall", "precision")),
    "length": (length, ("recall", "precision")),
    "cn": (critical, ("mean_dis", "recall", "precision")),
}


def timed(run: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median processor time of a call, s; the first one is not counted."""
    run()
    took = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        took.append(time.process_time() - start)
    return float(np.median(took))


class Row(NamedTuple):
    """What a metric takes, s, and how far its numbers lie from the peer's."""

    peer_s: float
    ours_s: float
    gap: float


def against_peer(name: str, gold: Path, test: Path, options: argparse.Namespace) -> Row | None:
    """Measure a metric; None where the peer gives no number or takes too long."""
    run, keys = METRICS[name]
    trees = read_swc_file(test).tree, read_swc_file(gold).tree
    command = [options.peers, "-c", PEER, str(gold), str(test), name, str(options.rounds)]
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=options.limit_s
        ).stdout
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return None
    peer = json.loads(told.splitlines()[-1])
    ours = run(*trees)
    gap = max(abs((one or 0.0) - peer[key]) for one, key in zip(ours, keys, strict=True))
    return Row(peer["s"], timed(lambda: run(*trees)), gap)


def each_pair(pairs: list[tuple[Path, Path]], options: argparse.Namespace) -> None:
    """Print a row for each pair of files and metric."""
    say("| metric | PyNeval | ours | ratio | largest difference |\n| --- | --- | --- | --- | --- |")
    for gold, test in pairs:
        sizes = [len(read_swc_file(path).tree) for path in (gold, test)]
        for name in METRICS:
            row = against_peer(name, gold, test, options)
            words = f"| {name}, {sizes[0]:,} and {sizes[1]:,} nodes |"
            if row is None:
                say(f"{words} – | – | – | – |")
                continue
            say(
                f"{words} {row.peer_s * 1e3:.1f} ms | {row.ours_s * 1e3:.3f} ms "
                f"| {row.peer_s / row.ours_s:,.0f}× | {row.gap:.0e} |"
            )


def over_files(folder: Path, options: argparse.Namespace) -> None:
    """Print what the metrics take on the files of a folder of neurons, all in all."""
    pairs = [
        (gold, test)
        for neuron in sorted(folder.iterdir())
        for gold in sorted(neuron.glob("*gold*.swc"))[:1]
        for test in sorted(neuron.glob("*.swc"))
        if "gold" not in test.name
    ][:: options.every]
    rows: dict[str, list[Row]] = defaultdict(list)
    for gold, test in pairs:
        for name in METRICS:
            row = against_peer(name, gold, test, options)
            if row is not None:
                rows[name].append(row)
    say(f"\n| metric | pairs | PyNeval | ours | ratio | below {GOAL}× | other numbers |")
    say("| --- | --- | --- | --- | --- | --- | --- |")
    for name, found in rows.items():
        ratios = np.array([row.peer_s / row.ours_s for row in found])
        low, middle, high = np.percentile(ratios, [0, 50, 100])
        peer, ours = (np.array(side) * 1e3 for side in list(zip(*found, strict=True))[:2])
        gaps = [row.gap for row in found if row.gap > SAME]
        say(
            f"| {name} | {len(found)} | {peer.min():.1f} to {peer.max():.0f} ms "
            f"| {ours.min():.3f} to {ours.max():.2f} ms | {low:,.0f} to {high:,.0f}×, median "
            f"{middle:,.0f}× | {(ratios < GOAL).sum()} "
            f"| {len(gaps)}, by up to {max(gaps, default=0):.0e} |"
        )


def alone(n_nodes: int) -> None:
    """Print what ours takes on large trees."""
    gold = grow_neuron(0, n_sections=n_nodes // NODES_PER_SECTION)
    test, other = (trace_as(gold, SKILL, seed) for seed in (1, 2))
    rows: dict[str, Callable[[], object]] = {
        "ssd": lambda: substantial_distance(test, gold),
        "ESA, DSA, PDS": lambda: structure_distance(test, gold),
        "shared length": lambda: shared_length(test, gold, tolerance=3.0),
        "length": lambda: found_edges(test, gold),
        "critical nodes": lambda: critical_nodes(test, gold),
        "consensus of three": lambda: merge_trees(
            {"gold": gold, "test": test, "other": other}, tolerance=3.0
        ),
    }
    say(f"\n| {len(gold):,} and {len(test):,} nodes | s |\n| --- | --- |")
    for name, run in rows.items():
        say(f"| {name} | {timed(run, 1):.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", help="python of an environment with PyNeval")
    parser.add_argument("--demo", type=Path, help="folder with gold.swc and test.swc of PyNeval")
    parser.add_argument("--nodes", type=int, nargs="*", default=[2000, 5000])
    parser.add_argument("--neurons", type=Path, help="folder with a folder for each neuron")
    parser.add_argument("--every", type=int, default=16, help="which of the neurons' files")
    parser.add_argument("--rounds", type=int, default=3, help="of the peer")
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--limit-s", type=float, default=300.0)
    options = parser.parse_args()
    if options.peers:
        with tempfile.TemporaryDirectory() as place:
            pairs = [(options.demo / "gold.swc", options.demo / "test.swc")] if options.demo else []
            for n_nodes in options.nodes:
                gold = grow_neuron(0, n_sections=n_nodes // NODES_PER_SECTION)
                paths = Path(place) / f"gold{n_nodes}.swc", Path(place) / f"test{n_nodes}.swc"
                paths[0].write_bytes(write_swc(gold))
                paths[1].write_bytes(write_swc(trace_as(gold, SKILL, 1)))
                pairs.append(paths)
            each_pair(pairs, options)
        if options.neurons:
            over_files(options.neurons, options)
    if options.large:
        alone(options.large)


if __name__ == "__main__":
    main()

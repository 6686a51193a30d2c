"""A tracing of a million nodes: loaded and checked, and checked again after an edit.

``--peers PYTHON`` names a Python that has navis and MorphIO; both are then timed on the same file
in the same run, by turns, each in a process of its own, processor and wall; the least of all
rounds counts, since other work only adds. navis is timed for its reader and its summary
(branches, leafs, trees, cable), MorphIO for its reader alone.

``python bench_traces.py [--nodes N] [--rounds N] [--peers PYTHON]``
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.checks import STRUCTURE_CHECKS, check_file, check_tree
from annotator.analysis.tracing.editable import EditableTree, TraceEdit
from annotator.analysis.tracing.inject import grow_tree
from annotator.analysis.tracing.recheck import recheck, remember
from annotator.analysis.tracing.swc import read_swc_file
from annotator.analysis.tracing.swc_problems import FORMAT_CHECKS
from annotator.analysis.tracing.swc_writing import write_swc

if TYPE_CHECKING:
    from collections.abc import Callable

Seconds = tuple[float, float]

_TIMED = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
{imports}
begun, used = time.perf_counter(), time.process_time()
{work}
print(json.dumps([time.perf_counter() - begun, time.process_time() - used, {checked}]))
"""
PEERS = {
    "navis: read, branches, leafs, trees, cable": _TIMED.format(
        imports="import navis",
        work="n = navis.read_swc(sys.argv[1], parallel=False)\n"
        "told = n.n_branches, n.n_leafs, n.n_trees, n.cable_length",
        checked="n.n_nodes",
    ),
    "MorphIO: read": _TIMED.format(
        imports="import morphio\nmorphio.set_maximum_warnings(0)",
        work="m = morphio.Morphology(sys.argv[1])",
        checked="len(m.points)",
    ),
}


def timed(work: Callable[[], object]) -> Seconds:
    """Return wall and processor seconds."""
    begun, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - used


def ask_peer(python: str, code: str, path: Path) -> Seconds:
    """Return wall and processor seconds of a peer's work, its imports left out."""
    done = subprocess.run(
        [python, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    wall, processor, n_nodes = json.loads(done.stdout.strip().splitlines()[-1])
    assert n_nodes > 0
    return float(wall), float(processor)


def measure_rechecks(path: Path, n_edits: int) -> list[Seconds]:
    """Return the seconds of checks after an edit each: a node moved by 0.1 µm."""
    tree = read_swc_file(path).tree
    editable = EditableTree(tree)
    checked = remember(tree, check_tree(tree, names=STRUCTURE_CHECKS))
    spent = []
    for row in np.random.default_rng(0).integers(10, len(tree), n_edits).tolist():
        before = editable.nodes([int(tree.ids[row])])
        edit = TraceEdit(before=before, after=replace(before, points=before.points + 0.1))
        editable.apply(edit)
        begun, used = time.perf_counter(), time.process_time()
        checked = recheck(editable, edit, checked)
        spent.append((time.perf_counter() - begun, time.process_time() - used))
    return spent


def main() -> None:
    """Print a table: wall and processor seconds, and how many times ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", metavar="PYTHON")
    arguments = parser.parse_args()
    n_rules = len(FORMAT_CHECKS) + len(STRUCTURE_CHECKS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "neuron.swc")
        made = grow_tree(arguments.nodes, seed=1)
        # Four decimals, as programs write them.
        rounded = replace(made, points=made.points.round(4), radii=made.radii.round(4))
        path.write_bytes(write_swc(rounded))
        megabytes = path.stat().st_size / 1e6
        sys.stdout.write(f"{arguments.nodes:,} nodes, {megabytes:.0f} MB\n")
        both = f"annotator: read, {n_rules} rules"
        spent: dict[str, list[Seconds]] = {both: [], "annotator: read": []}
        for _ in range(arguments.rounds):
            spent[both].append(
                timed(lambda: check_file(read_swc_file(path), names=STRUCTURE_CHECKS))
            )
            spent["annotator: read"].append(timed(lambda: read_swc_file(path)))
            for name, code in PEERS.items() if arguments.peers else ():
                spent.setdefault(name, []).append(ask_peer(arguments.peers, code, path))
        _tell(spent, both)
        rechecks = measure_rechecks(path, 300)
    for kind, column in (("wall", 0), ("processor", 1)):
        times = [1000 * one[column] for one in rechecks]
        sys.stdout.write(
            f"check after an edit of one node, {kind}: median {statistics.median(times):.2f} ms, "
            f"95 of 100 below {np.quantile(times, 0.95):.2f} ms\n"
        )


def _tell(spent: dict[str, list[Seconds]], ours: str) -> None:
    least = {
        name: [min(one[column] for one in times) for column in (0, 1)]
        for name, times in spent.items()
    }
    for name, (wall, processor) in least.items():
        ratio = f"{wall / least[ours][0]:6.1f}x {processor / least[ours][1]:6.1f}x"
        sys.stdout.write(f"{name:45} {wall:7.2f} s wall {processor:7.2f} s processor {ratio}\n")


if __name__ == "__main__":
    main()

"""Errors of 15 kinds put into neurons of three kinds: which are found, and what else is.

``python tracing_injected.py --data DIR --peers PYTHON [--seeds N] [--peer-seeds N]`` writes
``tracing-injected.md`` beside itself. DIR holds ``neurons/bigneuron``; PYTHON has MorphIO, NeuroM
and navis, whose sample neurons (hemibrain) are the second kind.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np

from annotator.analysis.tracing.checks import STRUCTURE_CHECKS, check_file
from annotator.analysis.tracing.inject import KINDS, Injected, grow_tree, inject
from annotator.analysis.tracing.repair import REPAIRS
from annotator.analysis.tracing.swc import read_swc, read_swc_file
from annotator.analysis.tracing.swc_problems import FORMAT_CHECKS
from annotator.analysis.tracing.swc_writing import write_swc
from annotator.analysis.tracing.tree import DENDRITE, SOMA, Tree, edge_lengths
from annotator.domain.errors import AnnotatorError

HERE = Path(__file__).parent
GROUPS = {
    "format": ("duplicate-id", "missing-parent", "not-a-number"),
    "topology": ("cycle", "disconnected", "four-children", "type-change", "wrong-crossing"),
    "geometry": (
        "zero-length",
        "no-radius",
        "thick-node",
        "gap",
        "back-track",
        "double-trace",
        "spur",
    ),
}
PEERS = ("MorphIO", "NeuroM", "navis")
HEMIBRAIN_UM = 0.008
NEAR_EDGES = 5
"""A finding is at the error within so many usual edges of it."""
FIND_NAVIS = "import navis; print(navis.__path__[0])"

_HEAD = """\
# Errors put into tracings

{n_kinds} kinds of errors, one at a time, at places drawn by chance, in neurons of three kinds: made
ones (random branches that persist, fork and taper), five of the hemibrain (skeletons that a program
made, the sample of navis), and the gold tracings of BigNeuron. Made by
`python docs/studies/tracing_injected.py --data DIR --peers PYTHON`. A hit is a finding of the right
check, as an event that begins within {near} usual edges of the error. Asked were the {n_format}
rules of the format and the {n_structure} of structure; no image, no thresholds. The limits of
gaps, radius jumps and crossings were chosen with other seeds, and on
[other neurons](tracing-gold.md) too; those of the other rules on these.
Peers were asked of the first seeds only.
"""
_ELSEWHERE = """\
A peer has seen an error where it refuses the file or says anything that it does not say of the
sound neuron: MorphIO a warning, NeuroM a check that fails or names another number of places, navis
a loop or another number of parts. A refusal names no node; a neuron that a peer refuses when it is
sound counts as not seen.

## What else is found

| neurons | nodes | findings on the sound ones | for 10,000 nodes | beside an error, each file |
| --- | --- | --- | --- | --- |
"""
_FOOT = """\
Made neurons are sound by construction: a finding there is a false one. The others are as their
makers left them; [what is found in them](tracing-gold.md) was judged one by one.
"""

Told = set[tuple[str, int]]


@dataclass(kw_only=True)
class Cell:
    """What came of one kind of error in one kind of neuron."""

    n: int = 0
    hits: int = 0
    elsewhere: int = 0
    n_asked: int = 0
    seen: Counter[str] = field(default_factory=Counter)


def sample_files(peers: str) -> list[Path]:
    """Return the neurons that come with navis."""
    done = subprocess.run([peers, "-c", FIND_NAVIS], check=True, capture_output=True, text=True)
    return sorted(Path(done.stdout.split()[-1], "data", "swc").glob("*.swc"))


def neurons(data: Path, peers: str) -> dict[str, list[Tree]]:
    """Return neurons by kind: ids from 1 on, parents first, somata and dendrites."""
    samples = sample_files(peers)
    gold = sorted((data / "neurons" / "bigneuron").glob("*/gold.swc"))
    return {
        "made": [grow_tree(5000, seed=seed) for seed in range(5)],
        "hemibrain": [
            _plain(read_swc_file(path, scale_um=(HEMIBRAIN_UM,) * 3).tree) for path in samples
        ],
        "BigNeuron gold": [_plain(read_swc_file(path).tree) for path in gold],
    }


def _plain(tree: Tree) -> Tree:
    ordered = REPAIRS["sort"].run(tree, [])
    types = np.where(ordered.types == SOMA, SOMA, DENDRITE).astype(np.int32)
    return replace(ordered, ids=np.arange(1, len(tree) + 1), types=types)


def told_of(text: bytes) -> tuple[Told, dict[tuple[str, int], tuple[float, float, float]]]:
    """Return findings as checks and nodes, and where they are."""
    findings = check_file(read_swc(text), names=STRUCTURE_CHECKS)
    return (
        {(one.check, one.node_id) for one in findings},
        {(one.check, one.node_id): one.point_um for one in findings},
    )


def score(cell: Cell, injected: Injected, tree: Tree, before: Told) -> None:
    """Count whether the error was found where it is, and what was found elsewhere."""
    told, places = told_of(injected.text)
    near_um = NEAR_EDGES * float(np.median(edge_lengths(tree)))
    at = np.array(injected.points_um)

    def is_near(one: tuple[str, int]) -> bool:
        distances = np.linalg.norm(at - np.array(places[one]), axis=1)
        return one[1] in injected.node_ids or bool((distances <= near_um).any())

    cell.n += 1
    cell.hits += any(one[0] == injected.check and is_near(one) for one in told)
    cell.elsewhere += sum(not is_near(one) for one in told - before)


def ask_peers(folder: Path, peers: str) -> dict[str, dict[str, list[str]]]:
    """Return what peers say of each file of a folder."""
    script = HERE / "tracing_injected_peers.py"
    subprocess.run([peers, str(script), str(folder)], check=True, capture_output=True)
    answers: dict[str, dict[str, list[str]]] = json.loads((folder / "answers.json").read_text())
    return answers


def study(
    trees: list[Tree], n_seeds: int, n_asked: int, peers: str
) -> tuple[dict[str, Cell], Counter[str]]:
    """Return what came of each kind of error in these neurons, and the findings on sound ones."""
    cells = {kind: Cell() for kind in KINDS}
    before = [told_of(write_swc(tree))[0] for tree in trees]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for number, tree in enumerate(trees[:n_asked]):
            (folder / f"sound_{number}.swc").write_bytes(write_swc(tree))
        for kind, cell in cells.items():
            for seed in range(n_seeds):
                number = seed % len(trees)
                try:
                    injected = inject(trees[number], kind, seed=seed)
                except AnnotatorError:
                    continue
                score(cell, injected, trees[number], before[number])
                if seed < n_asked:
                    (folder / f"{kind}_{number}_{seed}.swc").write_bytes(injected.text)
        answers = ask_peers(folder, peers)
    for name, told in answers.items():
        if not name.startswith("sound_"):
            kind, which, _ = name.split("_")
            sound = answers[f"sound_{which}.swc"]
            cells[kind].n_asked += 1
            for peer in PEERS:
                cells[kind].seen[peer] += bool(set(told[peer]) - set(sound[peer]))
    return cells, Counter(chain.from_iterable(labels_of(tree) for tree in trees))


def labels_of(tree: Tree) -> list[str]:
    """Return the checks that speak of a sound tree, hints named so."""
    told = check_file(read_swc(write_swc(tree)), names=STRUCTURE_CHECKS)
    return [f"{one.check} (hint)" if one.severity == "hint" else one.check for one in told]


def tell(found: dict[str, tuple[dict[str, Cell], Counter[str]]], sizes: dict[str, int]) -> str:
    """Return the page."""
    kinds = list(found)
    lines = [
        *_HEAD.format(
            n_kinds=len(KINDS),
            near=NEAR_EDGES,
            n_format=len(FORMAT_CHECKS),
            n_structure=len(STRUCTURE_CHECKS),
        ).splitlines(),
        "",
        "| error | " + " | ".join(kinds) + " | " + " | ".join(PEERS) + " |",
        "| --- |" + " --- |" * (len(kinds) + len(PEERS)),
    ]
    for kind, entry in KINDS.items():
        cells = [found[name][0][kind] for name in kinds]
        ours = [f"{cell.hits} of {cell.n}" for cell in cells]
        asked = sum(cell.n_asked for cell in cells)
        theirs = [f"{sum(cell.seen[peer] for cell in cells)} of {asked}" for peer in PEERS]
        lines.append(f"| {entry.title} | " + " | ".join([*ours, *theirs]) + " |")
    for group, members in {**GROUPS, "all": tuple(KINDS)}.items():
        lines.append(f"| **{group}** | " + " | ".join(shares_of(found, members)) + " |")
    lines.append("")
    lines += _ELSEWHERE.splitlines()
    for name in kinds:
        by_kind, sound = found[name]
        n_files = sum(cell.n for cell in by_kind.values())
        beside = sum(cell.elsewhere for cell in by_kind.values()) / n_files
        listed = ", ".join(f"{count} {check}" for check, count in sound.most_common()) or "none"
        rate = 1e4 * sum(sound.values()) / sizes[name]
        lines.append(f"| {name} | {sizes[name]:,} | {listed} | {rate:.1f} | {beside:.3f} |")
    lines += ["", *_FOOT.splitlines(), ""]
    return "\n".join(lines)


def shares_of(
    found: dict[str, tuple[dict[str, Cell], Counter[str]]], members: tuple[str, ...]
) -> list[str]:
    """Return the share of errors of some kinds found by us, by kind of neuron, and by peers."""
    groups = {name: [by_kind[kind] for kind in members] for name, (by_kind, _) in found.items()}
    told = [(sum(c.hits for c in cells), sum(c.n for c in cells)) for cells in groups.values()]
    every = [cell for cells in groups.values() for cell in cells]
    asked = sum(cell.n_asked for cell in every)
    told += [(sum(cell.seen[peer] for cell in every), asked) for peer in PEERS]
    return [f"{count} of {n} ({count / n:.3f})" for count, n in told]


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--peer-seeds", type=int, default=10)
    arguments = parser.parse_args()
    found, sizes = {}, {}
    for name, trees in neurons(arguments.data, arguments.peers).items():
        found[name] = study(trees, arguments.seeds, arguments.peer_seeds, arguments.peers)
        sizes[name] = sum(map(len, trees))
        hits = sum(cell.hits for cell in found[name][0].values())
        sys.stdout.write(f"{name}: {hits} hits\n")
    (HERE / "tracing-injected.md").write_text(tell(found, sizes), encoding="utf-8")


if __name__ == "__main__":
    main()

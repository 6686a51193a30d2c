"""Automatic tracings of BigNeuron against the gold: which wrong parts the checks find.

A node is wrong where it lies more than 2 voxels from the gold tracing; an error is a run of wrong
nodes along the tree of 10 voxels or more, runs that fewer than three right nodes part joined.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree
from tracing_plain import ask_neurom, write_plain
from tracing_sets import read_tree

from annotator.analysis.tracing.checks import check_tree
from annotator.analysis.tracing.course import group_events, trace_course
from annotator.analysis.tracing.shape_contacts import sample_edges

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from tracing_sets import Neuron

    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.tracing import TraceFinding

WRONG_UM, LEAST_UM, NEAR_UM = 2.0, 10.0, 10.0
FALSE_PER_MM = (0.5, 1.0, 2.0, 5.0)
FALSE_POINTS = 0.014
MOST_NODES, MOST_TRACINGS = 4000, 10
SOURCES = {
    "all checks": {"structure", "shape", "image"},
    "by structure": {"structure"},
    "by shape": {"shape"},
    "by image": {"image"},
}


def study_autos(known: Sequence[Neuron], folder: Path, peers: str | None) -> dict[str, Any]:
    """Judge up to ten automatic tracings of each neuron; return recall at fixed false alerts."""
    cases = []
    for neuron in known:
        n_used = 0
        for path in sorted((folder / neuron.name).glob("[0-9]*_*.swc")):
            tree = read_tree(path)
            if n_used == MOST_TRACINGS or not 20 <= len(tree) <= MOST_NODES:
                continue
            case = judge_tracing(neuron, tree)
            if case is not None:
                cases.append({"neuron": neuron.name, "file": str(path), "tree": tree, **case})
                n_used += 1
    precision = learn_precision(cases)
    found = {name: at_fixed_alerts(cases, sources, own_rank) for name, sources in SOURCES.items()}
    everything = SOURCES["all checks"]
    found["all, ranked by other neurons"] = at_fixed_alerts(cases, everything, learned_rank)
    if peers:
        found["NeuroM"] = _ask_neurom(cases, peers)
    return {
        "n_neurons": len({case["neuron"] for case in cases}),
        "n_tracings": len(cases),
        "n_errors": sum(len(case["starts"]) for case in cases),
        "cable_mm": sum(case["cable_um"] for case in cases) / 1000,
        "wrong_share": float(np.mean([case["wrong"].mean() for case in cases])),
        "found": found,
        "precision": {name: precision[name] for name in sorted(precision)},
    }


def _ask_neurom(cases: Sequence[dict[str, Any]], python: str) -> dict[str, Any]:
    """Return what NeuroM's checks find of the same errors, scored as ours are; refusals counted."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{number}.swc") for number in range(len(cases))]
        for path, case in zip(paths, cases, strict=True):
            write_plain(Path(path), case["tree"])
        answers = ask_neurom(python, paths)
    n_refused = n_told = n_false = 0
    hits: set[tuple[int, int]] = set()
    for number, (path, case) in enumerate(zip(paths, cases, strict=True)):
        if isinstance(answers[path], str):
            n_refused += 1
            continue
        nodes = cKDTree(case["tree"].points)
        for _, *point in answers[path]:
            gaps = np.linalg.norm(case["starts"] - np.array(point), axis=1)
            near = np.flatnonzero(gaps <= NEAR_UM)
            n_told += 1
            n_false += not len(near) and not case["wrong"][int(nodes.query(point)[1])]
            hits.update((number, int(event)) for event in near)
    n_errors = sum(len(case["starts"]) for case in cases)
    cable_mm = sum(case["cable_um"] for case in cases) / 1000
    return {
        "all": {
            "recall": round(len(hits) / n_errors, 3),
            "false_per_mm": round(n_false / cable_mm, 2),
            "precision": round(1 - n_false / max(n_told, 1), 3),
        },
        "n_refused": n_refused,
    }


def judge_tracing(neuron: Neuron, tree: Tree) -> dict[str, Any] | None:
    """Return where a tracing is wrong and what is said of it.

    None where it has no error, or is wrong for the greater part: an error has then no beginning.
    """
    course = trace_course(tree)
    wrong = far_from(neuron.tree, tree, WRONG_UM)
    if wrong.mean() > 0.5:
        return None
    events = [
        rows
        for rows in group_events(course, wrong, bridge=1)
        if course.lengths[rows].sum() >= LEAST_UM
    ]
    if not events:
        return None
    return {
        "wrong": wrong,
        "starts": tree.points[[rows[0] for rows in events]],
        "findings": list(check_tree(tree, neuron.image)),
        "cable_um": float(course.lengths.sum()),
    }


def far_from(gold: Tree, tree: Tree, limit_um: float) -> NDArray[np.bool_]:
    """Return which nodes lie further from the gold tracing than a limit."""
    _, places, _ = sample_edges(trace_course(gold), 1.0)
    distance = cKDTree(places).query(tree.points)[0]
    return np.asarray(np.atleast_1d(distance) > limit_um)


def own_rank(finding: TraceFinding, case: dict[str, Any]) -> float:
    """Return the finding's own probability."""
    del case
    return finding.probability


def learned_rank(finding: TraceFinding, case: dict[str, Any]) -> float:
    """Return how often the check was right about other neurons, then its own probability."""
    right, told = case["precision"].get(finding.check, (0, 0))
    return float((right + 1) / (told + 2) + 1e-3 * finding.probability)


def learn_precision(cases: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    """Give each case how often each check was right about the other neurons; return it for all."""
    counts: dict[str, dict[str, list[int]]] = {}
    for case in cases:
        of_neuron = counts.setdefault(case["neuron"], {})
        row_of = {int(node): row for row, node in enumerate(case["tree"].ids)}
        for finding in case["findings"]:
            rows = [row_of[node] for node in finding.node_ids if node in row_of]
            gaps = np.linalg.norm(case["starts"] - np.asarray(finding.point_um), axis=1)
            entry = of_neuron.setdefault(finding.check, [0, 0])
            entry[0] += bool(gaps.min() <= NEAR_UM or case["wrong"][rows].any())
            entry[1] += 1
    whole = _total(counts, leave_out="")
    for case in cases:
        case["precision"] = _total(counts, leave_out=case["neuron"])
    return whole


def _total(counts: dict[str, dict[str, list[int]]], *, leave_out: str) -> dict[str, list[int]]:
    total: dict[str, list[int]] = {}
    for neuron, of_neuron in counts.items():
        for check, (right, told) in of_neuron.items() if neuron != leave_out else ():
            entry = total.setdefault(check, [0, 0])
            entry[0] += right
            entry[1] += told
    return total


def at_fixed_alerts(
    cases: Sequence[dict[str, Any]],
    sources: set[str],
    rank: Callable[[TraceFinding, dict[str, Any]], float],
) -> dict[str, Any]:
    """Return the share of errors found, findings taken by probability, at rates of false alerts."""
    alerts = []
    for number, case in enumerate(cases):
        tree = case["tree"]
        row_of = {int(node): row for row, node in enumerate(tree.ids)}
        for finding in case["findings"]:
            if finding.source in sources:
                rows = [row_of[node] for node in finding.node_ids if node in row_of]
                gaps = np.linalg.norm(case["starts"] - np.asarray(finding.point_um), axis=1)
                near = np.flatnonzero(gaps <= NEAR_UM)
                is_false = not len(near) and not case["wrong"][rows].any()
                alerts.append((rank(finding, case), number, near.tolist(), is_false, rows))
    alerts.sort(key=lambda alert: -alert[0])
    cable_mm = sum(case["cable_um"] for case in cases) / 1000
    n_errors = sum(len(case["starts"]) for case in cases)
    told: dict[str, Any] = {}
    for rate in FALSE_PER_MM:
        hits, n_false = _take(alerts, most_false=rate * cable_mm)
        told[f"{rate:g} false per mm"] = round(len(hits) / n_errors, 3)
    hits, n_false = _take(alerts, most_false=np.inf)
    told["all"] = {
        "recall": round(len(hits) / n_errors, 3),
        "false_per_mm": round(n_false / cable_mm, 2),
        "precision": round(1 - n_false / max(len(alerts), 1), 3),
    }
    told["points"] = _points(cases, alerts)
    return told


def _take(
    alerts: Sequence[tuple[float, int, list[int], bool, list[int]]], *, most_false: float
) -> tuple[set[tuple[int, int]], int]:
    hits: set[tuple[int, int]] = set()
    n_false = 0
    for _, number, near, is_false, _ in alerts:
        n_false += is_false
        if n_false > most_false:
            break
        hits.update((number, event) for event in near)
    return hits, n_false


def _points(
    cases: Sequence[dict[str, Any]],
    alerts: Sequence[tuple[float, int, list[int], bool, list[int]]],
) -> dict[str, float]:
    """Return the share of wrong nodes that findings cover while 1.4 % of the right ones are."""
    covered = [np.zeros(len(case["wrong"]), bool) for case in cases]
    n_right = sum(int((~case["wrong"]).sum()) for case in cases)
    n_wrong = sum(int(case["wrong"].sum()) for case in cases)
    n_false = n_true = 0
    for _, number, _, _, rows in alerts:
        new = [row for row in rows if not covered[number][row]]
        false = int((~cases[number]["wrong"][new]).sum()) if new else 0
        if n_false + false > FALSE_POINTS * n_right:
            break
        covered[number][rows] = True
        n_false += false
        n_true += len(new) - false
    return {"recall": round(n_true / n_wrong, 3), "false": round(n_false / n_right, 4)}

"""Checks of tracings by shape and by image: what they find, and what they say of gold tracings.

``python docs/studies/tracing.py --data DIR [--peers PYTHON] --output docs/studies/tracing.json``
writes the numbers of docs/studies/tracing.md. ``DIR`` holds ``bigneuron/`` and ``rivulet/``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tracing_autos import study_autos
from tracing_plain import ask_neurom, write_plain
from tracing_sets import Neuron, neurons, put_in

from annotator.analysis.tracing.checks import check_tree
from annotator.analysis.tracing.threshold_calibration import calibrate
from annotator.analysis.tracing.thresholds import DEFAULT_THRESHOLDS, Thresholds
from annotator.analysis.tracing.tree import edge_lengths

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from annotator.domain.tracing import TraceFinding

NEAR_UM = 10.0
KINDS: dict[str, frozenset[str]] = {
    "branch left out": frozenset({"missed-branch", "missed-continuation"}),
    "tip cut off": frozenset({"missed-branch", "missed-continuation"}),
    "piece left out": frozenset({"loose-part", "fragment", "missed-continuation"}),
    "beside the middle by 4": frozenset({"off-middle", "dark-path"}),
    "radius × 4": frozenset({"wrong-radius", "radius-jump", "thick-branch"}),
    "false branch": frozenset({"dark-path"}),
    "exchanged at a crossing": frozenset(
        {"crossing-bend", "crossing-brightness", "wrong-crossing", "back-track", "sharp-turn"}
    ),
}
PEER_CHECKS = {
    "piece left out": {"has_no_dangling_branch"},
    "radius × 4": {"has_no_narrow_start", "has_no_fat_ends"},
    "exchanged at a crossing": {"has_no_back_tracking", "has_no_overlapping_point"},
}
N_SEEDS = 5


def main() -> None:
    """Run all parts and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peers", help="a Python that has NeuroM")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    arguments = parser.parse_args()
    began = time.process_time()
    known = list(neurons(arguments.data))
    numbers: dict[str, Any] = {"clean": study_clean(known)}
    say(began, "gold tracings looked at")
    numbers["injected"] = study_injected(known, arguments.seeds, arguments.peers)
    say(began, "errors put in")
    projections = [one for one in known if one.is_projection]
    numbers["automatic"] = study_autos(projections, arguments.data / "bigneuron", arguments.peers)
    numbers["cpu_s"] = round(time.process_time() - began, 1)
    say(began, "automatic tracings looked at")
    arguments.output.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def say(began: float, what: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"{time.process_time() - began:6.0f} s of the processor: {what}\n")


def calibrated(neuron: Neuron, known: Sequence[Neuron]) -> Thresholds:
    """Return thresholds from the other neurons of the same kind of image."""
    others = [
        one for one in known if one is not neuron and one.is_projection == neuron.is_projection
    ]
    trees, images = [one.tree for one in others], [one.image for one in others]
    return calibrate(trees, images).thresholds


def study_clean(known: Sequence[Neuron]) -> dict[str, Any]:
    """Count what is said of gold tracings, with thresholds as given and calibrated on others."""
    rows = []
    for neuron in known:
        counts = {}
        for name, limits in (
            ("default", DEFAULT_THRESHOLDS),
            ("calibrated", calibrated(neuron, known)),
        ):
            found = check_tree(neuron.tree, neuron.image, limits)
            counts[name] = dict(Counter(one.check for one in found))
            counts[f"{name}: no hints"] = dict(
                Counter(one.check for one in found if one.severity != "hint")
            )
        cable = float(edge_lengths(neuron.tree).sum())
        rows.append(
            {"neuron": neuron.name, "n_nodes": len(neuron.tree), "cable_um": cable, **counts}
        )
    return {"neurons": rows}


def study_injected(
    known: Sequence[Neuron], n_seeds: int, peers: str | None
) -> dict[str, dict[str, Any]]:
    """Put every kind of error into every neuron; count what is newly said, and where."""
    tried: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, tuple[dict[str, Any], NDArray[np.float64]]] = {}
        for neuron in known:
            before = check_tree(neuron.tree, neuron.image)
            own = calibrated(neuron, known)
            before_own = check_tree(neuron.tree, neuron.image, own)
            for kind in KINDS:
                # The largest volume costs as much as all others together: one seed is enough.
                for seed in range(n_seeds if len(neuron.tree) < 1200 else 1):
                    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
                    wrong = put_in(neuron, kind, rng)
                    if wrong is None:
                        continue
                    found = check_tree(wrong.tree, neuron.image)
                    flat = [1.0, 1.0, 0.0 if neuron.is_projection else 1.0]
                    entry = {"neuron": neuron.name, "is_seen": wrong.is_seen}
                    entry |= judge(before, found, wrong.points_um, KINDS[kind], flat)
                    found = check_tree(wrong.tree, neuron.image, own)
                    entry["calibrated"] = judge(
                        before_own, found, wrong.points_um, KINDS[kind], flat
                    )
                    tried[kind].append(entry)
                    if peers and kind in PEER_CHECKS:
                        path = Path(folder) / f"{neuron.name}-{len(files)}.swc"
                        write_plain(path, wrong.tree)
                        files[str(path)] = (entry, wrong.points_um)
            if peers:
                write_plain(Path(folder) / f"{neuron.name}.swc", neuron.tree)
        if peers:
            ask_peers(peers, files, tried)
    return {kind: summary(entries) for kind, entries in tried.items()}


def judge(
    before: Collection[TraceFinding],
    found: Collection[TraceFinding],
    places: NDArray[np.float64],
    expected: Collection[str],
    flat: Sequence[float],
) -> dict[str, Any]:
    """Return what is newly said: near the error by the checks meant for it, and elsewhere."""
    known = {(one.check, one.node_id) for one in before}
    new = [one for one in found if (one.check, one.node_id) not in known]
    scale = np.asarray(flat)
    distances = [
        float(np.linalg.norm((np.asarray(one.point_um) - places) * scale, axis=1).min())
        for one in new
    ]
    near = [
        (distance, one) for distance, one in zip(distances, new, strict=True) if distance <= NEAR_UM
    ]
    hits = [(distance, one.check) for distance, one in near if one.check in expected]
    return {
        "hit": bool(hits),
        "any": bool(near),
        "off_um": min(hits)[0] if hits else None,
        "by": min(hits)[1] if hits else None,
        "elsewhere": len(new) - len(near),
    }


def ask_peers(
    python: str,
    files: dict[str, tuple[dict[str, Any], NDArray[np.float64]]],
    tried: dict[str, list[dict[str, Any]]],
) -> None:
    """Add to each entry what NeuroM newly says near the error."""
    folder = Path(next(iter(files))).parent
    clean = {str(path.stem): str(path) for path in folder.glob("*.swc") if str(path) not in files}
    answers = ask_neurom(python, [*files, *clean.values()])
    kind_of = {id(entry): kind for kind, entries in tried.items() for entry in entries}
    for path, (entry, places) in files.items():
        said, before = answers[path], answers[clean[entry["neuron"]]]
        if isinstance(said, str):
            entry["neurom"] = "refused"
            continue
        known = {tuple(one) for one in before} if isinstance(before, list) else set()
        wanted = PEER_CHECKS[kind_of[id(entry)]]
        entry["neurom"] = any(
            name in wanted
            and (name, *point) not in known
            and np.linalg.norm(np.array(point) - places, axis=1).min() <= NEAR_UM
            for name, *point in said
        )


def summary(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return recall with its interval over neurons, and false alerts, of one kind of error."""
    seen = [entry for entry in entries if entry["is_seen"]]
    offs = [entry["off_um"] for entry in entries if entry["off_um"] is not None]
    told = [entry["neurom"] for entry in entries if "neurom" in entry]
    return {
        "n": len(entries),
        "recall": recall(entries, lambda entry: entry["hit"]),
        "n_seen": len(seen),
        "recall_seen": recall(seen, lambda entry: entry["hit"]),
        "recall_any": recall(entries, lambda entry: entry["any"]),
        "recall_calibrated": recall(entries, lambda entry: entry["calibrated"]["hit"]),
        "off_um": float(np.median(offs)) if offs else None,
        "elsewhere": float(np.mean([entry["elsewhere"] for entry in entries])),
        "by": dict(Counter(entry["by"] for entry in entries if entry["by"])),
        "neurom": sum(one is True for one in told) / len(told) if told else None,
        "neurom_refused": sum(one == "refused" for one in told),
    }


def recall(entries: Sequence[dict[str, Any]], is_hit: Any) -> list[float]:  # noqa: ANN401
    """Return the share and its 95 % interval, neurons drawn anew."""
    if not entries:
        return []
    by_neuron: dict[str, list[bool]] = defaultdict(list)
    for entry in entries:
        by_neuron[entry["neuron"]].append(bool(is_hit(entry)))
    groups = list(by_neuron.values())
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(1000):
        picked = [groups[k] for k in rng.integers(0, len(groups), len(groups))]
        drawn.append(float(np.mean(np.concatenate(picked))))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return [round(float(v), 3) for v in (np.mean(np.concatenate(groups)), low, high)]


if __name__ == "__main__":
    main()

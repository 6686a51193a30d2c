"""HD95 and surface Dice of all pairs of ten readings, against MONAI and medpy by their definitions.

The readings are those of ``bench_fusion.py``: simulated on 512 x 512 x 300, and real pictures of
cells (BU-BIL). Peers get the box around all readings, which spares medpy most of its work; on the
volumes they measure ``--pairs`` of the 45 pairs, which are taken times 45 / pairs. Ours measures
all 45 from the vote patterns, in the median of five.

``pip install monai medpy -c constraints.txt`` first: what is missing is said and left out.

``python tests/benchmarks/bench_surface.py [--pairs 3]``
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.analysis import kernels
from annotator.analysis.runs import encode
from annotator.analysis.surface import SurfaceDefinition, SurfaceDistance, surface_distances
from annotator.analysis.votes import bounding_box, merge_votes
from tests.benchmarks.reading_sets import (
    ROUGHNESS_MM,
    SPACING,
    readings,
    real_readings,
    row,
    say,
    timed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Masks = Sequence[NDArray[np.bool_]]
    Spacing = tuple[float, float, float]

TOLERANCE_MM = 1.25
REPEATS = 5


def monai(first: NDArray[np.bool_], second: NDArray[np.bool_], spacing: Spacing) -> list[float]:
    """Return MONAI's HD95 and surface Dice."""
    import torch
    from monai import metrics

    peer: Any = metrics
    pair = [torch.from_numpy(np.squeeze(mask))[None, None] for mask in (first, second)]
    own = spacing[-(pair[0].ndim - 2) :]
    hd95 = peer.compute_hausdorff_distance(
        *pair, include_background=True, percentile=95, spacing=own
    )
    dice = peer.compute_surface_dice(*pair, [TOLERANCE_MM], include_background=True, spacing=own)
    return [float(hd95), float(dice)]


def medpy(first: NDArray[np.bool_], second: NDArray[np.bool_], spacing: Spacing) -> list[float]:
    """Return medpy's HD95."""
    from medpy.metric.binary import hd95

    pair = [np.squeeze(mask) for mask in (first, second)]
    return [float(hd95(*pair, voxelspacing=spacing[-pair[0].ndim :]))]


PEERS: tuple[tuple[str, SurfaceDefinition, Callable[..., list[float]], str], ...] = (
    ("monai", "directed", monai, "MONAI HD95 and surface Dice"),
    ("medpy", "pooled", medpy, "medpy HD95"),
)


def measure(name: str, sets: Sequence[Masks], spacing: Spacing, n_pairs: int) -> None:
    """Print the table of some sets of readings, the times of all sets added."""
    n_all = 45
    chosen = list(itertools.combinations(range(10), 2))[:: max(1, n_all // n_pairs)][:n_pairs]
    say(f"{name}: {len(sets)} x {n_all} pairs, spacing {spacing} mm, tolerance {TOLERANCE_MM} mm")
    voted = [
        merge_votes([encode(mask.view(np.uint8)) for mask in masks], labels=[1]) for masks in sets
    ]
    for module, definition, peer, title in PEERS:

        def ours(definition: SurfaceDefinition = definition) -> list[tuple[SurfaceDistance, ...]]:
            return [
                surface_distances(
                    votes, 1, spacing, definition=definition, tolerance_mm=TOLERANCE_MM
                )
                for votes in voted
            ]

        found, seconds = timed(ours, REPEATS)
        if find_spec(module) is None:
            say(f"  {title}: left out, {module} is not installed")
            row(f"ours, {definition}", seconds)
            continue
        theirs_s, error = 0.0, 0.0
        for masks, votes, pairs in zip(sets, voted, found, strict=True):
            box = bounding_box(votes, (votes.patterns != 0).any(axis=1))
            assert box is not None
            part = tuple(slice(low, high) for low, high in zip(*box, strict=True))
            own = {(pair.first, pair.second): pair for pair in pairs}
            for pair in chosen:
                both = [np.ascontiguousarray(masks[rater][part]) for rater in pair]
                begin = time.perf_counter()
                theirs = peer(*both, spacing)
                theirs_s += time.perf_counter() - begin
                mine = own[pair].hd95_mm, own[pair].surface_dice
                error = max(
                    error, *(abs((a or 0.0) - b) for a, b in zip(mine, theirs, strict=False))
                )
        theirs_s *= n_all / len(chosen)
        note = "" if len(chosen) == n_all else f"(from {len(chosen)} pairs)"
        row(f"{title} {note}", theirs_s)
        row(f"ours, {definition}", seconds, theirs_s, f"largest difference {error:.1e}")
    _, seconds = timed(lambda: [surface_distances(votes, 1, spacing) for votes in voted], REPEATS)
    row("ours, surfels", seconds)
    with kernels.without_kernels():
        _, seconds = timed(lambda: [surface_distances(votes, 1, spacing) for votes in voted], 1)
    row("ours, surfels, in numpy alone", seconds)


def main() -> None:
    """Measure simulated and real readings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3, help="pairs that peers measure on volumes")
    n_pairs = min(45, max(1, parser.parse_args().pairs))
    warnings.simplefilter("ignore")
    if find_spec("monai"):
        import torch
        from monai import metrics

        say(f"torch on {torch.get_num_threads()} threads, {metrics.__name__} imported")
    for name, roughness_mm in ROUGHNESS_MM.items():
        measure(name, [[mask > 0 for mask in readings(roughness_mm)]], SPACING, n_pairs)
    pictures = [[mask > 0 for mask in masks] for masks in real_readings()]
    if pictures:
        measure("real (BU-BIL)", pictures, (1.0, 1.0, 1.0), 45)


if __name__ == "__main__":
    main()

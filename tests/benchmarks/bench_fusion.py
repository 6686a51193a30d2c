"""Fusion and agreement of ten readings of one label on 512 x 512 x 300, from a stored project.

The readings are simulated from an ellipsoid of 5 % of the volume: once with smooth outlines, once
ragged voxel by voxel. Peers run once on arrays that are already in memory; ours starts from the
project on disk each time, where the row does not say otherwise, and is the median of seven.
``first use`` is the first call in a new process, opening the project included, imports not.

``python tests/benchmarks/bench_fusion.py [--without-peers]``
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins"))
sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.analysis.disagreement import find_regions
from annotator.analysis.overlap import mean_entropy_bits, measure_overlap, voxel_kappa
from annotator.analysis.ranking import case_score
from annotator.analysis.runs import MaskRuns, encode
from annotator.analysis.simulate import SimulatedRater, simulate_reading
from annotator.analysis.surface import surface_distances
from annotator.analysis.votes import VoteRuns, count_near, merge_votes, spread, to_dense
from annotator.api import FusedPatterns, VotePatterns, series_id
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Label, LabelSchema
from annotator.domain.study import Series
from annotator.store import Store
from annotator_builtins.staple import Staple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

SHAPE = (300, 512, 512)
SPACING = (1.5, 0.8, 0.8)
N_RATERS = 10
REPEATS = 7
GEOMETRY = Geometry(shape=SHAPE, spacing_mm=SPACING)
SCHEMA = LabelSchema(
    name="liver", title="Liver", labels=(Label(value=1, name="liver", color="#cc3333"),)
)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def readings(roughness_mm: float) -> list[NDArray[np.uint8]]:
    """Return ten simulated masks ``(z, y, x)``."""
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    squared = ((z - 150) / 75.0) ** 2 + ((y - 250) / 110.0) ** 2 + ((x - 220) / 115.0) ** 2
    truth = (squared < 1).astype(np.uint8)
    bias = np.random.default_rng(1).normal(0.0, 0.5, N_RATERS)
    return [
        simulate_reading(
            truth,
            SPACING,
            SimulatedRater(
                bias_mm=float(bias[number]),
                wobble_mm=0.8,
                wobble_size_mm=8.0,
                roughness_mm=roughness_mm,
            ),
            seed=number,
        ).astype(np.uint8)
        for number in range(N_RATERS)
    ]


def make_project(location: Path, masks: Sequence[NDArray[np.uint8]]) -> None:
    """Create a project with one case and these readings."""
    voxels = np.zeros(SHAPE, np.uint8)
    series = Series(
        series_id=series_id(GEOMETRY, voxels),
        kind="volume",
        modality="CT",
        description="benchmark",
        geometry=GEOMETRY,
        dtype="uint8",
    )
    with Store.create(location, title="benchmark", schema=SCHEMA) as store:
        store.add_series(series, voxels, actor="system")
        case = store.add_case("liver", [series.series_id], actor="system")
        for number, mask in enumerate(masks):
            rater = store.add_rater(f"rater {number}", actor="system")
            store.add_annotation(
                case.case_id, rater.rater_id, encode(mask), Diagnosis(), actor="system"
            )


def stored(store: Store) -> tuple[MaskRuns, ...]:
    """Return the masks of all readings, in the order of the raters."""
    order = {rater.rater_id: number for number, rater in enumerate(store.raters())}
    found = sorted(store.annotations(), key=lambda entry: order[entry.rater_id])
    return store.annotation_masks([entry.annotation_id for entry in found])


def fuse(store: Store, region: str = "full") -> tuple[VoteRuns, FusedPatterns, MaskRuns]:
    """Run STAPLE from the stored readings to the fused label, its probability and the raters."""
    votes = merge_votes(stored(store), labels=[1])
    patterns = VotePatterns(
        rater_ids=tuple(str(number) for number in range(N_RATERS)),
        patterns=votes.patterns,
        counts=votes.counts,
        labels=votes.labels,
        voxel_mm3=GEOMETRY.voxel_mm3,
        n_near=count_near(votes) if region == "union" else None,
    )
    method = Staple()
    fused = method.fuse(patterns, method.parameters(region=region))
    return votes, fused, spread(votes, fused.chosen)


def fuse_dense(store: Store) -> NDArray[np.float32]:
    """Run STAPLE from the stored readings to a dense probability map ``(z, y, x)``."""
    votes, fused, _ = fuse(store)
    return to_dense(votes, fused.probability[:, 1], np.float32)


def agree(store: Store) -> tuple[NDArray[np.float64], float, float]:
    """Return Dice of all pairs, kappa and mean entropy from the stored readings."""
    return agree_runs(stored(store))


def agree_runs(masks: Sequence[MaskRuns]) -> tuple[NDArray[np.float64], float, float]:
    """Return the same three from the runs."""
    votes = merge_votes(masks, labels=[1])
    kappa = voxel_kappa(votes)
    assert kappa is not None
    return measure_overlap(votes, GEOMETRY.voxel_mm3).dice[0], kappa, mean_entropy_bits(votes)


def agree_numpy(masks: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.float64], float, float]:
    """Return the same three from dense arrays ``(z, y, x)`` with numpy."""
    drawn = [mask != 0 for mask in masks]
    sizes = [np.count_nonzero(mask) for mask in drawn]
    dice = np.eye(N_RATERS)
    for first, second in itertools.combinations(range(N_RATERS), 2):
        shared = np.count_nonzero(drawn[first] & drawn[second])
        dice[first, second] = dice[second, first] = 2 * shared / (sizes[first] + sizes[second])
    tally = np.zeros(SHAPE, np.uint8)
    for mask in drawn:
        tally += mask
    share = tally / N_RATERS
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = np.nan_to_num(share * np.log2(share)) + np.nan_to_num(
            (1 - share) * np.log2(1 - share)
        )
    pairs = tally.astype(np.float64) ** 2 + (N_RATERS - tally.astype(np.float64)) ** 2 - N_RATERS
    observed = float(pairs.mean()) / (N_RATERS * (N_RATERS - 1))
    expected = float(share.mean() ** 2 + (1 - share.mean()) ** 2)
    return dice, (observed - expected) / (1 - expected), float(-entropy.mean())


def timed(run: Callable[[], Any], repeats: int = REPEATS) -> tuple[Any, float]:
    """Return the last result and the median wall time in seconds."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - begin)
    return result, float(np.median(times))


def first_use(location: Path, what: str) -> float:
    """Return how long the first call takes in a new process, in seconds."""
    command = [sys.executable, __file__, "--first", what, str(location)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(found.stdout)


def row(name: str, seconds: float, peer: float | None = None, first: float | None = None) -> None:
    """Print one line of the table."""
    ratio = f"{peer / seconds:8.0f} x" if peer else " " * 10
    cold = f"   first use {first * 1e3:7.0f} ms" if first else ""
    say(f"  {name:<58}{seconds * 1e3:10.1f} ms {ratio}{cold}")


def staple_peer(masks: Sequence[NDArray[np.uint8]]) -> tuple[Any, Any, float]:
    """Run SimpleITK's STAPLE once: filter, posterior ``(z, y, x)``, seconds."""
    import SimpleITK as sitk

    images = [sitk.GetImageFromArray(mask) for mask in masks]
    oracle = sitk.STAPLEImageFilter()
    oracle.SetForegroundValue(1)
    begin = time.perf_counter()
    posterior = oracle.Execute(images)
    seconds = time.perf_counter() - begin
    return oracle, sitk.GetArrayFromImage(posterior), seconds


def measure(name: str, roughness_mm: float, *, with_peers: bool) -> None:
    """Print the table of one set of readings."""
    masks = readings(roughness_mm)
    n_runs = sum(len(runs.ends) for mask in masks for runs in encode(mask).slabs.values())
    say(f"{name}: {N_RATERS} readings, {SHAPE} voxels, {n_runs} runs")
    with tempfile.TemporaryDirectory() as directory:
        location = Path(directory) / "project"
        make_project(location, masks)
        with Store.open(location, read_only=True) as store:
            _measure_fusion(store, location, masks, with_peers=with_peers)
            _measure_agreement(store, location, masks, with_peers=with_peers)
            _measure_rest(store)


def _measure_fusion(
    store: Store, location: Path, masks: Sequence[NDArray[np.uint8]], *, with_peers: bool
) -> None:
    peer = None
    (votes, fused, _), seconds = timed(lambda: fuse(store))
    dense, dense_seconds = timed(lambda: fuse_dense(store), 3)
    if with_peers:
        oracle, posterior, peer = staple_peer(masks)
        row("SimpleITK STAPLE, arrays in memory", peer)
        error = float(
            np.abs(to_dense(votes, fused.probability[:, 1], np.float64) - posterior).max()
        )
        rates = [
            (entry.sensitivity or 0.0, entry.specificity or 0.0) for entry in fused.performance
        ]
        theirs = np.stack([oracle.GetSensitivity(), oracle.GetSpecificity()], axis=1)
        off = float(np.abs(np.array(rates) - theirs).max())
        say(f"    largest difference: posterior {error:.1e}, sensitivity or specificity {off:.1e}")
    assert dense.shape == SHAPE
    cold = first_use(location, "fuse")
    row("STAPLE from the project: labels, raters, posterior as runs", seconds, peer, cold)
    row("... and a dense posterior, float32", dense_seconds, peer)
    _, seconds = timed(lambda: fuse(store, "union"))
    row("... by default, within 3 voxels of a drawing", seconds, peer)


def _measure_agreement(
    store: Store, location: Path, masks: Sequence[NDArray[np.uint8]], *, with_peers: bool
) -> None:
    peer = None
    (dice, kappa, entropy), seconds = timed(lambda: agree(store))
    if with_peers:
        (their_dice, their_kappa, their_entropy), peer = timed(lambda: agree_numpy(masks), 1)
        row("numpy: Dice of 45 pairs, kappa, entropy, arrays in memory", peer)
        say(
            f"    largest difference: Dice {np.abs(dice - their_dice).max():.1e}, "
            f"kappa {abs(kappa - their_kappa):.1e}, entropy {abs(entropy - their_entropy):.1e}"
        )
    row("Dice, kappa, entropy from the project", seconds, peer, first_use(location, "agree"))
    runs = stored(store)
    _, seconds = timed(lambda: agree_runs(runs))
    row("... from runs in memory", seconds, peer)


def _measure_rest(store: Store) -> None:
    masks, seconds = timed(lambda: stored(store))
    row("  of which reading the ten masks from the project", seconds)
    votes, seconds = timed(lambda: merge_votes(masks, labels=[1]))
    row("  of which merging their runs", seconds)
    rater_ids = [str(number) for number in range(N_RATERS)]
    (findings, _), seconds = timed(
        lambda: find_regions(votes, GEOMETRY, rater_ids=rater_ids, case_id="liver", schema=SCHEMA),
        3,
    )
    row(f"disputed regions ({len(findings)})", seconds)
    _, seconds = timed(
        lambda: case_score(votes, GEOMETRY, findings, case_id="liver", schema=SCHEMA), 3
    )
    row("case score", seconds)
    _, seconds = timed(lambda: surface_distances(votes, 1, SPACING), 1)
    row("HD95 and mean surface distance of 45 pairs", seconds)


def main() -> None:
    """Measure both sets; ``--first`` is this script calling itself."""
    if "--first" in sys.argv:
        what, location = sys.argv[-2:]
        begin = time.perf_counter()
        with Store.open(location, read_only=True) as store:
            (fuse if what == "fuse" else agree)(store)
        say(str(time.perf_counter() - begin))
        return
    for name, roughness_mm in (("smooth", 0.0), ("ragged", 0.8)):
        measure(name, roughness_mm, with_peers="--without-peers" not in sys.argv)


if __name__ == "__main__":
    main()

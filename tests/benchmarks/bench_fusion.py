"""Fusion and agreement of ten readings of one label on 512 x 512 x 300, from a stored project.

The readings are simulated from an ellipsoid of 5 % of the volume: once with smooth outlines, once
ragged voxel by voxel, once smooth with three labels. Real ones follow: pictures of cells (BU-BIL).
Peers run once on arrays that are already in memory; ours starts from the project on disk each time,
where the row does not say otherwise, and is the median of seven. ``first use`` is the first call in
a new process, opening the project included, imports not. ``MB`` is by how much memory grows.

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
from annotator.analysis.votes import VoteRuns, count_near, merge_votes, spread, to_dense
from annotator.api import FusedPatterns, VotePatterns, series_id
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Label, LabelSchema
from annotator.domain.study import Series
from annotator.store import Store
from annotator_builtins.staple import Staple
from tests.benchmarks.reading_sets import (
    N_RATERS,
    ROUGHNESS_MM,
    SHAPE,
    SPACING,
    peak_mb,
    readings,
    real_readings,
    row,
    say,
    timed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

REPEATS = 7
GEOMETRY = Geometry(shape=SHAPE, spacing_mm=SPACING)
SCHEMA = LabelSchema(
    name="liver",
    title="Liver",
    labels=tuple(Label(value=n, name=f"part {n}", color=f"#cc33{n}3") for n in (1, 2, 3)),
)


def make_project(
    location: Path, masks: Sequence[NDArray[np.uint8]], geometry: Geometry = GEOMETRY
) -> None:
    """Create a project with one case and these readings."""
    voxels = np.zeros(geometry.shape, np.uint8)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="CT",
        description="benchmark",
        geometry=geometry,
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


def fuse(
    store: Store, region: str = "full", labels: Sequence[int] = (1,)
) -> tuple[VoteRuns, FusedPatterns, MaskRuns]:
    """Run STAPLE from the stored readings to the fused label, its probability and the raters."""
    votes, fused = fuse_runs(stored(store), region, labels)
    return votes, fused, spread(votes, fused.chosen)


def fuse_arrays(masks: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Run STAPLE from dense arrays to the fused label, dense ``(z, y, x)``."""
    votes, fused = fuse_runs([encode(mask) for mask in masks])
    return to_dense(votes, fused.chosen, np.uint8)


def fuse_runs(
    masks: Sequence[MaskRuns], region: str = "full", labels: Sequence[int] = (1,)
) -> tuple[VoteRuns, FusedPatterns]:
    """Run STAPLE from runs to the posterior of each vote pattern."""
    votes = merge_votes(masks, labels=labels)
    patterns = VotePatterns(
        rater_ids=tuple(str(number) for number in range(len(masks))),
        patterns=votes.patterns,
        counts=votes.counts,
        labels=votes.labels,
        voxel_mm3=GEOMETRY.voxel_mm3,
        n_near=count_near(votes) if region == "union" else None,
    )
    method = Staple()
    return votes, method.fuse(patterns, method.parameters(region=region))


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


def first_use(location: Path, what: str) -> float:
    """Return how long the first call takes in a new process, in seconds."""
    command = [sys.executable, __file__, "--first", what, str(location)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(found.stdout)


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


def labels_peer(masks: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], float]:
    """Run SimpleITK's STAPLE of several labels once: fused labels ``(z, y, x)``, seconds."""
    import SimpleITK as sitk

    images = [sitk.GetImageFromArray(mask) for mask in masks]
    begin = time.perf_counter()
    fused = sitk.MultiLabelSTAPLE(images)
    seconds = time.perf_counter() - begin
    return sitk.GetArrayFromImage(fused), seconds


def measure_labels(*, with_peers: bool) -> None:
    """Print the table of readings of three labels."""
    masks = readings(0.0, n_labels=3)
    say(f"three labels: {N_RATERS} readings, {SHAPE} voxels")
    with tempfile.TemporaryDirectory() as directory:
        location = Path(directory) / "project"
        make_project(location, masks)
        with Store.open(location, read_only=True) as store:
            (votes, fused, _), seconds = timed(lambda: fuse(store, labels=(1, 2, 3)), REPEATS)
            peer = None
            if with_peers:
                theirs, peer = labels_peer(masks)
                row("SimpleITK MultiLabelSTAPLE, arrays in memory", peer)
                ours = to_dense(votes, fused.chosen, np.uint8)
                say(f"    voxels with the same label: {float((ours == theirs).mean()):.7%}")
            row("STAPLE of three labels from the project", seconds, peer)


def measure_real(*, with_peers: bool) -> None:
    """Print the table of real readings: pictures, one after the other."""
    pictures = real_readings()
    ours, peer, error = 0.0, 0.0, 0.0
    for masks in pictures:
        with tempfile.TemporaryDirectory() as directory:
            location = Path(directory) / "project"
            make_project(location, masks, Geometry(shape=masks[0].shape))
            with Store.open(location, read_only=True) as store:
                (votes, fused, _), seconds = timed(lambda: fuse(store), REPEATS)
        ours += seconds
        if with_peers:
            _, posterior, seconds = staple_peer(masks)
            peer += seconds
            dense = to_dense(votes, fused.probability[:, 1], np.float64)
            error = max(error, float(np.abs(dense - posterior).max()))
    if pictures:
        say(f"real: ten people's readings of {len(pictures)} pictures (BU-BIL)")
        if with_peers:
            row("SimpleITK STAPLE of all, arrays in memory", peer)
            say(f"    largest difference of the posterior {error:.1e}")
        row("STAPLE of all from their projects", ours, peer)


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
    (votes, fused, _), seconds = timed(lambda: fuse(store), REPEATS)
    dense, dense_seconds = timed(lambda: fuse_dense(store), 3)
    if with_peers:
        found: list[tuple[Any, Any, float]] = []
        peer_mb = peak_mb(lambda: found.append(staple_peer(masks)))
        oracle, posterior, peer = found.pop()
        row("SimpleITK STAPLE, arrays in memory", peer, note=f"{peer_mb:.0f} MB with its copies")
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
    own_mb = peak_mb(lambda: fuse(store))
    cold = f"first use {first_use(location, 'fuse') * 1e3:.0f} ms, {own_mb:.0f} MB"
    row("STAPLE from the project: labels, raters, posterior as runs", seconds, peer, cold)
    consensus, seconds = timed(lambda: fuse_arrays(masks), REPEATS)
    assert (consensus == to_dense(votes, fused.chosen, np.uint8)).all()
    row("STAPLE from arrays in memory to a dense consensus, uint8", seconds, peer)
    row("... and a dense posterior, float32", dense_seconds, peer)
    _, seconds = timed(lambda: fuse(store, "union"), REPEATS)
    row("... by default, within 3 voxels of a drawing", seconds, peer)


def _measure_agreement(
    store: Store, location: Path, masks: Sequence[NDArray[np.uint8]], *, with_peers: bool
) -> None:
    peer = None
    (dice, kappa, entropy), seconds = timed(lambda: agree(store), REPEATS)
    if with_peers:
        (their_dice, their_kappa, their_entropy), peer = timed(lambda: agree_numpy(masks), 1)
        row("numpy: Dice of 45 pairs, kappa, entropy, arrays in memory", peer)
        say(
            f"    largest difference: Dice {np.abs(dice - their_dice).max():.1e}, "
            f"kappa {abs(kappa - their_kappa):.1e}, entropy {abs(entropy - their_entropy):.1e}"
        )
    cold = f"first use {first_use(location, 'agree') * 1e3:.0f} ms"
    row("Dice, kappa, entropy from the project", seconds, peer, cold)
    runs = stored(store)
    _, seconds = timed(lambda: agree_runs(runs), REPEATS)
    row("... from runs in memory", seconds, peer)


def _measure_rest(store: Store) -> None:
    masks, seconds = timed(lambda: stored(store), REPEATS)
    row("  of which reading the ten masks from the project", seconds)
    votes, seconds = timed(lambda: merge_votes(masks, labels=[1]), REPEATS)
    row("  of which merging their runs", seconds)
    _, seconds = timed(lambda: count_near(votes), REPEATS)
    row("  of which counting what lies within three voxels", seconds)
    rater_ids = [str(number) for number in range(N_RATERS)]
    (findings, _), seconds = timed(
        lambda: find_regions(votes, GEOMETRY, rater_ids=rater_ids, case_id="liver", schema=SCHEMA),
        3,
    )
    row(f"disputed regions ({len(findings)})", seconds)
    _, seconds = timed(
        lambda: case_score([votes], GEOMETRY, findings, case_id="liver", schema=SCHEMA), 3
    )
    row("case score", seconds)


def main() -> None:
    """Measure both sets; ``--first`` is this script calling itself."""
    if "--first" in sys.argv:
        what, location = sys.argv[-2:]
        begin = time.perf_counter()
        with Store.open(location, read_only=True) as store:
            (fuse if what == "fuse" else agree)(store)
        say(str(time.perf_counter() - begin))
        return
    with_peers = "--without-peers" not in sys.argv
    for name, roughness_mm in ROUGHNESS_MM.items():
        measure(name, roughness_mm, with_peers=with_peers)
    measure_labels(with_peers=with_peers)
    measure_real(with_peers=with_peers)


if __name__ == "__main__":
    main()

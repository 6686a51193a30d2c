"""What fusion costs with more raters, more voxels and more labels, against SimpleITK; as a picture.

STAPLE of simulated readings with smooth outlines, from runs in memory to the fused label as runs,
and the peer from arrays in memory, once, both in seconds of the processor. Without ``--picture``
only the table is printed.

``python tests/benchmarks/bench_scaling.py [--picture docs/pictures/fusion-cost.png]``
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins"))
sys.path.insert(0, str(Path(__file__).parents[2]))

from annotator.analysis.runs import MaskRuns, encode
from annotator.analysis.votes import merge_votes, spread
from annotator.api import VotePatterns
from annotator_builtins.staple import Staple
from tests.benchmarks.reading_sets import readings, row, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

SMALL = (80, 144, 144)
RATERS = (2, 4, 8, 16)
LABELS = (1, 2, 4, 8)
SHAPES = ((20, 36, 36), (40, 72, 72), SMALL, (160, 288, 288))
N_RATERS, N_LABELS = 5, 1
REPEATS = 5

Point = tuple[float, float, float]
"""What was varied; ours and the peer's, seconds."""


def fuse(masks: Sequence[MaskRuns], labels: Sequence[int]) -> MaskRuns:
    """Return the fused label by STAPLE over the full field of view."""
    votes = merge_votes(masks, labels=labels)
    patterns = VotePatterns(
        rater_ids=tuple(str(number) for number in range(len(masks))),
        patterns=votes.patterns,
        counts=votes.counts,
        labels=votes.labels,
        voxel_mm3=1.0,
    )
    method = Staple()
    return spread(votes, method.fuse(patterns, method.parameters(region="full")).chosen)


def peer(masks: Sequence[NDArray[np.uint8]], n_labels: int) -> float:
    """Return how long SimpleITK takes, in seconds."""
    import SimpleITK as sitk

    images = [sitk.GetImageFromArray(mask) for mask in masks]
    begin = time.process_time()
    if n_labels > 1:
        sitk.MultiLabelSTAPLE(images)
    else:
        one = sitk.STAPLEImageFilter()
        one.SetForegroundValue(1)
        one.Execute(images)
    return time.process_time() - begin


def measure(
    value: float,
    shape: tuple[int, int, int] = SMALL,
    n_raters: int = N_RATERS,
    n_labels: int = N_LABELS,
) -> Point:
    """Return one point of a curve."""
    masks = readings(0.0, n_labels=n_labels, n_raters=n_raters, shape=shape)
    runs, labels = [encode(mask) for mask in masks], range(1, n_labels + 1)
    begin = time.process_time()
    for _ in range(REPEATS):
        fuse(runs, labels)
    seconds = (time.process_time() - begin) / REPEATS
    theirs = peer(masks, n_labels)
    row(f"{shape} voxels, {n_raters} raters, {n_labels} labels", seconds, theirs)
    return value, seconds, theirs


def draw(curves: Sequence[tuple[str, Sequence[Point]]], path: Path) -> None:
    """Draw the curves beside each other, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    axes = figure.subplots(1, len(curves), sharey=True)
    for axis, (title, points) in zip(axes, curves, strict=True):
        values, ours, theirs = zip(*points, strict=True)
        axis.loglog(values, theirs, "s--", color="#777777", label="SimpleITK")
        axis.loglog(values, ours, "o-", color="#0072b2", label="annotator")
        axis.set_xlabel(title)
        axis.grid(visible=True, which="major", color="#dddddd")
        if len(values) == len(RATERS) and max(values) <= max(RATERS):
            axis.set_xticks(values, [f"{value:g}" for value in values])
            axis.minorticks_off()
    axes[0].set_ylabel("STAPLE, processor seconds")
    axes[0].legend()
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure the three curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path)
    picture = parser.parse_args().picture
    say("STAPLE: ours from runs to runs, SimpleITK's time as a ratio of it")
    fuse([encode(mask) for mask in readings(0.0, n_raters=2, shape=SHAPES[0])], [1])
    curves = (
        ("raters", [measure(number, n_raters=number) for number in RATERS]),
        ("voxels", [measure(math.prod(shape), shape=shape) for shape in SHAPES]),
        ("labels", [measure(number, n_labels=number) for number in LABELS]),
    )
    if picture is not None:
        draw(curves, picture)
        say(f"drawn to {picture}")


if __name__ == "__main__":
    main()

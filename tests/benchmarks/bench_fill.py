"""Local 3D fill of a small object in a large mask against stock napari's contiguous 3D fill.

Both run without a window and change the same voxels. ``--background`` adds napari's fill of the
whole background, which takes it about half a minute.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Voxel = tuple[int, int, int]

EDGE = 512
SEED = (255, 255, 255)


def make_mask(kind: str) -> NDArray[np.uint8]:
    """Return 512³ voxels with an object of 30³: a cube, or a ragged ball beside other labels."""
    mask = np.zeros((EDGE, EDGE, EDGE), np.uint8)
    if kind == "cube":
        mask[240:270, 240:270, 240:270] = 1
        return mask
    rng = np.random.default_rng(3)
    z, y, x = np.ogrid[:60, :60, :60]
    radius = 15 + 4 * rng.standard_normal((60, 60, 60))
    ragged = (z - 30) ** 2 + (y - 30) ** 2 + (x - 30) ** 2 <= radius**2
    mask[225:285, 225:285, 225:285][ragged] = 1
    mask[100:200] = 2
    mask[SEED] = 1
    return mask


def ours(mask: NDArray[np.uint8], seed: Voxel) -> float:
    """Fill with label 3; returns ms."""
    from annotator.drawing.edit import EditRecorder
    from annotator.drawing.fill import find_region

    begin = time.perf_counter()
    region = find_region(mask, seed, max_voxels=mask.size)
    recorder = EditRecorder(mask)
    recorder.paint(region.origin, region.inside, 3)
    recorder.finish()
    return 1000 * (time.perf_counter() - begin)


def stock(mask: NDArray[np.uint8], seed: Voxel) -> float:
    """Fill with label 3 in a napari Labels layer; returns ms."""
    from napari.layers import Labels

    layer = Labels(mask)
    layer.n_edit_dimensions = 3
    layer.contiguous = True
    begin = time.perf_counter()
    layer.fill(seed, 3)
    return 1000 * (time.perf_counter() - begin)


def compare(name: str, kind: str, seed: Voxel, repeats: int) -> None:
    """Print a row: first and median time of ours, median of napari's, their ratio."""
    start = make_mask(kind)
    results: list[NDArray[np.uint8]] = []

    def run(
        fill: Callable[[NDArray[np.uint8], tuple[int, int, int]], float], n: int
    ) -> list[float]:
        taken = []
        for _ in range(n):
            mask = start.copy()
            taken.append(fill(mask, seed))
        results.append(mask)
        return taken

    mine = run(ours, repeats + 2)
    theirs = run(stock, repeats)
    is_same = np.array_equal(results[0], results[1])
    n_voxels = int(np.count_nonzero(results[0] != start))
    fast, slow = statistics.median(mine), statistics.median(theirs)
    sys.stdout.write(
        f"  {name:20s} {n_voxels:>11,d} {mine[0]:9.1f} {fast:9.1f} {slow:10.1f} "
        f"{slow / fast:8.0f}x  {'same voxels' if is_same else 'DIFFERENT VOXELS'}\n"
    )


def main() -> None:
    """Print the table."""
    os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")
    sys.stdout.write("Contiguous 3D fill in 512 x 512 x 512, ms\n")
    sys.stdout.write(
        f"  {'region':20s} {'voxels':>11s} {'first':>9s} {'median':>9s} {'napari':>10s} "
        f"{'ratio':>9s}\n"
    )
    compare("cube of 30", "cube", SEED, 3)
    compare("ragged ball of 30", "ragged", SEED, 3)
    if "--background" in sys.argv:
        compare("background", "cube", (0, 0, 0), 1)


if __name__ == "__main__":
    main()

"""The readings that the benchmarks of fusion and agreement work on, and how they measure."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from annotator.analysis.simulate import SimulatedRater, simulate_reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

T = TypeVar("T")

SHAPE = (300, 512, 512)
SPACING = (1.5, 0.8, 0.8)
N_RATERS = 10
ROUGHNESS_MM = {"smooth": 0.0, "ragged": 0.8}
REAL = Path(__file__).parents[3] / "shared" / "data" / "bu-bil"
"""Ten people's outlines of cells in ten pictures: https://www.cs.bu.edu/~betke/BiomedicalImageSegmentation."""


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def ellipsoids(n_labels: int, shape: tuple[int, int, int] = SHAPE) -> NDArray[np.uint8]:
    """Return 5 % of a volume ``(z, y, x)`` as an ellipsoid, cut across into as many labels."""
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    centre = [size * part for size, part in zip(shape, (0.5, 0.488, 0.43), strict=True)]
    radius = [size * part for size, part in zip(shape, (0.25, 0.215, 0.2246), strict=True)]
    squared = (
        ((z - centre[0]) / radius[0]) ** 2
        + ((y - centre[1]) / radius[1]) ** 2
        + ((x - centre[2]) / radius[2]) ** 2
    )
    slab = np.clip((x - centre[2] + radius[2]) * n_labels / (2 * radius[2]), 0, n_labels - 1)
    return np.where(squared < 1, 1 + slab.astype(np.uint8), 0).astype(np.uint8)


def readings(
    roughness_mm: float,
    *,
    n_labels: int = 1,
    n_raters: int = N_RATERS,
    shape: tuple[int, int, int] = SHAPE,
) -> list[NDArray[np.uint8]]:
    """Return simulated masks ``(z, y, x)``, one a rater."""
    truth = ellipsoids(n_labels, shape)
    bias = np.random.default_rng(1).normal(0.0, 0.5, n_raters)
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
        for number in range(n_raters)
    ]


def drawn(path: Path) -> NDArray[np.uint8]:
    """Return what is drawn in a picture of two tones ``(1, y, x)``: what is rarer at its border."""
    dark = np.asarray(Image.open(path).convert("RGBA").convert("L")) < 128
    border = np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]])
    return (dark if border.mean() < 0.5 else ~dark).astype(np.uint8)[None]


def real_readings() -> list[list[NDArray[np.uint8]]]:
    """Return the ten readings ``(1, y, x)`` of each picture of BU-BIL; nothing where it is absent.

    Says so where it is.
    """
    people = sorted((REAL / "ExpertsAnnotations").glob("Person*"))
    if not people:
        say(f"real readings left out: BU-BIL is not at {REAL}")
        return []
    return [
        [drawn(person / f"seg_B{number:02d}.png") for person in people] for number in range(1, 11)
    ]


def timed(run: Callable[[], T], repeats: int) -> tuple[T, float]:
    """Return the last result and the median wall time in seconds."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - begin)
    return result, float(np.median(times))


def peak_mb(run: Callable[[], object]) -> float:
    """Return by how much the memory of this process grows at most while something runs (Linux)."""

    def memory(name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name))

    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    result = run()
    grown = memory("VmHWM") - before
    del result
    return max(0.0, grown / 1024)


def row(name: str, seconds: float, peer: float | None = None, note: str = "") -> None:
    """Print one line of a table: how long something takes, and how many times that a peer does."""
    ratio = f"{peer / seconds:8.0f} x" if peer else " " * 10
    say(f"  {name:<62}{seconds * 1e3:11.2f} ms {ratio} {note}".rstrip())

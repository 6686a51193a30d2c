"""Pictures and volumes for the recipes of outlines, sparse drawings and few cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from recipes_sets import SIDE, SQUARE, Known, known, lump, pictured, unsteady
from scipy import ndimage
from study_cases import study_case

from annotator.analysis.simulate_outline import signed_distance_mm, smooth_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import CaseVotes

N_SLICES = 16


def touching(n_cases: int, seed: int) -> list[Known]:
    """Return pictures of three to five rounds with gaps of 1 to 2 pixels, blurred by 1 pixel."""
    random = np.random.default_rng((seed, 21))
    found = []
    for number in range(n_cases):
        truth = _rounds(random)
        image = pictured(truth, random, blur=1.0, noise=0.25)
        found.append(known(f"{number:03d}", {"a": truth}, truth, image))
    return found


def _rounds(random: np.random.Generator) -> NDArray[np.uint8]:
    y, x = np.mgrid[:SIDE, :SIDE]
    middles = np.array([[20, 20], [20, 42], [42, 20], [42, 42], [31, 31]])
    chosen = middles[random.permutation(5)[: random.integers(3, 6)]] + random.uniform(-3, 3, (1, 2))
    away = np.stack(
        [
            np.hypot(y - at[0], x - at[1]) / random.uniform(0.9, 1.15)
            for at in chosen + random.uniform(-2, 2, chosen.shape)
        ]
    )
    nearest = away.argmin(axis=0)
    rounds = away.min(axis=0) < 11.0
    # A gap of one pixel on either side of where two rounds would meet.
    apart = np.zeros_like(rounds)
    for axis in (0, 1):
        apart |= (np.roll(nearest, 1, axis) != nearest) | (np.roll(nearest, -1, axis) != nearest)
    return (rounds & ~apart).astype(np.uint8)


def volumes(n_cases: int, seed: int, *, every: int) -> list[tuple[CaseVotes, NDArray[np.uint8]]]:
    """Return volumes of one lump, of which every so many slices are drawn, and their truth."""
    random = np.random.default_rng((seed, 22))
    shape = (N_SLICES, SIDE, SIDE)
    z, y, x = np.indices(shape) - (np.array(shape).reshape(3, 1, 1, 1) - 1) / 2
    found = []
    for number in range(n_cases):
        middle, radii = random.uniform(-6, 6, 2), random.uniform(11, 17, 2)
        away = np.sqrt(
            (z / 6.5) ** 2 + ((y - middle[0]) / radii[0]) ** 2 + ((x - middle[1]) / radii[1]) ** 2
        )
        truth = (away + 0.15 * smooth_noise(shape, [2.0, 5.0, 5.0], random) < 1.0).astype(np.uint8)
        coarse = smooth_noise(shape, [1.5, 5.0, 5.0], random)
        noise = 0.6 * random.standard_normal(shape) + 0.6 * coarse
        image = ndimage.gaussian_filter(truth.astype(np.float64), 1.0) + 0.7 * noise
        drawn = truth.copy()
        start = int(np.flatnonzero(truth.any(axis=(1, 2)))[0]) % every
        drawn[np.arange(N_SLICES) % every != start] = 0
        case = study_case(
            f"{number:03d}", {"a": drawn}, truth, group="recipes", image=image.astype(np.float32)
        )
        found.append((case.given, truth))
    return found


def few(n_cases: int, seed: int) -> list[Known]:
    """Return lumps with noisy outlines."""
    random = np.random.default_rng((seed, 23))
    found = []
    for number in range(n_cases):
        truth = lump(random)
        drawn = unsteady(truth, random, 0.5)
        image = pictured(truth, random, blur=1.0, noise=0.6)
        found.append(known(f"{number:03d}", {"a": drawn}, truth, image))
    return found


def inner_edge(mask: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return the pixels of a mask ``(y, x)`` that have a neighbour outside of it."""
    inside = mask > 0
    return inside & ~ndimage.binary_erosion(inside, border_value=1)


def edge_f1(found: NDArray[np.bool_], truth: NDArray[np.bool_], within: float = 1.0) -> float:
    """Return F1 of edge pixels that lie within so many pixels of the other ones."""
    if not found.any() or not truth.any():
        return 0.0
    to_truth, to_found = (
        -signed_distance_mm(one[None], SQUARE)[0] - 0.5 + 1.0 for one in (truth, found)
    )
    precision = float((to_truth[found] <= within).mean())
    recall = float((to_found[truth] <= within).mean())
    return 2 * precision * recall / max(precision + recall, 1e-9)

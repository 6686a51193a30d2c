"""An image of blobs, and the same bent by a way that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis.simulate_outline import smooth_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BentPair:
    """A finished case and a target that is it bent: ``target(x) = source(x + there(x))``.

    ``there`` is ``(axis, z, y, x)`` mm; masks are uint8 ``(z, y, x)`` with the labels 1 and 2.
    """

    spacing_mm: Spacing
    source: NDArray[np.float32]
    source_mask: NDArray[np.uint8]
    target: NDArray[np.float32]
    target_mask: NDArray[np.uint8]
    there: NDArray[np.float64]


def bent_pair(
    shape: tuple[int, int, int],
    *,
    seed: int,
    spacing_mm: Spacing = (1.0, 1.0, 1.0),
    reach_mm: float = 2.5,
    noise: float = 0.03,
    bend: int | None = None,
) -> BentPair:
    """Return an organ with a core in a textured body, and the same bent by up to ``reach_mm``.

    Other numbers for ``bend`` bend the same organ in other ways.
    """
    random = np.random.default_rng(seed)
    steps = np.array(spacing_mm).reshape(3, 1, 1, 1)
    index = np.indices(shape).astype(np.float64)
    size = np.array(shape).reshape(3, 1, 1, 1) * steps
    radius = np.where(size > steps, 0.27 * size, np.inf)
    away = np.sqrt((((index * steps - (size - steps) / 2) / radius) ** 2).sum(axis=0))

    bending = random if bend is None else np.random.default_rng((seed, bend))

    def rough(part: float, chance: np.random.Generator = random) -> NDArray[np.float32]:
        return smooth_noise(shape, [part * size.max() / step for step in spacing_mm], chance)

    outer = away + 0.15 * rough(0.12)
    mask = (outer < 1).astype(np.uint8) + (outer < 0.5).astype(np.uint8)
    there = np.stack([rough(0.16, bending) for _ in range(3)]).astype(np.float64)
    there[np.array(shape) == 1] = 0.0
    there *= reach_mm / np.abs(there).max()
    where = index + there / steps
    blur = np.where(np.array(shape) > 1, 0.7, 0.0)
    source = ndimage.gaussian_filter(0.5 * mask + 0.25 * rough(0.06), blur)
    target = ndimage.map_coordinates(source, where, order=1, mode="nearest")
    target_mask = ndimage.map_coordinates(mask, where, order=0, mode="nearest")
    return BentPair(
        spacing_mm=spacing_mm,
        source=(source + random.normal(0, noise, shape)).astype(np.float32),
        source_mask=mask,
        target=(target + random.normal(0, noise, shape)).astype(np.float32),
        target_mask=target_mask,
        there=there,
    )

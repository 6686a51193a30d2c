"""Images of bright tubes along given lines, for tests of what looks at tracings with an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.api.tracing import TracedImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def draw_tubes(
    lines: Sequence[NDArray[np.float64]],
    shape: tuple[int, int, int],
    *,
    radius: float = 1.5,
    brightness: Sequence[float] | None = None,
    noise: float = 0.0,
    spacing_um: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> TracedImage:
    """Return a uint8 volume with a Gaussian tube along each line, ``(point, 3)`` x, y, z in µm."""
    total = np.zeros(shape)
    for number, line in enumerate(lines):
        at = np.rint(line[:, ::-1] / np.asarray(spacing_um)).astype(int)
        mask = np.zeros(shape)
        mask[tuple(at.T)] = 1
        sigma = [0.0 if shape[0] == 1 else radius, radius, radius] / np.asarray(spacing_um)
        tube = ndimage.gaussian_filter(mask, sigma)
        level = 160.0 if brightness is None else brightness[number]
        total = np.maximum(total, tube / tube.max() * level)
    rng = np.random.default_rng(7)
    total = total + 20 + rng.normal(0, noise, shape) if noise else total + 20
    return TracedImage(voxels=np.clip(total, 0, 255).astype(np.uint8), spacing_um=spacing_um)


def straight(start: Sequence[float], end: Sequence[float], n_points: int) -> NDArray[np.float64]:
    """Return points along a straight line, ``(point, 3)``."""
    return np.linspace(np.asarray(start, float), np.asarray(end, float), n_points)

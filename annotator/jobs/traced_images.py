"""The image of a case as those see it who trace neurons in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.api.tracing import TracedImage

if TYPE_CHECKING:
    from annotator.domain.geometry import Geometry
    from annotator.domain.study import Series
    from annotator.store import Store

LEAST_TOLERANCE_UM = 2.0
_VOXELS = 2.0
_UM = 1000.0


def spacing_um(geometry: Geometry) -> tuple[float, float, float]:
    """Return the distance between voxel centres along ``(z, y, x)``, µm.

    Where the file gave none, a voxel counts as one µm.
    """
    if not geometry.is_calibrated:
        return 1.0, 1.0, 1.0
    z, y, x = geometry.spacing_mm
    return z * _UM, y * _UM, x * _UM


def traced_image(store: Store, series: Series) -> TracedImage:
    """Return a series as a volume ``(z, y, x)``; of colours, the brightest channel counts."""
    voxels = store.voxels(series.series_id)
    if voxels.ndim == 4:
        voxels = np.max(voxels, axis=-1)
    return TracedImage(voxels=voxels, spacing_um=spacing_um(series.geometry))


def tracing_tolerance_um(spacing_um: tuple[float, float, float]) -> float:
    """Return how far apart two tracings of one neurite may run: 2 µm, at least two voxels."""
    return max(LEAST_TOLERANCE_UM, _VOXELS * max(spacing_um[1:]))

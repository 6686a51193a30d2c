"""Size and shape of soft masks as numbers that a diagnosis may depend on, from their moments.

The moments of a weighted mean of masks are the weighted means of their moments, so that the
features of any fusion, and how they change with its weights, need no voxel.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_SUMS = 11
"""The ten moments of a mask in mm³ times mm, and whether anything was drawn."""
_PER_LABEL = 6
_ROW, _COLUMN = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 2, 2])
"""Where the second moments zz, yy, xx, zy, zx, yx stand in a matrix."""


def mask_sums(
    moments: NDArray[np.float64], spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Return what features are made of, ``(…, label, N_SUMS)``, of moments ``(…, label, 10)``.

    ``moments`` are sums over voxels of 1, z, y, x, zz, yy, xx, zy, zx, yx in mm.
    """
    has_drawn = (moments[..., :1] > 0).astype(np.float64)
    return np.concatenate([moments * float(np.prod(spacing_mm)), has_drawn], axis=-1)


def n_features(n_labels: int) -> int:
    """Return how many features there are of so many labels."""
    return _PER_LABEL * n_labels + n_labels * (n_labels - 1) // 2


@dataclass(frozen=True, slots=True, eq=False)
class MaskFeatures:
    """Features of soft masks, and the way back to the sums that they are made of.

    Attributes
    ----------
    values : ndarray
        ``(case, feature)``. Of each label: log volume, log extents (standard deviations) along z,
        y and x, elongation (0 for a ball), and the weight of those who drew it at all; then the
        log ratio of volumes of each pair of labels.
    """

    values: NDArray[np.float64]
    _size: NDArray[np.float64]
    _middle: NDArray[np.float64]
    _spread: NDArray[np.float64]
    _inverse: NDArray[np.float64]

    @classmethod
    def of(cls, sums: NDArray[np.float64], spacing_mm: NDArray[np.float64]) -> MaskFeatures:
        """Return the features of sums ``(case, label, N_SUMS)`` on grids ``(case, 3)``.

        A voxel is added to every volume and has the extent of a voxel: nothing drawn at all is a
        small thing, not an infinite one.
        """
        volume = sums[..., 0]
        size = volume + spacing_mm.prod(axis=1)[:, None]
        middle = sums[..., 1:4] / np.where(volume > 0, volume, 1.0)[..., None]
        spread = np.zeros((*volume.shape, 3, 3))
        spread[..., _ROW, _COLUMN] = sums[..., 4:10]
        spread[..., _COLUMN, _ROW] = sums[..., 4:10]
        spread -= volume[..., None, None] * middle[..., :, None] * middle[..., None, :]
        spread /= size[..., None, None]
        covariance = spread + (spacing_mm**2 / 12)[:, None, :, None] * np.eye(3)
        variance = np.diagonal(covariance, axis1=-2, axis2=-1)
        log_size = np.log(size)
        elongation = np.log(variance.mean(axis=-1)) - np.linalg.slogdet(covariance)[1] / 3
        own = np.concatenate(
            [
                log_size[..., None],
                0.5 * np.log(variance),
                elongation[..., None],
                sums[..., 10:],
            ],
            axis=-1,
        ).reshape(len(sums), -1)
        first, second = _pairs(volume.shape[1])
        return cls(
            np.concatenate([own, log_size[:, first] - log_size[:, second]], axis=1),
            size,
            middle,
            spread,
            np.asarray(np.linalg.inv(covariance), np.float64),
        )

    def back(
        self, slope: NDArray[np.float64], spacing_mm: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the slope of a loss along the sums, given that along the features."""
        n_cases, n_labels = self._size.shape
        own = slope[:, : _PER_LABEL * n_labels].reshape(n_cases, n_labels, _PER_LABEL)
        by_log_size = own[..., 0].copy()
        first, second = _pairs(n_labels)
        for pair, (one, other) in enumerate(zip(first, second, strict=True)):
            by_log_size[:, one] += slope[:, _PER_LABEL * n_labels + pair]
            by_log_size[:, other] -= slope[:, _PER_LABEL * n_labels + pair]
        variance = np.diagonal(self._spread, axis1=-2, axis2=-1) + (spacing_mm**2 / 12)[:, None, :]
        on_diagonal = 0.5 * own[..., 1:4] / variance
        on_diagonal += own[..., 4:5] / variance.sum(axis=-1, keepdims=True)
        by_spread = -own[..., 4, None, None] / 3 * self._inverse
        by_spread += on_diagonal[..., None] * np.eye(3)
        by_volume = by_log_size - (by_spread * self._spread).sum(axis=(-2, -1))
        by_spread /= self._size[..., None, None]
        along = np.einsum("nlij,nlj->nli", by_spread, self._middle)
        back = np.empty((n_cases, n_labels, N_SUMS))
        back[..., 0] = by_volume / self._size + (along * self._middle).sum(axis=-1)
        back[..., 1:4] = -2 * along
        back[..., 4:10] = by_spread[..., _ROW, _COLUMN] * np.where(_ROW == _COLUMN, 1.0, 2.0)
        back[..., 10] = own[..., 5]
        return back


def _pairs(n_labels: int) -> tuple[list[int], list[int]]:
    pairs = list(itertools.combinations(range(n_labels), 2))
    return [one for one, _ in pairs], [other for _, other in pairs]

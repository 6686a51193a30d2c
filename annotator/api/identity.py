"""The identity of a series, from what it is and every voxel of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry
    from annotator.domain.study import Series


def slice_digest(voxels: NDArray[Any]) -> bytes:
    """Return SHA-256 over the stored voxels of one slice."""
    return hashlib.sha256(np.ascontiguousarray(voxels).data).digest()


def combined_series_id(
    geometry: Geometry,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    digests: Iterable[bytes],
    *,
    rescale: tuple[float, float] = (1.0, 0.0),
    source_uid: str = "",
) -> str:
    """Return the ``series_id`` from the digests of all slices in order.

    For a reader that hashes slices as they arrive, several at once.
    """
    slope, intercept = map(float, rescale)
    facts: tuple[object, ...] = (geometry, dtype.str, shape)
    if (slope, intercept) != (1.0, 0.0) or source_uid:
        facts = (*facts, slope, intercept, source_uid)
    digest = hashlib.sha256(repr(facts).encode())
    for one in digests:
        digest.update(one)
    return digest.hexdigest()


def series_id(
    geometry: Geometry,
    voxels: NDArray[Any],
    *,
    rescale: tuple[float, float] = (1.0, 0.0),
    source_uid: str = "",
) -> str:
    """Return the identity of a series: SHA-256 over what it is and the SHA-256 of each slice.

    Two series with one identity are taken for the same images.

    Parameters
    ----------
    geometry : Geometry
        The grid.
    voxels : ndarray
        Stored values, ``(z, y, x)`` or ``(z, y, x, channel)``.
    rescale : tuple of float
        Slope and intercept that make modality values of them: ``Series.slope, Series.intercept``.
    source_uid : str
        DICOM's SeriesInstanceUID, where there is one: equal voxels of two patients are two series.
    """
    return combined_series_id(
        geometry,
        voxels.dtype,
        voxels.shape,
        map(slice_digest, voxels),
        rescale=rescale,
        source_uid=source_uid,
    )


def are_voxels_of(series: Series, voxels: NDArray[Any]) -> bool:
    """Whether voxels are those that the identity of a series was made from.

    A reader may have left slope and intercept or the SeriesInstanceUID out of the identity.
    """
    digests = [slice_digest(one) for one in voxels]
    rescales = {(1.0, 0.0), (series.slope, series.intercept)}
    uids = {"", series.dicom.series_uid if series.dicom else ""}
    return series.series_id in {
        combined_series_id(
            series.geometry, voxels.dtype, voxels.shape, digests, rescale=rescale, source_uid=uid
        )
        for rescale in rescales
        for uid in uids
    }

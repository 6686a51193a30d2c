"""Modality values become what a network takes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Scale(Protocol):
    """How values are scaled, as `annotator.api.Intensity` says."""

    @property
    def scaling(self) -> Literal["none", "range", "z-score", "percentiles"]:
        """Which way."""

    @property
    def low(self) -> float:
        """What becomes 0, or the percentile of it."""

    @property
    def high(self) -> float:
        """What becomes 1, or the percentile of it."""

    @property
    def mean(self) -> float | None:
        """What is subtracted; None for that of the image."""

    @property
    def deviation(self) -> float | None:
        """What is divided by; None for that of the image."""

    @property
    def clip(self) -> tuple[float, float] | None:
        """What values are first held within."""


def scale_in_place(image: NDArray[np.float32], scale: Scale) -> None:
    """Scale the modality values of one channel; an image of one value becomes 0."""
    if scale.clip is not None:
        np.clip(image, *scale.clip, out=image)
    if scale.scaling == "none":
        return
    low, width = _low_and_width(image, scale)
    image -= np.float32(low)
    image /= np.float32(width or 1.0)


def _low_and_width(image: NDArray[np.float32], scale: Scale) -> tuple[float, float]:
    if scale.scaling == "range":
        return scale.low, scale.high - scale.low
    if scale.scaling == "percentiles":
        low, high = (float(one) for one in np.percentile(image, [scale.low, scale.high]))
        return low, high - low
    mean = float(image.mean(dtype=np.float64)) if scale.mean is None else scale.mean
    if scale.deviation is not None:
        return mean, scale.deviation
    return mean, float(image.std(dtype=np.float64))

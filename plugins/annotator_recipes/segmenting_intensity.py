"""How modality values become what a segmentation network takes in, while it trains and after.

As nnU-Net documents it (Isensee et al., Nature Methods 2021, "intensity normalization"): Hounsfield
units mean the same in every image, so CT is held within the 0.5 and 99.5 percentiles of what was
drawn in all training cases and scaled by the mean and standard deviation of that; the values of
other machines mean nothing by themselves, so each image is scaled by its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from annotator.analysis.intensity import scale_in_place
from annotator.api import Intensity
from annotator_recipes.images import as_channels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import CaseVotes

    Floats = NDArray[np.float32]

Way = Literal["auto", "ct", "image"]

_PERCENTILES = (0.5, 99.5)
_MOST_CASES = 256
"""Of so many cases, spread evenly, the values of what was drawn are looked at."""
_MOST_VOXELS = 10_000
"""Of each of them."""
_LEAST_RATERS = 0.5
"""Share of a case's raters by whom a voxel is drawn that counts as drawn."""
OF_THE_IMAGE = Intensity(scaling="z-score")


class IntensitySample:
    """Gathers the values of what was drawn, case by case, where all cases are CT.

    ``ct`` takes all cases for CT, whatever they say: NIfTI files do not tell; ``image`` takes none.
    """

    def __init__(self, way: Way, n_cases: int) -> None:
        self._is_ct = way != "image"
        self._asks = way == "auto"
        self._every = -(-n_cases // _MOST_CASES)
        self._n_seen = 0
        self._found: list[Floats] = []

    def add(self, case: CaseVotes) -> None:
        """Look at the next case."""
        if self._asks and case.modality != "CT":
            self._is_ct = False
            self._found.clear()
        if self._is_ct and self._n_seen % self._every == 0:
            self._found.append(_values_drawn(case, self._n_seen))
        self._n_seen += 1

    def intensity(self) -> Intensity:
        """Return how the values of every image are to be scaled."""
        drawn = np.concatenate(self._found) if self._found else np.zeros(0, np.float32)
        if not len(drawn):
            return OF_THE_IMAGE
        low, high = np.percentile(drawn, _PERCENTILES).tolist()
        if not low < high:
            return OF_THE_IMAGE
        mean = float(drawn.mean(dtype=np.float64))
        deviation = float(drawn.std(dtype=np.float64))
        return Intensity(scaling="z-score", mean=mean, deviation=deviation, clip=(low, high))


def scaled(image: Floats, intensity: Intensity) -> Floats:
    """Return modality values, of any shape, as a network takes them in."""
    found = np.array(image, np.float32)
    scale_in_place(found, intensity)
    return found


def told(intensity: Intensity) -> tuple[str, ...]:
    """Say which values a network sees; nothing where each image is scaled by its own."""
    if intensity.clip is None:
        return ()
    low, high = intensity.clip
    return (
        f"It sees {low:.0f} to {high:.0f} HU, where what was drawn lies, at a mean of "
        f"{intensity.mean:.0f} and a standard deviation of {intensity.deviation:.0f}.",
    )


def _values_drawn(case: CaseVotes, number: int) -> Floats:
    window = case.window(0)
    is_drawn = (case.votes.patterns != 0).mean(axis=1) >= _LEAST_RATERS
    grey = as_channels(window.image, 1)[:, 0]
    values = grey[is_drawn[window.index]]
    if len(values) > _MOST_VOXELS:
        values = np.random.default_rng(number).choice(values, _MOST_VOXELS, replace=False)
    return np.asarray(values, np.float32)

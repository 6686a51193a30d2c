"""A series beside a case is laid on it as a whole; nothing is resampled, only the link is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.api import Aligner, PlacedImage
from annotator.domain.errors import AnnotatorError
from annotator.jobs.training import image_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.registry import Registry
    from annotator.store import Store


def align_series(
    store: Store, registry: Registry, case_id: str, series_id: str, progress: Progress
) -> NDArray[np.float64]:
    """Return the rigid 4 x 4 matrix from places of a case to those of a series, LPS mm."""
    aligner = next((one for one in registry.propagators() if isinstance(one, Aligner)), None)
    if aligner is None:
        raise AnnotatorError("no plugin that is installed lays images on each other")
    own, facts = image_of(store, store.case(case_id))
    series = store.series(series_id)
    for one in (facts, series):
        if not one.geometry.is_volume or one.n_channels > 1:
            raise AnnotatorError("only volumes of grey levels are laid on each other")
    values = np.asarray(store.voxels(series_id), np.float32)
    other = values * np.float32(series.slope) + np.float32(series.intercept)
    return aligner.align(
        PlacedImage(image=own, geometry=facts.geometry),
        PlacedImage(image=other, geometry=series.geometry),
        progress,
    )

"""Where models were unsure of what they drew: maps that were kept beside their readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.analysis.network_output import unquantised
from annotator.analysis.runs import decode
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from annotator.store import Store


def readings_with_doubt(
    store: Store, readings: Iterable[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Return those of some readings, (annotation id, title), of which uncertainty was kept."""
    return tuple(
        (annotation_id, title)
        for annotation_id, title in readings
        if ("uncertainty", 0) in store.prediction_maps(annotation_id)
    )


def doubt_of(store: Store, annotation_id: str) -> NDArray[np.float32]:
    """Return how unsure a model was, ``(z, y, x)`` float32, 0 to 1; 0 where nothing was kept.

    Raises AnnotatorError where it was not kept at all.
    """
    runs = store.prediction_map(annotation_id, "uncertainty", 0)
    if runs is None:
        raise AnnotatorError(
            "how sure the model was is not kept of this reading; run it with uncertainty"
        )
    return unquantised(decode(runs))

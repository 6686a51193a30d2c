"""The part of a store for predictions of models and how sure they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.store import prediction_maps
from annotator.store.access import Access

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.runs import MaskRuns
    from annotator.domain.reading import Annotation
    from annotator.store.prediction_maps import MapKind, PredictionMap


class PredictionAccess(Access):
    """Predictions with their maps."""

    def add_prediction(
        self,
        case_id: str,
        rater_id: str,
        mask: MaskRuns,
        maps: Sequence[PredictionMap],
        *,
        actor: str,
    ) -> Annotation:
        """Keep a model's prediction and its maps, both or neither.

        The same mask again gives the annotation that is there, whose maps give way to these.
        """
        return self._write(actor, prediction_maps.add, case_id, rater_id, mask=mask, maps=maps)

    def prediction_maps(self, annotation_id: str) -> tuple[tuple[str, int], ...]:
        """Return the kind and label of each map that is kept of an annotation."""
        return self._read(prediction_maps.every, annotation_id)

    def prediction_map(self, annotation_id: str, kind: MapKind, label: int) -> MaskRuns | None:
        """Return a map as ``1 + round(254 * value)``, 0 where nothing is kept; None without one."""
        return self._read(prediction_maps.read, annotation_id, kind, label)

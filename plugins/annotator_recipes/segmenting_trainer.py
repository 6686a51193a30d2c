"""What all trainers of segmentation networks have in common at the door; imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator_recipes.segmenting_plan import SegmenterParameters
from annotator_recipes.torch_door import require_torch
from annotator_recipes.weights import from_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api import CaseVotes, Learned, Prediction, Progress, TrainingDesk
    from annotator_recipes.segmenting import Recipe


class NoDesk:
    """A desk at which nobody sits."""

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Let a point go."""

    def show_example(
        self,
        title: str,
        image: NDArray[np.float32],
        target: NDArray[np.unsignedinteger],
        drawn: NDArray[np.unsignedinteger],
    ) -> None:
        """Let an example go."""

    def keep(self, checkpoint: bytes) -> None:
        """Let a checkpoint go."""

    def kept(self) -> bytes | None:
        """Return None: training begins anew."""

    def should_stop(self) -> bool:
        """Never stop."""
        return False


class SegmentingTrainer:
    """Trains a segmentation network by a recipe; what differs is the recipe alone."""

    name: str
    title: str
    version: str
    parameters: type[BaseModel] = SegmenterParameters
    takes_trust = False
    needs_target = False
    draws = True

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the recipe; ``settings`` are of the type of ``parameters``."""
        raise NotImplementedError

    def train(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        """Train on all cases; raises AnnotatorError where they do not do."""
        return self.train_at(cases, parameters, progress, NoDesk())

    def train_at(
        self,
        cases: Sequence[CaseVotes],
        parameters: BaseModel,
        progress: Progress,
        desk: TrainingDesk,
    ) -> Learned:
        """Train as ``train`` does, in sight of a desk; the same, with breaks or without."""
        require_torch(self.title)
        from annotator_recipes.segmenting_training import train_segmenter

        settings = self._settings(parameters.model_dump())
        recipe = self.recipe(settings)
        return train_segmenter(cases, settings, recipe, self.name, self.title, progress, desk)

    def predict(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        *,
        trust: Mapping[str, float] | None,
        progress: Progress,
    ) -> Prediction:
        """Read an image; it cannot be told whom to trust."""
        del trust
        require_torch(self.title)
        from annotator_recipes.segmenting_reading import predict_segmenter

        facts, _ = from_bytes(learned)
        recipe = self.recipe(self._settings(facts.get("settings", {})))
        return predict_segmenter(learned, image, spacing_mm, recipe, self.name, progress)

    def _settings(self, given: Mapping[str, object]) -> SegmenterParameters:
        settings = self.parameters.model_validate(given)
        if not isinstance(settings, SegmenterParameters):
            raise TypeError(f"{type(self).__name__}.parameters are no SegmenterParameters")
        return settings

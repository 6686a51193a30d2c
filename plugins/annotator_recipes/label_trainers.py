"""Trainers for labels that are hard-edged, wrong, alike, coarse or distracted. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from pydantic import BaseModel, Field

from annotator.api import BelievedLabels
from annotator.domain.errors import AnnotatorError
from annotator_recipes.segmenting_plan import SegmenterParameters
from annotator_recipes.segmenting_trainer import SegmentingTrainer
from annotator_recipes.torch_door import require_torch
from annotator_recipes.weights import from_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator_recipes.segmenting import Recipe

WeakKind = Literal["boxes", "scribbles"]


class SoftenedParameters(SegmenterParameters):
    """What may be set for training on softened labels."""

    superpixel: float = Field(
        default=6.0, gt=1.0, le=100.0, description="side of a superpixel in working pixels, about"
    )
    softness: float = Field(
        default=1.0,
        gt=0.0,
        le=50.0,
        description="working pixels from the outline at which a pixel in doubt belongs by 3/4",
    )
    soft_weight: float = Field(
        default=1.0, ge=0.0, le=100.0, description="how much the softened label counts in the loss"
    )


class SoftenedTrainer(SegmentingTrainer):
    """Trains on each outline and on what superpixels leave of it (arXiv 2007.08897)."""

    name = "softened"
    title = "Network of softened outlines"
    version = "2"
    parameters: type[BaseModel] = SoftenedParameters

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the recipe."""
        from annotator_recipes.softened_recipe import Softened

        return Softened(cast("SoftenedParameters", settings))


class CrossDenoisingParameters(SegmenterParameters):
    """What may be set for two peers that learn from each other's reliable pixels."""

    noise: float = Field(
        default=0.2, ge=0.0, le=0.8, description="share of the pixels of each label taken as wrong"
    )
    ramp: int = Field(
        default=10, ge=1, le=1000, description="rounds until that share is left out in full"
    )
    power: float = Field(
        default=0.7,
        gt=0.0,
        le=1.0,
        description="how little a label counts that a network finds impossible",
    )


class CrossDenoisingTrainer(SegmentingTrainer):
    """Trains two peers, each on the pixels that the other finds reliable (arXiv 2006.10990)."""

    name = "cross-denoising"
    title = "Two peers that bear wrong labels"
    version = "2"
    parameters: type[BaseModel] = CrossDenoisingParameters

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the recipe."""
        from annotator_recipes.cross_denoising_recipe import CrossDenoising

        return CrossDenoising(cast("CrossDenoisingParameters", settings))

    def believed(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        progress: Progress,
    ) -> BelievedLabels:
        """Return the most that either peer gives each label: what both reject has little."""
        require_torch(self.title)
        from annotator_recipes.cross_denoising_recipe import PEERS, CrossDenoising
        from annotator_recipes.segmenting_reading import predict_segmenter

        facts, _ = from_bytes(learned)
        settings = CrossDenoisingParameters.model_validate(facts.get("settings", {}))
        read = [
            predict_segmenter(
                learned, image, spacing_mm, CrossDenoising(settings, (peer,)), self.name, progress
            )
            for peer in PEERS
        ]
        first, second = (one.probability for one in read)
        if first is None or second is None:
            raise AnnotatorError(f"{self.title} drew nothing")
        return BelievedLabels(labels=read[0].labels, most=np.maximum(first, second))


class CorrelatedParameters(SegmenterParameters):
    """What may be set for labels that soften towards those that look alike."""

    share: float = Field(
        default=0.2, ge=0.0, lt=0.5, description="how much of a label goes to those like it"
    )
    temperature: float = Field(
        default=0.3, gt=0.0, le=10.0, description="the higher, the more evenly it is shared out"
    )
    soft_weight: float = Field(
        default=1.0, ge=0.0, le=100.0, description="how much the softened label counts in the loss"
    )


class CorrelatedTrainer(SegmentingTrainer):
    """Trains on labels softened by how alike they look, and tells which do (arXiv 2007.06371)."""

    name = "correlated"
    title = "Network of labels that look alike"
    version = "2"
    parameters: type[BaseModel] = CorrelatedParameters

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the recipe."""
        from annotator_recipes.correlated_recipe import Correlated

        return Correlated(cast("CorrelatedParameters", settings))


class MixedSupervisionParameters(SegmenterParameters):
    """What may be set for full masks of few and boxes or scribbles of many."""

    weak: dict[str, WeakKind] = Field(
        default={},
        description='raters who drew "boxes" or "scribbles" alone, by name, e.g. {"Abe": "boxes"}',
    )
    guidance: float = Field(
        default=1.0,
        ge=0.0,
        le=100.0,
        description="how much the model of full masks guides that of boxes and scribbles",
    )
    inertia: float = Field(
        default=0.99,
        ge=0.0,
        le=1.0,
        description="how slowly the model of full masks follows the other; 1 not at all",
    )


class MixedSupervisionTrainer(SegmentingTrainer):
    """Trains a model of full masks and one of all drawings, side by side (arXiv 2007.10007)."""

    name = "mixed-supervision"
    title = "Network of full masks, boxes and scribbles"
    version = "2"
    parameters: type[BaseModel] = MixedSupervisionParameters

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the recipe."""
        from annotator_recipes.mixed_recipe import MixedSupervision

        return MixedSupervision(cast("MixedSupervisionParameters", settings))


class DistractorParameters(SegmenterParameters):
    """What may be set for responses to right and wrong labels that are pushed apart."""

    push: float = Field(
        default=0.1, ge=0.0, le=100.0, description="how much the distance counts in the loss"
    )


class DistractorTrainer(SegmentingTrainer):
    """Trains features to respond to the right label alone (arXiv 2007.09979)."""

    name = "distractor-aware"
    title = "Network aware of distractors"
    version = "2"
    parameters: type[BaseModel] = DistractorParameters

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the recipe."""
        from annotator_recipes.distractor_recipe import DistractorAware

        return DistractorAware(cast("DistractorParameters", settings))

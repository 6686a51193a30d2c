"""Trainers for crisp outlines, sparsely drawn volumes and few cases. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from pydantic import BaseModel, Field

from annotator_recipes.segmenting_plan import SegmenterParameters
from annotator_recipes.segmenting_trainer import SegmentingTrainer

if TYPE_CHECKING:
    from annotator_recipes.segmenting import Recipe


class CrispEdgesParameters(SegmenterParameters):
    """What may be set for training with edges."""

    edge_weight: float = Field(
        default=1.0, ge=0.0, le=100.0, description="how much edges count in the loss"
    )


class CrispEdgesTrainer(SegmentingTrainer):
    """Trains objects and their edges together, and refines where both agree (arXiv 2007.12449)."""

    name = "crisp-edges"
    title = "Network of crisp edges"
    version = "2"
    parameters: type[BaseModel] = CrispEdgesParameters

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the recipe."""
        from annotator_recipes.crisp_edges_recipe import CrispEdges

        return CrispEdges(cast("CrispEdgesParameters", settings))


class PairedSlicesParameters(SegmenterParameters):
    """What may be set for training on pairs of slices."""

    dimensions: Literal["2d"] = Field(default="2d", description="slices, whatever the cases")
    proxy_weight: float = Field(
        default=2.0,
        ge=0.0,
        le=100.0,
        description="how much it counts to tell what one, both or neither of a pair show",
    )


class PairedSlicesTrainer(SegmentingTrainer):
    """Trains on pairs of drawn slices, for volumes of which few are drawn (CFCN, MICCAI 2019)."""

    name = "paired-slices"
    title = "Network of paired slices"
    version = "2"
    parameters: type[BaseModel] = PairedSlicesParameters

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the recipe."""
        from annotator_recipes.paired_slices_recipe import PairedSlices

        return PairedSlices(cast("PairedSlicesParameters", settings))


class CrossoverParameters(SegmenterParameters):
    """What may be set for reading crossed strips."""

    dimensions: Literal["2d"] = Field(default="2d", description="slices, whatever the cases")
    crossing_weight: float = Field(
        default=0.3,
        ge=0.0,
        le=100.0,
        description="how much it counts that strips agree where they cross and differ elsewhere",
    )


class CrossoverTrainer(SegmentingTrainer):
    """Trains on an upright and a lying strip around each pixel (arXiv 2004.01397)."""

    name = "crossover"
    title = "Network of crossed strips"
    version = "2"
    parameters: type[BaseModel] = CrossoverParameters

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the recipe."""
        from annotator_recipes.crossover_recipe import Crossover

        return Crossover(cast("CrossoverParameters", settings))

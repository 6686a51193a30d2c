"""The trainer for every project: a U-Net sized to its cases (torch when training and reading)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator_recipes.segmenting_trainer import SegmentingTrainer

if TYPE_CHECKING:
    from annotator_recipes.segmenting import Recipe
    from annotator_recipes.segmenting_plan import SegmenterParameters


class UNetTrainer(SegmentingTrainer):
    """Trains a U-Net in two or three dimensions, sized to the cases and to memory."""

    name = "unet"
    title = "U-Net"
    version = "1"

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the plain recipe."""
        from annotator_recipes.segmenting import Recipe

        return Recipe(settings)

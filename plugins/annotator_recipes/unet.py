"""The trainer for every project: a U-Net sized to its cases (torch when training and reading)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from annotator_recipes.reading_slices import refuse_target
from annotator_recipes.segmenting_plan import SegmenterParameters
from annotator_recipes.segmenting_trainer import SegmentingTrainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from annotator.api import CaseVotes, Learned, Progress, TrainingDesk
    from annotator_recipes.segmenting import Recipe


class UNetParameters(SegmenterParameters):
    """What may be set for the U-Net."""

    raters: Literal["target", "random", "mean", "ranked", "confusion"] = Field(
        default="target",
        description="how several raters count: as one target; one by chance each time; the mean of "
        "their losses; by the ranked probability score, for labels in an order; with a learned "
        "table of what each confuses",
    )


class UNetTrainer(SegmentingTrainer):
    """Trains a U-Net in two or three dimensions, sized to the cases and to memory."""

    name = "unet"
    title = "U-Net"
    version = "2"
    parameters: type[BaseModel] = UNetParameters

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the recipe that is asked for."""
        from annotator_recipes import rater_losses
        from annotator_recipes.segmenting import Recipe

        recipes: dict[str, type[Recipe]] = {
            "target": Recipe,
            "random": rater_losses.RandomRater,
            "mean": rater_losses.MeanOfRaters,
            "ranked": rater_losses.RankedScore,
            "confusion": rater_losses.ConfusedRaters,
        }
        return recipes[UNetParameters.model_validate(settings.model_dump()).raters](settings)

    def train_at(
        self,
        cases: Sequence[CaseVotes],
        parameters: BaseModel,
        progress: Progress,
        desk: TrainingDesk,
    ) -> Learned:
        """Train in sight of a desk; refuses a target where the raters themselves are to count."""
        asked = UNetParameters.model_validate(parameters.model_dump()).raters
        if asked in ("random", "mean", "confusion"):
            refuse_target(cases, f"{self.title} with raters={asked}")
        return super().train_at(cases, parameters, progress, desk)

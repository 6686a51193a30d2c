"""Training on outlines and on what superpixels leave of them. This module imports torch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.soft_labels import soften_labels
from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_losses import entropy, plain_loss

if TYPE_CHECKING:
    from torch import Tensor, nn

    from annotator_recipes.label_trainers import SoftenedParameters
    from annotator_recipes.segmenting_cases import TrainingCase
    from annotator_recipes.segmenting_patches import Batch
    from annotator_recipes.segmenting_plan import Plan


class Softened(Recipe):
    """``loss(hard) + weight * KL(soft || p)``, the softened label beside the drawn one."""

    def __init__(self, settings: SoftenedParameters) -> None:
        super().__init__(settings)
        self._own = settings

    def prepare(self, case: TrainingCase, plan: Plan) -> TrainingCase:
        """Add the softened label of each working voxel; most raters' where several drew."""
        step_mm = min(case.spacing_mm[1:])
        soft = soften_labels(
            case.target.argmax(axis=0).astype(np.uint8),
            np.moveaxis(case.image, 0, -1),
            case.spacing_mm,
            range(len(plan.labels)),
            superpixel_mm=self._own.superpixel * step_mm,
            width_mm=self._own.softness * step_mm,
        )
        return replace(case, extra={**case.extra, "soft": soft})

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return the plain loss and, but for a constant, the divergence from the soft label."""
        del epoch, random
        logits = networks["network"](batch.image)
        hard = plain_loss(logits, batch.target, batch.known)
        return hard + self._own.soft_weight * entropy(logits, batch.extra["soft"], batch.known)

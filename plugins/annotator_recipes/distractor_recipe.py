"""Features that respond to the right label alone. This module imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from annotator_recipes.distractor_losses import other_labels, response_distance, responses
from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_losses import plain_loss

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from annotator_recipes.label_trainers import DistractorParameters
    from annotator_recipes.segmenting_nets import PlannedUNet
    from annotator_recipes.segmenting_patches import Batch


class DistractorAware(Recipe):
    """The plain loss less the distance of what responds to the right and to a wrong label."""

    def __init__(self, settings: DistractorParameters) -> None:
        super().__init__(settings)
        self._own = settings

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return the loss; the wrong label of each pixel is drawn anew at each step."""
        del epoch
        network = cast("PlannedUNet", networks["network"])
        features = network.features(batch.image)
        logits = network.head(features)
        labels = batch.target.argmax(dim=1)
        generator = torch.Generator().manual_seed(int(random.integers(2**31)))
        wrong = other_labels(labels, batch.target.shape[1], generator)
        weight = network.head.weight.flatten(1)
        distance = response_distance(
            responses(features, weight, labels), responses(features, weight, wrong), batch.known
        )
        return plain_loss(logits, batch.target, batch.known) - self._own.push * distance

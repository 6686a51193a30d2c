"""Labels that soften towards those that look alike. This module imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from annotator_recipes.correlation_head import (
    CorrelationHead,
    correlated_target,
    tell_correlated,
)
from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_losses import entropy, plain_loss
from annotator_recipes.segmenting_nets import PlannedUNet

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from annotator_recipes.label_trainers import CorrelatedParameters
    from annotator_recipes.segmenting_patches import Batch
    from annotator_recipes.segmenting_plan import Plan


class Correlated(Recipe):
    """A U-Net with a head beside its own, whose embeddings of labels soften what is learned."""

    def __init__(self, settings: CorrelatedParameters) -> None:
        super().__init__(settings)
        self._own = settings

    def networks(self, plan: Plan) -> nn.ModuleDict:
        """Return the network and the head beside it."""
        n_labels = len(plan.labels)
        return nn.ModuleDict(
            {
                "network": PlannedUNet(plan.n_channels, n_labels, plan),
                "correlation": CorrelationHead(plan.widths[0], n_labels, plan.n_dims),
            }
        )

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return the plain loss, that of the head beside, and the one against softened labels."""
        del epoch, random
        network = cast("PlannedUNet", networks["network"])
        features = network.features(batch.image)
        logits = network.head(features)
        soft = correlated_target(
            batch.target, self._correlation(networks).detach(), self._own.share
        )
        return (
            plain_loss(logits, batch.target, batch.known)
            + entropy(networks["correlation"](features), batch.target, batch.known)
            + self._own.soft_weight * entropy(logits, soft, batch.known)
        )

    def told(self, networks: nn.ModuleDict, plan: Plan) -> tuple[str, ...]:
        """Tell which labels look alike."""
        with torch.no_grad():
            found = self._correlation(networks).double().cpu().numpy()
        return tuple(tell_correlated(found, plan.labels))

    def _correlation(self, networks: nn.ModuleDict) -> Tensor:
        head = cast("CorrelationHead", networks["correlation"])
        return head.correlation(self._own.temperature)

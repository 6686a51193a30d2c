"""Two peers, each taught by the pixels that the other finds reliable. This module imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from annotator_recipes.peer_losses import (
    generalised_entropy,
    kept_share,
    reliable,
    robust_dice,
)
from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_losses import plain_loss

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from annotator_recipes.label_trainers import CrossDenoisingParameters
    from annotator_recipes.segmenting_patches import Batch
    from annotator_recipes.segmenting_plan import Plan

PEERS = ("first", "second")
_POWER = 1.5
_LITTLE = 1e-6


class CrossDenoising(Recipe):
    """Two networks that begin differently; a prediction is the mean of both, or one's alone."""

    def __init__(self, settings: CrossDenoisingParameters, peers: tuple[str, ...] = PEERS) -> None:
        super().__init__(settings)
        self._own = settings
        self._peers = peers

    def networks(self, plan: Plan) -> nn.ModuleDict:
        """Return both peers."""
        return nn.ModuleDict(
            {name: self.network(plan.n_channels, len(plan.labels), plan) for name in PEERS}
        )

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return the loss of each peer on the pixels that the other one keeps.

        Rounds begin with the plain loss on all pixels and end with the one that bears wrong labels:
        that one teaches a network slowly which hardly knows anything yet.
        """
        del random
        plain = kept_share(epoch, 1.0, self._own.ramp)
        first, second = (networks[name](batch.image) for name in PEERS)
        known = batch.known > 0
        labels = batch.target.argmax(dim=1)
        kept = kept_share(epoch, self._own.noise, self._own.ramp)
        total: Tensor = first.new_zeros(())
        for logits, other in ((first, second), (second, first)):
            with torch.no_grad():
                doubt = generalised_entropy(other, batch.target, self._own.power)
                # What lies beyond the image must not take the place of pixels that are doubted.
                chosen = reliable(
                    doubt, torch.where(known, labels, -1), kept, batch.target.shape[1]
                )
            robust = self._loss(logits, batch.target, chosen.float())
            total = total + (1.0 - plain) * robust
            if plain > 0.0:
                total = total + plain * plain_loss(logits, batch.target, batch.known)
        return total

    def judge(self, networks: nn.ModuleDict, batch: Batch) -> Tensor:
        """Return the loss of the mean of both, which bears wrong labels among those held out."""
        return self._loss(self.read(networks, batch.image), batch.target, batch.known)

    def read(self, networks: nn.ModuleDict, image: Tensor) -> Tensor:
        """Return the logarithm of the mean probability of the peers."""
        shown = [networks[name](image).softmax(dim=1) for name in self._peers]
        mean: Tensor = torch.stack(shown).mean(dim=0)
        return mean.clamp_min(_LITTLE).log()

    def _loss(self, logits: Tensor, target: Tensor, counts: Tensor) -> Tensor:
        each = generalised_entropy(logits, target, self._own.power)
        mean = (each * counts).sum() / counts.sum().clamp_min(1.0)
        found: Tensor = mean + robust_dice(logits.softmax(dim=1), target, counts, _POWER)
        return found

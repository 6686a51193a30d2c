"""A U-Net that is told how far to believe each rater. This module imports torch.

After MRNet (Ji et al., CVPR 2021, code under the MIT licence, not used here): a vector of trust
conditions the network, and the network learns the readings mixed by it. MRNet feeds the vector to a
recurrent cell at the bottleneck. Here each level of features is scaled and shifted by what the
vector says (FiLM, Perez et al., AAAI 2018), linearly: what a mixture of raters does lies between
what they do, and the way down of the network does not depend on trust, so that it is gone only
once for an image. MRNet's second part, which draws every rater again from the result and refines it
where they differ, is left out: it costs another network and is not needed to be told whom to trust.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from annotator_recipes.nets import Decoder, Encoder
from annotator_recipes.soft_losses import soft_entropy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EVEN, RANDOM, ONE = 3.0, 2.0, 1.0


class TrustNet(nn.Module):
    """Logits ``(n, label, y, x)`` of an image, under trust ``(n, rater)`` that sums to 1."""

    def __init__(self, n_in: int, n_raters: int, n_labels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.encoder = Encoder(n_in, widths)
        self.decoder = Decoder(widths, n_labels)
        self.scale = nn.ModuleList(nn.Linear(n_raters, width, bias=False) for width in widths)
        self.shift = nn.ModuleList(nn.Linear(n_raters, width, bias=False) for width in widths)

    def forward(self, image: Tensor, trust: Tensor) -> Tensor:
        """Return logits."""
        return self.draw(self.encoder(image), trust)

    def draw(self, features: Sequence[Tensor], trust: Tensor) -> Tensor:
        """Return logits of what the encoder made of an image."""
        told = [
            feature * (1.0 + scale(trust)[:, :, None, None]) + shift(trust)[:, :, None, None]
            for feature, scale, shift in zip(features, self.scale, self.shift, strict=True)
        ]
        found: Tensor = self.decoder(told)
        return found


def even_trust(present: Tensor) -> Tensor:
    """Return trust in all who are present alike, ``(n, rater)``."""
    return present / present.sum(dim=1, keepdim=True)


def random_trust(present: NDArray[np.bool_], random: np.random.Generator) -> Tensor:
    """Return trust drawn evenly from all mixtures of those who are present, ``(n, rater)``."""
    drawn = random.standard_exponential(present.shape) * present
    return torch.from_numpy((drawn / drawn.sum(axis=1, keepdims=True)).astype(np.float32))


def one_trusted(present: NDArray[np.bool_], random: np.random.Generator) -> Tensor:
    """Return trust in a single one of those who are present, ``(n, rater)``."""
    chosen = (random.random(present.shape) * present).argmax(axis=1)
    return torch.from_numpy(np.eye(present.shape[1], dtype=np.float32)[chosen])


def trust_loss(
    network: TrustNet, image: Tensor, readings: Tensor, mixtures: Sequence[tuple[float, Tensor]]
) -> Tensor:
    """Return how far drawings are from the readings ``(n, rater, label, y, x)`` mixed alike.

    ``mixtures`` are weights in the loss and trust ``(n, rater)``.
    """
    features = network.encoder(image)
    total = readings.new_zeros(())
    for weight, trust in mixtures:
        target = torch.einsum("nr,nrlyx->nlyx", trust, readings)
        logits = network.draw(features, trust)
        total = total + weight * soft_entropy(logits, target, 1).mean()
    return total / sum(weight for weight, _ in mixtures)

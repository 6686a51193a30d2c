"""Labels that look alike, learned beside a network. This module imports torch.

After CCL-Net (arXiv 2007.06371, MICCAI 2020): one embedding a label, learned by the distance to it;
how close two embeddings lie says how far one label is softened towards the other. The abstract is
public, the exact losses are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_SCALE = 10.0


class CorrelationHead(nn.Module):
    """Embeds each pixel and each label, ``(n, feature, …)`` to similarities ``(n, label, …)``."""

    def __init__(self, n_in: int, n_labels: int, n_dims: int, *, width: int = 16) -> None:
        super().__init__()
        self.embed = _CONV[n_dims](n_in, width, 1)
        self.prototypes = nn.Parameter(torch.randn(n_labels, width))

    def forward(self, features: Tensor) -> Tensor:
        """Return the cosine of each pixel to each label, times a scale: logits."""
        pixels = functional.normalize(self.embed(features), dim=1)
        labels = functional.normalize(self.prototypes, dim=1)
        return _SCALE * torch.einsum("nc...,lc->nl...", pixels, labels)

    def correlation(self, temperature: float) -> Tensor:
        """Return how far each label resembles each, ``(label, label)``; rows sum to 1."""
        labels = functional.normalize(self.prototypes, dim=1)
        return ((labels @ labels.T) / temperature).softmax(dim=1)


def correlated_target(target: Tensor, correlation: Tensor, share: float) -> Tensor:
    """Return ``(1 - share) * target + share * correlation of the label``, ``(n, label, …)``."""
    return (1.0 - share) * target + share * torch.einsum("nl...,lk->nk...", target, correlation)


def tell_correlated(
    correlation: NDArray[np.float64], labels: Sequence[int], n_told: int = 3
) -> list[str]:
    """Return sentences on the pairs of labels that resemble each other most, most alike first.

    Background is left out; how alike two labels are is the mean of both directions.
    """
    pairs = sorted(
        (
            (-(correlation[one, other] + correlation[other, one]) / 2, one, other)
            for one in range(1, len(labels))
            for other in range(one + 1, len(labels))
        ),
    )
    return [
        f"Label {labels[one]} and label {labels[other]} look alike to the network: "
        f"similarity {-alike:.2f}, where each has {correlation[one, one]:.2f} with itself."
        for alike, one, other in pairs[:n_told]
    ]

"""Heads that bracket the raters, and what they are trained by. This module imports torch.

After Yu et al., MICCAI 2020 (arXiv 2007.14848), rebuilt from its abstract, for no equations or code
are public: one network, a head for the most sensitive reading and one for the most specific, and a
consensus loss that makes them one where raters agree and two where they do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from annotator_recipes.nets import MaskedClassifier, UNet

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class DifficultyWeights:
    """How much the consensus loss and the fused head count; how much more a hard case does."""

    consensus: float
    fused: float
    hard: float


class AnswerNet(nn.Module):
    """Logits of an image-level answer: sensitive, specific and fused, ``(case, 3)``."""

    def __init__(self, n_in: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.slices = MaskedClassifier(n_in, 0, widths, n_out=3)

    def forward(self, image: Tensor, case: Tensor, n_cases: int) -> Tensor:
        """Return the mean over each case's slices ``(n, in, y, x)``; ``case`` is ``(n,)``."""
        logits: Tensor = self.slices(image, image[:, :0])
        total = torch.zeros(n_cases, 3, device=image.device).index_add(0, case, logits)
        return total / torch.bincount(case, minlength=n_cases)[:, None]


class BracketNet(nn.Module):
    """Logits of what anyone draws and what all draw, each ``(n, label, y, x)``."""

    def __init__(self, n_in: int, n_labels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.n_labels = n_labels
        self.network = UNet(n_in, 2 * n_labels, widths)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sensitive and the specific reading of ``(n, in, y, x)``."""
        anyone, everyone = self.network(image).split(self.n_labels, dim=1)
        return anyone, everyone


def bracket_loss(
    sensitive: Tensor, specific: Tensor, highest: Tensor, lowest: Tensor, consensus: float
) -> Tensor:
    """Return the loss of logits against the highest and the lowest reading, each 0 to 1.

    The margin of the consensus loss is 1: what it asks of the distance of the two heads is then
    what the heads ask themselves, that it be the probability of a dispute (it is its Brier score).
    """
    loss = functional.binary_cross_entropy_with_logits(sensitive, highest)
    loss = loss + functional.binary_cross_entropy_with_logits(specific, lowest)
    apart = sensitive.sigmoid() - specific.sigmoid()
    disputed = highest - lowest
    alike = (1.0 - disputed) * apart.square() + disputed * (1.0 - apart).square()
    return loss + consensus * alike.mean()


def answer_loss(
    logits: Tensor, highest: Tensor, lowest: Tensor, final: Tensor, weights: DifficultyWeights
) -> Tensor:
    """Return the loss of the three heads ``(case, 3)``; hard cases weigh more in the fused one."""
    sensitive, specific, fused = logits.unbind(dim=1)
    loss = bracket_loss(sensitive, specific, highest, lowest, weights.consensus)
    difficulty = (sensitive.sigmoid() - specific.sigmoid()).abs().detach()
    each = functional.binary_cross_entropy_with_logits(fused, final, reduction="none")
    return loss + weights.fused * ((1.0 + weights.hard * difficulty) * each).mean()

"""How a model of many coarse labels and one of few fine ones teach each other.

After the macro-micro framework (arXiv 2007.10007, MICCAI 2020), reconstructed: the paper's exact
weights are not public. This module imports torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor, nn

_N_DROPPED = 8
_DROPOUT = 0.3


def doubt_by_dropout(features: Tensor, head: nn.Module) -> tuple[Tensor, Tensor]:
    """Return the mean probability ``(n, label, …)`` and its normalised entropy ``(n, …)``, 0 to 1.

    Features are dropped at random before the head, several times: what hangs on few of them is in
    doubt (Gal & Ghahramani 2016).
    """
    mean = torch.stack(
        [
            head(functional.dropout(features, _DROPOUT, training=True)).softmax(dim=1)
            for _ in range(_N_DROPPED)
        ]
    ).mean(dim=0)
    entropy = -(mean * mean.clamp_min(1e-6).log()).sum(dim=1) / math.log(mean.shape[1])
    return mean, entropy.clamp(0.0, 1.0)


def guided_divergence(logits: Tensor, teacher: Tensor, doubt: Tensor, counts: Tensor) -> Tensor:
    """Return ``exp(-doubt) * KL(teacher || logits)``, mean over the pixels that count.

    ``doubt`` and ``counts`` are ``(n, …)``; the teacher's probabilities are not learned from here.
    """
    known = teacher.detach()
    gap = (known * (known.clamp_min(1e-6).log() - logits.log_softmax(dim=1))).sum(dim=1)
    weight = counts * (-doubt.detach()).exp()
    return (weight * gap).sum() / counts.sum().clamp_min(1.0)


@torch.no_grad()
def lean_towards(student: nn.Module, other: nn.Module, inertia: float, doubt: float) -> None:
    """Move weights towards another network's, the less the more in doubt that one is.

    ``w = a w + (1 - a) w_other`` with ``a = inertia + (1 - inertia) * doubt``: with a doubt of 1
    nothing moves.
    """
    keep = inertia + (1.0 - inertia) * doubt
    for own, theirs in zip(student.parameters(), other.parameters(), strict=True):
        own.mul_(keep).add_(theirs, alpha=1.0 - keep)

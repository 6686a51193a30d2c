"""What two peers say to each other about labels that may be wrong. This module imports torch.

After Zhang, Liu, Ma, Zhuo & Zheng 2020 (cross-denoising, arXiv 2006.10990, IJCAI), whose exact
losses are not public: co-teaching (Han et al. 2018) pixel by pixel and class by class, with losses
that are known to bear wrong labels.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LITTLE = 1e-6


def generalised_entropy(logits: Tensor, target: Tensor, power: float) -> Tensor:
    """Return ``(1 - p ** power) / power`` of the label, ``(n, …)`` (Zhang & Sabuncu 2018).

    ``target`` holds shares along axis 1. Cross-entropy for a power towards 0, the mean absolute
    error for 1: the larger, the less a label counts that the network finds impossible.
    """
    probability = logits.softmax(dim=1).clamp_min(_LITTLE)
    return (target * (1.0 - probability**power) / power).sum(dim=1)


def robust_dice(probability: Tensor, target: Tensor, counts: Tensor, power: float) -> Tensor:
    """Return one minus an overlap in which small differences hardly count (Wang et al. 2020).

    ``sum |p - g| ** power / (sum p² + sum g²)`` over the pixels that count, ``(n, …)`` from 0 to 1,
    mean over the labels besides background.
    """
    axes = (0, *range(2, probability.ndim))
    weight = counts[:, None]
    apart = (weight * (probability - target).abs() ** power).sum(dim=axes)
    whole = (weight * (probability**2 + target**2)).sum(dim=axes)
    return (apart / (whole + 1.0))[1:].mean()


def reliable(losses: Tensor, labels: Tensor, kept: float, n_labels: int) -> Tensor:
    """Return which pixels have the smallest losses of their label.

    ``losses`` and ``labels`` are ``(n, …)``. Of each label the share ``1 - kept`` is left out, so
    that small structures are not dropped for being hard; of one that holds more pixels than all
    others together, that share of the others: an outline that is wrong takes as much from one side
    as it gives to the other, and whoever left out a share of all background would leave out
    everything around a small structure.
    """
    found = torch.zeros_like(labels, dtype=torch.bool)
    sizes = [int((labels == label).sum()) for label in range(n_labels)]
    for label in range(n_labels):
        own = labels == label
        size, others = sizes[label], sum(sizes) - sizes[label]
        n_kept = size - round((1.0 - kept) * min(size, others or size))
        if n_kept:
            limit = losses[own].kthvalue(n_kept).values
            found |= own & (losses <= limit)
    return found


def kept_share(epoch: int, noise: float, ramp: int) -> float:
    """Return the share of pixels that peers keep in a round: 1 at first, ``1 - noise`` at last."""
    return 1.0 - noise * min(epoch / max(1, ramp), 1.0)

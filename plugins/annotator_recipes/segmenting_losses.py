"""Losses of segmentation against shares, where these are known. This module imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from annotator_recipes.soft_losses import soft_entropy

if TYPE_CHECKING:
    from torch import Tensor

_SMOOTH = 1.0
"""Voxels: keeps the overlap of a label that is nowhere from being 0 / 0."""


def entropy(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the mean cross-entropy over known voxels; ``(n, label, …)``, known ``(n, …)``."""
    each = soft_entropy(logits, target, dim=1)
    return (each * known).sum() / known.sum().clamp_min(1.0)


def overlap_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return 1 less the mean Dice over labels but the background, over the whole batch.

    ``1 - |p - t| / |p + t|``: the usual soft Dice for targets of 0 and 1, and least where both
    agree for targets between them too (Wang et al., *Dice Semimetric Losses*, MICCAI 2023).
    """
    shown = logits.softmax(dim=1)[:, 1:] * known[:, None]
    wanted = target[:, 1:] * known[:, None]
    axes = [axis for axis in range(shown.ndim) if axis != 1]
    both = (shown + wanted).sum(dim=axes)
    apart = (shown - wanted).abs().sum(dim=axes)
    overlap: Tensor = (both - apart + _SMOOTH) / (both + _SMOOTH)
    return 1.0 - overlap.mean()


def plain_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return cross-entropy and loss of overlap together, as most segmentation networks have it."""
    return entropy(logits, target, known) + overlap_loss(logits, target, known)


def hard_dice(logits: Tensor, target: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return twice what is shared, and what is drawn by both, of each label but the background.

    Of the most probable labels, summed over the batch, ``(label,)`` each.
    """
    n_labels = target.shape[1]
    shown, wanted = logits.argmax(dim=1), target.argmax(dim=1)
    shared, drawn = [], []
    for label in range(1, n_labels):
        one, other = (shown == label) * known, (wanted == label) * known
        shared.append(2.0 * (one * other).sum())
        drawn.append(one.sum() + other.sum())
    return torch.stack(shared), torch.stack(drawn)

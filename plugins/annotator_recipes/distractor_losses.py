"""Responses to a right and to a wrong label, pushed apart. This module imports torch.

After Gong, Ma & Zheng 2020 (distractor-aware neuron intrinsic learning, arXiv 2007.09979): the
features that respond to the right label should not be those that respond to a wrong one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


def responses(features: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Return how far each feature speaks for a label at each pixel, ``(n, feature, …)`` from 0.

    Features times the gradient of the label's score by them: for a last layer with these weights,
    ``(label, feature)``, the weights of the label. ``labels`` is ``(n, …)``.
    """
    gradient = torch.movedim(weight[labels], -1, 1)
    return (features * gradient).relu()


def other_labels(labels: Tensor, n_labels: int, generator: torch.Generator) -> Tensor:
    """Return another label than the right one for each pixel, at random."""
    step = torch.randint(1, n_labels, labels.shape, generator=generator)
    return (labels + step.to(labels.device)) % n_labels


def response_distance(right: Tensor, wrong: Tensor, known: Tensor) -> Tensor:
    """Return one minus the cosine of two maps of responses: 0 where alike, to 1.

    Mean over the pixels that are known, ``(n, …)``.
    """
    alike = functional.cosine_similarity(right, wrong, dim=1)
    return 1.0 - (alike * known).sum() / known.sum().clamp_min(1.0)

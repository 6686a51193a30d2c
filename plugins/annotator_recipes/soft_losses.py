"""Losses against targets that are shares, not labels. This module imports torch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_WINDOW, _SPREAD = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def soft_entropy(logits: Tensor, target: Tensor, dim: int) -> Tensor:
    """Return the cross-entropy to a target that sums to 1 along ``dim``, which goes away."""
    return -(target * logits.log_softmax(dim=dim)).sum(dim=dim)


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean structural similarity of maps from 0 to 1, ``(n, map, y, x)``: 1 if alike.

    Wang et al. 2004, with their Gaussian window of 11; where it does not fit is left out.
    """
    kernel = gaussian(_WINDOW // 2, _SPREAD, first)

    def average(maps: Tensor) -> Tensor:
        return smooth(maps.flatten(0, 1)[:, None], kernel)

    mean_1, mean_2 = average(first), average(second)
    variance_1 = average(first * first) - mean_1**2
    variance_2 = average(second * second) - mean_2**2
    covariance = average(first * second) - mean_1 * mean_2
    likeness = (2 * mean_1 * mean_2 + _C1) * (2 * covariance + _C2)
    return (likeness / ((mean_1**2 + mean_2**2 + _C1) * (variance_1 + variance_2 + _C2))).mean()


def gaussian(reach: int, sigma: float, like: Tensor) -> Tensor:
    """Return a Gaussian window of ``2 reach + 1``, which sums to 1."""
    steps = torch.arange(-reach, reach + 1, dtype=like.dtype, device=like.device)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    return kernel / kernel.sum()


def smooth(maps: Tensor, kernel: Tensor) -> Tensor:
    """Return ``(map, 1, y, x)`` averaged along both axes, smaller by the window."""
    along_y = functional.conv2d(maps, kernel[None, None, :, None])
    return functional.conv2d(along_y, kernel[None, None, None, :])

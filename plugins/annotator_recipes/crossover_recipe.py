"""An upright and a lying strip around each pixel, for outlines and few cases; imports torch.

After *Crossover-Net* (arXiv 2004.01397), where cross-shaped patches around pixels are classified.
Here both strips are read for all pixels at once, by convolutions that reach far along one axis and
little along the other. Features of both are to agree where strips cross, and differ elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from annotator_recipes.nets import normalise
from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_losses import plain_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from annotator_recipes.outline_trainers import CrossoverParameters
    from annotator_recipes.segmenting_patches import Batch
    from annotator_recipes.segmenting_plan import Plan

_LONG, _SHORT = 9, 3
_DILATIONS = (1, 1, 2, 2)
_ARM, _MIDDLE = 21, 5
"""Pixels along a strip, and of the square where strips cross."""


class Strip(nn.Sequential):
    """Features ``(n, width, y, x)`` of a strip around each pixel, along one axis (0: upright)."""

    def __init__(self, n_in: int, width: int, axis: int) -> None:
        layers: list[nn.Module] = []
        for number, dilation in enumerate(_DILATIONS):
            long = _LONG if number else _SHORT
            kernel = (long, _SHORT) if axis == 0 else (_SHORT, long)
            steps = (dilation, 1) if axis == 0 else (1, dilation)
            padding = (steps[0] * (kernel[0] // 2), steps[1] * (kernel[1] // 2))
            before = width if number else n_in
            layers += [
                nn.Conv2d(before, width, kernel, padding=padding, dilation=steps, bias=False),
                normalise(width),
                nn.LeakyReLU(0.01),
            ]
        super().__init__(*layers)


class CrossNet(nn.Module):
    """Two strips and what they say together, ``(n, in, y, x)`` to logits ``(n, out, y, x)``."""

    def __init__(self, n_in: int, n_out: int, width: int) -> None:
        super().__init__()
        self.upright = Strip(n_in, width, 0)
        self.lying = Strip(n_in, width, 1)
        self.head = nn.Sequential(
            nn.Conv2d(2 * width, width, 1), nn.LeakyReLU(0.01), nn.Conv2d(width, n_out, 1)
        )

    def strips(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of both strips."""
        return self.upright(image), self.lying(image)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.head(torch.cat(self.strips(image), dim=1))
        return logits


def _mean(features: Tensor, sides: Sequence[int]) -> Tensor:
    padding = [side // 2 for side in sides]
    return functional.avg_pool2d(
        features, tuple(sides), stride=1, padding=padding, count_include_pad=True
    )


def _arms(features: Tensor, axis: int) -> Tensor:
    """Return the mean of the features over a strip without the square in its middle."""
    sides = (_ARM, _MIDDLE) if axis == 0 else (_MIDDLE, _ARM)
    whole, middle = _mean(features, sides), _mean(features, (_MIDDLE, _MIDDLE))
    return (whole * _ARM - middle * _MIDDLE) / (_ARM - _MIDDLE)


def _spread(distance: Tensor) -> Tensor:
    """Return the mean of distances from their least, 0, to their greatest, 1; 0 where all are."""
    low, high = distance.amin(), distance.amax()
    return ((distance - low) / (high - low).clamp_min(1e-6)).mean()


def crossing_terms(upright: Tensor, lying: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far strips disagree where they cross, and differ elsewhere, 0 to 1 each."""
    middle = (_MIDDLE, _MIDDLE)
    crossing = (_mean(upright, middle) - _mean(lying, middle)).square().sum(dim=1)
    elsewhere = (_arms(upright, 0) - _arms(lying, 1)).square().sum(dim=1)
    return _spread((crossing + 1e-8).sqrt()), _spread((elsewhere + 1e-8).sqrt())


class Crossover(Recipe):
    """The plain loss, and strips that agree where they cross and differ elsewhere."""

    def __init__(self, settings: CrossoverParameters) -> None:
        super().__init__(settings)
        self._own = settings

    def network(self, n_in: int, n_out: int, plan: Plan) -> nn.Module:
        """Return the network of two strips."""
        return CrossNet(n_in, n_out, plan.widths[0])

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return the plain loss, with disagreement added and difference taken off."""
        del epoch, random
        network = cast("CrossNet", networks["network"])
        upright, lying = network.strips(batch.image)
        logits = network.head(torch.cat([upright, lying], dim=1))
        disagreement, difference = crossing_terms(upright, lying)
        plain = plain_loss(logits, batch.target, batch.known)
        return plain + self._own.crossing_weight * (disagreement - difference)

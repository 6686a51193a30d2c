"""The network that judges a point of a contour. This module imports torch."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from annotator_recipes.contour_patches import N_ACROSS, N_ALONG

_WIDTHS = (16, 32, 32)
_HIDDEN = 64
_DROPPED = 0.3
N_WAYS = 3
"""Right, too far out, too far in."""


class ContourNet(nn.Module):
    """Patches and facts become three logits and how far off the point lies, in units of the reach.

    Where in a patch something is matters as much as that it is there, so nothing is pooled away.
    """

    def __init__(self, n_channels: int, n_facts: int) -> None:
        super().__init__()
        widths = (n_channels, *_WIDTHS)
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(itertools.pairwise(widths)):
            stride = 2 if number else 1
            layers += [
                nn.Conv2d(before, after, 3, stride=stride, padding=1),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
        self.patch = nn.Sequential(*layers, nn.Flatten())
        n_left = -(-N_ACROSS // 4) * -(-N_ALONG // 4) * _WIDTHS[-1]
        self.head = nn.Sequential(
            nn.Dropout(_DROPPED),
            nn.Linear(n_left + n_facts, _HIDDEN),
            nn.ReLU(inplace=True),
            nn.Dropout(_DROPPED),
            nn.Linear(_HIDDEN, N_WAYS + 1),
        )

    def forward(self, patches: Tensor, facts: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits ``(row, way)`` and the deviation ``(row,)``."""
        found = self.head(torch.cat([self.patch(patches), facts], dim=1))
        return found[:, :N_WAYS], found[:, N_WAYS]

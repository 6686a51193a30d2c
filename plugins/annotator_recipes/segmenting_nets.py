"""A U-Net in two or three dimensions, sized by a plan. This module imports torch."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator_recipes.segmenting_plan import Plan

_CONV: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
_GROW: dict[int, Any] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def normalise(n_channels: int) -> nn.GroupNorm:
    """Return a normalisation of each channel by itself.

    In few steps it learns far more than with channels in groups, on slices of small structures.
    """
    return nn.GroupNorm(n_channels, n_channels)


class Block(nn.Sequential):
    """Two convolutions, each normalised and rectified; the first shrinks by ``stride``."""

    def __init__(self, n_in: int, n_out: int, stride: Sequence[int], kernel: Sequence[int]) -> None:
        conv, padding = _CONV[len(kernel)], tuple(one // 2 for one in kernel)
        sides = tuple(kernel)
        super().__init__(
            conv(n_in, n_out, sides, stride=tuple(stride), padding=padding, bias=False),
            normalise(n_out),
            nn.LeakyReLU(0.01, inplace=True),
            conv(n_out, n_out, sides, padding=padding, bias=False),
            normalise(n_out),
            nn.LeakyReLU(0.01, inplace=True),
        )


class PlannedUNet(nn.Module):
    """A U-Net, ``(n, in, [z,] y, x)`` to logits ``(n, out, [z,] y, x)``.

    Sides must be multiples of ``plan.multiple``.
    """

    def __init__(self, n_in: int, n_out: int, plan: Plan) -> None:
        super().__init__()
        widths, strides, kernels = plan.widths, plan.strides, plan.kernels
        unit = (1,) * plan.n_dims
        self.down = nn.ModuleList(
            Block(above, below, stride, kernel)
            for (above, below), stride, kernel in zip(
                pairwise((n_in, *widths)), (unit, *strides), kernels, strict=True
            )
        )
        steps = list(zip(pairwise(widths), strides, kernels[:-1], strict=True))[::-1]
        self.grow = nn.ModuleList(
            _GROW[plan.n_dims](below, above, stride, stride=stride)
            for (above, below), stride, _ in steps
        )
        self.up = nn.ModuleList(
            Block(2 * above, above, unit, kernel) for (above, _), _, kernel in steps
        )
        self.head = _CONV[plan.n_dims](widths[0], n_out, 1)

    def features(self, image: Tensor) -> Tensor:
        """Return the features at full size that the head reads, ``(n, widths[0], [z,] y, x)``."""
        sides: list[Tensor] = []
        found = image
        for block in self.down:
            found = block(found)
            sides.append(found)
        for grow, block, side in zip(self.grow, self.up, sides[-2::-1], strict=True):
            found = block(torch.cat([grow(found), side], dim=1))
        return found

    def forward(self, image: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.head(self.features(image))
        return logits

"""A network that tells where each voxel of one image lies in another. This module imports torch.

Ways are ``(n, axis, [z,] y, x)`` in working voxels: voxel ``x`` of the fixed image lies at
``x + way(x)`` in the moving one (Balakrishnan et al., *VoxelMorph*, IEEE TMI 2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from annotator_recipes.segmenting_nets import PlannedUNet
from annotator_recipes.segmenting_plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

_WINDOW = 7
_LEAST_SIDE = 6


class FlowNet(nn.Module):
    """Ways from fixed images to moving ones, ``(n, 1, [z,] y, x)`` each; none at the start."""

    def __init__(self, sides: Sequence[int], width: int) -> None:
        super().__init__()
        n_dims = len(sides)
        strides: list[tuple[int, ...]] = []
        left = [float(side) for side in sides]
        while len(strides) < 4 and max(left) >= 2 * _LEAST_SIDE:
            strides.append(tuple(2 if side >= 2 * _LEAST_SIDE else 1 for side in left))
            left = [side / by for side, by in zip(left, strides[-1], strict=True)]
        plan = Plan(
            n_dims=n_dims,
            spacing_mm=(None, 1.0, 1.0),
            patch=tuple(sides),
            strides=tuple(strides) or ((2,) * n_dims,),
            kernels=((3,) * n_dims,) * (max(1, len(strides)) + 1),
            widths=tuple(width * 2**level for level in range(max(1, len(strides)) + 1)),
            n_channels=2,
            labels=(0, 1),
            rater_ids=(),
            batch=1,
        )
        self.multiple = plan.multiple
        self.body = PlannedUNet(2, n_dims, plan)
        nn.init.normal_(self.body.head.weight, std=1e-4)
        nn.init.zeros_(self.body.head.bias)

    def forward(self, fixed: Tensor, moving: Tensor) -> Tensor:
        """Return the way from each voxel of ``fixed`` to the same place in ``moving``."""
        way: Tensor = self.body(torch.cat([fixed, moving], dim=1))
        return way


def places(way: Tensor) -> Tensor:
    """Return where voxels end, ``(n, [z,] y, x, axis)`` as `grid_sample` counts: x first."""
    sides = way.shape[2:]
    lines = [torch.arange(side, dtype=way.dtype, device=way.device) for side in sides]
    index = torch.stack(torch.meshgrid(*lines, indexing="ij"))
    ends = (index + way).movedim(1, -1)
    half = torch.tensor([side / 2 for side in sides], dtype=way.dtype, device=way.device)
    return ((ends + 0.5) / half - 1.0).flip(-1)


def warped(values: Tensor, way: Tensor) -> Tensor:
    """Return ``(n, any, [z,] y, x)`` as seen along a way: ``values(x + way(x))``."""
    return functional.grid_sample(
        values, places(way), mode="bilinear", padding_mode="border", align_corners=False
    )


def unlikeness(one: Tensor, other: Tensor) -> Tensor:
    """Return 1 less the mean squared local correlation of two images ``(n, 1, …)``: 0 to 1."""
    pool = functional.avg_pool2d if one.ndim == 4 else functional.avg_pool3d

    def mean(values: Tensor) -> Tensor:
        return pool(values, _WINDOW, stride=1, padding=_WINDOW // 2, count_include_pad=False)

    a, b = mean(one), mean(other)
    both = mean(one * other) - a * b
    spread = (mean(one * one) - a * a).clamp_min(0) * (mean(other * other) - b * b).clamp_min(0)
    return 1.0 - (both * both / (spread + 1e-4)).mean()


def bending(way: Tensor) -> Tensor:
    """Return the mean squared change of a way from voxel to voxel."""
    parts = [way.diff(dim=axis).square().mean() for axis in range(2, way.ndim)]
    return torch.stack(parts).mean()


def return_gap(there: Tensor, back: Tensor) -> Tensor:
    """Return how far voxels end from where they began, ``(n, axis, …)``."""
    return there + warped(back, there)


def overlap_gap(one: Tensor, other: Tensor) -> Tensor:
    """Return 1 less the mean Dice of labels ``(n, label, …)``, the background left out."""
    axes = [axis for axis in range(one.ndim) if axis != 1]
    shared = (one * other)[:, 1:].sum(dim=axes)
    drawn = (one + other)[:, 1:].sum(dim=axes)
    return 1.0 - ((2.0 * shared + 1.0) / (drawn + 1.0)).mean()


def flow_loss(
    network: FlowNet,
    source: Tensor,
    labels: Tensor,
    target: Tensor,
    *,
    smoothness: float,
    cycle: float,
) -> Tensor:
    """Return what a step makes smaller: unlikeness and bending, both ways, and not coming back.

    Not coming back is the square of the gap in voxels, and what the labels of the finished case
    lose on the way there and back (the cycles of transformation and anatomy).
    """
    there, back = network(target, source), network(source, target)
    loss = unlikeness(target, warped(source, there)) + unlikeness(source, warped(target, back))
    loss = loss + smoothness * (bending(there) + bending(back))
    if cycle > 0.0:
        gap = return_gap(there, back).square().mean() + return_gap(back, there).square().mean()
        loss = loss + cycle * 0.1 * gap
        loss = loss + cycle * overlap_gap(labels, warped(warped(labels, there), back))
    return loss

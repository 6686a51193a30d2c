"""Training of the network that judges points of contours. This module imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from annotator_recipes.contour_calibration import smooth_along
from annotator_recipes.contour_net import ContourNet
from annotator_recipes.contour_patches import N_CHANNELS, N_SHADES, PatchCutter
from annotator_recipes.epochs import train_rounds

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from annotator.analysis.contour_points import ContourPoints
    from annotator.api import DrawnContour, Progress
    from annotator_recipes.contour_lessons import PointSet
    from annotator_recipes.contour_patches import PatchPlan
    from annotator_recipes.epochs import Rounds

    Rows = NDArray[np.int64]

_BATCH = 256
_PATIENCE = 4
_LEARNING_RATE = 1e-3
_OFF_WEIGHT = 2.0
_AT_ONCE = 2048
_SHADES = 0.3
_COVERED = 6
"""Half of the patches have something covered: three of six draws."""


def train_network(
    points: PointSet,
    held_out: PointSet,
    plan: PatchPlan,
    rounds: int,
    random: np.random.Generator,
    device: torch.device,
    progress: Progress,
) -> tuple[ContourNet, Rounds]:
    """Return a trained network, and how it went; torch is to be seeded before."""
    network = ContourNet(plan.n_channels, plan.n_facts).to(device)
    weight = _weights(points.way)

    def loss_of(rows: Rows, epoch: int) -> Tensor:
        patches = torch.from_numpy(_varied(points.patches[rows], random)).to(device)
        return _loss(network, patches, points, rows, weight)

    def judged(rows: Rows, epoch: int) -> Tensor:
        patches = torch.from_numpy(held_out.patches[rows]).to(device)
        return _loss(network, patches, held_out, rows, weight)

    went = train_rounds(
        network,
        loss_of,
        judged,
        np.arange(len(points.way)),
        np.arange(len(held_out.way)),
        epochs=rounds,
        patience=_PATIENCE,
        batch=_BATCH,
        learning_rate=_LEARNING_RATE,
        random=random,
        progress=progress,
    )
    return network, went


def ask_network(
    network: ContourNet,
    drawn: DrawnContour,
    points: ContourPoints,
    plan: PatchPlan,
    progress: Progress,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logits ``(point, way)`` and how far off each point lies, mm, ``(point,)``.

    Both are means over neighbouring points.
    """
    device = next(network.parameters()).device
    cutter = PatchCutter(drawn, points, plan)
    found = np.empty((len(points), 4))
    with torch.inference_mode():
        for start in range(0, len(points), _AT_ONCE):
            progress(start / len(points), f"looking along the contour of {drawn.name}")
            rows = np.arange(start, min(start + _AT_ONCE, len(points)))
            patches, facts = (torch.from_numpy(part).to(device) for part in cutter.cut(rows))
            logits, off = network(patches, facts)
            found[rows, :3] = logits.log_softmax(dim=1).cpu().numpy()
            found[rows, 3] = off.cpu().numpy() * plan.reach_mm
    smooth = smooth_along(points, found)
    return smooth[:, :3], smooth[:, 3]


def _loss(
    network: ContourNet, patches: Tensor, points: PointSet, rows: Rows, weight: Tensor
) -> Tensor:
    device = patches.device
    facts, off = (
        torch.from_numpy(values[rows]).to(device) for values in (points.facts, points.deviation)
    )
    way = torch.from_numpy(points.way[rows]).to(device)
    logits, said = network(patches, facts)
    way_loss = functional.cross_entropy(logits, way, weight=weight.to(device))
    return way_loss + _OFF_WEIGHT * functional.smooth_l1_loss(said, off, beta=0.1)


def _weights(way: Rows) -> Tensor:
    """Let right and wrong count alike, and both directions of wrong."""
    count = np.bincount(way, minlength=3).astype(np.float64)
    share = np.array([0.5, 0.25, 0.25]) * count.sum() / np.maximum(count, 1.0)
    return torch.from_numpy(np.minimum(share, 10.0).astype(np.float32))


def _varied(patches: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Return patches seen in the mirror, in other light, or with some of what is seen covered.

    Covered are the image as it is, the image as it differs from the usual, or what was drawn, so
    that a network learns to do with each.
    """
    varied = patches.copy()
    n_rows = len(varied)
    in_mirror = random.random(n_rows) < 0.5
    varied[in_mirror] = varied[in_mirror, :, :, ::-1]
    shape = (n_rows, 1, 1, 1, 1)
    gain = np.exp(_SHADES * random.standard_normal(shape)).astype(np.float32)
    shade = (_SHADES * random.standard_normal(shape)).astype(np.float32)
    planes = varied.reshape(n_rows, -1, N_CHANNELS, *varied.shape[2:])
    planes[:, :, :N_SHADES] = planes[:, :, :N_SHADES] * gain + shade
    covered = random.integers(0, _COVERED, n_rows)
    for which, group in enumerate((slice(0, 2), slice(2, 4), slice(4, 6))):
        planes[covered == which, :, group] = 0.0
    return varied

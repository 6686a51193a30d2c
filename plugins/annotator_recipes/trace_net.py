"""A small network that judges traced points by their features, and its training.

This module imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from annotator_recipes.epochs import train_rounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Progress

    Floats = NDArray[np.float32]
    Rows = NDArray[np.int64]

SECOND_WIDTH = 32
_MOST_SIGMA = 5.0
_DROPPED_FEATURES, _DROPPED = 0.1, 0.3
_BATCH = 512
_PATIENCE = 3


class PointJudge(nn.Module):
    """Features of a point, standardised and cut at five deviations, to the log-odds of wrong."""

    mean: Tensor
    spread: Tensor

    def __init__(self, n_features: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("spread", torch.ones(n_features))
        self.layers = nn.Sequential(
            nn.Dropout(_DROPPED_FEATURES),
            nn.Linear(n_features, width),
            nn.ReLU(),
            nn.Dropout(_DROPPED),
            nn.Linear(width, SECOND_WIDTH),
            nn.ReLU(),
            nn.Dropout(_DROPPED),
            nn.Linear(SECOND_WIDTH, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return log-odds ``(point,)`` for features ``(point, feature)``."""
        scaled = (features - self.mean) / self.spread
        found: Tensor = self.layers(scaled.clamp(-_MOST_SIGMA, _MOST_SIGMA))[:, 0]
        return found


def train_judge(
    values: Floats,
    is_wrong: NDArray[np.bool_],
    weights: Floats,
    held_out: NDArray[np.bool_],
    *,
    width: int,
    rounds: int,
    learning_rate: float,
    random: np.random.Generator,
    progress: Progress,
) -> PointJudge:
    """Return a network trained on points that are not held out, at its best round on the others.

    Wrong points count for more than right ones, by the root of how much rarer they are; torch is
    to be seeded before.
    """
    learn, left = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    network = PointJudge(values.shape[1], width)
    with torch.no_grad():
        network.mean.copy_(torch.from_numpy(values[learn].mean(axis=0)))
        network.spread.copy_(torch.from_numpy(values[learn].std(axis=0) + 1e-3))
    wrong_weight = float(weights[learn][is_wrong[learn]].sum())
    rarer = max(1.0, (float(weights[learn].sum()) - wrong_weight) / max(wrong_weight, 1e-9))
    counted = torch.from_numpy(np.where(is_wrong, weights * np.float32(rarer**0.5), weights))
    features, truth = torch.from_numpy(values), torch.from_numpy(is_wrong.astype(np.float32))

    def loss_of(rows: Rows, epoch: int) -> Tensor:
        own = torch.from_numpy(rows)
        losses = functional.binary_cross_entropy_with_logits(
            network(features[own]), truth[own], reduction="none"
        )
        return (losses * counted[own]).mean()

    train_rounds(
        network,
        loss_of,
        loss_of,
        learn,
        left,
        epochs=rounds,
        patience=_PATIENCE,
        batch=_BATCH,
        learning_rate=learning_rate,
        random=random,
        progress=progress,
    )
    return network


def judge_points(network: PointJudge, values: Floats) -> NDArray[np.float64]:
    """Return the log-odds that points are wrong, ``(point,)``."""
    network.eval()
    with torch.inference_mode():
        found = network(torch.from_numpy(values)).double().numpy()
    return np.asarray(found)

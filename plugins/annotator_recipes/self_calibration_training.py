"""Training of the networks of self-calibration. This module imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from annotator_recipes.epochs import Rounds, train_rounds
from annotator_recipes.self_calibration_net import (
    LossWeights,
    SelfCalibration,
    calibration_loss,
    exchange,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from annotator.api import Progress
    from annotator_recipes.reading_slices import ReadingSlices
    from annotator_recipes.self_calibration import SelfCalibrationParameters

    Weigh = Callable[[Tensor, Tensor, Tensor, float, float], Tensor]


def describe_networks(data: ReadingSlices, settings: SelfCalibrationParameters) -> dict[str, Any]:
    """Return everything that the networks are built by, as JSON can hold it."""
    return {
        "n_in": data.image.shape[1],
        "n_raters": len(data.rater_ids),
        "n_labels": len(data.labels),
        "widths": settings.widths,
        "passes": settings.passes,
        "beta": settings.beta,
        "sigma": settings.sigma,
    }


def build_network(facts: Mapping[str, Any], weigh: Weigh | None = None) -> SelfCalibration:
    """Return untrained networks by their description."""
    return SelfCalibration(
        facts["n_in"],
        facts["n_raters"],
        facts["n_labels"],
        facts["widths"],
        passes=facts["passes"],
        beta=facts["beta"],
        sigma=facts["sigma"],
        weigh=weigh,
    )


def train_calibration(
    data: ReadingSlices,
    settings: SelfCalibrationParameters,
    device: torch.device,
    progress: Progress,
    *,
    weigh: Weigh | None = None,
) -> tuple[SelfCalibration, Rounds, NDArray[np.int64]]:
    """Return trained networks, how it went, and the rows that were held out.

    Torch is to be seeded before. ``weigh`` puts another operator in the place of expertness.
    """
    random = np.random.default_rng(settings.seed)
    rows, held_out = data.split(settings.held_out, random)
    network = build_network(describe_networks(data, settings), weigh).to(device)
    weights = LossWeights(shuffle=settings.shuffle, ssim=settings.ssim)
    generator = torch.Generator().manual_seed(settings.seed)

    def loss_of(own: NDArray[np.int64], epoch: int, *, is_judged: bool = False) -> Tensor:
        image = torch.from_numpy(data.image[own]).to(device)
        readings = torch.from_numpy(data.readings(own)).to(device)
        present = torch.from_numpy(data.present[own]).to(device)
        return calibration_loss(
            network(image, present),
            readings,
            present,
            weights,
            by_mean=epoch < settings.warm_up,
            order=None if is_judged else exchange(present, generator),
        )

    def judge(own: NDArray[np.int64], epoch: int) -> Tensor:
        return loss_of(own, epoch, is_judged=True)

    rounds = train_rounds(
        network,
        loss_of,
        judge,
        rows,
        held_out,
        epochs=settings.epochs,
        patience=settings.patience,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        random=random,
        progress=progress,
        first_judged=settings.warm_up,
    )
    return network, rounds, held_out

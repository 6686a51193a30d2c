"""Training of a network that is told whom to trust. This module imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from annotator_recipes.epochs import Rounds, train_rounds
from annotator_recipes.trust_vector_net import (
    EVEN,
    ONE,
    RANDOM,
    TrustNet,
    even_trust,
    one_trusted,
    random_trust,
    trust_loss,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from annotator.api import Progress
    from annotator_recipes.reading_slices import ReadingSlices
    from annotator_recipes.trust_vector import TrustVectorParameters


def train_trust(
    data: ReadingSlices,
    settings: TrustVectorParameters,
    device: torch.device,
    progress: Progress,
) -> tuple[TrustNet, Rounds, NDArray[np.int64]]:
    """Return the trained network, how it went, and the rows that were held out.

    Torch is to be seeded before. Each batch is drawn three times, as in MRNet: trusting all alike,
    a random mixture and a random rater alone, which count 3 : 2 : 1. Those held out are judged
    trusting all alike and each alone.
    """
    random = np.random.default_rng(settings.seed)
    rows, held_out = data.split(settings.held_out, random)
    network = TrustNet(
        data.image.shape[1], len(data.rater_ids), len(data.labels), settings.widths
    ).to(device)

    def tensors(own: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        return (
            torch.from_numpy(data.image[own]).to(device),
            torch.from_numpy(data.readings(own)).to(device),
            even_trust(torch.from_numpy(data.present[own]).float()).to(device),
        )

    def loss_of(own: NDArray[np.int64], epoch: int) -> Tensor:
        image, readings, even = tensors(own)
        mixed = random_trust(data.present[own], random).to(device)
        alone = one_trusted(data.present[own], random).to(device)
        mixtures = ((EVEN, even), (RANDOM, mixed), (ONE, alone))
        return trust_loss(network, image, readings, mixtures)

    def judge(own: NDArray[np.int64], epoch: int) -> Tensor:
        image, readings, even = tensors(own)
        alone = torch.eye(len(data.rater_ids), device=device)
        is_there = torch.from_numpy(data.present[own]).to(device)
        mixtures = [(1.0, even)]
        for place in range(len(alone)):
            # Whoever did not read the slice cannot be judged by it; all alike stand in.
            trusted = torch.where(is_there[:, place : place + 1], alone[place], even)
            mixtures.append((1.0 / len(alone), trusted))
        return trust_loss(network, image, readings, mixtures)

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
    )
    return network, rounds, held_out

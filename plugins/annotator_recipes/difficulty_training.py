"""Training of networks that foretell disputes. This module imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from annotator_recipes.difficulty_net import (
    AnswerNet,
    BracketNet,
    DifficultyWeights,
    answer_loss,
    bracket_loss,
)
from annotator_recipes.epochs import Rounds, train_rounds
from annotator_recipes.reading_slices import split_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from annotator.api import Progress
    from annotator_recipes.difficulty import DifficultyParameters
    from annotator_recipes.difficulty_answers import AnsweredCases
    from annotator_recipes.reading_slices import ReadingSlices

    Floats = NDArray[np.float32]
    Rows = NDArray[np.int64]


def stack_cases(slices: Sequence[Floats], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the slices of some cases one after the other, and the case of each."""
    sizes = [len(own) for own in slices]
    image = torch.from_numpy(np.concatenate(slices)).to(device)
    return image, torch.from_numpy(np.repeat(np.arange(len(slices)), sizes)).to(device)


def train_on_answers(
    data: AnsweredCases,
    settings: DifficultyParameters,
    device: torch.device,
    progress: Progress,
) -> tuple[AnswerNet, Rounds]:
    """Return a network trained on answers, and how it went; torch is to be seeded before."""
    random = np.random.default_rng(settings.seed)
    learn, held_out = split_cases(len(data.slices), settings.held_out, random)
    network = AnswerNet(data.slices[0].shape[1], settings.widths).to(device)
    weights = DifficultyWeights(
        consensus=settings.consensus, fused=settings.fused, hard=settings.hard
    )

    def loss_of(own: Rows, epoch: int) -> Tensor:
        image, case = stack_cases([data.slices[row] for row in own.tolist()], device)
        highest, lowest, final = (
            torch.from_numpy(values[own]).to(device)
            for values in (data.highest, data.lowest, data.final)
        )
        return answer_loss(network(image, case, len(own)), highest, lowest, final, weights)

    rounds = _train(network, loss_of, learn, held_out, settings, random, progress)
    return network, rounds


def train_on_drawings(
    data: ReadingSlices,
    settings: DifficultyParameters,
    device: torch.device,
    progress: Progress,
) -> tuple[BracketNet, Rounds]:
    """Return a network trained on drawings, and how it went; torch is to be seeded before."""
    random = np.random.default_rng(settings.seed)
    learn, held_out = data.split(settings.held_out, random)
    network = BracketNet(data.image.shape[1], len(data.labels) - 1, settings.widths).to(device)

    def loss_of(own: Rows, epoch: int) -> Tensor:
        image = torch.from_numpy(data.image[own]).to(device)
        drawn = data.readings(own)[:, :, 1:]
        present = data.present[own][:, :, None, None, None]
        highest = torch.from_numpy(np.where(present, drawn, 0.0).max(axis=1)).to(device)
        lowest = torch.from_numpy(np.where(present, drawn, 1.0).min(axis=1)).to(device)
        anyone, everyone = network(image)
        return bracket_loss(anyone, everyone, highest, lowest, settings.consensus)

    rounds = _train(network, loss_of, learn, held_out, settings, random, progress)
    return network, rounds


def _train(
    network: AnswerNet | BracketNet,
    loss_of: Callable[[Rows, int], Tensor],
    learn: Rows,
    held_out: Rows,
    settings: DifficultyParameters,
    random: np.random.Generator,
    progress: Progress,
) -> Rounds:
    return train_rounds(
        network,
        loss_of,
        loss_of,
        learn,
        held_out,
        epochs=settings.epochs,
        patience=settings.patience,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        random=random,
        progress=progress,
    )

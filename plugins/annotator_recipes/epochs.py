"""Rounds over the data until cases that were held out say that it is enough.

Import only where something is trained: this module imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from annotator.api import Progress

    Rows = NDArray[np.int64]

_START = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """How training went: the loss on held-out cases after each round, and the best of them."""

    losses: tuple[float, ...]
    best: int

    def sentence(self) -> str:
        """Tell a person how training went."""
        ended = f"stopped after {len(self.losses)} rounds"
        return f"Training {ended}; round {self.best + 1} did best on the cases held out."


def train_rounds(
    network: nn.Module,
    loss_of: Callable[[Rows, int], Tensor],
    judge: Callable[[Rows, int], Tensor],
    rows: Rows,
    held_out: Rows,
    *,
    epochs: int,
    patience: int,
    batch: int,
    learning_rate: float,
    random: np.random.Generator,
    progress: Progress,
    first_judged: int = 0,
) -> Rounds:
    """Train a network by Adam and leave it at its best round.

    Parameters
    ----------
    loss_of, judge : callable
        Return the loss of some rows in a round; ``judge`` must not depend on chance.
    rows, held_out : ndarray
        Rows to learn from, and rows to judge by.
    first_judged : int
        The first round that counts, where the loss of earlier ones means something else.

    Raises
    ------
    AnnotatorError
        Where the loss is not a number any more.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate)
    losses: list[float] = []
    first = best = min(first_judged, epochs - 1)
    kept = _copy(network)
    for epoch in range(epochs):
        network.train()
        order = random.permutation(rows)
        for start in range(0, len(order), batch):
            done = (epoch + start / len(order)) / epochs
            progress(_START + (1.0 - _START) * done, _told(epoch, epochs, losses))
            loss = loss_of(order[start : start + batch], epoch)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        losses.append(_judged(network, judge, held_out, batch, epoch))
        if epoch < first:
            continue
        if epoch == first or losses[epoch] < losses[best]:
            best, kept = epoch, _copy(network)
        elif epoch - best >= patience:
            break
    network.load_state_dict(kept)
    network.eval()
    return Rounds(losses=tuple(losses), best=best)


def _judged(
    network: nn.Module,
    judge: Callable[[Rows, int], Tensor],
    held_out: Rows,
    batch: int,
    epoch: int,
) -> float:
    network.eval()
    parts = [held_out[start : start + batch] for start in range(0, len(held_out), batch)]
    with torch.no_grad():
        found = [judge(part, epoch).item() for part in parts]
    loss = float(np.average(found, weights=[len(part) for part in parts]))
    if not np.isfinite(loss):
        raise AnnotatorError(
            f"training went astray in round {epoch + 1}: the loss is not a number; "
            "try a smaller learning rate"
        )
    return loss


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _told(epoch: int, epochs: int, losses: Sequence[float]) -> str:
    so_far = f", loss on cases held out {losses[-1]:.3f}" if losses else ""
    return f"round {epoch + 1} of {epochs}{so_far}"

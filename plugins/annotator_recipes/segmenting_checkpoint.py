"""All that a training needs to go on later as though it had never ended. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from annotator_recipes.torch_door import load_state, state_arrays
from annotator_recipes.weights import from_bytes, to_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn


def copy_state(networks: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all that networks know."""
    return {name: value.detach().clone() for name, value in networks.state_dict().items()}


@dataclass(slots=True, kw_only=True)
class Checkpoint:
    """How far a training is.

    Attributes
    ----------
    best : dict
        What the networks knew after the best round so far; after the last where none is judged.
    best_epoch : int
        That round, -1 before the first.
    best_dice : float
        The Dice on cases held out after it.
    losses : list of float
        Loss on cases held out after each round; empty where none is held out.
    n_done : int
        Rounds that are done.
    scaler : dict
        How losses are scaled for half precision; empty where they are not.
    """

    best: dict[str, Tensor]
    best_epoch: int = -1
    best_dice: float = 0.0
    losses: list[float] = field(default_factory=list)
    n_done: int = 0
    scaler: dict[str, Any] = field(default_factory=dict)

    def add_round(self, held_out: dict[str, float], networks: nn.Module) -> None:
        """Count a round, with its loss and Dice on cases held out where there are any."""
        loss = held_out.get("held-out loss")
        if loss is None or not self.losses or loss < min(self.losses):
            self.best, self.best_epoch = copy_state(networks), self.n_done
            self.best_dice = held_out.get("Dice", 0.0)
        if loss is not None:
            self.losses.append(loss)
        self.n_done += 1

    def to_bytes(self, networks: nn.Module, optimiser: torch.optim.Optimizer) -> bytes:
        """Return everything, with what the networks know now and the optimiser's memory."""
        arrays = state_arrays(networks, "now")
        arrays |= {f"best.{name}": value.cpu().numpy() for name, value in self.best.items()}
        for number, memory in optimiser.state_dict()["state"].items():
            for name, value in memory.items():
                arrays[f"optimiser.{number}.{name}"] = value.cpu().numpy()
        facts = {
            "best_epoch": self.best_epoch,
            "best_dice": self.best_dice,
            "losses": self.losses,
            "n_done": self.n_done,
            "scaler": self.scaler,
        }
        return to_bytes(facts, arrays)

    @classmethod
    def of_bytes(
        cls, content: bytes, networks: nn.Module, optimiser: torch.optim.Optimizer
    ) -> Checkpoint:
        """Put networks and optimiser back to where they were; raises AnnotatorError."""
        facts, arrays = from_bytes(content)
        device = next(networks.parameters()).device
        load_state(networks, "best", arrays)
        best = copy_state(networks)
        load_state(networks, "now", arrays)
        memory: dict[int, dict[str, Tensor]] = {}
        for name, value in arrays.items():
            if name.startswith("optimiser."):
                _, number, what = name.split(".", 2)
                memory.setdefault(int(number), {})[what] = _tensor(value, device)
        state = optimiser.state_dict()
        optimiser.load_state_dict({**state, "state": memory})
        return cls(best=best, **facts)


def _tensor(value: NDArray[np.float32], device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(value)).to(device)

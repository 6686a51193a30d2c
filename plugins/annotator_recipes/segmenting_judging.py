"""How well a network does on cases held out, on the same windows after each round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from annotator_recipes.segmenting_losses import hard_dice

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from annotator.api import Progress, TrainingDesk
    from annotator_recipes.segmenting import Recipe
    from annotator_recipes.segmenting_cases import Shelf
    from annotator_recipes.segmenting_patches import Windows
    from annotator_recipes.segmenting_plan import Plan

    Example = tuple[str, NDArray[np.float32], NDArray[np.uint16], NDArray[np.uint16]]

_N_WINDOWS = 32
_N_SHOWN = 3


class Judge:
    """Judges networks on windows of cases held out, which are the same each time."""

    def __init__(
        self,
        windows: Windows,
        shelf: Shelf,
        recipe: Recipe,
        plan: Plan,
        held_out: NDArray[np.int64],
        seed: int,
    ) -> None:
        self._windows, self._shelf, self._recipe, self._plan = windows, shelf, recipe, plan
        self._seed = seed
        n_each = max(1, min(8, _N_WINDOWS // max(1, len(held_out))))
        self._numbers = [int(one) for one in np.repeat(held_out[:_N_WINDOWS], n_each)]
        self._examples: dict[int, Example] = {}

    @property
    def has_cases(self) -> bool:
        """Whether any case is held out."""
        return bool(self._numbers)

    def judge(self, networks: nn.ModuleDict, progress: Progress, done: float) -> dict[str, float]:
        """Return the loss and the Dice on cases held out; nothing where there are none."""
        if not self._numbers:
            return {}
        random = np.random.default_rng([self._seed, len(self._numbers)])
        losses, shared, drawn = [], [], []
        self._examples = {}
        with torch.inference_mode():
            for start in range(0, len(self._numbers), self._plan.batch):
                progress(done, "judging by cases held out")
                numbers = self._numbers[start : start + self._plan.batch]
                batch = self._windows.plain(numbers, random)
                losses.append(len(numbers) * self._recipe.judge(networks, batch).item())
                logits = self._recipe.read(networks, batch.image)
                both, all_of = hard_dice(logits, batch.target, batch.known)
                shared.append(both.cpu().numpy())
                drawn.append(all_of.cpu().numpy())
                self._remember(numbers, batch.image, batch.target, logits)
        total = np.sum(drawn, axis=0)
        dice = np.sum(shared, axis=0)[total > 0] / total[total > 0]
        return {
            "held-out loss": float(np.sum(losses)) / len(self._numbers),
            "Dice": float(dice.mean()) if len(dice) else 1.0,
        }

    def show(self, desk: TrainingDesk) -> None:
        """Show what was judged last, a slice of each of some cases."""
        for title, image, target, drawn in self._examples.values():
            desk.show_example(title, image, target, drawn)

    def _remember(
        self, numbers: list[int], image: torch.Tensor, target: torch.Tensor, logits: torch.Tensor
    ) -> None:
        values = np.array(self._plan.labels, np.uint16)
        for row, number in enumerate(numbers):
            if number in self._examples or len(self._examples) == _N_SHOWN:
                continue
            shown, wanted = image[row, 0], target[row].argmax(dim=0)
            drawn = logits[row].argmax(dim=0)
            if shown.ndim == 3:
                at = int((wanted > 0).sum(dim=(1, 2)).argmax())
                shown, wanted, drawn = shown[at], wanted[at], drawn[at]
            title = self._shelf[number].case.title
            self._examples[number] = (
                title,
                shown.float().cpu().numpy(),
                values[wanted.cpu().numpy()],
                values[drawn.cpu().numpy()],
            )

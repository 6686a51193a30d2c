"""The rounds of training a segmentation network by a recipe. This module imports torch."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from annotator.api import Learned
from annotator.domain.errors import AnnotatorError
from annotator_recipes.reading_slices import split_cases
from annotator_recipes.segmenting_cases import Shelf, count_channels
from annotator_recipes.segmenting_checkpoint import Checkpoint, copy_state
from annotator_recipes.segmenting_intensity import told as intensity_told
from annotator_recipes.segmenting_judging import Judge
from annotator_recipes.segmenting_patches import Windows
from annotator_recipes.segmenting_plan import make_plan
from annotator_recipes.torch_door import pick_device, seed_everything, state_arrays
from annotator_recipes.weights import to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api import CaseVotes, Progress, TrainingDesk
    from annotator_recipes.segmenting import Recipe
    from annotator_recipes.segmenting_plan import Plan, SegmenterParameters

_DECAY = 0.01
_GRADIENT = 5.0
"""Longer gradients are shortened to this."""
_POWER = 0.9
_N_WARM = 20
"""Steps until the learning rate is what was asked for: a label that is lost early stays lost."""
_KEEP_SHARE = 0.05
"""Most of the time that may go into keeping checkpoints."""
_NO_MEMORY = re.compile("out of memory|can't allocate memory")
"""What PyTorch says on graphics cards and on processors."""
_LEAST_HELD_OUT = 3
"""With fewer cases none is held out."""


def train_segmenter(
    cases: Sequence[CaseVotes],
    settings: SegmenterParameters,
    recipe: Recipe,
    name: str,
    title: str,
    progress: Progress,
    desk: TrainingDesk,
) -> Learned:
    """Train on all cases and return the best round; goes on from what is kept at the desk.

    Raises AnnotatorError where the cases do not do, or the loss is not a number any more.
    """
    _require_drawings(cases, title)
    seed_everything(torch, settings.seed)
    plan = recipe.plan(make_plan(cases, settings, count_channels(cases)))
    training = Training(cases, settings, recipe, plan, desk)
    training.go_on(progress)
    return training.learned(name)


def _require_drawings(cases: Sequence[CaseVotes], title: str) -> None:
    if not cases:
        raise AnnotatorError(
            f"{title} has no case to learn from: none that two or more have read. `readings` as "
            "the target takes those that one has read too, `adjudicated` those that were signed off"
        )
    if not any((case.votes.patterns != 0).any() for case in cases):
        raise AnnotatorError(f"{title} learns from drawings; nobody has drawn anything")


def half_on(device: torch.device) -> torch.dtype | None:
    """Return what convolutions are computed in; None where half of the digits are no faster.

    With float16, losses are scaled so that small gradients are not lost (Micikevicius et al.,
    *Mixed Precision Training*, ICLR 2018).
    """
    return torch.float16 if device.type == "cuda" else None


class Training:
    """A training under way."""

    def __init__(
        self,
        cases: Sequence[CaseVotes],
        settings: SegmenterParameters,
        recipe: Recipe,
        plan: Plan,
        desk: TrainingDesk,
    ) -> None:
        self._settings, self._recipe, self._plan, self._desk = settings, recipe, plan, desk
        self._device = pick_device(torch)
        random = np.random.default_rng(settings.seed)
        numbers = np.arange(len(cases))
        held_out = numbers[:0]
        if settings.held_out > 0.0 and len(cases) >= _LEAST_HELD_OUT:
            numbers, held_out = split_cases(len(cases), settings.held_out, random)
        self._taught = numbers
        chances = recipe.chances(cases)
        self._chances = None if chances is None else chances[numbers] / chances[numbers].sum()
        shelf = Shelf(cases, plan, recipe.prepare, settings.memory_mb)
        self._windows = Windows(
            shelf,
            plan,
            flips=settings.flips,
            with_readings=recipe.needs_readings,
            device=self._device,
        )
        self._judge = Judge(self._windows, shelf, recipe, plan, held_out, settings.seed)
        self.networks = recipe.networks(plan).to(self._device)
        trained = [one for one in self.networks.parameters() if one.requires_grad]
        self._optimiser = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=_DECAY)
        self._half = half_on(self._device)
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=self._half is not None)
        self._state = Checkpoint(best=copy_state(self.networks))
        self._is_stopped = False
        kept = desk.kept()
        if kept is not None:
            self._state = Checkpoint.of_bytes(kept, self.networks, self._optimiser)
        if self._state.scaler:
            self._scaler.load_state_dict(self._state.scaler)

    def go_on(self, progress: Progress) -> None:
        """Go on with the rounds that are left, and leave the networks at the best one."""
        last = min(self._settings.epochs, self._settings.stop_after or self._settings.epochs)
        kept_s, cost_s = -np.inf, 0.0
        while self._state.n_done < last and not self._is_done():
            if not self._round(progress):
                break
            started_s = time.monotonic()
            if cost_s <= _KEEP_SHARE * (started_s - kept_s):
                self._state.scaler = self._scaler.state_dict()
                self._desk.keep(self._state.to_bytes(self.networks, self._optimiser))
                kept_s = time.monotonic()
                cost_s = kept_s - started_s
        self.networks.load_state_dict(self._state.best)
        self.networks.eval()

    def _is_done(self) -> bool:
        since = self._state.n_done - 1 - self._state.best_epoch
        return self._judge.has_cases and since >= self._settings.patience

    def _round(self, progress: Progress) -> bool:
        """Do one round; return whether it was done, and not left because of a wish to stop."""
        epoch, settings = self._state.n_done, self._settings
        torch.manual_seed(settings.seed * 2**20 + epoch)
        random = np.random.default_rng([settings.seed, epoch])
        order = self._order(random)
        losses = []
        self.networks.train()
        for step in range(settings.steps):
            done = (epoch + step / settings.steps) / settings.epochs
            progress(done, self._told(epoch))
            if epoch and self._desk.should_stop():
                self._is_stopped = True
                return False
            warm = min(1.0, (epoch * settings.steps + step + 1) / _N_WARM)
            rate = settings.learning_rate * warm * (1.0 - done) ** _POWER
            for group in self._optimiser.param_groups:
                group["lr"] = rate
            numbers = order[step * self._plan.batch : (step + 1) * self._plan.batch]
            losses.append(self._step(numbers, epoch, random))
        values = {"loss": float(np.mean(losses))}
        self.networks.eval()
        values |= self._judge.judge(self.networks, progress, done)
        self._require_numbers(values, epoch)
        self._state.add_round(values, self.networks)
        self._desk.log(epoch, values)
        if self._state.best_epoch == epoch:
            self._judge.show(self._desk)
        return True

    def _order(self, random: np.random.Generator) -> list[int]:
        """Return the case of each window of a round: all alike often, or as the recipe says."""
        n_windows = self._settings.steps * self._plan.batch
        if self._chances is not None:
            return [int(one) for one in random.choice(self._taught, n_windows, p=self._chances)]
        turns = -(-n_windows // len(self._taught))
        found = np.concatenate([random.permutation(self._taught) for _ in range(turns)])
        return [int(one) for one in found[:n_windows]]

    def _step(self, numbers: Sequence[int], epoch: int, random: np.random.Generator) -> float:
        batch = self._windows.changed(numbers, random)
        try:
            with torch.autocast(self._device.type, self._half, enabled=self._half is not None):
                loss = self._recipe.loss(self.networks, batch, epoch, random)
            self._optimiser.zero_grad()
            self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self._scaler.unscale_(self._optimiser)
        except RuntimeError as error:
            if _NO_MEMORY.search(str(error)) is None:
                raise
            sides = " × ".join(map(str, self._plan.patch))
            raise AnnotatorError(
                f"{len(numbers)} windows of {sides} at a time need more memory than there is: set "
                "`memory_mb`, `batch` or `width` lower. What was kept of the training is there"
            ) from error
        for group in self._optimiser.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], _GRADIENT)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._recipe.after_step(self.networks, batch, epoch)
        return loss.item()

    def _require_numbers(self, values: dict[str, float], epoch: int) -> None:
        if not np.isfinite(list(values.values())).all():
            raise AnnotatorError(
                f"training went astray in round {epoch + 1}: the loss is not a number; "
                "try a smaller learning rate"
            )

    def _told(self, epoch: int) -> str:
        losses = self._state.losses
        so_far = f", loss on cases held out {losses[-1]:.3f}" if losses else ""
        return f"round {epoch + 1} of {self._settings.epochs}{so_far}"

    def learned(self, name: str) -> Learned:
        """Return what was learned."""
        settings, state = self._settings, self._state
        stopped_after = settings.stop_after or (state.n_done if self._is_stopped else None)
        told = {**settings.model_dump(mode="json"), "stop_after": stopped_after}
        facts = {"kind": name, "plan": self._plan.facts(), "settings": told}
        best = f"; round {state.best_epoch + 1} did best on the cases held out" * bool(state.losses)
        rounds = f"Training ended after {state.n_done} rounds{best}."
        held = f"The Dice there is {state.best_dice:.3f}." if state.losses else ""
        more = (
            _what_it_reads(self._plan),
            *intensity_told(self._plan.intensity),
            *self._recipe.told(self.networks, self._plan),
        )
        return Learned(
            content=to_bytes(facts, state_arrays(self.networks, "networks")),
            summary=tuple(filter(None, (rounds, held, *more))),
            stopped_after=stopped_after,
        )


def _what_it_reads(plan: Plan) -> str:
    """Tell a person what a network was made for."""
    sides = " × ".join(f"{one:.3g}" for one in plan.spacing_mm if one is not None)
    what = "volumes" if plan.n_dims == 3 else "slices"
    labels = ", ".join(f"label {one}" for one in plan.labels[1:])
    return f"It reads {what} at {sides} mm and draws {labels}."

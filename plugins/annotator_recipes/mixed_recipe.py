"""A model of few full masks and one of all drawings, side by side. This module imports torch."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import nn

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator_recipes.mixed_losses import doubt_by_dropout, guided_divergence, lean_towards
from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_losses import entropy, plain_loss
from annotator_recipes.segmenting_nets import PlannedUNet
from annotator_recipes.weak_labels import sure_of_weak

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from annotator.api import CaseVotes
    from annotator_recipes.label_trainers import MixedSupervisionParameters
    from annotator_recipes.segmenting_cases import TrainingCase
    from annotator_recipes.segmenting_patches import Batch
    from annotator_recipes.segmenting_plan import Plan

_FINE, _COARSE = "micro", "macro"
_SURE = 0.99
"""Between a voxel that is sure and one that is open lies neither."""
_LITTLE = 1e-6


class _Memory(nn.Module):
    """How much the coarse model was in doubt at the last step, 0 to 1."""

    doubt: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("doubt", torch.ones(()))


class MixedSupervision(Recipe):
    """``micro`` learns from full masks and follows ``macro``; ``macro`` learns from all drawings.

    Where boxes and scribbles leave a pixel open, ``micro`` tells ``macro`` what it sees there, the
    less the more it is in doubt; the weights of ``micro`` lean towards those of ``macro``, the
    less the more that one is in doubt. ``micro`` reads new images.
    """

    def __init__(self, settings: MixedSupervisionParameters) -> None:
        super().__init__(settings)
        self._own = settings

    def networks(self, plan: Plan) -> nn.ModuleDict:
        """Return both models, which begin alike, and what is remembered of their doubt."""
        fine = PlannedUNet(plan.n_channels, len(plan.labels), plan)
        return nn.ModuleDict({_FINE: fine, _COARSE: copy.deepcopy(fine), "memory": _Memory()})

    def chances(self, cases: Sequence[CaseVotes]) -> NDArray[np.float64]:
        """Draw as many windows of full masks as of boxes and scribbles.

        Raises AnnotatorError where there are no full masks, or a rater is named who read nothing.
        """
        raters = {rater_id for case in cases for rater_id in case.votes.rater_ids}
        for rater_id in self._own.weak:
            if rater_id not in raters:
                raise UnknownNameError("rater of these cases", rater_id, raters)
        if any(case.target is not None for case in cases):
            raise AnnotatorError(
                "mixed supervision goes by what each rater drew; train it with --target readings"
            )
        is_fine = np.array([self._has_full(case.votes.rater_ids) for case in cases])
        if not is_fine.any():
            raise AnnotatorError(
                "mixed supervision needs full masks of some cases; all raters are named as weak"
            )
        found = np.ones(len(cases))
        for some in (is_fine, ~is_fine):
            found[some] /= max(1, int(some.sum()))
        return found

    def _has_full(self, rater_ids: Sequence[str]) -> bool:
        return any(rater_id not in self._own.weak for rater_id in rater_ids)

    def prepare(self, case: TrainingCase, plan: Plan) -> TrainingCase:
        """Aim at the full masks of a case; where it has none, at what boxes and scribbles say."""
        present = [
            (mask, self._own.weak.get(rater_id))
            for rater_id, mask, is_there in zip(
                plan.rater_ids, case.readings, case.present, strict=True
            )
            if is_there
        ]
        full = [mask for mask, kind in present if kind is None]
        n_labels = len(plan.labels)
        if len(full) == len(present):
            target, sure = case.target, case.known
        elif full:
            places = np.arange(n_labels, dtype=np.uint8)[:, None, None, None]
            target = np.mean([mask == places for mask in full], axis=0, dtype=np.float32)
            sure = case.known
        else:
            weak = [(mask, kind) for mask, kind in present if kind is not None]
            target, sure = sure_of_weak(weak, n_labels)
        extra = {**case.extra, "may": target, "sure": sure[None].astype(np.float32)}
        known = case.known if full else np.zeros_like(case.known)
        return replace(case, target=target, known=known, extra=extra)

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return the loss of both: on full masks, on what is sure, and on what is left open."""
        del epoch, random
        fine, coarse = _pair(networks)
        features = fine.features(batch.image)
        seen = coarse.features(batch.image)
        logits = coarse.head(seen)
        may, weak = batch.extra["may"], 1.0 - batch.known
        sure = (batch.extra["sure"][:, 0] > _SURE).float()
        with torch.no_grad():
            teacher, doubt = doubt_by_dropout(features, fine.head)
            teacher = teacher * (may > _LITTLE)
            teacher = teacher / teacher.sum(dim=1, keepdim=True).clamp_min(_LITTLE)
            own_doubt = doubt_by_dropout(seen, coarse.head)[1]
            memory = cast("_Memory", networks["memory"])
            memory.doubt.copy_(own_doubt.mean())
        total = plain_loss(fine.head(features), batch.target, batch.known)
        total = total + plain_loss(logits, batch.target, batch.known)
        total = total + entropy(logits, may, weak * sure)
        opened = guided_divergence(logits, teacher, doubt, weak * (1.0 - sure))
        return total + self._own.guidance * opened

    def after_step(self, networks: nn.ModuleDict, batch: Batch, epoch: int) -> None:
        """Let the model of full masks follow the other."""
        del batch, epoch
        fine, coarse = _pair(networks)
        memory = cast("_Memory", networks["memory"])
        lean_towards(fine, coarse, inertia=self._own.inertia, doubt=float(memory.doubt))

    def judge(self, networks: nn.ModuleDict, batch: Batch) -> Tensor:
        """Return the plain loss on full masks, and on what is sure of the rest."""
        logits = self.read(networks, batch.image)
        sure = (batch.extra["sure"][:, 0] > _SURE).float()
        rest = entropy(logits, batch.extra["may"], (1.0 - batch.known) * sure)
        return plain_loss(logits, batch.target, batch.known) + rest

    def read(self, networks: nn.ModuleDict, image: Tensor) -> Tensor:
        """Return logits of the model of full masks."""
        logits: Tensor = networks[_FINE](image)
        return logits


def _pair(networks: nn.ModuleDict) -> tuple[PlannedUNet, PlannedUNet]:
    return cast("PlannedUNet", networks[_FINE]), cast("PlannedUNet", networks[_COARSE])

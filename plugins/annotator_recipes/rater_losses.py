"""Losses that learn from what each rater drew, not from their mean. This module imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_losses import plain_loss

if TYPE_CHECKING:
    import numpy as np

    from annotator_recipes.segmenting_patches import Batch
    from annotator_recipes.segmenting_plan import Plan

_TRACE = 0.01
"""How much the trace of the confusion tables counts, as in the paper."""
_NEAR_IDENTITY = 4.0
_PACE = 10.0
"""How many times faster tables learn than networks, of which each step changes far more."""
_LEAST = 1e-6


class RandomRater(Recipe):
    """Aims each window at one of its raters, drawn anew each time.

    Jungo et al., *On the effect of inter-observer variability for a reliable estimation of
    uncertainty of medical image segmentation* (MICCAI 2018): what is learned is as unsure as raters
    are at odds.
    """

    needs_readings = True

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return the plain loss against the reading of one rater a window."""
        del epoch
        chosen = one_present(batch.present, random)
        rows = torch.arange(len(chosen), device=batch.image.device)
        return plain_loss(
            networks["network"](batch.image), batch.readings[rows, chosen], batch.known
        )


class MeanOfRaters(Recipe):
    """Aims at all raters together: the mean of the losses against each.

    Its cross-entropy is that against the mean of the readings; its overlap is not.
    """

    needs_readings = True

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return the mean over raters of the plain loss, each over the windows they read."""
        del epoch, random
        logits = networks["network"](batch.image)
        losses = [
            plain_loss(logits[own], batch.readings[own, rater], batch.known[own])
            for rater, own in enumerate(batch.present.T)
            if own.any()
        ]
        return torch.stack(losses).mean()


class RankedScore(Recipe):
    """Aims at the ranked probability score, for labels that come in an order, such as grades.

    Epstein (J Appl Meteorol 8 (1969) 985): the squared difference of the cumulative shares, so that
    being off by two labels is worse than by one. Like the cross-entropy it is least where the
    prediction is the share of raters itself.
    """

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return the score."""
        del epoch, random
        return self.judge(networks, batch)

    def judge(self, networks: nn.ModuleDict, batch: Batch) -> Tensor:
        """Return the score on cases held out."""
        each = ranked_score(networks["network"](batch.image).softmax(dim=1), batch.target)
        return (each * batch.known).sum() / batch.known.sum().clamp_min(1.0)


class ConfusedRaters(Recipe):
    """Learns with the network how each rater confuses labels, and draws what they confuse.

    Tanno et al., *Learning from noisy labels by regularized estimation of annotator confusion*
    (CVPR 2019), for voxels as in Zhang et al. (NeurIPS 2020), with one table a rater: what a rater
    draws is the prediction times their table, and the trace of the tables is made small, which
    keeps the network from leaving to the tables what is in the image.
    """

    needs_readings = True

    def networks(self, plan: Plan) -> nn.ModuleDict:
        """Return the network and the tables."""
        made = super().networks(plan)
        made["tables"] = ConfusionTables(len(plan.rater_ids), len(plan.labels))
        return made

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return the cross-entropy to each rater's reading, and the trace."""
        del epoch, random
        tables = networks["tables"]()
        trace = tables.diagonal(dim1=1, dim2=2).sum(dim=1).mean()
        loss: Tensor = self.judge(networks, batch) + _TRACE * trace
        return loss

    def judge(self, networks: nn.ModuleDict, batch: Batch) -> Tensor:
        """Return how badly the readings of cases held out are told."""
        shown = networks["network"](batch.image).softmax(dim=1)
        told = torch.einsum("nl...,rlm->nrm...", shown, networks["tables"]())
        each = -(batch.readings * told.clamp_min(_LEAST).log()).sum(dim=2)
        counts = batch.known[:, None] * _spread(batch.present, each)
        told_badly: Tensor = (each * counts).sum() / counts.sum().clamp_min(1.0)
        return told_badly

    def told(self, networks: nn.ModuleDict, plan: Plan) -> tuple[str, ...]:
        """Return how far each rater draws what is there."""
        tables = networks["tables"]().detach().cpu().numpy()
        return tuple(
            f"{rater_id} draws "
            + ", ".join(
                f"{100 * table[place, place]:.0f} % of label {label}"
                for place, label in enumerate(plan.labels)
                if place
            )
            + f", and {100 * (1 - table[0, 0]):.1f} % of what is none."
            for rater_id, table in zip(plan.rater_ids, tables, strict=True)
        )


class ConfusionTables(nn.Module):
    """How likely each rater draws each label where each label is, ``(rater, is, drawn)``."""

    def __init__(self, n_raters: int, n_labels: int) -> None:
        super().__init__()
        start = _NEAR_IDENTITY / _PACE * torch.eye(n_labels)
        self.logits = nn.Parameter(start.repeat(n_raters, 1, 1))

    def forward(self) -> Tensor:
        """Return the tables; each row sums to 1."""
        return (_PACE * self.logits).softmax(dim=2)


def one_present(present: Tensor, random: np.random.Generator) -> Tensor:
    """Return one rater of each window who read it, all alike likely; ``(n, rater)`` to ``(n,)``."""
    chosen = [int(random.choice(own.nonzero()[:, 0].cpu().numpy())) for own in present]
    return torch.tensor(chosen, device=present.device)


def ranked_score(shown: Tensor, target: Tensor) -> Tensor:
    """Return the ranked probability score of each voxel, ``(n, label, …)`` to ``(n, …)``."""
    apart = (shown - target).cumsum(dim=1)[:, :-1]
    score: Tensor = (apart**2).sum(dim=1)
    return score


def _spread(present: Tensor, like: Tensor) -> Tensor:
    """Return ``(n, rater)`` as far as ``(n, rater, …)``."""
    return present.reshape(*present.shape, *[1] * (like.ndim - 2)).float()

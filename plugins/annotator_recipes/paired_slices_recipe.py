"""Pairs of drawn slices, for volumes of which few slices are drawn. This module imports torch.

After *Pairwise Segmentation* (CFCN, MICCAI 2019): one network reads both slices of a pair; a proxy
head tells for each pixel whether none, one or both of them show a label there. n drawn slices make
n (n - 1) / 2 pairs to learn from.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_losses import plain_loss
from annotator_recipes.segmenting_nets import PlannedUNet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator_recipes.outline_trainers import PairedSlicesParameters
    from annotator_recipes.segmenting_cases import TrainingCase
    from annotator_recipes.segmenting_patches import Batch
    from annotator_recipes.segmenting_plan import Plan

_COUNTS = 3
"""None, one, both."""


def drawn_slices(target: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return on which slices of ``(label, z, y, x)`` anything is drawn, ascending."""
    return np.flatnonzero((target[1:] > 0).any(axis=(0, 2, 3)))


def known_slices(drawn: NDArray[np.int64], n_slices: int) -> NDArray[np.bool_]:
    """Return which slices tell what is there: the drawn ones, and those well beyond all of them.

    Slices between drawn ones were left out by who drew every so many; a slice further beyond the
    first or the last than drawn slices lie apart shows nothing.
    """
    known = np.zeros(n_slices, np.bool_)
    known[drawn] = True
    if len(drawn) > 1:
        apart = int(np.median(np.diff(drawn)))
        known[: max(0, drawn[0] - apart + 1)] = True
        known[min(n_slices, drawn[-1] + apart) :] = True
    return known


def partners(drawn: NDArray[np.int64], n_slices: int, number: int) -> NDArray[np.int64]:
    """Return the slice that each one is paired with: a drawn one nearby, or now and then any.

    The same for a case each time: ``number`` is that of the case.
    """
    random = np.random.default_rng(number)
    found = np.arange(n_slices)
    if not len(drawn):
        return found
    for place in range(n_slices):
        others = drawn[drawn != place] if len(drawn) > 1 else drawn
        if random.random() < 0.5:
            nearest = others[np.argsort(np.abs(others - place), kind="stable")[:2]]
            found[place] = random.choice(nearest)
        else:
            found[place] = random.choice(others)
    return found


class SparseSlices(Recipe):
    """The plain network on drawn slices alone: the others are not taken for empty ones."""

    def prepare(self, case: TrainingCase, plan: Plan) -> TrainingCase:
        """Mark which slices tell what is there."""
        del plan
        drawn = drawn_slices(case.target)
        known = known_slices(drawn, case.target.shape[1])
        return replace(case, known=case.known & known[:, None, None])


class PairNet(nn.Module):
    """A network of slices, and a head that tells what a pair of them shows together."""

    def __init__(self, n_in: int, n_out: int, plan: Plan) -> None:
        super().__init__()
        self.body = PlannedUNet(n_in, n_out, plan)
        self.proxy = nn.Conv2d(2 * plan.widths[0], _COUNTS * (n_out - 1), 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits of single slices."""
        logits: Tensor = self.body(image)
        return logits

    def pair(self, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the logits of both slices, and of the counts ``(n, 3, label, y, x)``.

        The counts are the same whichever slice comes first.
        """
        n_images = len(one)
        features = self.body.features(torch.cat([one, other]))
        logits = self.body.head(features)
        first, second = features[:n_images], features[n_images:]
        together = self.proxy(torch.cat([first + second, (first - second).abs()], dim=1))
        counts = together.reshape(n_images, _COUNTS, -1, *together.shape[2:])
        return logits[:n_images], logits[n_images:], counts


def pair_counts(one: Tensor, other: Tensor) -> Tensor:
    """Return how many of two slices show each label but the background, ``(n, label, y, x)``."""
    hard = [(target == target.amax(dim=1, keepdim=True))[:, 1:] for target in (one, other)]
    return hard[0].long() + hard[1].long()


def proxy_loss(counts: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Return 1 less the mean Dice of the counts, none weighing a tenth of one and both."""
    shown = counts.softmax(dim=1)
    sums, weights = [], (0.1, 1.0, 1.0)
    for count in range(_COUNTS):
        right = (wanted == count).float() * known[:, None]
        said = shown[:, count] * known[:, None]
        sums.append(1.0 - (2.0 * (right * said).sum() + 1.0) / ((right + said).sum() + 1.0))
    weighed = torch.stack([weight * one for weight, one in zip(weights, sums, strict=True)])
    entropy = nn.functional.cross_entropy(counts, wanted, reduction="none").mean(dim=1)
    return weighed.sum() / sum(weights) + (entropy * known).sum() / known.sum().clamp_min(1.0)


class PairedSlices(SparseSlices):
    """Every drawn slice beside another one, near or far."""

    def __init__(self, settings: PairedSlicesParameters) -> None:
        super().__init__(settings)
        self._own = settings

    def prepare(self, case: TrainingCase, plan: Plan) -> TrainingCase:
        """Mark which slices tell what is there, and lay its partner beside each."""
        found = super().prepare(case, plan)
        paired = partners(drawn_slices(case.target), case.target.shape[1], case.number)
        extra = {"image": case.image[:, paired], "target": case.target[:, paired]}
        return replace(found, extra={**case.extra, **{f"other {k}": v for k, v in extra.items()}})

    def network(self, n_in: int, n_out: int, plan: Plan) -> nn.Module:
        """Return the network of pairs."""
        return PairNet(n_in, n_out, plan)

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return the plain loss of both slices, and of what they show together."""
        del epoch, random
        network = cast("PairNet", networks["network"])
        other = batch.extra["other target"]
        first, second, counts = network.pair(batch.image, batch.extra["other image"])
        single = plain_loss(first, batch.target, batch.known)
        single = single + plain_loss(second, other, batch.known)
        wanted = pair_counts(batch.target, other)
        return single + self._own.proxy_weight * proxy_loss(counts, wanted, batch.known)

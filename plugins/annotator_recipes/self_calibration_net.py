"""The two networks of self-calibration, and what they are trained by.

One draws what the readings agree on where they are to be believed; the other draws what each rater
would. Where a rater would draw what the first network draws, the rater is believed; readings
weighed so are what the first network learns. After Wu et al., arXiv 2206.05092, with another
weight and other losses (see :mod:`annotator.analysis.self_calibration`). This module imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from annotator.analysis.self_calibration import FLOOR, TRUNCATE
from annotator_recipes.nets import UNet
from annotator_recipes.soft_losses import gaussian, smooth, soft_entropy, ssim

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pass:
    """What one pass over an image says.

    Attributes
    ----------
    estimate : Tensor
        Logits of what is to be drawn, ``(n, label, y, x)``.
    drawn : Tensor
        Logits of what each rater would draw, ``(n, rater, label, y, x)``.
    weight : Tensor
        How far each rater is believed, ``(n, rater, y, x)``; sums to 1 over raters.
    """

    estimate: Tensor
    drawn: Tensor
    weight: Tensor


class ConditionedUNet(UNet):
    """A U-Net that can be told, at each level, what was thought of the raters before.

    Told nothing, it is a plain U-Net: the way in of the conditions has no bias.
    """

    def __init__(self, n_in: int, n_out: int, n_conditions: int, widths: Sequence[int]) -> None:
        super().__init__(n_in, n_out, widths)
        self.ways_in = nn.ModuleList(
            nn.Conv2d(n_conditions, width, 3, padding=1, bias=False) for width in widths
        )

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return logits of ``(n, in, y, x)`` under conditions ``(n, condition, y, x)``."""
        features: list[Tensor] = self.encoder(image)
        if condition is not None:
            told = condition
            for level, way_in in enumerate(self.ways_in):
                told = functional.avg_pool2d(told, 2) if level else told
                features[level] = features[level] + way_in(told)
        found: Tensor = self.decoder(features)
        return found


class SelfCalibration(nn.Module):
    """Both networks.

    ``passes`` is how often they are asked one after the other; ``beta`` and ``sigma`` (in working
    pixels) are those of :func:`annotator.analysis.self_calibration.expertness`, of which ``weigh``
    is the likeness on tensors.
    """

    def __init__(
        self,
        n_in: int,
        n_raters: int,
        n_labels: int,
        widths: Sequence[int],
        *,
        passes: int,
        beta: float,
        sigma: float,
        weigh: Callable[[Tensor, Tensor, Tensor, float, float], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.n_raters, self.n_labels = n_raters, n_labels
        self.passes, self.beta, self.sigma = passes, beta, sigma
        self.weigh = weigh or expertness
        n_drawn = n_labels - 1
        self.consensus = ConditionedUNet(n_in, n_labels, n_raters * n_drawn, widths)
        self.raters = UNet(n_in + n_drawn + 2, n_raters * n_labels, widths)

    def forward(self, image: Tensor, present: Tensor) -> list[Pass]:
        """Return every pass over ``(n, in, y, x)``; ``present`` says who read, ``(n, rater)``."""
        found: list[Pass] = []
        condition: Tensor | None = None
        where = _positions(image)
        shape = (len(image), self.n_raters, self.n_labels, *image.shape[2:])
        for _ in range(self.passes):
            estimate = self.consensus(image, condition)
            known = estimate.detach().softmax(dim=1)
            apart = self.raters(torch.cat([image, known[:, 1:], where], dim=1))
            drawn = estimate.detach()[:, None] + apart.reshape(shape)
            chances = drawn.softmax(dim=2)
            weight = self.weigh(known, chances, present, self.beta, self.sigma)
            # What each rater draws, as far as believed: nothing of it flows back into this pass.
            condition = (weight[:, :, None] * chances[:, :, 1:]).flatten(1, 2).detach()
            found.append(Pass(estimate=estimate, drawn=drawn, weight=weight))
        return found


def _positions(image: Tensor) -> Tensor:
    """Return row and column of each pixel from -1 to 1: who is good where is learned sooner."""
    rows, columns = (
        torch.linspace(-1, 1, side, dtype=image.dtype, device=image.device)
        for side in image.shape[2:]
    )
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
    return grid.expand(len(image), -1, -1, -1)


def expertness(
    estimate: Tensor, drawn: Tensor, present: Tensor, beta: float, sigma: float
) -> Tensor:
    """Return how far each rater is believed, ``(n, rater, y, x)``; sums to 1 over raters.

    ``estimate`` ``(n, label, y, x)`` and ``drawn`` ``(n, rater, label, y, x)`` are probabilities.
    """
    agreed = blur((estimate[:, None] * drawn).sum(dim=2), sigma)
    score = beta * agreed.clamp(FLOOR, 1.0).log()
    return score.masked_fill(~present[:, :, None, None], -torch.inf).softmax(dim=1)


def blur(maps: Tensor, sigma: float) -> Tensor:
    """Return ``(n, map, y, x)`` averaged by a Gaussian, whose edges go on beyond them."""
    reach = int(TRUNCATE * sigma + 0.5)
    if reach == 0:
        return maps
    padded = functional.pad(maps.flatten(0, 1)[:, None], (reach,) * 4, mode="replicate")
    return smooth(padded, gaussian(reach, sigma, maps)).reshape(maps.shape)


def believed(weight: Tensor, readings: Tensor) -> Tensor:
    """Return readings ``(n, rater, label, y, x)`` weighed, ``(n, label, y, x)``."""
    return (weight[:, :, None] * readings).sum(dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """How much the exchange of raters and the structural similarity count in the loss."""

    shuffle: float
    ssim: float


def consensus_loss(estimate: Tensor, target: Tensor, ssim_weight: float) -> Tensor:
    """Return how far logits are from a soft target ``(n, label, y, x)``.

    The similarity is one of probabilities, and the loss falls as it rises.
    """
    loss = soft_entropy(estimate, target, 1).mean()
    if ssim_weight:
        alike = ssim(estimate.softmax(dim=1)[:, 1:], target[:, 1:])
        loss = loss + ssim_weight * (1.0 - alike)
    return loss


def calibration_loss(
    passes: Sequence[Pass],
    readings: Tensor,
    present: Tensor,
    weights: LossWeights,
    *,
    by_mean: bool,
    order: Tensor | None = None,
) -> Tensor:
    """Return the loss of all passes against the readings ``(n, rater, label, y, x)``.

    Parameters
    ----------
    present : Tensor
        Who read, ``(n, rater)`` bool; the readings of others do not count.
    by_mean : bool
        Aim at the mean of the readings, not at the readings as far as believed: the weights mean
        nothing before the networks know anything.
    order : Tensor or None
        Raters exchanged, ``(n, rater)``, each with one who is present too. What is believed of them
        must suit others as well, so that weights speak of places and not of persons.
    """
    share = (present / present.sum(dim=1, keepdim=True))[:, :, None, None]
    total = readings.new_zeros(())
    for each in passes:
        target = believed(share if by_mean else each.weight, readings).detach()
        total = total + consensus_loss(each.estimate, target, weights.ssim)
        apart = soft_entropy(each.drawn, readings, 2)
        total = total + (share * apart).sum(dim=1).mean()
        if order is not None and weights.shuffle:
            total = total + weights.shuffle * _exchanged_loss(each, readings, order)
    return total / len(passes)


def _exchanged_loss(each: Pass, readings: Tensor, order: Tensor) -> Tensor:
    place = order[:, :, None, None, None].expand_as(readings)
    drawn = believed(each.weight, each.drawn.softmax(dim=2).gather(1, place))
    target = believed(each.weight, readings.gather(1, place)).detach()
    return -(target * drawn.clamp_min(FLOOR).log()).sum(dim=1).mean()


def exchange(present: Tensor, generator: torch.Generator) -> Tensor:
    """Return raters exchanged at random among those who are present, ``(n, rater)``."""
    places = torch.arange(present.shape[1]).repeat(len(present), 1)
    for row, is_there in enumerate(present.cpu()):
        found = is_there.nonzero()[:, 0]
        places[row, found] = found[torch.randperm(len(found), generator=generator)]
    return places.to(present.device)

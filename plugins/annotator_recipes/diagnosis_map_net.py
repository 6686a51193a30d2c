"""A network that tells, from image and readings, where to believe which rater."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from annotator_recipes.nets import UNet

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator_recipes.diagnosis_judges import Judge
    from annotator_recipes.diagnosis_stack import Stack

_WIDTHS = (8, 16, 32)
_BATCH = 16
_TRUST_STEPS = 40
_TRUST_RIDGE = 0.005
_WATCHED_PART = 4


class ExpertnessMap(nn.Module):
    """Weights of raters, ``(slice, place, y, x)``, that sum to 1 over the raters of the case.

    One small U-Net looks at the image, at what one rater drew and at the mean of all; the same
    network serves every rater, so that any number of them can be weighed and their order does not
    matter. It reads half the size and ends at a quarter: weights change smoothly. To its map each
    known rater's own trust is added. It starts with all raters alike.
    """

    def __init__(self, n_channels: int, n_labels: int, n_raters: int) -> None:
        super().__init__()
        self.network = UNet(n_channels + 2 * n_labels, 1, _WIDTHS, stop=1)
        # One more for raters who were not learned from: nobody trains it.
        self.trust = nn.Parameter(torch.zeros(n_raters + 1))
        head = self.network.decoder.head
        nn.init.zeros_(head.weight)
        if head.bias is not None:
            nn.init.zeros_(head.bias)

    def forward(self, stack: Stack) -> Tensor:
        """Return the weights."""
        return torch.softmax(self.logits(stack), dim=1)

    def trusted(self, stack: Stack) -> Tensor:
        """Return the weights by trust alone, ``(slice, place, 1, 1)``."""
        told = self.trust[stack.rater].masked_fill(~stack.present, -torch.inf)
        return torch.softmax(told, dim=1)[:, :, None, None]

    def logits(self, stack: Stack) -> Tensor:
        """Return what the softmax over raters is taken of; minus infinity at empty places."""
        n, places, _, size, _ = stack.shares.shape
        mean = stack.mix(stack.even())
        one = torch.cat(
            [
                stack.image[:, None].expand(-1, places, -1, -1, -1),
                stack.shares,
                mean[:, None].expand(-1, places, -1, -1, -1),
            ],
            dim=2,
        )
        coarse = self.network(nn.functional.avg_pool2d(one.flatten(0, 1), 2))
        fine = nn.functional.interpolate(coarse, (size, size), mode="bilinear")
        told = fine.reshape(n, places, size, size) + self.trust[stack.rater][:, :, None, None]
        return told.masked_fill(~stack.present[:, :, None, None], -torch.inf)


def roughness(weights: Tensor) -> Tensor:
    """Return how much weights change from pixel to pixel (total variation), on average."""
    down = (weights[..., 1:, :] - weights[..., :-1, :]).abs().mean()
    along = (weights[..., 1:] - weights[..., :-1]).abs().mean()
    return down + along


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSettings:
    """How a map is trained; see the parameters of the method."""

    n_epochs: int
    patience: int
    learning_rate: float
    smoothness: float
    restraint: float
    seed: int


def train_map(
    judge: Judge,
    stack: Stack,
    answers: Tensor,
    n_raters: int,
    settings: MapSettings,
    step: Callable[[], None],
) -> tuple[ExpertnessMap, list[float]]:
    """Return a map that serves a frozen judge best, and the loss on watched cases by epoch.

    First one trust for each rater is learned, then where to depart from it. A quarter of the cases
    is only watched while departures are learned: the map of the epoch that served them best is
    kept where it served them better than the trusts alone (epoch 0) by more than the standard
    error of the difference. ``answers`` is 0 or 1 for each case; ``step`` is called after each
    epoch and may raise.
    """
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    network = ExpertnessMap(stack.image.shape[1], stack.shares.shape[2], n_raters)
    network.to(stack.image.device)
    _train_trust(network, judge, stack, answers)
    order = torch.randperm(stack.n_cases, generator=generator)
    watched = order[::_WATCHED_PART].tolist()
    taught = sorted(set(range(stack.n_cases)) - set(watched))
    watch = stack.select(watched)
    by_trust = _watched_losses(network, judge, watch, answers[watched])
    best, best_state, trace = 0, copy.deepcopy(network.state_dict()), [float(by_trust.mean())]
    optimiser = torch.optim.Adam(
        network.network.parameters(), lr=settings.learning_rate, weight_decay=1e-3
    )
    for epoch in range(1, settings.n_epochs + 1):
        for place in torch.split(torch.randperm(len(taught), generator=generator), _BATCH):
            members = [taught[number] for number in place.tolist()]
            part = stack.select(members)
            loss = _loss(network, judge, part, answers[members], settings)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        step()
        losses = _watched_losses(network, judge, watch, answers[watched])
        if float(losses.mean()) < min(trace):
            best = epoch
            gain = by_trust - losses
            if float(gain.mean()) > float(gain.std()) / len(gain) ** 0.5:
                best_state = copy.deepcopy(network.state_dict())
        trace.append(float(losses.mean()))
        if epoch - best >= settings.patience:
            break
    network.load_state_dict(best_state)
    return network.eval(), trace


def _watched_losses(network: ExpertnessMap, judge: Judge, stack: Stack, answers: Tensor) -> Tensor:
    """Return the cross-entropy of the diagnosis of each case, ``(case,)``."""
    with torch.no_grad():
        logits = judge(stack, stack.mix(network(stack)))
    return nn.functional.binary_cross_entropy_with_logits(logits, answers, reduction="none")


def _train_trust(network: ExpertnessMap, judge: Judge, stack: Stack, answers: Tensor) -> None:
    """Learn one trust for each rater, the same everywhere, by L-BFGS."""
    optimiser = torch.optim.LBFGS(
        [network.trust], max_iter=_TRUST_STEPS, line_search_fn="strong_wolfe"
    )

    def loss() -> float:
        optimiser.zero_grad()
        weights = network.trusted(stack)
        found = _cross_entropy(judge, stack, weights, answers)
        found = found + _TRUST_RIDGE * network.trust.square().mean()
        found.backward()  # type: ignore[no-untyped-call]
        return float(found.detach())

    optimiser.step(loss)  # type: ignore[no-untyped-call]


def _cross_entropy(judge: Judge, stack: Stack, weights: Tensor, answers: Tensor) -> Tensor:
    logits = judge(stack, stack.mix(weights))
    return nn.functional.binary_cross_entropy_with_logits(logits, answers)


def _loss(
    network: ExpertnessMap, judge: Judge, stack: Stack, answers: Tensor, settings: MapSettings
) -> Tensor:
    logits = network.logits(stack)
    weights = torch.softmax(logits, dim=1)
    loss = _cross_entropy(judge, stack, weights, answers)
    departure = (weights - network.trusted(stack)).square().sum(dim=1).mean()
    return loss + settings.smoothness * roughness(weights) + settings.restraint * departure

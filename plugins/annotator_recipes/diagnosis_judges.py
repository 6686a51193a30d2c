"""Judges: what tells the diagnosis of a case from a soft mask, frozen while raters are weighed.

A judge is trained on random mixtures of the readings (Dirichlet), so that it is tied to no fusion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from annotator.analysis.diagnosis_criterion import fit_criterion
from annotator.analysis.diagnosis_first import N_MIXTURES
from annotator_recipes.nets import MaskedClassifier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annotator_recipes.diagnosis_stack import Stack

JudgeKind = Literal["shape", "network"]

_WIDTHS = (8, 16, 32)
_LEARNING_RATE = 3e-3
_BATCH = 16


class Judge(nn.Module):
    """Tells the diagnosis of each case: logits ``(case,)`` of soft masks ``(slice, label, y, x)``.

    Must be differentiable in the masks.
    """

    def forward(self, stack: Stack, masks: Tensor) -> Tensor:
        """Return logits; positive is the answer that counts as positive."""
        raise NotImplementedError

    def freeze(self) -> Judge:
        """Return itself with weights that no longer change."""
        self.eval()
        for weight in self.parameters():
            weight.requires_grad_(False)
        return self


class ShapeJudge(Judge):
    """A logistic regression on size and extent of what is drawn, of each label and of all.

    Logarithms of the volume and of the standard deviations along z, y and x, so that a ratio of
    two labels' sizes, such as cup to disc, is a weighted sum. The image is not looked at.
    """

    slopes: Tensor
    intercept: Tensor

    def __init__(self, n_labels: int) -> None:
        super().__init__()
        self.register_buffer("slopes", torch.zeros(4 * (n_labels + (n_labels > 1))))
        self.register_buffer("intercept", torch.zeros(()))

    def features(self, stack: Stack, masks: Tensor) -> Tensor:
        """Return ``(case, feature)``."""
        if masks.shape[1] > 1:
            masks = torch.cat([masks, masks.sum(dim=1, keepdim=True)], dim=1)
        size = masks.shape[-1]
        offset = torch.arange(size, device=masks.device) - (size - 1) / 2
        at = offset.to(masks.dtype) * stack.step_mm
        rows, columns = masks.sum(dim=3), masks.sum(dim=2)
        mass = rows.sum(dim=2)
        z = stack.depth[:, None]
        sums = torch.stack(
            [mass, mass * z, rows @ at, columns @ at,
             mass * z**2, rows @ at**2, columns @ at**2], dim=-1,
        )  # fmt: skip
        moments = stack.sum_by_case(sums * stack.pixel_mm3[:, None, None])
        # One working pixel more keeps what is empty finite.
        volume = moments[..., 0] + stack.mean_by_case(stack.pixel_mm3)[:, None]
        mean = moments[..., 1:4] / volume[..., None]
        variance = moments[..., 4:7] / volume[..., None] - mean**2
        spread = torch.log(variance.clamp_min(0.0) + stack.step_mm**2 / 12) / 2
        return torch.cat([torch.log(volume)[..., None], spread], dim=-1).flatten(1)

    def forward(self, stack: Stack, masks: Tensor) -> Tensor:
        """Return logits."""
        return self.features(stack, masks) @ self.slopes + self.intercept

    def fit(self, features: Tensor, is_positive: Tensor, n_each: int) -> None:
        """Fit to rows ``(row, feature)``, of which each case has ``n_each``."""
        rows = features.double().numpy()
        counts = np.full(len(rows), 1.0 / n_each)
        found = fit_criterion(rows, is_positive.numpy() > 0, counts)
        self.load_state_dict(
            {
                "slopes": torch.from_numpy(found.slopes),
                "intercept": torch.tensor(found.intercept),
            }
        )


class NetworkJudge(Judge):
    """A small network over image and mask; cases of several slices average over them."""

    def __init__(self, n_channels: int, n_labels: int, widths: Sequence[int] = _WIDTHS) -> None:
        super().__init__()
        self.network = MaskedClassifier(n_channels, n_labels, widths)

    def forward(self, stack: Stack, masks: Tensor) -> Tensor:
        """Return logits."""
        told = self.network(stack.image, masks)[:, 0]
        return stack.mean_by_case(told)


def make_judge(kind: JudgeKind, n_channels: int, n_labels: int) -> Judge:
    """Return an untrained judge."""
    return ShapeJudge(n_labels) if kind == "shape" else NetworkJudge(n_channels, n_labels)


def train_judge(
    kind: JudgeKind,
    stack: Stack,
    answers: Tensor,
    *,
    n_epochs: int,
    seed: int,
    step: Callable[[], None],
) -> Judge:
    """Return a judge trained on random mixtures, frozen.

    ``answers`` is 0 or 1 for each case; ``step`` is called after each epoch and may raise.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    judge = make_judge(kind, stack.image.shape[1], stack.shares.shape[2]).to(stack.image.device)
    if isinstance(judge, ShapeJudge):
        drawn = [stack.even(), *(stack.random_weights(generator) for _ in range(N_MIXTURES))]
        features = torch.cat([judge.features(stack, stack.mix(weights)) for weights in drawn])
        judge.fit(features.cpu(), answers.cpu().repeat(len(drawn)), len(drawn))
        step()
    else:
        _train_network(judge, stack, answers, n_epochs, generator, step)
    return judge.freeze()


def _train_network(
    judge: Judge,
    stack: Stack,
    answers: Tensor,
    n_epochs: int,
    generator: torch.Generator,
    step: Callable[[], None],
) -> None:
    optimiser = torch.optim.Adam(judge.parameters(), lr=_LEARNING_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_epochs)
    for _ in range(n_epochs):
        order = torch.randperm(stack.n_cases, generator=generator)
        for members in torch.split(order, _BATCH):
            part = stack.select(members.tolist())
            logits = judge(part, part.mix(part.random_weights(generator)))
            loss = nn.functional.binary_cross_entropy_with_logits(logits, answers[members])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        schedule.step()
        step()

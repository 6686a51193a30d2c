"""Maps of trust as functions of place: what a coordinate network draws, it draws smoothly.

Wu et al., *Opinions Vary? Diagnosis First!* (MICCAI 2022, arXiv 2202.06505), from the equations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator_recipes.diagnosis_judges import Judge
    from annotator_recipes.diagnosis_stack import Stack

_REACH = math.sqrt(3.0)


def composite(values: Tensor) -> Tensor:
    """Return arctangent and its square, scaled to about unit variance; twice as many channels."""
    bent = torch.atan(values)
    return torch.cat([bent / 0.67, bent.square() / 0.6], dim=-1)


class CoordinateMaps(nn.Module):
    """For each case a network of its own: place ``(case, point, axis)`` to weights of raters.

    Weights ``(case, point, place)`` are a softmax of sigmoids, so each stays within
    ``[1 / (1 + (K - 1) e), e / (e + K - 1)]`` for K raters. The last layer starts at zero: all
    raters alike.
    """

    def __init__(
        self, n_cases: int, n_axes: int, n_places: int, *, n_hidden: int, n_layers: int
    ) -> None:
        super().__init__()
        inputs = [n_axes, *[2 * n_hidden] * (n_layers - 1)]
        outputs = [*[n_hidden] * (n_layers - 1), n_places]
        self.matrices = nn.ParameterList()
        self.offsets = nn.ParameterList()
        for number, (n_in, n_out) in enumerate(zip(inputs, outputs, strict=True)):
            # The same start for every case: its map must not hang on what else is in the batch.
            start = torch.randn(1, n_in, n_out) / math.sqrt(n_in)
            if number == n_layers - 1:
                start = torch.zeros_like(start)
            self.matrices.append(nn.Parameter(start.repeat(n_cases, 1, 1)))
            self.offsets.append(nn.Parameter(torch.zeros(n_cases, 1, n_out)))

    def forward(self, points: Tensor, present: Tensor) -> Tensor:
        """Return weights; ``present (case, place)`` says who read the case."""
        found = points
        for matrix, offset in list(zip(self.matrices, self.offsets, strict=True))[:-1]:
            found = composite(torch.baddbmm(offset, found, matrix))
        shown = torch.sigmoid(torch.baddbmm(self.offsets[-1], found, self.matrices[-1]))
        return torch.softmax(shown.masked_fill(~present[:, None], -torch.inf), dim=2)


def place_points(stack: Stack) -> Tensor:
    """Return where the pixels of each slice are, ``(slice, y * x, axis)``, from -√3 to √3.

    Axes are y and x, and before them z where any case has more than one slice.
    """
    size = stack.image.shape[-1]
    line = torch.linspace(-_REACH, _REACH, size, device=stack.image.device)
    plane = torch.stack(torch.meshgrid(line, line, indexing="ij"), dim=-1).reshape(-1, 2)
    points = plane.expand(len(stack.case), -1, -1)
    if len(stack.case) == stack.n_cases:
        return points
    farthest = stack.depth.abs().max().clamp_min(1e-6)
    depth = (stack.depth / farthest * _REACH)[:, None, None].expand(-1, size * size, 1)
    return torch.cat([depth, points], dim=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinateSettings:
    """How the map of one image is fitted; see the parameters of the method."""

    n_steps: int
    learning_rate: float
    n_hidden: int
    n_layers: int
    seed: int


def fit_maps(
    judge: Judge,
    stack: Stack,
    answers: Tensor,
    settings: CoordinateSettings,
    step: Callable[[], None],
) -> tuple[Tensor, Tensor]:
    """Return weights ``(slice, place, y, x)`` and losses ``(step + 1, case)``.

    The loss of a case is the judge's logit, with the sign of the other diagnosis: for a positive
    case minus the logit. All cases must have as many slices. ``step`` is called after each step.
    """
    torch.manual_seed(settings.seed)
    n_slices = len(stack.case) // stack.n_cases
    size, places = stack.image.shape[-1], stack.present.shape[1]
    points = place_points(stack)
    points = points.reshape(stack.n_cases, n_slices * size * size, points.shape[2])
    present = stack.present[::n_slices]
    network = CoordinateMaps(
        stack.n_cases,
        points.shape[2],
        places,
        n_hidden=settings.n_hidden,
        n_layers=settings.n_layers,
    ).to(stack.image.device)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    sign = 1 - 2 * answers
    trace = []
    for number in range(settings.n_steps + 1):
        flat = network(points, present).reshape(stack.n_cases * n_slices, size, size, places)
        weights = flat.permute(0, 3, 1, 2)
        losses = sign * judge(stack, stack.mix(weights))
        trace.append(losses.detach())
        if number < settings.n_steps:
            optimiser.zero_grad()
            losses.sum().backward()
            optimiser.step()
            step()
    return weights.detach(), torch.stack(trace)

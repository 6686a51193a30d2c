"""Cases side by side as tensors, and readings mixed by weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator_recipes.images import CaseSlices


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """Slices of several cases, one after the other.

    Attributes
    ----------
    image : Tensor
        ``(slice, channel, y, x)``.
    shares : Tensor
        What each rater of the case drew, ``(slice, place, label, y, x)``, without background; cases
        with fewer raters than others have empty places.
    rater : Tensor
        Which rater is at each place, ``(slice, place)``; -1 for somebody unknown.
    present : Tensor
        Which places are taken, ``(slice, place)`` bool.
    case : Tensor
        The case of each slice, ``(slice,)``, from 0.
    depth : Tensor
        Where each slice lies, ``(slice,)`` in mm from the middle of its case.
    pixel_mm3 : Tensor
        What a working pixel of each slice stands for, ``(slice,)``.
    n_cases, step_mm : int, float
        Number of cases, and the side of a working pixel, the same for all.
    """

    image: Tensor
    shares: Tensor
    rater: Tensor
    present: Tensor
    case: Tensor
    depth: Tensor
    pixel_mm3: Tensor
    n_cases: int
    step_mm: float

    def even(self) -> Tensor:
        """Return weights that believe every rater alike, ``(slice, place, 1, 1)``."""
        share = self.present / self.present.sum(dim=1, keepdim=True)
        return share[:, :, None, None]

    def mix(self, weights: Tensor) -> Tensor:
        """Return the readings mixed by ``(slice, place, y, x)``: ``(slice, label, y, x)``."""
        return (weights[:, :, None] * self.shares).sum(dim=1)

    def sum_by_case(self, values: Tensor) -> Tensor:
        """Return sums over the slices of each case, ``(case, …)`` of ``(slice, …)``."""
        return values.new_zeros((self.n_cases, *values.shape[1:])).index_add(0, self.case, values)

    def mean_by_case(self, values: Tensor) -> Tensor:
        """Return means over the slices of each case, ``(case,)`` of ``(slice,)``."""
        return self.sum_by_case(values) / self.sum_by_case(torch.ones_like(values))

    def random_weights(self, generator: torch.Generator) -> Tensor:
        """Return weights of the raters of each case by chance, ``(slice, place, 1, 1)``.

        Dirichlet(½), which is what squares of normal variates divided by their sum are.
        """
        shape = (self.n_cases, self.present.shape[1])
        drawn = torch.randn(shape, generator=generator).square().to(self.image.device)
        weights = (drawn[self.case] + 1e-9) * self.present
        return (weights / weights.sum(dim=1, keepdim=True))[:, :, None, None]

    def select(self, cases: Sequence[int]) -> Stack:
        """Return these cases alone, in this order."""
        members = [torch.nonzero(self.case == number).flatten() for number in cases]
        rows = torch.cat(members)
        renumbered = torch.cat([torch.full_like(one, new) for new, one in enumerate(members)])
        return Stack(
            image=self.image[rows],
            shares=self.shares[rows],
            rater=self.rater[rows],
            present=self.present[rows],
            case=renumbered,
            depth=self.depth[rows],
            pixel_mm3=self.pixel_mm3[rows],
            n_cases=len(cases),
            step_mm=self.step_mm,
        )

    def to(self, device: torch.device) -> Stack:
        """Return the same on a device."""
        return Stack(
            image=self.image.to(device),
            shares=self.shares.to(device),
            rater=self.rater.to(device),
            present=self.present.to(device),
            case=self.case.to(device),
            depth=self.depth.to(device),
            pixel_mm3=self.pixel_mm3.to(device),
            n_cases=self.n_cases,
            step_mm=self.step_mm,
        )


def stack_cases(cases: Sequence[CaseSlices], raters: Sequence[str]) -> Stack:
    """Return cases as tensors; ``raters`` are numbered in that order, others count as unknown."""
    n_places = max(len(case.rater_ids) for case in cases)
    numbers = {rater_id: number for number, rater_id in enumerate(raters)}
    image, shares, rater, present, depth, pixel_mm3 = [], [], [], [], [], []
    for case in cases:
        n_slices, n_own = case.shares.shape[:2]
        empty = n_places - n_own
        image.append(case.image)
        shares.append(np.pad(case.shares, ((0, 0), (0, empty), (0, 0), (0, 0), (0, 0))))
        own = [numbers.get(rater_id, -1) for rater_id in case.rater_ids] + [-1] * empty
        rater.append(np.tile(own, (n_slices, 1)))
        present.append(np.tile(np.arange(n_places) < n_own, (n_slices, 1)))
        middle = (case.places[0] + case.places[-1]) / 2
        depth.append((np.array(case.places, np.float32) - middle) * case.slice_mm)
        pixel_mm3.append(np.full(n_slices, case.frame.step_mm**2 * case.thickness_mm, np.float32))
    order = np.repeat(np.arange(len(cases)), [len(case.places) for case in cases])
    return Stack(
        image=torch.from_numpy(np.concatenate(image)),
        shares=torch.from_numpy(np.concatenate(shares)),
        rater=torch.from_numpy(np.concatenate(rater)),
        present=torch.from_numpy(np.concatenate(present)),
        case=torch.from_numpy(order),
        depth=torch.from_numpy(np.concatenate(depth).astype(np.float32)),
        pixel_mm3=torch.from_numpy(np.concatenate(pixel_mm3)),
        n_cases=len(cases),
        step_mm=cases[0].frame.step_mm,
    )

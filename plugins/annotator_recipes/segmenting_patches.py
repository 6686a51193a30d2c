"""Windows of cases to train on, turned, bent and spoilt by chance. This module imports torch.

The changes and their chances are about those of nnU-Net (Isensee et al. 2021): rotation, scaling,
light bending, mirroring where that is allowed; noise, blur, brightness, contrast, low resolution
and gamma.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator_recipes.segmenting_cases import Shelf, ShelvedCase, TrainingCase
    from annotator_recipes.segmenting_plan import Plan

_DRAWN = 0.5
"""Share of windows that are laid around something drawn."""
_UNEVEN = 2.0
_DEGREES = {True: 30.0, False: 15.0}
"""Most degrees of rotation within slices, and across them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Windows of cases; z is there where the plan has three dimensions.

    Attributes
    ----------
    image : Tensor
        ``(n, channel, [z,] y, x)`` float32.
    target : Tensor
        ``(n, label, [z,] y, x)`` float32; sums to 1 over labels.
    readings : Tensor
        What each rater of the plan drew, ``(n, rater, label, [z,] y, x)`` float32 of 0 and 1.
        Without raters where the recipe has no need of them.
    present : Tensor
        Who read the case, ``(n, rater)`` bool.
    known : Tensor
        Where the target is known, ``(n, [z,] y, x)`` float32 of 0 and 1: not beyond the image.
    case : Tensor
        Numbers of the cases, ``(n,)`` int64.
    spacing_mm : Tensor
        Between voxels, ``(n, 3)`` float32.
    extra : mapping
        Maps that the recipe added, ``(n, any, [z,] y, x)`` float32.
    """

    image: Tensor
    target: Tensor
    readings: Tensor
    present: Tensor
    known: Tensor
    case: Tensor
    spacing_mm: Tensor
    extra: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Window:
    """Where the voxels of a window lie in a case: ``(z, y, x, 3)`` or, unbent, its first voxel."""

    start: tuple[int, int, int]
    shape: tuple[int, int, int]
    at: NDArray[np.float32] | None = None


class Windows:
    """Draws batches of windows from the cases of a shelf.

    Everything depends on the generator that is given alone, never on what was drawn before.
    """

    def __init__(
        self, shelf: Shelf, plan: Plan, *, flips: str, with_readings: bool, device: torch.device
    ) -> None:
        self._shelf = shelf
        self._plan = plan
        self._flips = flips
        self._with_readings = with_readings
        self._device = device
        shape = plan.patch if plan.n_dims == 3 else (1, *plan.patch)
        self._shape = (shape[0], shape[1], shape[2])

    def changed(self, numbers: Sequence[int], random: np.random.Generator) -> Batch:
        """Return a window of each case, changed by chance as training needs it."""
        parts = []
        for number in numbers:
            shelved = self._shelf[number]
            middle = self._middle(shelved, random)
            window = self._bent(shelved.case, middle, random)
            part = self._cut(shelved.case, window)
            part = _flipped(part, self._flips, random)
            parts.append((shelved.case, {**part, "image": spoilt(part["image"], random)}))
        return self._batch(parts)

    def plain(self, numbers: Sequence[int], random: np.random.Generator) -> Batch:
        """Return a window of each case as it is."""
        parts = []
        for number in numbers:
            shelved = self._shelf[number]
            window = _Window(
                start=_start(self._middle(shelved, random), self._shape), shape=self._shape
            )
            parts.append((shelved.case, self._cut(shelved.case, window)))
        return self._batch(parts)

    def _middle(self, shelved: ShelvedCase, random: np.random.Generator) -> NDArray[np.float64]:
        """Return the middle of a window, in voxels of the case, inside of it as far as it goes."""
        grid = np.array(shelved.case.image.shape[1:])
        labels = sorted(shelved.places)
        if labels and random.random() < _DRAWN:
            places = shelved.places[labels[int(random.integers(len(labels)))]]
            middle = places[int(random.integers(len(places)))].astype(np.float64)
        else:
            middle = random.uniform(0, grid - 1)
        half = (np.array(self._shape) - 1) / 2
        low, high = half, grid - 1 - half
        inside = np.clip(middle, np.minimum(low, high), np.maximum(low, high))
        return np.where(low > high, (grid - 1) / 2, inside)

    def _bent(
        self, case: TrainingCase, middle: NDArray[np.float64], random: np.random.Generator
    ) -> _Window:
        """Return where the voxels of a window lie, rotated, scaled and bent by chance."""
        is_rotated, is_scaled, is_bent = random.random(3) < (0.4, 0.4, 0.2)
        plain = _Window(start=_start(middle, self._shape), shape=self._shape)
        if not (is_rotated or is_scaled or is_bent):
            return plain
        spacing = np.array(case.spacing_mm)
        matrix = np.eye(3)
        if is_rotated:
            matrix = _rotation(spacing, self._plan.n_dims, random)
        if is_scaled:
            matrix = matrix * random.uniform(0.75, 1.3)
        if self._plan.n_dims == 2:
            matrix[0] = matrix[:, 0] = (1.0, 0.0, 0.0)
        lines = [np.arange(size) - (size - 1) / 2 for size in self._shape]
        offset = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
        moved = (offset * spacing) @ matrix.T / spacing + middle
        if is_bent:
            moved = moved + _bending(self._shape, self._plan.n_dims, random)
        if self._plan.n_dims == 2:
            moved[..., 0] = plain.start[0]
        return _Window(start=plain.start, shape=self._shape, at=moved.astype(np.float32))

    def _cut(self, case: TrainingCase, window: _Window) -> dict[str, Tensor]:
        """Return the arrays of a case in a window, each ``(any, z, y, x)``."""
        smooth = {"image": case.image, "target": case.target, **case.extra}
        exact: dict[str, NDArray[np.generic]] = {"known": case.known[None]}
        if self._with_readings:
            exact["readings"] = case.readings
        part = {name: _taken(values, window, is_exact=False) for name, values in smooth.items()}
        for name, values in exact.items():
            part[name] = _taken(values, window, is_exact=True)
        return part

    def _batch(self, parts: Sequence[tuple[TrainingCase, dict[str, Tensor]]]) -> Batch:
        cases = [case for case, _ in parts]

        def stack(name: str) -> Tensor:
            whole = torch.stack([part[name] for _, part in parts])
            return (whole[:, :, 0] if self._plan.n_dims == 2 else whole).to(self._device)

        if self._with_readings:
            drawn = functional.one_hot(stack("readings").long(), len(self._plan.labels))
            readings = drawn.movedim(-1, 2).float()
        else:
            readings = torch.zeros(len(parts), 0, device=self._device)
        return Batch(
            image=stack("image"),
            target=stack("target"),
            readings=readings,
            present=torch.from_numpy(np.stack([case.present for case in cases])).to(self._device),
            known=stack("known")[:, 0],
            case=torch.tensor([case.number for case in cases], device=self._device),
            spacing_mm=torch.tensor([case.spacing_mm for case in cases], device=self._device),
            extra={name: stack(name) for name in cases[0].extra},
        )


def _start(middle: NDArray[np.float64], shape: Sequence[int]) -> tuple[int, int, int]:
    z, y, x = np.ceil(middle - (np.array(shape) - 1) / 2 - 1e-6).astype(int)
    return int(z), int(y), int(x)


def _rotation(
    spacing_mm: NDArray[np.float64], n_dims: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return a rotation by chance; within slices alone where these are far apart."""
    is_flat = n_dims == 2 or spacing_mm[0] > _UNEVEN * spacing_mm[1:].min()
    if is_flat:
        degrees = np.array([random.uniform(-_DEGREES[True], _DEGREES[True]), 0.0, 0.0])
    else:
        most = np.array([_DEGREES[True], _DEGREES[False], _DEGREES[False]])
        degrees = random.uniform(-most, most)
    return np.asarray(Rotation.from_rotvec(np.deg2rad(degrees)).as_matrix())


def _bending(shape: Sequence[int], n_dims: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return small shifts that change slowly, ``(z, y, x, 3)`` in voxels."""
    coarse = [max(2, min(5, size // 12 + 2)) for size in shape]
    if n_dims == 2:
        coarse[0] = 1
    amount = random.uniform(0.01, 0.05) * np.array(shape)
    shifts = (random.standard_normal((3, *coarse)) * amount[:, None, None, None]).astype(np.float32)
    grown = functional.interpolate(
        torch.from_numpy(shifts)[None], size=tuple(shape), mode="trilinear", align_corners=True
    )
    return np.moveaxis(grown[0].numpy(), 0, -1).astype(np.float64)


def _taken(values: NDArray[np.generic], window: _Window, *, is_exact: bool) -> Tensor:
    """Return ``(any, z, y, x)`` in a window; beyond the case its edge, and 0 for ``is_exact``."""
    if window.at is None:
        return _cropped(values, window, is_exact=is_exact)
    grid = np.array(values.shape[1:])
    flat = window.at.reshape(-1, 3)
    low = np.clip(np.floor(flat.min(axis=0)).astype(int), 0, grid - 1)
    high = np.clip(np.ceil(flat.max(axis=0)).astype(int) + 1, low + 1, grid)
    part = np.ascontiguousarray(
        values[:, low[0] : high[0], low[1] : high[1], low[2] : high[2]], np.float32
    )
    extent = np.maximum(high - low - 1, 1)
    place = ((window.at - low) / extent * 2 - 1)[..., ::-1].astype(np.float32)
    taken = functional.grid_sample(
        torch.from_numpy(part)[None],
        torch.from_numpy(np.ascontiguousarray(place))[None],
        mode="nearest" if is_exact else "bilinear",
        padding_mode="zeros" if is_exact else "border",
        align_corners=True,
    )
    return taken[0]


def _cropped(values: NDArray[np.generic], window: _Window, *, is_exact: bool) -> Tensor:
    taken = values
    for axis, (start, size) in enumerate(zip(window.start, window.shape, strict=True), start=1):
        at = np.arange(start, start + size)
        inside = at.clip(0, values.shape[axis] - 1)
        taken = np.take(taken, inside, axis=axis)
        if is_exact and (at != inside).any():
            shape = [1] * taken.ndim
            shape[axis] = size
            taken = taken * (at == inside).reshape(shape)
    return torch.from_numpy(np.ascontiguousarray(taken, np.float32))


def _flipped(part: dict[str, Tensor], flips: str, random: np.random.Generator) -> dict[str, Tensor]:
    axes = ["zyx".index(axis) + 1 for axis in flips if random.random() < 0.5]
    return {name: values.flip(axes) for name, values in part.items()} if axes else part


def spoilt(image: Tensor, random: np.random.Generator) -> Tensor:
    """Return ``(channel, z, y, x)`` as a worse or another machine might have taken it."""
    chances = random.random(6) < (0.15, 0.2, 0.2, 0.2, 0.15, 0.3)
    if chances[0]:
        noise = random.standard_normal(tuple(image.shape), np.float32)
        image = image + float(random.uniform(0.02, 0.25)) * torch.from_numpy(noise)
    if chances[1]:
        image = _blurred(image, random.uniform(0.5, 1.2))
    if chances[2]:
        image = image + float(random.uniform(-0.3, 0.3))
    if chances[3]:
        mean = image.mean()
        image = (image - mean) * float(random.uniform(0.7, 1.4)) + mean
    if chances[4]:
        image = _coarse(image, random.uniform(0.5, 1.0))
    if chances[5]:
        image = _gamma(image, random.uniform(0.7, 1.5))
    return image


def _blurred(image: Tensor, sigma: float) -> Tensor:
    reach = max(1, round(3 * sigma))
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = kernel / kernel.sum()
    found = image[:, None]
    for axis in range(3):
        if image.shape[axis + 1] == 1:
            continue
        shape = [1, 1, 1, 1, 1]
        shape[axis + 2] = len(kernel)
        pads = [0, 0, 0, 0, 0, 0]
        pads[2 * (2 - axis)] = pads[2 * (2 - axis) + 1] = reach
        found = functional.conv3d(
            functional.pad(found, pads, mode="replicate"), kernel.reshape(shape)
        )
    return found[:, 0]


def _coarse(image: Tensor, share: float) -> Tensor:
    small = [max(1, round(size * share)) if size > 1 else 1 for size in image.shape[1:]]
    shrunk = functional.interpolate(image[None], size=small, mode="nearest")
    grown = functional.interpolate(
        shrunk, size=tuple(image.shape[1:]), mode="trilinear", align_corners=False
    )
    return grown[0]


def _gamma(image: Tensor, power: float) -> Tensor:
    low, high = image.min(), image.max()
    span = (high - low).clamp_min(1e-6)
    changed: Tensor = ((image - low) / span) ** power * span + low
    return changed

"""Made truths with an image and a diagnosis: a disc with its cup, an organ, small lesions.

The image shows the truth through blur and noise, so that it alone says little; the diagnosis hangs
on a measure of the truth, by chance: ``sigmoid(steepness * (measure - turning point))``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from scipy import ndimage

from annotator.analysis.simulate_outline import smooth_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Spacing = tuple[float, float, float]

Shape = Literal["disc-cup", "organ", "lesions"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phantom:
    """One made case.

    Attributes
    ----------
    truth : ndarray
        ``(z, y, x)`` uint8. Disc and cup: 1 disc, 2 cup, the cup inside the disc; else label 1.
    image : ndarray
        ``(z, y, x)`` float32, background about 0, each label about 1 brighter.
    spacing_mm : tuple of float
        Along ``(z, y, x)``.
    is_nested : bool
        Whether each label lies inside the one below it.
    measure : float
        What the diagnosis hangs on: cup/disc diameter; volume in millilitres; number of lesions.
    risk : float
        Probability of disease.
    is_diseased : bool
        Drawn with that probability.
    """

    truth: NDArray[np.uint8]
    image: NDArray[np.float32]
    spacing_mm: Spacing
    is_nested: bool
    measure: float
    risk: float
    is_diseased: bool


class Maker(Protocol):
    """Makes a phantom of a shape: ``size`` is its number of rows and columns."""

    def __call__(self, *, seed: int, size: int = ...) -> Phantom:
        """Return the phantom; the same seed and size, the same phantom."""
        ...


def disc_cup_case(
    *,
    seed: int,
    size: int = 96,
    steepness: float = 25.0,
    turning_point: float = 0.55,
    contrast: float = 0.5,
) -> Phantom:
    """Return a picture of an optic disc and its cup, 1 mm a pixel; ill where the cup is wide.

    The cup's mean diameter is 0.3 to 0.8 of the disc's. ``contrast`` is the step of brightness in
    standard deviations of the noise.
    """
    random = np.random.default_rng(seed)
    spacing_mm = (1.0, 1.0, 1.0)
    shape = (1, size, size)
    middle = np.array([0.0, *(0.5 * (size - 1) + random.uniform(-0.05, 0.05, 2) * size)])
    disc_mm = np.array([1.0, *(size * 0.28 * random.uniform(0.85, 1.15) * _oval(random))])
    ratio = random.uniform(0.3, 0.8)
    disc = _blob(shape, spacing_mm, middle, disc_mm, 0.05, random)
    aside = random.uniform(-1, 1, 3) * (0.5 * (0.9 - ratio)) * disc_mm * [0, 1, 1]
    cup_mm = disc_mm * ratio * [1, *_oval(random)]
    cup = disc & _blob(shape, spacing_mm, middle + aside, cup_mm, 0.05, random)
    truth = disc.astype(np.uint8) + cup
    measure = float(np.sqrt(cup.sum() / disc.sum()))
    return _phantom(
        truth, spacing_mm, measure, (steepness, turning_point), contrast, random, is_nested=True
    )


def organ_case(*, seed: int, size: int = 64, contrast: float = 0.8) -> Phantom:
    """Return a volume with one lumpy organ, 3 mm slices of 1 mm pixels; ill where it is large."""
    random = np.random.default_rng(seed)
    spacing_mm = (3.0, 1.0, 1.0)
    shape = (max(6, size // 4), size, size)
    span_mm = np.array(shape) * spacing_mm
    middle = 0.5 * (np.array(shape) - 1) * spacing_mm + random.uniform(-0.04, 0.04, 3) * span_mm
    radii_mm = span_mm * random.uniform(0.22, 0.32, 3)
    truth = _blob(shape, spacing_mm, middle, radii_mm, 0.12, random)
    lobe = middle + random.uniform(-0.6, 0.6, 3) * radii_mm
    truth |= _blob(shape, spacing_mm, lobe, 0.6 * radii_mm, 0.1, random)
    measure = float(truth.sum() * np.prod(spacing_mm) / 1000)
    turning_point = 0.09 * float(np.prod(span_mm)) / 1000
    rule = (12 / turning_point, turning_point)
    return _phantom(
        truth.astype(np.uint8), spacing_mm, measure, rule, contrast, random, is_nested=False
    )


def lesions_case(*, seed: int, size: int = 72, contrast: float = 0.8) -> Phantom:
    """Return a volume with none to seven small lesions apart; ill where there are many."""
    random = np.random.default_rng(seed)
    spacing_mm = (2.0, 1.0, 1.0)
    shape = (max(6, size // 6), size, size)
    truth = np.zeros(shape, np.bool_)
    for _ in range(int(random.integers(8))):
        radius_mm = random.uniform(2.0, 5.0)
        middle = random.uniform(0.1, 0.9, 3) * (np.array(shape) - 1) * spacing_mm
        found = _blob(
            shape, spacing_mm, middle, radius_mm * random.uniform(0.8, 1.2, 3), 0.05, random
        )
        near = ndimage.binary_dilation(found, np.ones((3, 3, 3), np.bool_), iterations=3)
        if not (near & truth).any():
            truth |= found
    measure = float(ndimage.label(truth, np.ones((3, 3, 3)))[1])
    return _phantom(
        truth.astype(np.uint8), spacing_mm, measure, (1.5, 3.0), contrast, random, is_nested=False
    )


MAKERS: dict[Shape, Maker] = {
    "disc-cup": disc_cup_case,
    "organ": organ_case,
    "lesions": lesions_case,
}


def _oval(random: np.random.Generator) -> NDArray[np.float64]:
    """Return factors for two radii that leave their product as it is."""
    factor = random.uniform(0.9, 1.1)
    return np.array([factor, 1 / factor])


def _blob(
    shape: tuple[int, int, int],
    spacing_mm: Spacing,
    middle_mm: NDArray[np.float64],
    radii_mm: NDArray[np.float64],
    lumpiness: float,
    random: np.random.Generator,
) -> NDArray[np.bool_]:
    """Return an ellipsoid whose surface is moved in and out by smooth noise, in one piece."""
    axes = np.ogrid[tuple(slice(size) for size in shape)]
    squared = sum(
        ((axis * step - at) / radius) ** 2
        for axis, step, at, radius in zip(axes, spacing_mm, middle_mm, radii_mm, strict=True)
    )
    width_vox = [
        max(1.0, 0.4 * radius / step) for radius, step in zip(radii_mm, spacing_mm, strict=True)
    ]
    level = np.sqrt(squared) + lumpiness * smooth_noise(shape, width_vox, random)
    pieces, _ = ndimage.label(level < 1)
    sizes = np.bincount(pieces.reshape(-1))
    sizes[0] = 0
    return np.asarray((pieces > 0) & (pieces == sizes.argmax()))


def _phantom(
    truth: NDArray[np.uint8],
    spacing_mm: Spacing,
    measure: float,
    rule: tuple[float, float],
    contrast: float,
    random: np.random.Generator,
    *,
    is_nested: bool,
) -> Phantom:
    """Add image and diagnosis to a truth; ``rule`` is steepness and turning point of the risk."""
    steepness, turning_point = rule
    risk = float(1 / (1 + np.exp(-steepness * (measure - turning_point))))
    is_flat = truth.shape[0] == 1
    blurred = ndimage.gaussian_filter(
        truth.astype(np.float32), [0 if is_flat else 1.0, 2.0, 2.0], mode="nearest"
    )
    fine = random.standard_normal(truth.shape, np.float32)
    coarse = smooth_noise(truth.shape, [4.0 / step for step in spacing_mm], random)
    image = blurred + (0.6 * fine + 0.8 * coarse) / contrast
    return Phantom(
        truth=truth,
        image=image.astype(np.float32),
        spacing_mm=spacing_mm,
        is_nested=is_nested,
        measure=measure,
        risk=risk,
        is_diseased=bool(random.random() < risk),
    )

"""Pictures whose truth is known, with the labels that go wrong in the ways recipes are made for.

All are 64 × 64 pixels of 1 mm. What trainers get and what they are judged by are kept apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from study_cases import study_case

from annotator.analysis.simulate_outline import signed_distance_mm, smooth_noise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.api import CaseVotes

    Mask = NDArray[np.uint8]
    Floats = NDArray[np.float64]

SIDE = 64
SQUARE = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """A case as trainers get it, and its truth ``(y, x)``.

    ``is_wrong`` says that its labels were spoilt on purpose.
    """

    given: CaseVotes
    truth: Mask
    is_wrong: bool = False

    @property
    def image(self) -> NDArray[np.float32]:
        """Return the picture, ``(1, y, x)``."""
        return self.given.window(None).image


def known(
    name: str,
    readings: Mapping[str, Mask],
    truth: Mask,
    image: Floats,
    *,
    n_labels: int = 2,
    is_wrong: bool = False,
) -> Known:
    """Return a case of readings ``(y, x)`` by rater."""
    made = study_case(
        name,
        {rater: mask[None].astype(np.uint8) for rater, mask in readings.items()},
        truth[None].astype(np.uint8),
        group="recipes",
        image=image[None].astype(np.float32),
        labels=range(1, n_labels),
    )
    return Known(given=made.given, truth=truth.astype(np.uint8), is_wrong=is_wrong)


def lump(random: np.random.Generator, *, radius: tuple[float, float] = (9.0, 17.0)) -> Mask:
    """Return a lumpy oval somewhere near the middle, ``(y, x)``."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2.0
    middle, radii = random.uniform(-9, 9, 2), random.uniform(*radius, 2)
    away = np.hypot((y - middle[0]) / radii[0], (x - middle[1]) / radii[1])
    away = away + 0.12 * smooth_noise((1, SIDE, SIDE), [1.0, 6.0, 6.0], random)[0]
    return (away < 1.0).astype(np.uint8)


def moved(mask: Mask, shift: Floats) -> Mask:
    """Return a mask with its outline moved outwards by so many pixels, ``(y, x)`` or alike."""
    distance = signed_distance_mm(mask[None].astype(np.bool_), SQUARE)[0]
    return (distance + shift > 0).astype(np.uint8)


def unsteady(mask: Mask, random: np.random.Generator, amount: float) -> Mask:
    """Return a mask drawn with a hand that wavers by so many pixels."""
    return moved(mask, amount * smooth_noise((1, SIDE, SIDE), [1.0, 4.0, 4.0], random)[0])


def pictured(
    mask: Mask, random: np.random.Generator, *, blur: float = 1.0, noise: float = 0.6
) -> Floats:
    """Return a picture of a mask: blurred, with fine and coarse noise."""
    picture = ndimage.gaussian_filter(mask.astype(np.float64), blur)
    coarse = smooth_noise((1, SIDE, SIDE), [1.0, 5.0, 5.0], random)[0]
    noisy: Floats = picture + noise * (0.6 * random.standard_normal(mask.shape) + 0.5 * coarse)
    return noisy


def edges(n_cases: int, seed: int, *, blur: float, waver: float) -> list[Known]:
    """Return lumps with edges blurred by so many pixels, drawn by a hand that wavers."""
    random = np.random.default_rng((seed, 11))
    found = []
    for number in range(n_cases):
        truth = lump(random)
        image = pictured(truth, random, blur=blur, noise=0.35)
        drawn = unsteady(truth, random, waver)
        found.append(known(f"{number:03d}", {"a": drawn}, truth, image))
    return found


def spoilt(n_cases: int, seed: int, *, share: float) -> list[Known]:
    """Return lumps, of which a share was drawn much too small, too large, or aside."""
    random = np.random.default_rng((seed, 12))
    is_wrong = random.permutation(n_cases) < round(share * n_cases)
    found = []
    for number in range(n_cases):
        truth = lump(random)
        image = pictured(truth, random)
        drawn = unsteady(truth, random, 0.7)
        if is_wrong[number]:
            drawn = _spoil(drawn, random)
        wrong = bool(is_wrong[number])
        found.append(known(f"{number:03d}", {"a": drawn}, truth, image, is_wrong=wrong))
    return found


def _spoil(mask: Mask, random: np.random.Generator) -> Mask:
    way = int(random.integers(4))
    amount = random.uniform(4.0, 7.0)
    if way == 0:
        return moved(mask, np.full(mask.shape, -min(amount, 5.0)))
    if way == 1:
        return moved(mask, np.full(mask.shape, amount))
    if way == 2:
        angle = random.uniform(0, 2 * np.pi)
        by = 1.5 * amount * np.array([np.sin(angle), np.cos(angle)])
        aside: Mask = ndimage.shift(mask, by, order=0)
        return aside
    return unsteady(mask, random, amount)


def alike(n_cases: int, seed: int, *, gap: float) -> list[Known]:
    """Return pictures with three structures: 1 dark, 2 and 3 bright and told apart by a gap.

    Raters take 2 for 3, or the reverse, in one of eight pictures.
    """
    random = np.random.default_rng((seed, 13))
    levels = np.array([0.0, -2.5, 2.5, 2.5 + gap])
    found = []
    for number in range(n_cases):
        truth = np.zeros((SIDE, SIDE), np.uint8)
        for label in random.permutation([1, 2, 3]):
            own = lump(random, radius=(6.0, 11.0))
            by = random.uniform(-14, 14, 2)
            truth[ndimage.shift(own, by, order=0) > 0] = label
        noise = 0.6 * random.standard_normal(truth.shape)
        image = ndimage.gaussian_filter(levels[truth], 1.0) + noise
        drawn = truth.copy()
        if random.random() < 1 / 8:
            drawn = np.array([0, 1, 3, 2], np.uint8)[truth]
        found.append(known(f"{number:03d}", {"a": drawn}, truth, image, n_labels=4))
    return found


def coarse(n_full: int, n_weak: int, seed: int, *, kind: str) -> list[Known]:
    """Return lumps beside a distractor; rater ``full`` drew some, rater ``weak`` the others.

    ``weak`` drew a box around the lump, or a scribble within it, as ``kind`` says.
    """
    random = np.random.default_rng((seed, 14))
    found = []
    for number in range(n_full + n_weak):
        truth, image = _beside_others(random)
        if number < n_full:
            readings = {"full": unsteady(truth, random, 0.7)}
        else:
            readings = {"weak": _box(truth) if kind == "boxes" else _scribble(truth, random)}
        found.append(known(f"{number:03d}", readings, truth, image))
    return found


def _beside_others(random: np.random.Generator) -> tuple[Mask, Floats]:
    """Return a striped lump, and a picture in which plain lumps as bright lie beside it."""
    truth = lump(random, radius=(8.0, 13.0))
    others = np.zeros_like(truth)
    for _ in range(3):
        by = random.uniform(-26, 26, 2)
        others |= ndimage.shift(lump(random, radius=(4.0, 8.0)), by, order=0)
    others[ndimage.binary_dilation(truth, iterations=2)] = 0
    y, x = np.mgrid[:SIDE, :SIDE]
    angle = random.uniform(0, np.pi)
    stripes = 0.5 + 0.5 * np.sin(1.2 * (np.cos(angle) * x + np.sin(angle) * y))
    picture = truth * stripes + 0.5 * others
    return truth, ndimage.gaussian_filter(picture, 0.7) + 0.25 * random.standard_normal(truth.shape)


def _box(mask: Mask) -> Mask:
    places = ndimage.find_objects(mask)
    found = np.zeros_like(mask)
    found[places[0]] = 1
    return found


def _scribble(mask: Mask, random: np.random.Generator) -> Mask:
    """Return a wavy line inside of a mask (1), far from its outline."""
    inner = moved(mask, np.full(mask.shape, -3.0))
    wave = smooth_noise((1, SIDE, SIDE), [1.0, 5.0, 5.0], random)[0]
    line = np.abs(wave) < 0.25
    found: Mask = (inner > 0) & line
    return found.astype(np.uint8)


def distracted(n_cases: int, seed: int) -> list[Known]:
    """Return striped lumps with plain lumps as bright beside them."""
    random = np.random.default_rng((seed, 15))
    found = []
    for number in range(n_cases):
        truth, image = _beside_others(random)
        found.append(known(f"{number:03d}", {"a": unsteady(truth, random, 0.7)}, truth, image))
    return found

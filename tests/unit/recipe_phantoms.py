"""Small pictures with planted ways of reading, for networks that train in seconds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.domain.reading import Diagnosis
from tests.made_cases import made_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Prediction

SIDE = 32
SQUARE = (1.0, 1.0, 1.0)


def oval(random: np.random.Generator) -> NDArray[np.float64]:
    """How far inside an oval each pixel lies, ``(y, x)``."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2.0
    middle, radius = random.uniform(-2, 2, 2), random.uniform(7.5, 11, 2)
    away = np.hypot((y - middle[0]) / radius[0], (x - middle[1]) / radius[1])
    return np.asarray((1 - away) * np.sqrt(radius.prod()))


def picture(truth: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.float32]:
    """A blurred and noisy picture of what is there, ``(1, y, x)``."""
    blurred = ndimage.gaussian_filter(truth.astype(np.float64), 1.0)
    noisy = blurred + 0.5 * random.standard_normal(truth.shape)
    return noisy[None].astype(np.float32)


def read_by(
    n_cases: int,
    seed: int,
    readings: Callable[[NDArray[np.float64], np.random.Generator], dict[str, NDArray[np.bool_]]],
) -> tuple[list[CaseVotes], list[NDArray[np.float64]]]:
    """Cases whose readings ``(y, x)`` are made of the depth of an oval, and the depths."""
    random = np.random.default_rng(seed)
    cases, depths = [], []
    for number in range(n_cases):
        depth = oval(random)
        masks = {
            rater: mask[None].astype(np.uint8) for rater, mask in readings(depth, random).items()
        }
        cases.append(made_case(f"{seed}-{number}", picture(depth > 0, random), masks))
        depths.append(depth)
    return cases, depths


def halves(depth: NDArray[np.float64], random: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    """``west`` is right in the left half and off by chance in the other; ``east`` the reverse."""
    is_east = np.arange(SIDE) > (SIDE - 1) / 2
    off = 5.0 * random.standard_normal(2)
    return {
        "west": depth + off[0] * is_east > 0,
        "east": depth + off[1] * ~is_east > 0,
    }


def sizes(depth: NDArray[np.float64], random: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    """``large`` draws three pixels outside the outline, ``small`` three inside."""
    return {"exact": depth > 0, "large": depth > -3, "small": depth > 3}


def answered(case: CaseVotes, answers: dict[str, str]) -> CaseVotes:
    """Return a case with each rater's answer to ``finding``."""
    return replace(
        case,
        diagnoses={
            rater: Diagnosis(answers=(("finding", answer),)) for rater, answer in answers.items()
        },
    )


def whole(case: CaseVotes) -> NDArray[np.float32]:
    """The image of a case."""
    return case.window(None).image


def drawn(prediction: Prediction) -> NDArray[np.float32]:
    """The probability of the first label in the first slice, ``(y, x)``."""
    assert prediction.probability is not None
    return np.asarray(prediction.probability[1, 0])


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))

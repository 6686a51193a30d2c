"""Pictures with planted ways of reading, for the study of networks that learn raters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from study_cases import study_case

from annotator.analysis.phantoms import simulate_study
from annotator.domain.reading import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.api import CaseVotes

SIDE = 32
SIZE = 48
RATERS = "abcde"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """A case and what was planted in it.

    ``truth`` is ``(y, x)``; ``error_mm`` how far off each rater's outline is expected at each
    pixel, ``(rater, y, x)``.
    """

    given: CaseVotes
    truth: NDArray[np.bool_]
    error_mm: NDArray[np.float32]

    @property
    def image(self) -> NDArray[np.float32]:
        """Return the picture, ``(1, y, x)``."""
        return self.given.window(None).image

    def masks(self) -> NDArray[np.bool_]:
        """Return what each rater drew, ``(rater, y, x)``."""
        return self.given.window(None).masks(self.given.votes)[:, 0] != 0


def panel(scenario: str, n_cases: int, seed: int) -> list[Known]:
    """Return cases of a made study in which disc and cup are one label."""
    study = simulate_study(scenario, n_cases=n_cases, seed=seed, size=SIZE)
    return [
        _known(
            case.case_id,
            {rater: mask != 0 for rater, mask in zip(study.rater_ids, case.readings, strict=True)},
            case.phantom.truth != 0,
            case.phantom.image,
            np.stack(case.expected_error_mm)[:, 0],
        )
        for case in study.cases
    ]


def sectors(n_cases: int, seed: int) -> list[Known]:
    """Return ovals, each of four raters right in a quadrant and off by chance in the others."""
    random = np.random.default_rng((seed, 1))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    quadrant = 2 * (rows >= SIDE // 2) + (columns >= SIDE // 2)
    found = []
    for number in range(n_cases):
        depth = _oval(random)
        off = [np.where(quadrant == own, 0.0, 4.0) for own in range(4)]
        masks = {
            name: depth + one * random.standard_normal() > 0
            for name, one in zip(RATERS, off, strict=False)
        }
        found.append(
            _known(
                f"{number:03d}",
                {name: mask[None] for name, mask in masks.items()},
                (depth > 0)[None],
                _picture(depth > 0, random),
                np.stack(off).astype(np.float32),
            )
        )
    return found


def _known(
    name: str,
    masks: Mapping[str, NDArray[np.bool_]],
    truth: NDArray[np.bool_],
    image: NDArray[np.float32],
    error_mm: NDArray[np.float32],
) -> Known:
    drawn = {rater: mask.astype(np.uint8) for rater, mask in masks.items()}
    case = study_case(name, drawn, truth.astype(np.uint8), group="networks", image=image)
    return Known(given=case.given, truth=truth[0], error_mm=error_mm)


def spots(n_cases: int, seed: int, *, is_one_ready: bool) -> list[CaseVotes]:
    """Return spots whose brightness decides an answer; raters waver near the turning point.

    With ``is_one_ready`` one of the five calls ill what is 0.8 darker than for the others.
    """
    random = np.random.default_rng((seed, 2))
    limits = np.array([-0.8 if is_one_ready else 0.0, 0, 0, 0, 0])
    found = []
    for number in range(n_cases):
        brightness = random.uniform(-2, 2)
        truth = _oval(random) > 0
        image = _picture(truth, random) + np.float32(brightness) * truth
        wavers = (0.35 if is_one_ready else 0.7) * np.exp(-abs(brightness))
        said = brightness + wavers * random.standard_normal(5) > limits
        masks = dict.fromkeys(RATERS, truth[None].astype(np.uint8))
        case = study_case(
            f"{number:03d}",
            masks,
            truth[None].astype(np.uint8),
            group="networks",
            image=image.astype(np.float32),
        )
        answers = {
            name: Diagnosis(answers=(("finding", "ill" if yes else "healthy"),))
            for name, yes in zip(RATERS, said, strict=True)
        }
        found.append(replace(case.given, diagnoses=answers))
    return found


def outlines(n_cases: int, seed: int, *, is_visible: bool) -> list[Known]:
    """Return ovals whose raters are the farther apart the more blurred the picture is.

    Without ``is_visible`` the blur has nothing to do with the raters.
    """
    random = np.random.default_rng((seed, 3))
    found = []
    for number in range(n_cases):
        depth = _oval(random)
        doubt = random.uniform(0, 4)
        blur = doubt if is_visible else random.uniform(0, 4)
        soft = 1 / (1 + np.exp(-depth / (0.3 + blur)))
        image = (soft + 0.1 * random.standard_normal(soft.shape)).astype(np.float32)
        masks = {name: (depth + doubt * random.standard_normal() > 0)[None] for name in RATERS}
        found.append(
            _known(
                f"{number:03d}",
                masks,
                (depth > 0)[None],
                image[None],
                np.full((5, SIDE, SIDE), doubt, np.float32),
            )
        )
    return found


def _oval(random: np.random.Generator) -> NDArray[np.float64]:
    """Return how far inside an oval each pixel lies, ``(y, x)``."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2.0
    middle, radius = random.uniform(-2, 2, 2), random.uniform(7.5, 11, 2)
    away = np.hypot((y - middle[0]) / radius[0], (x - middle[1]) / radius[1])
    return np.asarray((1 - away) * np.sqrt(radius.prod()))


def _picture(truth: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.float32]:
    blurred = ndimage.gaussian_filter(truth.astype(np.float64), 1.0)
    noisy = blurred + 0.5 * random.standard_normal(truth.shape)
    return noisy[None].astype(np.float32)

"""Whether a case needs one more rater, and where that rater should look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.geometry import Geometry
    from annotator.domain.quality import OverlapRule
    from annotator.domain.reading import Box

MARGIN_MM = 10.0
"""How far a box to read reaches beyond a dispute, so that it tells nothing of its outline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a case when the rule is asked.

    Attributes
    ----------
    n_finished : int
        People who have submitted a reading.
    n_waiting : int
        People who were asked and have not submitted.
    mean_dice : float or None
        Mean over labels and pairs of finished readings; None where nobody drew anything.
    boundary_mm : float or None
        Mean distance of outlines from the majority's in the structure where it is largest; None
        where it is unknown in mm.
    n_presence : int
        Objects that only some drew.
    diagnosis_disputed : bool
        Whether a choice of the form was answered differently.
    difficulty : float or None
        What a model foretells from the image, 0 to 1.
    """

    n_finished: int
    n_waiting: int = 0
    mean_dice: float | None = None
    boundary_mm: float | None = None
    n_presence: int = 0
    diagnosis_disputed: bool = False
    difficulty: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How many raters to ask now, and why, in one sentence.

    ``about_dispute`` tells that the readings disagree, so that regions may be asked for.
    """

    n_more: int
    why: str
    about_dispute: bool = False


def needs_further_rater(rule: OverlapRule, evidence: Evidence) -> Decision:
    """Return how many raters a case needs besides those who were asked.

    The first raters are asked at once, one more among them where the case is foretold to be
    difficult. Afterwards one at a time, each when the readings before are in.
    """
    n_asked = evidence.n_finished + evidence.n_waiting
    n_first, why = _first_raters(rule, evidence)
    if n_asked < n_first:
        return Decision(n_more=n_first - n_asked, why=f"{n_asked} of the first {n_first} {why}")
    if evidence.n_waiting:
        return Decision(n_more=0, why=f"{_readings(evidence.n_waiting)} still to come")
    if n_asked >= rule.at_most:
        return Decision(n_more=0, why=f"{n_asked} raters have read it, the most that are asked")
    disputes = _disputes(rule, evidence)
    if not disputes:
        return Decision(n_more=0, why=f"{n_asked} raters agree well enough")
    words = "; ".join(disputes)
    return Decision(n_more=1, why=words[0].upper() + words[1:] + ".", about_dispute=True)


def _first_raters(rule: OverlapRule, evidence: Evidence) -> tuple[int, str]:
    limit, difficulty = rule.difficulty_above, evidence.difficulty
    is_hard = limit is not None and difficulty is not None and difficulty > limit
    if is_hard and rule.first_raters < rule.at_most:
        return rule.first_raters + 1, (
            f"raters asked; foretold difficulty {difficulty:.2f} lies above {limit:.2f}"
        )
    return rule.first_raters, "raters asked"


def _disputes(rule: OverlapRule, evidence: Evidence) -> list[str]:
    found = []
    if rule.on_presence and evidence.n_presence:
        n_objects = evidence.n_presence
        found.append(
            "an object that only some drew"
            if n_objects == 1
            else f"{n_objects} objects that only some drew"
        )
    if rule.on_diagnosis and evidence.diagnosis_disputed:
        found.append("the diagnosis is disputed")
    if evidence.mean_dice is not None and evidence.mean_dice < rule.dice_below:
        found.append(f"mean Dice {evidence.mean_dice:.2f} lies below {rule.dice_below:.2f}")
    limit_mm, apart_mm = rule.boundary_above_mm, evidence.boundary_mm
    if limit_mm is not None and apart_mm is not None and apart_mm > limit_mm:
        found.append(
            f"outlines lie {apart_mm:.1f} mm from the majority's on average, more than "
            f"{limit_mm:g} mm"
        )
    return found


def _readings(count: int) -> str:
    return "one reading is" if count == 1 else f"{count} readings are"


def regions_to_read(
    boxes: Sequence[Box], geometry: Geometry, *, margin_mm: float = MARGIN_MM
) -> tuple[Box, ...]:
    """Return the boxes that a further rater is shown around disputes, each apart from the others.

    Every box is wider than its dispute by ``margin_mm`` on each side (pixels where the spacing is
    unknown), as far as the grid goes, and boxes that meet become one: they tell where to look and
    not what anybody drew. Along time, frames are taken as they are.
    """
    steps = [
        0 if geometry.is_time and axis == 0 else int(np.ceil(margin_mm / geometry.spacing_mm[axis]))
        for axis in range(3)
    ]
    wide = [
        (
            _corner([max(0, at - step) for at, step in zip(low, steps, strict=True)]),
            _corner(
                [
                    min(size, at + step)
                    for at, step, size in zip(high, steps, geometry.shape, strict=True)
                ]
            ),
        )
        for low, high in boxes
    ]
    apart: list[Box] = []
    for box in sorted(wide):
        merged = box
        while meeting := [other for other in apart if _meet(merged, other)]:
            for other in meeting:
                apart.remove(other)
                merged = _around(merged, other)
        apart.append(merged)
    return tuple(sorted(apart))


def _meet(one: Box, other: Box) -> bool:
    return all(one[0][axis] < other[1][axis] and other[0][axis] < one[1][axis] for axis in range(3))


def _around(one: Box, other: Box) -> Box:
    return (
        _corner([min(pair) for pair in zip(one[0], other[0], strict=True)]),
        _corner([max(pair) for pair in zip(one[1], other[1], strict=True)]),
    )


def _corner(values: Sequence[int]) -> tuple[int, int, int]:
    z, y, x = values
    return z, y, x

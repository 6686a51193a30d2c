"""What one rater may learn of their own drawing: where it tends to be too large or too small.

Only sums over several cases leave this module: one case alone would tell its truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.jobs.comparing import mean_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.against_truth import LabelAgainstTruth
    from annotator.analysis.bootstrap import Interval
    from annotator.domain.schema import LabelSchema
    from annotator.jobs.judging import JudgedReading

FEWEST_CASES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tendency:
    """A mean over cases with its 95 % bootstrap interval; ``is_sure`` where that leaves 0 out."""

    value: float
    interval: Interval | None

    @property
    def is_sure(self) -> bool:
        """Whether it is more than chance."""
        interval = self.interval
        return interval is not None and (interval.low > 0 or interval.high < 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFeedback:
    """A rater's own tendencies on one label, over the cases with a truth that they have read.

    Attributes
    ----------
    unit : {"mm", "pixels"}
        Of the lengths.
    outline : Tendency or None
        How far the outline lies outside (+) or inside (-) of the true one.
    towards : tuple of (str, Tendency)
        The same at each side: anterior, posterior and so on, or of the picture.
    volume : Tendency or None
        (own - true) / true volume.
    n_objects, n_missed, n_false : int
        True objects, those not touched, and own objects that touch nothing true.
    sentences : tuple of str
        What stands out, in words.
    """

    label: int
    name: str
    n_cases: int
    unit: str
    outline: Tendency | None
    towards: tuple[tuple[str, Tendency], ...]
    volume: Tendency | None
    n_objects: int
    n_missed: int
    n_false: int
    sentences: tuple[str, ...]


def feedback_of(judged: Sequence[JudgedReading], schema: LabelSchema) -> tuple[LabelFeedback, ...]:
    """Return what stands out in one rater's readings, for each label with three cases or more."""
    by_label: dict[int, list[tuple[LabelAgainstTruth, bool]]] = {}
    for entry in judged:
        for one in entry.labels:
            is_mm = entry.truth.series.geometry.is_calibrated
            by_label.setdefault(one.label, []).append((one, is_mm))
    found = []
    for label, several in sorted(by_label.items()):
        if len(several) >= FEWEST_CASES:
            named = schema.label(label)
            found.append(_feedback(label, named.name if named else f"label {label}", several))
    return tuple(found)


def _feedback(
    label: int, name: str, several: Sequence[tuple[LabelAgainstTruth, bool]]
) -> LabelFeedback:
    has_mm = any(is_mm for _, is_mm in several)
    shifts = [one.shift for one, is_mm in several if one.shift is not None and is_mm == has_mm]
    unit = "mm" if has_mm else "pixels"
    sides = list(dict.fromkeys(side for shift in shifts for side, _ in shift.towards))
    outline = _tendency([shift.mean_mm for shift in shifts])
    towards = []
    for side in sides:
        at_side = _tendency([at for one in shifts if (at := one.at(side)) is not None])
        if at_side is not None:
            towards.append((side, at_side))
    volume = _tendency(
        [one.drawn_mm3 / one.true_mm3 - 1.0 for one, _ in several if one.true_mm3 > 0]
    )
    n_objects = sum(one.n_objects for one, _ in several)
    n_missed = n_objects - sum(one.n_found for one, _ in several)
    n_false = sum(one.n_false for one, _ in several)
    return LabelFeedback(
        label=label,
        name=name,
        n_cases=len(several),
        unit=unit,
        outline=outline,
        towards=tuple(towards),
        volume=volume,
        n_objects=n_objects,
        n_missed=n_missed,
        n_false=n_false,
        sentences=(
            *_outline_words(name, outline, towards, unit),
            *_object_words(name, n_objects, n_missed, n_false),
        ),
    )


def _tendency(values: Sequence[float]) -> Tendency | None:
    if len(values) < FEWEST_CASES:
        return None
    return Tendency(value=float(np.mean(values)), interval=mean_interval(values))


def _outline_words(
    name: str, outline: Tendency | None, towards: Sequence[tuple[str, Tendency]], unit: str
) -> list[str]:
    said = []
    if outline is not None and outline.is_sure:
        said.append(f"{name}: you draw {_apart(outline.value, unit)} on average.")
    general = outline.value if outline is not None else 0.0
    standing_out = [
        (side, entry)
        for side, entry in towards
        if entry.is_sure and abs(entry.value - general) >= max(0.25, 0.25 * abs(general))
    ]
    standing_out.sort(key=lambda pair: -abs(pair[1].value))
    said += [
        f"{name}: you draw {_apart(entry.value, unit)} {_at(side)}." for side, entry in standing_out
    ]
    return said


def _apart(value: float, unit: str) -> str:
    return f"{abs(value):.1f} {unit} {'outside' if value > 0 else 'inside'}"


def _at(side: str) -> str:
    if side.endswith("of the picture"):
        return f"at the {side.removesuffix(' of the picture')} side of the picture"
    if side in ("top", "bottom"):
        return f"at the {side} of the picture"
    return f"at the {side} side"


def _object_words(name: str, n_objects: int, n_missed: int, n_false: int) -> list[str]:
    said = []
    if n_missed:
        said.append(f"{name}: you missed {n_missed} of {n_objects} objects.")
    if n_false:
        objects = "object that is" if n_false == 1 else "objects that are"
        said.append(f"{name}: you drew {n_false} {objects} not there.")
    return said

"""Numbers, names and dates of the agreement report in words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.jobs.agreement_facts import AgreementReport, CaseMean

NOTHING = "–"
MOST_ROWS = 60
"""Rows of a table about pairs of raters: more are for a file, not for a reader."""
_SPACE = "\N{NO-BREAK SPACE}"
REFERENCE_WORDS = {
    "signed-off": "signed-off mask",
    "fused": "fused mask",
    "others": "majority of the others",
}
TARGET_WORDS = {
    "signed-off": "signed-off mask",
    "left-out": "rater left out of the fusion",
    "same-raters": "raters who were fused",
}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CUBIC, _CUBIC_LARGE = ("mm³", 1.0), ("mL", 1e-3)
_SQUARE, _SQUARE_LARGE = ("mm²", 1.0), ("cm²", 1e-2)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with a true minus sign, or a dash where it is undefined."""
    if value is None:
        return NOTHING
    text = f"{value:.{digits}f}"
    if float(text) == 0.0:
        text = text.removeprefix("-")
    return text.replace("-", "−")


def signed(value: float | None, digits: int = 3) -> str:
    """Return a number with its sign, plus too."""
    text = number(value, digits)
    return text if value is None or text.startswith("−") or float(text) == 0.0 else f"+{text}"


def ends(low: float | None, high: float | None, digits: int = 3) -> str:
    """Return the ends of an interval, ``0.81 to 0.92``; a dash where there is none."""
    if low is None or high is None:
        return NOTHING
    return f"{number(low, digits)} to {number(high, digits)}"


def mean_in_words(mean: CaseMean, digits: int = 3) -> str:
    """Return a mean with its interval in brackets."""
    value = number(mean.value, digits)
    if mean.value is None or mean.low is None:
        return value
    return f"{value} ({ends(mean.low, mean.high, digits)})"


def percent(mean: CaseMean) -> str:
    """Return a mean that is a fraction as signed percent with its interval."""
    if mean.value is None:
        return NOTHING
    value = signed(100 * mean.value, 1) + " %"
    if mean.low is None or mean.high is None:
        return value
    return f"{value} ({signed(100 * mean.low, 1)} to {signed(100 * mean.high, 1)})"


def counted_noun(count: int, singular: str, plural: str | None = None) -> str:
    """Return ``1 case`` or ``12 cases``."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def day(moment: str) -> str:
    """Return the day of an ISO 8601 moment, ``3 May 2026``."""
    when = datetime.fromisoformat(moment)
    return f"{when.day} {when:%B %Y}"


def letters(report: AgreementReport) -> dict[str, str]:
    """Return a short sign for each rater by id, A to Z and on: what narrow axes show."""
    found = {}
    for place, rater in enumerate(report.about.raters):
        turn, letter = divmod(place, len(_LETTERS))
        found[rater.rater_id] = _LETTERS[letter] + (str(turn + 1) if turn else "")
    return found


def scaled_unit(unit: str, largest: float) -> tuple[str, float]:
    """Return a unit in which a size is easy to read, and the factor that leads to it."""
    if unit == "mm³":
        return _CUBIC_LARGE if largest >= 10_000 else _CUBIC
    if unit == "mm²":
        return _SQUARE_LARGE if largest >= 10_000 else _SQUARE
    return unit, 1.0


def size_digits(largest: float) -> int:
    """Return how many decimals sizes of this magnitude need."""
    return 0 if largest >= 1000 else 1 if largest >= 10 else 2


def drawn_pixels(unit: str) -> str:
    """Return the unit as a word for a sentence."""
    return "pixels" if unit == "px" else unit


def two_raters(report: AgreementReport, first: str, second: str, between: str = "and") -> str:
    """Return two raters for a row: by letter where there are many, else by name."""
    if len(report.about.raters) > 2:
        signs = letters(report)
        return f"{signs[first]}{_SPACE}{between}{_SPACE}{signs[second]}"
    return f"{report.rater_name(first)} {between} {report.rater_name(second)}"

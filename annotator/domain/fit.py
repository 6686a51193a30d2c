"""What was learned from the readings of a project, and what that says of cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FitKind = Literal["fusion", "trainer", "tracing", "contour"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRecipe:
    """Everything that a fit depends on; learning again gives the same bytes.

    ``name`` and ``version`` are the fusion method's, the trainer's or the detector's.
    ``inputs`` are the ids of the annotations that were learned from, ``adjudications`` of what was
    signed off of them, ``targets`` of the fusions and sign-offs that were aimed at, each sorted;
    ``parameters`` are (name, JSON value) pairs, sorted. ``group`` is the label group that was
    learned from, where a trainer learned from one of several; None where it was all.
    """

    kind: FitKind
    name: str
    version: str
    inputs: tuple[str, ...]
    adjudications: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A recipe and what was learned by it; the content is kept under its id.

    ``summary`` tells a person what was learned, a sentence each.
    """

    fit_id: str
    recipe: FitRecipe
    summary: tuple[str, ...]
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How likely raters are to disagree on a case, 0 to 1, told from the image by a fit."""

    case_id: str
    fit_id: str
    difficulty: float
    why: str

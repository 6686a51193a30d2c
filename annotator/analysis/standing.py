"""Hard cases first: each case's place among the cases of a project.

Presence disputes come first. Among the rest a case stands where its hardest part does: each
structure is ranked by two measures, how far outlines lie apart (mm) and how much of it is in doubt,
and each question of the diagnosis by its difficulty; always among the cases that have it, so that
neither size nor kind of a structure decides.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from annotator.analysis.dispute_words import label_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annotator.domain.review import CaseScore
    from annotator.domain.schema import LabelSchema


_FEW = 20
"""Cases below which shares are told as counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """How hard a question of the diagnosis is on a case; larger is harder. ``why``: a sentence."""

    question: str
    value: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure of a case, and where it stands among the cases that have it.

    ``name`` is ``outline``, ``doubt`` or ``diagnosis``, ``of`` the structure or the question;
    ``percentile`` runs from 0 to 100, ties in the middle of theirs; ``why`` is a sentence.
    """

    name: str
    of: str
    value: float
    percentile: float
    n_cases: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a case stands: ``place`` 1 is the hardest of all.

    ``percentile`` is the largest of its measures', 0 where it has none.
    """

    case_id: str
    place: int
    disputes_presence: bool
    percentile: float
    measures: tuple[Measure, ...]
    why: str


def rank_cases(
    scores: Sequence[CaseScore],
    schema: LabelSchema,
    difficulties: Mapping[str, Sequence[Difficulty]] | None = None,
) -> tuple[Standing, ...]:
    """Return the standing of each case, hardest first.

    ``difficulties`` holds those of the questions of the diagnosis by case id. The order of
    ``scores`` does not matter.
    """
    measures = _measures(scores, schema, difficulties or {})
    ordered = sorted(scores, key=lambda score: _key(score, measures[score.case_id]))
    return tuple(
        Standing(
            case_id=score.case_id,
            place=place,
            disputes_presence=score.n_presence > 0,
            percentile=_largest(measures[score.case_id]),
            measures=measures[score.case_id],
            why=_why(score, measures[score.case_id]),
        )
        for place, score in enumerate(ordered, start=1)
    )


def _measures(
    scores: Sequence[CaseScore],
    schema: LabelSchema,
    difficulties: Mapping[str, Sequence[Difficulty]],
) -> dict[str, tuple[Measure, ...]]:
    """Return every measure of each case, the most telling first."""
    by_kind: dict[tuple[str, str], list[tuple[str, float, str]]] = defaultdict(list)
    for score in scores:
        for one in score.structures:
            name = label_name(schema, one.label)
            for kind, value in (("outline", one.outline_mm), ("doubt", one.doubt)):
                if value is not None:
                    by_kind[kind, name].append((score.case_id, value, one.why))
        for hard in difficulties.get(score.case_id, ()):
            by_kind["diagnosis", hard.question].append((score.case_id, hard.value, hard.why))
    found: dict[str, list[Measure]] = {score.case_id: [] for score in scores}
    for (kind, of), rows in by_kind.items():
        for (case_id, value, why), percentile in zip(
            rows, _percentiles([value for _, value, _ in rows]), strict=True
        ):
            found[case_id].append(
                Measure(
                    name=kind,
                    of=of,
                    value=value,
                    percentile=percentile,
                    n_cases=len(rows),
                    why=_measure_words(kind, of, why, percentile, len(rows)),
                )
            )
    return {
        case_id: tuple(sorted(own, key=lambda one: (-one.percentile, one.name, one.of)))
        for case_id, own in found.items()
    }


def _percentiles(values: Sequence[float]) -> list[float]:
    ranks = np.asarray(stats.rankdata(values))
    found: list[float] = (100.0 * (ranks - 0.5) / len(ranks)).tolist()
    return found


def _measure_words(kind: str, of: str, why: str, percentile: float, n_cases: int) -> str:
    what = {
        "outline": f"outlines of {of} lie further apart",
        "doubt": f"more of {of} is in doubt",
        "diagnosis": f"“{of}” is harder",
    }[kind]
    if n_cases < _FEW:
        n_below = round(percentile / 100 * n_cases - 0.5)
        return f"{why}; {what} than in {n_below} of the {n_cases - 1} other cases"
    return f"{why}; {what} than in {percentile:.0f} % of {n_cases} cases"


def _largest(measures: Iterable[Measure]) -> float:
    return max((one.percentile for one in measures if one.value > 0), default=0.0)


def _key(score: CaseScore, measures: Sequence[Measure]) -> tuple[bool, float, float, str]:
    has_presence = score.n_presence > 0
    own = score.score if has_presence else 0.0
    return not has_presence, -own, -_largest(measures), score.case_id


def _why(score: CaseScore, measures: Sequence[Measure]) -> str:
    leading = next((one for one in measures if one.value > 0), None)
    if leading is None or score.n_presence:
        return score.why
    return f"{leading.why[:1].upper()}{leading.why[1:]}."

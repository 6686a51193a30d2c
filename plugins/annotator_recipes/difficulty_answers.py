"""What raters answered to a question, and the slices of their cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator_recipes.images import channels_of, image_slices
from annotator_recipes.reading_slices import require_cases

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Progress
    from annotator.domain.reading import Diagnosis

    Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnsweredCases:
    """Cases that two or more have answered.

    Attributes
    ----------
    slices : tuple of ndarray
        Of each case, ``(slice, channel, size, size)`` float32.
    highest, lowest, final : ndarray
        1 where anyone, where everyone answered so, and what was decided, ``(case,)`` float32;
        the share of raters where nothing was decided.
    """

    slices: tuple[Floats, ...]
    highest: Floats
    lowest: Floats
    final: Floats


def gather_answers(
    cases: Sequence[CaseVotes],
    question: str,
    positive: str,
    *,
    size: int,
    n_slices: int,
    title: str,
    progress: Progress,
) -> AnsweredCases:
    """Read the answers and the images; raises AnnotatorError where they do not do."""
    said = [_answers(case.diagnoses.values(), question) for case in cases]
    _check_names(cases, question, positive)
    taken = [
        (case, answers) for case, answers in zip(cases, said, strict=True) if len(answers) >= 2
    ]
    chosen = [case for case, _ in taken]
    require_cases(chosen, title)
    n_channels = channels_of(chosen)
    slices = []
    for number, case in enumerate(chosen):
        progress(0.1 * number / len(chosen), f"reading {case.title}")
        image = case.window(None).image
        slices.append(
            case_slices(image, case.spacing_mm, size=size, n_slices=n_slices, n_channels=n_channels)
        )
    is_positive = [np.array([answer == positive for answer in answers]) for _, answers in taken]
    final = [
        float(own.mean()) if decided is None else float(decided == positive)
        for own, decided in zip(
            is_positive, [_decided(case, question) for case in chosen], strict=True
        )
    ]
    return AnsweredCases(
        slices=tuple(slices),
        highest=np.array([own.any() for own in is_positive], np.float32),
        lowest=np.array([own.all() for own in is_positive], np.float32),
        final=np.array(final, np.float32),
    )


def case_slices(
    image: Floats,
    spacing_mm: tuple[float, float, float],
    *,
    size: int,
    n_slices: int,
    n_channels: int,
) -> Floats:
    """Return at most ``n_slices`` of an image, evenly spaced, ``(slice, channel, size, size)``."""
    found, _ = image_slices(image, spacing_mm, size=size, n_channels=n_channels)
    n_taken = min(n_slices, len(found))
    middles = (np.arange(n_taken) + 0.5) * len(found) / n_taken
    return found[middles.astype(np.int64)]


def _answers(diagnoses: Iterable[Diagnosis], question: str) -> list[str]:
    found = (diagnosis.answer(question) for diagnosis in diagnoses)
    return [answer for answer in found if answer]


def _decided(case: CaseVotes, question: str) -> str | None:
    return (case.final_diagnosis.answer(question) if case.final_diagnosis else None) or None


def _check_names(cases: Sequence[CaseVotes], question: str, positive: str) -> None:
    everything = [one for case in cases for one in case.diagnoses.values()]
    questions = {key for diagnosis in everything for key, _ in diagnosis.answers}
    if question not in questions:
        raise UnknownNameError("answered question", question, questions)
    answers = set(_answers(everything, question))
    if not positive:
        raise AnnotatorError(
            f"say which answer to {question!r} is the positive one: {', '.join(sorted(answers))}"
        )
    if positive not in answers:
        raise UnknownNameError(f"answer to {question!r}", positive, answers)

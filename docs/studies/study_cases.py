"""Cases for the study of fusion methods: readings with a truth, as methods see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.blocks import count_blocks
from annotator.analysis.moments import label_moments
from annotator.analysis.runs import encode
from annotator.analysis.votes import bounding_box, count_near, merge_votes, to_dense
from annotator.api import CaseVotes, CaseWindow, VotePatterns
from annotator.domain.reading import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.phantoms import SimulatedStudy
    from annotator.analysis.votes import VoteRuns
    from annotator.domain.reading import Box

    Spacing = tuple[float, float, float]

QUESTION = "diseased"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudyCase:
    """One case: what methods get (``given``), and what the result is judged by.

    ``truth`` is ``(z, y, x)`` uint8; ``group`` is the seed or the nodule, cases of which are drawn
    together. ``is_nested`` says that label 2 lies in what label 1 means.
    """

    group: str
    given: CaseVotes
    runs: VoteRuns
    truth: NDArray[np.uint8]
    is_nested: bool = False
    is_diseased: bool = False
    difficulty: float = 1.0

    @property
    def key(self) -> str:
        """Unique in a set."""
        return f"{self.group}/{self.given.case_id}"

    def structures(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Return what is judged: a name, and the labels that make it up."""
        if self.is_nested:
            return (("disc", (1, 2)), ("cup", (2,)))
        return (("object", (1,)),)


def study_case(
    case_id: str,
    masks: Mapping[str, NDArray[np.integer]],
    truth: NDArray[np.uint8],
    *,
    group: str,
    image: NDArray[np.float32] | None = None,
    spacing_mm: Spacing = (1.0, 1.0, 1.0),
    labels: Sequence[int] = (1,),
    answers: Mapping[str, bool] | None = None,
    is_diseased: bool | None = None,
    is_nested: bool = False,
    difficulty: float = 1.0,
) -> StudyCase:
    """Return a case of masks ``(z, y, x)`` by rater; without an image its image is empty."""
    votes = merge_votes([encode(mask) for mask in masks.values()], labels=labels)
    shape = votes.grid.shape
    picture = np.zeros(shape, np.float32) if image is None else image

    def window(margin: int | None) -> CaseWindow:
        box = _box(votes, margin)
        part = tuple(slice(low, high) for low, high in zip(*box, strict=True))
        index = to_dense(votes, np.arange(len(votes.patterns)), np.int32, box)
        return CaseWindow(box=box, index=index, image=picture[part])

    given = CaseVotes(
        case_id=case_id,
        title=case_id,
        votes=VotePatterns(
            rater_ids=tuple(masks),
            patterns=votes.patterns,
            counts=votes.counts,
            labels=votes.labels,
            voxel_mm3=float(np.prod(spacing_mm)),
            n_near=count_near(votes),
            block_counts=count_blocks(votes),
        ),
        shape=shape,
        spacing_mm=spacing_mm,
        moments=lambda: label_moments(votes, spacing_mm),
        window=window,
        diagnoses={rater: _diagnosis(is_yes) for rater, is_yes in (answers or {}).items()},
        final_diagnosis=None if is_diseased is None else _diagnosis(is_diseased),
    )
    return StudyCase(
        group=group,
        given=given,
        runs=votes,
        truth=truth,
        is_nested=is_nested,
        is_diseased=bool(is_diseased),
        difficulty=difficulty,
    )


def cases_of(study: SimulatedStudy) -> list[StudyCase]:
    """Return the cases of a made study; the true diagnosis counts as signed off."""
    return [
        study_case(
            case.case_id,
            dict(zip(study.rater_ids, case.readings, strict=True)),
            case.phantom.truth,
            group=f"seed {study.seed}",
            image=case.phantom.image,
            spacing_mm=case.phantom.spacing_mm,
            labels=(1, 2) if case.phantom.is_nested else (1,),
            answers=dict(zip(study.rater_ids, case.answers, strict=True)),
            is_diseased=case.phantom.is_diseased,
            is_nested=case.phantom.is_nested,
            difficulty=case.difficulty,
        )
        for case in study.cases
    ]


def _box(votes: VoteRuns, margin: int | None) -> Box:
    shape = votes.grid.shape
    drawn = bounding_box(votes, (votes.patterns != 0).any(axis=1))
    if margin is None or drawn is None:
        return ((0, 0, 0), shape)
    low = [max(0, edge - margin) for edge in drawn[0]]
    high = [min(size, edge + margin) for edge, size in zip(drawn[1], shape, strict=True)]
    return ((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def _diagnosis(is_yes: bool) -> Diagnosis:
    return Diagnosis(answers=((QUESTION, "yes" if is_yes else "no"),))

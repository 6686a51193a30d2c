"""Cases of a made study as fusion methods and trainers see them, without a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.moments import label_moments
from annotator.analysis.runs import encode
from annotator.analysis.votes import bounding_box, count_near, merge_votes, to_dense
from annotator.api import CaseVotes, CaseWindow, VotePatterns
from annotator.domain.reading import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.phantoms import SimulatedStudy
    from annotator.domain.reading import Box

Spacing = tuple[float, float, float]


def made_case(
    case_id: str,
    image: NDArray[np.float32],
    masks: Mapping[str, NDArray[np.integer]],
    *,
    spacing_mm: Spacing = (1.0, 1.0, 1.0),
    labels: Sequence[int] = (1,),
    answer: str | None = None,
    target: Callable[[], NDArray[np.float32]] | None = None,
) -> CaseVotes:
    """Return a case of masks ``(z, y, x)`` by rater id; ``answer`` is everyone's diagnosis."""
    votes = merge_votes([encode(mask) for mask in masks.values()], labels=labels)
    shape = votes.grid.shape

    def window(margin: int | None) -> CaseWindow:
        drawn = bounding_box(votes, (votes.patterns != 0).any(axis=1))
        box: Box = ((0, 0, 0), shape)
        if margin is not None and drawn is not None:
            low = [max(0, at - margin) for at in drawn[0]]
            high = [min(size, at + margin) for at, size in zip(drawn[1], shape, strict=True)]
            box = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        part = tuple(slice(low, high) for low, high in zip(*box, strict=True))
        index = to_dense(votes, np.arange(len(votes.patterns)), np.int32, box)
        return CaseWindow(box=box, index=index, image=image[part])

    diagnosis = Diagnosis(answers=() if answer is None else (("finding", answer),))
    return CaseVotes(
        case_id=case_id,
        title=case_id,
        votes=VotePatterns(
            rater_ids=tuple(masks),
            patterns=votes.patterns,
            counts=votes.counts,
            labels=votes.labels,
            voxel_mm3=float(np.prod(spacing_mm)),
            n_near=count_near(votes),
        ),
        shape=shape,
        spacing_mm=spacing_mm,
        moments=lambda: label_moments(votes, spacing_mm),
        window=window,
        diagnoses=dict.fromkeys(masks, diagnosis),
        target=target,
    )


def cases_of_study(study: SimulatedStudy) -> list[CaseVotes]:
    """Return the cases of a made study; every rater gives the true diagnosis, ill or healthy."""
    return [
        made_case(
            case.case_id,
            case.phantom.image,
            dict(zip(study.rater_ids, case.readings, strict=True)),
            spacing_mm=case.phantom.spacing_mm,
            labels=(1, 2) if case.phantom.is_nested else (1,),
            answer="ill" if case.phantom.is_diseased else "healthy",
        )
        for case in study.cases
    ]

"""Fusion by STAPLE that judges raters by all cases of a project."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from annotator.analysis.consensus import choose, warn_of_votes
from annotator.analysis.fusion_region import region_counts, settle_agreed, warn_of_departure
from annotator.analysis.performance import drawn_volumes, judge_confusion
from annotator.analysis.pooled_staple import (
    PooledCase,
    PooledResult,
    expect,
    learn_confusion,
    mean_vote,
    to_confusion,
)
from annotator.api import FusedPatterns, Learned
from annotator_builtins.rater_rows import rows_of_posterior

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Progress, VotePatterns
    from annotator.domain.review import RaterPerformance

    Floats = NDArray[np.float64]

_FEWEST_READINGS = 2
_FOLDS = 10


class PooledStapleParameters(BaseModel):
    """What may be set for pooled STAPLE."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: Literal["union", "full"] = Field(
        default="union",
        description="voxels that raters are judged by: those within three voxels of anything that "
        "was drawn in a case, or all of its image",
    )
    smoothing: float = Field(
        default=1.0,
        ge=0.0,
        description="voxels in which each rater counts as right about each label from the start",
    )
    departure: float = Field(
        default=0.1,
        ge=0.0,
        description="warn where a label's volume departs from the majority vote by more than this "
        "share",
    )
    max_iterations: int = Field(default=500, ge=1, le=100_000)


class PooledStaple:
    """STAPLE with one confusion matrix a rater, learned from all cases of a project.

    Each case has its own prior, its mean vote. Where a case was signed off its labels are the
    truth. Such a case is itself fused by what was learned without it (cross-fitting in ten parts),
    so that its fusion may be compared with what was decided. Sensitivity and specificity are over
    all cases that a rater has read, their intervals from drawing cases.
    """

    name = "pooled-staple"
    title = "STAPLE over all cases"
    version = "1"
    parameters: type[BaseModel] = PooledStapleParameters

    def learn(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        """Learn how reliable each rater is from all cases that two have read or one has decided."""
        settings = PooledStapleParameters.model_validate(parameters.model_dump())
        used = [case for case in cases if _is_useful(case)]
        labels = sorted({0, *(label for case in used for label in case.votes.labels)})
        rater_ids = sorted({rater_id for case in used for rater_id in case.votes.rater_ids})
        pooled = [_pooled(case, labels, rater_ids, settings.region) for case in used]
        signed_off = [case.case_id for case in used if case.decided_counts is not None]
        folds = [signed_off[start::_FOLDS] for start in range(min(_FOLDS, len(signed_off)))]

        def fit(left_out: Sequence[str], number: int) -> PooledResult:
            def report(iteration: int) -> None:
                done = (number + iteration / settings.max_iterations) / (1 + len(folds))
                progress(done, f"fit {number + 1} of {1 + len(folds)}, iteration {iteration + 1}")

            return learn_confusion(
                [
                    own
                    for case, own in zip(used, pooled, strict=True)
                    if case.case_id not in left_out
                ],
                len(rater_ids),
                len(labels),
                smoothing=settings.smoothing,
                max_iterations=settings.max_iterations,
                report=report,
            )

        found = fit((), 0)
        without = [fit(fold, number).expected.sum(axis=0) for number, fold in enumerate(folds, 1)]
        skill = _Skill(
            labels=labels,
            rater_ids=rater_ids,
            case_ids=[case.case_id for case in used],
            signed_off=signed_off,
            expected=found.expected,
            without=np.array(without).reshape(len(folds), *found.expected.shape[1:]),
        )
        summary = [skill.told()]
        if not found.has_converged:
            summary.append(f"It had not settled after {len(found.trace)} iterations.")
        return Learned(content=skill.to_bytes(), summary=tuple(summary))

    def fuse_learned(
        self, case: CaseVotes, learned: bytes, parameters: BaseModel, progress: Progress
    ) -> FusedPatterns:
        """Return posterior, label and rater performance of each vote pattern of one case."""
        progress(0.0, "weighing raters")
        settings = PooledStapleParameters.model_validate(parameters.model_dump())
        votes, skill = case.votes, _Skill.from_bytes(learned)
        warnings = [skill.told()]
        confusion, unknown = skill.confusion_in(case, settings.smoothing)
        if len(unknown) == len(votes.rater_ids):
            alone = self.learn([replace(case, decided_counts=None)], parameters, progress)
            skill, unknown = _Skill.from_bytes(alone.content), []
            confusion, _ = skill.confusion_in(case, settings.smoothing)
            warnings = [
                "Other cases tell nothing of these raters: this is STAPLE on this case alone."
            ]
        counts, said = region_counts(votes.patterns, votes.counts, votes.n_near, settings.region)
        numbers = np.searchsorted(votes.labels, votes.patterns)
        prior = mean_vote(numbers, counts.astype(np.float64), len(votes.labels))
        posterior = expect(numbers, confusion, prior)
        probability = settle_agreed(posterior, votes.patterns, votes.labels, settings.region)
        chosen, undecided = choose(probability, votes.labels)
        if unknown:
            warnings.append(
                f"Nothing was learned of {', '.join(unknown)}: counted as reliable as the others "
                "are on average."
            )
        warnings += said + warn_of_votes(votes.rater_ids, votes.patterns, votes.counts, undecided)
        if len(votes.rater_ids) == 2:
            warnings.append("With two readings the case itself cannot tell who is right.")
        warnings += warn_of_departure(
            votes.patterns, votes.counts, votes.labels, chosen, self.title, settings.departure
        )
        return FusedPatterns(
            probability=probability,
            chosen=chosen,
            undecided=undecided,
            performance=_performance(votes, counts, posterior, skill),
            warnings=tuple(warnings),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Skill:
    """What is known of the raters of a project.

    ``expected`` holds expected voxels ``(case, rater, said, true)`` in the order of ``case_ids``,
    ``rater_ids`` and ``labels``; ``without`` the sums over cases ``(fold, rater, said, true)`` that
    were learned without the signed-off cases of a fold: the first, the eleventh, … and so on.
    """

    labels: list[int]
    rater_ids: list[str]
    case_ids: list[str]
    signed_off: list[str]
    expected: Floats
    without: Floats

    def told(self) -> str:
        n_cases, n_signed = len(self.case_ids), len(self.signed_off)
        word = "case" if n_cases == 1 else "cases"
        return f"Learned from {n_cases} {word}, {n_signed} of them signed off."

    def to_bytes(self) -> bytes:
        facts = {
            "labels": self.labels,
            "rater_ids": self.rater_ids,
            "case_ids": self.case_ids,
            "signed_off": self.signed_off,
        }
        file = io.BytesIO()
        np.save(file, self.expected, allow_pickle=False)
        np.save(file, self.without, allow_pickle=False)
        return json.dumps(facts, sort_keys=True).encode() + b"\n" + file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> _Skill:
        facts, _, arrays = content.partition(b"\n")
        file = io.BytesIO(arrays)
        expected = np.load(file, allow_pickle=False)
        without = np.load(file, allow_pickle=False)
        return cls(expected=expected, without=without, **json.loads(facts))

    def confusion_in(self, case: CaseVotes, smoothing: float) -> tuple[Floats, list[str]]:
        """Return the matrices ``(column, said, true)`` for a case, and of whom nothing is known.

        A case that was signed off is judged by what was learned without it.
        """
        total = self.expected.sum(axis=0)
        if case.case_id in self.signed_off:
            total = self.without[self.signed_off.index(case.case_id) % _FOLDS]
        full_labels = sorted({*self.labels, *case.votes.labels})
        grown = np.zeros((len(total), len(full_labels), len(full_labels)))
        place = np.searchsorted(full_labels, self.labels)
        grown[:, place[:, None], place] = total
        row = {rater_id: number for number, rater_id in enumerate(self.rater_ids)}
        average = grown.sum(axis=0)
        own = np.stack(
            [grown[row[name]] if name in row else average * 0 for name in case.votes.rater_ids]
        )
        is_unknown = ~own.any(axis=(1, 2))
        own[is_unknown] = average
        here = np.searchsorted(full_labels, case.votes.labels)
        confusion = to_confusion(own, smoothing)[:, here[:, None], here]
        names = np.asarray(case.votes.rater_ids)[is_unknown]
        return confusion, [str(name) for name in names]


def _is_useful(case: CaseVotes) -> bool:
    return len(case.votes.rater_ids) >= _FEWEST_READINGS or case.decided_counts is not None


def _pooled(
    case: CaseVotes, labels: list[int], rater_ids: list[str], region: Literal["union", "full"]
) -> PooledCase:
    votes = case.votes
    counts, _ = region_counts(votes.patterns, votes.counts, votes.n_near, region)
    known = None
    if case.decided_counts is not None:
        known = np.zeros((len(counts), len(labels)))
        known[:, np.searchsorted(labels, votes.labels)] = case.decided_counts
        # Beyond the region nobody drew: decided background there teaches nothing.
        known[:, 0] = np.maximum(known[:, 0] - (votes.counts - counts), 0.0)
    return PooledCase(
        raters=np.searchsorted(rater_ids, votes.rater_ids),
        said=np.searchsorted(labels, votes.patterns),
        counts=counts.astype(np.float64),
        known=known,
    )


def _performance(
    votes: VotePatterns, counts: NDArray[np.int64], posterior: Floats, skill: _Skill
) -> tuple[RaterPerformance, ...]:
    """Return what all cases say of the raters of this case.

    Of those of whom nothing is known it is what this case says.
    """
    if len(skill.case_ids) < 2:
        return rows_of_posterior(votes, counts, posterior)
    labels = sorted({*skill.labels, *votes.labels})
    place = np.searchsorted(labels, skill.labels)
    expected = np.zeros((1 + len(skill.case_ids), len(votes.rater_ids), len(labels), len(labels)))
    for column, rater_id in enumerate(votes.rater_ids):
        if rater_id in skill.rater_ids:
            own = skill.expected[:, skill.rater_ids.index(rater_id)]
            expected[1:, column, place[:, None], place] = own
        else:
            said = votes.patterns[:, column, None] == np.asarray(labels)
            found = said.astype(np.float64).T @ (posterior * counts[:, None])
            expected[0, column][:, np.searchsorted(labels, votes.labels)] = found
    judged = judge_confusion(expected)
    rows = judged.rows(
        votes.rater_ids,
        labels,
        drawn_volumes(votes.patterns, votes.counts, labels, votes.voxel_mm3),
        weights=judged.informed,
        weight_ends=judged.informed_ends,
    )
    return tuple(row for row in rows if row.label in votes.labels)

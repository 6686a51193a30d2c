"""Fusion by raters whose masks tell the diagnosis."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from annotator.analysis.consensus import choose, warn_of_votes
from annotator.analysis.diagnosis_features import N_SUMS, mask_sums
from annotator.analysis.diagnosis_first import (
    MaskStudy,
    draw_mixtures,
    draw_weights,
    learn_weights,
    make_folds,
)
from annotator.analysis.diagnosis_fusion import fuse_by_structure
from annotator.analysis.performance import drawn_volumes, judge_patterns
from annotator.api import FusedPatterns, Learned
from annotator.domain.errors import AnnotatorError
from annotator_builtins.diagnosis_question import diagnose_cases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.diagnosis_criterion import AucInterval
    from annotator.analysis.diagnosis_first import LearnedWeights
    from annotator.api import CaseVotes, Progress
    from annotator_builtins.diagnosis_question import CaseDiagnoses

_NAME = "diagnosis-first"
_DIGITS = 6


class DiagnosisFirstParameters(BaseModel):
    """What may be set for diagnosis-first fusion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str | None = Field(
        default=None,
        description="key of the question that is the diagnosis; the only one that is answered by "
        "yes and no where none is given",
    )
    positive: tuple[str, ...] = Field(
        default=(),
        description="answers that count as positive, with commas between; those that mean yes "
        "where none is given",
    )
    neither: tuple[str, ...] | None = Field(
        default=None,
        description="answers that count as no answer, with commas between; unsure, unknown, "
        "possible and equivocal where none is given",
    )
    min_per_class: int = Field(
        default=30,
        ge=5,
        description="fewest cases with, and fewest without the diagnosis",
    )
    folds: int = Field(
        default=5,
        ge=2,
        le=10,
        description="parts of the project; the weights in each come from the other parts",
    )

    @field_validator("positive", "neither", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value


class DiagnosisFirst:
    """Weighs raters, structure by structure, so that the fused masks tell the diagnosis best.

    The weights of a case that was learned from come from parts of the project without it: its own
    diagnosis has no say in its mask. Refuses to learn where the project has too few diagnoses, or
    where masks do not tell the diagnosis to begin with.
    """

    name = _NAME
    title = "Diagnosis first"
    version = "1"
    parameters: type[BaseModel] = DiagnosisFirstParameters

    def learn(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        """Learn the weight of each rater for each structure."""
        settings = DiagnosisFirstParameters.model_validate(parameters.model_dump())
        known = diagnose_cases(
            cases, settings.question, settings.positive, settings.neither, method=_NAME
        )
        used = sorted(
            (case for case in cases if case.case_id in known.is_positive),
            key=lambda case: case.case_id,
        )
        _require_enough(known, settings.min_per_class)
        rater_ids = sorted({rater_id for case in used for rater_id in case.votes.rater_ids})
        labels = sorted({label for case in used for label in case.votes.labels[1:]})
        study = _study(used, known, rater_ids, labels, progress)
        folds = make_folds(study.is_positive, [case.case_id for case in used], settings.folds)
        learned = learn_weights(
            study, folds, progress=lambda done, what: progress(0.2 + 0.2 * done, what)
        )
        if learned.mean_auc.low <= 0.5:
            raise AnnotatorError(
                f"{_NAME} refuses to learn: where raters count alike, size and shape of the "
                f"masks do not tell {known.question!r} better than chance: AUC "
                f"{_words(learned.mean_auc)} in {len(used)} cases"
            )
        draws = draw_weights(
            study,
            learned.weights,
            progress=lambda done, what: progress(0.4 + 0.6 * done, what),
        )
        content = _content(known, used, rater_ids, labels, learned, draws)
        return Learned(
            content=json.dumps(content, sort_keys=True, separators=(",", ":")).encode(),
            summary=(
                known.told(),
                *_told_weights(content),
                f"On cases that were not learned from, the masks tell the diagnosis with an AUC "
                f"of {_words(learned.weighted_auc)}, against {_words(learned.mean_auc)} where "
                f"raters count alike: a difference of {_words(learned.gain)}."
                + ("" if learned.gain.low > 0 else " That may be chance."),
            ),
        )

    def fuse_learned(
        self, case: CaseVotes, learned: bytes, parameters: BaseModel, progress: Progress
    ) -> FusedPatterns:
        """Return probability, label and rater performance of each vote pattern."""
        progress(0.0, "weighing raters")
        content = json.loads(learned)
        votes = case.votes
        own = next(
            (fold["weights"] for fold in content["folds"] if case.case_id in fold["cases"]),
            content["weights"],
        )
        weights = _weights_here(content, np.array(own), votes.rater_ids, votes.labels)
        draws = _weights_here(content, np.array(content["draws"]), votes.rater_ids, votes.labels)
        probability = fuse_by_structure(votes.patterns, votes.labels, weights)
        chosen, undecided = choose(probability, votes.labels)
        is_chosen = (chosen[:, None] == np.asarray(votes.labels)).astype(np.float64)
        judged = judge_patterns(
            votes.patterns, votes.counts, votes.labels, is_chosen, votes.block_counts
        )
        return FusedPatterns(
            probability=probability,
            chosen=chosen,
            undecided=undecided,
            performance=judged.rows(
                votes.rater_ids,
                votes.labels,
                drawn_volumes(votes.patterns, votes.counts, votes.labels, votes.voxel_mm3),
                weights=weights,
                weight_ends=np.quantile(draws, [0.025, 0.975], axis=0),
            ),
            warnings=(
                *_unknown(content, votes.rater_ids, votes.labels),
                *warn_of_votes(votes.rater_ids, votes.patterns, votes.counts, undecided),
            ),
        )


def _require_enough(known: CaseDiagnoses, min_per_class: int) -> None:
    n_positive = sum(known.is_positive.values())
    n_negative = len(known.is_positive) - n_positive
    if min(n_positive, n_negative) < min_per_class:
        raise AnnotatorError(
            f"{_NAME} refuses to learn from so few: {n_positive} cases are positive and "
            f"{n_negative} negative, and {min_per_class} of each are needed. {known.told()}"
        )


def _study(
    cases: Sequence[CaseVotes],
    known: CaseDiagnoses,
    rater_ids: Sequence[str],
    labels: Sequence[int],
    progress: Progress,
) -> MaskStudy:
    """Return what the raters drew, as sums."""
    n_cases, n_raters = len(cases), len(rater_ids)
    sums = np.zeros((n_cases, n_raters, len(labels), N_SUMS))
    has_read = np.zeros((n_cases, n_raters), np.bool_)
    for number, case in enumerate(cases):
        progress(0.2 * number / n_cases, f"measuring {case.title}")
        raters = [rater_ids.index(rater_id) for rater_id in case.votes.rater_ids]
        places = [labels.index(label) for label in case.votes.labels[1:]]
        sums[number][np.ix_(raters, places)] = mask_sums(case.moments(), case.spacing_mm)
        has_read[number, raters] = True
    return MaskStudy(
        sums=sums,
        has_read=has_read,
        spacing_mm=np.array([case.spacing_mm for case in cases]),
        is_positive=np.array([known.is_positive[case.case_id] for case in cases]),
        mixtures=draw_mixtures(n_cases, n_raters, len(labels)),
    )


def _content(
    known: CaseDiagnoses,
    cases: Sequence[CaseVotes],
    rater_ids: Sequence[str],
    labels: Sequence[int],
    learned: LearnedWeights,
    draws: NDArray[np.float64],
) -> dict[str, Any]:
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return {
        "question": known.question,
        "positive": list(known.positive),
        "raters": list(rater_ids),
        "labels": list(labels),
        "folds": [
            {
                "cases": [
                    case.case_id
                    for case, own in zip(cases, learned.folds.tolist(), strict=True)
                    if own == fold
                ],
                "weights": _rounded(weights),
            }
            for fold, weights in enumerate(learned.by_fold)
        ],
        "weights": _rounded(learned.weights),
        "low": _rounded(low),
        "high": _rounded(high),
        "draws": _rounded(draws),
        "auc": {
            name: [round(end, _DIGITS) for end in (auc.value, auc.low, auc.high)]
            for name, auc in (
                ("mean", learned.mean_auc),
                ("weighted", learned.weighted_auc),
                ("gain", learned.gain),
            )
        },
    }


def _rounded(values: NDArray[np.float64]) -> Any:  # noqa: ANN401
    return np.round(values, _DIGITS).tolist()


def _told_weights(content: Mapping[str, Any]) -> list[str]:
    """Say who is believed for which structure."""
    weights, low, high = (np.array(content[name]) for name in ("weights", "low", "high"))
    told = []
    for place, label in enumerate(content["labels"]):
        order = np.argsort(-weights[:, place], kind="stable").tolist()
        each = ", ".join(
            f"{content['raters'][rater]} {weights[rater, place]:.2f} "
            f"({low[rater, place]:.2f} to {high[rater, place]:.2f})"
            for rater in order
        )
        told.append(f"Weight of each rater for label {label}, with its 95 % interval: {each}.")
    return told


def _weights_here(
    content: Mapping[str, Any],
    learned: NDArray[np.float64],
    rater_ids: Sequence[str],
    labels: Sequence[int],
) -> NDArray[np.float64]:
    """Return weights ``(…, rater, label)`` of those who read a case, from ``(…, rater, label)``.

    Somebody who was not learned from has the weight of a mean rater; in a label that was not, all
    weigh alike. They sum to 1 over raters.
    """
    found = np.full((*learned.shape[:-2], len(rater_ids), len(labels) - 1), 1e-12)
    found += 1.0 / len(content["raters"])
    for row, rater_id in enumerate(rater_ids):
        for column, label in enumerate(labels[1:]):
            if rater_id in content["raters"] and label in content["labels"]:
                found[..., row, column] = (
                    1e-12
                    + learned[
                        ..., content["raters"].index(rater_id), content["labels"].index(label)
                    ]
                )
    return np.asarray(found / found.sum(axis=-2, keepdims=True))


def _unknown(
    content: Mapping[str, Any], rater_ids: Sequence[str], labels: Sequence[int]
) -> list[str]:
    said = []
    new = [rater_id for rater_id in rater_ids if rater_id not in content["raters"]]
    if new:
        said.append(
            f"Weights were not learned of {', '.join(new)}, who weigh like a mean rater here."
        )
    missing = [str(label) for label in labels[1:] if label not in content["labels"]]
    if missing:
        said.append(
            f"Nothing was learned of label {', '.join(missing)}: all raters weigh alike there."
        )
    return said


def _words(auc: AucInterval) -> str:
    return f"{auc.value:.3f} (95 % interval {auc.low:.3f} to {auc.high:.3f})"

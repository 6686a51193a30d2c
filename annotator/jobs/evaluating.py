"""How well a reader, most often a trained model, draws: case by case against a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.bootstrap import Interval, bootstrap_interval
from annotator.domain.errors import AnnotatorError, CancelledError, UnknownNameError
from annotator.domain.label_groups import MaskValues
from annotator.jobs.fusing import fuse_readings
from annotator.jobs.group_comparing import against_truth
from annotator.jobs.learning import learn_for_fusion
from annotator.jobs.readings import Readings
from annotator.jobs.training import ADJUDICATED, fit_of_reader, predict_by_fit, reader_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annotator.analysis.against_truth import LabelAgainstTruth
    from annotator.analysis.runs import MaskRuns
    from annotator.api import Progress
    from annotator.domain.fit import Fit
    from annotator.domain.reading import Rater
    from annotator.domain.study import Case
    from annotator.registry import Registry
    from annotator.store import Store

    Reference = Callable[[Case], MaskRuns | None]

GOLD = "gold"
"""As a reference: the truth of gold cases."""
_WORDS = {ADJUDICATED: "been signed off", GOLD: "a known truth"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """One label of one case.

    ``difference_mm3`` is what was drawn less what is right. Lengths are None in videos, where
    nothing is known of the spacing, and where only one of the two has the label; the surface Dice
    is then 0 or None, as the Dice is.
    """

    label: int
    dice: float
    surface_dice: float | None
    hd95_mm: float | None
    difference_mm3: float
    reference_mm3: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseScores:
    """One case; ``is_learned`` where the model learned from it."""

    case_id: str
    title: str
    is_learned: bool
    labels: tuple[LabelScore, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSummary:
    """One label over the cases that count: means with 95 % bootstrap intervals over cases.

    None where fewer than two cases have the number.
    """

    label: int
    n_cases: int
    dice: Interval | None
    surface_dice: Interval | None
    hd95_mm: Interval | None
    difference_mm3: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A reader against a reference.

    Attributes
    ----------
    reader : str
        Name of the rater.
    fit_id : str or None
        The fit behind it, where it is a model that was trained here.
    against : str
        ``adjudicated``, ``gold``, the name of a rater or of a fusion method.
    with_learned : bool
        Whether cases that the model learned from count in the summary.
    left_out : tuple of (str, str)
        Cases that could not be judged: id, and why.
    """

    reader: str
    fit_id: str | None
    against: str
    tolerance_mm: float
    with_learned: bool
    cases: tuple[CaseScores, ...]
    summary: tuple[LabelSummary, ...]
    left_out: tuple[tuple[str, str], ...]


def evaluate_reader(
    store: Store,
    registry: Registry,
    progress: Progress,
    *,
    reader: str | None = None,
    fit_id: str | None = None,
    against: str = ADJUDICATED,
    tolerance_mm: float = 2.0,
    with_learned: bool = False,
    actor: str,
) -> Evaluation:
    """Judge the readings of a rater, or of a trained model, by a reference.

    A model given by its fit first reads the cases with a reference that it has not read yet.
    Raises AnnotatorError where there is no case to judge by.
    """
    if fit_id is not None:
        fit: Fit | None = store.fit(fit_id)
        name = reader_name(store, registry, store.fit(fit_id), None)
    else:
        fit = fit_of_reader(store, reader or "")
        name = store.rater(reader or "").name

    def drawn_by_reader(case: Case, report: Progress) -> MaskRuns:
        drawn = _drawn(store, case, name)
        if drawn is None and fit_id is not None:
            predict_by_fit(store, registry, fit_id, case.case_id, report, actor=actor)
            drawn = _drawn(store, case, name)
        if drawn is None:
            raise AnnotatorError(f"{name} has not read it")
        return drawn

    reference = _reference(store, registry, against, actor)
    learned = _learned_from(store, fit)
    found, left_out = _judge(store, progress, reference, drawn_by_reader, learned, tolerance_mm)
    if not found:
        missing = _WORDS.get(against, f"a reference by {against!r}")
        reason = f": {left_out[0][1]}" if left_out else f": no case has {missing}"
        raise AnnotatorError(f"there is no case to judge {name} by{reason}")
    return Evaluation(
        reader=name,
        fit_id=fit.fit_id if fit else None,
        against=against,
        tolerance_mm=tolerance_mm,
        with_learned=with_learned,
        cases=tuple(found),
        summary=summarise([one for one in found if with_learned or not one.is_learned]),
        left_out=tuple(left_out),
    )


def _judge(
    store: Store,
    progress: Progress,
    reference: Reference,
    drawn_by_reader: Callable[[Case, Progress], MaskRuns],
    learned: frozenset[str],
    tolerance_mm: float,
) -> tuple[list[CaseScores], list[tuple[str, str]]]:
    """Return the scores of all cases with a reference, and those left out with the reason."""
    found: list[CaseScores] = []
    left_out: list[tuple[str, str]] = []
    cases = store.cases()
    for number, case in enumerate(cases):

        def report(fraction: float, message: str, *, number: int = number) -> None:
            progress((number + fraction) / len(cases), message)

        report(0.0, f"judging {case.title}")
        truth = reference(case)
        if truth is None:
            continue
        try:
            drawn = drawn_by_reader(case, report)
        except CancelledError:
            raise
        except AnnotatorError as error:
            left_out.append((case.case_id, str(error)))
            continue
        found.append(
            CaseScores(
                case_id=case.case_id,
                title=case.title,
                is_learned=case.case_id in learned,
                labels=_scores(store, case, drawn, truth, tolerance_mm),
            )
        )
    return found, left_out


def _reference(store: Store, registry: Registry, against: str, actor: str) -> Reference:
    """Return what gives the right mask of a case, or None where it has none."""
    if against == ADJUDICATED:

        def decided(case: Case) -> MaskRuns | None:
            adjudication = store.adjudication(case.case_id)
            if adjudication is None:
                return None
            return store.adjudication_mask(adjudication.adjudication_id)[0]

        return decided
    if against == GOLD:
        gold = {entry.case_id for entry in store.gold_cases()}
        return lambda case: store.gold_mask(case.case_id) if case.case_id in gold else None
    rater = _rater(store, against)
    if rater is not None:
        return lambda case: _drawn(store, case, rater.name)
    known = [method.name for method in registry.fusion_methods()]
    if against not in known:
        names = [one.name for one in store.raters()]
        raise UnknownNameError("reference", against, [ADJUDICATED, GOLD, *names, *known])
    fit = learn_for_fusion(
        store, registry, against, {}, lambda *_: None, include_models=False, actor=actor
    )

    def fused(case: Case) -> MaskRuns | None:
        readings = Readings.load(store, case.case_id)
        if len(readings.annotations) < 2:
            return None
        fusion = fuse_readings(store, registry, readings, against, fit=fit, actor=actor)
        return store.fusion_labels(fusion.fusion_id)

    return fused


def _rater(store: Store, name: str) -> Rater | None:
    try:
        return store.rater(name)
    except UnknownNameError:
        return None


def _learned_from(store: Store, fit: Fit | None) -> frozenset[str]:
    inputs = fit.recipe.inputs if fit else ()
    return frozenset(store.annotation(one).case_id for one in inputs)


def _drawn(store: Store, case: Case, name: str) -> MaskRuns | None:
    """Return the latest mask of a rater on a case, or None where there is none."""
    rater = _rater(store, name)
    if rater is None:
        return None
    own = [
        entry
        for entry in store.annotations(case.case_id, latest=True)
        if entry.rater_id == rater.rater_id
    ]
    return store.annotation_masks([own[0].annotation_id])[0] if own else None


def _scores(
    store: Store, case: Case, drawn: MaskRuns, truth: MaskRuns, tolerance_mm: float
) -> tuple[LabelScore, ...]:
    geometry = store.series(case.series_ids[0]).geometry
    values = MaskValues(store.project().schema)
    compared = against_truth(drawn, truth, values, geometry, tolerance_mm=tolerance_mm)
    return tuple(_score(one) for one in compared)


def _score(one: LabelAgainstTruth) -> LabelScore:
    return LabelScore(
        label=one.label,
        dice=one.dice,
        surface_dice=one.surface_dice,
        hd95_mm=one.hd95_mm,
        difference_mm3=one.drawn_mm3 - one.true_mm3,
        reference_mm3=one.true_mm3,
    )


def summarise(cases: Sequence[CaseScores]) -> tuple[LabelSummary, ...]:
    """Return the means of each label over cases, with their intervals."""
    by_label: dict[int, list[LabelScore]] = {}
    for case in cases:
        for score in case.labels:
            by_label.setdefault(score.label, []).append(score)
    return tuple(
        LabelSummary(
            label=label,
            n_cases=len(scores),
            dice=_mean([one.dice for one in scores]),
            surface_dice=_mean([one.surface_dice for one in scores]),
            hd95_mm=_mean([one.hd95_mm for one in scores]),
            difference_mm3=_mean([one.difference_mm3 for one in scores]),
        )
        for label, scores in sorted(by_label.items())
    )


def _mean(values: Sequence[float | None]) -> Interval | None:
    known = np.array([one for one in values if one is not None])
    return bootstrap_interval(known, lambda drawn: float(drawn.mean()))

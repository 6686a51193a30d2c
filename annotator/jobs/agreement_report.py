"""The agreement report: how far the raters of a project agree, gathered case by case."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

import annotator
from annotator.analysis.case_bootstrap import N_DRAWS, SEED
from annotator.analysis.surface import DEFINITION
from annotator.domain.errors import AnnotatorError
from annotator.domain.marks import MATCH_LIMIT
from annotator.jobs.acceptance_report import report_acceptance
from annotator.jobs.agreement_answers import question_rows
from annotator.jobs.agreement_believed import calibration_rows, fused_rows
from annotator.jobs.agreement_calibration import CaseCalibration
from annotator.jobs.agreement_cases import measure_case, without_strangers
from annotator.jobs.agreement_facts import (
    About,
    AgreementReport,
    FusionFacts,
    LabelFacts,
    RaterFacts,
)
from annotator.jobs.agreement_means import (
    case_rows,
    group_rows,
    label_rows,
    labels_of,
    pair_rows,
    rater_rows,
    size_rows,
)
from annotator.jobs.agreement_time import drift_rows, reading_orders, week_rows
from annotator.jobs.mark_agreement import agree_on_marks
from annotator.jobs.readings import Readings, counted, current_fusions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.runs import MaskRuns
    from annotator.api import Progress
    from annotator.domain.geometry import Geometry
    from annotator.domain.reading import Annotation
    from annotator.domain.review import Fusion
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case
    from annotator.jobs.acceptance_facts import AcceptanceReport
    from annotator.jobs.agreement_calibration import CaseCells, CaseFused
    from annotator.jobs.agreement_cases import CaseFacts
    from annotator.jobs.agreement_facts import Reference
    from annotator.jobs.mark_facts import MarkAgreement
    from annotator.registry import Registry
    from annotator.store import Store

SURFACE_CASES = 100
"""Distances between surfaces need voxels: by default of so many cases at most, drawn by lot."""
TOLERANCE_MM = 2.0
"""Outlines no farther apart than this count as the same in the surface Dice."""
BAND_MM = 5.0
"""How far from an outline or a dispute a fused probability is put to a test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """What to report.

    ``surface_cases`` is of how many cases, drawn by lot, distances between surfaces are measured:
    every case where it is None. Points, lines and areas of two raters that lie no farther apart
    than ``mark_limit_mm`` (pixels without a scale) may mean the same.
    """

    include_models: bool = False
    surface_cases: int | None = SURFACE_CASES
    band_mm: float = BAND_MM
    tolerance_mm: float = TOLERANCE_MM
    mark_limit_mm: float = MATCH_LIMIT


DEFAULTS = ReportSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class _CaseInput:
    """A case with two or more readings of all of it."""

    case: Case
    annotations: tuple[Annotation, ...]


@dataclass(slots=True, kw_only=True)
class _Gathered:
    """What the cases have said so far."""

    cases: list[CaseFacts]
    cells: list[CaseCells]
    fused: list[CaseFused]
    fusions: list[Fusion]
    geometries: list[Geometry]
    n_signed_off: int = 0


def report_agreement(
    store: Store,
    registry: Registry,
    cases: Sequence[Case],
    progress: Progress,
    settings: ReportSettings = DEFAULTS,
) -> AgreementReport:
    """Compare the readings of all cases that have two or more; everything that the report tells.

    Raises AnnotatorError where no case has two readings. Same readings, same report, but for the
    time at which it was made.
    """
    usable, left_out = _usable(store, cases, include_models=settings.include_models)
    if not usable:
        raise AnnotatorError(
            "nothing to report: no case has two submitted readings"
            + ("" if settings.include_models else "; models were not counted")
        )
    models = frozenset(rater.rater_id for rater in store.raters() if rater.is_model)
    readers = {entry.rater_id for one in usable for entry in one.annotations}
    among_people = len(readers - models) >= 2
    pooled = frozenset(readers - models if among_people else readers)
    lot = _lot(len(usable), settings.surface_cases)
    found = _Gathered(cases=[], cells=[], fused=[], fusions=[], geometries=[])
    for number, entry in enumerate(usable):
        progress(0.85 * number / len(usable), f"comparing {entry.case.title}")
        _gather(
            store,
            registry,
            Readings(store, entry.case, entry.annotations),
            found,
            models=models,
            pooled=pooled,
            settings=settings,
            with_surface=number in lot,
        )
    acceptance = report_acceptance(
        store, cases, lambda done, message: progress(0.85 + 0.1 * done, message)
    )
    progress(0.95, "drawing intervals")
    annotations = [entry for one in usable for entry in one.annotations]
    found.cases = list(without_strangers(found.cases, pooled))
    about = _about(
        store,
        registry,
        found,
        annotations,
        among_people=among_people,
        n_surface_cases=len(lot),
        left_out=left_out,
        settings=settings,
    )
    marks = agree_on_marks(
        store,
        annotations,
        [rater.rater_id for rater in about.raters],
        pooled,
        limit=settings.mark_limit_mm,
    )
    return _tell(about, found, annotations, pooled, store.project().schema, acceptance, marks)


def _tell(
    about: About,
    found: _Gathered,
    annotations: Sequence[Annotation],
    pooled: frozenset[str],
    schema: LabelSchema,
    acceptance: AcceptanceReport,
    marks: MarkAgreement,
) -> AgreementReport:
    """Return the report on what was gathered; raters are in the order of ``about``."""
    order = [rater.rater_id for rater in about.raters]
    place = {rater_id: number for number, rater_id in enumerate(order)}
    labels = labels_of(found.cases)
    orders = reading_orders(found.cases)
    return AgreementReport(
        about=about,
        labels=label_rows(found.cases, pooled),
        pairs=pair_rows(found.cases, place),
        raters=rater_rows(found.cases, place),
        sizes=size_rows(found.cases, order, pooled),
        questions=question_rows(
            [entry for entry in annotations if entry.rater_id in pooled],
            schema,
            [rater_id for rater_id in order if rater_id in pooled],
        ),
        calibration=calibration_rows([one for one in found.cells if one.label in labels]),
        fused=fused_rows([one for one in found.fused if one.label in labels]),
        weeks=week_rows(orders, pooled),
        drift=drift_rows(orders, order),
        groups=group_rows(found.cases),
        cases=case_rows(found.cases, pooled),
        acceptance=acceptance,
        marks=marks,
    )


def _usable(
    store: Store, cases: Sequence[Case], *, include_models: bool
) -> tuple[list[_CaseInput], tuple[str, ...]]:
    """Return the cases with two readings of all of them, and in words what was left out."""
    usable, n_alone, n_partial = [], 0, 0
    partial = {(entry.case_id, entry.rater_id) for entry in store.partial_readers()}
    for case in cases:
        given = counted(store, case.case_id, include_models=include_models)
        whole = tuple(e for e in given if (case.case_id, e.rater_id) not in partial)
        n_partial += len(given) - len(whole)
        if len(whole) >= 2:
            usable.append(_CaseInput(case=case, annotations=whole))
        else:
            n_alone += 1
    left_out = []
    if n_alone:
        has = "case has" if n_alone == 1 else "cases have"
        left_out.append(f"{n_alone} {has} fewer than two submitted readings")
    if n_partial:
        covers = "reading covers" if n_partial == 1 else "readings cover"
        left_out.append(f"{n_partial} {covers} only a part of a case")
    n_slides = sum(store.series(one.case.series_ids[0]).slide is not None for one in usable)
    if n_slides:
        counts = "slide does" if n_slides == 1 else "slides do"
        left_out.append(f"{n_slides} {counts} not count in what is said of calibration")
    return usable, tuple(left_out)


def _lot(n_cases: int, wanted: int | None) -> frozenset[int]:
    """Return the cases, by number, whose surfaces are measured: the same for the same project."""
    if wanted is None or wanted >= n_cases:
        return frozenset(range(n_cases))
    drawn = np.random.default_rng(SEED).choice(n_cases, max(0, wanted), replace=False)
    return frozenset(drawn.tolist())


def _gather(
    store: Store,
    registry: Registry,
    readings: Readings,
    found: _Gathered,
    *,
    models: frozenset[str],
    pooled: frozenset[str],
    settings: ReportSettings,
    with_surface: bool,
) -> None:
    """Add what one case says."""
    case_id = readings.case.case_id
    references: list[tuple[Reference, MaskRuns]] = []
    adjudication = store.adjudication(case_id)
    decided = None
    if adjudication is not None:
        decided = store.adjudication_mask(adjudication.adjudication_id)[0]
        references.append(("signed-off", decided))
        found.n_signed_off += 1
    # What knows an answer that it would be judged by is never a reference.
    fusions = [one for one in current_fusions(store, case_id) if not one.training_target_only]
    fusion = fusions[-1] if fusions else None
    if fusion is not None:
        references.append(("fused", store.fusion_labels(fusion.fusion_id)))
        found.fusions.append(fusion)
    found.cases.append(
        measure_case(
            readings,
            models,
            references,
            pooled=pooled,
            tolerance_mm=settings.tolerance_mm if with_surface else None,
        )
    )
    found.geometries.append(readings.series.geometry)
    columns = [column for column, rater_id in enumerate(readings.rater_ids) if rater_id in pooled]
    if len(columns) >= 2 and readings.series.slide is None:
        given = [mask for _, mask in references]
        for own in readings.by_group(*given):
            signed = own.own(decided) if decided is not None else None
            calibration = CaseCalibration(own, columns, fusion, signed, settings.band_mm)
            cells, fused = calibration.measure(store, registry)
            found.cells.extend(cells)
            found.fused.extend(fused)


def _about(
    store: Store,
    registry: Registry,
    found: _Gathered,
    annotations: Sequence[Annotation],
    *,
    among_people: bool,
    n_surface_cases: int,
    left_out: tuple[str, ...],
    settings: ReportSettings,
) -> About:
    project = store.project()
    return About(
        title=project.title,
        schema=project.schema.title,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=annotator.__version__,
        include_models=settings.include_models,
        among="people" if among_people else "everybody",
        n_cases=len(found.cases),
        n_cases_in_project=len(store.cases()),
        n_signed_off=found.n_signed_off,
        n_two_dimensional=sum(geometry.shape[0] == 1 for geometry in found.geometries),
        spacing_mm=_spacing_mm(found.geometries),
        raters=_raters(store, annotations),
        labels=_labels(project.schema, labels_of(found.cases)),
        fusions=_fusions(registry, found.fusions),
        n_draws=N_DRAWS,
        seed=SEED,
        band_mm=settings.band_mm,
        n_surface_cases=n_surface_cases,
        surface_definition=DEFINITION,
        tolerance_mm=settings.tolerance_mm,
        left_out=left_out,
    )


def _raters(store: Store, annotations: Sequence[Annotation]) -> tuple[RaterFacts, ...]:
    rows = []
    for rater in store.raters():
        own = sorted(e.created_at for e in annotations if e.rater_id == rater.rater_id)
        if own:
            rows.append(
                RaterFacts(
                    rater_id=rater.rater_id,
                    name=rater.name,
                    is_model=rater.is_model,
                    n_readings=len(own),
                    first_at=own[0],
                    last_at=own[-1],
                )
            )
    return tuple(rows)


def _labels(schema: LabelSchema, labels: Sequence[int]) -> tuple[LabelFacts, ...]:
    rows = []
    for value in labels:
        known = schema.label(value)
        rows.append(
            LabelFacts(
                label=value,
                name=known.name if known else f"label {value}",
                color=known.color if known else "#808080",
            )
        )
    return tuple(rows)


def _fusions(registry: Registry, fusions: Sequence[Fusion]) -> tuple[FusionFacts, ...]:
    recipes = Counter(
        (one.recipe.method, one.recipe.method_version, one.recipe.parameters) for one in fusions
    )
    return tuple(
        FusionFacts(
            method=method,
            title=_title(registry, method),
            version=version,
            parameters=parameters,
            n_cases=n_cases,
        )
        for (method, version, parameters), n_cases in sorted(recipes.items())
    )


def _title(registry: Registry, method: str) -> str:
    try:
        return registry.fusion_method(method).title
    except AnnotatorError:  # a plugin that is no longer installed
        return method


def _spacing_mm(
    geometries: Sequence[Geometry],
) -> tuple[tuple[float, float, float], tuple[float, float, float]] | None:
    known = sorted(
        (one.spacing_mm for one in geometries if one.is_calibrated), key=lambda s: math.prod(s)
    )
    return (known[0], known[-1]) if known else None

"""What a project knows, as tables: readings, agreement, findings, verdicts, performance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.domain.label_groups import MaskValues
from annotator.jobs.comparing import agreement_table, diagnosis_table
from annotator.jobs.mark_tables import marks_table
from annotator.jobs.rater_report import report_raters
from annotator.jobs.readings import current_fusions, has_current_findings
from annotator.jobs.table_files import Table, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.analysis.runs import MaskRuns
    from annotator.api import Progress
    from annotator.domain.acceptance import Acceptance
    from annotator.domain.reading import Diagnosis, Rater
    from annotator.domain.review import Finding, Verdict
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case
    from annotator.store import Store

Row = dict[str, Value]


def tables_of(store: Store, case_ids: Sequence[str] | None, progress: Progress) -> dict[str, Table]:
    """Return every table by name, over the chosen cases or all."""
    cases = store.cases() if case_ids is None else tuple(map(store.study_case, case_ids))
    names = {rater.rater_id: rater for rater in store.raters()}
    schema = store.project().schema
    progress(0.0, "collecting readings")
    readings = _readings(store, cases, names, schema)
    progress(0.2, "comparing readings")
    agreement = agreement_table(store, cases, progress)
    progress(0.8, "collecting findings and verdicts")
    return {
        "readings": readings,
        "agreement": agreement,
        "diagnoses": diagnosis_table(store, cases),
        "raters": _raters(store, cases),
        "findings": _findings(store, cases, names, schema),
        "verdicts": _verdicts(store, cases, names),
        "adjudications": _adjudications(store, cases, names, schema),
        "performance": _performance(store, cases, names, schema),
        "marks": marks_table(store, cases, names, schema),
    }


def label_volumes_mm3(mask: MaskRuns, schema: LabelSchema, voxel_mm3: float) -> dict[int, float]:
    """Return the volume of each label in mm³, from the runs; shared voxels count for each."""
    counts = np.zeros(1 << 16, np.int64)
    for slab in mask.slabs.values():
        np.add.at(counts, slab.labels, np.diff(slab.ends.astype(np.int64), prepend=0))
    meaning = MaskValues(schema)
    return {
        label: float(counts[list(meaning.holding(label))].sum() * voxel_mm3)
        for label in schema.values
    }


def _readings(
    store: Store, cases: Sequence[Case], names: Mapping[str, Rater], schema: LabelSchema
) -> Table:
    rows: list[Row] = []
    known = store.acceptances()
    for case in cases:
        geometry = store.series(case.series_ids[0]).geometry
        partly = {entry.rater_id for entry in store.partial_readers(case.case_id)}
        for annotation in store.annotations(case.case_id):
            rater = names[annotation.rater_id]
            mask = store.annotation_mask(annotation.annotation_id)
            volumes = label_volumes_mm3(mask, schema, geometry.voxel_mm3)
            row: Row = {
                "case_id": case.case_id,
                "case": case.title,
                "rater_id": rater.rater_id,
                "rater": rater.name,
                "is_model": rater.is_model,
                "annotation_id": annotation.annotation_id,
                "revision": annotation.revision,
                "parent_id": annotation.parent_id,
                "started_from_id": annotation.started_from_id,
                "created_at": annotation.created_at,
                "is_calibrated": geometry.is_calibrated,
                "is_partial": rater.rater_id in partly,
            }
            row |= _came_about(known.get(annotation.annotation_id))
            row |= _diagnosis(annotation.diagnosis, schema)
            row |= {f"volume_mm3.{value}": volume for value, volume in volumes.items()}
            rows.append(row)
    columns = (
        "case_id",
        "case",
        "rater_id",
        "rater",
        "is_model",
        "annotation_id",
        "revision",
        "parent_id",
        "started_from_id",
        "created_at",
        "is_calibrated",
        "is_partial",
        *_CAME_ABOUT,
        *_diagnosis_columns(schema),
        *(f"volume_mm3.{value}" for value in schema.values),
    )
    return Table(columns=columns, rows=tuple(rows))


_CAME_ABOUT = ("active_s", "n_steps", "n_models", "is_without_model")


def _came_about(known: Acceptance | None) -> Row:
    """Return how a reading came about: time, edits, models' drawings, whether they were withheld.

    Nothing of one that was drawn elsewhere.
    """
    if known is None:
        return dict.fromkeys(_CAME_ABOUT)
    offer = known.offer
    return {
        "active_s": known.active_s,
        "n_steps": known.n_steps,
        "n_models": None if offer is None else len(offer.readings),
        "is_without_model": None if offer is None else offer.is_withheld,
    }


def _diagnosis_columns(schema: LabelSchema) -> tuple[str, ...]:
    return (*(f"diagnosis.{entry.key}" for entry in schema.fields), "confidence", "comment")


def _diagnosis(diagnosis: Diagnosis, schema: LabelSchema) -> Row:
    row: Row = {f"diagnosis.{entry.key}": diagnosis.answer(entry.key) for entry in schema.fields}
    return row | {"confidence": diagnosis.confidence, "comment": diagnosis.comment}


_RATER_COLUMNS = (
    "rater_id", "rater", "is_model", "label", "label_name", "n_cases", "dice", "dice_low",
    "dice_high", "volume_bias", "volume_bias_low", "volume_bias_high", "n_objects", "n_missed",
)  # fmt: skip


def _raters(store: Store, cases: Sequence[Case]) -> Table:
    """Return each rater against the consensus, label by label, over the cases."""
    rows: list[Row] = []
    for entry in report_raters(store, cases).rows:
        dice_low, dice_high = entry.dice_interval or (None, None)
        bias_low, bias_high = entry.volume_bias_interval or (None, None)
        rows.append(
            {
                "rater_id": entry.rater_id,
                "rater": entry.rater_name,
                "is_model": entry.is_model,
                "label": entry.label,
                "label_name": entry.label_name,
                "n_cases": entry.n_cases,
                "dice": entry.dice,
                "dice_low": dice_low,
                "dice_high": dice_high,
                "volume_bias": entry.volume_bias,
                "volume_bias_low": bias_low,
                "volume_bias_high": bias_high,
                "n_objects": entry.n_objects,
                "n_missed": entry.n_missed,
            }
        )
    return Table(columns=_RATER_COLUMNS, rows=tuple(rows))


_FINDING_COLUMNS = (
    "case_id", "case", "region", "label", "label_name", "kind", "score", "size_mm3", "box",
    "centre", "raters_for", "raters_against", "mean_entropy", "max_distance_mm", "why",
    "is_calibrated", "is_current",
)  # fmt: skip


def _findings(
    store: Store, cases: Sequence[Case], names: Mapping[str, Rater], schema: LabelSchema
) -> Table:
    rows: list[Row] = []
    for case in cases:
        found = store.findings(case.case_id)
        more: Row = {
            "case": case.title,
            "is_calibrated": store.series(case.series_ids[0]).geometry.is_calibrated,
            "is_current": has_current_findings(store, case.case_id),
        }
        for finding in found[1] if found else ():
            rows.append(finding_row(finding, names, schema) | more)
    return Table(columns=_FINDING_COLUMNS, rows=tuple(rows))


def finding_row(finding: Finding, names: Mapping[str, Rater], schema: LabelSchema) -> Row:
    """Return a finding as a row: raters by name, box as ``z0 y0 x0 z1 y1 x1``."""
    label = schema.label(finding.label)
    return {
        "case_id": finding.case_id,
        "region": finding.region,
        "label": finding.label,
        "label_name": label.name if label else None,
        "kind": finding.kind,
        "score": finding.score,
        "size_mm3": finding.size_mm3,
        "box": [*finding.box[0], *finding.box[1]],
        "centre": [*finding.centre],
        "raters_for": [names[entry].name for entry in finding.raters_for],
        "raters_against": [names[entry].name for entry in finding.raters_against],
        "mean_entropy": finding.mean_entropy,
        "max_distance_mm": finding.max_distance_mm,
        "why": finding.why,
    }


_VERDICT_COLUMNS = (
    "case_id", "case", "region", "choice", "rater", "reason", "comment", "reviewer",
    "adjudication_id",
)  # fmt: skip


def _verdicts(store: Store, cases: Sequence[Case], names: Mapping[str, Rater]) -> Table:
    """Return the verdicts of signed-off cases, and those that hold so far in the others."""
    rows: list[Row] = []
    for case in cases:
        adjudication = store.adjudication(case.case_id)
        found = store.findings(case.case_id)
        verdicts: tuple[Verdict, ...] = ()
        if adjudication is not None:
            verdicts = adjudication.verdicts
        elif found is not None:
            verdicts = store.verdicts(case.case_id, found[0])
        for verdict in verdicts:
            rows.append(
                {
                    "case_id": case.case_id,
                    "case": case.title,
                    "region": verdict.region,
                    "choice": verdict.choice,
                    "rater": names[verdict.rater_id].name if verdict.rater_id else None,
                    "reason": verdict.reason,
                    "comment": verdict.comment,
                    "reviewer": names[verdict.reviewer_id].name,
                    "adjudication_id": adjudication.adjudication_id if adjudication else None,
                }
            )
    return Table(columns=_VERDICT_COLUMNS, rows=tuple(rows))


def _adjudications(
    store: Store, cases: Sequence[Case], names: Mapping[str, Rater], schema: LabelSchema
) -> Table:
    rows: list[Row] = []
    for case in cases:
        adjudication = store.adjudication(case.case_id)
        if adjudication is None:
            continue
        mask, _ = store.adjudication_mask(adjudication.adjudication_id)
        voxel_mm3 = store.series(case.series_ids[0]).geometry.voxel_mm3
        row: Row = {
            "case_id": case.case_id,
            "case": case.title,
            "adjudication_id": adjudication.adjudication_id,
            "reviewer": names[adjudication.reviewer_id].name,
            "fusion_id": adjudication.fusion_id,
            "created_at": adjudication.created_at,
        }
        row |= _diagnosis(adjudication.diagnosis, schema)
        volumes = label_volumes_mm3(mask, schema, voxel_mm3)
        rows.append(row | {f"volume_mm3.{value}": volumes[value] for value in schema.values})
    columns = (
        "case_id",
        "case",
        "adjudication_id",
        "reviewer",
        "fusion_id",
        "created_at",
        *_diagnosis_columns(schema),
        *(f"volume_mm3.{value}" for value in schema.values),
    )
    return Table(columns=columns, rows=tuple(rows))


_PERFORMANCE_COLUMNS = (
    "case_id", "case", "method", "parameters", "fusion_id", "rater", "label", "label_name",
    "sensitivity", "specificity", "volume_mm3", "is_calibrated",
)  # fmt: skip


def _performance(
    store: Store, cases: Sequence[Case], names: Mapping[str, Rater], schema: LabelSchema
) -> Table:
    """Return what each fusion of the readings that count now thinks of each rater."""
    rows: list[Row] = []
    for case in cases:
        is_calibrated = store.series(case.series_ids[0]).geometry.is_calibrated
        for fusion in current_fusions(store, case.case_id):
            parameters = " ".join(f"{name}={value}" for name, value in fusion.recipe.parameters)
            for entry in fusion.performance:
                label = schema.label(entry.label)
                rows.append(
                    {
                        "case_id": case.case_id,
                        "case": case.title,
                        "method": fusion.recipe.method,
                        "parameters": parameters,
                        "fusion_id": fusion.fusion_id,
                        "rater": names[entry.rater_id].name,
                        "label": entry.label,
                        "label_name": label.name if label else None,
                        "sensitivity": entry.sensitivity,
                        "specificity": entry.specificity,
                        "volume_mm3": entry.volume_mm3,
                        "is_calibrated": is_calibrated,
                    }
                )
    return Table(columns=_PERFORMANCE_COLUMNS, rows=tuple(rows))

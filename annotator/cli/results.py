"""Commands that make something of readings: fusions, ranked findings, files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.cli.readings import nothing_done, parse_settings
from annotator.domain.errors import AnnotatorError
from annotator.file_names import case_stems, slug
from annotator.jobs.export_items import fused_item
from annotator.jobs.export_tables import finding_row
from annotator.jobs.exporting import export_project, make_directory
from annotator.jobs.fusion_facts import changes_from_vote, readings_of
from annotator.jobs.learning import told
from annotator.jobs.standings import rank_project
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.analysis.standing import Standing
    from annotator.api import Progress
    from annotator.domain.review import CaseScore, Finding, Fusion
    from annotator.domain.study import Case


def fuse(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Fuse cases; with ``--out`` write labels and probability. Fails where no case fits."""
    settings = parse_settings(arguments.settings)
    made: dict[str, list[dict[str, Any]]] = {"fusions": [], "skipped": []}
    lines: list[str] = []
    with Session.open(arguments.project) as session:
        fit = session.learn(
            arguments.method,
            settings,
            include_models=arguments.models,
            progress=lambda fraction, message: progress(0.5 * fraction, message),
        )
        start = 0.5 if fit else 0.0
        summary = told(session.store, fit) if fit else ()
        lines += summary
        out = Path(arguments.out) if arguments.out else None
        if out is not None:
            make_directory(out)
        cases = chosen_cases(session, arguments.cases)
        for number, case in enumerate(cases):
            progress(start + (1.0 - start) * number / len(cases), f"fusing {case.title}")
            try:
                fusion = session.fuse(
                    case.case_id,
                    arguments.method,
                    settings,
                    include_models=arguments.models,
                    fit=fit,
                )
            except AnnotatorError as error:
                if arguments.cases:
                    raise
                made["skipped"].append({"case": case.case_id, "reason": str(error)})
                continue
            files = (
                []
                if out is None
                else _write(session, case, fusion, out, with_belief=arguments.belief)
            )
            document = _fusion_document(session, case, fusion, files)
            made["fusions"].append(document)
            lines += [_fused_line(case, document), *files]
            lines += [f"  caution: {warning}" for warning in fusion.warnings]
    lines += [f"skipped: {entry['reason']}" for entry in made["skipped"]]
    learned = fit and {"fit": fit.fit_id, "summary": list(summary)}
    document = {"method": arguments.method, "learned": learned, **made}
    return Result(document=document, lines=tuple(lines), error=nothing_done("fused", made))


def _write(
    session: Session, case: Case, fusion: Fusion, out: Path, *, with_belief: bool
) -> list[str]:
    is_slide = session.store.series(case.series_ids[0]).slide is not None
    if is_slide and with_belief:
        raise AnnotatorError(f"{case.title} is a slide: belief is written of smaller images")
    item = fused_item(session.store, session.registry, case, fusion, with_belief=with_belief)
    stem = f"{case_stems(session.cases())[case.case_id]}_{slug(fusion.recipe.method)}"
    writer = session.registry.mask_writer("ome-tiff" if is_slide else "nifti")
    return [str(path) for path in writer.write(item, out, stem)]


def _fused_line(case: Case, document: dict[str, Any]) -> str:
    changes = document["changes_from_vote"]
    differs = (
        f"{changes['n_voxels']} voxels in {changes['n_regions']} regions differ from the vote"
        if changes["n_voxels"]
        else "equal to the majority vote"
    )
    return f"{case.title}: {len(document['inputs'])} readings fused; {differs}"


def _fusion_document(
    session: Session, case: Case, fusion: Fusion, files: list[str]
) -> dict[str, Any]:
    names = {rater.rater_id: rater.name for rater in session.store.raters()}
    changes = changes_from_vote(session.store, readings_of(session.store, fusion), fusion)
    return {
        "case": case.case_id,
        "title": case.title,
        "fusion": fusion.fusion_id,
        "method": fusion.recipe.method,
        "method_version": fusion.recipe.method_version,
        "parameters": {name: json.loads(value) for name, value in fusion.recipe.parameters},
        "inputs": list(fusion.recipe.inputs),
        "performance": [
            {
                "rater": names[entry.rater_id],
                "label": entry.label,
                "sensitivity": entry.sensitivity,
                "specificity": entry.specificity,
                "volume_mm3": entry.volume_mm3,
                "sensitivity_interval": entry.sensitivity_interval,
                "specificity_interval": entry.specificity_interval,
                "weight": entry.weight,
                "weight_interval": entry.weight_interval,
            }
            for entry in fusion.performance
        ],
        "changes_from_vote": {
            "n_voxels": changes.n_voxels,
            "mm3": changes.mm3,
            "n_regions": changes.n_regions,
            "labels": [asdict(entry) for entry in changes.labels],
        },
        "warnings": list(fusion.warnings),
        "training_target_only": fusion.training_target_only,
        "files": files,
    }


def findings(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Rank cases by dispute, hardest first; fails where no case has two readings."""
    made: dict[str, list[dict[str, Any]]] = {"cases": [], "skipped": []}
    found: list[tuple[Case, CaseScore, tuple[Finding, ...]]] = []
    with Session.open(arguments.project) as session:
        names = {rater.rater_id: rater for rater in session.store.raters()}
        schema = session.project().schema
        cases = chosen_cases(session, arguments.cases)
        every = session.cases()
        for number, case in enumerate(cases):
            progress(number / len(cases), f"comparing {case.title}")
            try:
                score, regions = session.find(case.case_id, include_models=arguments.models)
            except AnnotatorError as error:
                if arguments.cases:
                    raise
                made["skipped"].append({"case": case.case_id, "reason": str(error)})
                continue
            found.append((case, score, regions))
        ranked = rank_project(session.store, every, [score for _, score, _ in found])
    standings = {entry.case_id: entry for entry in ranked}
    found.sort(key=lambda entry: standings[entry[0].case_id].place)
    lines: list[str] = []
    for case, score, regions in found:
        standing = standings[case.case_id]
        rows = [finding_row(finding, names, schema) for finding in regions]
        for row in rows:
            del row["case_id"]
        made["cases"].append(_score_document(standing, case, score) | {"findings": rows})
        lines.append(f"{standing.place}. {case.title}: {standing.why}")
        lines += [f"   {row['region']}. {row['why']}" for row in rows]
    lines += [f"skipped: {entry['reason']}" for entry in made["skipped"]]
    return Result(document=made, lines=tuple(lines), error=nothing_done("compared", made))


def _score_document(standing: Standing, case: Case, score: CaseScore) -> dict[str, Any]:
    return {
        "id": case.case_id,
        "title": case.title,
        "rank": standing.place,
        "percentile": standing.percentile,
        "disputes_presence": standing.disputes_presence,
        "structures": [asdict(entry) for entry in score.structures],
        "measures": [asdict(entry) for entry in standing.measures],
        "n_presence": score.n_presence,
        "n_boundary": score.n_boundary,
        "disputed_mm3": score.disputed_mm3,
        "mean_dice": score.mean_dice,
        "diagnosis_disputed": score.diagnosis_disputed,
        "why": standing.why,
    }


def export(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Write masks or tables; fails where nothing could be written."""
    with Session.open(arguments.project) as session:
        report = export_project(
            session.store,
            session.registry,
            Path(arguments.directory),
            arguments.format,
            None,
            progress,
        )
    document = {
        "directory": str(report.directory),
        "format": arguments.format,
        "files": [
            {
                "name": entry.name,
                "role": entry.role,
                "case": entry.case_id,
                "creator": entry.creator,
                "content_id": entry.content_id,
                "sha256": entry.sha256,
                "n_bytes": entry.n_bytes,
            }
            for entry in report.files
        ],
        "skipped": [
            {
                "case": entry.case_id,
                "title": entry.title,
                "role": entry.role,
                "creator": entry.creator,
                "reason": entry.reason,
            }
            for entry in report.skipped
        ],
    }
    lines = [entry.name for entry in report.files]
    lines += [
        f"skipped {entry.title}, {entry.role} by {entry.creator}: {entry.reason}"
        for entry in report.skipped
    ]
    lines.append(f"{len(report.files)} files in {report.directory}, each read back and equal.")
    error = ""
    if not report.files:
        reason = report.skipped[0].reason if report.skipped else "there are no readings yet"
        error = f"nothing was exported: {reason}"
    return Result(document=document, lines=tuple(lines) if report.files else (), error=error)


def chosen_cases(session: Session, given: list[str]) -> tuple[Case, ...]:
    """Return the cases that were named, once each, or every case."""
    if not given:
        return session.cases()
    named = {case.case_id: case for case in map(session.store.case, given)}
    return tuple(named.values())

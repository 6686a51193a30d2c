"""The command that makes a project of simulated readings, with the truth beside it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.phantoms import simulate_study
from annotator.api import MaskForExport, series_id
from annotator.checked_file import checked_file
from annotator.cli.command import Result
from annotator.domain.errors import AnnotatorError
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import DiagnosisField, Label, LabelSchema
from annotator.domain.study import Series
from annotator.session.model_work import ACTOR
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.analysis.phantoms import Phantom, Shape, SimulatedCase, SimulatedStudy
    from annotator.api import Progress
    from annotator.domain.study import Case

_QUESTION = "diseased"
_LABELS: Mapping[Shape, tuple[str, ...]] = {
    "disc-cup": ("Disc", "Cup"),
    "organ": ("Organ",),
    "lesions": ("Lesion",),
}
_MEASURES: Mapping[Shape, str] = {
    "disc-cup": "cup/disc diameter",
    "organ": "volume, ml",
    "lesions": "number of lesions",
}
_COLORS = ("#e69f00", "#56b4e9", "#cc79a7")
_COMMENT = "Simulated reading; there is no such person."


def simulate(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Make a project of made images and simulated readings, and write the truth into it."""
    if "://" in arguments.project:
        raise AnnotatorError("the truth is written beside the project: name a directory, not a URL")
    directory = Path(arguments.project)
    study = simulate_study(
        arguments.scenario,
        n_cases=arguments.cases,
        n_raters=arguments.raters,
        seed=arguments.seed,
    )
    truth = directory / "truth"
    title = f"Simulated: {study.scenario.title}"
    with Session.create(directory, schema=_schema(study), title=title) as session:
        truth.mkdir()
        names = [member.name(number) for number, member in enumerate(study.members, start=1)]
        for name in names:
            session.add_rater(name)
        written: list[dict[str, Any]] = []
        for number, made in enumerate(study.cases):
            progress(number / len(study.cases), f"writing {made.case_id}")
            written.append(_add_case(session, made, names, truth))
        session.assign()
    document = _truth_document(study, names, written)
    with checked_file(truth / "truth.json") as part:
        part.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    n_cases, n_raters = len(study.cases), len(names)
    lines = (
        f"Made {title!r} in {directory}: {n_cases} cases, {n_raters} raters, all simulated.",
        f"{study.scenario.summary[0].upper()}{study.scenario.summary[1:]}.",
        f"The truth is in {truth}.",
    )
    return Result(document={"project": str(directory), "truth": str(truth)} | document, lines=lines)


def _schema(study: SimulatedStudy) -> LabelSchema:
    """Return what the raters of the study draw and are asked."""
    named = _LABELS[study.scenario.shape]
    return LabelSchema(
        name="simulated",
        title="Simulated",
        labels=tuple(
            Label(value=value, name=name, color=color)
            for value, (name, color) in enumerate(zip(named, _COLORS, strict=False), start=1)
        ),
        fields=(
            DiagnosisField(key=_QUESTION, title="Diseased", choices=(("yes", "Yes"), ("no", "No"))),
        ),
    )


def _add_case(
    session: Session, made: SimulatedCase, names: list[str], truth: Path
) -> dict[str, Any]:
    """Keep image and readings of a case, and write its true mask; return what is true of it."""
    phantom = made.phantom
    series, voxels = _series(made.case_id, phantom)
    session.store.add_series(series, voxels, actor=ACTOR)
    case = session.store.add_case(made.case_id, [series.series_id], actor=ACTOR)
    for name, mask, is_yes in zip(names, made.readings, made.answers, strict=True):
        diagnosis = Diagnosis(answers=((_QUESTION, _answer(is_yes)),), comment=_COMMENT)
        session.add_reading(case.case_id, name, mask, series.geometry, diagnosis)
    (path,) = session.registry.mask_writer("nifti").write(
        _for_writer(session, case, series, phantom.truth), truth, made.case_id
    )
    return {
        "case": case.case_id,
        "title": case.title,
        "file": path.name,
        "diseased": _answer(phantom.is_diseased),
        "risk": phantom.risk,
        "measure": phantom.measure,
        "difficulty": made.difficulty,
    }


def _answer(is_yes: bool) -> str:
    return "yes" if is_yes else "no"


def _series(title: str, phantom: Phantom) -> tuple[Series, NDArray[np.int16]]:
    """Return the facts of a made image and its voxels, hundredths of a label's brightness."""
    voxels = np.rint(100 * phantom.image).astype(np.int16)
    geometry = Geometry(shape=phantom.truth.shape, spacing_mm=phantom.spacing_mm)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume" if geometry.is_volume else "picture",
        modality="OT",
        description=title,
        geometry=geometry,
        dtype=voxels.dtype.name,
        notes=("A made image: there is no patient, and every reading of it is simulated.",),
    )
    return series, voxels


def _for_writer(
    session: Session, case: Case, series: Series, mask: NDArray[np.uint8]
) -> MaskForExport:
    return MaskForExport(
        case=case,
        series=series,
        schema=session.project().schema,
        role="reading",
        creator="Truth (simulated)",
        is_automatic=True,
        content_id="",
        mask=mask,
    )


def _truth_document(
    study: SimulatedStudy, names: list[str], cases: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return everything that was planted, for JSON."""
    return {
        "scenario": study.scenario.name,
        "seed": study.seed,
        "measure": _MEASURES[study.scenario.shape],
        "raters": [
            {
                "name": name,
                "diagnosis_accuracy": member.diagnosis_accuracy,
                "planted": asdict(member.draws),
            }
            for name, member in zip(names, study.members, strict=True)
        ],
        "cases": cases,
    }

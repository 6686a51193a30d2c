"""Build the sample project: import, raters, readings, then predict, fuse and find."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.runs import encode
from annotator.api import no_progress
from annotator.bundled import resource
from annotator.demo.neuron import add_neuron
from annotator.demo.readings import GUEST, REVIEWER, SOURCES, rater_names, readings_of
from annotator.domain.errors import AnnotatorError
from annotator.jobs.importing import scan_files
from annotator.session.schema_io import find_schema
from annotator.session.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.domain.study import Series

MODELS = ("lungs", "vessels")
METHODS = ("majority", "staple")
_ACTOR = "system"


def is_project(directory: Path) -> bool:
    """Whether a project lies in a directory already."""
    return (directory / "project.sqlite").is_file()


def build_sample_project(directory: Path, progress: Progress = no_progress) -> None:
    """Make the sample project in a directory that is empty or does not exist yet.

    Takes some seconds; everything goes the road that a person's project goes. The directory
    appears when the project is complete, so that half of one is never taken for all of it.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise AnnotatorError(f"{directory} is not empty; name another directory for the demo")
    part = directory.with_name(f".{directory.name}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        _build(part, progress)
        part.replace(directory)
    except OSError as error:
        raise AnnotatorError(
            f"cannot build the sample project in {directory}: {error.strerror or error}"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    progress(1.0, "the sample project is ready")


def _build(directory: Path, progress: Progress) -> None:
    schema = find_schema("sample")
    with Session.create(directory, schema=schema, title="Sample project") as session:
        guest = session.add_rater(GUEST, may_review=False)
        session.add_rater(REVIEWER)
        for name in rater_names():
            session.add_rater(name, may_review=False)
        for number, case_key in enumerate(SOURCES):
            progress(0.3 * number / len(SOURCES), f"importing {case_key}")
            _add_case(session, case_key)
        session.assign(rater_ids=[guest.rater_id])
        add_neuron(session)
        session.assign(rater_ids=[guest.rater_id])
        steps: list[tuple[str, dict[str, object]]] = [
            *[("predict", dict[str, object](model=name)) for name in MODELS],
            *[("fuse", dict[str, object](method=name)) for name in METHODS],
            ("findings", {}),
        ]
        for number, (kind, parameters) in enumerate(steps):
            words = " ".join((kind, *map(str, parameters.values())))
            progress(0.3 + 0.7 * number / len(steps), words)
            run_to_end(session, kind, parameters)


def run_to_end(session: Session, kind: str, parameters: dict[str, object]) -> dict[str, Any]:
    """Run a job in a process of its own and wait; raises AnnotatorError where it fails."""
    job = session.jobs.wait(session.jobs.submit(kind, parameters).job_id)
    if job.state != "done":
        raise AnnotatorError(f"{kind} ended as {job.state}: {job.error or job.message}")
    result: dict[str, Any] = json.loads(job.result or "{}")
    return result


def _add_case(session: Session, case_key: str) -> None:
    """Import one image and everything that was drawn on it."""
    image, first_reading = SOURCES[case_key]
    report = session.import_studies([resource("sample") / image])
    if len(report.cases) != 1:
        reasons = "; ".join(f"{entry.path}: {entry.reason}" for entry in report.skipped)
        raise AnnotatorError(f"the sample image {image} could not be imported: {reasons}")
    case = report.cases[0]
    series = session.store.series(case.series_ids[0])
    drawn = _mask(session, resource("sample") / first_reading, series)
    raters = {rater.name: rater.rater_id for rater in session.people()}
    for reading in readings_of(case_key, drawn, series.geometry.spacing_mm):
        session.store.add_annotation(
            case.case_id,
            raters[reading.rater_name],
            encode(reading.mask),
            reading.diagnosis,
            actor=_ACTOR,
        )


def _mask(session: Session, path: Path, series: Series) -> NDArray[np.unsignedinteger]:
    """Return a mask file's voxels ``(z, y, x)``, checked to lie on the grid of the series."""
    found, skipped = scan_files(session.registry.readers(), [path], no_progress)
    if len(found) != 1:
        raise AnnotatorError(f"cannot read {path}: {'; '.join(entry.reason for entry in skipped)}")
    content = found[0].read(no_progress)
    differences = series.geometry.differences(content.series.geometry)
    if differences:
        raise AnnotatorError(f"{path} lies on another grid: {'; '.join(differences)}")
    return np.asarray(content.voxels, np.uint8)

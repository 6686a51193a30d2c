"""What people made of models' drawings, in a project whose readings are known by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK

from annotator.analysis.acceptance import ADDED, KEPT
from annotator.analysis.runs import encode
from annotator.api import no_progress
from annotator.domain.reading import Diagnosis
from annotator.drawing.edit import Edit
from annotator.jobs.acceptance_report import report_acceptance
from annotator.jobs.export_tables import tables_of
from annotator.jobs.exporting import export_project
from annotator.jobs.report_acceptance import said_of_acceptance
from annotator.jobs.report_acceptance_picture import draw_acceptance_of, has_content, height_in
from annotator.jobs.report_panels import DARK, LIGHT
from annotator.jobs.report_pictures import WIDTH_IN
from tests.unit.project_builder import add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.jobs.acceptance_facts import AcceptanceReport
    from annotator.jobs.report_panels import PictureStyle
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

N_CASES = 10
DIAGNOSIS = Diagnosis(answers=(("dx", "yes"),), confidence=0.8)
WHOLE = ((0, 0, 0), (4, 12, 10))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Ten cases, half of them without a model for each of two.

    Ann takes the model's drawing wherever she is offered it, and adds a column; Bob never does.
    Without it both draw one row more. A third's readings come from elsewhere.
    """
    with make_session(tmp_path_factory.mktemp("acceptance")) as opened:
        store = opened.store
        model = store.add_rater("Net", is_model=True, actor="system")
        for number in range(N_CASES):
            case = add_case(opened, number)
            drawn = encode(block(((0, 2, 2), (2, 6, 6 + number % 3))))
            store.add_annotation(case.case_id, model.rater_id, drawn, Diagnosis(), actor="system")
        for name in ("Ann", "Bob"):
            opened.add_rater(name)
        opened.assign()
        opened.quality.set_share_without_model(0.5)
        for name in ("Ann", "Bob"):
            for number, case in enumerate(opened.cases()):
                read(opened, name, case.case_id, 6 + number % 3)
        other = store.add_rater("Cy", actor="system")
        first = opened.cases()[0].case_id
        store.add_annotation(
            first, other.rater_id, encode(block(((0, 2, 2), (2, 6, 6)))), DIAGNOSIS, actor="system"
        )
        yield opened


def read(session: Session, name: str, case_id: str, high: int) -> None:
    opened = session.rater_room(name).open_case(case_id)
    if opened.suggestions and name == "Ann":
        opened.start_from(opened.suggestions[0][0])
        new = block(((0, 2, 2), (2, 6, high + 1)))
    else:
        new = block(((0, 2, 2), (2, 7, high)))
    mask = opened.drawing.mask
    edit = Edit(box=WHOLE, before=mask.copy(), after=new.astype(mask.dtype))
    mask[:] = new
    opened.drawing.record("brush", edit)
    opened.drawing.set_diagnosis(DIAGNOSIS)
    opened.submit()


@pytest.fixture(scope="module")
def report(session: Session) -> AcceptanceReport:
    return report_acceptance(session.store, session.cases(), no_progress)


def test_who_was_offered_what_and_took_it(report: AcceptanceReport) -> None:
    assert (report.n_readings, report.n_unknown) == (2 * N_CASES + 1, 1)
    assert report.share_without_model == 0.5
    ann, bob = report.taken
    assert (ann.rater_name, ann.model_name) == ("Ann", "Net")
    # In a block of ten cases half are read without a model, by each.
    assert (ann.n_offered, ann.n_taken, ann.n_withheld) == (5, 5, 5)
    assert (bob.n_offered, bob.n_taken, bob.n_withheld) == (5, 0, 5)
    assert ann.taken_s.n_cases == 5
    assert ann.untaken_s.n_cases == 0
    assert 0 < (ann.taken_s.value or 0.0) < 60


def test_what_became_of_the_voxels(report: AcceptanceReport, session: Session) -> None:
    (row,) = report.accepted
    assert (row.rater_name, row.label_name, row.n_readings) == ("Ann", "Lesion", 5)
    assert (row.n_changed, row.n_removed) == (0, 0)
    assert row.n_kept == row.n_model
    assert row.n_added == 5 * 2 * 4  # a column of four rows in two slices, each time
    assert row.mm3.value == pytest.approx(8 * 0.5)
    assert row.moved_p95_mm.value == pytest.approx(0.5)
    assert 0.95 > (row.dice.value or 0.0) > 0.85


def test_anchoring_is_told_within_raters(report: AcceptanceReport) -> None:
    found = {entry.row.measure: entry for entry in report.anchoring}
    assert found.keys() == {"model", "time"}
    row = found["model"].row
    assert (row.n_with, row.n_without, row.n_cases) == (10, 10, 10)
    assert found["model"].label_name == "Lesion"
    # Bob draws the same with and without; a row of 4 to 6 weighs as much as a column of 4.
    assert abs(row.difference) < 0.05
    words = " ".join(said_of_acceptance(report))
    assert "was taken as a start 5 of 10 times" in words
    assert "100 % were kept" in words
    assert "1 reading does not tell" in words
    json.dumps(report.as_document())


def test_agreement_with_the_truth_where_it_is_known(session: Session) -> None:
    """Here what people draw without the model is right."""
    for number, case in enumerate(session.cases()):
        session.store.put_gold(
            case.case_id,
            mask=encode(block(((0, 2, 2), (2, 7, 6 + number % 3)))),
            diagnosis=Diagnosis(),
            source="known",
            actor="system",
        )
    try:
        found = report_acceptance(session.store, session.cases(), no_progress)
    finally:
        for case in session.cases():
            session.store.remove_gold(case.case_id, actor="system")
    (row,) = [entry.row for entry in found.anchoring if entry.row.measure == "truth"]
    assert (row.mean_without, row.n_with, row.n_without) == (1.0, 10, 10)
    assert row.difference < -0.05
    assert row.is_shown
    assert "farther from the truth" in " ".join(said_of_acceptance(found))


def test_a_project_without_models_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    with make_session(tmp_path_factory.mktemp("plain")) as plain:
        add_case(plain, 1)
        found = report_acceptance(plain.store, plain.cases(), no_progress)
    assert (found.taken, found.accepted, found.anchoring) == ((), (), ())
    assert not has_content(found)


@pytest.mark.parametrize("style", [LIGHT, DARK], ids=["light", "dark"])
def test_picture(report: AcceptanceReport, style: PictureStyle) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    assert has_content(report)
    figure = Figure(figsize=(WIDTH_IN, height_in(report)))
    canvas = FigureCanvasAgg(figure)
    draw_acceptance_of(figure, report, style)
    canvas.draw()  # type: ignore[no-untyped-call]
    assert len(figure.axes) == 2
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    assert 0.005 < (pixels[..., 3] > 0).mean() < 0.6


def test_export_says_whose_each_voxel_is_and_how_long_it_took(
    session: Session, tmp_path: Path
) -> None:
    export_project(session.store, session.registry, tmp_path, "nifti", None, no_progress)
    origins = {path.name for path in tmp_path.glob("*_origin.nii.gz")}
    assert len(origins) == 5
    assert all("reading-Ann" in name for name in origins)
    for name in origins:
        voxels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / name)))
        assert (voxels == ADDED).sum() == 2 * 4
        assert set(np.unique(voxels)) == {0, KEPT, ADDED}
    rows = tables_of(session.store, None, no_progress)["readings"].rows
    told = {row["rater"]: row for row in rows}
    seconds = told["Ann"]["active_s"]
    assert isinstance(seconds, float)
    assert seconds > 0
    assert told["Ann"]["n_models"] == 1
    assert told["Cy"]["active_s"] is None
    n_without = sum(row["is_without_model"] is True for row in rows)
    assert n_without == 2 * 5

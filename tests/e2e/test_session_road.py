"""The whole road without a window: files, three raters, fusion, review, sign-off, export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK
from PIL import Image

from annotator.analysis.runs import decode
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Code, DiagnosisField, Label, LabelSchema
from annotator.drawing.brush import Brush
from annotator.drawing.gesture import Held
from annotator.drawing.surface import Surface
from annotator.jobs.exporting import export_project
from annotator.session.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.session.open_case import OpenCase

pytestmark = pytest.mark.e2e

SHAPE = (12, 64, 48)
SPACING = (2.0, 0.5, 0.5)
SCHEMA = LabelSchema(
    name="road",
    title="Road",
    labels=(
        Label(
            value=1,
            name="Lesion",
            color="#e69f00",
            category=Code(scheme="SCT", value="49755003", meaning="Morphologically Abnormal"),
            code=Code(scheme="SCT", value="52988006", meaning="Lesion"),
        ),
    ),
    fields=(DiagnosisField(key="dx", title="Finding", choices=(("yes", "Yes"), ("no", "No"))),),
)


def _write_files(directory: Path) -> None:
    directory.mkdir()
    random = np.random.default_rng(0)
    volume = SimpleITK.GetImageFromArray(random.integers(0, 900, SHAPE).astype(np.int16))
    volume.SetSpacing(SPACING[::-1])
    SimpleITK.WriteImage(volume, str(directory / "chest.nii.gz"))
    Image.fromarray(random.integers(0, 255, (40, 60, 3), np.uint8)).save(directory / "skin.png")
    (directory / "notes.txt").write_text("not an image")
    (directory / "broken.nii.gz").write_bytes(b"\x1f\x8b rubbish")


def _stroke(opened: OpenCase, start: tuple[float, float, float], is_3d: bool) -> None:
    surface = Surface(mask=opened.drawing.mask, spacing_mm=opened.series.geometry.spacing_mm)
    held = Held(label=1, diameter_mm=6.0, is_3d=is_3d)
    brush = Brush(surface, held, plane=0, index=round(start[0]))
    for move in range(4):
        brush.drag((start[0], start[1] + 2 * move, start[2]))
    edit = brush.finish()
    assert edit is not None
    opened.drawing.record(brush.name, edit)


def _read_everything(session: Session) -> None:
    """Three people draw the same lesion a little apart; Ada sees one more."""
    for place, rater in enumerate(session.people()):
        room = session.rater_room(rater.rater_id)
        while (case_id := room.next_case()) is not None:
            opened = room.open_case(case_id)
            z = opened.series.geometry.shape[0] // 2
            _stroke(opened, (z, 12.0 + place, 12.0 + place), is_3d=True)
            if rater.name == "Ada":
                _stroke(opened, (z, 24.0, 36.0), is_3d=False)
                _stroke(opened, (z, 10.0, 40.0), is_3d=False)
                assert opened.drawing.undo() is not None
            opened.drawing.set_diagnosis(
                Diagnosis(answers=(("dx", "yes" if place else "no"),), confidence=0.9)
            )
            opened.submit()


def _review(session: Session) -> None:
    room = session.review_room("Rev")
    queue = room.queue()
    assert [entry.state for entry in queue] == ["waiting", "waiting"]
    places = [entry.standing.place for entry in queue if entry.standing]
    assert places == sorted(places)
    assert len(places) == len(queue)
    for entry in queue:
        case = room.open_case(entry.case_id)
        assert any(finding.kind == "presence" for finding in case.findings)
        for finding in case.findings:
            if finding.kind == "presence":
                case.decide(finding.region, "none", reason="artefact")
            else:
                rater_id = case.readings[1].rater_id
                case.decide(finding.region, "rater", rater_id=rater_id, reason="boundary-unclear")
        adjudication = case.sign_off(Diagnosis(answers=(("dx", "yes"),)))
        mask, origin = session.store.adjudication_mask(adjudication.adjudication_id)
        # Ben's reading everywhere: he did not see what Ada alone saw.
        np.testing.assert_array_equal(decode(mask), case.reading_mask(case.readings[1].rater_id))
        np.testing.assert_array_equal(decode(origin, np.dtype(np.uint16)), case.region_map)
        case.close()


def test_from_files_to_a_signed_off_case(tmp_path: Path) -> None:
    _write_files(tmp_path / "files")
    with Session.create(tmp_path / "project", schema=SCHEMA, title="Road") as session:
        result = session.finish(session.jobs.submit("import", {"paths": [str(tmp_path / "files")]}))
        assert len(result["cases"]) == 2
        assert {entry["path"].rsplit("/", 1)[1] for entry in result["skipped"]} == {
            "broken.nii.gz",
            "notes.txt",
        }
        for name in ("Ada", "Ben", "Cleo"):
            session.add_rater(name, may_review=False)
        assert session.assign() == 6
        session.add_rater("Rev")
        _read_everything(session)
        for method in ("majority", "staple"):
            fused = session.finish(session.jobs.submit("fuse", {"method": method}))
            assert len(fused["fusions"]) == 2
        found = session.finish(session.jobs.submit("findings", {}))
        assert len(found["findings"]) == 2
    with Session.open(tmp_path / "project") as session:
        _review(session)
        assert {entry.state for entry in session.review_room("Rev").queue()} == {"signed off"}
        report = session.review_room("Rev").report()
        assert report.n_adjudicated == 2
        dice = {row.rater_name: row.dice for row in report.rows}
        assert dice["Ben"] == 1.0
        exported = session.finish(
            session.jobs.submit("export", {"directory": str(tmp_path / "out"), "format": "nifti"})
        )
        names = [entry["name"] for entry in exported["files"] if entry["role"] == "adjudicated"]
        assert len([name for name in names if name.endswith("_labels.nii.gz")]) == 2
        tables = export_project(
            session.store,
            session.registry,
            tmp_path / "out",
            "json",
            None,
            lambda fraction, message: None,
        )
        assert tables.files
        for case in session.cases():
            for fusion in session.store.fusions(case.case_id):
                assert session.rerun(fusion.fusion_id) == fusion
        assert session.store.verify() == ()

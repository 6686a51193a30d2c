from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis.runs import encode
from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError, CancelledError, IntegrityError, UnknownNameError
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Label, LabelSchema, Overlap
from annotator.domain.study import Case
from annotator.file_names import case_stems, slug
from annotator.jobs.export_tables import label_volumes_mm3, tables_of
from annotator.jobs.exporting import export_project
from annotator.jobs.table_files import Table, write_csv
from annotator.store.prediction_maps import PredictionMap
from tests.unit.project_builder import add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.session.session import Session

pytestmark = pytest.mark.unit

LEFT = block(((0, 2, 2), (3, 8, 6)))
RIGHT = block(((0, 2, 3), (3, 8, 7)))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A project of one case, read twice, fused, decided region by region and signed off."""
    with make_session(tmp_path) as opened:
        case = add_case(opened, 1)
        opened.add_rater("Rev")
        for name, mask, answer in (("Ann", LEFT, "yes"), ("Bob", RIGHT, "no")):
            opened.add_rater(name)
            given = Diagnosis(answers=(("dx", answer),), comment="=1+1, “quoted”;\nnew line")
            geometry = opened.store.series(case.series_ids[0]).geometry
            opened.add_reading(case.case_id, name, mask, geometry, given)
        _sign_off(opened, case)
        yield opened


def _sign_off(session: Session, case: Case) -> None:
    room = session.review_room("Rev")
    review = room.open_case(case.case_id, method="majority")
    ann = session.store.rater("Ann").rater_id
    for region in review.open_regions():
        review.decide(region, "rater", rater_id=ann, reason="missed")
    review.sign_off(Diagnosis(answers=(("dx", "yes"),)))
    review.close()


def test_adjudicated_mask_is_exported(session: Session, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = export_project(session.store, session.registry, out, "nifti", None, no_progress)
    roles = {entry.name: entry.role for entry in report.files}
    assert roles["Case-1_adjudicated_labels.nii.gz"] == "adjudicated"
    assert roles["Case-1_reading-Ann_labels.nii.gz"] == "reading"
    assert roles["Case-1_fused-majority_labels.nii.gz"] == "fused"
    read = SimpleITK.ReadImage(str(out / "Case-1_adjudicated_labels.nii.gz"))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(read), LEFT)
    adjudication = session.store.adjudication(session.cases()[0].case_id)
    assert adjudication is not None
    ids = {entry.role: entry.content_id for entry in report.files}
    assert ids["adjudicated"] == adjudication.adjudication_id


def test_how_sure_a_model_was_goes_with_its_reading(session: Session, tmp_path: Path) -> None:
    """A person draws a voxel or does not: only models leave a probability."""
    (case,) = session.cases()
    model = session.store.add_rater("Net", is_model=True, actor="system")
    kept = PredictionMap("probability", 1, encode(np.where(LEFT > 0, 255, 128).astype(np.uint8)))
    session.store.add_prediction(case.case_id, model.rater_id, encode(LEFT), [kept], actor="system")
    out = tmp_path / "out"
    report = export_project(session.store, session.registry, out, "nifti", None, no_progress)
    names = {entry.name for entry in report.files if entry.name.endswith("probability.nii.gz")}
    assert names == {
        "Case-1_fused-majority_probability.nii.gz",
        "Case-1_reading-Net_probability.nii.gz",
    }
    read = SimpleITK.ReadImage(str(out / "Case-1_reading-Net_probability.nii.gz"))
    found = SimpleITK.GetArrayFromImage(read)
    np.testing.assert_allclose(found, np.where(LEFT > 0, 1.0, 127 / 254), atol=1e-6)


def test_tables_hold_the_verdicts(session: Session) -> None:
    tables = tables_of(session.store, None, no_progress)
    verdicts = tables["verdicts"].rows
    assert verdicts
    assert {row["rater"] for row in verdicts} == {"Ann"}
    assert {row["reason"] for row in verdicts} == {"missed"}
    (signed,) = tables["adjudications"].rows
    assert signed["reviewer"] == "Rev"
    assert signed["diagnosis.dx"] == "yes"
    assert signed["volume_mm3.1"] == pytest.approx(LEFT.sum() * 0.5)
    worth = {row["rater"]: row["dice"] for row in tables["raters"].rows if row["label"] == 1}
    assert worth["Ann"] == 1.0
    assert worth["Bob"] == pytest.approx(2 * 3 / 8)


def test_csv_and_json_keep_every_character(session: Session, tmp_path: Path) -> None:
    for name in ("csv", "json"):
        export_project(session.store, session.registry, tmp_path, name, None, no_progress)
    with (tmp_path / "readings.csv").open(encoding="utf-8", newline="") as stream:
        comments = {row["comment"] for row in csv.DictReader(stream)}
    assert comments == {"=1+1, “quoted”;\nnew line"}
    content = json.loads((tmp_path / "project.json").read_text(encoding="utf-8"))
    assert {row["comment"] for row in content["readings"]} == comments
    assert content["project"]["title"] == "Test"


def test_unknown_format_suggests(session: Session, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'nifti'"):
        export_project(session.store, session.registry, tmp_path, "nifty", None, no_progress)


def test_a_cancelled_export_names_what_it_wrote(session: Session, tmp_path: Path) -> None:
    seen: list[str] = []

    def stop_late(fraction: float, message: str) -> None:
        seen.append(message)
        if len(seen) == 4:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        export_project(session.store, session.registry, tmp_path, "nifti", None, stop_late)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    written = {path.name for path in tmp_path.glob("*.nii.gz")}
    assert {entry["name"] for entry in manifest["files"]} == written
    assert len(written) == 2


def test_a_manifest_of_another_project_is_not_joined(session: Session, tmp_path: Path) -> None:
    stranger: dict[str, Any] = {"project_id": "other", "files": [{"name": "manifest.json"}]}
    (tmp_path / "manifest.json").write_text(json.dumps(stranger))
    export_project(session.store, session.registry, tmp_path, "json", None, no_progress)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert [entry["name"] for entry in manifest["files"]] == ["project.json"]


def test_only_chosen_cases(session: Session, tmp_path: Path) -> None:
    other = add_case(session, 2)
    chosen = [other.case_id]
    report = export_project(session.store, session.registry, tmp_path, "nifti", chosen, no_progress)
    assert report.files == ()
    with pytest.raises(AnnotatorError, match="Case 9"):
        export_project(session.store, session.registry, tmp_path, "csv", ["Case 9"], no_progress)


def test_a_table_that_reads_back_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv, "reader", lambda stream: iter([["other"]]))
    with pytest.raises(IntegrityError, match="other rows"):
        write_csv(tmp_path / "t.csv", Table(columns=("a",), rows=({"a": 1},)))
    assert not list(tmp_path.iterdir())


@given(st.integers(0, 2**32 - 1))
def test_volumes_from_runs(seed: int) -> None:
    mask = np.random.default_rng(seed).integers(0, 6, (3, 5, 7)).astype(np.uint8)
    groups = {1: "organ", 2: "organ", 3: "finding", 9: "organ"}
    labels = tuple(
        Label(value=value, name=f"Label {value}", color="#123456", group=group)
        for value, group in groups.items()
    )
    shared = (Overlap(value=4, labels=(1, 3)), Overlap(value=5, labels=(2, 3)))
    schema = LabelSchema(name="volumes", title="Volumes", labels=labels, overlaps=shared)
    found = label_volumes_mm3(encode(mask), schema, 0.25)
    holding = {1: (1, 4), 2: (2, 5), 3: (3, 4, 5), 9: (9,)}
    assert found == {
        label: 0.25 * int(np.isin(mask, values).sum()) for label, values in holding.items()
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Anna Müller", "Dr.-Anna-Muller"),
        ("../../etc/passwd", "etc-passwd"),
        ("a/b\\c:d*e", "a-b-c-d-e"),
        ("  .hidden ", "hidden"),
        ("CON", "CON-"),
        ("肺", "x"),
        ("", "x"),
    ],
)
def test_slugs(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(st.text(max_size=200))
def test_a_slug_is_a_safe_file_name(text: str) -> None:
    name = slug(text)
    assert 0 < len(name) <= 61
    assert not set(name) & set('/\\:*?"<>| \0')
    assert not name.startswith((".", "-"))


def test_titles_that_look_alike_get_the_id() -> None:
    cases = [
        Case(case_id=f"id{number}", title=title, series_ids=())
        for number, title in enumerate(("Chest 1", "chest-1", "Chest 2"))
    ]
    assert case_stems(cases) == {
        "id0": "Chest-1-id0",
        "id1": "chest-1-id1",
        "id2": "Chest-2",
    }


def test_what_is_out_of_date_is_not_exported(session: Session, tmp_path: Path) -> None:
    (case,) = session.cases()
    geometry = session.store.series(case.series_ids[0]).geometry
    tables = tables_of(session.store, None, no_progress)
    assert {row["is_current"] for row in tables["findings"].rows} == {True}
    assert tables["performance"].rows
    session.add_reading(case.case_id, "Ann", RIGHT, geometry, Diagnosis(answers=(("dx", "yes"),)))
    names = {path.name for path in _exported(session, tmp_path / "old")}
    assert not [name for name in names if "fused" in name]
    tables = tables_of(session.store, None, no_progress)
    assert {row["is_current"] for row in tables["findings"].rows} == {False}
    assert tables["performance"].rows == ()
    session.fuse(case.case_id, "majority")
    names = {path.name for path in _exported(session, tmp_path / "new")}
    assert "Case-1_fused-majority_labels.nii.gz" in names


def test_fusions_by_several_parameters_stay_apart(session: Session, tmp_path: Path) -> None:
    (case,) = session.cases()
    for threshold in (0.3, 0.9, 0.3):
        session.fuse(case.case_id, "soft-vote", {"threshold": threshold})
    names = [path.name for path in _exported(session, tmp_path) if "soft-vote" in path.name]
    labels = [name for name in names if name.endswith("_labels.nii.gz")]
    assert len(labels) == 2
    sizes = {int(_voxels(tmp_path / name).sum()) for name in labels}
    assert sizes == {int(np.logical_or(LEFT, RIGHT).sum()), int(np.logical_and(LEFT, RIGHT).sum())}
    rows = tables_of(session.store, None, no_progress)["performance"].rows
    told = {row["parameters"] for row in rows if row["method"] == "soft-vote"}
    assert told == {"threshold=0.3", "threshold=0.9"}


def test_the_adjudicated_mask_says_where_it_came_from(session: Session, tmp_path: Path) -> None:
    _exported(session, tmp_path)
    origin = _voxels(tmp_path / "Case-1_adjudicated_origin.nii.gz")
    np.testing.assert_array_equal(origin != 0, LEFT != RIGHT)
    tables = tables_of(session.store, None, no_progress)
    regions = {row["region"] for row in tables["verdicts"].rows}
    assert regions == set(np.unique(origin[origin != 0]).tolist())
    assert {row["reviewer"] for row in tables["verdicts"].rows} == {"Rev"}


def _exported(session: Session, directory: Path) -> list[Path]:
    report = export_project(session.store, session.registry, directory, "nifti", None, no_progress)
    return [directory / entry.name for entry in report.files]


def _voxels(path: Path) -> Any:  # noqa: ANN401 - as SimpleITK gives it
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pytest
import SimpleITK

from tests.e2e.command_line import (
    DIRECTION,
    ORIGIN_MM,
    SHAPE,
    SPACING_MM,
    annotator,
    box_mask,
    must,
    project_with_readings,
    refused,
    write_volume,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one case with three readings; tests only add to it."""
    return project_with_readings(tmp_path_factory.mktemp("cli"))


def _array(path: Path) -> NDArray[Any]:
    return np.asarray(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))))


def test_list_gives_ids_and_titles(project: Path) -> None:
    document = must("list", project)
    (case,) = document["cases"]
    assert case["title"] == "Head one"
    assert case["shape"] == list(SHAPE)
    assert case["spacing_mm"] == pytest.approx(list(SPACING_MM))
    assert case["n_readings"] >= 3
    assert {"Ann", "Bob", "Cy"} <= {rater["name"] for rater in document["raters"]}
    assert document["project"]["schema"]["labels"][0]["value"] == 1


def test_case_by_id_or_by_title(project: Path) -> None:
    (case,) = must("list", project)["cases"]
    by_id = must("fuse", project, case["id"], "--method", "majority")
    by_title = must("fuse", project, "Head one", "--method", "majority")
    assert by_id["fusions"][0]["fusion"] == by_title["fusions"][0]["fusion"]


def test_majority_is_what_two_of_three_drew(project: Path, tmp_path: Path) -> None:
    must("fuse", project, "--method", "majority", "--out", tmp_path)
    labels = _array(tmp_path / "Head-one_majority_labels.nii.gz")
    np.testing.assert_array_equal(labels, box_mask(4, 12))
    assert labels.dtype == np.uint8
    share = _array(tmp_path / "Head-one_majority_probability.nii.gz")
    assert share.dtype == np.float32


def test_belief_is_the_share_of_raters_who_drew_the_same(project: Path, tmp_path: Path) -> None:
    document = must("fuse", project, "--method", "majority", "--out", tmp_path, "--belief")
    (fusion,) = document["fusions"]
    assert fusion["changes_from_vote"] == {
        "n_voxels": 0,
        "mm3": 0.0,
        "n_regions": 0,
        "labels": fusion["changes_from_vote"]["labels"],
    }
    maps = [Path(name) for name in fusion["files"] if "_belief_" in Path(name).name]
    assert len(maps) == 3
    masks = np.stack([box_mask(4, 12), box_mask(5, 12), box_mask(4, 15)]).astype(np.int64)
    disputed = (masks != masks[:1]).any(axis=0)
    expected = [
        np.where(disputed, (masks == mask).mean(axis=0), 0.0).astype(np.float32) for mask in masks
    ]
    for name in maps:
        found = _array(name)
        assert any(np.allclose(found, one, atol=1e-6) for one in expected)


def test_soft_vote_is_the_share_of_raters(project: Path, tmp_path: Path) -> None:
    must("fuse", project, "--method", "soft-vote", "--out", tmp_path)
    share = _array(tmp_path / "Head-one_soft-vote_probability.nii.gz")
    expected = (box_mask(4, 12) + box_mask(5, 12) + box_mask(4, 15)) / 3
    np.testing.assert_allclose(share, expected, atol=1e-6)


def test_fused_files_lie_on_the_grid_of_the_series(project: Path, tmp_path: Path) -> None:
    document = must("fuse", project, "--out", tmp_path)
    files = document["fusions"][0]["files"]
    assert len(files) == 2
    for name in files:
        image: Any = SimpleITK.ReadImage(name)
        assert image.GetSpacing() == pytest.approx(SPACING_MM[::-1])
        assert image.GetOrigin() == pytest.approx(ORIGIN_MM, abs=1e-4)
        assert image.GetDirection() == pytest.approx(DIRECTION, abs=1e-6)


def test_staple_of_simpleitk_agrees(project: Path, tmp_path: Path) -> None:
    must("fuse", project, "--method", "staple", "--out", tmp_path)
    ours = _array(tmp_path / "Head-one_staple_labels.nii.gz")
    masks = [box_mask(4, 12), box_mask(5, 12), box_mask(4, 15)]
    peer = SimpleITK.STAPLE([SimpleITK.GetImageFromArray(mask) for mask in masks], 1.0)
    np.testing.assert_array_equal(ours, _array_of(peer) > 0.5)


def _array_of(image: SimpleITK.Image) -> NDArray[Any]:
    return np.asarray(SimpleITK.GetArrayFromImage(image))


def test_fusing_again_is_the_same_fusion(project: Path) -> None:
    first = must("fuse", project, "--method", "staple")["fusions"][0]["fusion"]
    assert must("fuse", project, "--method", "staple")["fusions"][0]["fusion"] == first


def test_compare_gives_the_overlap_of_each_pair(project: Path) -> None:
    document = must("compare", project)
    (case,) = document["cases"]
    dice = {frozenset((p["rater_a"], p["rater_b"])): p["dice"] for p in case["pairs"]}
    assert dice[frozenset(("Ann", "Bob"))] == pytest.approx(2 * 7 / (8 + 7))
    assert dice[frozenset(("Ann", "Cy"))] == pytest.approx(2 * 8 / (8 + 11))
    assert document["labels"][0]["n_cases"] == 1
    assert "surface_definition" in document


def test_findings_are_ranked_and_stored(project: Path) -> None:
    document = must("findings", project)
    (case,) = document["cases"]
    assert case["rank"] == 1
    assert case["findings"]
    assert [entry["region"] for entry in case["findings"]] == list(
        range(1, len(case["findings"]) + 1)
    )
    assert must("findings", project) == document


def test_nifti_export_by_nibabel(project: Path, tmp_path: Path) -> None:
    must("fuse", project, "--method", "staple")
    document = must("export", project, tmp_path, "--format", "nifti")
    names = {entry["name"] for entry in document["files"]}
    assert {"Head-one_reading-Ann_labels.nii.gz", "Head-one_fused-staple_labels.nii.gz"} <= names
    read: Any = nibabel.load(tmp_path / "Head-one_reading-Cy_labels.nii.gz")
    np.testing.assert_array_equal(np.asarray(read.dataobj).transpose(2, 1, 0), box_mask(4, 15))


def test_manifest_keeps_earlier_formats(project: Path, tmp_path: Path) -> None:
    import hashlib

    must("export", project, tmp_path, "--format", "nifti")
    must("export", project, tmp_path, "--format", "csv")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    names = {entry["name"] for entry in manifest["files"]}
    assert "readings.csv" in names
    assert "Head-one_reading-Ann_labels.nii.gz" in names
    for entry in manifest["files"]:
        content = (tmp_path / entry["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        assert len(content) == entry["n_bytes"]


def test_tables(project: Path, tmp_path: Path) -> None:
    import csv

    must("findings", project)
    must("export", project, tmp_path, "--format", "csv")
    must("export", project, tmp_path, "--format", "json")
    content = json.loads((tmp_path / "project.json").read_text())
    for name in ("readings", "agreement", "diagnoses", "findings", "verdicts", "performance"):
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert len(rows) == len(content[name])
        for row, entry in zip(rows, content[name], strict=True):
            assert list(row) == list(entry)
    volumes = {row["rater"]: row["volume_mm3.1"] for row in content["readings"]}
    assert volumes["Ann"] == pytest.approx(4 * 12 * 8 * 2.4)


def test_dicom_seg_of_a_nifti_case_is_refused_with_the_reason(
    project: Path, tmp_path: Path
) -> None:
    message = refused("export", project, tmp_path, "--format", "dicom-seg")
    assert "not read from DICOM" in message


def test_another_grid_is_refused_with_the_reason(project: Path, tmp_path: Path) -> None:
    image: Any = SimpleITK.GetImageFromArray(box_mask(4, 12))
    SimpleITK.WriteImage(image, str(tmp_path / "elsewhere.nii.gz"))
    words = ("add-reading", project, "Head one", "--rater", "Ann", "--mask")
    message = refused(*words, tmp_path / "elsewhere.nii.gz")
    assert "spacing" in message
    assert "--resample" in message


def test_resampling_when_asked(tmp_path: Path) -> None:
    project = project_with_readings(tmp_path)
    fine: Any = SimpleITK.GetImageFromArray(np.repeat(box_mask(4, 12), 2, axis=2))
    fine.SetSpacing((SPACING_MM[2] / 2, SPACING_MM[1], SPACING_MM[0]))
    fine.SetDirection(DIRECTION)
    step = np.array(DIRECTION).reshape(3, 3)[:, 0] * SPACING_MM[2] / 4
    fine.SetOrigin(tuple(float(value) for value in np.array(ORIGIN_MM) - step))
    SimpleITK.WriteImage(fine, str(tmp_path / "fine.nii.gz"))
    must("add-rater", project, "Dee")
    must(
        "add-reading", project, "Head one", "--rater", "Dee", "--mask", tmp_path / "fine.nii.gz",
        "--resample",
    )  # fmt: skip
    must("export", project, tmp_path / "out", "--format", "nifti")
    read = _array(tmp_path / "out" / "Head-one_reading-Dee_labels.nii.gz")
    np.testing.assert_array_equal(read, box_mask(4, 12))


def test_values_that_the_schema_lacks(tmp_path: Path) -> None:
    project = project_with_readings(tmp_path)
    mask = write_volume(tmp_path / "seven.nii.gz", box_mask(4, 12, value=7))
    words = ("add-reading", project, "Head one", "--rater", "Ann", "--mask", mask)
    message = refused(*words)
    assert "7" in message
    assert "--extend" in message
    must(*words, "--extend")
    labels = must("list", project)["project"]["schema"]["labels"]
    assert [label["value"] for label in labels] == [1, 7]
    must("fuse", project, "--method", "staple", "--out", tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "Head-one_staple_labels.nii.gz",
        "Head-one_staple_probability.nii.gz",
        "Head-one_staple_probability_1.nii.gz",
        "Head-one_staple_probability_7.nii.gz",
    ]
    assert annotator("verify", project).code == 0


def test_diagnosis(tmp_path: Path) -> None:
    schema = {
        "name": "one-question",
        "title": "One question",
        "labels": [{"value": 1, "name": "Lesion", "color": "#ff0000"}],
        "fields": [
            {
                "key": "dignity",
                "title": "Dignity",
                "kind": "choice",
                "choices": [["benign", "Benign"], ["malignant", "Malignant"]],
            }
        ],
    }
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    project = tmp_path / "project"
    must("new", project, "--schema", tmp_path / "schema.json")
    for number in (1, 2):
        image = write_volume(tmp_path / f"case{number}.nii.gz", np.full(SHAPE, number, np.int16))
        must("import", project, image)
    must("add-rater", project, "Ann", "Bob")
    mask = write_volume(tmp_path / "mask.nii.gz", box_mask(4, 12))
    for case, rater, answer in (
        ("case1", "Ann", "benign"),
        ("case1", "Bob", "dignity=benign"),
        ("case2", "Ann", "malignant"),
        ("case2", "Bob", "malignant"),
    ):
        words = ("add-reading", project, case, "--rater", rater, "--mask", mask)
        told = must(*words, "--diagnosis", answer)
        assert told["diagnosis"] == {"dignity": answer.rpartition("=")[2]}
    message = refused(
        "add-reading", project, "case1", "--rater", "Ann", "--mask", mask, "--diagnosis", "bening"
    )
    assert "benign, malignant" in message
    (question,) = must("compare", project)["diagnoses"]
    assert question["krippendorff_alpha"] == pytest.approx(1.0)
    assert question["fleiss_kappa"] == pytest.approx(1.0)


def test_assigning(tmp_path: Path) -> None:
    project = project_with_readings(tmp_path)
    document = must("assign", project, "--raters", 2)
    assert document["added"] == 2
    assert len(document["assignments"]) >= 2
    assert "3" in refused("assign", project, "--raters", 9)


def test_models_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    from tests.phantoms import chest

    voxels, geometry, _, _ = chest((12, 64, 64), spacing_mm=6.0)
    image: Any = SimpleITK.GetImageFromArray(voxels)
    image.SetSpacing(geometry.spacing_mm[::-1])
    SimpleITK.WriteImage(image, str(tmp_path / "chest.nii.gz"))
    project = tmp_path / "project"
    must("new", project)
    must("import", project, tmp_path / "chest.nii.gz")
    message = refused("predict", project, "--model", "lungs")
    assert "CT" in message, "NIfTI does not say that it is a CT"


def test_a_prediction_of_a_dicom_ct(tmp_path: Path) -> None:
    from annotator.bundled import resource

    source = resource("sample/chest-ct-1")
    if not source.is_dir():
        pytest.skip("the sample CT is not there")
    project = tmp_path / "project"
    must("new", project, "--schema", "chest-ct")
    (case,) = must("import", project, source)["cases"]
    document = must("predict", project, "--model", "lungs")
    assert set(document) == {"model", "annotations", "skipped"}
    assert len(document["annotations"]) == 1
    (rater,) = must("list", project)["raters"]
    assert rater["is_model"]
    assert "two or more" in refused("fuse", project, case["id"])
    files = must("export", project, tmp_path / "out", "--format", "dicom-seg")["files"]
    assert [entry["role"] for entry in files] == ["reading"]


def test_plugins_lists_what_is_installed() -> None:
    document = must("plugins")
    assert {entry["name"] for entry in document["fusion_methods"]} >= {
        "majority",
        "soft-vote",
        "staple",
    }
    assert {entry["name"] for entry in document["models"]} >= {"vessels", "lungs", "body"}
    assert {entry["name"] for entry in document["export_formats"]} >= {
        "nifti",
        "dicom-seg",
        "csv",
        "json",
    }
    assert document["broken"] == []


def test_worker_has_nothing_to_do(project: Path) -> None:
    assert must("worker", project) == {"jobs_done": 0}


def test_verify(project: Path) -> None:
    document = must("verify", project)
    assert document["ok"] is True
    assert document["problems"] == []


def test_verify_names_a_changed_row(tmp_path: Path) -> None:
    import sqlite3

    project = project_with_readings(tmp_path)
    with sqlite3.connect(project / "project.sqlite") as database:
        database.execute("update audit_log set action = 'nothing' where rowid = 2")
    database.close()
    outcome = annotator("verify", project, "--json")
    assert outcome.code == 1
    assert outcome.document["ok"] is False
    assert outcome.document["problems"]
    assert outcome.document["error"]


def test_as_a_program(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "annotator", "list", str(project), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout)["cases"]

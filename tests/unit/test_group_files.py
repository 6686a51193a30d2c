"""Masks whose labels share voxels, out of a project and into it again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest

from annotator.analysis.runs import decode, encode
from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError
from annotator.domain.label_groups import MaskValues, with_overlaps
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Label, LabelSchema, Overlap
from annotator.jobs.export_tables import tables_of
from annotator.jobs.exporting import export_project
from annotator.session.session import Session
from annotator_builtins.dicom_seg_writer import DicomSegWriter
from annotator_builtins.nifti_writer import NiftiWriter
from tests.e2e.command_line import must, refused
from tests.exports import dicom_series, export_item, load_nifti, packaged, plain_series
from tests.unit.project_builder import SHAPE, add_case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

SCHEMA = with_overlaps(
    LabelSchema(
        name="liver",
        title="Liver and what is in it",
        labels=(
            Label(value=1, name="Liver", color="#cc7733", group="Organ"),
            Label(value=2, name="Spleen", color="#77cc33", group="Organ"),
            Label(value=3, name="Lesion", color="#3377cc", group="Finding", required=True),
            Label(value=5, name="Vessel", color="#cc3377", group="Finding"),
        ),
    )
)
VALUES = MaskValues(SCHEMA)


def two_groups(shape: tuple[int, ...]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return organs, and findings that lie inside of them and outside."""
    organ, finding = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    half = shape[1] // 2
    organ[:, :half] = 1
    organ[:-1, half + 1 :, :3] = 2
    finding[1:, half - 2 : half + 3, 1:4] = 3
    finding[0, 1:3, 2:] = 5
    return organ, finding


def joined(organ: NDArray[np.uint8], finding: NDArray[np.uint8]) -> NDArray[np.uint8]:
    pairs = np.stack([organ, finding]).reshape(2, -1).T.tolist()
    return np.array([VALUES.value(pair) for pair in pairs], np.uint8).reshape(organ.shape)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.create(tmp_path / "project", title="Liver", schema=SCHEMA) as made:
        add_case(made, 1)
        made.add_rater("Ada")
        yield made


def test_a_project_reads_back_what_it_exports(session: Session, tmp_path: Path) -> None:
    organ, finding = two_groups(SHAPE)
    mask = joined(organ, finding)
    assert len(np.unique(mask)) > 6, "labels alone and together"
    (case,) = session.cases()
    ada = session.store.raters()[0].rater_id
    session.store.add_annotation(case.case_id, ada, encode(mask), Diagnosis(), actor=ada)
    assert session.store.verify() == ()

    out = tmp_path / "out"
    report = export_project(session.store, session.registry, out, "nifti", None, no_progress)
    names = [entry.name for entry in report.files]
    stem = "Case-1_reading-Ada_labels"
    assert names == [f"{stem}_organ.nii.gz", f"{stem}_finding.nii.gz"]
    for name, plain in zip(names, (organ, finding), strict=True):
        assert np.array_equal(np.asarray(load_nifti(out / name).dataobj).T, plain)

    (row,) = tables_of(session.store, None, no_progress)["readings"].rows
    voxel = 2.0 * 0.5 * 0.5
    for label, plain in ((1, organ), (2, organ), (3, finding), (5, finding)):
        assert row[f"volume_mm3.{label}"] == voxel * np.count_nonzero(plain == label)

    must("add-rater", tmp_path / "project", "Ben")
    words = ("add-reading", tmp_path / "project", "Case 1", "--rater", "Ben")
    found = must(*words, *(word for name in names for word in ("--mask", out / name)))
    assert found["n_voxels"] == np.count_nonzero(mask)
    assert np.array_equal(decode(session.store.annotation_mask(found["annotation"])), mask)

    # a file that holds the project's own values, and one that contradicts another
    image = load_nifti(out / names[0])
    for name, voxels in (("both", mask), ("other", np.where(organ, 3 - organ, 0))):
        made = nibabel.Nifti1Image(voxels.T.astype(np.uint8), image.affine)
        nibabel.save(made, tmp_path / f"{name}.nii.gz")
    must("add-rater", tmp_path / "project", "Cleo")
    words = ("add-reading", tmp_path / "project", "Case 1", "--rater", "Cleo")
    found = must(*words, "--mask", tmp_path / "both.nii.gz")
    assert np.array_equal(decode(session.store.annotation_mask(found["annotation"])), mask)
    told = refused(
        *words, "--mask", out / names[0], "--mask", out / names[1], "--mask",
        tmp_path / "other.nii.gz",
    )  # fmt: skip
    assert "slice 1, row 8, column 1 is 'Liver' in one and 'Spleen' in another" in told


def test_values_that_the_schema_lacks_join_the_first_group(session: Session) -> None:
    (case,) = session.cases()
    session.add_rater("Ben")
    geometry = session.store.series(case.series_ids[0]).geometry
    organ, finding = two_groups(SHAPE)
    organ[organ == 2] = 40
    masks = (organ, geometry), ((finding, geometry),)
    with pytest.raises(AnnotatorError, match="values 40, which the schema 'liver' lacks"):
        session.add_reading(case.case_id, "Ben", *masks[0], others=masks[1])
    made = session.add_reading(case.case_id, "Ben", *masks[0], others=masks[1], extend=True)
    schema = session.project().schema
    assert schema.overlaps[: len(SCHEMA.overlaps)] == SCHEMA.overlaps
    values = MaskValues(schema)
    assert values.group_of(40) == "Organ"
    kept = decode(session.store.annotation_mask(made.annotation_id))
    for group, plain in (("Organ", organ), ("Finding", finding)):
        in_group = [values.in_group(value, group) for value in kept.reshape(-1).tolist()]
        assert np.array_equal(np.reshape(in_group, SHAPE), plain)
    assert session.store.verify() == ()


def test_a_group_has_the_probability_of_its_labels(tmp_path: Path) -> None:
    item = replace(export_item(plain_series()), schema=SCHEMA)
    rng = np.random.default_rng(1)
    maps = {value: rng.random(item.mask.shape, np.float32) * np.float32(0.5) for value in (1, 2, 3)}
    item = replace(item, mask=joined(*two_groups(item.mask.shape)), probability=maps, role="fused")
    found = {path.name for path in NiftiWriter().write(item, tmp_path, "case")}
    assert {name for name in found if "probability" in name} == {
        f"case_probability_{end}.nii.gz" for end in ("organ", "finding", "1", "2", "3")
    }
    read = np.asarray(load_nifti(tmp_path / "case_probability_organ.nii.gz").dataobj).T
    np.testing.assert_allclose(read, maps[1] + maps[2], atol=1e-6)


def test_groups_of_like_names_have_files_of_their_own(tmp_path: Path) -> None:
    names = {1: "A b", 2: "a-B", 3: "", 5: "7"}
    labels = tuple(replace(label, group=names[label.value]) for label in SCHEMA.labels)
    item = replace(
        export_item(plain_series()),
        schema=with_overlaps(replace(SCHEMA, labels=labels, overlaps=())),
    )
    paths = NiftiWriter().write(replace(item, mask=np.minimum(item.mask, 1)), tmp_path, "case")
    assert [path.name for path in paths] == [
        f"case_labels_{end}.nii.gz" for end in ("a-b", "a-b-2", "other", "7-2")
    ]


def test_segments_overlap_in_dicom(tmp_path: Path) -> None:
    series = dicom_series(sorted(packaged("dicomdirtests/77654033/CT2").iterdir()))
    organ, finding = two_groups(series.geometry.shape)
    item = replace(export_item(series), schema=SCHEMA, mask=joined(organ, finding))
    (path,) = DicomSegWriter().write(item, tmp_path, "stem")
    read = highdicom.seg.segread(path)
    assert [one.SegmentLabel for one in read.SegmentSequence] == [
        "Liver", "Spleen", "Lesion", "Vessel",
    ]  # fmt: skip
    assert read.SegmentsOverlap == "YES"
    assert series.dicom is not None
    frames = read.get_pixels_by_source_instance(list(series.dicom.sop_instance_uids))
    for number, (label, plain) in enumerate(((1, organ), (2, organ), (3, finding), (5, finding))):
        assert np.array_equal(frames[..., number] > 0, plain == label)
    by_hand = pydicom.dcmread(path)
    assert by_hand.SegmentationType == "BINARY"


def test_segments_of_which_two_together_have_a_higher_value_than_three_are_written(
    tmp_path: Path,
) -> None:
    labels = tuple(
        Label(value=value, name=f"Label {value}", color="#cc7733", group=group)
        for value, group in ((1, "a"), (2, "b"), (3, "c"), (255, "a"))
    )
    schema = with_overlaps(
        LabelSchema(
            name="n", title="N", labels=labels, overlaps=(Overlap(value=9, labels=(1, 2, 3)),)
        )
    )
    assert MaskValues(schema).value((1, 2)) > 255
    series = dicom_series(sorted(packaged("dicomdirtests/77654033/CT2").iterdir()))
    mask = np.zeros(series.geometry.shape, np.uint8)
    mask[:, :4], mask[:, 4:8] = 9, 255
    item = replace(export_item(series), schema=schema, mask=mask)
    (path,) = DicomSegWriter().write(item, tmp_path, "stem")
    numbers = [one.SegmentLabel for one in highdicom.seg.segread(path).SegmentSequence]
    assert numbers == ["Label 1", "Label 2", "Label 3", "Label 255"]

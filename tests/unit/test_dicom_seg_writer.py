from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import highdicom
import numpy as np
import pydicom
import pytest

from annotator.domain.errors import IntegrityError, UnsuitableError
from annotator.domain.reading import Annotation, Diagnosis
from annotator_builtins import dicom_seg_writer
from annotator_builtins.dicom_seg_writer import DicomSegWriter, person_name
from tests.exports import (
    dicom_series,
    export_item,
    packaged,
    plain_series,
    shared_dicom,
)
from tests.unit.dicom_builder import SeriesBuilder, random_slices

if TYPE_CHECKING:
    from annotator.api import MaskForExport
    from annotator.domain.study import Series

pytestmark = pytest.mark.unit


def _ct2() -> Series:
    return dicom_series(sorted(packaged("dicomdirtests/77654033/CT2").iterdir()))


def _tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _errors_of(path: Path) -> list[str]:
    done = subprocess.run(
        [_tool("dciodvfy"), str(path)], capture_output=True, text=True, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    assert any("Segmentation" in line for line in lines), lines
    return [line for line in lines if line.startswith("Error")]


def _written(item: MaskForExport, directory: Path) -> Path:
    (path,) = DicomSegWriter().write(item, directory, "stem")
    return path


@pytest.mark.parametrize("name", ["dicomdirtests/77654033/CT2", "MR_small.dcm"])
@pytest.mark.parametrize("are_files_gone", [False, True])
def test_passes_dciodvfy(tmp_path: Path, name: str, are_files_gone: bool) -> None:
    source = packaged(name)
    series = dicom_series(sorted(source.iterdir()) if source.is_dir() else [source])
    if are_files_gone:
        series = replace(series, paths=())
    assert _errors_of(_written(export_item(series), tmp_path)) == []


@pytest.mark.parametrize(
    "name",
    [
        "dcmqi/segmentations/ct-3slice",
        "dcmqi/segmentations/24x38x3/image",
        "dcmqi/segmentations/24x38x3/multiframe",
        "highdicom/ct_image.dcm",
    ],
)
def test_real_sources_pass_dciodvfy_and_highdicom_reads_them(tmp_path: Path, name: str) -> None:
    item = export_item(dicom_series(shared_dicom(name)))
    path = _written(item, tmp_path)
    assert _errors_of(path) == []
    read = highdicom.seg.segread(path)
    assert read.number_of_segments == 2
    assert read.segmentation_type.value == "BINARY"


def test_a_picture_without_position_passes_dciodvfy(tmp_path: Path) -> None:
    item = export_item(dicom_series([packaged("SC_rgb_rle.dcm")]))
    assert _errors_of(_written(item, tmp_path)) == []


def test_a_radiograph_without_position_passes_dciodvfy(tmp_path: Path) -> None:
    item = export_item(dicom_series(shared_dicom("highdicom/dx_image.dcm")))
    assert _errors_of(_written(item, tmp_path)) == []


def test_dcmqi_reads_the_same_voxels(tmp_path: Path) -> None:
    import SimpleITK

    item = export_item(dicom_series(shared_dicom("dcmqi/segmentations/ct-3slice")))
    mask = np.where(item.mask == 1, 1, 0).astype(np.uint8)
    path = _written(replace(item, mask=mask), tmp_path)
    subprocess.run(
        [_tool("segimage2itkimage"), "-t", "nrrd", "--outputDirectory", str(tmp_path), "-p", "read",
         "--inputDICOM", str(path)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    image: Any = SimpleITK.ReadImage(str(tmp_path / "read-1.nrrd"))
    read = SimpleITK.GetArrayFromImage(image)
    geometry = item.series.geometry
    whole = np.zeros_like(mask)
    for index in np.argwhere(read > 0):
        point = image.TransformIndexToPhysicalPoint([int(value) for value in index[::-1]])
        offset = np.subtract(point, geometry.origin_mm) @ np.reshape(geometry.direction, (3, 3))
        x, y, z = np.round(offset / np.array(geometry.spacing_mm[::-1])).astype(int)
        whole[z, y, x] = 1
    np.testing.assert_array_equal(whole, mask)


def test_says_who_drew_it_and_from_what(tmp_path: Path) -> None:
    series = _ct2()
    read = pydicom.dcmread(_written(export_item(series), tmp_path))
    assert str(read.ContentCreatorName) == "Dr. Anna Müller"
    assert read.ContentLabel == "READING"
    assert series.dicom is not None
    assert read.StudyInstanceUID == series.dicom.study_uid
    references = read.ReferencedSeriesSequence[0]
    assert references.SeriesInstanceUID == series.dicom.series_uid
    uids = {entry.ReferencedSOPInstanceUID for entry in references.ReferencedInstanceSequence}
    assert uids == set(series.dicom.sop_instance_uids)


def test_segments_are_coded_from_the_schema(tmp_path: Path) -> None:
    first, second = pydicom.dcmread(_written(export_item(_ct2()), tmp_path)).SegmentSequence
    assert first.SegmentLabel == "Lung"
    assert first.SegmentedPropertyTypeCodeSequence[0].CodeValue == "39607008"
    assert first.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "123037004"
    assert second.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Tissue"
    assert first.TrackingUID != second.TrackingUID
    assert first.SegmentAlgorithmType == "MANUAL"


def test_a_label_that_was_not_drawn_has_no_segment(tmp_path: Path) -> None:
    item = export_item(_ct2())
    only = replace(item, mask=np.where(item.mask == 4, 4, 0).astype(np.uint8))
    (segment,) = pydicom.dcmread(_written(only, tmp_path)).SegmentSequence
    assert segment.SegmentLabel == "Something"


def test_says_how_far_a_machine_drew_it(tmp_path: Path) -> None:
    item = export_item(_ct2())
    started = Annotation(
        annotation_id="b",
        case_id="c0ffee",
        rater_id="r",
        revision=1,
        parent_id=None,
        started_from_id="a",
        diagnosis=Diagnosis(),
        created_at="",
    )
    variants = {
        "AUTOMATIC": replace(item, is_automatic=True),
        "SEMIAUTOMATIC": replace(item, annotation=started),
    }
    for expected, variant in variants.items():
        segment = pydicom.dcmread(_written(variant, tmp_path)).SegmentSequence[0]
        assert segment.SegmentAlgorithmType == expected
        assert segment.SegmentAlgorithmName == item.creator
    adjudicated = replace(item, role="adjudicated")
    segment = pydicom.dcmread(_written(adjudicated, tmp_path)).SegmentSequence[0]
    assert segment.SegmentAlgorithmType == "SEMIAUTOMATIC"


def test_an_empty_mask_is_refused(tmp_path: Path) -> None:
    item = export_item(_ct2())
    with pytest.raises(UnsuitableError, match="nothing is drawn"):
        DicomSegWriter().write(replace(item, mask=np.zeros_like(item.mask)), tmp_path, "stem")


def test_a_case_not_from_dicom_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableError, match="not read from DICOM"):
        DicomSegWriter().write(export_item(plain_series()), tmp_path, "stem")


def test_a_video_is_refused(tmp_path: Path) -> None:
    series = dicom_series([packaged("examples_ybr_color.dcm")])
    with pytest.raises(UnsuitableError, match="position"):
        DicomSegWriter().write(export_item(series), tmp_path, "stem")


def test_a_video_with_a_frame_of_reference_is_refused_in_words(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path, modality="US")
    data = builder.dataset(random_slices(1)[0], None)
    data.NumberOfFrames = 4
    data.PixelData = random_slices(4).tobytes()
    item = export_item(dicom_series([builder.save(data)]))
    with pytest.raises(UnsuitableError, match="frames have no position in a patient"):
        DicomSegWriter().write(item, tmp_path, "stem")


def test_images_without_a_uid_are_refused_in_words(tmp_path: Path) -> None:
    series = dicom_series([packaged("MR_small.dcm")])
    assert series.dicom is not None
    nameless = replace(series, dicom=replace(series.dicom, sop_instance_uids=("",)))
    with pytest.raises(UnsuitableError, match="no SOPInstanceUID"):
        DicomSegWriter().write(export_item(nameless), tmp_path, "stem")


def test_a_file_that_reads_back_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = dicom_seg_writer._numbered

    def spoiled(*arguments: object) -> object:
        numbered = real(*arguments)  # type: ignore[arg-type]
        numbered[0, -1, -1] = 1
        return numbered

    monkeypatch.setattr(dicom_seg_writer, "_numbered", spoiled)
    with pytest.raises(IntegrityError, match="other voxels"):
        DicomSegWriter().write(export_item(_ct2()), tmp_path, "stem")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Dr. Anna Müller", "Dr. Anna Müller"),
        ("Meyer^Anna=x\\y", "Meyer Anna x y"),
        ("  spaced\tout\n", "spaced out"),
        ("", "unknown"),
        ("x" * 100, "x" * 64),
    ],
)
def test_person_names_are_safe(given: str, expected: str) -> None:
    assert person_name(given) == expected

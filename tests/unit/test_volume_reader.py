from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.api import ReadSeries, ScanResult, no_progress
from annotator_builtins.dicom_reader import DicomReader
from annotator_builtins.volume_reader import VolumeReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry

pytestmark = pytest.mark.unit

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def scan(path: Path) -> ScanResult:
    return VolumeReader().scan([path], no_progress)


def read_one(path: Path) -> ReadSeries:
    (found,) = scan(path).found
    return found.read(no_progress)


def reason(path: Path) -> str:
    result = scan(path)
    assert result.found == ()
    (skipped,) = result.skipped
    return skipped.reason


def affine_of(geometry: Geometry) -> NDArray[np.float64]:
    """Return the 4 x 4 matrix from (x, y, z) indices to RAS mm, as nibabel gives it."""
    affine = np.eye(4)
    spacing = np.array(geometry.spacing_mm[::-1])
    affine[:3, :3] = np.reshape(geometry.direction, (3, 3)) * spacing
    affine[:3, 3] = geometry.origin_mm
    return RAS_TO_LPS @ affine


def nibabel_image(path: Path) -> Any:  # noqa: ANN401  (nibabel's types lack the affine)
    return nibabel.load(path)


def save_nifti(path: Path, voxels: NDArray[Any], affine: NDArray[np.float64]) -> Path:
    """Write voxels (x, y, z) with the same sform and qform."""
    image = nibabel.Nifti1Image(voxels, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    nibabel.save(image, path)
    return path


def shared(*parts: str) -> Path:
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"third-party test data is not here: {'/'.join(parts)}")
    return path


@settings(deadline=None, max_examples=25)
@given(
    quaternion=st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1),
    spacing=st.tuples(*[st.floats(0.2, 5)] * 3),
    origin=st.tuples(*[st.floats(-300, 300)] * 3),
    flip=st.booleans(),
)
def test_affine_is_that_of_nibabel(
    tmp_path_factory: pytest.TempPathFactory,
    quaternion: tuple[float, ...],
    spacing: tuple[float, ...],
    origin: tuple[float, ...],
    flip: bool,
) -> None:
    rotation = nibabel.quaternions.quat2mat(np.array(quaternion) / np.linalg.norm(quaternion))
    if flip:
        rotation = rotation * [1, 1, -1]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = rotation * spacing, origin
    voxels = np.random.default_rng(0).integers(-99, 99, (4, 5, 6), dtype=np.int16)
    path = save_nifti(tmp_path_factory.mktemp("nifti") / "v.nii", voxels, affine)
    read = read_one(path)
    assert np.array_equal(read.voxels, voxels.T)
    assert np.allclose(affine_of(read.series.geometry), nibabel_image(path).affine, atol=2e-4)
    assert read.series.notes == ()


@pytest.mark.parametrize("folder", ["orientations", "spinal-cord", "hippocampus"])
def test_real_files_have_the_affine_of_nibabel(folder: str) -> None:
    files = sorted(shared(folder).rglob("*.nii.gz"))[:30]
    for path in files:
        if path.name == "shear.nii.gz":
            continue
        image = nibabel_image(path)
        read = read_one(path)
        assert np.allclose(affine_of(read.series.geometry), image.affine, atol=1e-3), path
        assert np.allclose(read.voxels, np.asarray(image.dataobj).T), path


def test_axis_orders_of_one_head_agree_in_the_patient() -> None:
    folder = shared("orientations", "packages", "niivue", "tests", "images", "nifti_space")
    centres = []
    for path in sorted(folder.glob("*.nii.gz")):
        read = read_one(path)
        weights = read.voxels.astype(float)
        index = [
            float((weights * axis).sum() / weights.sum()) for axis in np.indices(weights.shape)
        ]
        centres.append(read.series.geometry.to_lps_mm((index[0], index[1], index[2])))
    assert np.ptp(np.array(centres), axis=0).max() < 0.01


def test_sheared_sform_with_good_qform_is_told() -> None:
    path = shared("orientations", "packages", "niivue", "demos", "images", "shear.nii.gz")
    (note,) = read_one(path).series.notes
    assert "The sform is sheared" in note
    assert "The qform was used" in note


def test_shear_alone_is_refused(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[0, 2] = 0.5
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), affine)
    image.set_sform(affine, 1)
    image.set_qform(None, 0)
    nibabel.save(image, tmp_path / "v.nii")
    assert "not perpendicular" in reason(tmp_path / "v.nii") or "orthonormal" in reason(
        tmp_path / "v.nii"
    )


def test_sform_and_qform_that_differ_are_told(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4))
    moved = np.eye(4)
    moved[:3, 3] = 7
    image.set_sform(np.eye(4), 2)
    image.set_qform(moved, 1)
    nibabel.save(image, tmp_path / "v.nii")
    read = read_one(tmp_path / "v.nii")
    assert "differ by up to 7 mm" in read.series.notes[0]
    used = "sform" if read.series.geometry.origin_mm == (0, 0, 0) else "qform"
    assert f"The {used} was used" in read.series.notes[0]


def test_nifti_without_position_is_told(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), None)
    image.header.set_zooms((2, 2, 3))
    nibabel.save(image, tmp_path / "v.nii")
    read = read_one(tmp_path / "v.nii")
    assert read.series.geometry.spacing_mm == (3, 2, 2)
    assert "says nothing of its position" in read.series.notes[0]


def test_few_volumes_in_one_file_become_series(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 99, (4, 5, 6, 3), dtype=np.int16)
    path = save_nifti(tmp_path / "four.nii.gz", voxels, np.diag([1.5, 2, 3, 1]))
    found = scan(path).found
    assert [item.title for item in found] == ["four · 1", "four · 2", "four · 3"]
    for time, item in enumerate(found):
        read = item.read(no_progress)
        assert np.array_equal(read.voxels, voxels[..., time].T)
        assert np.array_equal(item.first_slice(), read.voxels[0])
        assert np.allclose(affine_of(read.series.geometry), np.diag([1.5, 2, 3, 1]))
        assert "holds 3 volumes" in read.series.notes[0]


def test_many_volumes_are_refused(tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "f.nii", np.zeros((2, 2, 2, 40), np.int16), np.eye(4))
    assert "2 × 2 × 2 × 40" in reason(path)


def test_two_dimensions_are_a_picture(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(np.arange(20, dtype=np.uint8).reshape(4, 5))
    SimpleITK.WriteImage(image, str(tmp_path / "p.mha"))
    read = read_one(tmp_path / "p.mha")
    assert read.series.kind == "picture"
    assert read.voxels.shape == (1, 4, 5)


def test_colour_volume_keeps_its_channels(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 255, (3, 4, 5, 3), dtype=np.uint8)
    SimpleITK.WriteImage(
        SimpleITK.GetImageFromArray(voxels, isVector=True), str(tmp_path / "c.nrrd")
    )
    read = read_one(tmp_path / "c.nrrd")
    assert np.array_equal(read.voxels, voxels)
    assert read.series.n_channels == 3


def test_fields_of_vectors_are_refused(tmp_path: Path) -> None:
    voxels = np.zeros((3, 4, 5, 3), np.float32)
    SimpleITK.WriteImage(
        SimpleITK.GetImageFromArray(voxels, isVector=True), str(tmp_path / "d.nrrd")
    )
    assert "each voxel holds 3 values of float32" in reason(tmp_path / "d.nrrd")


def huge_nifti() -> bytes:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    raw = bytearray(header.binaryblock)
    struct.pack_into("<8h", raw, 40, 3, 32767, 32767, 32767, 1, 1, 1, 1)
    struct.pack_into("<f", raw, 108, 352.0)
    return bytes(raw) + bytes(1000)


HUGE = {
    "huge.nii": huge_nifti(),
    "huge.nii.gz": gzip.compress(huge_nifti()),
    "huge.nrrd": b"NRRD0004\ntype: short\ndimension: 3\nsizes: 100000 100000 100000\n"
    b"encoding: raw\nendian: little\n\n" + bytes(1000),
    "huge.mha": b"ObjectType = Image\nNDims = 3\nDimSize = 100000 100000 100000\n"
    b"ElementType = MET_SHORT\nElementSpacing = 1 1 1\nElementDataFile = LOCAL\n" + bytes(1000),
}


@pytest.mark.parametrize("name", sorted(HUGE))
def test_huge_claims_are_refused_with_both_sizes(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(HUGE[name])
    said = reason(tmp_path / name)
    assert "header claims" in said
    assert f"{len(HUGE[name]):,} bytes" in said


def test_missing_data_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "v.mhd").write_text(
        "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_SHORT\n"
        "ElementDataFile = v.raw\n"
    )
    assert "v.raw, which is not beside it" in reason(tmp_path / "v.mhd")


def test_slicer_segmentations_are_not_images(tmp_path: Path) -> None:
    (tmp_path / "s.seg.nrrd").write_bytes(b"NRRD0004\n")
    assert "a segmentation, not an image" in reason(tmp_path / "s.seg.nrrd")


def test_bad_files_leave_stderr_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, content in HUGE.items():
        (tmp_path / name).write_bytes(content[: len(content) // 3])
    scan(tmp_path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "case", ["compressed", "compressed_rle", "compressed_jpegls", "compressed_j2k"]
)
def test_dicom_and_the_nifti_that_others_made_of_it_agree(case: str) -> None:
    folder = shared("dicom2nifti", "generic", case)
    (dicom,) = DicomReader().scan([folder / "001"], no_progress).found
    ours = dicom.read(no_progress)
    truth = nibabel_image(folder / "001_ground_truth.nii.gz")
    lps = RAS_TO_LPS @ truth.affine
    ours_affine = RAS_TO_LPS @ affine_of(ours.series.geometry)
    to_ours = np.linalg.inv(ours_affine) @ lps
    expected = np.asarray(truth.dataobj)
    index = np.stack([*np.indices(expected.shape), np.ones(expected.shape)], axis=-1)
    x, y, z, _ = np.moveaxis(np.rint(index @ to_ours.T).astype(int), -1, 0)
    assert np.abs(index @ to_ours.T - np.rint(index @ to_ours.T)).max() < 0.01
    assert np.array_equal(ours.voxels[z, y, x], expected)

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from annotator.api import ReadSeries, ScanResult, no_progress
from annotator.domain.errors import UnreadableError
from annotator_builtins.volume_reader import VolumeReader

pytestmark = pytest.mark.unit

HEADER = "NDims = 3\nDimSize = 2 2 2\nElementType = MET_SHORT\nElementSpacing = 1 1 1\n"
LOCAL = "ElementDataFile = LOCAL\n"
NRRD = "NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\nendian: little\n"
EIGHT = np.arange(8, dtype="<i2").tobytes()
PACKED = gzip.compress(b"xx" + EIGHT)
ODD_FILES = {
    "end.mha": f"{HEADER}HeaderSize = -1\n{LOCAL}junk".encode() + EIGHT,
    "skip.mhd": f"{HEADER}HeaderSize = 3\nElementDataFile = three.raw\n".encode(),
    "list.mhd": f"{HEADER}ElementDataFile = LIST\ns1.raw\ns2.raw\n".encode(),
    "pattern.mhd": f"{HEADER}ElementDataFile = s%d.raw 1 2 1\n".encode(),
    "text.mha": f"{HEADER}BinaryData = False\n{LOCAL}0 1 2 3 4 5 6 7\n".encode(),
    "end.nrrd": f"{NRRD}encoding: raw\nbyte skip: -1\n\nxx".encode() + EIGHT,
    "bytes.nrrd": f"{NRRD}encoding: raw\nbyte skip: 2\n\nxx".encode() + EIGHT,
    "lines.nrrd": f"{NRRD}encoding: raw\nline skip: 1\n\nxx\n".encode() + EIGHT,
    "packed.nrrd": f"{NRRD}encoding: gzip\nbyte skip: 2\n\n".encode() + PACKED,
    "hex.nrrd": f"{NRRD}encoding: hex\n\n{EIGHT.hex()}".encode(),
    "text.nrrd": f"{NRRD}encoding: txt\n\n0 1 2 3 4 5 6 7".encode(),
    "list.nhdr": f"{NRRD}encoding: raw\ndata file: LIST\ns1.raw\ns2.raw\n".encode(),
    "pattern.nhdr": f"{NRRD}encoding: raw\ndata file: s%d.raw 1 2 1\n".encode(),
}


def scan(path: Path) -> ScanResult:
    return VolumeReader().scan([path], no_progress)


def read_one(path: Path) -> ReadSeries:
    (found,) = scan(path).found
    return found.read(no_progress)


def image() -> SimpleITK.Image:
    """Return 6 x 40 x 30 voxels of noise, so that compression has something to do."""
    voxels = np.random.default_rng(0).integers(-500, 500, (6, 40, 30), dtype=np.int16)
    return SimpleITK.GetImageFromArray(voxels)


def write(folder: Path, suffix: str, *, is_compressed: bool) -> tuple[Path, Path]:
    """Write a volume; returns the file with its header and the one with its voxels."""
    path = folder / f"v{suffix}"
    SimpleITK.WriteImage(image(), str(path), useCompression=is_compressed)
    return path, next((other for other in folder.iterdir() if other != path), path)


def problem(path: Path) -> str:
    """Return why a file is not read, at the scan or at the read, in words of ours."""
    result = scan(path)
    if result.found:
        with pytest.raises(UnreadableError) as caught:
            result.found[0].read(no_progress)
        said = str(caught.value)
    else:
        said = result.skipped[0].reason
    assert not any(part in said for part in ("ImageIO", "0x", "No such file", "[nrrd]", "sitk"))
    return said


@pytest.mark.parametrize("cut", [1, 20, 200, 5000])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
@pytest.mark.parametrize("is_compressed", [False, True])
def test_cut_voxels_are_refused_in_words(
    tmp_path: Path, suffix: str, cut: int, is_compressed: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    path, data = write(tmp_path, suffix, is_compressed=is_compressed and suffix != ".nii")
    data.write_bytes(data.read_bytes()[:-cut])
    assert "cut off" in problem(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_flipped_bits_in_compressed_voxels_are_refused(tmp_path: Path, suffix: str) -> None:
    path, data = write(tmp_path, suffix, is_compressed=True)
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 0xFF
    data.write_bytes(content)
    assert "damaged" in problem(path)


def test_whole_stream_of_too_few_voxels_is_refused(tmp_path: Path) -> None:
    path, _ = write(tmp_path, ".nii", is_compressed=False)
    (tmp_path / "s.nii.gz").write_bytes(gzip.compress(path.read_bytes()[:-400]))
    assert "14,352 of the 14,752 bytes" in problem(tmp_path / "s.nii.gz")


def test_streams_that_were_joined_are_read_as_one(tmp_path: Path) -> None:
    path, _ = write(tmp_path, ".nii", is_compressed=False)
    whole = path.read_bytes()
    joined = gzip.compress(whole[:5000]) + gzip.compress(whole[5000:])
    (tmp_path / "j.nii.gz").write_bytes(joined)
    assert np.array_equal(read_one(tmp_path / "j.nii.gz").voxels, read_one(path).voxels)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("v.nii.gz", "not a NIfTI file"),
        ("v.nrrd", "not an NRRD file"),
        ("v.mha", "not a MetaImage"),
    ],
)
def test_what_is_something_else_is_told_in_words(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_bytes(b"a shopping list")
    assert words in problem(tmp_path / name)


def test_scaled_nifti_is_not_taken_for_cut(tmp_path: Path) -> None:
    nifti = nibabel.Nifti1Image(np.ones((4, 5, 6), np.int16), np.eye(4))
    nifti.header.set_slope_inter(2, 10)
    nibabel.save(nifti, tmp_path / "v.nii")
    read = read_one(tmp_path / "v.nii")
    assert (read.series.dtype, np.unique(read.voxels).tolist()) == ("float32", [12.0])


@pytest.mark.parametrize("name", sorted(ODD_FILES))
def test_odd_places_of_voxels_are_read_and_their_cuts_are_not(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(ODD_FILES[name])
    (tmp_path / "s1.raw").write_bytes(EIGHT[:8])
    (tmp_path / "s2.raw").write_bytes(EIGHT[8:])
    (tmp_path / "three.raw").write_bytes(b"abc" + EIGHT)
    assert read_one(path).voxels.ravel().tolist() == list(range(8))
    if name.startswith("end"):
        return
    used = [path, *(Path(data) for data in scan(path).found[0].paths)][-1]
    used.write_bytes(used.read_bytes()[:-3])
    assert "cut off" in problem(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (HEADER.replace("2 2 2", "2 2") + LOCAL, "DimSize '2 2'"),
        (HEADER.replace("SHORT", "FOO") + LOCAL, "ElementType 'MET_FOO'"),
        (HEADER, "not say where its voxels are"),
        (f"{HEADER}CompressedData = True\n{LOCAL}", "CompressedDataSize"),
        (f"{HEADER}ElementDataFile = s%900000000d.raw 1 2 1\n", "which is no name"),
        (f"{HEADER}ElementDataFile = s%d.raw 1 2 1\n", "s1.raw, which is not beside it"),
    ],
)
def test_damaged_meta_headers_are_told_in_words(
    tmp_path: Path, header: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "v.mha").write_text(header)
    assert words in problem(tmp_path / "v.mha")
    assert capfd.readouterr().err == ""


def test_files_of_voxels_belong_to_their_header(tmp_path: Path) -> None:
    write(tmp_path, ".mhd", is_compressed=False)
    (found,) = scan(tmp_path).found
    assert [Path(path).name for path in found.paths] == ["v.mhd", "v.raw"]
    (tmp_path / "v.raw").write_bytes(b"short")
    skipped = {Path(item.path).name: item.reason for item in scan(tmp_path).skipped}
    assert set(skipped) == {"v.mhd", "v.raw"}
    assert "v.mhd, which was not read" in skipped["v.raw"]


@pytest.mark.parametrize("name", ["text.mha", "text.nrrd"])
def test_volume_without_spacing_is_not_calibrated(tmp_path: Path, name: str) -> None:
    content = ODD_FILES[name].replace(b"ElementSpacing = 1 1 1\n", b"")
    (tmp_path / name).write_bytes(content)
    series = read_one(tmp_path / name).series
    assert not series.geometry.is_calibrated
    assert "no size of a voxel" in series.notes[-1]

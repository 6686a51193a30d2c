from __future__ import annotations

import struct
from pathlib import Path

import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, JPEGLSLossless

from annotator.api import no_progress
from annotator_builtins.dicom_fast import HeaderWalker
from tests.unit.dicom_builder import SeriesBuilder, decimals, random_slices, read_one, scan

pytestmark = pytest.mark.unit


def skipped(folder: Path) -> dict[str, str]:
    """Return what was skipped of a folder, by name, with the reason."""
    return {Path(item.path).name: item.reason for item in scan(folder).skipped}


def good_series(folder: Path) -> None:
    builder = SeriesBuilder(folder=folder, series_uid="1.2.3")
    for index, voxels in enumerate(random_slices(3)):
        builder.add(voxels, (0, 0, 3.0 * index))


def nest(path: Path, depth: int) -> None:
    """Put sequences within sequences, of undefined length, into a file."""
    begin = struct.pack("<HH2sHI", 9, 0x1010, b"SQ", 0, 0xFFFFFFFF)
    begin += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    content = path.read_bytes()
    place = content.index(b"\x10\x00\x10\x00PN")
    path.write_bytes(content[:place] + begin * depth + end * depth + content[place:])


@pytest.mark.parametrize("depth", [300, 5000])
def test_nested_sequences_do_not_stop_the_scan(tmp_path: Path, depth: int) -> None:
    good_series(tmp_path)
    deep = SeriesBuilder(folder=tmp_path).save(
        SeriesBuilder(folder=tmp_path).dataset(random_slices(1)[0], (0, 0, 0)), "deep.dcm"
    )
    nest(deep, depth)
    assert HeaderWalker().read(str(deep)) is None
    result = scan(tmp_path)
    assert "P1 · Phantom" in [found.title for found in result.found]
    assert {str(tmp_path / "deep.dcm")} >= {item.path for item in result.skipped}
    for item in result.skipped:
        assert "too deeply" in item.reason


@pytest.mark.parametrize("syntax", [JPEGLSLossless, DeflatedExplicitVRLittleEndian])
def test_claim_of_many_frames_is_refused_before_they_are_listed(
    tmp_path: Path, syntax: UID
) -> None:
    good_series(tmp_path)
    builder = SeriesBuilder(folder=tmp_path)
    data = builder.dataset(random_slices(1)[0], None)
    data.NumberOfFrames = 300_000_000
    data.file_meta.TransferSyntaxUID = syntax
    if syntax == JPEGLSLossless:
        data.PixelData = encapsulate([b"1234", b"5678"])
        data["PixelData"].is_undefined_length = True
    data.save_as(tmp_path / "bomb.dcm", enforce_file_format=True)
    result = scan(tmp_path)
    assert len(result.found) == 1
    assert "claims 300,000,000 frames" in skipped(tmp_path)["bomb.dcm"]


def test_a_video_stream_is_refused_in_words(tmp_path: Path) -> None:
    data = SeriesBuilder(folder=tmp_path).dataset(random_slices(1)[0], None)
    data.NumberOfFrames = 20
    data.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")
    data.PixelData = encapsulate([b"1234"])
    data["PixelData"].is_undefined_length = True
    data.save_as(tmp_path / "video.dcm", enforce_file_format=True)
    assert "a video stream (MPEG-4" in skipped(tmp_path)["video.dcm"]


def test_damaged_copies_refuse_their_series_alone(tmp_path: Path) -> None:
    good_series(tmp_path)
    builder = SeriesBuilder(folder=tmp_path, n_written=10, series_uid="1.9")
    for _ in range(2):
        data = builder.dataset(random_slices(1)[0], (0, 0, 0))
        data.file_meta.TransferSyntaxUID = JPEGLSLossless
        data.PixelData = encapsulate([b"1234"])
        data["PixelData"].is_undefined_length = True
        data.save_as(tmp_path / f"bad{builder.n_written}.dcm", enforce_file_format=True)
        builder.n_written += 1
    assert len(scan(tmp_path).found) == 1
    assert sorted(skipped(tmp_path)) == ["bad10.dcm", "bad11.dcm"]


def volume(folder: Path, n: int = 6, step_mm: float = 3.0, **attributes: object) -> SeriesBuilder:
    """Write an upright series with some attributes changed."""
    builder = SeriesBuilder(folder=folder)
    for index, voxels in enumerate(random_slices(n)):
        builder.add(voxels, (0, 0, step_mm * index), **attributes)
    return builder


def notes_of(folder: Path) -> str:
    """Return the notes of all series of a folder."""
    return " ".join(
        note for found in scan(folder).found for note in found.read(no_progress).series.notes
    )


def test_thinned_series_are_told_by_spacing(tmp_path: Path) -> None:
    volume(tmp_path, step_mm=6.0, SpacingBetweenSlices="3")
    notes = notes_of(tmp_path)
    assert "says 3 mm between slices, but their positions are 6 mm apart" in notes
    assert "slices may be missing" in notes


def test_thinned_series_are_told_by_instance_numbers(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    for index, voxels in enumerate(random_slices(6)):
        builder.add(voxels, (0, 0, 6.0 * index), InstanceNumber=2 * index + 1)
    assert "steps of 2 (1, 3, 5…): slices may be missing" in notes_of(tmp_path)


@pytest.mark.parametrize("said", ["3", "-3", "3.2", "0", ""])
def test_spacing_that_agrees_is_not_told(tmp_path: Path, said: str) -> None:
    volume(tmp_path, SpacingBetweenSlices=said or None)
    assert notes_of(tmp_path) == ""


def test_interleaved_echoes_are_not_taken_for_thinned(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    for index, voxels in enumerate(random_slices(12)):
        builder.add(voxels, (0, 0, 3.0 * (index // 2)), EchoTime=str(10 + index % 2))
    assert len(scan(tmp_path).found) == 2
    assert "steps of" not in notes_of(tmp_path)


def test_a_slice_without_position_is_told_on_both_sides(tmp_path: Path) -> None:
    builder = volume(tmp_path)
    data = builder.dataset(random_slices(1, seed=9)[0], (0, 0, 18))
    del data.ImagePositionPatient
    builder.save(data, "stray")
    stray, rest = sorted(scan(tmp_path).found, key=lambda found: len(found.paths))
    assert len(rest.paths) == 6
    assert "no position, unlike that of 6 other slices" in stray.read(no_progress).series.notes[0]
    assert (
        "1 slice of the series (stray) gave no position" in rest.read(no_progress).series.notes[0]
    )


@pytest.mark.parametrize(
    "orientation", [(1, 0, 0, 0, 1.5, 0), (1, 0, 0, 0.5, 0.866, 0), (0, 0, 0, 0, 0, 0)]
)
def test_invalid_orientation_is_refused_with_its_values(
    tmp_path: Path, orientation: tuple[float, ...]
) -> None:
    volume(tmp_path, ImageOrientationPatient=decimals(orientation))
    reasons = set(skipped(tmp_path).values())
    assert len(skipped(tmp_path)) == 6
    (said,) = reasons
    assert "the orientation is invalid" in said
    assert f"{orientation[4]:g}" in said


def test_a_picture_with_invalid_orientation_is_read_with_a_note(tmp_path: Path) -> None:
    volume(tmp_path, n=1, ImageOrientationPatient=decimals((0, 0, 0, 0, 0, 0)))
    assert "The orientation is invalid (0.0, 0.0" in notes_of(tmp_path)


def test_orientation_of_slightly_wrong_length_is_mended_and_told(tmp_path: Path) -> None:
    volume(tmp_path, ImageOrientationPatient=decimals((1, 0, 0, 0, 1.04, 0)))
    read = read_one(tmp_path)
    assert read.series.geometry.direction == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert "(1, 0, 0, 0, 1.04, 0) were brought to length 1" in read.series.notes[0]


def test_repeated_slices_are_skipped_by_name(tmp_path: Path) -> None:
    builder = volume(tmp_path)
    first = next(path for path in sorted(tmp_path.iterdir()))
    again = builder.dataset(random_slices(6)[0], (0, 0, 0))
    again.InstanceNumber = 7
    builder.save(again, "twice")
    assert first.name == "00000"
    assert f"repeats the position and pixels of {first}" in skipped(tmp_path)["twice"]
    assert "1 slice repeats the position and pixels" in notes_of(tmp_path)


def test_a_change_of_spacing_is_not_called_missing_slices(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    depths = [0, 3, 6, 9, 12, 13.5, 15, 16.5, 18, 19.5]
    for depth, voxels in zip(depths, random_slices(10), strict=True):
        builder.add(voxels, (0, 0, depth))
    notes = notes_of(tmp_path)
    assert "changes: 3 mm in slices 1 to 5, 1.5 mm in slices 6 to 10" in notes
    assert "missing" not in notes

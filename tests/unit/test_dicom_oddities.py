from __future__ import annotations

import struct
from pathlib import Path

import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, JPEGLSLossless

from annotator_builtins.dicom_fast import HeaderWalker
from tests.unit.dicom_builder import SeriesBuilder, random_slices, scan

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

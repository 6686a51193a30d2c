from __future__ import annotations

import contextlib
import functools
import importlib.util
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom.data
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedCTImageStorage

from annotator.api import no_progress
from annotator.domain.errors import UnreadableError
from annotator_builtins.dicom_datasets import read_headers
from annotator_builtins.dicom_fast import HeaderWalker
from annotator_builtins.dicom_reader import DicomReader
from tests.unit.dicom_builder import SeriesBuilder, decimals, random_slices, read_one, scan

if TYPE_CHECKING:
    from annotator.api import ReadSeries

pytestmark = pytest.mark.unit

NOT_DICOM = {".txt", ".json", ".dump", ".gz", ".icc", ".py", ".pyc", ".md"}
UNDECODABLE = {
    "JPEG-lossy.dcm",
    "JPGExtended.dcm",
    "JPEG2000-embedded-sequence-delimiter.dcm",
    "emri_small_jpeg_2k_lossless_too_short.dcm",
}
"""12-bit JPEG, for which there is no free decoder, and damaged streams."""


@functools.cache
def pydicom_files() -> tuple[Path, ...]:
    """Return every file that pydicom ships for its tests; nothing is downloaded."""
    roots = [Path(pydicom.data.__file__).parent / "test_files"]
    more = importlib.util.find_spec("data_store")
    if more is not None and more.origin is not None:
        roots.append(Path(more.origin).parent / "data")
    return tuple(sorted(path for root in roots for path in root.rglob("*") if path.is_file()))


def is_something_else(path: Path) -> bool:
    return path.suffix in NOT_DICOM or path.name == "README"


def pydicom_file(name: str) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"pydicom-data has no {name}")
    return Path(str(path))


def read_file(path: Path) -> ReadSeries:
    (found,) = DicomReader().scan([path], no_progress).found
    return found.read(no_progress)


@pytest.mark.parametrize("path", pydicom_files(), ids=lambda path: path.name)
def test_every_pydicom_file_is_found_skipped_or_not_ours(path: Path) -> None:
    result = DicomReader().scan([path], no_progress)
    for found in result.found:
        assert set(found.paths) == {str(path)}
        if path.name in UNDECODABLE:
            with pytest.raises(UnreadableError, match="cannot be decoded"):
                found.read(no_progress)
            with pytest.raises(UnreadableError, match="cannot be decoded"):
                found.first_slice()
            continue
        read, first = found.read(no_progress), found.first_slice()
        assert np.array_equal(first, read.voxels[0])
        assert first.dtype == read.voxels.dtype
        assert read.voxels.shape[:3] == read.series.geometry.shape
    if not result.found and not result.skipped:
        assert is_something_else(path)
    assert all(item.reason and "Traceback" not in item.reason for item in result.skipped)


def test_all_pydicom_files_at_once() -> None:
    files = pydicom_files()
    result = DicomReader().scan(files, no_progress)
    taken = [name for found in result.found for name in found.paths]
    left = {item.path for item in result.skipped}
    assert len(taken) == len(set(taken))
    others = {str(path) for path in files} - set(taken) - left
    assert all(is_something_else(Path(name)) for name in others)


def test_our_walk_says_what_pydicom_says() -> None:
    walker = HeaderWalker()
    n_walked = 0
    for path in pydicom_files():
        with contextlib.suppress(UnreadableError):
            walked = walker.read(str(path))
            if walked is not None:
                n_walked += 1
                (slow,) = read_headers(str(path))
                assert replace(slow, pixel_offset=walked.pixel_offset) == walked
                if walked.pixel_offset >= 0:
                    assert slow.pixel_offset == walked.pixel_offset
    assert n_walked >= 25


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rtstruct.dcm", "a structure set (contours), not an image"),
        ("rtplan.dcm", "a radiotherapy plan"),
        ("liver.dcm", "a segmentation, not an image"),
        ("reportsi.dcm", "a structured report"),
        ("waveform_ecg.dcm", "a waveform"),
        ("MR_truncated.dcm", "cut off: it holds 8,130 of 8,192 bytes"),
        ("no_meta.dcm", "not a DICOM file"),
    ],
)
def test_what_is_no_image_is_skipped_in_words(name: str, words: str) -> None:
    (skipped,) = DicomReader().scan([pydicom_file(name)], no_progress).skipped
    assert words in skipped.reason


def test_twelve_bit_jpeg_is_refused_politely() -> None:
    (found,) = DicomReader().scan([pydicom_file("JPGExtended.dcm")], no_progress).found
    with pytest.raises(UnreadableError, match=r"cannot be decoded.*12-bit"):
        found.read(no_progress)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello, this is text", b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + b"\xff" * 99],
)
def test_wrong_content_is_skipped(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.dcm"
    path.write_bytes(content)
    result = DicomReader().scan([path], no_progress)
    assert result.found == ()
    assert result.skipped[0].reason


def test_every_cut_of_a_file_is_skipped_in_words(tmp_path: Path) -> None:
    whole = SeriesBuilder(folder=tmp_path).add(random_slices(1)[0], (0, 0, 0)).read_bytes()
    path = tmp_path / "cut.dcm"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        result = DicomReader().scan([path], no_progress)
        assert result.found == ()
        assert len(result.skipped) == 1


def test_missing_and_unreadable_files_are_skipped(tmp_path: Path) -> None:
    (skipped,) = DicomReader().scan([tmp_path / "gone.dcm"], no_progress).skipped
    assert "cannot be opened" in skipped.reason


def test_file_that_vanishes_after_the_scan_is_told_in_words(tmp_path: Path) -> None:
    path = SeriesBuilder(folder=tmp_path).add(random_slices(1)[0], (0, 0, 0))
    (found,) = scan(tmp_path).found
    path.unlink()
    with pytest.raises(UnreadableError, match="cannot be read"):
        found.first_slice()


def test_claim_of_a_huge_image_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    builder.add(random_slices(1)[0], (0, 0, 0), Rows=65535, Columns=65535)
    (skipped,) = scan(tmp_path).skipped
    assert "cut off: it holds 240 of 8,589,672,450 bytes" in skipped.reason


def test_monochrome1_keeps_stored_values_and_inverts_what_is_shown() -> None:
    read = read_file(pydicom_file("RG3_UNCR.dcm"))
    raw = pydicom.dcmread(pydicom_file("RG3_UNCR.dcm"))
    assert np.array_equal(read.voxels[0], raw.pixel_array)
    assert (read.series.slope, read.series.intercept) == (-1, 1023)
    assert read.series.windows[0].level == 1023 - float(raw.WindowCenter)
    assert any("MONOCHROME1" in note for note in read.series.notes)


def test_overlay_bits_above_the_stored_ones_are_cleared(tmp_path: Path) -> None:
    voxels = np.arange(120, dtype=np.uint16).reshape(12, 10)
    builder = SeriesBuilder(folder=tmp_path, modality="MR")
    data = builder.dataset(voxels | 0xA000, (0, 0, 0))
    data.BitsStored, data.HighBit = 12, 11
    for element, kind, value in [(0x0100, "US", 16), (0x0102, "US", 13), (0x0010, "US", 12)]:
        data.add_new((0x6000, element), kind, value)
    builder.save(data)
    read = read_one(tmp_path)
    assert np.array_equal(read.voxels[0], voxels)
    assert any("Overlay" in note for note in read.series.notes)


def test_signs_of_twelve_stored_bits_are_restored(tmp_path: Path) -> None:
    voxels = np.arange(-60, 60, dtype=np.int16).reshape(12, 10)
    builder = SeriesBuilder(folder=tmp_path)
    builder.add(voxels & 0x0FFF, (0, 0, 0), BitsStored=12, HighBit=11)
    assert np.array_equal(read_one(tmp_path).voxels[0], voxels)


@pytest.mark.parametrize(
    "name", ["SC_rgb.dcm", "SC_rgb_rle.dcm", "SC_ybr_full_uncompressed.dcm", "OBXXXX1A.dcm"]
)
def test_colour_is_rgb_of_eight_bits(name: str) -> None:
    read = read_file(pydicom_file(name))
    assert read.voxels.dtype == np.uint8
    assert read.voxels.shape[-1] == read.series.n_channels == 3


def test_frames_without_positions_are_a_video() -> None:
    read = read_file(pydicom_file("examples_ybr_color.dcm"))
    assert read.series.kind == "video"
    assert read.series.geometry.is_time
    assert read.voxels.shape == (30, 240, 320, 3)


def test_dose_grid_is_placed_by_its_offsets() -> None:
    series = read_file(pydicom_file("rtdose.dcm")).series
    assert series.geometry.shape == (15, 10, 10)
    assert series.geometry.spacing_mm == (5, 10, 10)
    assert series.slope == pytest.approx(1e-6)


def enhanced(builder: SeriesBuilder, depths: list[float], times: list[int]) -> Dataset:
    """Return an enhanced CT whose frames lie in the order given, with functional groups."""
    voxels = np.stack(
        [np.full((12, 10), 10 * t + z, np.int16) for z, t in zip(depths, times, strict=True)]
    )
    data = builder.dataset(voxels[0], None)
    data.SOPClassUID = EnhancedCTImageStorage
    data.NumberOfFrames, data.PixelData = len(depths), voxels.tobytes()
    del data.PixelSpacing, data.RescaleSlope, data.RescaleIntercept
    shared, measures, plane, rescale = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = decimals((0.5, 0.75))
    plane.ImageOrientationPatient = decimals((0, 1, 0, 0, 0, -1))
    rescale.RescaleSlope, rescale.RescaleIntercept = "2", "-1000"
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([plane])
    shared.PixelValueTransformationSequence = Sequence([rescale])
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    groups = []
    for depth, time in zip(depths, times, strict=True):
        group, position, content = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = decimals((-depth, 3, 4))
        content.TemporalPositionIndex = time
        group.PlanePositionSequence = Sequence([position])
        group.FrameContentSequence = Sequence([content])
        groups.append(group)
    data.PerFrameFunctionalGroupsSequence = Sequence(groups)
    return data


def test_enhanced_frames_are_ordered_by_their_own_positions(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    builder.save(enhanced(builder, [6.0, 0.0, 4.0, 2.0], [1, 1, 1, 1]))
    read = read_one(tmp_path)
    assert read.voxels[:, 0, 0].tolist() == [10, 12, 14, 16]
    assert read.series.geometry.spacing_mm == (2.0, 0.5, 0.75)
    assert read.series.geometry.direction == (0, 0, -1, 1, 0, 0, 0, -1, 0)
    assert (read.series.slope, read.series.intercept) == (2, -1000)
    assert read.series.dicom is not None
    assert len(set(read.series.dicom.sop_instance_uids)) == 1
    assert len(read.series.paths) == 4


def test_enhanced_time_points_become_series(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    builder.save(enhanced(builder, [0.0, 2.0, 4.0, 0.0, 2.0, 4.0], [1, 1, 1, 2, 2, 2]))
    reads = [found.read(no_progress) for found in scan(tmp_path).found]
    assert [read.voxels[:, 0, 0].tolist() for read in reads] == [[10, 12, 14], [20, 22, 24]]
    assert "time point 2" in reads[1].series.description


def test_ultrasound_regions_give_the_spacing(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path, modality="US")
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType = 1, 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, -0.03
    data = builder.dataset(random_slices(1)[0], None)
    del data.PixelSpacing
    data.SequenceOfUltrasoundRegions = Sequence([region])
    builder.save(data)
    geometry = read_one(tmp_path).series.geometry
    assert geometry.spacing_mm[1:] == pytest.approx((0.3, 0.2))
    assert geometry.is_calibrated


def test_undefined_length_sequences_are_walked_over(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    data = builder.dataset(random_slices(1)[0], (1, 2, 3))
    inner, outer = Dataset(), Dataset()
    inner.CodeValue = "1"
    outer.PurposeOfReferenceCodeSequence = Sequence([inner])
    outer["PurposeOfReferenceCodeSequence"].is_undefined_length = True
    outer.is_undefined_length_sequence_item = True
    inner.is_undefined_length_sequence_item = True
    data.SourceImageSequence = Sequence([outer])
    data["SourceImageSequence"].is_undefined_length = True
    path = builder.save(data)
    walked = HeaderWalker().read(str(path))
    assert walked is not None
    assert (walked,) == read_headers(str(path))


def test_windows_of_the_file_come_with_their_names(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    builder.add(
        random_slices(1)[0],
        (0, 0, 0),
        WindowCenter=["-600", "40", "40"],
        WindowWidth=["1500", "400", "400"],
        WindowCenterWidthExplanation=["LUNG", "", ""],
    )
    windows = read_one(tmp_path).series.windows
    assert [(item.name, item.level, item.width) for item in windows] == [
        ("LUNG", -600, 1500),
        ("file 2", 40, 400),
    ]

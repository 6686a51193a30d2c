from __future__ import annotations

import math
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from annotator.api import are_voxels_of, no_progress
from tests.unit.dicom_builder import SeriesBuilder, random_slices, read_all, read_one, scan

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def rotation(a: float, b: float, c: float) -> NDArray[np.float64]:
    """Rotate about z, y, x by angles in radians."""
    about_z = [[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]]
    about_y = [[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]]
    about_x = [[1, 0, 0], [0, math.cos(c), -math.sin(c)], [0, math.sin(c), math.cos(c)]]
    product: NDArray[np.float64] = np.array(about_z) @ np.array(about_y) @ np.array(about_x)
    return product


angles = st.floats(-math.pi, math.pi)


@settings(deadline=None, max_examples=30)
@given(
    angles=st.tuples(angles, angles, angles),
    n=st.integers(2, 7),
    spacing=st.tuples(st.floats(0.1, 9), st.floats(0.1, 3), st.floats(0.1, 3)),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
    seed=st.integers(0, 2**16),
    syntax=st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless]),
)
def test_any_order_and_oblique_geometry_reads_back(
    angles: tuple[float, float, float],
    n: int,
    spacing: tuple[float, float, float],
    origin: tuple[float, float, float],
    seed: int,
    syntax: UID,
) -> None:
    axes = rotation(*angles)
    voxels = random_slices(n, seed=seed)
    order = list(range(n))
    random.Random(seed).shuffle(order)
    with TemporaryDirectory() as folder:
        builder = SeriesBuilder(
            folder=Path(folder),
            orientation=(*axes[:, 0], *axes[:, 1]),
            spacing=spacing[1:],
            syntax=syntax,
        )
        for index in order:
            builder.add(voxels[index], np.array(origin) + index * spacing[0] * axes[:, 2])
        read = read_one(Path(folder))
    geometry = read.series.geometry
    assert np.array_equal(read.voxels, voxels)
    assert read.series.notes == ()
    assert np.allclose(geometry.spacing_mm, spacing, rtol=1e-6, atol=1e-6)
    assert np.allclose(geometry.origin_mm, origin, atol=1e-6)
    assert np.allclose(np.reshape(geometry.direction, (3, 3)), axes, atol=1e-8)
    assert (read.series.slope, read.series.intercept) == (1, -1024)


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        DeflatedExplicitVRLittleEndian,
        JPEG2000Lossless,
        JPEGLSLossless,
        RLELossless,
    ],
)
def test_every_transfer_syntax_gives_what_simpleitk_gives(tmp_path: Path, syntax: UID) -> None:
    voxels = random_slices(6, 40, 36)
    builder = SeriesBuilder(folder=tmp_path, syntax=syntax)
    for index in (3, 0, 5, 1, 4, 2):
        builder.add(voxels[index], (-10.5, 20.25, 100 - 2.5 * (5 - index)))
    read = read_one(tmp_path)
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))
    image = SimpleITK.ReadImage(names)
    assert np.array_equal(read.voxels, voxels)
    assert np.array_equal(read.voxels.astype(int) - 1024, SimpleITK.GetArrayFromImage(image))
    geometry = read.series.geometry
    assert np.allclose(geometry.origin_mm, image.GetOrigin(), atol=1e-6)
    assert np.allclose(geometry.spacing_mm[::-1], image.GetSpacing(), atol=1e-6)
    assert np.allclose(geometry.direction, image.GetDirection(), atol=1e-6)


def test_identity_does_not_depend_on_file_names_or_syntax(tmp_path: Path) -> None:
    voxels = random_slices(5)
    identities = set()
    for number, syntax in enumerate([ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless]):
        folder = tmp_path / str(number)
        folder.mkdir()
        builder = SeriesBuilder(
            folder=folder, syntax=syntax, n_written=10 * number, series_uid="1.2.3"
        )
        for index in range(5):
            builder.add(voxels[index], (0, 0, 3.0 * index))
        identities.add(read_one(folder).series.series_id)
    assert len(identities) == 1


def test_equal_voxels_of_other_values_or_other_series_stay_apart(tmp_path: Path) -> None:
    identities = set()
    kinds = [("1.2.3", "1", "-1024"), ("1.2.3", "1", "0"), ("1.2.3", "2", "0"), ("1.9", "1", "0")]
    for number, (series_uid, slope, intercept) in enumerate(kinds):
        folder = tmp_path / str(number)
        folder.mkdir()
        builder = SeriesBuilder(folder=folder, series_uid=series_uid)
        for index, voxels in enumerate(random_slices(3)):
            builder.add(voxels, (0, 0, 3.0 * index), RescaleSlope=slope, RescaleIntercept=intercept)
        read = read_one(folder)
        identities.add(read.series.series_id)
        assert read_one(folder).series.series_id in identities
        assert are_voxels_of(read.series, read.voxels)
        assert not are_voxels_of(read.series, read.voxels + 1)
    assert len(identities) == len(kinds)


def test_missing_slices_are_never_invented(tmp_path: Path) -> None:
    voxels = random_slices(9)
    builder = SeriesBuilder(folder=tmp_path)
    for index in (0, 1, 2, 3, 6, 7, 8):
        builder.add(voxels[index], (0, 0, 2.0 * index))
    first, second = read_all(tmp_path)
    assert np.array_equal(first.voxels, voxels[:4])
    assert np.array_equal(second.voxels, voxels[6:])
    assert first.series.geometry.spacing_mm[0] == second.series.geometry.spacing_mm[0] == 2.0
    assert second.series.geometry.origin_mm == (0, 0, 12.0)
    assert "2 slices are missing: 6 mm between slices 4 and 5" in first.series.notes[0]
    assert "block 2 with slices 5 to 7" in second.series.notes[0]


def test_two_spacings_become_two_blocks(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    for depth in (0, 2.5, 5, 7.5, 12.5, 17.5, 22.5):
        builder.add(random_slices(1)[0], (0, 0, depth))
    first, second = (read.series.geometry for read in read_all(tmp_path))
    assert (first.shape[0], first.spacing_mm[0]) == (4, 2.5)
    assert (second.shape[0], second.spacing_mm[0]) == (3, 5)


def test_uneven_spacing_is_refused_with_the_distances(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    for depth in (0, 1, 2.7, 3.1, 6.4, 7, 9.9):
        builder.add(random_slices(1)[0], (0, 0, depth))
    result = scan(tmp_path)
    assert result.found == ()
    assert len(result.skipped) == 7
    assert "uneven, from 0.4 to 3.3 mm" in result.skipped[0].reason


def test_rounded_positions_are_one_series_with_a_note(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    for index in range(12):
        builder.add(random_slices(1)[0], (0, 0, round(0.625 * index, 1)))
    read = read_one(tmp_path)
    assert read.series.geometry.shape[0] == 12
    assert read.series.geometry.spacing_mm[0] == pytest.approx(0.625, abs=0.01)
    assert "off an even spacing" in read.series.notes[0]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("sign", [-1, 1])
def test_gantry_tilt_is_moved_upright_and_said(tmp_path: Path, axis: int, sign: int) -> None:
    """A ramp over the patient's space must be the same ramp on the upright grid."""
    rows, columns, shift = 40, 36, 0.8 * sign
    builder = SeriesBuilder(folder=tmp_path, spacing=(0.5, 0.5))
    for index in range(5):
        origin = [3.0, 7.0, 2.0 * index]
        origin[axis] += shift * index
        y, x = np.mgrid[:rows, :columns] * 0.5
        ramp = 10 * (x + origin[0]) + 20 * (y + origin[1]) + 5 * origin[2]
        builder.add(np.rint(ramp).astype(np.int16), origin)
    read = read_one(tmp_path)
    geometry = read.series.geometry
    grown = [1, 1, 1]
    grown[2 - axis] = geometry.shape[2 - axis] - (columns, rows)[axis]
    assert grown[2 - axis] == 7
    assert geometry.origin_mm[axis] == pytest.approx((3.0, 7.0)[axis] + min(0, sign) * 3.5)
    assert "Gantry tilt" in read.series.notes[0]
    assert "21.8°" in read.series.notes[0]
    z, y, x = np.indices(read.voxels.shape)
    position = np.array(geometry.origin_mm) + np.stack([x * 0.5, y * 0.5, z * 2.0], axis=-1)
    expected = 10 * position[..., 0] + 20 * position[..., 1] + 5 * position[..., 2]
    inside = np.abs(read.voxels - expected) <= 1.5
    assert inside.sum() >= 5 * (rows - 1) * (columns - 1)
    assert set(np.unique(read.voxels[~inside])) & {0}


def test_table_drift_below_a_tenth_of_a_pixel_is_left_alone(tmp_path: Path) -> None:
    voxels = random_slices(5)
    builder = SeriesBuilder(folder=tmp_path)
    for index in range(5):
        builder.add(voxels[index], (0.001 * index, 0, 2.0 * index))
    read = read_one(tmp_path)
    assert np.array_equal(read.voxels, voxels)
    assert read.series.notes == ()


def test_localizers_of_one_series_are_told_apart(tmp_path: Path) -> None:
    voxels = random_slices(6)
    builder = SeriesBuilder(folder=tmp_path)
    for index in range(3):
        builder.add(voxels[index], (0, 0, 5.0 * index))
    builder.orientation = (0, 1, 0, 0, 0, -1)
    for index in range(3):
        builder.add(voxels[3 + index], (5.0 * index, 0, 0))
    axial, sagittal = read_all(tmp_path)
    assert "mixes 2 kinds of slices" in axial.series.notes[0]
    assert sagittal.series.geometry.direction == (0, 0, -1, 1, 0, 0, 0, -1, 0)
    assert np.array_equal(axial.voxels, voxels[:3])
    assert np.array_equal(sagittal.voxels, voxels[5:2:-1])


@pytest.mark.parametrize(
    ("keyword", "values", "word"),
    [
        ("EchoNumbers", ["1", "2"], "echo 2"),
        ("TemporalPositionIdentifier", ["1", "2"], "time point 2"),
        ("DiffusionBValue", [0.0, 1000.0], "b-value 1000"),
        ("AcquisitionNumber", ["1", "2"], "acquisition 2"),
        ("ImageType", [["ORIGINAL", "PRIMARY"], ["DERIVED", "SECONDARY"]], "image type ORIGINAL"),
    ],
)
def test_phases_of_one_series_become_series(
    tmp_path: Path, keyword: str, values: list[object], word: str
) -> None:
    voxels = random_slices(8)
    builder = SeriesBuilder(folder=tmp_path)
    for index in range(8):
        builder.add(voxels[index], (0, 0, 3.0 * (index // 2)), **{keyword: values[index % 2]})
    reads = read_all(tmp_path)
    assert {read.voxels.tobytes() for read in reads} == {
        voxels[::2].tobytes(),
        voxels[1::2].tobytes(),
    }
    assert any(word in note for read in reads for note in read.series.notes)


def test_acquisition_number_that_differs_by_slice_does_not_split(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    for index in range(5):
        builder.add(random_slices(1)[0], (0, 0, 3.0 * index), AcquisitionNumber=str(index))
    assert read_one(tmp_path).voxels.shape[0] == 5


def test_unnamed_passes_are_split_by_time_with_a_note(tmp_path: Path) -> None:
    voxels = random_slices(8)
    builder = SeriesBuilder(folder=tmp_path)
    for index in range(8):
        builder.add(voxels[index], (0, 0, 3.0 * (index % 4)))
    first, second = read_all(tmp_path)
    assert np.array_equal(first.voxels, voxels[:4])
    assert np.array_equal(second.voxels, voxels[4:])
    assert "do not say why" in first.series.notes[0]


def test_repeats_of_some_positions_are_refused_unless_equal(tmp_path: Path) -> None:
    voxels = random_slices(5)
    same, other = tmp_path / "same", tmp_path / "other"
    for folder, extra in ((same, voxels[2]), (other, voxels[4])):
        folder.mkdir()
        builder = SeriesBuilder(folder=folder)
        for index in range(4):
            builder.add(voxels[index], (0, 0, 3.0 * index))
        builder.add(extra, (0, 0, 6.0))
    (found,) = scan(same).found
    read = found.read(no_progress)
    assert np.array_equal(read.voxels, voxels[:4])
    assert "1 slice repeats the position and pixels" in read.series.notes[0]
    assert "some positions occur 2 times" in scan(other).skipped[0].reason


def test_copies_of_an_instance_are_skipped_by_name(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    paths = [builder.add(voxels, (0, 0, z)) for z, voxels in enumerate(random_slices(3))]
    (tmp_path / "zz-copy").write_bytes(paths[0].read_bytes())
    result = scan(tmp_path)
    assert len(result.found) == 1
    assert [Path(item.path).name for item in result.skipped] == ["zz-copy"]
    assert "same instance" in result.skipped[0].reason


def test_slope_that_differs_between_slices_gives_modality_values(tmp_path: Path) -> None:
    voxels = random_slices(4)
    builder = SeriesBuilder(folder=tmp_path, modality="PT")
    for index in range(4):
        builder.add(
            voxels[index], (0, 0, 3.0 * index), RescaleSlope=str(1 + index), RescaleIntercept="0"
        )
    read = read_one(tmp_path)
    assert read.voxels.dtype == np.float32
    assert np.array_equal(read.voxels, voxels * np.arange(1, 5).reshape(4, 1, 1))
    assert (read.series.slope, read.series.intercept) == (1, 0)
    assert "converted to modality values" in read.series.notes[0]


def test_without_positions_the_numbers_order_the_slices(tmp_path: Path) -> None:
    voxels = random_slices(4)
    builder = SeriesBuilder(folder=tmp_path)
    for index in (2, 0, 3, 1):
        builder.add(voxels[index], None, InstanceNumber=index + 1, SpacingBetweenSlices="4.5")
    read = read_one(tmp_path)
    assert np.array_equal(read.voxels, voxels)
    assert read.series.geometry.spacing_mm[0] == 4.5
    assert read.series.geometry.is_calibrated
    assert "no positions" in read.series.notes[0]


def test_thickness_is_not_spacing(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    for index in range(3):
        builder.add(random_slices(1)[0], None, InstanceNumber=index + 1)
    geometry = read_one(tmp_path).series.geometry
    assert geometry.spacing_mm[0] == 1.0
    assert not geometry.is_calibrated


def test_slice_locations_serve_where_positions_are_missing(tmp_path: Path) -> None:
    voxels = random_slices(3)
    builder = SeriesBuilder(folder=tmp_path)
    for index in (1, 2, 0):
        builder.add(voxels[index], None, SliceLocation=str(5.0 * index))
    read = read_one(tmp_path)
    assert np.array_equal(read.voxels, voxels)
    assert read.series.geometry.spacing_mm[0] == 5.0
    assert any("slice locations were used" in note for note in read.series.notes)


def test_cut_off_file_is_skipped_and_its_gap_told(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    paths = [builder.add(v, (0, 0, 2.0 * z)) for z, v in enumerate(random_slices(8))]
    paths[3].write_bytes(paths[3].read_bytes()[:-50])
    result = scan(tmp_path)
    assert "cut off: it holds 190 of 240 bytes of pixels" in result.skipped[0].reason
    notes = [found.read(lambda *_: None).series.notes for found in result.found]
    assert len(notes) == 2
    assert "1 slice is missing" in notes[0][0]


def test_source_keeps_instances_in_slice_order_and_what_a_seg_needs(tmp_path: Path) -> None:
    builder = SeriesBuilder(folder=tmp_path)
    uids = [generate_uid() for _ in range(3)]
    for index in (2, 0, 1):
        builder.add(random_slices(1)[0], (0, 0, 2.0 * index), SOPInstanceUID=uids[index])
    series = read_one(tmp_path).series
    assert series.dicom is not None
    assert series.dicom.sop_instance_uids == tuple(uids)
    assert series.dicom.series_uid == builder.series_uid
    assert series.dicom.frame_of_reference_uid == builder.frame_uid
    attributes = dict(series.dicom.attributes)
    assert attributes["PatientID"] == "P1"
    assert attributes["PatientName"] == "Phantom^One"
    assert attributes["ImageType"] == r"ORIGINAL\PRIMARY\AXIAL"
    assert len(series.paths) == 3
    assert all(Path(path).is_absolute() for path in series.paths)

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from annotator.api import ReadSeries, no_progress
from annotator_builtins import picture_tiff
from annotator_builtins.picture_reader import PictureReader

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def read_one(path: Path) -> ReadSeries:
    result = PictureReader().scan([path], no_progress)
    assert result.skipped == ()
    (found,) = result.found
    read = found.read(no_progress)
    assert np.array_equal(found.first_slice(), read.voxels[0])
    return read


def reason(path: Path) -> str:
    result = PictureReader().scan([path], no_progress)
    assert result.found == ()
    return result.skipped[0].reason


def pixels(*shape: int, dtype: Any = np.uint8) -> NDArray[Any]:  # noqa: ANN401
    return np.random.default_rng(3).integers(0, np.iinfo(dtype).max, shape).astype(dtype)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((9, 7), np.uint8), ((9, 7), np.uint16), ((9, 7, 3), np.uint8)]
)
def test_png_is_read_as_it_is(tmp_path: Path, shape: tuple[int, ...], dtype: type) -> None:
    expected = pixels(*shape, dtype=dtype)
    Image.fromarray(expected).save(tmp_path / "p.png")
    read = read_one(tmp_path / "p.png")
    assert read.voxels.dtype == dtype
    assert np.array_equal(read.voxels[0], expected)
    assert read.series.kind == "picture"
    assert not read.series.geometry.is_calibrated
    assert read.series.modality == "OT"


def test_transparency_is_left_out_with_a_note(tmp_path: Path) -> None:
    expected = pixels(9, 7, 4)
    Image.fromarray(expected).save(tmp_path / "p.png")
    read = read_one(tmp_path / "p.png")
    assert np.array_equal(read.voxels[0], expected[..., :3])
    assert "Transparency was left out." in read.series.notes


def test_palettes_are_looked_up(tmp_path: Path) -> None:
    image = Image.fromarray(pixels(9, 7, 3)).quantize(16)
    image.save(tmp_path / "p.png")
    expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(read_one(tmp_path / "p.png").voxels[0], expected)


def test_grey_palette_is_grey(tmp_path: Path) -> None:
    image = Image.fromarray(pixels(9, 7)).convert("P")
    image.save(tmp_path / "p.png")
    assert read_one(tmp_path / "p.png").series.n_channels == 1


def test_black_and_white_is_grey(tmp_path: Path) -> None:
    Image.fromarray(pixels(9, 7) > 99).save(tmp_path / "p.png")
    assert set(np.unique(read_one(tmp_path / "p.png").voxels)) == {0, 255}


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_orientation_of_the_camera_is_applied(tmp_path: Path, turn: int) -> None:
    expected = pixels(16, 8, 3)
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(expected).save(tmp_path / "p.png", exif=exif)
    turned = {3: 2, 6: 3, 8: 1}[turn]
    read = read_one(tmp_path / "p.png")
    assert np.array_equal(read.voxels[0], np.rot90(expected, turned))
    assert read.series.geometry.shape == read.voxels.shape[:3]
    assert any("turned upright" in note for note in read.series.notes)


def test_cmyk_jpeg_becomes_rgb(tmp_path: Path) -> None:
    Image.fromarray(pixels(16, 16, 3)).convert("CMYK").save(tmp_path / "p.jpg")
    read = read_one(tmp_path / "p.jpg")
    assert read.series.n_channels == 3
    assert any("CMYK" in note for note in read.series.notes)


@pytest.mark.parametrize("side", [12_000, 100_000])
def test_png_that_claims_a_huge_size_is_refused_at_once(tmp_path: Path, side: int) -> None:
    content = b"\x89PNG\r\n\x1a\n"
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    for kind, data in ((b"IHDR", head), (b"IDAT", b"\x78\x9c\x03")):
        content += struct.pack(">I", len(data)) + kind + data
        content += struct.pack(">I", zlib.crc32(kind + data))
    (tmp_path / "p.png").write_bytes(content)
    said = reason(tmp_path / "p.png")
    assert f"{side**2:,} pixels" in said or f"{side**2} pixels" in said
    assert f"{len(content)} bytes" in said


def test_animations_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(pixels(9, 7)) for _ in range(3)]
    frames[0].save(tmp_path / "p.png", save_all=True, append_images=frames[1:])
    assert "animation" in reason(tmp_path / "p.png")


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_pages_of_a_tiff_are_slices(tmp_path: Path, compression: str | None) -> None:
    expected = pixels(5, 20, 30, dtype=np.uint16)
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, expected, photometric="minisblack", compression=compression)
    read = read_one(path)
    assert np.array_equal(read.voxels, expected)
    assert read.series.kind == "volume"
    assert not read.series.geometry.is_calibrated
    assert any("5 pages were read as slices" in note for note in read.series.notes)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_tiff_has_its_channels_last(tmp_path: Path, planar: str) -> None:
    expected = pixels(20, 30, 3)
    stored = expected if planar == "contig" else np.moveaxis(expected, -1, 0)
    tifffile.imwrite(tmp_path / "c.tif", stored, photometric="rgb", planarconfig=planar)
    assert np.array_equal(read_one(tmp_path / "c.tif").voxels[0], expected)


def test_alpha_of_a_tiff_is_left_out(tmp_path: Path) -> None:
    expected = pixels(20, 30, 4)
    tifffile.imwrite(tmp_path / "a.tif", expected, photometric="rgb", extrasamples=["unassalpha"])
    read = read_one(tmp_path / "a.tif")
    assert np.array_equal(read.voxels[0], expected[..., :3])
    assert "Transparency was left out." in read.series.notes


def test_low_values_that_are_white_are_shown_inverted(tmp_path: Path) -> None:
    expected = pixels(20, 30)
    tifffile.imwrite(tmp_path / "w.tif", expected, photometric="miniswhite")
    read = read_one(tmp_path / "w.tif")
    assert np.array_equal(read.voxels[0], expected)
    assert (read.series.slope, read.series.intercept) == (-1, 255)


def test_palette_of_a_tiff_is_looked_up(tmp_path: Path) -> None:
    index, colours = pixels(20, 30), pixels(3, 256, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "p.tif", index, photometric="palette", colormap=colours)
    expected = np.moveaxis(colours >> 8, 0, -1)[index]
    assert np.array_equal(read_one(tmp_path / "p.tif").voxels[0], expected)


def test_microscopes_spacing_is_trusted(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "i.tif",
        pixels(4, 20, 30),
        imagej=True,
        resolution=(1 / 0.25, 1 / 0.5),
        metadata={"axes": "ZYX", "unit": "um", "spacing": 2.0},
    )
    geometry = read_one(tmp_path / "i.tif").series.geometry
    assert geometry.is_calibrated
    assert geometry.spacing_mm == pytest.approx((2e-3, 0.5e-3, 0.25e-3))


@pytest.mark.parametrize("is_stack", [False, True])
def test_stack_without_distance_between_slices_is_not_calibrated(
    tmp_path: Path, is_stack: bool
) -> None:
    tifffile.imwrite(
        tmp_path / "i.tif",
        pixels(3, 20, 30) if is_stack else pixels(20, 30),
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"unit": "um", "axes": "ZYX" if is_stack else "YX"},
    )
    series = read_one(tmp_path / "i.tif").series
    assert series.geometry.spacing_mm[1:] == pytest.approx((0.5e-3, 0.25e-3))
    assert series.geometry.is_calibrated == (not is_stack)
    assert any("distance between slices" in note for note in series.notes) == is_stack


def test_ome_spacing_is_trusted(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "o.ome.tif",
        pixels(4, 20, 30),
        metadata={"axes": "ZYX", "PhysicalSizeX": 0.3, "PhysicalSizeY": 0.4, "PhysicalSizeZ": 1.5},
    )
    geometry = read_one(tmp_path / "o.ome.tif").series.geometry
    assert geometry.spacing_mm == pytest.approx((1.5e-3, 0.4e-3, 0.3e-3))


def test_dots_per_inch_are_not_trusted(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "d.tif", pixels(20, 30), resolution=(300, 300))
    assert not read_one(tmp_path / "d.tif").series.geometry.is_calibrated


def test_times_are_a_video_and_channels_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "t.tif", pixels(4, 20, 30), imagej=True, metadata={"axes": "TYX"})
    read = read_one(tmp_path / "t.tif")
    assert read.series.kind == "video"
    assert read.series.geometry.is_time
    tifffile.imwrite(tmp_path / "c.tif", pixels(4, 20, 30), imagej=True, metadata={"axes": "CYX"})
    assert "axes CYX" in reason(tmp_path / "c.tif")


def test_pyramids_are_read_at_full_resolution(tmp_path: Path) -> None:
    expected = pixels(64, 64, 3)
    with tifffile.TiffWriter(tmp_path / "y.tif") as writer:
        writer.write(expected, subifds=1, photometric="rgb", tile=(16, 16))
        writer.write(expected[::2, ::2], subfiletype=1, photometric="rgb", tile=(16, 16))
    read = read_one(tmp_path / "y.tif")
    assert np.array_equal(read.voxels[0], expected)
    assert any("full resolution" in note for note in read.series.notes)


def test_too_large_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "l.tif", pixels(64, 64, 3), photometric="rgb")
    monkeypatch.setattr(picture_tiff, "MOST_BYTES", 1000)
    assert "lower level of the pyramid" in reason(tmp_path / "l.tif")


def test_tiff_that_claims_a_huge_size_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "h.tif", pixels(64, 64), compression="zlib")
    with tifffile.TiffFile(tmp_path / "h.tif", mode="r+") as file:
        page: Any = file.pages[0]
        for code in (256, 257):
            page.tags[code].overwrite(100_000)
    assert "header claims" in reason(tmp_path / "h.tif")


def test_pages_of_different_sizes_read_the_first(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "m.tif") as writer:
        writer.write(pixels(20, 30))
        writer.write(pixels(10, 12))
    read = read_one(tmp_path / "m.tif")
    assert read.voxels.shape == (1, 20, 30)
    assert any("2 pictures" in note for note in read.series.notes)

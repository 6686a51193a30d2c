"""Slides are read by regions as others read them, and kept without the picture of their label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
import tifffile

from annotator.api import PyramidVoxels, no_progress
from annotator.domain.errors import UnreadableError
from annotator_builtins import slide_levels, slide_tiff
from annotator_builtins.slide_reader import SlideReader
from tests.made_slides import NAME, SHAPE, tissue, write_ome_tiff, write_svs, write_zarr

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import Pyramid, ReadSeries

pytestmark = pytest.mark.unit

REGIONS = ((0, 0, 300, 400), (250, 500, 263, 513), (1000, 1400, 200, 300), (511, 255, 2, 600))
"""First row and column, rows and columns."""


def read(path: Path) -> ReadSeries:
    result = SlideReader().scan([path], no_progress)
    assert not result.skipped
    (found,) = result.found
    return found.read(no_progress)


def skipped(path: Path) -> str:
    result = SlideReader().scan([path], no_progress)
    assert not result.found
    (entry,) = result.skipped
    assert entry.path == str(path)
    return entry.reason


def pyramid_of(content: ReadSeries) -> Pyramid:
    assert isinstance(content.voxels, PyramidVoxels)
    return content.voxels.pyramid


def region(pyramid: Pyramid, level: int, at: tuple[int, int, int, int]) -> NDArray[Any]:
    row, column, rows, columns = at
    return pyramid.read(level, slice(row, row + rows), slice(column, column + columns))


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000"])
def test_an_svs_file_reads_as_openslide_and_tiffslide_read_it(
    tmp_path: Path, compression: str
) -> None:
    openslide = pytest.importorskip("openslide", reason="openslide-python is not installed")
    tiffslide = pytest.importorskip("tiffslide", reason="tiffslide is not installed")
    code = compression if compression == "jpeg" else "aperio_jp2000_rgb"
    path = write_svs(tmp_path / "slide.svs", code)
    content = read(path)
    pyramid = pyramid_of(content)
    with openslide.OpenSlide(path) as one, tiffslide.TiffSlide(path) as other:
        assert one.properties["openslide.vendor"] == "aperio"
        assert [shape[::-1] for shape in pyramid.shapes] == list(one.level_dimensions)
        mpp = float(one.properties["openslide.mpp-x"])
        assert content.series.geometry.spacing_mm[1:] == (mpp / 1000, mpp / 1000)
        for at in REGIONS if compression == "jpeg" else REGIONS[1:3]:
            row, column, rows, columns = at
            own = region(pyramid, 0, at)
            peer = np.asarray(one.read_region((column, row), 0, (columns, rows)))[..., :3]
            # Two decoders of JPEG 2000 round the inverse transform differently.
            assert np.abs(own.astype(int) - peer).max() <= (0 if compression == "jpeg" else 1)
            third = other.read_region((column, row), 0, (columns, rows), as_array=True)
            np.testing.assert_array_equal(own, third[..., :3])
        small = np.asarray(one.read_region((0, 0), 1, one.level_dimensions[1]))[..., :3]
        rows, columns = pyramid.shapes[1]
        assert np.abs(region(pyramid, 1, (0, 0, rows, columns)).astype(int) - small).max() <= 1


@pytest.mark.parametrize(
    ("version", "axes"), [(2, "cyx"), (2, "tczyx"), (3, "cyx"), (3, "yx"), (3, "tczyx")]
)
def test_ome_zarr_reads_as_it_was_written(tmp_path: Path, version: int, axes: str) -> None:
    content = read(write_zarr(tmp_path / "slide.ome.zarr", version, axes))
    pyramid = pyramid_of(content)
    wanted = tissue() if "c" in axes else tissue()[..., 0]
    assert pyramid.shapes == (SHAPE, (SHAPE[0] // 2, SHAPE[1] // 2))
    for at in REGIONS:
        row, column, rows, columns = at
        own = region(pyramid, 0, at)
        np.testing.assert_array_equal(own, wanted[row : row + rows, column : column + columns])
    np.testing.assert_array_equal(region(pyramid, 1, (0, 0, 600, 850)), wanted[::2, ::2])
    assert content.series.geometry.spacing_mm == (1.0, 0.0005, 0.0005)
    assert content.series.geometry.is_calibrated
    assert content.series.n_channels == (3 if "c" in axes else 1)


def test_sharded_zarr_is_read_chunk_by_chunk(tmp_path: Path) -> None:
    path = write_zarr(tmp_path / "slide.zarr", 3, shards=(3, 600, 900))
    pyramid = pyramid_of(read(path))
    np.testing.assert_array_equal(
        region(pyramid, 0, (100, 200, 700, 900)), tissue()[100:800, 200:1100]
    )


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_an_ome_tiff_reads_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planar: bool, byteorder: Literal["<", ">"]
) -> None:
    monkeypatch.setattr(slide_tiff, "SLIDE_PIXELS", 1000)
    wanted = (tissue().astype(np.uint16) * 257)[:700, :900]
    path = tmp_path / "slide.ome.tif"
    with tifffile.TiffWriter(path, byteorder=byteorder) as file:
        given = np.moveaxis(wanted, -1, 0) if planar else wanted
        kind: dict[str, Any] = {"planarconfig": "separate"} if planar else {}
        file.write(given, tile=(128, 256), compression="zlib", photometric="rgb", **kind)
    content = read(path)
    assert content.series.dtype == "uint16"
    assert not content.series.geometry.is_calibrated
    np.testing.assert_array_equal(
        region(pyramid_of(content), 0, (100, 130, 555, 670)), wanted[100:655, 130:800]
    )


def test_levels_of_subifds_of_pages_and_of_strips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        not SlideReader()
        .scan([write_ome_tiff(tmp_path / "small.tif", tissue())], no_progress)
        .found
    )
    monkeypatch.setattr(slide_tiff, "SLIDE_PIXELS", 1000)
    nested = read(write_ome_tiff(tmp_path / "nested.ome.tif", tissue()))
    assert nested.series.geometry.spacing_mm == (1.0, 0.00025, 0.00025)
    assert [shape[0] for shape in pyramid_of(nested).shapes] == [1200, 600, 300]
    with tifffile.TiffWriter(tmp_path / "pages.tif") as file:
        for step in (1, 2, 8):
            reduced: dict[str, Any] = {
                "subfiletype": int(step > 1),
                "photometric": "rgb",
                "metadata": None,
            }
            # 0.5 µm a pixel, as a microscope's software writes it.
            size: dict[str, Any] = {
                "resolution": (20000 / step, 20000 / step),
                "resolutionunit": "CENTIMETER",
            }
            file.write(tissue()[::step, ::step], tile=(256, 256), **reduced, **size)
    paged = read(tmp_path / "pages.tif")
    assert [shape[0] for shape in pyramid_of(paged).shapes] == [1200, 600, 150]
    assert paged.series.geometry.spacing_mm[1:] == pytest.approx((0.0005, 0.0005))
    tifffile.imwrite(tmp_path / "strips.tif", tissue()[..., 1], rowsperstrip=7, compression="zlib")
    strips = pyramid_of(read(tmp_path / "strips.tif"))
    np.testing.assert_array_equal(region(strips, 0, (600, 900, 600, 800)), tissue()[600:, 900:, 1])


def test_levels_that_lack_are_made_and_read_behind_the_own_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slide_tiff, "SLIDE_PIXELS", 1000)
    monkeypatch.setattr(slide_levels, "COARSEST_PIXELS", 200_000)
    tifffile.imwrite(tmp_path / "flat.tif", tissue()[:, :1699], tile=(256, 256), photometric="rgb")
    content = read(tmp_path / "flat.tif")
    assert content.slide is not None
    assert content.slide.add_levels is not None
    kept = tmp_path / "kept"
    (kept / "source").mkdir(parents=True)
    (kept / "source" / "picture").write_bytes((tmp_path / "flat.tif").read_bytes())
    content.slide.add_levels(kept, no_progress)
    pyramid = SlideReader().open_slide(kept)
    assert pyramid.shapes == ((1200, 1699), (600, 850), (300, 425))
    fine = tissue()[:, :1698].reshape(600, 2, 849, 2, 3).astype(int)
    means = (fine.sum(axis=(1, 3)) + 2) // 4
    np.testing.assert_array_equal(region(pyramid, 1, (0, 0, 600, 849)), means)
    coarse = region(pyramid, 2, (0, 0, 300, 425)).astype(int)
    again = region(pyramid, 1, (0, 0, 600, 850)).reshape(300, 2, 425, 2, 3).astype(int)
    np.testing.assert_array_equal(coarse, (again.sum(axis=(1, 3)) + 2) // 4)
    sorted((kept / "levels").iterdir())[-1].unlink()
    with pytest.raises(UnreadableError, match="made at the import are gone"):
        SlideReader().open_slide(kept)


def test_a_damaged_tile_is_shown_empty_and_told_once(tmp_path: Path) -> None:
    path = write_svs(tmp_path / "slide.svs")
    with tifffile.TiffFile(path) as file:
        offset, size = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + size] = b"\xff" * size
    path.write_bytes(content)
    voxels = read(path).voxels
    assert isinstance(voxels, PyramidVoxels)
    assert voxels.damage == ""
    for _ in range(2):
        shown = voxels[0, :300, :300]
        assert not shown[:256, :256].any()
        assert shown[256:, 256:].all()
    assert "a part of the picture is damaged and shown empty (at row 0, column 0" in voxels.damage


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": [', "not an OME-Zarr picture, or damaged"),
        ("{}", "without an OME picture"),
        ('{"multiscales": [{"axes": ["q", "x"], "datasets": []}]}', "a picture with the axes 'qx'"),
        (
            '{"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "no"}]}]}',
            "damaged (KeyError",
        ),
        ('{"plate": {"a": 1}}', "a plate of many pictures"),
    ],
)
def test_bad_metadata_are_told(tmp_path: Path, content: str, words: str) -> None:
    folder = tmp_path / "bad.zarr"
    folder.mkdir()
    (folder / ".zgroup").write_text('{"zarr_format": 2}', encoding="utf-8")
    (folder / ".zattrs").write_text(content, encoding="utf-8")
    assert words in skipped(folder)


def test_files_that_are_no_slides_are_told_or_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "cut.svs").write_bytes(write_svs(tmp_path / "whole.svs").read_bytes()[:90_000])
    assert "cut off" in skipped(tmp_path / "cut.svs")
    (tmp_path / "text.svs").write_text("no slide", encoding="utf-8")
    assert "not a TIFF, or damaged" in skipped(tmp_path / "text.svs")
    stack = np.zeros((3, 300, 300), np.uint8)
    tifffile.imwrite(tmp_path / "stack.svs", stack, tile=(64, 64), photometric="minisblack")
    assert "a stack of pages (Q: 3)" in skipped(tmp_path / "stack.svs")
    tifffile.imwrite(tmp_path / "small.tif", np.zeros((20, 20), np.uint8))
    result = SlideReader().scan([tmp_path / "small.tif", tmp_path / "note.txt"], no_progress)
    assert not result.found
    assert not result.skipped


def _write_with_label_like_a_level(path: Path, name: str, steps: tuple[int, ...]) -> Path:
    """Write the label after the levels, in tiles and of the slide's own proportions."""
    with tifffile.TiffWriter(path) as file:
        for step in steps:
            words = "Aperio Image Library v12.0.15\r\n|MPP = 0.4990"
            whole = tissue()[::step, ::step]
            file.write(whole, tile=(256, 256), photometric="rgb", metadata=None, description=words)
        label = np.full((300, 425, 3), 255, np.uint8)
        label.reshape(-1)[: len(NAME)] = np.frombuffer(NAME.encode(), np.uint8)
        file.write(label, tile=(256, 256), photometric="rgb", metadata=None, description=name)
    return path


@pytest.mark.parametrize("form", ["scanner", "tiled", "tiled after levels"])
def test_what_is_kept_has_no_picture_of_the_label(tmp_path: Path, form: str) -> None:
    path = tmp_path / "slide.svs"
    if form == "scanner":
        write_svs(path)
    else:
        words = "Aperio Image Library v12.0.15\r\nlabel 425x300"
        _write_with_label_like_a_level(path, words, (1,) if form == "tiled" else (1, 16, 2))
    assert NAME.encode() in path.read_bytes()
    content = read(path)
    assert content.slide is not None
    (file,) = content.slide.files
    assert file.name == "picture"
    kept = bytearray(path.read_bytes())
    for low, high in file.blanked:
        kept[low:high] = bytes(high - low)
    assert NAME.encode() not in kept
    assert any("label" in note for note in content.series.notes)

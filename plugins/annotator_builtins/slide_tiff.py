"""Slides in TIFF files: OME-TIFF, Aperio's SVS, and others made of tiles."""

from __future__ import annotations

import os
import re
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from annotator.domain.errors import UnreadableError
from annotator.domain.geometry import Geometry
from annotator_builtins.picture_raster import UNCALIBRATED
from annotator_builtins.picture_tiff import (
    complaints_raised,
    photometric_of,
    refuse_cut,
    spacing_of,
)
from annotator_builtins.slide_tiles import TilePyramid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SLIDE_PIXELS = 1 << 25
"""A TIFF of more is a slide: up to here a picture takes 100 MB of memory as RGB, loads within a
second, and tools may look at the whole of it."""
MOST_PIECE_BYTES = 256 << 20
"""Decoded size of a tile or strip up to which a file can be read by regions."""
_FINEST_PRINT_MM = 0.02
"""A resolution finer than 1270 dots per inch was written by a microscope, not for a printer."""
_MACRO = 9
"""How scanners mark the picture of the whole glass among the pages."""
_BESIDE = re.compile(r"\b(label|macro|thumbnail)\b", re.IGNORECASE)
_MM_PER_UNIT = {2: 25.4, 3: 10.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffSlide:
    """What the header of a slide says; ``blanked`` are the bytes of pictures that are left out."""

    geometry: Geometry
    dtype: np.dtype[Any]
    n_channels: int
    shapes: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]
    blanked: tuple[tuple[int, int], ...]
    slope: float
    intercept: float


class TiffLevel:
    """One page of a TIFF, read tile by tile or strip by strip."""

    def __init__(self, page: tifffile.TiffPage, file: _File, n_channels: int) -> None:
        self.shape: tuple[int, int] = (page.imagelength, page.imagewidth)
        self.tile: tuple[int, int] = (
            (page.tilelength, page.tilewidth)
            if page.is_tiled
            else (min(page.rowsperstrip, page.imagelength), page.imagewidth)
        )
        self._file = file
        # Asked for now: it looks into the file, which is closed later.
        self._decode, self._tables = page.decode, page.jpegtables
        self._n_channels = n_channels
        self._n_columns = -(-self.shape[1] // self.tile[1])
        self._n_tiles = -(-self.shape[0] // self.tile[0]) * self._n_columns
        self._dtype = np.dtype(page.dtype).newbyteorder("=")
        self._offsets, self._sizes = page.dataoffsets, page.databytecounts
        self._n_planes = 1 if page.planarconfig == 1 else n_channels

    def decode(self, row: int, column: int) -> NDArray[Any] | None:
        """Return a tile ``(rows, columns[, channel])``, None where nothing is stored."""
        number = row * self._n_columns + column
        planes = [self._segment(number + plane * self._n_tiles) for plane in range(self._n_planes)]
        if any(plane is None for plane in planes):
            return None
        found = np.concatenate([plane for plane in planes if plane is not None], axis=-1)
        found = found[..., : self._n_channels] if self._n_channels > 1 else found[..., 0]
        return np.ascontiguousarray(found, dtype=self._dtype)

    def _segment(self, index: int) -> NDArray[Any] | None:
        size = self._sizes[index]
        if not size:
            return None
        data = self._file.read(self._offsets[index], size)
        decoded, _, shape = self._decode(data, index, jpegtables=self._tables)
        if decoded is None:
            return None
        found: NDArray[Any] = decoded[0, : shape[1], : shape[2]]
        return found


class _File:
    """A file that several threads read from."""

    def __init__(self, path: str | Path) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - lives as long as the picture
        self._lock = threading.Lock()
        weakref.finalize(self, self._file.close)

    def read(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            found = os.pread(self._file.fileno(), size, offset)
        else:
            with self._lock:
                self._file.seek(offset)
                found = self._file.read(size)
        if len(found) < size:
            raise UnreadableError("the file is cut off here")
        return found


def open_levels(path: str | Path) -> tuple[TiffLevel, ...]:
    """Open the levels of a slide, the finest first; raises UnreadableError."""
    with told(path), complaints_raised(), tifffile.TiffFile(path) as file:
        pages = _levels(file)
        n_channels = _n_channels(pages[0])
        source = _File(path)
        return tuple(TiffLevel(page, source, n_channels) for page in pages)


def open_pyramid(paths: Sequence[str | Path]) -> TilePyramid:
    """Open a slide and the files of levels that were added to it; raises UnreadableError."""
    with told(paths[0]), complaints_raised(), tifffile.TiffFile(paths[0]) as file:
        page = _levels(file)[0]
        dtype, n_channels = np.dtype(page.dtype).newbyteorder("="), _n_channels(page)
    return TilePyramid([level for path in paths for level in open_levels(path)], dtype, n_channels)


class told:  # noqa: N801 - used as a word
    """Puts what opening a TIFF raises into words: UnreadableError, or OSError as it is."""

    def __init__(self, path: str | Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise what went wrong in words."""
        if isinstance(error, Exception) and not isinstance(error, UnreadableError | OSError):
            words = " ".join(str(error).split())[:200] or type(error).__name__
            raise UnreadableError(f"not a TIFF, or damaged ({words})") from error


def probe_slide(path: str, *, is_always: bool) -> TiffSlide | None:
    """Read the header of a slide.

    None where it is none: a small picture, or one that is not kept in pieces; but ``is_always``
    says that it must be one by its name. Raises UnreadableError.
    """
    with told(path), complaints_raised(), tifffile.TiffFile(path) as file:
        main = _main_series(file)
        rows, columns = main.keyframe.imagelength, main.keyframe.imagewidth
        if not is_always and rows * columns <= SLIDE_PIXELS:
            return None
        why = _why_not(main)
        if why:
            if is_always:
                raise UnreadableError(why)
            return None
        return _facts(path, file, main)


def _facts(path: str, file: tifffile.TiffFile, main: tifffile.TiffPageSeries) -> TiffSlide:
    pages = _levels(file)
    n_bytes = os.path.getsize(path)
    for level in main.levels:
        refuse_cut(level, n_bytes)
    page = pages[0]
    _decode_one(page, path)
    notes: list[str] = []
    if len(main.pages) > 1:
        notes.append(f"The file has {len(main.pages)} channels; the first was read.")
    if page.samplesperpixel in (2, 4):
        notes.append("Transparency was left out.")
    blanked = tuple(_ranges_of_others(file, pages))
    if blanked:
        notes.append("Pictures beside the slide, such as that of its label, were left out.")
    spacing = _slide_spacing(file, page)
    if spacing is None:
        notes.insert(0, UNCALIBRATED)
    slope, intercept = 1.0, 0.0
    dtype = np.dtype(page.dtype).newbyteorder("=")
    if photometric_of(main) == "MINISWHITE" and dtype.kind == "u":
        slope, intercept = -1.0, float(np.iinfo(dtype).max)
        notes.append("Low values are bright in this file: shown values are inverted.")
    return TiffSlide(
        geometry=Geometry(
            shape=(1, page.imagelength, page.imagewidth),
            spacing_mm=(1.0, *(spacing or (1.0, 1.0))),
            is_calibrated=spacing is not None,
        ),
        dtype=dtype,
        n_channels=_n_channels(page),
        shapes=tuple((one.imagelength, one.imagewidth) for one in pages),
        notes=tuple(notes),
        blanked=blanked,
        slope=slope,
        intercept=intercept,
    )


def _main_series(file: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    if not file.series:
        raise UnreadableError("a TIFF without a picture")
    return max(file.series, key=lambda one: one.keyframe.imagelength * one.keyframe.imagewidth)


def _why_not(main: tifffile.TiffPageSeries) -> str:
    """Say why a TIFF cannot be read by regions; empty where it can."""
    page: Any = main.keyframe
    kind = photometric_of(main)
    if kind not in ("MINISBLACK", "MINISWHITE", "RGB", "YCBCR"):
        return f"a slide in the colours {kind}; grey, RGB and YCbCr can be read"
    if page.samplesperpixel not in (1, 2, 3, 4) or page.dtype is None:
        return f"a slide with {page.samplesperpixel} values a pixel"
    if np.dtype(page.dtype).kind not in "uif":
        return f"a slide of {page.dtype} values"
    deep = {a: n for a, n in zip(main.axes, main.shape, strict=True) if a not in "YXSC" and n > 1}
    if deep:
        sizes = ", ".join(f"{a}: {n}" for a, n in deep.items())
        return f"a stack of pages ({sizes}); slides of one plane can be read"
    tile = (
        (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    )
    n_bytes = tile[0] * tile[1] * page.samplesperpixel * np.dtype(page.dtype).itemsize
    if n_bytes > MOST_PIECE_BYTES:
        return (
            f"stored in pieces of {n_bytes >> 20:,} MB; files in tiles of up to "
            f"{MOST_PIECE_BYTES >> 20} MB can be read by regions: write it as a tiled TIFF"
        )
    return ""


def _n_channels(page: tifffile.TiffPage) -> int:
    return 3 if page.samplesperpixel >= 3 else 1


def _levels(file: tifffile.TiffFile) -> list[Any]:
    """Return a page for each level, the finest first."""
    main = _main_series(file)
    pages: list[Any] = [level.keyframe for level in main.levels]
    known = {page.offset for page in pages}
    others = [page for page in file.pages if page.offset not in known]
    if not file.is_ome:  # which says itself what belongs together
        pages += [page for page in others if _is_reduced(page, pages[0])]
    whole: list[Any] = [page.aspage() for page in pages]
    first = whole[0]
    alike = [
        page
        for page in whole
        if _kind(page) == _kind(first) and (page is first or not _is_beside(page))
    ]
    return sorted(alike, key=lambda page: -page.imagelength * page.imagewidth)


def _kind(page: tifffile.TiffPage) -> tuple[int, Any]:
    return page.samplesperpixel, page.dtype


def _is_beside(page: tifffile.TiffPage) -> bool:
    """Whether a page says itself that it shows the label or the whole glass, whatever its shape."""
    return page.subfiletype == _MACRO or bool(_BESIDE.search(page.description.partition("|")[0]))


def _is_reduced(page: Any, main: Any) -> bool:  # noqa: ANN401 - pages have two classes
    """Whether a page shows the same at a lower resolution: some files do not nest their levels."""
    if not page.keyframe.is_tiled or page.shape == main.shape:
        return False
    factor = round(max(main.imagelength, main.imagewidth) / max(page.imagelength, page.imagewidth))
    sizes = ((main.imagelength, page.imagelength), (main.imagewidth, page.imagewidth))
    return factor > 1 and all(abs(whole / factor - size) <= 1 for whole, size in sizes)


def _decode_one(page: tifffile.TiffPage, path: str) -> None:
    """Decode a tile in the middle: what no library can decode is told now, not while drawing."""
    level = TiffLevel(page, _File(path), _n_channels(page))
    row, column = (size // 2 // tile for size, tile in zip(level.shape, level.tile, strict=True))
    level.decode(row, column)


def _ranges_of_others(file: tifffile.TiffFile, levels: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Yield the bytes of the pictures in a file that are no level, ascending."""
    own = {offset for page in levels for offset in page.dataoffsets}
    found: dict[int, int] = {}
    for page in _every_page(file):
        for offset, size in zip(page.dataoffsets, page.databytecounts, strict=True):
            if size and offset not in own:
                found[offset] = max(size, found.get(offset, 0))
    for offset in sorted(found):
        yield offset, offset + found[offset]


def _every_page(file: tifffile.TiffFile) -> Iterator[Any]:
    for page in file.pages:
        whole = page.aspage()
        yield whole
        if whole.pages is not None:
            yield from whole.pages


def _slide_spacing(file: tifffile.TiffFile, page: tifffile.TiffPage) -> tuple[float, float] | None:
    """Return spacing ``(y, x)`` in mm, None where nothing trustworthy says it."""
    aperio = re.search(r"\|\s*MPP\s*=\s*([0-9.]+)", page.description or "")
    if aperio and float(aperio.group(1)) > 0:
        return float(aperio.group(1)) / 1000, float(aperio.group(1)) / 1000
    written, _ = spacing_of(file)
    if written is not None:
        return written[1:]
    unit = page.tags.valueof(296)
    values = [page.tags.valueof(key) for key in (283, 282)]
    if unit not in _MM_PER_UNIT or not all(value and all(value) for value in values):
        return None
    y, x = (_MM_PER_UNIT[unit] * below / above for above, below in values)
    return (y, x) if max(y, x) < _FINEST_PRINT_MM else None

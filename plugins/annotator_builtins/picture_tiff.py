"""TIFF, through tifffile: grey, colour, palette, stacks of pages, pyramids."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from annotator.domain.errors import UnreadableError
from annotator.domain.geometry import Geometry
from annotator_builtins.picture_raster import UNCALIBRATED, Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MOST_BYTES = 512 << 20
"""Pixels of a picture that we take into memory, bytes."""
MOST_RATIO = 2000
"""No TIFF compression makes pixels smaller than this many times."""
_SLICES = "ZIQ"
_MM_PER_UNIT = {
    "µm": 1e-3, "um": 1e-3, "micron": 1e-3, "microns": 1e-3, "\\u00b5m": 1e-3, "nm": 1e-6,
    "mm": 1.0, "cm": 10.0,
}  # fmt: skip


def probe_tiff(path: str) -> Picture:
    """Read the header of a TIFF; raises UnreadableError in words."""
    try:
        with complaints_raised(), tifffile.TiffFile(path) as file:
            return _probe(path, file)
    except (UnreadableError, OSError):
        raise
    except Exception as error:
        words = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadableError(f"not a TIFF, or damaged ({words})") from error


class _Complaints(logging.Handler):
    """Keeps what tifffile only logs: pages that are not there, for one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.words.append(record.getMessage().partition("> ")[2] or record.getMessage())


@contextlib.contextmanager
def complaints_raised() -> Iterator[None]:
    """Turn errors that tifffile logs and passes over into UnreadableError."""
    logger, complaints = logging.getLogger("tifffile"), _Complaints()
    was_told = logger.propagate
    logger.addHandler(complaints)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(complaints)
        logger.propagate = was_told
    if complaints.words:
        raise UnreadableError(f"damaged or cut off ({complaints.words[0][:200]})")


def refuse_cut(series: tifffile.TiffPageSeries, present: int) -> None:
    """Refuse a file that ends before the pixels that its pages point to."""
    for page in series.pages:
        ends = (
            [0]
            if page is None
            else map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
        )
        wanted = max(ends, default=0)
        if wanted > present:
            raise UnreadableError(
                f"cut off: its pixels reach to byte {wanted:,}, but the file has {present:,} bytes"
            )


def _sides(series: tifffile.TiffPageSeries) -> str:
    return " × ".join(f"{side:,}" for side in series.shape)


def _refuse_claims(path: str, series: tifffile.TiffPageSeries) -> None:
    """Refuse pages that claim more than the file can hold, or than we take into memory."""
    claimed = math.prod(series.shape) * series.dtype.itemsize
    sides = _sides(series)
    present = os.path.getsize(path)
    if claimed > present * MOST_RATIO:
        raise UnreadableError(
            f"the header claims {sides} values ({claimed:,} bytes), but the file has only "
            f"{present:,} bytes: it is cut off or damaged"
        )
    if claimed > MOST_BYTES:
        raise UnreadableError(
            f"its {sides} values take {claimed >> 20:,} MB; pictures up to {MOST_BYTES >> 20} MB "
            "can be read: export a part, or a lower level of the pyramid"
        )
    refuse_cut(series, present)


def _probe(path: str, file: tifffile.TiffFile) -> Picture:
    if not file.series:
        raise UnreadableError("a TIFF without a picture")
    series = file.series[0]
    axes, shape = _squeezed(series.axes, series.shape)
    photometric = photometric_of(series)
    sides = _sides(series)
    _refuse_claims(path, series)
    notes: list[str] = []
    if len(file.series) > 1:
        notes.append(f"The file holds {len(file.series)} pictures; the first was read.")
    if len(series.levels) > 1:
        notes.append("The full resolution of the pyramid was read.")
    n_samples = shape[axes.index("S")] if "S" in axes else 1
    if n_samples not in (1, 2, 3, 4) or (n_samples == 4 and photometric != "RGB"):
        raise UnreadableError(f"a {photometric} picture with {n_samples} values a pixel")
    if n_samples in (2, 4):
        notes.append("Transparency was left out.")
    first = axes[0] if axes[0] not in "YXS" else ""
    if set(axes) - set("YXS") - {first} or (first and first not in _SLICES + "T"):
        raise UnreadableError(
            f"a TIFF with axes {axes} ({sides}); pictures, stacks of slices and sequences in time "
            "can be read"
        )
    n = shape[0] if first else 1
    rows, columns = shape[axes.index("Y")], shape[axes.index("X")]
    spacing, said = spacing_of(file)
    notes.extend(said)
    is_calibrated = spacing is not None
    if first and first != "T":
        notes.append(f"The {n} pages were read as slices of a stack.")
        if spacing is not None and not spacing[0]:
            is_calibrated = False
            notes.append("The distance between slices is not known: lengths are shown in pixels.")
    z, y, x = spacing or (1.0, 1.0, 1.0)
    slope, intercept = 1.0, 0.0
    if photometric == "MINISWHITE" and series.dtype.kind == "u":
        slope, intercept = -1.0, float(np.iinfo(series.dtype).max)
        notes.append("Low values are bright in this file: shown values are inverted.")
    return Picture(
        path=path,
        geometry=Geometry(
            shape=(n, rows, columns),
            spacing_mm=(z or 1.0, y, x),
            is_calibrated=is_calibrated,
            is_time=first == "T",
        ),
        notes=tuple(notes),
        slope=slope,
        intercept=intercept,
        axes=series.axes,
        mode=photometric,
    )


def photometric_of(series: tifffile.TiffPageSeries) -> str:
    """Return tifffile's name of how values become colours; it keeps unknown numbers as they are."""
    kind: Any = series.keyframe.photometric
    return str(getattr(kind, "name", kind))


def _squeezed(axes: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Leave out axes of length 1, other than rows and columns."""
    kept = [(a, n) for a, n in zip(axes, shape, strict=True) if n > 1 or a in "YX"]
    return "".join(a for a, _ in kept), tuple(n for _, n in kept)


def spacing_of(
    file: tifffile.TiffFile,
) -> tuple[tuple[float, float, float] | None, tuple[str, ...]]:
    """Return spacing ``(z, y, x)`` in mm where a microscope's software wrote it, else None.

    ``z`` is 0 where it wrote none of slices.
    The resolution of cameras and scanners (72, 96, 300 dots per inch) is about print, not patients.
    """
    spacing = _ome_spacing(file.ome_metadata or "") or _imagej_spacing(file)
    return (spacing, ()) if spacing else (None, (UNCALIBRATED,))


def _ome_spacing(xml: str) -> tuple[float, float, float] | None:
    """Return what OME-XML says, 0 for an axis that it gives no size of."""
    sizes: list[float] = []
    for axis in "ZYX":
        size = re.search(rf'PhysicalSize{axis}="([^"]+)"', xml)
        unit = re.search(rf'PhysicalSize{axis}Unit="([^"]+)"', xml)
        scale = _MM_PER_UNIT.get(unit.group(1).lower() if unit else "µm", 0.0)
        sizes.append(float(size.group(1)) * scale if size else 0.0)
    return (sizes[0], sizes[1], sizes[2]) if min(sizes[1:]) > 0 else None


def _imagej_spacing(file: tifffile.TiffFile) -> tuple[float, float, float] | None:
    meta = file.imagej_metadata or {}
    page: Any = file.pages[0]
    resolution = [page.tags[key].value for key in (283, 282) if key in page.tags]
    scale = _MM_PER_UNIT.get(str(meta.get("unit", "")).lower(), 0.0)
    if not scale or len(resolution) < 2 or not all(a and b for a, b in resolution):
        return None
    y, x = (scale * below / above for above, below in resolution)
    return (max(0.0, float(meta.get("spacing", 0.0)) * scale), y, x)


def read_tiff(picture: Picture, *, first_only: bool) -> NDArray[Any]:
    """Return the pixels, ``(z, y, x)`` or ``(z, y, x, 3)``; of the first page only if asked."""
    with complaints_raised(), tifffile.TiffFile(picture.path) as file:
        series = file.series[0]
        axes, shape = _squeezed(series.axes, series.shape)
        n = picture.geometry.shape[0]
        page = series.pages[0]
        if first_only and n > 1 and len(series.pages) == n and page is not None:
            array, n, axes = page.asarray(), 1, axes[1:]
        else:
            array = series.asarray().reshape(shape)
        colours = series.keyframe.colormap if picture.mode == "PALETTE" else None
    if "S" in axes and axes[-1] != "S":
        array = np.moveaxis(array, axes.index("S"), -1)
    if "S" in axes:
        array = array[..., 0] if array.shape[-1] == 2 else array[..., :3]
    if colours is not None:
        array = (np.moveaxis(np.asarray(colours), 0, -1)[array] >> 8).astype(np.uint8)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    _, rows, columns = picture.geometry.shape
    channels = (
        array.shape[-1:] if ("S" in axes and array.shape[-1] == 3) or colours is not None else ()
    )
    array = array.reshape(n, rows, columns, *channels)
    if first_only:
        array = array[:1]
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))

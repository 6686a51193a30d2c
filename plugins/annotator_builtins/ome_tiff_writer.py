"""Masks of pictures, slides too, as OME-TIFF: in tiles and at several levels."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import tifffile

from annotator.analysis.label_tables import group_table
from annotator.analysis.runs import mask_dtype
from annotator.api import checked_file
from annotator.domain.errors import IntegrityError, UnsuitableError
from annotator.domain.label_groups import MaskValues
from annotator_builtins.label_files import file_name, group_endings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import MaskForExport
    from annotator.domain.geometry import Geometry

TILE = 512
COARSEST = 1024
"""No side of the coarsest level is longer."""
_AT_ONCE = 64
"""Tiles that are compressed before they are written: what waits takes 16 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """What is written: the values ``(rows, columns)``, looked up in a table where there is one."""

    values: NDArray[Any]
    dtype: np.dtype[Any]
    table: NDArray[Any] | None = None

    def tile(self, level: int, row: int, column: int) -> NDArray[Any]:
        """Return a tile of a level: every 2nd, 4th, … voxel, 0 beyond the edge."""
        step = 1 << level
        part = self.values[
            row * TILE * step : (row + 1) * TILE * step : step,
            column * TILE * step : (column + 1) * TILE * step : step,
        ]
        if self.table is not None:
            part = self.table[part]
        found = np.zeros((TILE, TILE), self.dtype)
        found[: part.shape[0], : part.shape[1]] = part
        return found


class OmeTiffWriter:
    """``<stem>_labels.ome.tif`` and, where there are, ``…_probability_<value>``, ``…_origin``.

    Deflate in tiles of 512 x 512, with coarser levels of every second voxel as SubIFDs; lengths in
    µm where they are known. Of a slide no probabilities are written. Where labels of several groups
    may share a voxel, each group has a file ``<stem>_labels_<group>.ome.tif`` by the values of its
    labels.
    """

    name = "ome-tiff"
    writes_slides = True

    def write(self, item: MaskForExport, directory: Path, stem: str) -> tuple[Path, ...]:
        """Write the files, read each back and compare; raise IntegrityError on a difference.

        Raises UnsuitableError for a volume.
        """
        geometry = item.series.geometry
        if geometry.shape[0] != 1:
            raise UnsuitableError("OME-TIFF is written of pictures and slides; a volume as nifti")
        values = MaskValues(item.schema)
        planes: dict[str, _Plane] = {}
        for group, ending in group_endings(values).items():
            table = group_table(values, group) if values.may_overlap else None
            dtype = item.mask.dtype if table is None else mask_dtype(int(table.max(initial=0)))
            planes[f"{stem}_labels{ending}"] = _Plane(item.mask[0], dtype, table)
        for value, voxels in sorted(item.probability.items()):
            planes[f"{stem}_probability_{value}"] = _Plane(voxels[0], np.dtype(np.float32))
        for name, voxels in item.belief.items():
            planes[f"{stem}_belief_{file_name(name)}"] = _Plane(voxels[0], np.dtype(np.float32))
        if item.origin is not None:
            planes[f"{stem}_origin"] = _Plane(item.origin[0], item.origin.dtype)
        return tuple(
            _write(directory / f"{name}.ome.tif", plane, geometry) for name, plane in planes.items()
        )


def _write(path: Path, plane: _Plane, geometry: Geometry) -> Path:
    shape = geometry.shape[1:]
    n_levels = 1
    while max(shape) >> (n_levels - 1) > COARSEST:
        n_levels += 1
    drawn = _drawn_tiles(plane)
    with checked_file(path) as part:
        with tifffile.TiffWriter(part, bigtiff=True, ome=True) as writer:
            for level in range(n_levels):
                size = tuple(-(-length // (1 << level)) for length in shape)
                writer.write(
                    _encoded(plane, drawn, level, size),
                    shape=size,
                    dtype=plane.dtype,
                    tile=(TILE, TILE),
                    compression="zlib",
                    photometric="minisblack",
                    subifds=n_levels - 1 if level == 0 else None,
                    subfiletype=1 if level else 0,
                    metadata=_metadata(geometry) if level == 0 else None,
                    **_resolution(geometry, level),
                )
        _compare(part, plane, drawn)
    return path


def _resolution(geometry: Geometry, level: int) -> dict[str, Any]:
    """Return the size of a pixel as readers look for it that know nothing of OME."""
    if not geometry.is_calibrated:
        return {}
    _, y, x = (size * (1 << level) for size in geometry.spacing_mm)
    return {"resolution": (10 / x, 10 / y), "resolutionunit": "CENTIMETER"}


def _metadata(geometry: Geometry) -> dict[str, Any]:
    if not geometry.is_calibrated:
        return {"axes": "YX"}
    _, y, x = geometry.spacing_mm
    return {
        "axes": "YX",
        "PhysicalSizeX": x * 1000,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": y * 1000,
        "PhysicalSizeYUnit": "µm",
    }


def _drawn_tiles(plane: _Plane) -> NDArray[np.bool_]:
    """Return in which tiles of the finest level anything is drawn."""
    rows, columns = (-(-size // TILE) for size in plane.values.shape)
    found = np.zeros((rows, columns), np.bool_)
    starts = np.arange(0, plane.values.shape[1], TILE)
    for row in range(rows):
        band = plane.values[row * TILE : (row + 1) * TILE]
        found[row] = np.logical_or.reduceat(band.any(axis=0), starts)
    return found


def _encoded(
    plane: _Plane, drawn: NDArray[np.bool_], level: int, size: tuple[int, ...]
) -> Iterator[bytes]:
    """Yield the compressed tiles of a level, row by row."""
    empty = _compressed(np.zeros((TILE, TILE), plane.dtype))
    step = 1 << level
    places = itertools.product(*(range(-(-length // TILE)) for length in size))

    def encode(place: tuple[int, ...]) -> bytes:
        row, column = place
        if not drawn[row * step : (row + 1) * step, column * step : (column + 1) * step].any():
            return empty
        return _compressed(plane.tile(level, row, column))

    with ThreadPoolExecutor(2) as threads:
        while some := list(itertools.islice(places, _AT_ONCE)):
            yield from threads.map(encode, some)


def _compressed(tile: NDArray[Any]) -> bytes:
    return bytes(imagecodecs.zlib_encode(tile.tobytes(), level=6))


def _compare(path: Path, plane: _Plane, drawn: NDArray[np.bool_]) -> None:
    """Read the finest level back, tile by tile."""
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        is_same = page.shape == plane.values.shape and page.dtype == plane.dtype
        decode = partial(page.decode, jpegtables=None)
        empty = _compressed(np.zeros((TILE, TILE), plane.dtype))
        for data, number in file.filehandle.read_segments(page.dataoffsets, page.databytecounts):
            row, column = divmod(number, drawn.shape[1])
            if not drawn[row, column]:
                is_same = is_same and data == empty
                continue
            found = decode(data, number)[0][0, :, :, 0]
            is_same = is_same and np.array_equal(found, plane.tile(0, row, column))
    if not is_same:
        raise IntegrityError(f"{path.name} was written, but holds something else than the mask")

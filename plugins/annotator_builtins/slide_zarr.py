"""Slides in OME-Zarr folders, versions 0.4 (Zarr 2) and 0.5 (Zarr 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.domain.errors import UnreadableError
from annotator.domain.geometry import Geometry
from annotator_builtins.picture_raster import UNCALIBRATED
from annotator_builtins.slide_tiff import MOST_PIECE_BYTES
from annotator_builtins.slide_tiles import TilePyramid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray
    from zarr import Array

_MM_PER_UNIT = {
    "angstrom": 1e-7, "nanometer": 1e-6, "micrometer": 1e-3, "millimeter": 1.0, "centimeter": 10.0,
    "meter": 1e3,
}  # fmt: skip
_RGB = ("FF0000", "00FF00", "0000FF")
_METADATA = ("zarr.json", ".zgroup", ".zattrs", ".zmetadata", ".zarray")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZarrSlide:
    """What the metadata of an OME-Zarr picture say; ``group`` is the folder with the levels."""

    group: Path
    arrays: tuple[Array[Any], ...]
    paths: tuple[str, ...]
    axes: str
    geometry: Geometry
    n_channels: int
    notes: tuple[str, ...]

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Levels, ``(rows, columns)``, the finest first."""
        y, x = self.axes.index("y"), self.axes.index("x")
        return tuple((array.shape[y], array.shape[x]) for array in self.arrays)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(self.arrays[0].dtype).newbyteorder("=")


class ZarrLevel:
    """One array of an OME-Zarr picture, read chunk by chunk."""

    def __init__(self, array: Array[Any], axes: str, n_channels: int) -> None:
        self._array, self._axes, self._n_channels = array, axes, n_channels
        y, x = axes.index("y"), axes.index("x")
        self.shape: tuple[int, int] = (array.shape[y], array.shape[x])
        self.tile: tuple[int, int] = (array.chunks[y], array.chunks[x])
        self._dtype = np.dtype(array.dtype).newbyteorder("=")

    def decode(self, row: int, column: int) -> NDArray[Any] | None:
        """Return a chunk ``(rows, columns[, channel])``."""
        tall, wide = self.tile
        chosen: dict[str, int | slice] = {
            "y": slice(row * tall, min((row + 1) * tall, self.shape[0])),
            "x": slice(column * wide, min((column + 1) * wide, self.shape[1])),
            "c": slice(0, self._n_channels) if self._n_channels > 1 else 0,
        }
        found = np.asarray(self._array[tuple(chosen.get(axis, 0) for axis in self._axes)])
        if self._n_channels > 1:
            left = [axis for axis in self._axes if axis in "yxc"]
            found = np.moveaxis(found, left.index("c"), -1)
        return np.ascontiguousarray(found, dtype=self._dtype)


def probe_zarr(path: str | Path) -> ZarrSlide:
    """Read the metadata of a folder; raises UnreadableError in words."""
    import zarr

    try:
        group = _picture_folder(Path(path))
        opened = zarr.open_group(group, mode="r")
        return _facts(group, opened, _multiscale(opened.attrs.asdict()))
    except (UnreadableError, OSError, MemoryError):
        raise
    except Exception as error:  # metadata may be anything
        words = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadableError(
            f"not an OME-Zarr picture, or damaged ({type(error).__name__}: {words})"
        ) from error


def open_zarr(path: str | Path) -> TilePyramid:
    """Open a folder as a pyramid; raises UnreadableError."""
    found = probe_zarr(path)
    levels = [ZarrLevel(array, found.axes, found.n_channels) for array in found.arrays]
    return TilePyramid(levels, found.dtype, found.n_channels)


def files_of(found: ZarrSlide) -> Iterator[Path]:
    """Yield the files of a picture: its metadata and its levels, nothing else of the folder.

    Beside them may lie masks that others drew, or the picture of a label.
    """
    for name in _METADATA:
        if (found.group / name).is_file():
            yield found.group / name
    for name in found.paths:
        folder = found.group
        for part in Path(name).parts[:-1]:
            folder = folder / part
            yield from (folder / one for one in _METADATA if (folder / one).is_file())
        yield from sorted(one for one in (found.group / name).rglob("*") if one.is_file())


def _picture_folder(path: Path) -> Path:
    """Return the folder with the levels: of several pictures in one folder the first."""
    import zarr

    attributes: dict[str, Any] = zarr.open_group(path, mode="r").attrs.asdict()
    ome = attributes.get("ome", attributes)
    if "multiscales" not in ome and "bioformats2raw.layout" in ome:
        return path / "0"
    return path


def _multiscale(attributes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the first multiscale picture and all that is said beside it."""
    ome = attributes.get("ome", attributes)
    if ome.get("plate") or ome.get("well"):
        raise UnreadableError("a plate of many pictures; give the folder of one of them")
    if not ome.get("multiscales"):
        raise UnreadableError("a Zarr folder without an OME picture (its metadata name no levels)")
    if "image-label" in ome:
        raise UnreadableError("a mask, no picture (image-label)")
    return ome["multiscales"][0], ome


def _facts(group: Path, opened: Any, said: tuple[dict[str, Any], dict[str, Any]]) -> ZarrSlide:  # noqa: ANN401
    multiscale, ome = said
    axes = _axes(multiscale)
    paths = tuple(str(entry["path"]) for entry in multiscale["datasets"])
    arrays = [opened[path] for path in paths]
    for path, array in zip(paths, arrays, strict=True):
        _check_array(path, array, axes)
    size = dict(zip(axes, arrays[0].shape, strict=True))
    deep = {axis: n for axis, n in size.items() if axis not in "yxc" and n > 1}
    if deep:
        sizes = ", ".join(f"{axis}: {n}" for axis, n in deep.items())
        raise UnreadableError(f"a stack of planes ({sizes}); pictures of one plane can be read")
    notes: list[str] = []
    n_channels = 3 if _is_rgb(size.get("c", 1), arrays[0].dtype, ome) else 1
    if n_channels == 1 and size.get("c", 1) > 1:
        notes.append(f"The file has {size['c']} channels; the first was read.")
    spacing = _spacing(multiscale, axes)
    if spacing is None:
        notes.insert(0, UNCALIBRATED)
    return ZarrSlide(
        group=group,
        arrays=tuple(arrays),
        paths=paths,
        axes=axes,
        geometry=Geometry(
            shape=(1, size["y"], size["x"]),
            spacing_mm=(1.0, *(spacing or (1.0, 1.0))),
            is_calibrated=spacing is not None,
        ),
        n_channels=n_channels,
        notes=tuple(notes),
    )


def _axes(multiscale: Mapping[str, Any]) -> str:
    """Return the letters of the axes; before version 0.4 they were words, or always the same."""
    written = multiscale.get("axes") or ["t", "c", "z", "y", "x"]
    axes = "".join(str(one["name"] if isinstance(one, dict) else one).lower() for one in written)
    if not {"y", "x"} <= set(axes) <= set("tczyx") or len(set(axes)) != len(axes):
        raise UnreadableError(f"a picture with the axes {axes!r}; t, c, z, y and x can be read")
    return axes


def _check_array(path: str, array: Any, axes: str) -> None:  # noqa: ANN401 - may be a group
    if not hasattr(array, "chunks") or len(array.shape) != len(axes):
        raise UnreadableError(f"the level {path!r} is no array with the axes {axes}")
    if np.dtype(array.dtype).kind not in "uif":
        raise UnreadableError(f"a picture of {array.dtype} values")
    n_bytes = math.prod(array.chunks) * np.dtype(array.dtype).itemsize
    if n_bytes > MOST_PIECE_BYTES:
        raise UnreadableError(
            f"stored in pieces of {n_bytes >> 20:,} MB; chunks of up to "
            f"{MOST_PIECE_BYTES >> 20} MB can be read by regions"
        )


def _is_rgb(n: int, dtype: object, ome: Mapping[str, Any]) -> bool:
    """Whether three channels are colours: named so or, where nothing is said, three of bytes."""
    channels = (ome.get("omero") or {}).get("channels") or []
    colours = tuple(str(one.get("color", "")).upper() for one in channels)
    if n != 3:
        return False
    return colours == _RGB if any(colours) else np.dtype(str(dtype)) == np.uint8


def _spacing(multiscale: Mapping[str, Any], axes: str) -> tuple[float, float] | None:
    """Return spacing ``(y, x)`` of the finest level in mm, None where units or scales lack."""
    written = multiscale.get("axes") or []
    units = {one["name"]: one.get("unit") for one in written if isinstance(one, dict)}
    sizes: list[float] = []
    for axis in "yx":
        unit = _MM_PER_UNIT.get(units.get(axis) or "")
        if unit is None:
            return None
        scale = unit
        for said in (multiscale["datasets"][0], multiscale):
            for one in said.get("coordinateTransformations") or []:
                if one.get("type") == "scale":
                    scale *= float(one["scale"][axes.index(axis)])
        sizes.append(scale)
    has_scale = any(
        one.get("type") == "scale"
        for one in multiscale["datasets"][0].get("coordinateTransformations") or []
    )
    return (sizes[0], sizes[1]) if has_scale and min(sizes) > 0 else None

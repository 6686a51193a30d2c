"""NIfTI, NRRD and MetaImage volumes, through SimpleITK: frames and units are its affair."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK

from annotator.api import FoundSeries, ReadSeries, ScanResult, Skipped, series_id
from annotator.domain.errors import UnreadableError
from annotator.domain.geometry import Direction, Geometry
from annotator.domain.study import Series
from annotator_builtins.file_list import expand
from annotator_builtins.volume_checks import (
    nifti_notes,
    nifti_shear,
    refuse_shear,
    refuse_too_large,
)
from annotator_builtins.volume_headers import read_payload
from annotator_builtins.volume_payload import refuse_cut, refuse_damaged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator_builtins.volume_headers import Payload

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
MOST_TIMES = 32
"""A file with more volumes than this is a functional study, not images to draw on."""

SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Volume:
    """One volume of a file: what its header says. ``time`` is -1 unless the file holds several."""

    path: str
    payload: Payload
    size: tuple[int, ...]
    time: int
    geometry: Geometry
    dtype: np.dtype[Any]
    n_channels: int
    notes: tuple[str, ...]


class VolumeReader:
    """Reads volumes in one file (or header and data file)."""

    name = "volume"

    def scan(self, paths: Sequence[Path], progress: Progress) -> ScanResult:
        """Read the headers of the volume files among ``paths``."""
        given = expand(paths)
        files = [path for path in given if path.lower().endswith(SUFFIXES)]
        found: list[FoundSeries] = []
        skipped: list[Skipped] = []
        for number, path in enumerate(files):
            progress(number / len(files), f"Reading headers: {number} of {len(files)}")
            try:
                found.extend(_found(volume) for volume in read_header(path))
            except OSError as error:
                reason = f"cannot be opened: {error.strerror or error}"
                skipped.append(Skipped(path=path, reason=reason))
                continue
            except (UnreadableError, ValueError) as error:
                skipped.append(Skipped(path=path, reason=str(error)))
                reason = f"holds the voxels of {Path(path).name}, which was not read"
                orphans = set(_data_of(path)).intersection(given)
                skipped.extend(Skipped(path=name, reason=reason) for name in sorted(orphans))
        progress(1.0, f"Found {len(found)} volumes")
        return ScanResult(found=tuple(found), skipped=tuple(skipped))


def _data_of(path: str) -> tuple[str, ...]:
    """Return the files beside a header that hold its voxels, where the header can be read."""
    try:
        return tuple(name for name in read_payload(path).data if name != path)
    except (UnreadableError, OSError, ValueError):
        return ()


def _found(volume: Volume) -> FoundSeries:
    return FoundSeries(
        title=_title(volume),
        paths=tuple(map(os.path.abspath, dict.fromkeys((volume.path, *volume.payload.data)))),
        read=partial(_read, volume),
        first_slice=partial(_first_slice, volume),
    )


def _title(volume: Volume) -> str:
    name = Path(volume.path).name
    stem = next(name[: -len(end)] for end in SUFFIXES[::-1] if name.lower().endswith(end))
    return f"{stem} · {volume.time + 1}" if volume.time >= 0 else stem


def read_header(path: str) -> tuple[Volume, ...]:
    """Return the volumes that a file holds, by its header; raises UnreadableError in words."""
    if path.lower().endswith((".seg.nrrd", ".seg.nhdr")):
        raise UnreadableError("a segmentation, not an image; bring it in as a reading")
    if os.path.getsize(path) == 0:
        raise UnreadableError("the file is empty")
    payload = read_payload(path)
    refuse_cut(payload)
    reader = _reader(path)
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        refuse_damaged(payload)
        raise UnreadableError(_words(error)) from error
    header = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    size = reader.GetSize()
    n_channels = reader.GetNumberOfComponents()
    dtype = _dtype(reader.GetPixelID())
    refuse_too_large(size, dtype.itemsize * n_channels)
    while len(size) > 3 and size[-1] == 1:
        size = size[:-1]
    if n_channels not in (1, 3) or (n_channels == 3 and dtype != np.uint8):
        raise UnreadableError(
            f"each voxel holds {n_channels} values of {dtype}; images with one value, or three of "
            "8 bits (colour), can be read"
        )
    if len(size) > 4 or (len(size) == 4 and size[3] > MOST_TIMES):
        shape = " × ".join(map(str, size))
        raise UnreadableError(
            f"it holds {shape} values; volumes of three dimensions can be read, or up to "
            f"{MOST_TIMES} of them in one file"
        )
    return _volumes(payload, reader, header, size, dtype, n_channels)


def _volumes(
    payload: Payload,
    reader: SimpleITK.ImageFileReader,
    header: dict[str, str],
    size: tuple[int, ...],
    dtype: np.dtype[Any],
    n_channels: int,
) -> tuple[Volume, ...]:
    dimension = reader.GetDimension()
    direction = np.array(reader.GetDirection()).reshape(dimension, dimension)
    axes = np.eye(3)
    n = min(3, dimension)
    axes[:n, :n] = direction[:n, :n]
    refuse_shear(axes)
    spacing, origin = [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]
    spacing[:n], origin[:n] = reader.GetSpacing()[:n], reader.GetOrigin()[:n]
    notes: tuple[str, ...] = ()
    if "sform_code" in header:
        notes = nifti_notes(payload.path, header, np.column_stack([axes * spacing, origin]))
        if header.get("sform_code", "0") != "0" and header.get("qform_code", "0") == "0":
            nifti_shear(header)
    shape = (*size[:3], 1)[:3] if len(size) == 2 else size[:3]
    geometry = Geometry(
        shape=(shape[2], shape[1], shape[0]),
        spacing_mm=(spacing[2], spacing[1], spacing[0]),
        origin_mm=(origin[0], origin[1], origin[2]),
        direction=_direction(axes),
        is_calibrated=payload.says_spacing,
    )
    if not payload.says_spacing:
        notes += ("The file gives no size of a voxel: lengths are shown in pixels.",)
    times = size[3] if len(size) == 4 else 0
    if times:
        notes += (f"The file holds {times} volumes; each was read as a series of its own.",)
    return tuple(
        Volume(
            path=payload.path,
            payload=payload,
            size=size,
            time=time,
            geometry=geometry,
            dtype=dtype,
            n_channels=n_channels,
            notes=notes,
        )
        for time in (range(times) if times else (-1,))
    )


def _direction(axes: NDArray[np.float64]) -> Direction:
    a, b, c, d, e, f, g, h, i = (float(value) + 0.0 for value in axes.ravel())
    return (a, b, c, d, e, f, g, h, i)


def _dtype(pixel_id: int) -> np.dtype[Any]:
    scalar = SimpleITK.GetPixelIDValueAsString(pixel_id).removeprefix("vector of ")
    names = {
        "8-bit unsigned integer": np.uint8, "8-bit signed integer": np.int8,
        "16-bit unsigned integer": np.uint16, "16-bit signed integer": np.int16,
        "32-bit unsigned integer": np.uint32, "32-bit signed integer": np.int32,
        "64-bit unsigned integer": np.uint64, "64-bit signed integer": np.int64,
        "32-bit float": np.float32, "64-bit float": np.float64,
    }  # fmt: skip
    if scalar not in names:
        raise UnreadableError(f"its voxels are of type {scalar}, which cannot be shown")
    return np.dtype(names[scalar])


def _reader(path: str) -> SimpleITK.ImageFileReader:
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(path)
    return reader


def _words(error: Exception) -> str:
    """Return what SimpleITK complains of in words of ours, as far as they are known."""
    text = str(error).rsplit("ERROR:", 1)[-1]
    if "orthonormal" in text:
        return (
            "its axes are not perpendicular (sheared), which no grid of voxels can hold; resample "
            "it to an upright grid first"
        )
    if "Unable to determine ImageIO" in text:
        return "its header is damaged, or not of the format that its name says"
    text = re.sub(r"\w+\(0x[0-9a-fA-F]+\): ", "", text.partition("Reason:")[0])
    return f"cannot be read, probably damaged: {' '.join(text.split())[:200] or 'no reason given'}"


def _execute(volume: Volume, *, first_only: bool) -> NDArray[Any]:
    reader = _reader(volume.path)
    try:
        if first_only or volume.time >= 0:
            _extract(reader, volume, first_only=first_only)
        image = reader.Execute()
    except RuntimeError as error:
        raise UnreadableError(f"{Path(volume.path).name}: {_words(error)}") from error
    except MemoryError as error:
        raise UnreadableError(f"{volume.path}: too little memory to read it") from error
    voxels: NDArray[Any] = np.array(SimpleITK.GetArrayViewFromImage(image))
    shape = (1 if first_only else volume.geometry.shape[0], *volume.geometry.shape[1:])
    channels = (volume.n_channels,) if volume.n_channels > 1 else ()
    return voxels.reshape(*shape, *channels)


def _extract(reader: SimpleITK.ImageFileReader, volume: Volume, *, first_only: bool) -> None:
    """Have a reader read one volume of several, or the first slice alone."""
    n = len(volume.size)
    size, index = list(volume.size), [0] * n
    if first_only and n >= 3:
        size[2] = 1
    if volume.time >= 0:
        size[3], index[3] = 0, volume.time
    reader.ReadImageInformation()
    extra = reader.GetDimension() - n
    reader.SetExtractSize([*size, *[0] * extra])
    reader.SetExtractIndex([*index, *[0] * extra])


def _first_slice(volume: Volume) -> NDArray[Any]:
    first: NDArray[Any] = _execute(volume, first_only=True)[0]
    return first


def _read(volume: Volume, progress: Progress) -> ReadSeries:
    progress(0.0, f"Reading {Path(volume.path).name}")
    try:
        refuse_damaged(volume.payload)
    except OSError as error:
        reason = error.strerror or error
        raise UnreadableError(f"{volume.path}: cannot be read: {reason}") from error
    voxels = _execute(volume, first_only=False)
    progress(0.8, f"Checking {Path(volume.path).name}")
    series = Series(
        series_id=series_id(volume.geometry, voxels),
        kind="volume" if volume.geometry.shape[0] > 1 else "picture",
        modality="OT",
        description=_title(volume),
        geometry=volume.geometry,
        dtype=voxels.dtype.name,
        n_channels=volume.n_channels,
        paths=(os.path.abspath(volume.path),),
        notes=volume.notes,
    )
    progress(1.0, f"Read {Path(volume.path).name}")
    return ReadSeries(series=series, voxels=voxels)

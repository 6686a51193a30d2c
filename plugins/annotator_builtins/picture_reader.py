"""PNG, JPEG and TIFF pictures, grey or colour; a TIFF of equal pages is a stack."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from annotator.api import FoundSeries, ReadSeries, ScanResult, Skipped, series_id
from annotator.domain.errors import UnreadableError
from annotator.domain.study import Series
from annotator_builtins.file_list import expand
from annotator_builtins.picture_raster import probe_raster, read_raster
from annotator_builtins.picture_tiff import probe_tiff, read_tiff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.domain.study import SeriesKind
    from annotator_builtins.picture_raster import Picture

RASTER_SUFFIXES = (".png", ".jpg", ".jpeg")
TIFF_SUFFIXES = (".tif", ".tiff")


class Loader(Protocol):
    """Loads the pixels of a picture whose header has been read."""

    def __call__(self, picture: Picture, *, first_only: bool) -> NDArray[Any]:
        """Return ``(z, y, x[, channel])``; of the first slice only if asked."""
        ...


class PictureReader:
    """Reads pictures: fundus, dermoscopy, pathology, ultrasound."""

    name = "picture"

    def scan(self, paths: Sequence[Path], progress: Progress) -> ScanResult:
        """Read the headers of the pictures among ``paths``."""
        suffixes = RASTER_SUFFIXES + TIFF_SUFFIXES
        files = [path for path in expand(paths) if path.lower().endswith(suffixes)]
        found: list[FoundSeries] = []
        skipped: list[Skipped] = []
        for number, path in enumerate(files):
            progress(number / len(files), f"Reading headers: {number} of {len(files)}")
            try:
                found.append(_found(path))
            except OSError as error:
                reason = f"cannot be opened: {error.strerror or error}"
                skipped.append(Skipped(path=path, reason=reason))
            except UnreadableError as error:
                skipped.append(Skipped(path=path, reason=str(error)))
        progress(1.0, f"Found {len(found)} pictures")
        return ScanResult(found=tuple(found), skipped=tuple(skipped))


def _found(path: str) -> FoundSeries:
    if os.path.getsize(path) == 0:
        raise UnreadableError("the file is empty")
    is_tiff = path.lower().endswith(TIFF_SUFFIXES)
    picture = probe_tiff(path) if is_tiff else probe_raster(path)
    load = read_tiff if is_tiff else read_raster
    return FoundSeries(
        title=Path(path).stem,
        paths=(os.path.abspath(path),),
        read=partial(_read, picture, load),
        first_slice=partial(_first_slice, picture, load),
    )


def _first_slice(picture: Picture, load: Loader) -> NDArray[Any]:
    first: NDArray[Any] = _loaded(picture, load, first_only=True)[0]
    return first


def _loaded(picture: Picture, load: Loader, *, first_only: bool) -> NDArray[Any]:
    """Load the pixels, ``(z, y, x[, channel])``, and put what decoders raise into words."""
    try:
        return load(picture, first_only=first_only)
    except UnreadableError:
        raise
    except MemoryError as error:
        raise UnreadableError(f"{picture.path}: too little memory to read it") from error
    except Exception as error:  # decoders raise anything on damaged files
        words = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadableError(f"{picture.path}: damaged or cut off ({words})") from error


def _read(picture: Picture, load: Loader, progress: Progress) -> ReadSeries:
    name = Path(picture.path).name
    progress(0.0, f"Reading {name}")
    voxels = _loaded(picture, load, first_only=False)
    progress(0.8, f"Checking {name}")
    geometry = picture.geometry
    kind: SeriesKind = "volume" if geometry.is_volume else "picture"
    series = Series(
        series_id=series_id(geometry, voxels, rescale=(picture.slope, picture.intercept)),
        kind="video" if geometry.is_time else kind,
        modality="OT",
        description=Path(picture.path).stem,
        geometry=geometry,
        dtype=voxels.dtype.name,
        n_channels=voxels.shape[3] if voxels.ndim == 4 else 1,
        slope=picture.slope,
        intercept=picture.intercept,
        paths=(os.path.abspath(picture.path),),
        notes=picture.notes,
    )
    progress(1.0, f"Read {name}")
    return ReadSeries(series=series, voxels=voxels)

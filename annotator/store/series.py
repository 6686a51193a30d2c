"""Facts of series, and their voxels in the cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import insert, select

from annotator.api import PyramidVoxels, are_voxels_of
from annotator.domain.errors import (
    AnnotatorError,
    GeometryMismatchError,
    IntegrityError,
    UnknownNameError,
)
from annotator.domain.study import Series
from annotator.store.facts import digest, from_json, to_json
from annotator.store.failures import explain_os_error
from annotator.store.partials import partial_of
from annotator.store.slide_cache import open_kept, slide_path
from annotator.store.tables import series as table

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from annotator.store.database import Change
    from annotator.store.slide_cache import OpenSlide


def add(change: Change, series: Series) -> None:
    """Keep the facts of a series, once."""
    if change.connection.execute(
        select(table.c.series_id).where(table.c.series_id == series.series_id)
    ).first():
        return
    facts = to_json(series)
    change.connection.execute(insert(table).values(series_id=series.series_id, facts=facts))
    change.log(
        "add series",
        series_id=series.series_id,
        modality=series.modality,
        shape=list(series.geometry.shape),
        n_files=len(series.paths),
        facts_sha256=digest(facts),
    )


def read(connection: Connection, series_id: str) -> Series:
    """Return the facts of a series."""
    facts = connection.execute(
        select(table.c.facts).where(table.c.series_id == series_id)
    ).scalar_one_or_none()
    if facts is None:
        known = connection.execute(select(table.c.series_id)).scalars()
        raise UnknownNameError("series", series_id, known)
    return from_json(Series, facts)


def ids(connection: Connection) -> tuple[str, ...]:
    """Return every series."""
    return tuple(
        connection.execute(select(table.c.series_id).order_by(table.c.series_id)).scalars()
    )


def check_voxels(series: Series, voxels: NDArray[Any] | PyramidVoxels) -> None:
    """Raise where voxels do not have the shape and type that the series says."""
    expected = series.geometry.shape + ((series.n_channels,) if series.n_channels > 1 else ())
    if voxels.shape != expected:
        raise GeometryMismatchError(
            f"the voxels of series {series.series_id[:12]} have shape {voxels.shape}; "
            f"its geometry says {expected}"
        )
    if voxels.dtype.name != series.dtype:
        raise AnnotatorError(
            f"the voxels of series {series.series_id[:12]} are {voxels.dtype.name}; "
            f"the series says {series.dtype}"
        )


def voxel_path(cache_dir: Path, series_id: str) -> Path:
    """Return where the voxels of a series are cached."""
    return cache_dir / f"{series_id}.npy"


def write_voxels(cache_dir: Path, series_id: str, voxels: NDArray[Any]) -> None:
    """Write the cached voxels whole or not at all."""
    path = voxel_path(cache_dir, series_id)
    partial = partial_of(path)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            whole = np.ascontiguousarray(voxels)
            header = np.lib.format.header_data_from_array_1_0(whole)
            np.lib.format.write_array_header_1_0(file, header)
            file.write(whole.data)  # unlike numpy's own, says when the disk is full
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise explain_os_error(error, f"the image cache {cache_dir}") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def is_cached(cache_dir: Path, series: Series) -> bool:
    """Whether the voxels of a series, or the files of a slide, are there."""
    path = voxel_path if series.slide is None else slide_path
    return path(cache_dir, series.series_id).exists()


def read_voxels(cache_dir: Path, series: Series) -> NDArray[Any]:
    """Return the voxels, ``(z, y, x[, channel])``, memory-mapped; must not be written to.

    Raises AnnotatorError for a slide, which no memory holds.
    """
    if series.slide is not None:
        raise AnnotatorError(
            f"{series.description or 'this'} is a slide, too large for what needs the whole "
            "picture at once"
        )
    path = voxel_path(cache_dir, series.series_id)
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        check_voxels(series, found)
    except FileNotFoundError as error:
        raise AnnotatorError(
            f"the cached images of {_shown(series)} are gone ({path}). {_reimport(series)}"
        ) from error
    except (OSError, ValueError, GeometryMismatchError, AnnotatorError) as error:
        raise AnnotatorError(
            f"the cached images of {_shown(series)} are damaged ({path}: {error}). "
            f"{_reimport(series, damaged='file')}"
        ) from error
    return found


def read_slide(cache_dir: Path, series: Series, open_slide: OpenSlide | None) -> PyramidVoxels:
    """Return what reads the voxels of a slide by regions; ``open_slide`` opens its kept files."""
    path = slide_path(cache_dir, series.series_id)
    if not path.exists():
        raise AnnotatorError(
            f"the kept slide of {_shown(series)} is gone ({path}). {_reimport(series)}"
        )
    try:
        found = PyramidVoxels(open_kept(path, series, open_slide))
        check_voxels(series, found)
    except (OSError, AnnotatorError) as error:
        raise AnnotatorError(
            f"the kept slide of {_shown(series)} cannot be opened ({path}: {error}). "
            f"{_reimport(series, damaged='folder')}"
        ) from error
    return found


def rebuild_voxels(cache_dir: Path, series: Series, voxels: NDArray[Any]) -> None:
    """Write voxels into the cache again, after checking that they are those of the series."""
    check_voxels(series, voxels)
    if not are_voxels_of(series, voxels):
        raise IntegrityError(
            f"these voxels are not those of {_shown(series)}: their hash differs. "
            "Give the files that the series was imported from"
        )
    write_voxels(cache_dir, series.series_id, voxels)


def _shown(series: Series) -> str:
    return f"series {series.series_id[:12]} ({series.description or series.modality})"


def _reimport(series: Series, *, damaged: str = "") -> str:
    """Say how images come back; what is ``damaged`` is in the way of the import."""
    came_from = f", from {os.path.commonpath(series.paths)}" if series.paths else ""
    begin = f"Delete that {damaged} and import" if damaged else "Import"
    return f"{begin} the study again to restore them{came_from}; readings are not lost."

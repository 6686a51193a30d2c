"""Slides: OME-Zarr folders, SVS, and TIFF files too large to be held."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.api import (
    FOLDER_MARKS,
    FoundSeries,
    PyramidVoxels,
    ReadSeries,
    ScanResult,
    Skipped,
    SlideFile,
    SlideFiles,
    combined_series_id,
    slide_digest,
)
from annotator.api.slides import SOURCE
from annotator.domain.errors import UnreadableError
from annotator.domain.study import Series, Slide
from annotator_builtins.file_list import expand
from annotator_builtins.slide_levels import add_levels, added_levels, is_lacking
from annotator_builtins.slide_tiff import open_levels, probe_slide
from annotator_builtins.slide_tiles import TilePyramid
from annotator_builtins.slide_zarr import ZarrLevel, files_of, probe_zarr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.domain.geometry import Geometry
    from annotator_builtins.slide_tiles import TiledLevel

SVS_SUFFIX = ".svs"
TIFF_SUFFIXES = (".tif", ".tiff", SVS_SUFFIX)
NAME = "slide"
_PICTURE = "picture"
"""What the file, or the folder, is called in the project: its own name may tell who it shows."""


class _Content:
    """What a reader knows of a slide before its files are hashed."""

    def __init__(
        self,
        *,
        title: str,
        path: str,
        geometry: Geometry,
        dtype: np.dtype[Any],
        n_channels: int,
        shapes: tuple[tuple[int, int], ...],
        notes: tuple[str, ...],
        files: Callable[[], tuple[SlideFile, ...]],
        levels: Callable[[], tuple[TiledLevel, ...]],
        rescale: tuple[float, float] = (1.0, 0.0),
    ) -> None:
        self.title, self.path, self.geometry = title, path, geometry
        self.dtype, self.n_channels, self.shapes = dtype, n_channels, shapes
        self.notes, self.files, self.levels, self.rescale = notes, files, levels, rescale

    def pyramid(self) -> TilePyramid:
        return TilePyramid(self.levels(), self.dtype, self.n_channels)


class SlideReader:
    """Reads pictures of tissue that are larger than memory; they are kept as their own files."""

    name = NAME

    def scan(self, paths: Sequence[Path], progress: Progress) -> ScanResult:
        """Read the headers of the slides among ``paths``; small TIFF files are left to others."""
        folders = [path for path in paths if is_folder(path)]
        others = [path for path in paths if path not in set(folders)]
        files = [path for path in expand(others) if path.lower().endswith(TIFF_SUFFIXES)]
        wanted = [*map(str, folders), *files]
        found: list[FoundSeries] = []
        skipped: list[Skipped] = []
        for number, path in enumerate(wanted):
            progress(number / len(wanted), f"Reading headers: {number} of {len(wanted)}")
            is_own = not path.lower().endswith(TIFF_SUFFIXES[:2])
            try:
                content = _zarr(path) if is_folder(Path(path)) else _tiff(path)
            except (OSError, UnreadableError) as error:
                if is_own:
                    reason = (
                        f"cannot be opened: {error.strerror or error}"
                        if isinstance(error, OSError)
                        else str(error)
                    )
                    skipped.append(Skipped(path=path, reason=reason))
                continue
            if content is not None:
                found.append(
                    FoundSeries(
                        title=content.title,
                        paths=(path,),
                        read=partial(_read, content),
                        first_slice=partial(_coarsest, content),
                    )
                )
        progress(1.0, f"Found {len(found)} slides")
        return ScanResult(found=tuple(found), skipped=tuple(skipped))

    def open_slide(self, directory: Path) -> TilePyramid:
        """Open what was kept of a slide; raises UnreadableError."""
        place = directory / SOURCE / _PICTURE
        if place.is_dir():
            found = probe_zarr(place)
            levels: list[TiledLevel] = [
                ZarrLevel(array, found.axes, found.n_channels) for array in found.arrays
            ]
            return _whole([*levels, *added_levels(directory)], found.dtype, found.n_channels)
        facts = probe_slide(str(place), is_always=True)
        if facts is None:
            raise UnreadableError(f"{place} is no slide")
        return _whole(
            [*open_levels(place), *added_levels(directory)], facts.dtype, facts.n_channels
        )


def _whole(levels: Sequence[TiledLevel], dtype: np.dtype[Any], n_channels: int) -> TilePyramid:
    """Return a pyramid that can be shown whole: without coarse levels that fills the memory."""
    pyramid = TilePyramid(levels, dtype, n_channels)
    if is_lacking(pyramid.shapes):
        raise UnreadableError("coarser levels that were made at the import are gone")
    return pyramid


def is_folder(path: Path) -> bool:
    """Whether a path is a folder that is one picture."""
    return path.is_dir() and any((path / mark).exists() for mark in FOLDER_MARKS)


def _tiff(path: str) -> _Content | None:
    if os.path.getsize(path) == 0:
        raise UnreadableError("the file is empty")
    facts = probe_slide(path, is_always=path.lower().endswith(SVS_SUFFIX))
    if facts is None:
        return None
    absolute = os.path.abspath(path)
    return _Content(
        title=Path(path).name.removesuffix(Path(path).suffix).removesuffix(".ome"),
        path=absolute,
        geometry=facts.geometry,
        dtype=facts.dtype,
        n_channels=facts.n_channels,
        shapes=facts.shapes,
        notes=facts.notes,
        files=lambda: (SlideFile(path=absolute, name=_PICTURE, blanked=facts.blanked),),
        levels=lambda: open_levels(absolute),
        rescale=(facts.slope, facts.intercept),
    )


def _zarr(path: str) -> _Content:
    found = probe_zarr(path)
    stem = Path(path).name
    for suffix in (".zarr", ".ome"):
        stem = stem.removesuffix(suffix)
    return _Content(
        title=stem,
        path=os.path.abspath(path),
        geometry=found.geometry,
        dtype=found.dtype,
        n_channels=found.n_channels,
        shapes=found.shapes,
        notes=found.notes,
        files=lambda: tuple(
            SlideFile(path=str(file), name=f"{_PICTURE}/{file.relative_to(found.group).as_posix()}")
            for file in files_of(found)
        ),
        levels=lambda: tuple(
            ZarrLevel(array, found.axes, found.n_channels) for array in found.arrays
        ),
    )


def _coarsest(content: _Content) -> NDArray[Any]:
    try:
        pyramid = content.pyramid()
    except OSError as error:
        raise UnreadableError(
            f"{content.path}: cannot be read: {error.strerror or error}"
        ) from error
    rows, columns = pyramid.shapes[-1]
    if rows * columns > 1 << 27:
        raise UnreadableError(f"{content.path}: it has no small level to be shown by")
    return pyramid.read(len(pyramid.shapes) - 1, slice(0, rows), slice(0, columns))


def _read(content: _Content, progress: Progress) -> ReadSeries:
    try:
        files = content.files()
        digest = slide_digest(files, progress)
        pyramid = content.pyramid()
    except OSError as error:
        raise UnreadableError(
            f"{content.path}: cannot be read: {error.strerror or error}"
        ) from error
    channels = () if content.n_channels == 1 else (content.n_channels,)
    series = Series(
        series_id=combined_series_id(
            content.geometry,
            content.dtype,
            (*content.geometry.shape, *channels),
            [bytes.fromhex(digest)],
            rescale=content.rescale,
        ),
        kind="picture",
        modality="SM",
        description=content.title,
        geometry=content.geometry,
        dtype=content.dtype.name,
        n_channels=content.n_channels,
        slope=content.rescale[0],
        intercept=content.rescale[1],
        paths=(content.path,),
        notes=content.notes,
        slide=Slide(reader=NAME, sha256=digest, shapes=content.shapes),
    )
    return ReadSeries(
        series=series,
        voxels=PyramidVoxels(pyramid),
        slide=SlideFiles(
            files=files, add_levels=partial(_add, content) if is_lacking(content.shapes) else None
        ),
    )


def _add(content: _Content, directory: Path, progress: Progress) -> None:
    add_levels(content.levels()[-1], content.dtype, content.n_channels, directory, progress)

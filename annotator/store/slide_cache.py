"""What is kept of slides: their own files, beside the cached voxels of other series."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.api import SlideFile, combined_series_id, no_progress, slide_digest
from annotator.api.slides import SOURCE
from annotator.domain.errors import AnnotatorError, IntegrityError, UnreadableError
from annotator.store.failures import explain_os_error
from annotator.store.partials import partial_of, remove

if TYPE_CHECKING:
    from annotator.analysis.pyramid import Pyramid
    from annotator.api import Progress, SlideFiles
    from annotator.domain.study import Series, Slide

OpenSlide = Callable[[str, Path], "Pyramid"]
"""Opens what was kept of a slide, by the name of its reader and the folder."""

_LEVELS_SHARE = 0.7
"""Part of the progress that making coarser levels takes, where a file lacks them."""


def slide_path(cache_dir: Path, series_id: str) -> Path:
    """Return the folder in which a slide is kept."""
    return cache_dir / f"{series_id}.slide"


def write_slide(
    cache_dir: Path, series: Series, files: SlideFiles, progress: Progress = no_progress
) -> None:
    """Keep a slide's files, whole or not at all.

    Raises IntegrityError where they are not those that the series was made from, AnnotatorError
    where there is no room.
    """
    place = slide_path(cache_dir, series.series_id)
    partial = partial_of(place)
    share = 1.0 if files.add_levels is None else 1 - _LEVELS_SHARE
    try:
        (partial / SOURCE).mkdir(parents=True)
        digest = slide_digest(
            files.files, lambda done, word: progress(share * done, word), target=partial / SOURCE
        )
        _require_same(series, digest)
        if files.add_levels is not None:
            files.add_levels(
                partial, lambda done, word: progress(share + _LEVELS_SHARE * done, word)
            )
        partial.rename(place)
    except OSError as error:
        remove(partial)
        if place.exists():  # another process was quicker
            return
        raise explain_os_error(error, f"the image cache {cache_dir}") from error
    except BaseException:
        remove(partial)
        raise


def slide_problem(cache_dir: Path, series: Series, series_id: str) -> str:
    """Say why what is kept of a slide is not what was imported; empty where it is."""
    place = slide_path(cache_dir, series.series_id)
    wanted = _slide_of(series)
    try:
        digest = slide_digest(_kept_files(place), no_progress)
    except (OSError, UnreadableError) as error:
        return f"the kept slide ({place}) cannot be read: {error}"
    channels = (series.n_channels,) if series.n_channels > 1 else ()
    named = combined_series_id(
        series.geometry,
        np.dtype(series.dtype),
        (*series.geometry.shape, *channels),
        [bytes.fromhex(digest)],
        rescale=(series.slope, series.intercept),
    )
    if digest == wanted.sha256 and named == series_id:
        return ""
    return (
        f"the kept slide ({place}) is not the one that was imported: its hash differs. Delete the "
        "folder and import the study again"
    )


def open_kept(path: Path, series: Series, open_slide: OpenSlide | None) -> Pyramid:
    """Open a slide's folder; raises AnnotatorError where it is not what the series says."""
    wanted = _slide_of(series)
    if open_slide is None:
        raise AnnotatorError("the project was opened without the plugins that read slides")
    pyramid = open_slide(wanted.reader, path)
    found = tuple((rows, columns) for rows, columns in pyramid.shapes[: len(wanted.shapes)])
    if found != wanted.shapes:
        raise AnnotatorError(f"its levels are {found}, the series says {wanted.shapes}")
    return pyramid


def _kept_files(directory: Path) -> tuple[SlideFile, ...]:
    """Return the files that are kept of a slide; raises UnreadableError where there is none."""
    source = directory / SOURCE
    found = tuple(
        SlideFile(path=str(path), name=path.relative_to(source).as_posix())
        for path in sorted(source.rglob("*"))
        if path.is_file()
    )
    if not found:
        raise UnreadableError(f"{directory} holds no slide")
    return found


def _require_same(series: Series, digest: str) -> None:
    if digest != _slide_of(series).sha256:
        raise IntegrityError(
            f"the files of {series.description or 'the slide'} are not those that the series was "
            "imported from: their hash differs. Were they written to meanwhile?"
        )


def _slide_of(series: Series) -> Slide:
    if series.slide is None:
        raise AnnotatorError(f"series {series.series_id[:12]} is no slide")
    return series.slide

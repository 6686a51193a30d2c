"""The door of readers: files become series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api.progress import Progress
    from annotator.api.slides import SlideFiles
    from annotator.domain.study import Series

FOLDER_MARKS = (".zgroup", ".zattrs", "zarr.json")
"""A folder that holds one of these is one picture: readers are given it, and not its files."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadSeries:
    """A series with its voxels, ``(z, y, x)`` or ``(z, y, x, channel)``, as stored (no rescale).

    ``slide`` says of a picture too large to be held what is kept in the place of its voxels; these
    are `PyramidVoxels` then.
    """

    series: Series
    voxels: Any
    slide: SlideFiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file that was not read, and why, in words."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundSeries:
    """A series that a scan found; nothing but headers has been read yet.

    ``read`` returns the whole series; ``first_slice`` the stored voxels of slice 0, ``(y, x)`` or
    ``(y, x, channel)``, without reading the rest; of a slide those of its coarsest level. Both
    raise UnreadableError.
    """

    title: str
    paths: tuple[str, ...]
    read: Callable[[Progress], ReadSeries]
    first_slice: Callable[[], NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanResult:
    """What a reader made of a list of files; a file in neither field was not the reader's."""

    found: tuple[FoundSeries, ...] = ()
    skipped: tuple[Skipped, ...] = ()


class StudyReader(Protocol):
    """Reads one family of files. Must not raise for a single bad file: it lists it as skipped."""

    name: str

    def scan(self, paths: Sequence[Path], progress: Progress) -> ScanResult:
        """Group the files that are this reader's into series."""
        ...

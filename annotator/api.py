"""What a plugin author imports: the protocols of each door.

A plugin is a :class:`Plugin` record, named by an entry point in the group ``annotator.plugins``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from annotator.checked_file import checked_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.domain.geometry import Geometry
    from annotator.domain.reading import Annotation
    from annotator.domain.review import RaterPerformance
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case, Series

__all__ = [
    "FoundSeries",
    "FusedPatterns",
    "FusionMethod",
    "MaskForExport",
    "MaskWriter",
    "Model",
    "ModelCard",
    "Plugin",
    "Progress",
    "ReadSeries",
    "ScanResult",
    "Skipped",
    "StudyReader",
    "VotePatterns",
    "checked_file",
    "no_progress",
    "series_id",
]

Progress = Callable[[float, str], None]
"""Called with a fraction from 0 to 1 and what is being done; raises CancelledError to stop."""


def no_progress(fraction: float, message: str) -> None:
    """Ignore progress; for callers that show none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadSeries:
    """A series with its voxels, ``(z, y, x)`` or ``(z, y, x, channel)``, as stored (no rescale)."""

    series: Series
    voxels: NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file that was not read, and why, in words."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundSeries:
    """A series that a scan found; nothing but headers has been read yet.

    ``read`` returns the whole series; ``first_slice`` the stored voxels of slice 0, ``(y, x)`` or
    ``(y, x, channel)``, without reading the rest. Both raise UnreadableError.
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VotePatterns:
    """The distinct ways in which raters voted, with how many voxels voted so.

    Attributes
    ----------
    rater_ids : tuple of str
        Columns of ``patterns``.
    patterns : ndarray
        Label of each rater, ``(pattern, rater)`` uint16.
    counts : ndarray
        Voxels with that pattern over the whole grid, ``(pattern,)`` int64; sums to all voxels.
    labels : tuple of int
        Every label that may occur, ascending, 0 first.
    voxel_mm3 : float
        Volume of one voxel.
    n_near : int or None
        Voxels within three voxels, along every axis, of anything that was drawn, the drawn ones
        among them: the region that STAPLE looks at. None where the caller did not count them.
    """

    rater_ids: tuple[str, ...]
    patterns: NDArray[np.uint16]
    counts: NDArray[np.int64]
    labels: tuple[int, ...]
    voxel_mm3: float
    n_near: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FusedPatterns:
    """What a fusion method makes of each pattern.

    ``probability`` is ``(pattern, label)`` float64 in the order of ``VotePatterns.labels``; rows
    sum to 1. ``chosen`` is the fused label of each pattern, uint16; ``undecided`` marks ties.
    """

    probability: NDArray[np.float64]
    chosen: NDArray[np.uint16]
    undecided: NDArray[np.bool_]
    performance: tuple[RaterPerformance, ...]
    warnings: tuple[str, ...] = ()


class FusionMethod(Protocol):
    """Fuses readings. Must be a pure function of its arguments: the same bytes every time."""

    name: str
    title: str
    version: str
    parameters: type[BaseModel]

    def fuse(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        """Return probability, label and rater performance of each vote pattern."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a person should know before trusting a model."""

    title: str
    what_it_draws: str
    works_on: str
    limits: str
    licence: str


class Model(Protocol):
    """Draws a first reading. Runs in a process of its own, never in the window's."""

    name: str
    version: str
    card: ModelCard
    parameters: type[BaseModel]

    def refuses(self, series: Series, schema: LabelSchema) -> str | None:
        """Say why the model does not fit this series or schema, or None where it fits."""
        ...

    def predict(
        self,
        voxels: NDArray[Any],
        series: Series,
        schema: LabelSchema,
        parameters: BaseModel,
        progress: Progress,
    ) -> NDArray[np.unsignedinteger]:
        """Return a mask ``(z, y, x)`` on the grid of the series, with values of the schema.

        ``voxels`` are stored values; must not be written to.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskForExport:
    """One mask on its way out.

    ``role`` is ``reading``, ``fused`` or ``adjudicated``; ``creator`` is the rater's or reviewer's
    name, or the fusion's title; ``probability`` is ``(z, y, x)`` float32 per label value, if kept;
    ``origin`` says of an adjudicated mask which disputed region decided each voxel, 0 for none.
    """

    case: Case
    series: Series
    schema: LabelSchema
    role: str
    creator: str
    is_automatic: bool
    content_id: str
    mask: NDArray[np.unsignedinteger]
    annotation: Annotation | None = None
    probability: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    origin: NDArray[np.unsignedinteger] | None = None


class MaskWriter(Protocol):
    """Writes a mask to files and reads them back."""

    name: str

    def write(self, item: MaskForExport, directory: Path, stem: str) -> tuple[Path, ...]:
        """Write the files, read each back and compare; raise IntegrityError on a difference."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plugin:
    """Everything that one distribution adds; each entry is loaded on first use by calling it."""

    name: str
    readers: tuple[Callable[[], StudyReader], ...] = ()
    fusion_methods: tuple[Callable[[], FusionMethod], ...] = ()
    models: tuple[Callable[[], Model], ...] = ()
    mask_writers: tuple[Callable[[], MaskWriter], ...] = ()


def slice_digest(voxels: NDArray[Any]) -> bytes:
    """Return SHA-256 over the stored voxels of one slice."""
    return hashlib.sha256(np.ascontiguousarray(voxels).data).digest()


def combined_series_id(
    geometry: Geometry,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    digests: Iterable[bytes],
    *,
    rescale: tuple[float, float] = (1.0, 0.0),
    source_uid: str = "",
) -> str:
    """Return the ``series_id`` from the digests of all slices in order.

    For a reader that hashes slices as they arrive, several at once.
    """
    slope, intercept = map(float, rescale)
    facts: tuple[object, ...] = (geometry, dtype.str, shape)
    if (slope, intercept) != (1.0, 0.0) or source_uid:
        facts = (*facts, slope, intercept, source_uid)
    digest = hashlib.sha256(repr(facts).encode())
    for one in digests:
        digest.update(one)
    return digest.hexdigest()


def series_id(
    geometry: Geometry,
    voxels: NDArray[Any],
    *,
    rescale: tuple[float, float] = (1.0, 0.0),
    source_uid: str = "",
) -> str:
    """Return the identity of a series: SHA-256 over what it is and the SHA-256 of each slice.

    Two series with one identity are taken for the same images.

    Parameters
    ----------
    geometry : Geometry
        The grid.
    voxels : ndarray
        Stored values, ``(z, y, x)`` or ``(z, y, x, channel)``.
    rescale : tuple of float
        Slope and intercept that make modality values of them: ``Series.slope, Series.intercept``.
    source_uid : str
        DICOM's SeriesInstanceUID, where there is one: equal voxels of two patients are two series.
    """
    return combined_series_id(
        geometry,
        voxels.dtype,
        voxels.shape,
        map(slice_digest, voxels),
        rescale=rescale,
        source_uid=source_uid,
    )


def are_voxels_of(series: Series, voxels: NDArray[Any]) -> bool:
    """Whether voxels are those that the identity of a series was made from.

    A reader may have left slope and intercept or the SeriesInstanceUID out of the identity.
    """
    digests = [slice_digest(one) for one in voxels]
    rescales = {(1.0, 0.0), (series.slope, series.intercept)}
    uids = {"", series.dicom.series_uid if series.dicom else ""}
    return series.series_id in {
        combined_series_id(
            series.geometry, voxels.dtype, voxels.shape, digests, rescale=rescale, source_uid=uid
        )
        for rescale in rescales
        for uid in uids
    }

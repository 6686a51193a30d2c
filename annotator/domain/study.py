"""What was read from files, and what a rater reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from annotator.domain.geometry import Geometry

SeriesKind = Literal["volume", "picture", "video"]
Reads = Literal["mask", "tracing"]
"""What is read on a case: labels drawn voxel by voxel, or a neuron's tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A grey-level window in modality units (HU for CT): ``level`` its centre, ``width``."""

    name: str
    level: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomSource:
    """The DICOM instances behind a series, in slice order (frames of one file repeat it).

    ``attributes`` keeps what a derived object must carry over (patient, study, frame of
    reference), by keyword.
    """

    study_uid: str
    series_uid: str
    frame_of_reference_uid: str
    sop_class_uid: str
    sop_instance_uids: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide:
    """What is kept of a picture too large to be held: its own files, read by regions.

    Attributes
    ----------
    reader : str
        Name of the reader that opens them.
    sha256 : str
        Over the names and the kept bytes of the files.
    shapes : tuple of tuple of int
        Levels that the files hold, ``(rows, columns)``, the finest first.
    """

    reader: str
    sha256: str
    shapes: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Facts of one series; its voxels are kept apart, as ``(z, y, x[, channel])``.

    Attributes
    ----------
    series_id : str
        SHA-256 over geometry, stored voxels, slope, intercept and DICOM's SeriesInstanceUID: the
        same study imported twice is one series.
    modality : str
        DICOM modality (``CT``, ``MR``, ``OP``, ``US``…); ``OT`` where the file did not say.
    dtype : str
        numpy name of the stored voxels.
    n_channels : int
        1 for grey, 3 for RGB.
    slope, intercept : float
        Stored value * slope + intercept = modality value (HU for CT).
    windows : tuple of Window
        Windows that the file names, first one shown.
    paths : tuple of str
        Source files, absolute, in slice order; they may have gone since.
    notes : tuple of str
        What a person should know about how it was read, in words.
    slide : Slide, optional
        Of a picture too large to be held; its ``series_id`` has the hash of the files in the place
        of that of the voxels.
    """

    series_id: str
    kind: SeriesKind
    modality: str
    description: str
    geometry: Geometry
    dtype: str
    n_channels: int = 1
    slope: float = 1.0
    intercept: float = 0.0
    windows: tuple[Window, ...] = ()
    paths: tuple[str, ...] = ()
    dicom: DicomSource | None = None
    notes: tuple[str, ...] = ()
    slide: Slide | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The unit that a rater reads. Masks are drawn, and neurons traced, on the first series."""

    case_id: str
    title: str
    series_ids: tuple[str, ...]
    reads: Reads = "mask"

"""What a DICOM header says of each slice, the same whichever way the header was read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pydicom.multival import MultiValue

from annotator.domain.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping

LAYOUT_KEYWORDS = (
    "TransferSyntaxUID", "SOPClassUID", "Modality", "StudyInstanceUID", "SeriesInstanceUID",
    "FrameOfReferenceUID", "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns",
    "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing",
    "EstimatedRadiographicMagnificationFactor", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "ImageOrientationPatient", "SpacingBetweenSlices", "SliceThickness",
)  # fmt: skip
SPACING_KEYWORDS = (
    "PixelSpacing", "UltrasoundSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing",
)  # fmt: skip
"""What may give the distance between pixels, best first; the second is ours, from regions."""
PHASE_KEYWORDS = (
    "ImageType", "FrameType", "StackID", "EchoNumbers", "EchoTime", "EffectiveEchoTime",
    "TemporalPositionIdentifier", "TemporalPositionIndex", "DiffusionBValue",
    "DiffusionGradientOrientation", "InversionTime", "FlipAngle",
    "NominalPercentageOfCardiacPhase", "AcquisitionNumber",
)  # fmt: skip
SLICE_KEYWORDS = (
    "SOPInstanceUID", "InstanceNumber", "ImagePositionPatient", "SliceLocation", "RescaleSlope",
    "RescaleIntercept", "DoseGridScaling", "TriggerTime", "AcquisitionTime",
)  # fmt: skip
FRAME_KEYWORDS = frozenset(LAYOUT_KEYWORDS + PHASE_KEYWORDS + SLICE_KEYWORDS)
Numbers = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the slices of one array have in common.

    ``orientation`` is the direction of a row and of a column, LPS, six numbers; None where the
    header gives none, or what ``bad_orientation`` keeps: values that are no two directions;
    ``pixel_spacing_mm`` the distance between rows, then between columns, and
    ``spacing_source`` the attribute that gave it. Spacing between slices comes from positions;
    the two attributes of that name serve where there are none.
    """

    transfer_syntax: str
    sop_class_uid: str
    modality: str
    study_uid: str
    series_uid: str
    frame_of_reference_uid: str
    samples: int
    photometric: str
    rows: int
    columns: int
    pixel_spacing_mm: tuple[float, float] | None
    spacing_source: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    orientation: Numbers | None
    bad_orientation: str
    spacing_between_mm: float | None
    thickness_mm: float | None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one native frame."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * samples * self.bits_allocated // 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceHeader:
    """One slice: a file, or one frame of a file.

    ``phase`` are the attributes that tell slices at one position apart, in the order of
    ``PHASE_KEYWORDS``; ``order`` sorts slices that nothing else tells apart (time, then instance
    number). ``pixel_offset`` is where the stored bytes of the slice begin when they are native
    little-endian, else -1. ``clue`` says what the frames of a file without positions are.
    """

    path: str
    frame: int
    n_frames: int
    layout: Layout
    sop_instance_uid: str
    instance_number: int
    position: tuple[float, float, float] | None
    rescale: tuple[float, float]
    phase: tuple[str, ...]
    order: Numbers
    pixel_offset: int = -1
    has_overlay_bits: bool = False
    clue: str = ""


@lru_cache(maxsize=1024)
def numbers(text: str) -> Numbers:
    r"""Parse a multi-valued decimal string (``1\2\3``); empty where it is no list of numbers."""
    try:
        values = tuple(float(part) for part in text.split("\\")) if text else ()
    except ValueError:
        return ()
    return values if all(math.isfinite(value) for value in values) else ()


def first_number(text: str, default: float) -> float:
    """Parse the first value of a decimal string."""
    values = numbers(text)
    return values[0] if values else default


def parse_layout(values: Mapping[str, str]) -> Layout:
    """Build a layout from attribute texts by keyword; raises UnreadableError."""
    rows, columns = (int(first_number(values.get(key, ""), 0)) for key in ("Rows", "Columns"))
    if rows <= 0 or columns <= 0:
        raise UnreadableError("the header gives no number of rows and columns")
    spacing, source = _pixel_spacing(values)
    oriented = values.get("ImageOrientationPatient", "")
    orientation = numbers(oriented) if is_orientation(numbers(oriented)) else None
    allocated = int(first_number(values.get("BitsAllocated", ""), 0))
    if allocated not in (1, 8, 16, 32, 64):
        raise UnreadableError(f"the header says {allocated} bits a pixel; 1, 8, 16, 32, 64 work")
    stored = int(first_number(values.get("BitsStored", ""), allocated))
    between = first_number(values.get("SpacingBetweenSlices", ""), 0.0)
    thickness = first_number(values.get("SliceThickness", ""), 0.0)
    return Layout(
        transfer_syntax=values.get("TransferSyntaxUID", ""),
        sop_class_uid=values.get("SOPClassUID", ""),
        modality=values.get("Modality", "") or "OT",
        study_uid=values.get("StudyInstanceUID", ""),
        series_uid=values.get("SeriesInstanceUID", ""),
        frame_of_reference_uid=values.get("FrameOfReferenceUID", ""),
        samples=int(first_number(values.get("SamplesPerPixel", ""), 1)),
        photometric=values.get("PhotometricInterpretation", "") or "MONOCHROME2",
        rows=rows,
        columns=columns,
        pixel_spacing_mm=spacing,
        spacing_source=source,
        bits_allocated=allocated,
        bits_stored=stored if 0 < stored <= allocated else allocated,
        high_bit=int(first_number(values.get("HighBit", ""), stored - 1)),
        is_signed=values.get("PixelRepresentation", "0") == "1",
        orientation=orientation,
        bad_orientation=", ".join(oriented.split("\\"))[:80] if orientation is None else "",
        spacing_between_mm=abs(between) or None,
        thickness_mm=abs(thickness) or None,
    )


def is_orientation(values: Numbers, tolerance: float = 0.1) -> bool:
    """Whether six numbers are two perpendicular vectors, each 1 long but for ``tolerance``."""
    if len(values) != 6:
        return False
    row, column = values[:3], values[3:]
    lengths = (math.hypot(*row), math.hypot(*column))
    dot = sum(a * b for a, b in zip(row, column, strict=True))
    return all(abs(length - 1) < tolerance for length in lengths) and abs(dot) < 0.02


def _pixel_spacing(values: Mapping[str, str]) -> tuple[tuple[float, float] | None, str]:
    for keyword in SPACING_KEYWORDS:
        spacing = numbers(values.get(keyword, ""))
        if len(spacing) == 2 and min(spacing) > 0:
            factor = 1.0
            if keyword == "ImagerPixelSpacing":
                text = values.get("EstimatedRadiographicMagnificationFactor", "")
                factor = first_number(text, 1.0) or 1.0
            return (spacing[0] / factor, spacing[1] / factor), keyword
    return None, ""


def parse_slice(
    path: str,
    layout: Layout,
    values: Mapping[str, str],
    *,
    frame: int = 0,
    n_frames: int = 1,
    pixel_offset: int = -1,
    has_overlay_bits: bool = False,
    clue: str = "",
) -> SliceHeader:
    """Build the header of one slice from attribute texts by keyword."""
    get = values.get
    position = numbers(get("ImagePositionPatient", ""))
    location = numbers(get("SliceLocation", ""))
    where: tuple[float, float, float] | None = None
    if len(position) == 3:
        where = (position[0], position[1], position[2])
    elif len(location) == 1 and layout.orientation is None:
        where, clue = (0.0, 0.0, location[0]), "slice location"
    number = int(first_number(get("InstanceNumber", ""), 0))
    slope = first_number(get("RescaleSlope", "") or get("DoseGridScaling", ""), 1.0) or 1.0
    times = (first_number(get("TriggerTime", ""), 0.0), first_number(get("AcquisitionTime", ""), 0))
    return SliceHeader(
        path=path,
        frame=frame,
        n_frames=n_frames,
        layout=layout,
        sop_instance_uid=get("SOPInstanceUID", ""),
        instance_number=number,
        position=where,
        rescale=(slope, first_number(get("RescaleIntercept", ""), 0.0)),
        phase=tuple(get(keyword, "") for keyword in PHASE_KEYWORDS),
        order=(*times, number, frame),
        pixel_offset=pixel_offset,
        has_overlay_bits=has_overlay_bits,
        clue=clue,
    )


def text_of(value: object) -> str:
    r"""Return an attribute's value as DICOM would write it, values joined by ``\``."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple, MultiValue)):
        return "\\".join(str(item) for item in value)
    return str(value)

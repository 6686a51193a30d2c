"""What a DICOM header says of each slice, the same whichever way the header was read."""

from __future__ import annotations

import math
import os
import struct
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import pydicom
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from annotator.domain.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydicom.dataset import Dataset

LAYOUT_KEYWORDS = (
    "TransferSyntaxUID", "SOPClassUID", "Modality", "StudyInstanceUID", "SeriesInstanceUID",
    "FrameOfReferenceUID", "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns",
    "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing",
    "EstimatedRadiographicMagnificationFactor", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "ImageOrientationPatient", "SpacingBetweenSlices", "SliceThickness",
)  # fmt: skip
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
NOT_IMAGES = {
    "SEG": "a segmentation, not an image; bring it in as a reading of the images it belongs to",
    "RTSTRUCT": "a structure set (contours), not an image",
    "RTPLAN": "a radiotherapy plan, not an image",
    "SR": "a structured report, not an image",
    "PR": "a presentation state, not an image",
    "KO": "a list of key images, not an image",
    "REG": "a registration, not an image",
    "RWV": "a real-world value map, not an image",
    "ECG": "a waveform, not an image",
    "DOC": "a document, not an image",
    "ANN": "annotations, not an image",
}
PIXEL_TAGS = {(0x7FE0, 0x0008), (0x7FE0, 0x0009), (0x7FE0, 0x0010)}
UNDEFINED = 0xFFFFFFFF

Numbers = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the slices of one array have in common.

    ``orientation`` is the direction of a row and of a column, LPS, six numbers;
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
    orientation = numbers(values.get("ImageOrientationPatient", ""))
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
        orientation=orientation if _is_orientation(orientation) else None,
        spacing_between_mm=abs(between) or None,
        thickness_mm=abs(thickness) or None,
    )


def _is_orientation(values: Numbers) -> bool:
    """Whether six numbers are two perpendicular unit vectors, as far as a header rounds them."""
    if len(values) != 6:
        return False
    row, column = values[:3], values[3:]
    lengths = (math.hypot(*row), math.hypot(*column))
    dot = sum(a * b for a, b in zip(row, column, strict=True))
    return all(abs(length - 1) < 0.02 for length in lengths) and abs(dot) < 0.02


def _pixel_spacing(values: Mapping[str, str]) -> tuple[tuple[float, float] | None, str]:
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
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


def text_of(value: Any) -> str:
    r"""Return an attribute's value as DICOM would write it, values joined by ``\``."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)) or (
        hasattr(value, "__iter__") and not isinstance(value, (str, bytes))
    ):
        try:
            return "\\".join(str(item) for item in value)
        except TypeError:
            return str(value)
    return str(value)


def read_dataset(path: str, *, with_pixels: bool = False) -> Dataset:
    """Read a file with pydicom, silently; raises UnreadableError in words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(path, stop_before_pixels=not with_pixels, force=True)
    except Exception as error:
        raise UnreadableError(f"{path}: not readable as DICOM ({_words(error)})") from error


def _words(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:200] or type(error).__name__


def read_headers(path: str) -> tuple[SliceHeader, ...]:
    """Read the header of each frame of a file with pydicom; raises UnreadableError in words."""
    try:
        with warnings.catch_warnings(), open(path, "rb") as stream:
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
            return tuple(_slices(path, dataset, stream))
    except (UnreadableError, OSError):
        raise
    except Exception as error:
        raise UnreadableError(f"damaged DICOM file ({_words(error)})") from error


def _slices(path: str, dataset: Dataset, stream: BinaryIO) -> Iterator[SliceHeader]:
    _refuse_other_objects(dataset)
    common = _texts(dataset)
    syntax = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID", "")
    if not syntax:
        syntax = UID("1.2.840.10008.1.2" if dataset.is_implicit_VR else "1.2.840.10008.1.2.1")
    common["TransferSyntaxUID"] = str(syntax)
    layout = parse_layout(common)
    n_frames = max(1, int(first_number(text_of(dataset.get("NumberOfFrames")), 1)))
    offset = _pixel_offset(stream, dataset, UID(syntax), layout, n_frames)
    has_overlay = any(
        group.element == 0x0102 and 0x6000 <= group.group <= 0x601E and dataset[group].value
        for group in dataset.keys()  # noqa: SIM118  (iterating a dataset parses every element)
    )
    clue = frames_clue(dataset) if n_frames > 1 else ""
    for frame, values in enumerate(_frame_texts(dataset, common, n_frames)):
        yield parse_slice(
            path,
            layout if values is common else parse_layout(values),
            values,
            frame=frame,
            n_frames=n_frames,
            pixel_offset=offset + frame * layout.frame_bytes if offset >= 0 else -1,
            has_overlay_bits=has_overlay,
            clue=clue,
        )


def _refuse_other_objects(dataset: Dataset) -> None:
    modality = str(dataset.get("Modality", "") or "")
    if "DirectoryRecordSequence" in dataset:
        raise UnreadableError("an index of a disc (DICOMDIR); the images it lists are read anyway")
    if "Rows" not in dataset or modality in ("SEG",):
        known = NOT_IMAGES.get(modality)
        if known is None and not dataset:
            raise UnreadableError("not a DICOM file")
        raise UnreadableError(known or "a DICOM object without an image")


def frames_clue(dataset: Dataset) -> str:
    """Say what the frames of a file are: ``time``, ``offsets``, ``tiles`` or nothing known."""
    if "TotalPixelMatrixColumns" in dataset:
        return "tiles"
    if "GridFrameOffsetVector" in dataset:
        return "offsets"
    if "PerFrameFunctionalGroupsSequence" in dataset:
        return "functional groups"
    return "time"


def _texts(dataset: Dataset) -> dict[str, str]:
    return {
        keyword: text_of(dataset.get(keyword)) for keyword in FRAME_KEYWORDS if keyword in dataset
    }


def _frame_texts(
    dataset: Dataset, common: dict[str, str], n_frames: int
) -> Iterator[dict[str, str]]:
    groups = dataset.get("PerFrameFunctionalGroupsSequence")
    shared = dataset.get("SharedFunctionalGroupsSequence")
    base = common | _group_texts(shared[0]) if shared else common
    offsets = dataset.get("GridFrameOffsetVector")
    if groups is not None and len(groups) < n_frames:
        raise UnreadableError(f"the header describes {len(groups)} of its {n_frames} frames")
    for frame in range(n_frames):
        if groups is not None:
            yield base | _group_texts(groups[frame])
        elif offsets is not None and n_frames > 1:
            yield base | _offset_position(base, float(offsets[frame]), float(offsets[0]))
        else:
            yield base


def _offset_position(values: Mapping[str, str], offset: float, first: float) -> dict[str, str]:
    """Position of a dose grid's frame: along the normal, by its offset from the first frame."""
    axes = numbers(values.get("ImageOrientationPatient", ""))
    origin = numbers(values.get("ImagePositionPatient", ""))
    if len(axes) != 6 or len(origin) != 3:
        return {}
    a, b = axes[:3], axes[3:]
    normal = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    moved = [o + n * (offset - first) for o, n in zip(origin, normal, strict=True)]
    return {"ImagePositionPatient": "\\".join(repr(value) for value in moved)}


def _group_texts(item: Dataset) -> dict[str, str]:
    """Flatten the functional groups of a frame to the attributes that we need."""
    found: dict[str, str] = {}
    for element in item:
        if element.VR == "SQ":
            for nested in element.value or ():
                found |= _group_texts(nested)
        elif element.keyword in FRAME_KEYWORDS:
            found[element.keyword] = text_of(element.value)
    return found


def _pixel_offset(
    stream: BinaryIO, dataset: Dataset, syntax: UID, layout: Layout, n_frames: int
) -> int:
    """Find where native pixels begin; -1 where pydicom must decode them. Refuses cut files."""
    if syntax == DeflatedExplicitVRLittleEndian:
        return -1
    order = ">" if syntax == "1.2.840.10008.1.2.2" else "<"
    head = stream.read(12)
    if len(head) < 8 or struct.unpack(order + "HH", head[:4]) not in PIXEL_TAGS:
        known = NOT_IMAGES.get(layout.modality)
        raise UnreadableError(known or "the file ends before its pixels: it is cut off or empty")
    is_long = not dataset.is_implicit_VR
    if is_long and len(head) < 12:
        raise UnreadableError("the file ends before its pixels: it is cut off")
    (length,) = struct.unpack(order + "I", head[8:12] if is_long else head[4:8])
    if length == UNDEFINED or (syntax.is_transfer_syntax and syntax.is_encapsulated):
        return -1
    offset = stream.tell() - len(head) + (12 if is_long else 8)
    wanted = layout.frame_bytes * n_frames
    if layout.bits_allocated == 1:
        wanted = -(-layout.rows * layout.columns * n_frames // 8)
    present = min(length, os.fstat(stream.fileno()).st_size - offset)
    if present < wanted:
        raise UnreadableError(f"cut off: it holds {present:,} of {wanted:,} bytes of pixels")
    plain = layout.photometric in ("MONOCHROME1", "MONOCHROME2") and layout.samples == 1
    is_float = struct.unpack(order + "HH", head[:4]) != (0x7FE0, 0x0010)
    can_copy = order == "<" and plain and not is_float and layout.bits_allocated in (8, 16, 32)
    return offset if can_copy else -1

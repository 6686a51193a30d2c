"""DICOM headers read by pydicom: slower than our own walk, and right for everything."""

from __future__ import annotations

import os
import struct
import warnings
from typing import TYPE_CHECKING, BinaryIO

import pydicom
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from annotator.domain.errors import UnreadableError
from annotator_builtins.dicom_headers import (
    FRAME_KEYWORDS,
    Layout,
    SliceHeader,
    first_number,
    numbers,
    parse_layout,
    parse_slice,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydicom.dataset import Dataset

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
VIDEO = "1.2.840.10008.1.2.4.10"
"""What the transfer syntaxes of MPEG and HEVC begin with."""
MOST_DEFLATED = 1100
"""No deflated file grows more than 1032 times."""
TWO_DIMENSIONAL, CENTIMETRES = 1, 3
"""Codes of an ultrasound region's format and units."""


def read_dataset(path: str, *, with_pixels: bool = False) -> Dataset:
    """Read a file with pydicom, silently; raises UnreadableError in words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(path, stop_before_pixels=not with_pixels, force=True)
    except Exception as error:
        raise UnreadableError(f"{path}: not readable as DICOM ({_words(error)})") from error


def _words(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "its header nests sequences too deeply"
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
    common["UltrasoundSpacing"] = _ultrasound_spacing(dataset)
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


def _ultrasound_spacing(dataset: Dataset) -> str:
    """Return the spacing of rows and columns, mm, where all 2D regions of an image agree on it."""
    found: set[str] = set()
    for region in dataset.get("SequenceOfUltrasoundRegions") or ():
        units = (region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection"))
        if region.get("RegionSpatialFormat") != TWO_DIMENSIONAL:
            continue
        if units != (CENTIMETRES, CENTIMETRES):
            return ""
        y, x = (abs(float(region.get(f"PhysicalDelta{axis}", 0.0))) * 10 for axis in "YX")
        found.add(f"{y!r}\\{x!r}")
    return found.pop() if len(found) == 1 else ""


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
    size = os.fstat(stream.fileno()).st_size
    if syntax == DeflatedExplicitVRLittleEndian:
        most = size * MOST_DEFLATED // max(1, layout.frame_bytes)
        if n_frames > max(1, most):
            raise UnreadableError(_too_many(n_frames, most))
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
        stream.seek((12 if is_long else 8) - len(head), os.SEEK_CUR)
        _refuse_missing_frames(stream, n_frames, syntax)
        return -1
    offset = stream.tell() - len(head) + (12 if is_long else 8)
    wanted = layout.frame_bytes * n_frames
    if layout.bits_allocated == 1:
        wanted = -(-layout.rows * layout.columns * n_frames // 8)
    present = min(length, size - offset)
    if present < wanted:
        raise UnreadableError(f"cut off: it holds {present:,} of {wanted:,} bytes of pixels")
    plain = layout.photometric in ("MONOCHROME1", "MONOCHROME2") and layout.samples == 1
    is_float = struct.unpack(order + "HH", head[:4]) != (0x7FE0, 0x0010)
    can_copy = order == "<" and plain and not is_float and layout.bits_allocated in (8, 16, 32)
    return offset if can_copy else -1


def _refuse_missing_frames(stream: BinaryIO, n_frames: int, syntax: UID) -> None:
    """Refuse compressed pixels in fewer pieces than frames: each frame is a piece at least."""
    if syntax.startswith(VIDEO):
        raise UnreadableError(f"a video stream ({syntax.name}); export its frames as pictures")
    n_pieces = -1  # the first is the table of where frames begin
    while n_pieces < n_frames:
        head = stream.read(8)
        if len(head) < 8:
            break
        group, element, length = struct.unpack("<HHI", head)
        if (group, element) != (0xFFFE, 0xE000) or length == UNDEFINED:
            break
        stream.seek(length, os.SEEK_CUR)
        n_pieces += 1
    if n_pieces < n_frames and n_frames > 1:
        raise UnreadableError(_too_many(n_frames, max(0, n_pieces)))


def _too_many(n_frames: int, most: int) -> str:
    return (
        f"the header claims {n_frames:,} frames, but the file can hold {most:,} at most: it is cut "
        "off or damaged"
    )

"""Masks as DICOM segmentations (binary, one segment a label), by highdicom."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

import highdicom
import numpy as np
import pydicom
from highdicom.color import CIELabColor
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code as DicomCode
from pydicom.uid import generate_uid

import annotator
from annotator.analysis.label_tables import holds_table, put_table
from annotator.api import checked_file
from annotator.domain.errors import IntegrityError, UnsuitableError
from annotator.domain.label_groups import MaskValues
from annotator_builtins.dicom_seg_sources import Sources, find_sources

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import MaskForExport
    from annotator.domain.geometry import Geometry
    from annotator.domain.schema import Code, Label

_TISSUE = DicomCode("85756007", "SCT", "Tissue")
"""Category and type of a label that the schema gives no code: it claims least."""
_ANATOMY = DicomCode("123037004", "SCT", "Anatomical Structure")
_SERIES_NUMBERS = {"reading": 901, "fused": 902, "adjudicated": 903}
_POSITION_TOLERANCE_MM = 0.02


class DicomSegWriter:
    """``<stem>_seg.dcm``, referring to the instances that the case was read from.

    A label that was not drawn has no segment; a mask with none is refused, since a segmentation
    has at least one frame. Labels of different groups may overlap: each has all of its voxels.
    """

    name = "dicom-seg"

    def write(self, item: MaskForExport, directory: Path, stem: str) -> tuple[Path, ...]:
        """Write the file, read it back and compare; raise IntegrityError on a difference."""
        meaning = MaskValues(item.schema)
        values = sorted(meaning.drawn(np.unique(item.mask).tolist()))
        if not values:
            raise UnsuitableError("nothing is drawn, and a DICOM segmentation cannot be empty")
        sources = find_sources(item.series)
        path = directory / f"{stem}_seg.dcm"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the source's own oddities
            try:
                segmentation = _build(item, values, sources)
            except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
                words = error if isinstance(error, (ValueError, AttributeError)) else repr(error)
                raise UnsuitableError(
                    "its DICOM files do not carry what a segmentation needs; export it as NIfTI "
                    f"(highdicom says: {words})"
                ) from error
            with checked_file(path) as part:
                segmentation.save_as(part)
                _compare(part, item, values, sources)
        return (path,)


def _build(item: MaskForExport, values: list[int], sources: Sources) -> highdicom.seg.Segmentation:
    descriptions = [_describe(item, value, number) for number, value in enumerate(values, 1)]
    segmentation = highdicom.seg.Segmentation(
        source_images=list(sources.instances),
        pixel_array=_frames(item, values, sources),
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=descriptions,
        series_instance_uid=str(generate_uid()),
        series_number=_SERIES_NUMBERS.get(item.role, 900),
        sop_instance_uid=str(generate_uid()),
        instance_number=1,
        manufacturer="annotator",
        manufacturer_model_name="annotator",
        software_versions=annotator.__version__,
        device_serial_number="0",
        content_label=re.sub(r"[^A-Z0-9_ ]", "_", item.role.upper())[:16],
        content_description=f"{item.role} by {item.creator}"[:64],
        content_creator_name=person_name(item.creator),
        series_description=f"{item.role}: {item.creator}"[:64],
        specific_character_set="ISO_IR 192",
    )
    if "FrameOfReferenceUID" not in segmentation:
        segmentation.PatientOrientation = sources.instances[0].get("PatientOrientation")
    return segmentation


def _frames(
    item: MaskForExport, values: list[int], sources: Sources
) -> NDArray[np.unsignedinteger]:
    """Return segments in the order of the source's frames: numbers, or a channel a segment."""
    meaning = MaskValues(item.schema)
    if not meaning.may_overlap:
        return _in_order(_numbered(item.mask, values), sources)
    held = [holds_table(meaning, value)[item.mask] for value in values]
    return _in_order(np.stack(held, axis=-1).astype(np.uint8), sources)


def _numbered(mask: NDArray[np.unsignedinteger], values: list[int]) -> NDArray[np.unsignedinteger]:
    """Return the mask with segment numbers for values."""
    numbers = np.zeros(max(values) + 1, np.uint16)
    numbers[values] = np.arange(1, len(values) + 1)
    if len(values) < 256:
        numbers = numbers.astype(np.uint8)
    numbered: NDArray[np.unsignedinteger] = numbers[mask]
    return numbered


def _in_order(voxels: NDArray[np.unsignedinteger], sources: Sources) -> NDArray[np.unsignedinteger]:
    """Return slices ``(z, y, x[, segment])`` as frames of the source."""
    if not sources.n_frames:
        return voxels
    frames = np.zeros((sources.n_frames, *voxels.shape[1:]), voxels.dtype)
    frames[[frame for _, frame in sources.places]] = voxels
    return frames


def _describe(item: MaskForExport, value: int, number: int) -> highdicom.seg.SegmentDescription:
    label = item.schema.label(value)
    name = label.name if label else f"Label {value}"
    category, kind = _codes(label)
    algorithm = algorithm_type(item)
    identification = None
    if algorithm != "MANUAL":
        identification = highdicom.AlgorithmIdentificationSequence(
            name=item.creator[:64], family=_family(item), version=annotator.__version__
        )
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=name[:64],
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type=algorithm,
        algorithm_identification=identification,
        tracking_id=f"{item.case.title}: {name}"[:64],
        tracking_uid=str(generate_uid(entropy_srcs=[item.content_id, str(value)])),
        display_color=_display_color(label),
    )


def algorithm_type(item: MaskForExport) -> str:
    """Return how the mask came about: MANUAL, SEMIAUTOMATIC or AUTOMATIC.

    A reading that began from a model's is semi-automatic, and so is one that a reviewer composed
    from a fusion.
    """
    if item.is_automatic:
        return "AUTOMATIC"
    began_elsewhere = item.annotation is not None and item.annotation.started_from_id is not None
    return "SEMIAUTOMATIC" if began_elsewhere or item.role != "reading" else "MANUAL"


def _family(item: MaskForExport) -> DicomCode:
    name = "MorphologicalOperations" if item.role == "reading" else "NeighborhoodAnalysis"
    family: DicomCode = getattr(codes.cid7162, name)
    return family


def _codes(label: Label | None) -> tuple[DicomCode, DicomCode]:
    if label is None or label.code is None:
        return _TISSUE, _TISSUE
    category = _ANATOMY if label.category is None else _dicom_code(label.category)
    return category, _dicom_code(label.code)


def _dicom_code(code: Code) -> DicomCode:
    return DicomCode(code.value, code.scheme, code.meaning)


def _display_color(label: Label | None) -> CIELabColor | None:
    if label is None or not re.fullmatch(r"#[0-9a-fA-F]{6}", label.color):
        return None
    red, green, blue = (int(label.color[start : start + 2], 16) for start in (1, 3, 5))
    return CIELabColor.from_rgb(red, green, blue)


def person_name(name: str) -> str:
    """Return a name that DICOM takes as a person's: no delimiters, no controls, 64 at most."""
    plain = re.sub(r"[\\^=\x00-\x1f\x7f]+", " ", name)
    return " ".join(plain.split())[:64].strip() or "unknown"


def _compare(part: Path, item: MaskForExport, values: list[int], sources: Sources) -> None:
    """Read the file with pydicom alone and hold it against mask and grid."""
    read = pydicom.dcmread(part)
    frames = np.asarray(read.pixel_array).reshape(-1, *item.mask.shape[1:])
    instances = {uid: index for index, uid in enumerate(sources.uids)}
    slices = {place: z for z, place in enumerate(sources.places)}
    meaning = MaskValues(item.schema)
    drawn = [put_table(meaning, value) for value in values]
    # What some segments make together may be a higher value than any that all of them make.
    mask = np.zeros(item.mask.shape, np.uint16)
    shared = read.SharedFunctionalGroupsSequence[0]
    for frame, group in zip(frames, read.PerFrameFunctionalGroupsSequence, strict=True):
        holder = group if "SegmentIdentificationSequence" in group else shared
        number = int(holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        image = group.DerivationImageSequence[0].SourceImageSequence[0]
        index = instances[str(image.ReferencedSOPInstanceUID)]
        source_frame = int(image.get("ReferencedFrameNumber", 1)) - 1
        z = slices[index, source_frame if sources.n_frames else 0]
        inside = frame > 0
        mask[z][inside] = drawn[number - 1][mask[z][inside]]
        _compare_position(group, item.series.geometry, z, part)
    if not np.array_equal(mask, item.mask):
        raise IntegrityError(f"{part.name} reads back with other voxels than were written")


def _compare_position(group: pydicom.Dataset, geometry: Geometry, z: int, part: Path) -> None:
    if "PlanePositionSequence" not in group:
        return
    position = group.PlanePositionSequence[0].ImagePositionPatient
    expected = geometry.to_lps_mm((z, 0, 0))
    off = max(abs(float(a) - b) for a, b in zip(position, expected, strict=True))
    if off > max(_POSITION_TOLERANCE_MM, 0.5 * min(geometry.spacing_mm)):
        raise IntegrityError(f"{part.name} reads back with slice {z + 1} {off:.3g} mm off")

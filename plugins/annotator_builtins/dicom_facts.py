"""What a DICOM header says of a whole series: how to show it, and where it comes from."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.domain.study import DicomSource, Window
from annotator_builtins.dicom_headers import numbers, text_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from annotator_builtins.dicom_stack import Stack

CARRIED_KEYWORDS = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge", "PatientWeight",
    "PatientIdentityRemoved", "DeidentificationMethod", "StudyID", "StudyDate", "StudyTime",
    "StudyDescription", "AccessionNumber", "ReferringPhysicianName", "SeriesNumber", "SeriesDate",
    "SeriesTime", "SeriesDescription", "AcquisitionDate", "AcquisitionTime", "ContentDate",
    "ContentTime", "PositionReferenceIndicator", "BodyPartExamined", "Laterality", "Manufacturer",
    "ManufacturerModelName", "InstitutionName", "SpecificCharacterSet", "SoftwareVersions",
    "DeviceSerialNumber", "PatientPosition", "ImageType",
)  # fmt: skip
"""What a derived object (a SEG, for example) carries over from the images it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """How stored values become what is shown: modality value = stored * slope + intercept."""

    description: str
    slope: float
    intercept: float
    windows: tuple[Window, ...]
    notes: tuple[str, ...]


def display(stack: Stack, header: Dataset) -> Display:
    """Read rescale, windows and warnings from the header of the first slice."""
    slope, intercept = (1.0, 0.0) if stack.is_converted else stack.slices[0].rescale
    found = windows(header)
    notes: list[str] = []
    if "ModalityLUTSequence" in header:
        notes.append("The file has a modality look-up table, which was not applied.")
    if stack.layout.photometric == "MONOCHROME1" and stack.layout.modality not in ("CT", "PT"):
        low, high = _modality_range(stack, slope, intercept)
        slope, intercept = -slope, low + high - intercept
        found = tuple(
            Window(name=item.name, level=low + high - item.level, width=item.width)
            for item in found
        )
        notes.append(
            "Low values are bright in this file (MONOCHROME1): stored values are kept, shown ones "
            f"are {low + high:g} minus the value."
        )
    if stack.layout.photometric == "PALETTE COLOR":
        notes.append("Palette colours were turned into RGB.")
    elif stack.layout.photometric.startswith("YBR"):
        notes.append(f"Colours were turned from {stack.layout.photometric} into RGB.")
    lossy = str(header.get("LossyImageCompression", "") or "")
    if lossy == "01":
        notes.append("The images were compressed with loss before they came here.")
    if any(item.has_overlay_bits for item in stack.slices):
        notes.append("Overlay graphics kept within the pixels were left out.")
    if str(header.get("BurnedInAnnotation", "") or "").upper() == "YES":
        notes.append("The file says that text is burned into the pixels.")
    described = (header.get("SeriesDescription"), header.get("StudyDescription"))
    title = next((str(text).strip() for text in described if text), "")
    return Display(
        description=f"{title} ({stack.part})" if title and stack.part else title or stack.part,
        slope=slope,
        intercept=intercept,
        windows=found,
        notes=tuple(notes),
    )


def _modality_range(stack: Stack, slope: float, intercept: float) -> tuple[float, float]:
    bits = stack.layout.bits_stored
    low = -(1 << (bits - 1)) if stack.layout.is_signed else 0
    ends = (low * slope + intercept, (low + (1 << bits) - 1) * slope + intercept)
    return min(ends), max(ends)


def windows(header: Dataset) -> tuple[Window, ...]:
    """Return the windows that a header names, first one shown; broken ones are left out."""
    item = header if "WindowCenter" in header else _frame_windows(header)
    if item is None:
        return ()
    levels = numbers(text_of(item.get("WindowCenter")))
    widths = numbers(text_of(item.get("WindowWidth")))
    names = text_of(item.get("WindowCenterWidthExplanation")).split("\\")
    found: list[Window] = []
    for number, (level, width) in enumerate(zip(levels, widths, strict=False)):
        name = names[number].strip() if number < len(names) else ""
        if width > 0:
            shown = Window(name=name or f"file {number + 1}", level=level, width=width)
            if all((shown.level, shown.width) != (old.level, old.width) for old in found):
                found.append(shown)
    return tuple(found)


def _frame_windows(header: Dataset) -> Dataset | None:
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        groups = header.get(keyword)
        if groups and groups[0].get("FrameVOILUTSequence"):
            item: Dataset = groups[0].FrameVOILUTSequence[0]
            return item
    return None


def source(stack: Stack, header: Dataset) -> DicomSource:
    """Return what a derived object needs to know of the instances behind a stack."""
    layout = stack.layout
    carried: list[tuple[str, str]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword in CARRIED_KEYWORDS:
            if keyword in header:
                carried.append((keyword, text_of(header.get(keyword))))
    return DicomSource(
        study_uid=layout.study_uid,
        series_uid=layout.series_uid,
        frame_of_reference_uid=layout.frame_of_reference_uid,
        sop_class_uid=layout.sop_class_uid,
        sop_instance_uids=tuple(item.sop_instance_uid for item in stack.slices),
        attributes=tuple(carried),
    )

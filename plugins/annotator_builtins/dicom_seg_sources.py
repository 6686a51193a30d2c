"""The DICOM instances that a segmentation refers to."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian

from annotator.domain.errors import UnsuitableError

if TYPE_CHECKING:
    from annotator.domain.geometry import Geometry
    from annotator.domain.study import DicomSource, Series

_NEEDED = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID",
    "StudyDate", "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
"""Attributes that every derived object must have, empty where the source lacks them."""
_POSITION_TOLERANCE_MM = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sources:
    """The instances behind a series, without pixels.

    ``places`` says for each slice of the series which instance and which frame (from 0) it is;
    ``n_frames`` is the number of frames of a multi-frame instance, 0 where instances are slices.
    """

    instances: tuple[Dataset, ...]
    places: tuple[tuple[int, int], ...]
    n_frames: int

    @property
    def uids(self) -> tuple[str, ...]:
        """SOP instance UID of each instance."""
        return tuple(str(instance.SOPInstanceUID) for instance in self.instances)


def find_sources(series: Series) -> Sources:
    """Return the instances behind a series: the files again, or what was kept of them.

    Raises UnsuitableError where the series was not read from DICOM, or its files are gone and
    what was kept does not suffice.
    """
    if series.dicom is None:
        raise UnsuitableError("this case was not read from DICOM; export it as NIfTI")
    unique = tuple(dict.fromkeys(series.dicom.sop_instance_uids))
    if not all(unique):
        raise UnsuitableError(
            "its DICOM files have no SOPInstanceUID, by which a segmentation names the images it "
            "belongs to; export it as NIfTI"
        )
    files = _read_again(series, set(unique))
    if len(unique) == 1 and series.geometry.shape[0] >= 1 and _is_multi_frame(files):
        return _frames(series, files[0])
    if len(unique) != len(series.dicom.sop_instance_uids):
        raise UnsuitableError(
            "its slices are frames of several files, or of one file that is gone; DICOM SEG can "
            "refer to one multi-frame file; export it as NIfTI"
        )
    by_uid = {str(instance.SOPInstanceUID): instance for instance in files}
    if set(by_uid) != set(unique):
        by_uid = {str(instance.SOPInstanceUID): instance for instance in _rebuilt(series)}
    instances = tuple(by_uid[uid] for uid in series.dicom.sop_instance_uids)
    _check_positions(instances, series.geometry)
    places = tuple((index, 0) for index in range(len(instances)))
    return Sources(instances=instances, places=places, n_frames=0)


def _is_multi_frame(files: list[Dataset]) -> bool:
    return len(files) == 1 and int(files[0].get("NumberOfFrames", 1) or 1) > 1


def _read_again(series: Series, uids: set[str]) -> list[Dataset]:
    """Return the instances whose files are still there and still the same."""
    found: list[Dataset] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in dict.fromkeys(series.paths):
            try:
                instance = pydicom.dcmread(Path(path), stop_before_pixels=True, force=True)
                instance.decode()
            except (OSError, InvalidDicomError, ValueError, LookupError):
                continue
            if str(instance.get("SOPInstanceUID", "")) in uids:
                found.append(_completed(instance))
    return found


def _completed(instance: Dataset) -> Dataset:
    for keyword in _NEEDED:
        if not instance.get(keyword):
            setattr(instance, keyword, None)
    return instance


def _rebuilt(series: Series) -> list[Dataset]:
    """Return what a segmentation needs of each slice, from what the project kept."""
    source, geometry = series.dicom, series.geometry
    if source is None or (not source.frame_of_reference_uid and geometry.shape[0] > 1):
        raise UnsuitableError(
            "its DICOM files are gone and its slices have no position in a patient; export it as "
            "NIfTI"
        )
    return [_slice(source, series, geometry, z) for z in range(geometry.shape[0])]


def _slice(source: DicomSource, series: Series, geometry: Geometry, z: int) -> Dataset:
    instance = Dataset()
    instance.file_meta = FileMetaDataset()
    instance.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, text in source.attributes:
            setattr(instance, keyword, text)
    instance.SOPClassUID = source.sop_class_uid
    instance.SOPInstanceUID = source.sop_instance_uids[z]
    instance.StudyInstanceUID = source.study_uid
    instance.SeriesInstanceUID = source.series_uid
    instance.Modality = series.modality
    instance.Rows, instance.Columns = geometry.shape[1:]
    if source.frame_of_reference_uid:
        instance.FrameOfReferenceUID = source.frame_of_reference_uid
        _place(instance, geometry, z)
    return _completed(instance)


def _place(instance: Dataset, geometry: Geometry, z: int) -> None:
    instance.PixelSpacing = [_ds(value) for value in geometry.spacing_mm[1:]]
    instance.SliceThickness = _ds(geometry.spacing_mm[0])
    instance.ImagePositionPatient = [_ds(value) for value in geometry.to_lps_mm((z, 0, 0))]
    columns = np.reshape(geometry.direction, (3, 3))
    along_row, along_column = columns[:, 0], columns[:, 1]
    instance.ImageOrientationPatient = [_ds(float(v)) for v in (*along_row, *along_column)]


def _ds(value: float) -> str:
    return f"{value:.10g}"[:16]


def _frames(series: Series, instance: Dataset) -> Sources:
    """Return the frame of a multi-frame file that each slice is, by position where it has one."""
    n_frames = int(instance.NumberOfFrames)
    n_slices = series.geometry.shape[0]
    positions = _frame_positions(instance)
    if positions is None:
        raise UnsuitableError(
            "its frames have no position in a patient, which a DICOM segmentation of several "
            "frames needs; export it as NIfTI"
        )
    wanted = np.array([series.geometry.to_lps_mm((z, 0, 0)) for z in range(n_slices)])
    distances = np.linalg.norm(positions[np.newaxis] - wanted[:, np.newaxis], axis=-1)
    frames = [int(frame) for frame in distances.argmin(axis=1)]
    ambiguous = bool(((distances < _POSITION_TOLERANCE_MM).sum(axis=1) != 1).any())
    if len(set(frames)) != n_slices or (ambiguous and n_frames != n_slices):
        raise UnsuitableError(
            "its file has several frames at one position (phases or echoes), which a "
            "segmentation cannot tell apart; export it as NIfTI"
        )
    places = tuple((0, frame) for frame in frames)
    return Sources(instances=(instance,), places=places, n_frames=n_frames)


def _frame_positions(instance: Dataset) -> np.ndarray[tuple[int, int], np.dtype[np.float64]] | None:
    """Return the position of each frame, ``(frame, 3)`` LPS mm, or None where there is none."""
    groups = instance.get("PerFrameFunctionalGroupsSequence")
    if not groups or "PlanePositionSequence" not in groups[0]:
        return None
    values = [group.PlanePositionSequence[0].ImagePositionPatient for group in groups]
    return np.array([[float(part) for part in value] for value in values])


def _check_positions(instances: tuple[Dataset, ...], geometry: Geometry) -> None:
    for z, instance in enumerate(instances):
        position = instance.get("ImagePositionPatient")
        if position is None:
            continue
        expected = geometry.to_lps_mm((z, 0, 0))
        off = max(abs(float(a) - b) for a, b in zip(position, expected, strict=True))
        if off > max(0.5 * min(geometry.spacing_mm), 10 * _POSITION_TOLERANCE_MM):
            raise UnsuitableError(
                f"slice {z + 1} lies {off:.3g} mm off its DICOM file (uneven or sheared slices); "
                "export it as NIfTI"
            )

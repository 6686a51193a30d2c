"""Writes DICOM series with known voxels and geometry, plain or odd as a test needs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Union

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)
from pydicom.valuerep import DSfloat

from annotator.api import ReadSeries, no_progress
from annotator_builtins.dicom_reader import DicomReader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import ScanResult

Position = Union["Sequence[float]", "NDArray[Any]"]
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def decimals(values: Sequence[float] | NDArray[Any]) -> list[DSfloat]:
    """Return decimal strings as precise as their 16 characters allow."""
    return [DSfloat(float(value), auto_format=True) for value in values]


@dataclass(kw_only=True)
class SeriesBuilder:
    """Writes slices of one series into a folder, one file a slice."""

    folder: Path
    orientation: tuple[float, ...] = AXIAL
    spacing: tuple[float, float] = (0.5, 0.75)
    syntax: UID = ExplicitVRLittleEndian
    modality: str = "CT"
    series_uid: str = field(default_factory=generate_uid)
    study_uid: str = field(default_factory=generate_uid)
    frame_uid: str = field(default_factory=generate_uid)
    n_written: int = 0

    def dataset(self, voxels: NDArray[Any], position: Position | None) -> Dataset:
        """Return a slice with the usual attributes; a test changes what it is about."""
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, generate_uid()
        data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        data.Modality, data.SeriesDescription = self.modality, "Phantom"
        data.PatientID, data.PatientName = "P1", "Phantom^One"
        data.StudyInstanceUID, data.SeriesInstanceUID = self.study_uid, self.series_uid
        data.FrameOfReferenceUID = self.frame_uid
        data.InstanceNumber = self.n_written + 1
        data.SliceThickness = "9"
        if position is not None:
            data.ImagePositionPatient = [
                DSfloat(float(value), auto_format=True) for value in position
            ]
            data.ImageOrientationPatient = [
                DSfloat(float(value), auto_format=True) for value in self.orientation
            ]
        data.PixelSpacing = [DSfloat(value, auto_format=True) for value in self.spacing]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.Rows, data.Columns = voxels.shape[:2]
        bits = voxels.dtype.itemsize * 8
        data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
        data.PixelRepresentation = int(voxels.dtype.kind == "i")
        data.RescaleSlope, data.RescaleIntercept = "1", "-1024"
        data.PixelData = voxels.tobytes()
        data["PixelData"].VR = "OW" if bits > 8 else "OB"
        return data

    def save(self, data: Dataset, name: str = "") -> Path:
        """Write a slice under a name that says nothing of its place."""
        if self.syntax != data.file_meta.TransferSyntaxUID:
            if self.syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"):
                data.file_meta.TransferSyntaxUID = self.syntax
            else:
                data.compress(self.syntax, generate_instance_uid=False)
        path = self.folder / (name or f"{(self.n_written * 7919) % 10007:05d}")
        data.save_as(path, enforce_file_format=True)
        self.n_written += 1
        return path

    def add(
        self,
        voxels: NDArray[Any],
        position: Position | None,
        **attributes: object,
    ) -> Path:
        """Write a slice with some attributes changed."""
        data = self.dataset(voxels, position)
        for keyword, value in attributes.items():
            setattr(data, keyword, value)
        return self.save(data)


def random_slices(n: int, rows: int = 12, columns: int = 10, seed: int = 0) -> NDArray[np.int16]:
    """Return distinct slices ``(n, rows, columns)`` int16."""
    return np.random.default_rng(seed).integers(-1000, 2000, (n, rows, columns), dtype=np.int16)


def scan(folder: Path) -> ScanResult:
    """Scan a folder with the DICOM reader."""
    return DicomReader().scan([folder], no_progress)


def read_all(folder: Path) -> list[ReadSeries]:
    """Read every series of a folder; nothing may be skipped."""
    result = scan(folder)
    assert result.skipped == ()
    return [found.read(no_progress) for found in result.found]


def read_one(folder: Path) -> ReadSeries:
    """Read the only series of a folder."""
    (read,) = read_all(folder)
    return read

"""A series of DICOM files against SimpleITK's series reader and a loop over pydicom.

Run as ``python tests/benchmarks/bench_series.py``. It writes its files into a temporary directory:
500 slices of 512 x 512 (explicit little-endian), and smaller series that take the slow path.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "plugins"))

from annotator.api import no_progress
from annotator_builtins import dicom_load
from annotator_builtins.dicom_reader import DicomReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry

N_SLICES, N_COMPRESSED, SIDE = 500, 40, 512
SPACING, STEP = 0.703125, 0.625
REPEATS = 5


def header(number: int, study: str, series: str, frame: str) -> Dataset:
    """Return what a CT scanner writes of a slice, about a hundred elements."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, generate_uid()
    for name in ("Study", "Series", "Acquisition", "Content"):
        setattr(data, f"{name}Date", "20240102")
        setattr(data, f"{name}Time", f"1010{number % 60:02d}.{number:06d}")
    data.AccessionNumber, data.Modality, data.Manufacturer = "A1", "CT", "Phantom"
    data.InstitutionName, data.StationName = "Hospital", "CT01"
    data.ReferringPhysicianName, data.StudyDescription = "Doe^Jane", "Thorax"
    data.SeriesDescription, data.ManufacturerModelName = "Lung 0.6", "Model 1"
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CTImageStorage, study
    data.ReferencedStudySequence = Sequence([reference])
    data.PatientName, data.PatientID, data.PatientBirthDate = "Test^Case", "P1", "19700101"
    data.PatientSex, data.PatientAge, data.PatientWeight = "O", "054Y", "70"
    data.BodyPartExamined, data.ScanOptions, data.KVP = "CHEST", "HELIX", "120"
    data.SliceThickness, data.DataCollectionDiameter = "1.0", "500"
    data.DeviceSerialNumber, data.SoftwareVersions, data.ProtocolName = "1", "V1", "Thorax"
    data.ReconstructionDiameter, data.GantryDetectorTilt = "360", "0"
    data.DistanceSourceToDetector, data.DistanceSourceToPatient = "1085.6", "595"
    data.TableHeight, data.RotationDirection, data.ExposureTime = "150", "CW", "500"
    data.XRayTubeCurrent, data.Exposure, data.FilterType = "200", "100", "WEDGE"
    data.GeneratorPower, data.FocalSpots, data.ConvolutionKernel = "24", "1.2", "B60f"
    data.PatientPosition = "HFS"
    data.StudyInstanceUID, data.SeriesInstanceUID, data.StudyID = study, series, "1"
    data.SeriesNumber, data.AcquisitionNumber, data.InstanceNumber = 3, 1, number + 1
    data.ImagePositionPatient = [-180.0, -170.5, round(-300 + STEP * number, 4)]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = frame, ""
    data.SliceLocation = round(-300 + STEP * number, 4)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows = data.Columns = SIDE
    data.PixelSpacing = [SPACING, SPACING]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.WindowCenter, data.WindowWidth = ["-600", "40"], ["1600", "400"]
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "-1024", "1", "HU"
    for element in range(0x1010, 0x1020):
        data.add_new((0x0019, element), "LO", "private value")
    return data


def write_series(folder: Path, n: int, syntax: UID, seed: int) -> None:
    """Write a series whose file names say nothing of its order."""
    noise = np.random.default_rng(seed)
    names = list(range(n))
    random.Random(seed).shuffle(names)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    rows, columns = np.mgrid[:SIDE, :SIDE]
    body = np.hypot(rows - SIDE / 2, columns - SIDE / 2) < SIDE * 0.4
    for number, name in enumerate(names):
        data = header(number, study, series, frame)
        voxels = np.where(body, 1000 + number, 0) + noise.integers(-20, 20, (SIDE, SIDE))
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.PixelData = voxels.astype("<i2").tobytes()
        data["PixelData"].VR = "OW"
        if syntax not in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
            data.compress(syntax, generate_instance_uid=False)
        data.file_meta.TransferSyntaxUID = syntax
        data.save_as(folder / f"{name:05d}", enforce_file_format=True)


def ours(folder: Path) -> tuple[NDArray[Any], Geometry]:
    (found,) = DicomReader().scan([folder], no_progress).found
    read = found.read(no_progress)
    return read.voxels, read.series.geometry


def ours_first(folder: Path) -> NDArray[Any]:
    (found,) = DicomReader().scan([folder], no_progress).found
    return found.first_slice()


def simpleitk(folder: Path) -> Any:  # noqa: ANN401  (SimpleITK has no types)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def pydicom_loop(folder: Path) -> NDArray[Any]:
    slices = [pydicom.dcmread(path) for path in folder.iterdir()]
    slices.sort(key=lambda item: float(item.ImagePositionPatient[2]))
    return np.stack([item.pixel_array for item in slices])


def seconds(run: Callable[[Path], object], folder: Path) -> float:
    start = time.perf_counter()
    run(folder)
    return time.perf_counter() - start


def ours_alone(folder: Path) -> NDArray[Any]:
    """Read as the peers do: without the SHA-256 of all voxels that an import computes."""
    with patch.object(dicom_load, "slice_digest", return_value=b""):
        return ours(folder)[0]


def largest_difference(folder: Path) -> tuple[bool, float]:
    """Compare array (as HU) and affine with SimpleITK's."""
    voxels, geometry = ours(folder)
    image = simpleitk(folder)
    same = np.array_equal(voxels.astype(np.int32) - 1024, SimpleITK.GetArrayFromImage(image))
    pairs = [
        (geometry.origin_mm, image.GetOrigin()),
        (geometry.spacing_mm[::-1], image.GetSpacing()),
        (geometry.direction, image.GetDirection()),
    ]
    off = max(float(np.abs(np.subtract(a, b)).max()) for a, b in pairs)
    return same and np.array_equal(voxels, pydicom_loop(folder)), off


def report(title: str, folder: Path, repeats: int) -> None:
    """Time each in turn, so that a busy machine is busy for all; print medians."""
    runs = (ours, ours_alone, ours_first, simpleitk, pydicom_loop)
    cold = seconds(ours, folder)
    rounds = [[seconds(run, folder) for run in runs] for _ in range(repeats)]
    own, alone, first, itk, loop = np.median(rounds, axis=0)
    same, off = largest_difference(folder)
    sys.stdout.write(
        f"{title}\n"
        f"  seconds: ours {alone:.3f}, with the SHA-256 of all voxels {own:.3f} (first use "
        f"{cold:.3f}), first slice {first:.4f}, SimpleITK {itk:.3f}, pydicom {loop:.3f}\n"
        f"  ratios:  {itk / alone:.1f}x SimpleITK, {loop / alone:.1f}x pydicom; with SHA-256 "
        f"{itk / own:.1f}x, {loop / own:.1f}x; first slice in 1/{itk / first:.0f} of SimpleITK's "
        f"load\n"
        f"  same array: {same}; affine off by {off:.1e}\n"
    )
    sys.stdout.flush()


def main() -> None:
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as root:
        cases = [
            ("500 slices, explicit VR LE", N_SLICES, ExplicitVRLittleEndian, REPEATS),
            ("500 slices, implicit VR", N_SLICES, ImplicitVRLittleEndian, 3),
            ("40 slices, JPEG-LS", N_COMPRESSED, JPEGLSLossless, 2),
            ("40 slices, JPEG 2000", N_COMPRESSED, JPEG2000Lossless, 2),
            ("40 slices, RLE", N_COMPRESSED, RLELossless, 2),
        ]
        for number, (title, n, syntax, repeats) in enumerate(cases):
            folder = Path(root) / str(number)
            folder.mkdir()
            write_series(folder, n, syntax, number)
            report(title, folder, repeats)


if __name__ == "__main__":
    main()

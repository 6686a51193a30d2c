"""Make the files of the sample project from their origins; see SOURCES.md beside this file.

Run as ``python make_sample.py PYRADIOMICS_SOURCE`` with the unpacked source archive of PyRadiomics
3.0.1 and scikit-image installed. Running it again gives the same bytes.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import skimage
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGLSLossless

HERE = Path(__file__).parent
MASS, OPTIC_DISC = 2, 4
# Name of the case, file in the archive, first slice, last slice + 1.
SCANS = (("chest-ct-1", "lung1", 18, 48), ("chest-ct-2", "lung2", 4, 40))
DISC_CENTRE, DISC_HALF_AXES = (325.0, 110.0), (56.0, 51.0)  # (y, x), pixels of the small picture
PICTURE_SIZE = 706


def uid(text: str) -> str:
    """Return a UID under 2.25 that always belongs to the same text."""
    return "2.25." + str(int.from_bytes(hashlib.sha256(text.encode()).digest()[:15], "big"))


def write_scan(archive: Path, title: str, name: str, first: int, last: int) -> None:
    """Write slices as DICOM, 2 x 2 pixels averaged, and the data set's own contour as NRRD."""
    image = sitk.ReadImage(str(archive / "data" / f"{name}_image.nrrd"))[:, :, first:last]
    label = sitk.ReadImage(str(archive / "data" / f"{name}_label.nrrd"))[:, :, first:last]
    small = sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat64), [2, 2, 1])
    share = sitk.BinShrink(sitk.Cast(label, sitk.sitkFloat64), [2, 2, 1])
    hounsfield = np.rint(sitk.GetArrayFromImage(small)).astype(np.int32)
    stored = np.clip(hounsfield + 1024, 0, 4095).astype(np.uint16)
    folder = HERE / title
    folder.mkdir(exist_ok=True)
    for index in range(len(stored)):
        position = small.TransformIndexToPhysicalPoint((0, 0, index))
        dataset = ct_header(title, name, index, position, small.GetSpacing())
        dataset.Rows, dataset.Columns = stored.shape[1:]
        dataset.PixelData = stored[index].tobytes()
        dataset["PixelData"].VR = "OW"
        dataset.compress(JPEGLSLossless, generate_instance_uid=False)
        dataset.save_as(folder / f"{index + 1:03d}.dcm", enforce_file_format=True)
    mask = sitk.GetImageFromArray(
        np.where(sitk.GetArrayFromImage(share) >= 0.5, MASS, 0).astype(np.uint8)
    )
    mask.CopyInformation(small)
    sitk.WriteImage(mask, str(HERE / "readings" / f"{title}.nrrd"), useCompression=True)


def ct_header(
    title: str,
    name: str,
    index: int,
    position: tuple[float, ...],
    spacing: tuple[float, ...],
) -> Dataset:
    """Return the header of one slice; what the archive does not tell is left empty."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    facts: dict[str, Any] = {
        "ImageType": ["DERIVED", "PRIMARY", "AXIAL"],
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": uid(f"{title}/{index}"),
        "StudyDate": "",
        "StudyTime": "",
        "ContentDate": "",
        "ContentTime": "",
        "AccessionNumber": "",
        "Modality": "CT",
        "Manufacturer": "",
        "ReferringPhysicianName": "",
        "StudyDescription": f"annotator sample project, {title}",
        "SeriesDescription": title,
        "DerivationDescription": f"{name} of PyRadiomics 3.0.1, 2 x 2 pixels averaged",
        "PatientName": f"Sample^{title}",
        "PatientID": f"SAMPLE-{name.upper()}",
        "PatientBirthDate": "",
        "PatientSex": "",
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "As published with PyRadiomics; no header was published",
        "BodyPartExamined": "CHEST",
        "SliceThickness": spacing[2],
        "KVP": None,
        "PatientPosition": "HFS",
        "StudyInstanceUID": uid(f"{title}/study"),
        "SeriesInstanceUID": uid(f"{title}/series"),
        "FrameOfReferenceUID": uid(f"{title}/frame"),
        "PositionReferenceIndicator": "",
        "StudyID": "",
        "SeriesNumber": 1,
        "AcquisitionNumber": 1,
        "InstanceNumber": index + 1,
        "ImagePositionPatient": [f"{value:.6f}" for value in position],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [f"{spacing[1]:.7f}", f"{spacing[0]:.7f}"],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "WindowCenter": [-500, 40],
        "WindowWidth": [1500, 400],
        "WindowCenterWidthExplanation": ["LUNG", "SOFT TISSUE"],
        "RescaleIntercept": -1024,
        "RescaleSlope": 1,
        "RescaleType": "HU",
    }
    dataset = Dataset()
    dataset.file_meta = meta
    for keyword, value in facts.items():
        setattr(dataset, keyword, value)
    return dataset


def write_picture() -> None:
    """Write the fundus photograph at half size, and an ellipse over its optic disc."""
    source = Path(skimage.__file__).parent / "data" / "retina.jpg"
    with Image.open(source) as picture:
        small = picture.resize((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.LANCZOS)
    small.save(HERE / "fundus.jpg", quality=92, optimize=True)
    rows, columns = np.mgrid[:PICTURE_SIZE, :PICTURE_SIZE]
    inside = ((rows - DISC_CENTRE[0]) / DISC_HALF_AXES[0]) ** 2 + (
        (columns - DISC_CENTRE[1]) / DISC_HALF_AXES[1]
    ) ** 2 <= 1
    mask = np.where(inside, OPTIC_DISC, 0).astype(np.uint8)
    Image.fromarray(mask).save(HERE / "readings" / "fundus.png", optimize=True)


def main() -> None:
    """Write everything."""
    (HERE / "readings").mkdir(exist_ok=True)
    for title, name, first, last in SCANS:
        write_scan(Path(sys.argv[1]), title, name, first, last)
    write_picture()


if __name__ == "__main__":
    main()

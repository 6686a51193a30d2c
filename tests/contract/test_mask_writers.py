from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
import tifffile

from annotator_builtins.dicom_seg_writer import DicomSegWriter
from annotator_builtins.nifti_writer import NiftiWriter
from annotator_builtins.ome_tiff_writer import OmeTiffWriter
from tests.contract.mask_writer_contract import MaskWriterContract
from tests.exports import dicom_series, export_item, load_nifti, packaged, plain_series

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import MaskForExport, MaskWriter

pytestmark = pytest.mark.contract


class TestNiftiWriter(MaskWriterContract):
    def writer(self) -> MaskWriter:
        return NiftiWriter()

    def item(self) -> MaskForExport:
        return export_item(plain_series())

    def read_mask(self, path: Path, item: MaskForExport) -> NDArray[np.unsignedinteger]:
        return np.asarray(load_nifti(path).dataobj).transpose(2, 1, 0)


class TestOmeTiffWriter(MaskWriterContract):
    def writer(self) -> MaskWriter:
        return OmeTiffWriter()

    def item(self) -> MaskForExport:
        item = export_item(plain_series())
        geometry = replace(item.series.geometry, shape=(1, *item.series.geometry.shape[1:]))
        series = replace(item.series, geometry=geometry)
        return replace(
            item,
            series=series,
            mask=item.mask[1:2],
            probability={value: chance[1:2] for value, chance in item.probability.items()},
            origin=None if item.origin is None else item.origin[1:2],
        )

    def read_mask(self, path: Path, item: MaskForExport) -> NDArray[np.unsignedinteger]:
        found: NDArray[np.unsignedinteger] = tifffile.imread(path)[np.newaxis]
        return found


class TestDicomSegWriter(MaskWriterContract):
    def writer(self) -> MaskWriter:
        return DicomSegWriter()

    def item(self) -> MaskForExport:
        folder = packaged("dicomdirtests/77654033/CT2")
        return export_item(dicom_series(sorted(folder.iterdir())))

    def read_mask(self, path: Path, item: MaskForExport) -> NDArray[np.unsignedinteger]:
        read = pydicom.dcmread(path)
        frames = np.asarray(read.pixel_array).reshape(-1, *item.mask.shape[1:])
        names = {entry.SegmentNumber: entry.SegmentLabel for entry in read.SegmentSequence}
        values = {label.name: label.value for label in item.schema.labels}
        mask = np.zeros_like(item.mask)
        shared = read.SharedFunctionalGroupsSequence[0]
        for frame, group in zip(frames, read.PerFrameFunctionalGroupsSequence, strict=True):
            holder = group if "SegmentIdentificationSequence" in group else shared
            number = holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber
            position = group.PlanePositionSequence[0].ImagePositionPatient
            starts = [item.series.geometry.to_lps_mm((z, 0, 0)) for z in range(len(mask))]
            z = int(np.linalg.norm(np.subtract(starts, position), axis=1).argmin())
            mask[z][frame > 0] = values[names[number]]
        return mask

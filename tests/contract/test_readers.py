from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK
import tifffile
from PIL import Image
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from annotator.api import PyramidVoxels, no_progress, slide_digest
from annotator_builtins.dicom_reader import DicomReader
from annotator_builtins.picture_reader import PictureReader
from annotator_builtins.slide_reader import SlideReader
from annotator_builtins.volume_reader import VolumeReader
from tests.contract.reader_contract import ReaderContract
from tests.made_slides import write_svs
from tests.unit.dicom_builder import SeriesBuilder, random_slices

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.api import StudyReader

pytestmark = pytest.mark.contract


class DicomContract(ReaderContract):
    suffixes = (".dcm",)
    syntax: UID = ExplicitVRLittleEndian

    def reader(self) -> StudyReader:
        return DicomReader()

    def write_study(self, folder: Path) -> None:
        builder = SeriesBuilder(
            folder=folder, syntax=self.syntax, series_uid="1.2.3", study_uid="1.2", frame_uid="1.4"
        )
        for index, voxels in enumerate(random_slices(20, 33, 40)):
            builder.add(voxels, (-10, -20, 2.5 * index))


class TestPlainDicom(DicomContract):
    pass


class TestImplicitDicom(DicomContract):
    syntax = ImplicitVRLittleEndian


class TestCompressedDicom(DicomContract):
    syntax = RLELossless


class TestTiltedDicom(DicomContract):
    def write_study(self, folder: Path) -> None:
        builder = SeriesBuilder(folder=folder)
        for index, voxels in enumerate(random_slices(20, 33, 40)):
            builder.add(voxels, (0, 0.3 * index, 2.5 * index), RescaleSlope=str(1 + index % 2))


class VolumeContract(ReaderContract):
    def reader(self) -> StudyReader:
        return VolumeReader()

    def write_study(self, folder: Path) -> None:
        image = SimpleITK.GetImageFromArray(random_slices(12, 33, 40))
        image.SetSpacing((0.5, 0.75, 3.0))
        SimpleITK.WriteImage(image, str(folder / f"volume{self.suffixes[0]}"))


class TestNifti(VolumeContract):
    suffixes = (".nii",)


class TestCompressedNifti(VolumeContract):
    suffixes = (".nii.gz",)


class TestNrrd(VolumeContract):
    suffixes = (".nrrd",)


class TestDetachedNrrd(VolumeContract):
    suffixes = (".nhdr",)


class TestMetaImage(VolumeContract):
    suffixes = (".mha",)


class TestDetachedMetaImage(VolumeContract):
    suffixes = (".mhd",)


class PictureContract(ReaderContract):
    def reader(self) -> StudyReader:
        return PictureReader()

    def write_study(self, folder: Path) -> None:
        pixels = np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"picture{self.suffixes[0]}")


class TestPng(PictureContract):
    suffixes = (".png",)


class TestJpeg(PictureContract):
    suffixes = (".jpg", ".jpeg")


class TestTiff(PictureContract):
    suffixes = (".tif", ".tiff")


class TestStackOfPages(PictureContract):
    suffixes = (".tif",)

    def write_study(self, folder: Path) -> None:
        voxels = random_slices(7, 33, 40).astype(np.uint16)
        tifffile.imwrite(folder / "stack.tif", voxels, photometric="minisblack")


class TestSlide(ReaderContract):
    suffixes = (".svs",)

    def reader(self) -> StudyReader:
        return SlideReader()

    def write_study(self, folder: Path) -> None:
        write_svs(folder / "slide.svs")

    def test_facts_fit_the_voxels(self, tmp_path: Path) -> None:
        read = self.one(tmp_path).read(no_progress)
        series = read.series
        assert isinstance(read.voxels, PyramidVoxels)
        assert read.slide is not None
        assert series.slide is not None
        assert read.voxels.shape == (*series.geometry.shape, series.n_channels)
        assert series.dtype == read.voxels.dtype.name
        assert series.slide.sha256 == slide_digest(read.slide.files, no_progress)
        assert series.slide.reader == self.reader().name

    def test_same_identity_twice(self, tmp_path: Path) -> None:
        found = self.one(tmp_path)
        (again,) = self.scan(tmp_path).found
        assert found.read(no_progress).series == again.read(no_progress).series

    def test_first_slice_is_that_of_the_whole(self, tmp_path: Path) -> None:
        found = self.one(tmp_path)
        voxels = found.read(no_progress).voxels
        assert isinstance(voxels, PyramidVoxels)
        rows, columns = voxels.pyramid.shapes[-1]
        coarsest = voxels.pyramid.read(1, slice(0, rows), slice(0, columns))
        assert np.array_equal(found.first_slice(), coarsest)

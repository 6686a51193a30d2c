"""Masks on their way out, for tests of writers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import pydicom.data
import pytest

from annotator.api import MaskForExport, no_progress
from annotator.domain.geometry import Geometry
from annotator.domain.schema import Code, Label, LabelSchema
from annotator.domain.study import Case, Series
from annotator_builtins.dicom_reader import DicomReader

if TYPE_CHECKING:
    from collections.abc import Sequence

TWO_LABELS = LabelSchema(
    name="two",
    title="Two labels",
    labels=(
        Label(
            value=1,
            name="Lung",
            color="#3377cc",
            code=Code(scheme="SCT", value="39607008", meaning="Lung structure"),
        ),
        Label(value=4, name="Something", color="#cc7733"),
    ),
)
OBLIQUE = Geometry(
    shape=(4, 6, 5),
    spacing_mm=(2.5, 0.7, 0.9),
    origin_mm=(-31.25, 12.5, 700.125),
    direction=(0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0),
)
SHARED = Path(__file__).parents[2] / "shared" / "data"


def plain_series(geometry: Geometry = OBLIQUE) -> Series:
    """Return a series that was not read from DICOM."""
    return Series(
        series_id="plain",
        kind="volume",
        modality="MR",
        description="",
        geometry=geometry,
        dtype="int16",
    )


def export_item(series: Series, *, creator: str = "Dr. Anna Müller") -> MaskForExport:
    """Return a mask with values 1 and 4 on the grid of a series."""
    shape = series.geometry.shape
    mask = np.zeros(shape, np.uint8)
    mask[:, shape[1] // 4 : shape[1] // 2, 1 : shape[2] // 2] = 1
    mask[shape[0] // 2, :2, -3:] = 4
    return MaskForExport(
        case=Case(case_id="c0ffee", title="Case one", series_ids=(series.series_id,)),
        series=series,
        schema=TWO_LABELS,
        role="reading",
        creator=creator,
        is_automatic=False,
        content_id="0123abcd",
        mask=mask,
    )


def dicom_series(paths: Sequence[Path]) -> Series:
    """Return the largest series among DICOM files."""
    found = DicomReader().scan(paths, no_progress).found
    read = [entry.read(no_progress).series for entry in found]
    return max(read, key=lambda series: series.geometry.n_voxels)


def packaged(name: str) -> Path:
    """Return a test file that comes with pydicom."""
    return Path(pydicom.data.__file__).parent / "test_files" / name


def shared_dicom(name: str) -> list[Path]:
    """Return the DICOM files of a folder of real data, or skip the test."""
    folder = SHARED / name
    if not folder.exists():
        pytest.skip(f"needs real data in {folder}")
    files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [path for path in files if path.is_file()]


def load_nifti(path: Path) -> Any:  # noqa: ANN401
    """Return a NIfTI image by nibabel, which does not type what it loads."""
    return nibabel.load(path)

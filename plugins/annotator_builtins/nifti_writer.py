"""Masks and probability maps as NIfTI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK

from annotator.analysis.label_tables import group_table
from annotator.analysis.runs import mask_dtype
from annotator.api import checked_file
from annotator.domain.errors import IntegrityError
from annotator.domain.geometry import Geometry
from annotator.domain.label_groups import MaskValues
from annotator_builtins.label_files import file_name, group_endings

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import MaskForExport

_TOLERANCE = 1e-2
"""Of a voxel: NIfTI keeps positions in single precision."""


class NiftiWriter:
    """``<stem>_labels.nii.gz`` and, where there are, ``…_probability.nii.gz``, ``…_origin.nii.gz``.

    Labels are uint8, or uint16 where a value needs it; probabilities float32, 0 to 1. Where the
    schema has several labels the probability is that of any of them, and
    ``<stem>_probability_<value>.nii.gz`` holds that of each. The origin is the number of the
    disputed region that decided a voxel, as in the findings and verdicts, 0 for none; of a reading
    that started from a model 1 where it was kept, 2 added, 3 another label, 4 removed. Where labels
    of several groups may share a voxel, each group has a file ``<stem>_labels_<group>.nii.gz`` and
    ``<stem>_probability_<group>.nii.gz`` of its own, by the values of its labels.
    ``<stem>_belief_<rater>.nii.gz`` holds how far a fusion believed a rater, where that was asked.
    """

    name = "nifti"

    def write(self, item: MaskForExport, directory: Path, stem: str) -> tuple[Path, ...]:
        """Write the files, read each back and compare; raise IntegrityError on a difference."""
        geometry = item.series.geometry
        values = MaskValues(item.schema)
        endings = group_endings(values)
        files: dict[str, NDArray[Any]] = {}
        for group, ending in endings.items():
            labels = group_table(values, group)[item.mask] if values.may_overlap else item.mask
            dtype = mask_dtype(int(labels.max(initial=0)))
            files[f"{stem}_labels{ending}.nii.gz"] = labels.astype(dtype, copy=False)
        if item.probability:
            maps = {
                value: _as_float32(item.probability[value]) for value in sorted(item.probability)
            }
            for group, ending in endings.items():
                own = [found for value, found in maps.items() if values.group_of(value) == group]
                if own:  # labels of one group exclude each other
                    any_label = np.minimum(np.sum(own, axis=0, dtype=np.float64), 1.0)
                    files[f"{stem}_probability{ending}.nii.gz"] = _as_float32(any_label)
            if len(item.schema.labels) > 1:
                for value, voxels in maps.items():
                    files[f"{stem}_probability_{value}.nii.gz"] = voxels
        for name, voxels in item.belief.items():
            files[f"{stem}_belief_{file_name(name)}.nii.gz"] = _as_float32(voxels)
        if item.origin is not None:
            files[f"{stem}_origin.nii.gz"] = item.origin
        return tuple(_write(directory / name, voxels, geometry) for name, voxels in files.items())


def _as_float32(voxels: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(voxels, dtype=np.float32)


def _write(path: Path, voxels: NDArray[Any], geometry: Geometry) -> Path:
    image: Any = SimpleITK.GetImageFromArray(voxels)
    image.SetSpacing(geometry.spacing_mm[::-1])
    image.SetOrigin(geometry.origin_mm)
    image.SetDirection(geometry.direction)
    with checked_file(path) as part:
        SimpleITK.WriteImage(image, str(part), useCompression=True)
        _compare(part, voxels, geometry, path)
    return path


def _compare(part: Path, voxels: NDArray[Any], geometry: Geometry, path: Path) -> None:
    image: Any = SimpleITK.ReadImage(str(part))
    read = SimpleITK.GetArrayViewFromImage(image)
    if read.dtype != voxels.dtype or not np.array_equal(read, voxels):
        raise IntegrityError(f"{path} reads back with other voxels than were written")
    found = Geometry(
        shape=voxels.shape,
        spacing_mm=image.GetSpacing()[::-1],
        origin_mm=image.GetOrigin(),
        direction=image.GetDirection(),
    )
    differences = geometry.differences(found, tolerance=_TOLERANCE)
    if differences:
        raise IntegrityError(f"{path} reads back on another grid: {'; '.join(differences)}")

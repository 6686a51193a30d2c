"""Two images as SimpleITK matches them: where they lie in the patient, at a size that does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from annotator.analysis.propagation import folded_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import PlacedImage
    from annotator.domain.geometry import Geometry

_MOST_VOXELS = 1_000_000
"""Voxels that images are matched at: the way between them is smooth, and outlines stay as sharp as
they were drawn."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """A finished case and a target: grey images to match, and the grids they came from.

    ``source_grid`` and ``target_grid`` are SimpleITK images without content. All lengths are in
    ``unit_mm``, about a voxel of the target: a cell is matched as a head is.
    """

    source: Any
    target: Any
    source_grid: Any
    target_grid: Any
    target_geometry: Geometry
    unit_mm: float

    @classmethod
    def of(cls, source: PlacedImage, target: PlacedImage) -> Pair:
        """Return the pair, in two dimensions where these are single slices."""
        is_flat = not target.geometry.is_volume
        frame = _plane_of(source.geometry) if is_flat else None
        unit_mm = float(np.exp(np.mean(np.log(target.geometry.spacing_mm[1:]))))
        grids = [_grid(_in_units(one.geometry, unit_mm), frame) for one in (source, target)]
        images = [
            _working(_grey(one.image), grid)
            for one, grid in zip((source, target), grids, strict=True)
        ]
        return cls(
            source=images[0],
            target=images[1],
            source_grid=grids[0],
            target_grid=grids[1],
            target_geometry=target.geometry,
            unit_mm=unit_mm,
        )

    def carried(
        self,
        mask: NDArray[np.unsignedinteger],
        forward: Any,  # noqa: ANN401 - a SimpleITK transform
    ) -> NDArray[np.unsignedinteger]:
        """Return a mask of the finished case on the grid of the target."""
        flat = mask if self.source_grid.GetDimension() == 3 else mask[0]
        image = sitk.GetImageFromArray(np.ascontiguousarray(flat))
        image.CopyInformation(self.source_grid)
        moved = sitk.Resample(image, self.target_grid, forward, sitk.sitkLabelLinear, 0)
        found = sitk.GetArrayFromImage(moved).reshape(self.target_geometry.shape)
        return np.asarray(found, mask.dtype)

    def error_mm(self, forward: Any, backward: Any) -> NDArray[np.float32]:  # noqa: ANN401
        """Return how far voxels of the target end from where they began, there and back."""
        # The transform that was added last is applied first.
        trip = _displacement(sitk.CompositeTransform([backward, forward]), self.target)
        error = sitk.VectorMagnitude(trip)
        fine = sitk.Resample(
            error, self.target_grid, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32, True
        )
        found = sitk.GetArrayFromImage(fine).reshape(self.target_geometry.shape)
        return np.asarray(self.unit_mm * found, np.float32)

    def folded(self, forward: Any) -> float:  # noqa: ANN401 - a SimpleITK transform
        """Return the share of the target where the way to the finished case folds over itself."""
        spacing = self.unit_mm * np.array(self.target.GetSpacing()[::-1])
        return folded_share(self.way_mm(forward), spacing.tolist())

    def way_mm(self, forward: Any) -> NDArray[np.float64]:  # noqa: ANN401 - a SimpleITK transform
        """Return how far each voxel is moved, ``(axis, z, y, x)`` mm along the target's axes."""
        moved = sitk.GetArrayFromImage(_displacement(forward, self.target))
        direction = np.array(self.target.GetDirection()).reshape(self.target.GetDimension(), -1)
        return np.asarray(self.unit_mm * np.moveaxis((moved @ direction)[..., ::-1], -1, 0))


def _in_units(geometry: Geometry, unit_mm: float) -> Geometry:
    z, y, x = (step / unit_mm for step in geometry.spacing_mm)
    left, back, up = (place / unit_mm for place in geometry.origin_mm)
    return replace(geometry, spacing_mm=(z, y, x), origin_mm=(left, back, up))


def _displacement(transform: Any, grid: Any) -> Any:  # noqa: ANN401 - SimpleITK has no types
    wanted = sitk.TransformToDisplacementFieldFilter()
    wanted.SetReferenceImage(grid)
    wanted.SetOutputPixelType(sitk.sitkVectorFloat64)
    return wanted.Execute(transform)


def _grey(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return image if image.ndim == 3 else np.asarray(image[..., :3].mean(axis=-1), np.float32)


def _plane_of(geometry: Geometry) -> NDArray[np.float64]:
    """Return the directions of a slice's x and y in LPS, as columns ``(3, 2)``."""
    return np.array(geometry.direction).reshape(3, 3)[:, :2]


def _grid(geometry: Geometry, frame: NDArray[np.float64] | None) -> Any:  # noqa: ANN401
    """Return an empty image on a grid; a slice lies in the plane whose directions are given.

    Slices across each other have no plane in common: theirs are laid upon each other as they are.
    """
    _, rows, columns = geometry.shape
    if frame is None:
        grid = sitk.Image(geometry.shape[::-1], sitk.sitkUInt8)
        grid.SetSpacing(geometry.spacing_mm[::-1])
        grid.SetOrigin(geometry.origin_mm)
        grid.SetDirection(geometry.direction)
        return grid
    grid = sitk.Image((columns, rows), sitk.sitkUInt8)
    grid.SetSpacing(geometry.spacing_mm[:0:-1])
    turn = frame.T @ _plane_of(geometry)
    if abs(np.linalg.det(turn)) > 0.9:
        grid.SetDirection(_nearest_turn(turn).ravel().tolist())
        grid.SetOrigin((frame.T @ np.array(geometry.origin_mm)).tolist())
    return grid


def _nearest_turn(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation, or reflection, that is closest to a matrix."""
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ right, np.float64)


def _working(image: NDArray[np.float32], grid: Any) -> Any:  # noqa: ANN401 - a SimpleITK image
    """Return an image at the size that it is matched at, its percentiles 1 and 99 at 0 and 1."""
    known = image[np.isfinite(image)]
    low, high = np.percentile(known, (1.0, 99.0)) if known.size else (0.0, 1.0)
    # Where a file says that there is no number, nothing was recorded: as around a patient.
    scaled = np.clip(
        (np.where(np.isnan(image), np.float32(low), image) - low) / max(float(high - low), 1e-6),
        -0.5,
        1.5,
    ).astype(np.float32)
    flat = scaled if grid.GetDimension() == 3 else scaled[0]
    size, spacing = np.array(grid.GetSize()), np.array(grid.GetSpacing())
    step = spacing.min()
    while np.prod(np.maximum(1, size * spacing // np.maximum(step, spacing))) > _MOST_VOXELS:
        step *= 1.1
    coarse = np.maximum(step, spacing)
    if np.allclose(coarse, spacing):
        return _placed(flat, grid)
    factor = coarse / spacing
    smooth = ndimage.gaussian_filter(flat, np.where(factor > 1.01, 0.5 * factor, 0.0)[::-1])
    wanted = np.maximum(1, size / factor).astype(int)
    # The new grid covers what the old one does: their outer edges lie alike.
    shift = (size / wanted - 1) / 2
    origin = grid.TransformContinuousIndexToPhysicalPoint(shift.tolist())
    return sitk.Resample(
        _placed(smooth, grid),
        wanted.tolist(),
        sitk.Transform(),
        sitk.sitkLinear,
        origin,
        (spacing * size / wanted).tolist(),
        grid.GetDirection(),
        0.0,
        sitk.sitkFloat32,
        True,
    )


def _placed(values: NDArray[np.float32], grid: Any) -> Any:  # noqa: ANN401 - a SimpleITK image
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(grid)
    return image

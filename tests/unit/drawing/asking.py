"""Asks for operations as the window does, on made masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from annotator.drawing.edit import box_slices
from annotator.drawing.operation import Asked, Change, apply, unwatched
from annotator.drawing.options import with_defaults
from annotator.drawing.surface import Surface
from annotator.drawing.tools import OPERATIONS

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from annotator.drawing.edit import Mask
    from annotator.drawing.operation import Progress
    from annotator.drawing.options import Chosen

SHAPE = (17, 24, 31)
SPACING = (2.5, 0.7, 1.1)


def made_labels(
    seed: int,
    *,
    n_labels: int = 3,
    shape: tuple[int, int, int] = SHAPE,
    dtype: DTypeLike = np.uint8,
) -> Mask:
    """Return blobs of several labels that touch each other and the edges of the mask."""
    rng = np.random.default_rng(seed)
    fields = [ndimage.gaussian_filter(rng.standard_normal(shape), 1.6) for _ in range(n_labels + 1)]
    labels: Mask = np.argmax(np.stack(fields), axis=0).astype(dtype)
    return labels


def surface_of(mask: Mask, **more: Any) -> Surface:  # noqa: ANN401 - fields of a surface
    """Return a surface with anisotropic voxels."""
    return Surface(mask=mask, **{"spacing_mm": SPACING, **more})


def ask(
    name: str,
    surface: Surface,
    *,
    label: int = 1,
    plane: int = 0,
    index: int = 0,
    at: tuple[int, int, int] | None = None,
    values: tuple[int, ...] = (),
    screen: tuple[int, int] | None = None,
    progress: Progress = unwatched,
    **chosen: Chosen,
) -> Change | None:
    """Return what an operation suggests."""
    operation = OPERATIONS[name]
    asked = Asked(
        label=label,
        plane=plane,
        index=index,
        at=at,
        values=values,
        screen=screen,
        chosen=with_defaults(operation.options, chosen),
    )
    return operation.run(surface, asked, progress)


def result_of(name: str, surface: Surface, **how: Any) -> Mask:  # noqa: ANN401 - see ask
    """Return the mask as it is after an operation; the surface stays as it was.

    Checks that it is one edit that can be taken back, and that the suggestion is tight.
    """
    before = surface.mask.copy()
    change = ask(name, surface, **how)
    assert np.array_equal(surface.mask, before)
    if change is None:
        return before
    assert change.labels.dtype == before.dtype
    differs = np.argwhere(change.labels != before[box_slices(change.box)])
    assert differs.min(axis=0).tolist() == [0, 0, 0]
    assert (differs.max(axis=0) + 1).tolist() == list(change.labels.shape)
    edit = apply(surface, change)
    assert edit is not None
    after = surface.mask.copy()
    surface.mask[box_slices(edit.box)] = edit.before
    assert np.array_equal(surface.mask, before)
    return after


def section(plane: int, index: int) -> tuple[slice, slice, slice]:
    """Return the slices that cut one slice out of a volume, which stays three-dimensional."""
    z, y, x = (slice(index, index + 1) if axis == plane else slice(None) for axis in range(3))
    return z, y, x


def reshaped(mask: Mask, label: int, region: NDArray[np.bool_]) -> Mask:
    """Return a mask where one label has another shape, over whatever is there."""
    after = mask.copy()
    after[mask == label] = 0
    after[region] = label
    return after


def picture_of(region: NDArray[Any], spacing: tuple[float, ...] = SPACING) -> Any:  # noqa: ANN401 - SimpleITK has no types
    """Return an array as a SimpleITK image with its spacing; of a slice, a flat image."""
    steps = [step for step, size in zip(spacing, region.shape, strict=True) if size > 1]
    flat = region.reshape([size for size in region.shape if size > 1])
    image = sitk.GetImageFromArray(flat.astype(np.uint8))
    image.SetSpacing([float(step) for step in steps[::-1]])
    return image


def distance_to(region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance of each voxel to a region, mm, by SimpleITK; 0 inside."""
    found = sitk.SignedMaurerDistanceMap(
        picture_of(region), insideIsPositive=False, squaredDistance=False, useImageSpacing=True
    )
    distance: NDArray[np.float32] = np.maximum(sitk.GetArrayFromImage(found), 0)
    return np.where(region, np.float32(0), distance.reshape(region.shape))

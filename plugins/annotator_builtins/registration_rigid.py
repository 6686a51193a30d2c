"""Lays one volume on another as a whole: turned and moved, never bent or stretched.

By mutual information (Mattes et al. 2003), from coarse to fine, as SimpleITK has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from annotator.domain.errors import AnnotatorError
from annotator_builtins.registration_steps import run_method

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import PlacedImage, Progress

_MOST_VOXELS = 1_000_000
"""Voxels that images are matched at."""
_SAMPLES = 40_000
_BINS = 32
_SEED = 1
_ROUNDS = 100
_SHRINK = (4, 2, 1)
_FEWEST = 16
"""Voxels along an axis that the coarsest size keeps."""
_ENDS = (0.1, 99.9)
"""Percentiles beyond which values are cut: metal and padding would leave tissue few bins."""
_LEAST_OVERLAP = 0.5
"""Of what lay on each other before: a match that pushes the images apart is none."""


def lay_on(fixed: PlacedImage, moving: PlacedImage, progress: Progress) -> NDArray[np.float64]:
    """Return the rigid 4 x 4 matrix from places of ``fixed`` to those of ``moving``, LPS mm.

    Raises AnnotatorError where they cannot be matched, and whatever ``progress`` raises.
    """
    progress(0.0, "preparing the images")
    still, other = _image(fixed), _image(moving)
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # sums over threads differ from run to run
    method.SetMetricAsMattesMutualInformation(_BINS)
    n_voxels = int(np.prod(still.GetSize()))
    if n_voxels > _SAMPLES:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(_SAMPLES / n_voxels, seed=_SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 1e-3, _ROUNDS, 0.7, 1e-9)
    method.SetOptimizerScalesFromPhysicalShift()
    most = max(1, min(still.GetSize()) // _FEWEST)
    sizes = sorted({min(factor, most) for factor in _SHRINK}, reverse=True)
    method.SetShrinkFactorsPerLevel(sizes)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    method.SetSmoothingSigmasPerLevel([0.5 * (size - 1) for size in sizes])
    overlap = _overlap(still, other, sitk.Euler3DTransform())
    found = _start(method, still, other)
    overlap = max(overlap, _overlap(still, other, found))
    method.SetInitialTransform(found, inPlace=True)
    n_done = 0

    def tell() -> None:
        nonlocal n_done
        n_done += 1
        progress(min(1.0, n_done / (len(sizes) * _ROUNDS)), "laying the images on each other")

    run_method(method, tell, lambda: method.Execute(still, other))
    if _overlap(still, other, found) < _LEAST_OVERLAP * overlap:
        raise AnnotatorError(
            "the images cannot be laid on each other: they show too little of the same. Shift the "
            "series by hand"
        )
    progress(1.0, "laid on each other")
    return _matrix(found)


def _image(placed: PlacedImage) -> Any:  # noqa: ANN401 - SimpleITK has no types
    geometry = placed.geometry
    some = placed.image[::2, ::2, ::2]
    some = some[np.isfinite(some)]
    if not some.size:
        raise AnnotatorError("the images cannot be laid on each other: one has no values")
    low, high = np.percentile(some, _ENDS)
    # Where a file says that there is no number, nothing was recorded: as around a patient.
    known = np.where(np.isnan(placed.image), np.float32(low), placed.image)
    image = sitk.GetImageFromArray(np.clip(known, low, high).astype(np.float32))
    image.SetSpacing(geometry.spacing_mm[::-1])
    image.SetOrigin(geometry.origin_mm)
    image.SetDirection(geometry.direction)
    factors = np.ones(3, int)
    sizes, steps = np.array(image.GetSize()), np.array(image.GetSpacing())
    while np.prod(sizes // factors) > _MOST_VOXELS:
        factors[np.argmin(np.where(sizes // factors > _FEWEST, steps * factors, np.inf))] += 1
    return sitk.BinShrink(image, factors.tolist())


def _start(method: Any, fixed: Any, moving: Any) -> Any:  # noqa: ANN401
    """Return the better of two starts: where the files have the images, or their middles."""
    middles = [
        image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
        for image in (fixed, moving)
    ]
    starts, values = [], []
    for shift in (np.zeros(3), np.subtract(middles[1], middles[0])):
        start = sitk.Euler3DTransform()
        start.SetCenter(middles[0])
        start.SetTranslation(shift.tolist())
        method.SetInitialTransform(start)
        try:
            value = method.MetricEvaluate(fixed, moving)
        except RuntimeError:  # the images do not overlap from this start
            value = np.inf
        starts.append(start)
        values.append(value)
    return starts[int(np.argmin(values))]


def _overlap(fixed: Any, moving: Any, transform: Any) -> float:  # noqa: ANN401
    """Return the share of ``fixed`` that lies on ``moving``, 0 to 1."""
    coarse = sitk.Shrink(fixed, [max(1, size // _FEWEST) for size in fixed.GetSize()])
    ones = moving * 0 + 1
    laid = sitk.Resample(ones, coarse, transform, sitk.sitkNearestNeighbor, 0.0, sitk.sitkUInt8)
    return float(sitk.GetArrayViewFromImage(laid).mean())


def _matrix(transform: Any) -> NDArray[np.float64]:  # noqa: ANN401
    found = np.eye(4)
    turn = np.array(transform.GetMatrix()).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    found[:3, :3] = turn
    found[:3, 3] = np.array(transform.GetTranslation()) + centre - turn @ centre
    return found

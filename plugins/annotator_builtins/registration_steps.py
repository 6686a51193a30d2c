"""The two steps of matching images: affine, then demons; each can be stopped within a moment."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.api import Progress

_SHRINK = (4, 2, 1)
_FEWEST = 8
"""Voxels along an axis that the coarsest size keeps."""
_FEWEST_TO_FILTER = 4
"""Voxels along an axis that a filter of gradients needs; differences do with fewer."""
_BINS = 32
_SAMPLES = 20_000
"""Voxels that the affine step looks at."""
_SEED = 1
_AFFINE_ROUNDS = 60
_AFFINE_PART = 0.3


def match(
    fixed: Any,  # noqa: ANN401 - SimpleITK has no types
    moving: Any,  # noqa: ANN401
    progress: Progress,
    *,
    smoothness: float,
    rounds: int,
) -> Any:  # noqa: ANN401
    """Return the transform from points of ``fixed`` to points of ``moving``.

    Raises AnnotatorError where the images cannot be matched, and whatever ``progress`` raises.
    """
    coarse = _affine(fixed, moving, lambda done, word: progress(_AFFINE_PART * done, word))
    field = _demons(
        fixed,
        sitk.Resample(moving, fixed, coarse, sitk.sitkLinear, 0.0, sitk.sitkFloat32, True),
        lambda done, word: progress(_AFFINE_PART + (1.0 - _AFFINE_PART) * done, word),
        smoothness=smoothness,
        rounds=rounds,
    )
    return sitk.CompositeTransform([coarse, sitk.DisplacementFieldTransform(field)])


def _affine(fixed: Any, moving: Any, progress: Progress) -> Any:  # noqa: ANN401
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)  # sums over threads differ from run to run
    method.SetMetricAsMattesMutualInformation(_BINS)
    n_voxels = int(np.prod(fixed.GetSize()))
    if n_voxels > _SAMPLES:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(_SAMPLES / n_voxels, seed=_SEED)
    if min(*fixed.GetSize(), *moving.GetSize()) < _FEWEST_TO_FILTER:
        method.MetricUseFixedImageGradientFilterOff()
        method.MetricUseMovingImageGradientFilterOff()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, _AFFINE_ROUNDS)
    method.SetOptimizerScalesFromPhysicalShift()
    shrinks = [_shrink(fixed, factor)[0] for factor in _SHRINK]
    sizes = sorted({1, *(max(1, min(shrink)) for shrink in shrinks)}, reverse=True)
    method.SetShrinkFactorsPerLevel(sizes)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    method.SetSmoothingSigmasPerLevel([0.5 * (size - 1) for size in sizes])
    start = _start(method, fixed, moving)
    method.SetInitialTransform(start, inPlace=True)
    done, word = [0], "laying the images on each other"

    def tell() -> None:
        done[0] += 1
        progress(min(1.0, done[0] / (len(sizes) * _AFFINE_ROUNDS)), word)

    run_method(method, tell, lambda: method.Execute(fixed, moving))
    return start


def _start(method: Any, fixed: Any, moving: Any) -> Any:  # noqa: ANN401
    """Return the best of three starts: where the images lie, their middles, their masses."""
    n_dims = fixed.GetDimension()
    starts = [sitk.AffineTransform(n_dims)]
    for how in (
        sitk.CenteredTransformInitializerFilter.GEOMETRY,
        sitk.CenteredTransformInitializerFilter.MOMENTS,
    ):
        try:
            found = sitk.CenteredTransformInitializer(
                fixed, moving, sitk.AffineTransform(n_dims), how
            )
        except RuntimeError:  # an image of one brightness has no mass
            continue
        starts.append(sitk.AffineTransform(found))
    middle = fixed.TransformContinuousIndexToPhysicalPoint(
        [(size - 1) / 2 for size in fixed.GetSize()]
    )
    starts[0].SetCenter(middle)
    values = []
    for start in starts:
        method.SetInitialTransform(start)
        try:
            values.append(method.MetricEvaluate(fixed, moving))
        except RuntimeError:  # the images do not overlap from this start
            values.append(np.inf)
    return starts[int(np.argmin(values))]


def _demons(
    fixed: Any,  # noqa: ANN401 - SimpleITK has no types
    moving: Any,  # noqa: ANN401
    progress: Progress,
    *,
    smoothness: float,
    rounds: int,
) -> Any:  # noqa: ANN401
    """Return a displacement field from ``fixed`` to ``moving``, which lies on its grid."""
    moving = sitk.HistogramMatching(moving, fixed, 128, 7, False)
    field: Any = None
    for level, factor in enumerate(_SHRINK):
        shrink, sigma = _shrink(fixed, factor)
        small = [sitk.Shrink(_smooth(image, sigma), shrink) for image in (fixed, moving)]
        method = sitk.DiffeomorphicDemonsRegistrationFilter()
        method.SetNumberOfIterations(rounds)
        method.SetStandardDeviations(smoothness)
        method.SetSmoothDisplacementField(True)
        if field is not None:
            field = sitk.Resample(
                field, small[0], sitk.Transform(), sitk.sitkLinear, 0.0, field.GetPixelID(), True
            )
        start = () if field is None else (field,)

        def tell(level: int = level, method: Any = method) -> None:  # noqa: ANN401
            done = (level + method.GetElapsedIterations() / rounds) / len(_SHRINK)
            progress(min(1.0, done), f"matching the images at size {level + 1} of {len(_SHRINK)}")

        field = run_method(method, tell, partial(method.Execute, *small, *start))
    return sitk.Cast(field, sitk.sitkVectorFloat64)


def _shrink(image: Any, factor: int) -> tuple[list[int], list[float]]:  # noqa: ANN401
    """Return by how much each axis shrinks, and how far it is smoothed before, in mm."""
    factors = [max(1, min(factor, size // _FEWEST)) for size in image.GetSize()]
    sigmas = [
        0.5 * step * (one if one > 1 else 0.0)
        for one, step in zip(factors, image.GetSpacing(), strict=True)
    ]
    return factors, sigmas


def _smooth(image: Any, sigma_mm: list[float]) -> Any:  # noqa: ANN401
    if not any(sigma_mm):
        return image
    return sitk.DiscreteGaussian(image, [sigma**2 for sigma in sigma_mm])


def run_method(method: Any, tell: Callable[[], None], execute: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Run a filter, telling how far it is; what ``tell`` raises ends it and goes on."""
    raised: list[BaseException] = []

    def heed() -> None:
        try:
            tell()
        except BaseException as error:  # it may not cross C++
            raised.append(error)
            method.Abort()

    method.AddCommand(sitk.sitkIterationEvent, heed)
    try:
        found = execute()
    except RuntimeError as error:
        if not raised:
            words = str(error).strip().splitlines()[-1]
            raise AnnotatorError(f"the images cannot be matched: {words}") from error
        found = None
    if raised:
        raise raised[0]
    return found

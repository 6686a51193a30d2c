"""A threshold against numpy, and its own limit against SimpleITK and skimage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from skimage.filters import threshold_otsu

from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.rules import MaskingRules
from annotator.drawing.threshold import otsu_limit
from tests.unit.drawing.asking import SHAPE, ask, made_labels, result_of, section, surface_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def _image(seed: int = 5) -> NDArray[np.int16]:
    """Return two classes, 40 ± 30 and 300 ± 60, in blobs."""
    rng = np.random.default_rng(seed)
    bright = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 2.0) > 0.05
    values = np.where(bright, 300 + 60 * rng.standard_normal(SHAPE), 40.0)
    return (values + 30 * rng.standard_normal(SHAPE)).astype(np.int16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("over", "replace"), [(False, False), (True, False), (True, True)])
def test_draws_where_the_range_lies_in_modality_units(
    dtype: type[np.unsignedinteger], over: bool, replace: bool
) -> None:
    mask, image = made_labels(3, dtype=dtype), _image()
    surface = surface_of(mask, image=image, slope=2.0, intercept=-1000.0)
    found = result_of(
        "threshold",
        surface,
        range="set",
        low=-900.0,
        high=-450.0,
        over_labels=over,
        replace=replace,
    )
    values = 2.0 * image - 1000.0
    is_met = (values >= -900) & (values <= -450)
    expected = mask.copy()
    if replace:
        expected[(mask == 1) & ~is_met] = 0
    expected[is_met & (over | (mask == 0))] = 1
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_keeps_to_the_slice_and_to_the_rules(plane: int) -> None:
    mask, image = np.zeros(SHAPE, np.uint8), _image()
    mask[4:12, 5:20, 6:25] = 2
    rules = MaskingRules(area="inside one", area_label=2)
    surface = surface_of(mask, image=image, rules=rules)
    how = {"plane": plane, "index": 9, "where": "slice", "range": "set", "low": 200.0}
    found = result_of("threshold", surface, over_labels=True, **how)
    expected, here = mask.copy(), section(plane, 9)
    expected[here] = np.where((image[here] >= 200) & (mask[here] == 2), 1, mask[here])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("seed", range(4))
def test_finds_the_limit_of_otsu(seed: int) -> None:
    image = _image(seed)
    surface = surface_of(np.zeros(SHAPE, np.uint8), image=image)
    limit = otsu_limit(surface, surface.whole)
    step = (int(image.max()) - int(image.min())) / 1024
    filtered = sitk.OtsuThresholdImageFilter()
    filtered.SetNumberOfHistogramBins(1024)
    filtered.Execute(sitk.GetImageFromArray(image))
    assert abs(limit - filtered.GetThreshold()) <= 2 * step
    assert abs(limit - threshold_otsu(image.astype(float), nbins=1024)) <= 2 * step  # type: ignore[no-untyped-call]
    bright = result_of("threshold", surface, range="otsu-bright") == 1
    dark = result_of("threshold", surface, range="otsu-dark") == 1
    np.testing.assert_array_equal(bright, image >= limit)
    np.testing.assert_array_equal(dark, ~bright)


def test_says_what_is_wrong_and_can_be_stopped() -> None:
    surface = surface_of(np.zeros(SHAPE, np.uint8), image=_image())
    with pytest.raises(AnnotatorError, match="lowest value is 9 and the highest 3"):
        ask("threshold", surface, range="set", low=9.0, high=3.0)
    with pytest.raises(NothingToDoError, match="No voxel"):
        ask("threshold", surface, range="set", low=5000.0, high=6000.0)
    flat = surface_of(np.zeros(SHAPE, np.uint8), image=np.full(SHAPE, 7, np.int16))
    with pytest.raises(NothingToDoError, match="All values are 7"):
        ask("threshold", flat)

    def stop(_share: float) -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        ask("threshold", surface, progress=stop)

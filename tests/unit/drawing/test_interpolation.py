"""Interpolation: shapes of known size between slices, and inside contours of several planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from annotator.analysis import kernels
from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.drawing.interpolation import Interpolation
from annotator.drawing.interpolation_sections import blends_between
from annotator.drawing.operation import Asked, apply
from annotator.drawing.rules import MaskingRules
from annotator.drawing.surface import Surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def interpolated(surface: Surface, plane: int = 0, **chosen: str) -> NDArray[Any]:
    """Return the mask after the change, and check that it left what was drawn."""
    before = surface.mask.copy()
    change = Interpolation().run(surface, Asked(label=1, plane=plane, chosen=chosen))
    assert change is not None
    assert np.array_equal(surface.mask, before)
    edit = apply(surface, change)
    assert edit is not None
    assert np.array_equal(surface.mask[before != 0], before[before != 0])
    return surface.mask


def disc(y: float, x: float, radius: float, shape: tuple[int, int] = (80, 90)) -> NDArray[np.bool_]:
    """Return a disc, pixels."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


@pytest.mark.parametrize("plane", [0, 1, 2])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_an_oblique_cone_has_its_radius_and_centre_in_each_slice(
    plane: int, kind: type[np.unsignedinteger]
) -> None:
    """Also where its ends do not overlap, and with voxels that are not cubes."""
    n = 13
    turned = np.zeros((n, 80, 90), kind)
    for at in (0, 12):
        turned[at][disc(24 + 2 * at, 26 + 3 * at, 6 + at)] = 300 if kind is np.uint16 else 3
    spacing = [1.0, 1.0]
    spacing.insert(plane, 2.5)
    surface = Surface(
        mask=np.ascontiguousarray(np.moveaxis(turned, 0, plane)),
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
    )
    mask = np.moveaxis(interpolated(surface, plane), plane, 0)
    for at in range(1, 12):
        found = mask[at] > 0
        y, x = np.mean(np.nonzero(found), axis=1)
        assert abs(y - 24 - 2 * at) < 0.35
        assert abs(x - 26 - 3 * at) < 0.35
        assert abs(np.sqrt(found.sum() / np.pi) - 6 - at) < 0.35


def test_shapes_around_one_centre_are_mixed_by_their_signed_distances() -> None:
    """Raya and Udupa's interpolation, worked out here with scipy over whole slices."""
    shape, step = (60, 70), (0.8, 1.3)
    rows, columns = np.ogrid[:60, :70]
    ends = [
        (np.abs(rows - 30) <= 20) & (np.abs(columns - 34) <= 12),
        (np.abs(rows - 30) / 9 + np.abs(columns - 34) / 25) <= 1,
    ]
    mask = np.zeros((6, *shape), np.uint8)
    mask[0][ends[0]] = mask[5][ends[1]] = 1
    found = interpolated(Surface(mask=mask, spacing_mm=(3.0, *step)))
    depths = [
        ndimage.distance_transform_edt(end, step) - ndimage.distance_transform_edt(~end, step)
        for end in ends
    ]
    for at in range(1, 5):
        depth = depths[0] * (1 - at / 5) + depths[1] * at / 5
        clear = np.abs(depth) > 1e-4
        assert np.array_equal((found[at] == 1)[clear], (depth > 0)[clear])


def test_branches_join_strangers_end_half_way_and_labels_share_out_what_both_want() -> None:
    """One slice's trunk is the next one's two branches; a speck has no counterpart."""
    mask = np.zeros((9, 80, 90), np.uint8)
    mask[0][disc(40, 45, 14)] = 1
    mask[8][disc(40, 34, 8)] = 1
    mask[8][disc(40, 56, 8)] = 1
    mask[0][disc(10, 10, 5)] = 2
    mask[4][disc(70, 45, 6)] = 3
    surface = Surface(mask=mask)
    mask = interpolated(surface)
    n_parts = [ndimage.label(section == 1)[1] for section in mask]
    assert n_parts[0] == n_parts[1] == 1
    assert n_parts[7] == n_parts[8] == 2
    assert all((mask[at] == 1).any() for at in range(9))
    assert not (mask[1:] == 2).any()
    assert not (np.delete(mask, 4, axis=0) == 3).any()

    mask[...] = 0
    mask[0][disc(40, 30, 10)] = mask[8][disc(40, 50, 10)] = 1
    mask[8][disc(40, 30, 9)] = mask[0][disc(40, 55, 9)] = 2
    mask[0][disc(10, 10, 6)] = 4
    mask[8][disc(70, 80, 3)] = 4
    mask = interpolated(surface)
    sizes = [(mask[at] == 4).sum() for at in range(9)]
    assert sizes[1] > sizes[3] > 0
    assert sizes[4] == 0
    middle = mask[4]
    assert (middle == 1).any()
    assert (middle == 2).any()
    assert middle[40, 40] in (1, 2)


@given(st.integers(0, 2**32), st.sampled_from([(1.0, 1.0), (0.4, 2.1)]))
@settings(deadline=None, max_examples=20)
def test_compiled_loops_and_numpy_find_the_same(seed: int, step: tuple[float, float]) -> None:
    """Ragged shapes that touch the rim, single pixels, one slice with nothing in common."""
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 40, 2))
    sides = []
    for _ in range(2):
        side = ndimage.gaussian_filter(random.random(shape), random.choice([0, 1, 3])) > 0.5
        side[tuple(random.integers(0, size) for size in shape)] = True
        sides.append(side)
    shares = (0.25, 0.6)
    compiled = blends_between(sides[0], sides[1], shares, step)
    with kernels.without_kernels():
        plain = blends_between(sides[0], sides[1], shares, step)
    for some, others in zip(compiled, plain, strict=True):
        for one, other in zip(some, others, strict=True):
            assert one.window == other.window
            assert np.allclose(one.depth, other.depth, rtol=1e-4, atol=1e-4)


def test_contours_of_three_planes_make_a_ball() -> None:
    """Three discs of a ball are enough; nothing is added in the slices that were drawn in."""
    z, y, x = np.ogrid[:26, :52, :54]
    truth = (2.0 * (z - 12)) ** 2 + (y - 26) ** 2 + (x - 27) ** 2 < 20**2
    mask = np.zeros(truth.shape, np.uint16)
    mask[12], mask[:, 26], mask[:, :, 27] = truth[12], truth[:, 26], truth[:, :, 27]
    mask[mask > 0] = 700
    mask[0, :4, :4] = 5
    spacing = (2.0, 1.0, 1.0)
    found = interpolated(Surface(mask=mask, spacing_mm=spacing), mode="surface")
    ball = found == 700
    assert 2 * (ball & truth).sum() / (ball.sum() + truth.sum()) > 0.98
    for axis, at in ((0, 12), (1, 26), (2, 27)):
        one, other = np.moveaxis(ball, axis, 0)[at], np.moveaxis(truth, axis, 0)[at]
        assert np.array_equal(one, other)
    alone = np.zeros_like(mask)
    alone[12] = truth[12]
    with pytest.raises(AnnotatorError, match="at least two slices"):
        interpolated(Surface(mask=alone, spacing_mm=spacing), mode="surface")


def test_it_fills_one_label_keeps_the_rules_and_says_what_is_missing() -> None:
    """What forbids and what is asked for hold as for every operation."""
    mask = np.zeros((5, 80, 90), np.uint8)
    operation = Interpolation()
    with pytest.raises(AnnotatorError, match="Nothing is drawn"):
        operation.run(Surface(mask=mask), Asked(label=1))
    mask[0][disc(40, 40, 9)] = mask[4][disc(40, 40, 9)] = 1
    mask[0][disc(10, 10, 5)] = mask[4][disc(10, 10, 5)] = 2
    with pytest.raises(AnnotatorError, match="Label 3 is not drawn"):
        operation.run(Surface(mask=mask), Asked(label=3, chosen={"labels": "one"}))
    with pytest.raises(AnnotatorError, match="No label is drawn in two slices of this view with"):
        operation.run(Surface(mask=mask[:1]), Asked(label=1))

    def cancel(share: float) -> None:
        raise CancelledError("Cancelled.")

    for mode in ("slices", "surface"):
        with pytest.raises(CancelledError):
            operation.run(Surface(mask=mask), Asked(label=1, chosen={"mode": mode}), cancel)
    only = interpolated(Surface(mask=mask.copy()), labels="one")
    assert (only[2] == 1).any()
    assert not (only[1:4] == 2).any()
    locked = Surface(mask=mask.copy(), rules=MaskingRules(locked=frozenset({2})))
    kept = interpolated(locked)
    assert (kept[2] == 1).sum() == (mask[0] == 1).sum()
    assert not (kept[1:4] == 2).any()

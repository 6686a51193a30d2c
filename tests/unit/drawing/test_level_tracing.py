"""Level tracing against flooding by skimage and filling of holes by scipy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import find_contours
from skimage.segmentation import flood

from annotator.drawing import level_part, level_tracing
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.level_tracing import LevelTracing
from annotator.drawing.rules import MaskingRules
from annotator.drawing.surface import Surface
from tests.unit.drawing.hands import take_back, take_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.drawing.edit import Mask, Point

pytestmark = pytest.mark.unit

SHAPE = (5, 150, 170)
"""More than one box wide around most places."""


def hills(plane: int, seed: int = 0) -> NDArray[np.int16]:
    random = np.random.default_rng(seed)
    fine = ndimage.gaussian_filter(random.random(SHAPE), (0, 2, 2))
    coarse = ndimage.gaussian_filter(random.random(SHAPE), (0, 14, 14))
    image = fine / fine.std() + 2 * coarse / coarse.std()
    return np.moveaxis(np.rint(100 * (image - image.mean())).astype(np.int16), 0, plane)


def expected_at(values: NDArray[np.int16], seed: tuple[int, int], side: str) -> NDArray[np.bool_]:
    level = values[seed]
    members = (values >= level) if side == "brighter" else (values <= level)
    region = flood(members, seed, connectivity=1)  # type: ignore[no-untyped-call]
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(region, np.ones((3, 3), bool))
    return filled


def place(plane: int, row: float, column: float) -> Point:
    at = [row, column]
    at.insert(plane, 2.0)
    return at[0], at[1], at[2]


@pytest.mark.parametrize("side", ["brighter", "darker"])
@pytest.mark.parametrize("plane", [0, 1, 2])
def test_draws_what_skimage_floods(plane: int, side: str) -> None:
    image = hills(plane)
    values = np.take(image, 2, axis=plane)
    random = np.random.default_rng(plane)
    for row, column in [*random.integers(0, (150, 170), (12, 2)).tolist(), [0, 169]]:
        mask: Mask = np.zeros(image.shape, np.uint16)
        surface = Surface(mask=mask, image=image, spacing_mm=(2.0, 1.0, 0.5))
        tracing = take_up(LevelTracing, surface, plane=plane, index=2, label=300, side=side)
        tracing.hover(place(plane, row, column))
        expected = expected_at(values, (row, column), side)
        shown = np.concatenate([line.points for line in tracing.preview.lines])
        padded = np.pad(expected, 1).astype(float)
        rim = np.concatenate(find_contours(padded, 0.5)) - 1  # type: ignore[no-untyped-call]
        across = np.delete(shown, plane, axis=1)
        assert set(map(tuple, across)) <= set(map(tuple, rim))
        assert not tracing.has_begun
        assert not mask.any()
        tracing.press(place(plane, row + 0.3, column - 0.3))
        edit = tracing.finish()
        assert tracing.is_done
        assert edit is not None
        assert np.array_equal(mask.take(2, axis=plane) == 300, expected)
        assert np.count_nonzero(mask) == np.count_nonzero(expected)
        take_back(mask, edit)
        assert not mask.any()


def test_the_smaller_side_is_chosen_and_follows_the_slice() -> None:
    image = np.full((3, 200, 200), 50, np.int16)
    image[1, 90:100, 90:100] = 90
    image[2, 20:30, 20:30] = 10
    mask: Mask = np.zeros(image.shape, np.uint8)
    surface = Surface(mask=mask, image=image, slope=2.0, intercept=-100.0)
    tracing = take_up(LevelTracing, surface, plane=0, index=1)
    tracing.hover((1.0, 95.0, 95.0))
    assert tracing.preview.text == "80"
    tracing.hover((2.0, 25.0, 25.0))
    assert tracing.preview.text == "-80"
    tracing.hover((2.0, -5.0, 25.0))
    assert tracing.preview.lines == ()
    with pytest.raises(NothingToDoError, match="inside the image"):
        tracing.press((2.0, -5.0, 25.0))
    tracing = take_up(LevelTracing, surface, plane=0, index=2, smoothing=1.0)
    tracing.press((2.0, 25.0, 25.0))
    assert mask[2].sum() < 100  # only as dark as the smoothed middle
    assert mask[2, 25, 25] == 1


def test_rules_hold() -> None:
    image = np.zeros((1, 20, 20), np.int16)
    image[0, 5:15, 5:15] = 100
    mask: Mask = np.zeros(image.shape, np.uint8)
    mask[0, 5:10] = 2
    rules = MaskingRules(locked=frozenset({2}))
    tracing = take_up(LevelTracing, Surface(mask=mask, image=image, rules=rules), label=1)
    tracing.press((0.0, 12.0, 12.0))
    assert (mask[0, 5:10] == 2).all()
    assert (mask[0, 10:15, 5:15] == 1).all()
    tracing.cancel()
    assert not (mask == 1).any()


def test_what_goes_on_too_far_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(level_part, "FURTHEST", 64)
    values = np.zeros((300, 200), np.float32)
    part = level_part.find_part(
        lambda rows, columns: values[rows, columns], (300, 200), (150, 20), [(0.0, 0.0)]
    )
    assert part.origin == (86, 0)
    assert part.inside.shape == (129, 85)
    assert part.inside.all()


@pytest.mark.parametrize("smoothing", [0.0, 1.3])
def test_large_slices_are_read_in_parts(smoothing: float, monkeypatch: pytest.MonkeyPatch) -> None:
    image = hills(1)
    at = place(1, 70.0, 90.0)
    lines = []
    for limit in (1 << 20, 0):
        monkeypatch.setattr(level_tracing, "AT_ONCE_PIXELS", limit)
        surface = Surface(mask=np.zeros(image.shape, np.uint8), image=image, spacing_mm=(2, 1, 1))
        tracing = take_up(LevelTracing, surface, plane=1, index=2, smoothing=smoothing)
        tracing.hover(at)
        lines.append(tracing.preview.lines[0].points)
    assert np.array_equal(lines[0], lines[1])

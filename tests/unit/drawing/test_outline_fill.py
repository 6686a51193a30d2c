"""Filling of outlines against the even-odd rule in exact arithmetic, and against skimage."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import polygon2mask

from annotator.drawing.outline_fill import fill_outline

pytestmark = pytest.mark.unit

_PLACES = st.one_of(
    st.integers(-4, 12).map(float),
    st.integers(-8, 24).map(lambda value: value / 2),
    st.floats(-4, 12, width=32),
)
Corners = list[tuple[float, float]]


def lies_inside(corners: Corners, row: int, column: int) -> bool:
    """Tell it by fractions: on a side, or an odd number of sides at the left."""
    exact = [(Fraction(r), Fraction(c)) for r, c in corners]
    is_inside = False
    for (r0, c0), (r1, c1) in zip(exact, exact[1:] + exact[:1], strict=True):
        is_between = min(r0, r1) <= row <= max(r0, r1) and min(c0, c1) <= column <= max(c0, c1)
        if is_between and (c1 - c0) * (row - r0) == (r1 - r0) * (column - c0):
            return True
        if (r0 <= row) != (r1 <= row):
            is_inside ^= c0 + (row - r0) * (c1 - c0) / (r1 - r0) < column
    return is_inside


@settings(max_examples=60, deadline=None)
@given(corners=st.lists(st.tuples(_PLACES, _PLACES), min_size=3, max_size=9))
def test_equals_exact_arithmetic(corners: Corners) -> None:
    filled = fill_outline(np.array(corners), (9, 8))
    for row, column in np.ndindex(9, 8):
        assert filled[row, column] == lies_inside(corners, row, column), (row, column)


def test_equals_skimage_for_a_long_outline() -> None:
    turn = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    reach = 40 + 12 * np.sin(7 * turn)
    outline = np.stack([50 + reach * np.sin(turn), 45 + reach * np.cos(turn)], axis=1)
    expected = polygon2mask((90, 100), outline)  # type: ignore[no-untyped-call]
    assert np.array_equal(fill_outline(outline, (90, 100)), expected)

"""Outlines of drawn regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import polygon2mask
from skimage.measure import find_contours

from annotator.analysis import kernels
from annotator.analysis.outline import outlines

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def test_nothing_drawn_has_no_outline() -> None:
    assert outlines(np.zeros((5, 6), np.uint8)) == ()


def test_each_part_and_label_has_a_closed_line_half_a_pixel_outside() -> None:
    section = np.zeros((12, 20), np.uint16)
    section[0:3, 0:4] = 300  # at the edge of the slice
    section[6:9, 10:15] = 2
    section[10, 18] = 2
    found = outlines(section)
    assert sorted(outline.label for outline in found) == [2, 2, 300]
    for outline in found:
        assert np.array_equal(outline.points[0], outline.points[-1])
    edge = next(outline for outline in found if outline.label == 300)
    assert edge.points.min(axis=0).tolist() == [-0.5, -0.5]
    assert edge.points.max(axis=0).tolist() == [2.5, 3.5]


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), fraction=st.sampled_from([0.1, 0.5, 0.9]))
def test_lines_are_those_of_marching_squares(seed: int, fraction: float) -> None:
    section = (np.random.default_rng(seed).random((9, 11)) < fraction).astype(np.uint8)
    expected = find_contours(np.pad(section, 1).astype(float), 0.5)  # type: ignore[no-untyped-call]
    expected = [line - 1 for line in expected]
    found = [outline.points for outline in outlines(section)]
    assert sorted(map(area, found)) == sorted(map(area, expected))
    assert len(found) == len(expected)
    corners = {tuple(point) for line in found for point in line}
    assert corners <= {tuple(point) for line in expected for point in line}


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_labels_side_by_side_have_the_lines_that_each_has_alone(seed: int) -> None:
    section = np.random.default_rng(seed).integers(0, 4, (8, 9)).astype(np.uint16)
    together = outlines(section)
    for label in (1, 2, 3):
        alone = outlines(np.where(section == label, section, 0))
        mine = [outline for outline in together if outline.label == label]
        assert sorted(area(line.points) for line in mine) == sorted(
            area(line.points) for line in alone
        )


def area(line: NDArray[np.float64]) -> float:
    row, column = line[:, 0], line[:, 1]
    return abs(float(row[:-1] @ column[1:] - row[1:] @ column[:-1])) / 2


def test_filling_the_lines_gives_the_region_back() -> None:
    rng = np.random.default_rng(3)
    section = np.zeros((30, 30), np.uint8)
    section[4:25, 5:22] = 1
    section[10:14, 8:12] = 0  # a hole has a line of its own
    section[rng.integers(0, 30, 5), 27] = 1
    filled = np.zeros(section.shape, bool)
    for outline in outlines(section):
        filled ^= polygon2mask(section.shape, outline.points)  # type: ignore[no-untyped-call]
    assert np.array_equal(filled, section == 1)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.bool_])
def test_the_compiled_way_walks_as_numpy_does(kind: type[np.generic]) -> None:
    random = np.random.default_rng(5)
    for n_labels in (2, 3, 2, 5):
        section = random.integers(0, n_labels, random.integers(1, 16, 2)).astype(kind)
        found = outlines(section)
        with kernels.without_kernels():
            expected = outlines(section)
        assert [line.label for line in found] == [line.label for line in expected]
        for line, other in zip(found, expected, strict=True):
            assert np.array_equal(line.points, other.points)

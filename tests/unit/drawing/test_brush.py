"""Brush and eraser against the analytic shapes and against every voxel tested in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.draw import line

from annotator.analysis.kernels import without_kernels
from annotator.drawing.brush import Brush
from annotator.drawing.capsule import sweep
from annotator.drawing.edit import EditRecorder, Mask, Point, box_slices, join_boxes
from annotator.drawing.eraser import Eraser
from annotator.drawing.rules import MaskingRules
from annotator.drawing.surface import Surface
from tests.unit.drawing.hands import take_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

SHAPE = (9, 14, 17)
coordinates = st.tuples(
    *(st.floats(-4, size + 4, allow_nan=False).map(lambda v: round(v, 3)) for size in SHAPE)
)
spacings = st.tuples(*(st.sampled_from([0.4, 0.75, 1.0, 2.5, 5.0]) for _ in range(3)))


def every_voxel(
    start: Point, end: Point, radius: float, spacing: Point, plane: int | None
) -> NDArray[np.bool_]:
    """Test the centre of each voxel against the segment, the slow and plain way."""
    grid = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1).astype(float)
    a, b = np.asarray(start), np.asarray(end)
    scale = np.asarray(spacing)
    points = grid * scale
    if plane is not None:
        points[..., plane] = 0.0
        flat = np.where(np.arange(3) == plane, 0.0, 1.0)
        first, last = a * scale * flat, b * scale * flat
    else:
        first, last = a * scale, b * scale
    way = last - first
    length2 = float(way @ way)
    part = np.clip((points - first) @ way / length2, 0, 1) if length2 > 0 else np.zeros(SHAPE)
    distance = np.linalg.norm(points - (first + part[..., None] * way), axis=-1)
    inside: NDArray[np.bool_] = distance <= radius + 1e-9
    if plane is not None:
        inside &= grid[..., plane] == np.floor(a[plane] + 0.5)
    steps = int(np.ceil(2 * np.abs(b - a).max())) + 1
    for t in np.linspace(0, 1, steps):
        voxel = np.floor(a + (b - a) * t + 0.5).astype(int)
        voxel = np.clip(voxel, *np.sort(np.floor(np.stack([a, b]) + 0.5).astype(int), axis=0))
        if ((voxel >= 0) & (voxel < SHAPE)).all():
            inside[tuple(voxel)] = True
    return inside


def painted(
    start: Point,
    end: Point,
    radius: float,
    spacing: Point,
    plane: int | None,
    *,
    is_square: bool = False,
) -> NDArray[np.bool_]:
    """Sweep, compiled and in numpy, which must not differ."""
    swept = sweep(
        start,
        end,
        radius_mm=radius,
        spacing_mm=spacing,
        plane=plane,
        shape=SHAPE,
        is_square=is_square,
    )
    inside = np.zeros(SHAPE, bool)
    if swept is None:
        return inside
    inside[box_slices(swept.box)] = swept.inside
    live = np.zeros(SHAPE, np.uint16)
    swept.fill(live[box_slices(swept.box)], 513)
    with without_kernels():
        plain = swept.inside
    assert np.array_equal(inside[box_slices(swept.box)], plain)
    assert np.array_equal(live, np.where(inside, 513, 0))
    return inside


@settings(max_examples=200, deadline=None)
@given(start=coordinates, end=coordinates, radius=st.floats(0.1, 8), spacing=spacings)
@example(start=(0.0, 0.0, 1.5), end=(0.0, 15.0, 1.5), radius=0.125, spacing=(0.4, 0.4, 0.4))
def test_ball_covers_the_voxels_that_a_search_finds(
    start: Point, end: Point, radius: float, spacing: Point
) -> None:
    radius = round(radius, 3)
    expected = every_voxel(start, end, radius, spacing, None)
    assert np.array_equal(painted(start, end, radius, spacing, None), expected)


@settings(max_examples=200, deadline=None)
@given(
    start=coordinates,
    end=coordinates,
    radius=st.floats(0.1, 8),
    spacing=spacings,
    plane=st.integers(0, 2),
    index=st.integers(0, 8),
)
def test_disc_covers_the_voxels_that_a_search_finds(
    start: Point, end: Point, radius: float, spacing: Point, plane: int, index: int
) -> None:
    radius = round(radius, 3)
    first, last = list(start), list(end)
    first[plane] = last[plane] = float(index)
    a, b = (first[0], first[1], first[2]), (last[0], last[1], last[2])
    expected = every_voxel(a, b, radius, spacing, plane)
    assert np.array_equal(painted(a, b, radius, spacing, plane), expected)


@settings(max_examples=30, deadline=None)
@given(
    start=coordinates,
    end=coordinates,
    radius=st.floats(0.1, 6),
    spacing=spacings,
    plane=st.sampled_from([None, 0, 1, 2]),
)
def test_square_covers_what_many_squares_on_the_way_do(
    start: Point, end: Point, radius: float, spacing: Point, plane: int | None
) -> None:
    radius = round(radius, 3)
    if plane is not None:
        end = (*end[:plane], start[plane], *end[plane + 1 :])  # type: ignore[assignment]
    found = painted(start, end, radius, spacing, plane, is_square=True)
    a, b, scale = np.asarray(start), np.asarray(end), np.asarray(spacing)
    ways = a + (b - a) * np.linspace(0, 1, 300)[:, None]
    gap = float((np.abs(b - a) * scale).max()) / 299 + 1e-6
    inner, outer = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    for reached, reach in ((inner, radius), (outer, radius + gap)):
        for centre in ways:
            near = [
                np.abs(np.arange(n) - at) * step <= reach
                if axis != plane
                else np.arange(n) == np.floor(at + 0.5)
                for axis, (n, at, step) in enumerate(zip(SHAPE, centre, spacing, strict=True))
            ]
            reached |= near[0][:, None, None] & near[1][None, :, None] & near[2][None, None, :]
    path = painted(start, end, 0.0, spacing, plane, is_square=True)
    assert not (inner & ~found).any()
    assert not (found & ~(outer | path)).any()


@pytest.mark.parametrize(("end", "side"), [((30, 30), 5), ((6, 33), 9), ((25, 6), 3)])
def test_square_is_a_dilated_line(end: tuple[int, int], side: int) -> None:
    mask: Mask = np.zeros((1, 40, 40), np.uint8)
    brush = take_up(Brush, mask, diameter_mm=side - 1, shape="square")
    brush.press((0.0, 6.0, 6.0))
    brush.drag((0.0, float(end[0]), float(end[1])))
    expected = np.zeros((40, 40), bool)
    expected[line(6, 6, *end)] = True  # type: ignore[no-untyped-call]
    expected = ndimage.binary_dilation(expected, np.ones((side, side), bool))
    assert np.array_equal(mask[0] == 1, expected)


def test_a_cube_is_a_cube() -> None:
    mask: Mask = np.zeros((12, 20, 20), np.uint8)
    surface = Surface(mask=mask, spacing_mm=(2.0, 1.0, 0.5))
    take_up(Brush, surface, diameter_mm=8, is_3d=True, shape="square").press((6.0, 10.0, 10.0))
    expected = np.zeros_like(mask)
    expected[4:9, 6:15, 2:19] = 1
    assert np.array_equal(mask, expected)


def test_pressure_sets_the_size_and_the_stroke_widens_without_steps() -> None:
    mask: Mask = np.zeros((1, 64, 160), np.uint8)
    brush = take_up(Brush, mask, diameter_mm=40, pressure=True)
    brush.press((0.0, 32.0, 30.0), 0.1)
    assert np.count_nonzero(mask) == 13  # a disc of 4 mm
    brush.drag((0.0, 32.0, 120.0), 1.0)
    widths = np.count_nonzero(mask[0], axis=0)
    assert widths[120] == 41
    assert (np.diff(widths[28:121]) >= 0).all()
    assert np.diff(widths[28:100]).max() <= 4
    plain: Mask = np.zeros((1, 64, 160), np.uint8)
    unpressed = take_up(Brush, plain, diameter_mm=40)
    unpressed.press((0.0, 32.0, 30.0), 0.1)
    assert plain.sum() == np.count_nonzero(np.hypot(*(np.ogrid[-32:33, -32:33])) <= 20)


@pytest.mark.parametrize("is_3d", [False, True])
def test_what_is_locked_stays(is_3d: bool) -> None:
    mask: Mask = np.zeros((5, 30, 30), np.uint16)
    mask[:, 10:14] = 300
    surface = Surface(mask=mask, rules=MaskingRules(locked=frozenset({300})))
    free: Mask = np.zeros_like(mask)
    for on in (surface, free):
        take_up(Brush, on, diameter_mm=18, is_3d=is_3d, index=2).press((2.0, 12.0, 12.0))
    assert np.array_equal(mask[:, 10:14], np.full((5, 4, 30), 300))
    free[:, 10:14] = 300
    assert np.array_equal(mask, free)


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_one_click_is_the_analytic_disc(plane: int) -> None:
    mask: Mask = np.zeros((40, 40, 40), np.uint8)
    brush = take_up(
        Brush, Surface(mask=mask, spacing_mm=(2.0, 1.0, 0.5)), label=3, diameter_mm=16, plane=plane
    )
    brush.drag((20.0, 20.0, 20.0))
    z, y, x = np.ogrid[:40, :40, :40]
    ball = ((z - 20) * 2.0) ** 2 + (y - 20) ** 2 + ((x - 20) * 0.5) ** 2 <= 64
    expected = np.where(ball & (np.indices(mask.shape)[plane] == 20), 3, 0)
    assert np.array_equal(mask, expected)


def test_one_click_is_the_analytic_ball_and_reports_its_box() -> None:
    mask: Mask = np.zeros((20, 40, 40), np.uint16)
    brush = take_up(
        Brush,
        Surface(mask=mask, spacing_mm=(3.0, 1.0, 1.0)),
        label=700,
        diameter_mm=18,
        plane=0,
        is_3d=True,
    )
    box = brush.drag((10.0, 20.0, 20.0))
    z, y, x = np.ogrid[:20, :40, :40]
    ball = ((z - 10) * 3.0) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 <= 81
    assert np.array_equal(mask, np.where(ball, 700, 0))
    assert box == ((7, 11, 11), (14, 30, 30))
    edit = brush.finish()
    assert edit is not None
    assert edit.box == box


def test_a_fast_stroke_leaves_no_gap() -> None:
    mask: Mask = np.zeros((1, 64, 200), np.uint8)
    brush = take_up(Brush, mask, label=1, diameter_mm=5, plane=0)
    brush.drag((0.0, 10.0, 10.0))
    brush.drag((0.0, 50.0, 190.0))
    columns = mask[0].any(axis=0)
    assert columns[10:191].all()


def test_a_brush_smaller_than_a_voxel_paints_the_voxel_under_it() -> None:
    mask: Mask = np.zeros((5, 5, 5), np.uint8)
    brush = take_up(
        Brush,
        Surface(mask=mask, spacing_mm=(5.0, 1.0, 1.0)),
        label=1,
        diameter_mm=0.1,
        plane=1,
        is_3d=True,
    )
    brush.drag((2.4, 3.0, 1.6))
    assert np.argwhere(mask).tolist() == [[2, 3, 2]]


def test_outside_paints_nothing_and_makes_no_edit() -> None:
    mask: Mask = np.zeros((5, 5, 5), np.uint8)
    brush = take_up(Brush, mask, label=1, diameter_mm=4, plane=0)
    assert brush.drag((2.0, 40.0, 40.0)) is None
    assert brush.finish() is None


def test_eraser_takes_away_and_the_edit_holds_both_sides() -> None:
    mask: Mask = np.full((4, 30, 30), 2, np.uint8)
    start = mask.copy()
    eraser = take_up(Eraser, mask, diameter_mm=7, plane=0)
    eraser.drag((1.0, 15.0, 15.0))
    edit = eraser.finish()
    assert edit is not None
    assert (edit.before == 2).all()
    assert np.array_equal(mask[box_slices(edit.box)], edit.after)
    mask[box_slices(edit.box)] = edit.before
    assert np.array_equal(mask, start)


def test_cancel_puts_the_mask_back() -> None:
    mask: Mask = np.zeros((4, 60, 60), np.uint8)
    mask[:, 20:30] = 5
    start = mask.copy()
    brush = take_up(Brush, mask, label=1, diameter_mm=9, plane=0, is_3d=True)
    brush.drag((1.0, 5.0, 5.0))
    brush.drag((2.0, 55.0, 55.0))
    assert not np.array_equal(mask, start)
    brush.cancel()
    assert np.array_equal(mask, start)
    assert brush.finish() is None


boxes = st.tuples(
    st.tuples(st.integers(-3, 20), st.integers(-3, 70), st.integers(-3, 70)),
    st.tuples(st.integers(1, 12), st.integers(1, 50), st.integers(1, 50)),
    st.integers(0, 3),
)


@settings(max_examples=120, deadline=None)
@given(strokes=st.lists(st.lists(boxes, min_size=1, max_size=4), min_size=1, max_size=5))
def test_restoring_edits_backwards_gives_the_start(
    strokes: list[list[tuple[tuple[int, int, int], tuple[int, int, int], int]]],
) -> None:
    rng = np.random.default_rng(7)
    mask: Mask = rng.integers(0, 3, (18, 66, 67)).astype(np.uint8)
    start = mask.copy()
    edits = []
    for stroke in strokes:
        recorder = EditRecorder(mask)
        for origin, size, value in stroke:
            recorder.paint(origin, rng.random(size) < 0.5, value)
        edits.append(recorder.finish())
    for edit in reversed(edits):
        if edit is not None:
            assert np.array_equal(mask[box_slices(edit.box)], edit.after)
            mask[box_slices(edit.box)] = edit.before
    assert np.array_equal(mask, start)


def test_an_edit_that_changes_nothing_is_none() -> None:
    mask: Mask = np.ones((4, 8, 8), np.uint8)
    recorder = EditRecorder(mask)
    recorder.paint((0, 0, 0), np.ones((4, 8, 8), bool), 1)
    assert recorder.finish() is None


def test_boxes_join() -> None:
    left = ((0, 1, 2), (3, 4, 5))
    right = ((1, 0, 4), (2, 6, 9))
    assert join_boxes(left, right) == ((0, 0, 2), (3, 6, 9))
    assert join_boxes(None, right) == right
    assert join_boxes(None, None) is None

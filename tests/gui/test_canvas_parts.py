"""The parts of the canvas that need no display: planes, camera, grey-level window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.geometry import Direction, Geometry
from annotator.domain.label_groups import MaskValues
from annotator.domain.study import Series, SeriesKind, Window
from annotator.drawing.label_layers import LabelLayers
from annotator.gui.contours import ContourBook, RaterContour
from annotator.gui.planes import Plane, planes_of
from annotator.gui.view_camera import fitted
from annotator.gui.window_level import first_window
from tests.gui.grouped_case import LESION, LIVER
from tests.gui.grouped_case import SCHEMA as GROUPED

pytestmark = pytest.mark.gui

IDENTITY: Direction = (1, 0, 0, 0, 1, 0, 0, 0, 1)
SAGITTAL: Direction = (0, 0, -1, 1, 0, 0, 0, -1, 0)
TILTED: Direction = (0.98, 0.199, 0, -0.199, 0.98, 0, 0, 0, -1)


def series(
    direction: Direction = IDENTITY,
    *,
    kind: SeriesKind = "volume",
    modality: str = "MR",
    shape: tuple[int, int, int] = (6, 7, 8),
    windows: tuple[Window, ...] = (),
    slope: float = 1.0,
    intercept: float = 0.0,
) -> Series:
    return Series(
        series_id="s",
        kind=kind,
        modality=modality,
        description="",
        geometry=Geometry(shape=shape, spacing_mm=(3.0, 2.0, 1.0), direction=direction),
        dtype="int16",
        windows=windows,
        slope=slope,
        intercept=intercept,
    )


def lps(plane: Plane, geometry: Geometry, row: float, column: float) -> np.ndarray:
    return np.asarray(geometry.to_lps_mm(plane.to_index(row, column, 2)))


@pytest.mark.parametrize("direction", [IDENTITY, SAGITTAL, TILTED])
def test_planes_lie_as_radiologists_expect(direction: Direction) -> None:
    geometry = series(direction).geometry
    planes = planes_of(series(direction))
    assert [plane.name for plane in planes] == ["axial", "coronal", "sagittal"]
    for plane in planes:
        right = lps(plane, geometry, 0, 1) - lps(plane, geometry, 0, 0)
        down = lps(plane, geometry, 1, 0) - lps(plane, geometry, 0, 0)
        expected = {
            "axial": (right[0], down[1], "RLAP"),
            "coronal": (right[0], -down[2], "RLSI"),
            "sagittal": (right[1], -down[2], "APSI"),
        }[plane.name]
        assert expected[0] > 0.9 * plane.spacing_mm[1], plane.name
        assert expected[1] > 0.9 * plane.spacing_mm[0], plane.name
        assert "".join(plane.letters) == expected[2]


@pytest.mark.parametrize("direction", [IDENTITY, SAGITTAL, TILTED])
def test_a_cut_and_its_positions_agree(direction: Direction) -> None:
    rng = np.random.default_rng(0)
    volume = rng.integers(0, 1000, (6, 7, 8))
    for plane in planes_of(series(direction)):
        section = plane.cut(volume, 3)
        assert section.shape == plane.shape
        assert np.shares_memory(section, volume)
        for row in range(plane.shape[0]):
            for column in range(plane.shape[1]):
                point = plane.to_index(row, column, 3)
                assert section[row, column] == volume[tuple(int(value) for value in point)]
                assert plane.to_screen(point) == (row, column)
        box = ((1, 2, 3), (4, 5, 7))
        inside = np.zeros_like(volume)
        inside[1:4, 2:5, 3:7] = 1
        drawn = np.zeros(plane.shape, int)
        drawn[plane.window(box)] = 1
        assert plane.meets(box, 3) == bool(plane.cut(inside, 3).any())
        if plane.meets(box, 3):
            assert np.array_equal(drawn, plane.cut(inside, 3))


def test_pictures_keep_their_top_left_corner() -> None:
    (plane,) = planes_of(series(SAGITTAL, kind="picture", shape=(1, 7, 8)))
    assert (plane.name, plane.to_index(0, 0, 0)) == ("picture", (0, 0, 0))
    (plane,) = planes_of(series(shape=(1, 7, 8)))
    assert plane.name == "axial"


@given(
    st.floats(0.1, 20),
    st.tuples(st.floats(0, 400), st.floats(0, 300)),
    st.tuples(st.floats(-200, 200), st.floats(-200, 200)),
)
def test_zooming_keeps_the_place_under_the_cursor(
    factor: float, place: tuple[float, float], drag: tuple[float, float]
) -> None:
    camera = fitted(planes_of(series())[0], (400, 300)).moved(*drag)
    before = camera.to_slice(*place)
    zoomed = camera.zoomed(factor, *place)
    assert zoomed.to_slice(*place) == pytest.approx(before, abs=1e-6)
    assert zoomed.to_screen(*before) == pytest.approx(place, abs=1e-6)


def test_a_fitted_slice_is_whole_and_keeps_its_aspect() -> None:
    plane = planes_of(series())[1]
    camera = fitted(plane, (400, 300))
    left, top = camera.to_screen(-0.5, -0.5)
    right, bottom = camera.to_screen(plane.shape[0] - 0.5, plane.shape[1] - 0.5)
    assert left == pytest.approx(400 - right)
    assert top == pytest.approx(300 - bottom)
    assert min(left, top) == pytest.approx(300 * 0.02)
    assert (right - left) / (bottom - top) == pytest.approx(8 * 1.0 / (6 * 3.0))


def test_a_small_region_is_framed_and_a_seen_one_left_alone() -> None:
    plane = planes_of(series(shape=(6, 300, 300)))[0]
    camera = fitted(plane, (400, 300))
    small = camera.framing((100.0, 104.0), (50.0, 58.0))
    left, top = small.to_screen(100.0, 50.0)
    right, bottom = small.to_screen(104.0, 58.0)
    assert max((right - left) / 400, (bottom - top) / 300) == pytest.approx(1 / 3)
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((200, 150))
    assert small.framing((100.0, 104.0), (50.0, 58.0)) is small
    assert small.framing((0.0, 300.0), (0.0, 300.0)).zoom < small.zoom, "too large: zoomed out"
    beside = small.framing((100.0, 104.0), (150.0, 158.0))
    assert beside.zoom == small.zoom, "lost from view only: panned"
    assert beside.to_screen(102.0, 154.0) == pytest.approx((200, 150))


def test_the_first_window_is_the_files_then_a_usual_one_then_the_values() -> None:
    voxels = np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8)
    lung = Window(name="lung", level=-600, width=1500)
    given_first = first_window(voxels, series(windows=(lung,)))
    assert given_first is not None
    assert (given_first.level, given_first.width) == (-600, 1500)
    usual = first_window(voxels, series(modality="CT", slope=2.0, intercept=-1024.0))
    assert usual is not None
    assert usual.limits == ((-160 + 1024) / 2, (240 + 1024) / 2)
    assert usual.text == "L 40  W 400"
    spread = first_window(voxels, series())
    assert spread is not None
    assert spread.limits == pytest.approx((0, 335), abs=3)
    constant = first_window(np.zeros((6, 7, 8)), series())
    assert constant is not None
    assert constant.width > 0


def test_dragging_widens_and_shifts_the_window() -> None:
    window = first_window(np.arange(1000.0).reshape(1, 10, 100), series())
    assert window is not None
    wider = window.dragged(50, 0)
    assert wider.width > window.width
    assert wider.level == window.level
    brighter = window.dragged(0, 50)
    assert brighter.level < window.level
    narrow = window
    for _ in range(400):
        narrow = narrow.dragged(-100, 0)
    assert narrow.width > 0


def test_a_reading_has_the_lines_of_each_group() -> None:
    values = MaskValues(GROUPED)
    mask = np.zeros((6, 7, 8), np.uint8)
    mask[:, 1:5, 1:5] = LIVER
    mask[:, 3:7, 3:7] = LESION
    mask[:, 3:5, 3:5] = values.value((LIVER, LESION))
    reading = RaterContour(letter="A", color="#ffffff", dash="solid", mask=mask)
    (plane, *_) = planes_of(series())
    layers = LabelLayers(values, mask.dtype)
    book = ContourBook((), layers).with_contours((reading,))
    lines = book.trace(0, plane, 2).path.toSubpathPolygons()
    areas = {line.boundingRect().getRect() for line in lines}
    assert areas == {(0.5, 0.5, 4.0, 4.0), (2.5, 2.5, 4.0, 4.0)}, "two whole squares"
    assert len(lines) == 2

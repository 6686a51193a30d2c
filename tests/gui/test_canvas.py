"""The canvas under real mouse events: what lands where, and what the views show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from annotator.domain.errors import GeometryMismatchError, UnknownNameError
from annotator.domain.geometry import Geometry
from annotator.drawing.edit import box_slices
from annotator.gui.canvas import Canvas, RaterContour
from tests.gui.canvas_case import SCHEMA, SHAPE, at, make_series, move, stroke, view_of, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from annotator.drawing.edit import Mask, Point

pytestmark = pytest.mark.gui


@pytest.fixture(scope="module")
def shared() -> Iterator[Canvas]:
    """Return one canvas for the module: making the drawing surfaces takes a second."""
    canvas = Canvas()
    canvas.resize(700, 500)
    canvas.show()
    yield canvas
    canvas.close()
    canvas.deleteLater()
    QApplication.sendPostedEvents()
    QApplication.processEvents()


@pytest.fixture
def mask() -> Mask:
    return np.zeros(SHAPE, np.uint8)


@pytest.fixture
def canvas(shared: Canvas, mask: Mask, qtbot: QtBot) -> Canvas:
    qtbot.waitExposed(shared)
    voxels = np.full(SHAPE, -1000, np.int16)
    shared.resize(700, 500)
    shared.set_layout("three")
    shared.set_tool("crosshair")
    shared.set_read_only(False)
    shared.set_brush_3d(False)
    shared.set_label(1)
    shared.set_mask_opacity(1.0)
    shared.show_volume(voxels, make_series(), mask, SCHEMA)
    shared.fit()
    qtbot.wait(40)
    return shared


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_a_stroke_paints_where_the_cursor_is(
    canvas: Canvas, mask: Mask, qtbot: QtBot, name: str
) -> None:
    view = view_of(canvas, name)
    canvas.set_position((9, 14, 30))
    canvas.set_tool("brush")
    canvas.set_brush_mm(0.1)
    edits: list[tuple[str, Any]] = []
    canvas.edited.connect(lambda tool, edit: edits.append((tool, edit)))
    stroke(view, [(9, 14, 30)])
    assert np.argwhere(mask).tolist() == [[9, 14, 30]]
    assert [tool for tool, _ in edits] == ["brush"]
    edit = edits[0][1]
    assert np.array_equal(mask[box_slices(edit.box)], edit.after)
    canvas.edited.disconnect()


def test_a_dragged_stroke_is_round_in_mm_and_has_no_gap(
    canvas: Canvas, mask: Mask, qtbot: QtBot
) -> None:
    view = view_of(canvas, "coronal")
    canvas.set_position((12, 20, 20))
    canvas.set_tool("brush")
    canvas.set_brush_mm(9.0)
    canvas.set_label(2)
    stroke(view, [(12, 20, 10), (12, 20, 38)])
    assert set(np.unique(mask)) == {0, 2}
    assert mask[:, 20].any()
    assert not mask[:, :20].any()
    assert (mask[12, 20, 10:38] == 2).all()
    z, x = np.flatnonzero(mask[:, 20, 24]), np.flatnonzero(mask[12, 20])
    assert z.tolist() == [11, 12, 13]  # 9 mm over slices of 3 mm
    assert x.min() in (7, 8)
    canvas.set_tool("eraser")
    stroke(view, [(12, 20, 10), (12, 20, 38)])
    assert not mask.any()


def test_a_ball_reaches_into_other_slices(canvas: Canvas, mask: Mask, qtbot: QtBot) -> None:
    canvas.set_position((12, 20, 20))
    canvas.set_tool("brush")
    canvas.set_brush_3d(True)
    canvas.set_brush_mm(13.0)
    stroke(view_of(canvas, "axial"), [(12, 20, 20)])
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [10, 11, 12, 13, 14]


def test_what_is_painted_shows_at_its_place_in_all_views(
    canvas: Canvas, mask: Mask, qtbot: QtBot
) -> None:
    canvas.set_position((6, 30, 11))
    canvas.set_tool("brush")
    canvas.set_brush_3d(True)
    canvas.set_brush_mm(9.0)
    stroke(view_of(canvas, "axial"), [(6, 30, 11)])
    canvas.set_tool("crosshair")
    canvas.set_position((6, 30, 12))
    qtbot.wait(60)
    picture = canvas.grab().toImage()
    for view in canvas.views:
        inside = view.mapTo(canvas, at(view, (6, 30, 11)) + QPoint(3, 3))
        outside = view.mapTo(canvas, at(view, (17, 8, 40)))
        assert picture.pixelColor(inside).red() > 200, view.plane.name
        assert picture.pixelColor(inside).green() < 60, view.plane.name
        assert picture.pixelColor(outside).red() < 60, view.plane.name


def test_a_bright_voxel_shows_where_the_map_says(canvas: Canvas, mask: Mask, qtbot: QtBot) -> None:
    voxels = np.full(SHAPE, -1000, np.int16)
    voxels[4:7, 10:14, 33:36] = 1000
    canvas.show_volume(voxels, make_series(), mask, SCHEMA)
    canvas.set_position((5, 11, 34))
    for view in canvas.views:
        view.zoom_by(1.7, QPointF(40, 60))
    canvas.set_position((5, 12, 34))
    canvas.resize(640, 520)
    qtbot.wait(80)
    picture = canvas.grab().toImage()
    for view in canvas.views:
        for point, is_bright in (((5, 12, 34), True), ((5, 16, 29), False), ((9, 16, 38), False)):
            row, column = view.plane.to_screen(point)
            place = view.camera.to_screen(row + 0.25, column + 0.3)
            color = picture.pixelColor(view.mapTo(canvas, QPointF(*place).toPoint()))
            assert (color.red() > 200) == is_bright, (view.plane.name, point)


def test_the_wheel_steps_slices_and_zooms_with_ctrl(canvas: Canvas, qtbot: QtBot) -> None:
    canvas.set_position((10, 20, 20))
    wheel(view_of(canvas, "axial"), 3)
    wheel(view_of(canvas, "sagittal"), -2)
    assert canvas.position == (13, 20, 18)
    assert view_of(canvas, "axial").index == 13
    wheel(view_of(canvas, "axial"), 100)
    assert canvas.position[0] == SHAPE[0] - 1
    zoom = view_of(canvas, "axial").camera.zoom
    wheel(view_of(canvas, "axial"), 1, Qt.KeyboardModifier.ControlModifier)
    assert view_of(canvas, "axial").camera.zoom == pytest.approx(zoom * 1.2)
    canvas.step_slices(-3)
    assert canvas.position[0] == SHAPE[0] - 4


def test_right_drag_changes_level_and_width(canvas: Canvas, qtbot: QtBot) -> None:
    seen: list[tuple[float, float]] = []
    canvas.window_changed.connect(lambda level, width: seen.append((level, width)))
    overlay = view_of(canvas, "axial").overlay
    QTest.mousePress(overlay, Qt.MouseButton.RightButton, pos=QPoint(100, 100))
    move(overlay, QPoint(150, 100), Qt.MouseButton.RightButton)
    move(overlay, QPoint(150, 60), Qt.MouseButton.RightButton)
    QTest.mouseRelease(overlay, Qt.MouseButton.RightButton, pos=QPoint(150, 60))
    assert seen[0] == pytest.approx((40, 480))
    assert seen[-1][0] > 40
    assert seen[-1][1] == pytest.approx(480)
    canvas.window_changed.disconnect()


def test_the_crosshair_links_the_views(canvas: Canvas, qtbot: QtBot) -> None:
    axial = view_of(canvas, "axial")
    canvas.set_position((10, 20, 20))
    QTest.mouseClick(axial.overlay, Qt.MouseButton.LeftButton, pos=at(axial, (10, 33, 5)))
    assert canvas.position == (10, 33, 5)
    qtbot.waitUntil(lambda: view_of(canvas, "coronal").index == 33)
    assert view_of(canvas, "sagittal").index == 5
    canvas.set_tool("brush")
    shift = Qt.KeyboardModifier.ShiftModifier
    QTest.mouseClick(axial.overlay, Qt.MouseButton.LeftButton, shift, at(axial, (10, 8, 40)))
    assert canvas.position == (10, 8, 40)


def test_middle_drag_and_space_pan(canvas: Canvas, mask: Mask, qtbot: QtBot) -> None:
    axial = view_of(canvas, "axial")
    canvas.set_tool("brush")
    before = axial.to_screen((0, 20, 20))
    QTest.mousePress(axial.overlay, Qt.MouseButton.MiddleButton, pos=QPoint(100, 100))
    move(axial.overlay, QPoint(130, 90), Qt.MouseButton.MiddleButton)
    QTest.mouseRelease(axial.overlay, Qt.MouseButton.MiddleButton, pos=QPoint(130, 90))
    moved = axial.to_screen((0, 20, 20)) - before
    assert moved.toTuple() == pytest.approx((30, -10))
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    QTest.mousePress(axial.overlay, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    move(axial.overlay, QPoint(70, 110), Qt.MouseButton.LeftButton)
    QTest.mouseRelease(axial.overlay, Qt.MouseButton.LeftButton, pos=QPoint(70, 110))
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    moved = axial.to_screen((0, 20, 20)) - before
    assert moved.toTuple() == pytest.approx((0, 0))
    assert not mask.any()


def test_a_polygon_closes_by_key_right_click_and_double_click(
    canvas: Canvas, mask: Mask, qtbot: QtBot
) -> None:
    axial = view_of(canvas, "axial")
    left = Qt.MouseButton.LeftButton
    corners: list[Point] = [(12, 10, 10), (12, 10, 30), (12, 30, 30), (12, 30, 10)]
    canvas.set_position((12, 0, 0))
    canvas.set_tool("polygon")

    def click_corners() -> None:
        for corner in corners:
            QTest.mouseClick(axial.overlay, left, pos=at(axial, corner))

    def close_with_key() -> None:
        QTest.keyClick(canvas, Qt.Key.Key_Return)

    def close_with_right_click() -> None:
        QTest.mouseClick(axial.overlay, Qt.MouseButton.RightButton, pos=QPoint(50, 50))

    def close_with_double_click() -> None:
        QTest.mouseDClick(axial.overlay, left, pos=at(axial, corners[-1]))

    for close in (close_with_key, close_with_right_click, close_with_double_click):
        mask[:] = 0
        click_corners()
        assert not mask.any()
        close()
        assert (mask[12, 12:29, 12:29] == 1).all(), close.__name__
        assert mask[12].sum() == mask.sum() <= 21 * 21
    mask[:] = 0
    click_corners()
    assert canvas.cancel()
    close_with_key()
    assert not mask.any()


def test_fill_replaces_the_region_and_a_3d_fill_can_be_cancelled(
    canvas: Canvas, mask: Mask, qtbot: QtBot
) -> None:
    axial = view_of(canvas, "axial")
    mask[8:15, 10:20, 10:20] = 2
    canvas.set_position((12, 30, 40))
    canvas.set_tool("fill")
    place = at(axial, (12, 15, 15))
    with qtbot.waitSignal(canvas.edited):
        QTest.mouseClick(axial.overlay, Qt.MouseButton.LeftButton, pos=place)
    assert (mask[12, 10:20, 10:20] == 1).all()
    assert (mask == 1).sum() == 100
    canvas.set_brush_3d(True)
    canvas.set_label(2)
    with qtbot.waitSignal(canvas.edited):
        QTest.mouseClick(axial.overlay, Qt.MouseButton.LeftButton, pos=place)
    assert (mask == 2).sum() == 700
    canvas.set_label(1)
    before = mask.copy()
    QTest.mouseClick(axial.overlay, Qt.MouseButton.LeftButton, pos=place)
    assert canvas.cancel()
    qtbot.wait(60)
    assert np.array_equal(mask, before)
    with qtbot.waitSignal(canvas.told) as told:
        canvas.set_label(2)
        QTest.mouseClick(axial.overlay, Qt.MouseButton.LeftButton, pos=place)
    assert "already" in told.args[0]


def test_the_picker_tells_the_label_under_the_cursor(
    canvas: Canvas, mask: Mask, qtbot: QtBot
) -> None:
    mask[12, 15, 15] = 2
    canvas.set_position((12, 30, 40))
    canvas.set_tool("pick")
    axial = view_of(canvas, "axial")
    with qtbot.waitSignal(canvas.label_picked) as picked:
        QTest.mouseClick(axial.overlay, Qt.MouseButton.LeftButton, pos=at(axial, (12, 15, 15)))
    assert picked.args == [2]


def test_the_cursor_is_told_as_a_voxel(canvas: Canvas, qtbot: QtBot) -> None:
    canvas.set_position((12, 30, 40))
    seen: list[object] = []
    canvas.cursor_moved.connect(seen.append)
    axial = view_of(canvas, "axial")
    move(axial.overlay, at(axial, (12, 7, 9)))
    assert seen[-1] == (12, 7, 9)
    move(axial.overlay, at(axial, (12, -9, 9)))
    assert seen[-1] is None
    canvas.cursor_moved.disconnect()


def test_read_only_moves_the_crosshair_instead(canvas: Canvas, mask: Mask, qtbot: QtBot) -> None:
    canvas.set_tool("brush")
    canvas.set_read_only(True)
    axial = view_of(canvas, "axial")
    stroke(axial, [(canvas.position[0], 7, 9)])
    assert not mask.any()
    assert canvas.position[1:] == (7, 9)


def test_a_double_click_enlarges_a_view_and_back(canvas: Canvas, qtbot: QtBot) -> None:
    coronal = view_of(canvas, "coronal")
    QTest.mouseDClick(coronal.overlay, Qt.MouseButton.LeftButton, pos=QPoint(80, 80))
    assert [view.plane.name for view in canvas.views] == ["coronal"]
    assert coronal.width() == canvas.width()
    QTest.mouseDClick(coronal.overlay, Qt.MouseButton.LeftButton, pos=QPoint(80, 80))
    assert len(canvas.views) == 3


def test_labels_can_be_hidden_and_faded(canvas: Canvas, mask: Mask, qtbot: QtBot) -> None:
    mask[:] = 1
    canvas.refresh_mask()
    axial = view_of(canvas, "axial")
    canvas.set_position((12, 5, 5))
    place = axial.mapTo(canvas, at(axial, (12, 25, 25)))

    def red() -> int:
        qtbot.wait(40)
        return int(canvas.grab().toImage().pixelColor(place).red())

    assert red() > 240
    canvas.set_label_opacity(1, 0.5)
    assert 100 < red() < 160
    canvas.set_label_visible(1, False)
    grey = red()
    canvas.set_label_visible(1, True)
    canvas.set_mask_opacity(0.0)
    assert red() == grey < 100


def test_undo_shows_and_frames_what_changed(canvas: Canvas, mask: Mask, qtbot: QtBot) -> None:
    canvas.set_position((12, 20, 20))
    mask[12, 10:20, 10:20] = 1
    canvas.refresh_mask(((12, 10, 10), (13, 20, 20)))
    qtbot.wait(40)
    axial = view_of(canvas, "axial")
    picture = canvas.grab().toImage()
    inside = picture.pixelColor(axial.mapTo(canvas, at(axial, (12, 14, 14))))
    assert inside.red() > 200
    edge = axial.to_screen((12, 9.5, 15)) - QPointF(0, 4)
    color = picture.pixelColor(axial.mapTo(canvas, edge.toPoint()))
    assert color.red() > 200
    assert color.green() > 150


def test_contours_heat_and_highlight_are_drawn(canvas: Canvas, qtbot: QtBot) -> None:
    masks: list[NDArray[np.uint8]] = []
    for shift in (0, 6):
        reading = np.zeros(SHAPE, np.uint8)
        reading[8:16, 8 + shift : 22 + shift, 12:32] = 1
        masks.append(reading)
    canvas.set_position((12, 39, 47))
    canvas.set_mask_opacity(0.0)
    canvas.set_contours(
        [
            RaterContour("A", "#ff00ff", "solid", masks[0]),
            RaterContour("B", "#00ffff", "dash", masks[1]),
        ]
    )
    axial = view_of(canvas, "axial")

    def colors_along(row: float) -> set[str]:
        qtbot.wait(40)
        picture = canvas.grab().toImage()
        ends = [axial.mapTo(canvas, at(axial, (12, row, column))) for column in (11, 33)]
        found = set()
        for x in range(ends[0].x(), ends[1].x()):
            for y in (ends[0].y() - 1, ends[0].y(), ends[0].y() + 1):
                color = picture.pixelColor(x, y)
                red, green, blue = color.red() > 180, color.green() > 180, color.blue() > 180
                found.add(f"{int(red)}{int(green)}{int(blue)}")
        return found

    assert "101" in colors_along(7.5)
    dashed = colors_along(13.5)
    assert {"011", "000"} <= dashed
    canvas.set_contours([RaterContour("A", "#ff00ff", "solid", masks[0], is_visible=False)])
    assert "101" not in colors_along(7.5)
    heat = np.zeros(SHAPE, np.float32)
    heat[12, 10:30, 10:34] = 1.0
    canvas.set_heat(heat)
    assert {"110", "111"} & colors_along(20)
    canvas.set_heat(None)
    assert not {"110", "111"} & colors_along(20)
    canvas.set_highlight(heat > 0)
    assert "111" in colors_along(9.5)
    canvas.set_highlight(((12, 10, 10), (13, 30, 34)))
    qtbot.wait(40)
    canvas.set_highlight(None)
    assert "111" not in colors_along(9.5)


def test_a_colour_picture_has_one_view_without_letters(canvas: Canvas, qtbot: QtBot) -> None:
    picture = np.zeros((1, 30, 40, 3), np.uint8)
    picture[0, :15, :20] = (0, 0, 255)
    series = make_series(
        kind="picture",
        modality="OP",
        n_channels=3,
        geometry=Geometry(shape=(1, 30, 40), is_calibrated=False),
        windows=(),
    )
    drawn: Mask = np.zeros((1, 30, 40), np.uint8)
    canvas.show_volume(picture, series, drawn, SCHEMA)
    (view,) = canvas.views
    assert view.plane.letters == ("", "", "", "")
    assert view.width() == canvas.width()
    canvas.set_tool("brush")
    canvas.set_brush_mm(0.5)
    stroke(view, [(0, 20, 30)])
    assert np.argwhere(drawn).tolist() == [[0, 20, 30]]
    qtbot.wait(60)
    shown = canvas.grab().toImage()
    assert shown.pixelColor(view.mapTo(canvas, at(view, (0, 7, 10)))).blue() > 240
    assert shown.pixelColor(view.mapTo(canvas, at(view, (0, 22, 30)))).blue() < 20


def test_a_video_steps_through_frames(canvas: Canvas) -> None:
    series = make_series(
        kind="video", modality="US", geometry=Geometry(shape=SHAPE, is_time=True), windows=()
    )
    voxels = np.arange(SHAPE[0], dtype=np.uint8)[:, None, None] * np.ones(SHAPE, np.uint8)
    canvas.show_volume(voxels, series, np.zeros(SHAPE, np.uint8), SCHEMA)
    assert canvas.position[0] == 0
    wheel(canvas.views[0], 4)
    assert canvas.position[0] == 4


def test_wrong_names_and_grids_are_told(canvas: Canvas) -> None:
    with pytest.raises(UnknownNameError, match="brush"):
        canvas.set_tool("brsh")
    with pytest.raises(UnknownNameError, match="three"):
        canvas.set_layout("tree")
    with pytest.raises(GeometryMismatchError, match="grid of its series"):
        canvas.show_volume(
            np.zeros(SHAPE, np.int16), make_series(), np.zeros((2, 2, 2), np.uint8), SCHEMA
        )


def test_closing_leaves_no_top_level_widget(qtbot: QtBot) -> None:
    before = set(QApplication.topLevelWidgets())
    other = Canvas()
    other.resize(300, 240)
    other.show()
    other.set_layout("single")
    other.show_volume(np.zeros(SHAPE, np.int16), make_series(), np.zeros(SHAPE, np.uint8), SCHEMA)
    qtbot.wait(50)
    other.close()
    other.deleteLater()
    qtbot.wait(50)
    assert set(QApplication.topLevelWidgets()) <= before

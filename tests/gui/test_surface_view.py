"""The 3D view of the labels: where surfaces lie, how they follow the mask, what the mouse does."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.path import Path
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from annotator.domain.geometry import Geometry
from annotator.domain.label_groups import MaskValues
from annotator.domain.schema import Label, LabelSchema
from annotator.domain.study import Series
from annotator.drawing.label_layers import LabelLayers
from annotator.drawing.operation import Change
from annotator.gui import live_surfaces
from annotator.gui.canvas import Canvas
from annotator.gui.label_colors import opaque_colors
from annotator.gui.live_surfaces import SurfaceBook
from annotator.gui.patient_frame import OrbitCamera, PatientFrame, corners_of
from annotator.gui.planes import planes_of
from annotator.gui.suggestion import Suggestion
from tests.gui.grouped_case import LESION, LIVER
from tests.gui.grouped_case import SCHEMA as GROUPED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from annotator.drawing.edit import Mask
    from annotator.gui.surface_view import SurfaceView

pytestmark = pytest.mark.gui

SHAPE = (24, 40, 48)
SPACING = (3.0, 1.0, 1.5)
CENTRE = (12, 18, 26)
RADIUS_MM = 12.0
RED, GREEN = 1, 2
SCHEMA = LabelSchema(
    name="test",
    title="Test",
    labels=(
        Label(value=RED, name="Nodule", color="#ff0000"),
        Label(value=GREEN, name="Vessel", color="#00ff00"),
    ),
)
Direction = tuple[float, float, float, float, float, float, float, float, float]
UPRIGHT: Direction = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
HEAD_DOWN: Direction = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL: Direction = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""Columns of the image run to the back, rows to the head, slices to the left."""


def make_series(direction: Direction = UPRIGHT) -> Series:
    return Series(
        series_id="s",
        kind="volume",
        modality="CT",
        description="",
        geometry=Geometry(shape=SHAPE, spacing_mm=SPACING, direction=direction),
        dtype="int16",
    )


def ball(radius_mm: float = RADIUS_MM, centre: tuple[int, int, int] = CENTRE) -> Mask:
    grid = np.indices(SHAPE).astype(float)
    out = (np.moveaxis(grid, 0, -1) - centre) * SPACING
    inside: Mask = (np.linalg.norm(out, axis=-1) <= radius_mm).astype(np.uint8)
    return inside


@pytest.fixture(scope="module")
def canvas() -> Iterator[Canvas]:
    before = set(QApplication.topLevelWidgets())
    made = Canvas()
    made.resize(440, 340)
    made.show()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_surfaces, "_PAUSE_S", 0.02)
        yield made
    space = made.space
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.close()
        made.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
    assert space.view is None
    assert set(QApplication.topLevelWidgets()) <= before


def open_case(canvas: Canvas, qtbot: QtBot) -> tuple[Mask, SurfaceView]:
    """Show a red ball in the layout with 3D, and wait for it."""
    mask = ball()
    canvas.set_layout("three")
    canvas.set_tool("crosshair")
    canvas.set_mask_opacity(0.5)
    canvas.show_volume(np.zeros(SHAPE, np.int16), make_series(), mask, SCHEMA)
    canvas.set_layout("four")
    view = canvas.space.view
    assert view is not None
    wait_for_surfaces(canvas, qtbot)
    return mask, view


def wait_for_surfaces(canvas: Canvas, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not canvas.space.live.is_busy, timeout=10_000)


def drag(view: SurfaceView, way: QPoint, button: Qt.MouseButton, *, shift: bool = False) -> None:
    keys = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    start = QPoint(view.width() // 2, view.height() // 2)
    QTest.mousePress(view.overlay, button, keys, start)
    place = QPointF(start + way)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        place,
        view.overlay.mapToGlobal(place),
        Qt.MouseButton.NoButton,
        button,
        keys,
    )
    QApplication.sendEvent(view.overlay, event)
    QTest.mouseRelease(view.overlay, button, keys, start + way)


@pytest.mark.parametrize("direction", [UPRIGHT, HEAD_DOWN, SAGITTAL])
def test_bodies_stand_in_the_patient_as_the_image_says(direction: Direction) -> None:
    series = make_series(direction)
    frame = PatientFrame.of(planes_of(series), SHAPE, SPACING)
    turn = np.array(direction).reshape(3, 3)
    for voxel in ((0, 0, 0), (3, 5, 7), (23, 1, 40)):
        known = turn @ (np.array(voxel) * SPACING)[::-1]  # as files say it: from x, y, z to LPS
        np.testing.assert_allclose(frame.from_voxel(voxel), known, atol=1e-4)
        assert frame.to_voxel(frame.from_voxel(voxel)) == voxel
    book = SurfaceBook(ball(), frame)
    assert book.note(((0, 0, 0), SHAPE)) == [RED]
    surface = book.surface(RED)
    assert surface is not None
    out = surface.points - frame.from_voxel(CENTRE)
    away = np.linalg.norm(out, axis=1)
    assert abs(away.mean() - RADIUS_MM) < 0.5
    assert np.abs(away - RADIUS_MM).max() < 1.6
    assert ((surface.normals * out).sum(axis=1) / away).min() > 0.9  # no terraces in the light
    a, b, c = (surface.points[surface.triangles[:, corner]] for corner in range(3))
    assert np.einsum("ij,ij->i", a - frame.from_voxel(CENTRE), np.cross(b - a, c - a)).min() > 0


def test_only_what_was_changed_is_told_and_a_single_voxel_is_seen() -> None:
    frame = PatientFrame.of(planes_of(make_series()), SHAPE, SPACING)
    mask = ball()
    book = SurfaceBook(mask, frame)
    whole = ((0, 0, 0), SHAPE)
    book.note(whole)
    assert book.note(whole) == []
    mask[2, 3, 4] = GREEN
    assert book.note(((0, 0, 0), (2, 40, 48))) == []  # looked beside it
    assert book.note(((2, 3, 4), (3, 4, 5))) == [GREEN]
    speck = book.surface(GREEN)
    assert speck is not None
    out = np.abs(speck.points - frame.from_voxel((2, 3, 4)))
    assert (out.max(axis=0) >= 0.2 * np.array(SPACING[::-1])).all()
    assert (out.max(axis=0) <= 0.6 * np.array(SPACING[::-1])).all()
    mask[CENTRE] = GREEN
    assert book.note(((12, 0, 0), (13, 40, 48))) == [RED, GREEN]
    mask[mask == GREEN] = 0
    assert book.note(whole) == [GREEN]
    assert book.surface(GREEN) is None


def test_each_label_has_its_whole_surface_in_space() -> None:
    values = MaskValues(GROUPED)
    organ, finding = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    organ[4:14, 5:25, 5:25] = LIVER
    finding[8:18, 15:30, 15:30] = LESION
    mask = np.where(finding > 0, np.where(organ > 0, values.value((LIVER, LESION)), LESION), organ)
    mask = mask.astype(np.uint8)
    frame = PatientFrame.of(planes_of(make_series()), SHAPE, SPACING)
    book = SurfaceBook(mask, frame, LabelLayers(values, mask.dtype))
    whole = ((0, 0, 0), SHAPE)
    assert book.note(whole) == [LIVER, LESION]
    for label, plain in ((LIVER, organ), (LESION, finding)):
        alone = SurfaceBook(plain, frame)
        alone.note(whole)
        found, expected = book.surface(label), alone.surface(label)
        assert found is not None
        assert expected is not None
        np.testing.assert_array_equal(found.points, expected.points)
    mask[finding > 0] = organ[finding > 0]
    assert book.note(whole) == [LESION]
    assert book.surface(LESION) is None
    colors = opaque_colors(GROUPED)
    assert colors[LESION] == "#f0e442"
    # half of the light comes from the upper sheet, a quarter from the lower one: 2 to 1
    assert colors[values.value((LIVER, LESION))] == "#e7b72c"


def test_the_camera_sees_the_patient_from_the_front_with_the_head_up() -> None:
    camera = OrbitCamera(azimuth_deg=0, elevation_deg=0, zoom=2.0, size=(200, 100))
    left, back, head = camera.to_screen(np.eye(3) * 10)
    np.testing.assert_allclose(left, (120, 50, 0), atol=1e-9)  # on the viewer's right
    np.testing.assert_allclose(back, (100, 50, -10), atol=1e-9)
    np.testing.assert_allclose(head, (100, 30, 0), atol=1e-9)
    turned = camera.turned(31, -17).zoomed(1.5, 30, 20)
    place = np.array([3.0, -4.0, 5.0])
    x, y, depth = turned.to_screen(place[None])[0]
    np.testing.assert_allclose(turned.from_screen(x, y, depth), place)
    np.testing.assert_allclose(turned.moved(5, 8).to_screen(place[None])[0, :2], (x + 5, y + 8))
    np.testing.assert_allclose(
        turned.from_screen(30, 20, 0), turned.zoomed(2, 30, 20).from_screen(30, 20, 0)
    )
    ends = (np.array([-5, 0, 2], np.float32), np.array([40, 30, 9], np.float32))
    seen = turned.fitted(corners_of(ends)).to_screen(corners_of(ends))
    assert seen[:, 0].min() >= 0
    assert seen[:, 0].max() <= 200
    assert seen[:, 1].min() >= 0
    assert seen[:, 1].max() <= 100
    clip = np.column_stack([corners_of(ends), np.ones(8)]) @ turned.clip_matrix(ends)
    np.testing.assert_allclose(
        (clip[:, 0] + 1) * 100, turned.to_screen(corners_of(ends))[:, 0], atol=1e-3
    )
    assert np.abs(clip[:, 2]).max() < 1


def test_surfaces_follow_the_mask(canvas: Canvas, qtbot: QtBot) -> None:
    mask, view = open_case(canvas, qtbot)
    assert set(view.surfaces) == {RED}
    first = view.surfaces[RED]
    shown = view.grab().toImage()
    place = view.screen_of(CENTRE).toPoint() + QPoint(6, 14)
    middle = shown.pixelColor(place)
    assert middle.red() > 90
    assert middle.red() > 2 * middle.green()

    canvas.set_tool("brush")
    canvas.set_label(GREEN)
    canvas.set_brush_mm(8.0)
    canvas.set_brush_3d(True)
    axial = canvas.views[0]
    QTest.mouseClick(
        axial.overlay, Qt.MouseButton.LeftButton, pos=axial.to_screen((12, 30, 40)).toPoint()
    )
    assert (mask == GREEN).any()
    wait_for_surfaces(canvas, qtbot)
    assert set(view.surfaces) == {RED, GREEN}
    assert view.surfaces[RED] is first  # what has not changed is not worked out again

    canvas.set_layout("three")
    mask[mask == GREEN] = 0
    canvas.refresh_mask()
    assert not canvas.space.live.is_busy  # nobody looks
    assert GREEN in view.surfaces
    canvas.set_layout("four")
    wait_for_surfaces(canvas, qtbot)
    assert set(view.surfaces) == {RED}

    mask[:12] = 0
    canvas.refresh_mask()
    wait_for_surfaces(canvas, qtbot)
    assert view.surfaces[RED].points[:, 2].min() > 11 * SPACING[0]


def test_what_is_suggested_is_seen_before_it_is_written(canvas: Canvas, qtbot: QtBot) -> None:
    mask, view = open_case(canvas, qtbot)
    first = view.surfaces[RED]
    box = (12, 0, 0), SHAPE
    half = mask[12:].copy()
    change = Change(box=box, labels=np.where(half == RED, GREEN, half).astype(np.uint8))
    canvas.show_suggestion(Suggestion(change, half), "Half of it")
    wait_for_surfaces(canvas, qtbot)
    assert view.surfaces.keys() == {RED, GREEN}
    assert len(view.surfaces[RED].points) < 0.8 * len(first.points)
    assert set(np.unique(mask)) == {0, RED}
    canvas.show_suggestion(None, "")
    wait_for_surfaces(canvas, qtbot)
    assert view.surfaces.keys() == {RED}
    np.testing.assert_array_equal(view.surfaces[RED].points, first.points)


def test_labels_are_hidden_and_faded_as_in_the_slices(canvas: Canvas, qtbot: QtBot) -> None:
    mask, view = open_case(canvas, qtbot)
    mask[2:5, 2:8, 2:8] = GREEN
    canvas.refresh_mask()
    wait_for_surfaces(canvas, qtbot)
    assert view.visible_labels == {RED, GREEN}
    canvas.set_label_visible(RED, False)
    assert view.visible_labels == {GREEN}
    assert view.pick(view.screen_of(CENTRE)) is None
    canvas.set_label_visible(RED, True)
    canvas.set_label_opacity(GREEN, 0.0)
    assert view.visible_labels == {RED}
    canvas.set_mask_opacity(0.0)
    assert not view.visible_labels
    assert view.overlay.words == "All labels are hidden."
    canvas.set_mask_opacity(0.5)
    canvas.set_label_opacity(RED, 0.3)
    view.grab()  # draws what lets light through
    assert view.visible_labels == {RED}


def test_the_mouse_turns_moves_zooms_and_points(canvas: Canvas, qtbot: QtBot) -> None:
    _, view = open_case(canvas, qtbot)
    canvas.activateWindow()
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus, timeout=5000)
    before = view.camera
    drag(view, QPoint(20, 10), Qt.MouseButton.LeftButton)
    assert (view.camera.azimuth_deg, view.camera.elevation_deg) == (
        before.azimuth_deg - 10,
        before.elevation_deg + 5,
    )
    for button, shift in ((Qt.MouseButton.LeftButton, True), (Qt.MouseButton.RightButton, False)):
        place, angle = view.screen_of(CENTRE), view.camera.azimuth_deg
        drag(view, QPoint(-15, 6), button, shift=shift)
        assert view.camera.azimuth_deg == angle
        moved = view.screen_of(CENTRE) - place
        assert (moved.x(), moved.y()) == pytest.approx((-15, 6))
    zoom, place = view.camera.zoom, QPointF(40, 30)
    wheel = QWheelEvent(
        place,
        view.overlay.mapToGlobal(place),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.overlay, wheel)
    assert view.camera.zoom > zoom

    view.fit()
    canvas.set_position((0, 0, 0))
    click = view.screen_of(CENTRE).toPoint()
    QTest.mouseClick(view.overlay, Qt.MouseButton.LeftButton, pos=click)
    hit = canvas.position
    assert ball()[hit] == RED
    out = (np.array(hit) - CENTRE) * SPACING
    assert np.linalg.norm(out) > RADIUS_MM - 4  # at the surface, and not in the middle
    towards = view.camera.axes[2][::-1]  # z, y, x of this image are head, back, left
    assert out @ towards > RADIUS_MM - 4  # on the viewer's side
    QTest.mouseClick(view.overlay, Qt.MouseButton.LeftButton, pos=QPoint(3, view.height() - 3))
    assert canvas.position == hit

    zoom = view.camera.zoom
    QTest.mouseDClick(view.overlay, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))
    assert view.camera.zoom > zoom  # what is drawn, from near
    QTest.mouseDClick(view.overlay, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))
    assert view.camera.zoom == pytest.approx(zoom)
    assert canvas.hasFocus()


def test_scissors_cut_what_was_drawn_around_in_space(canvas: Canvas, qtbot: QtBot) -> None:
    mask, view = open_case(canvas, qtbot)
    canvas.set_label(RED)
    canvas.set_tool("scissors")
    before, seen = mask.copy(), view.camera
    middle = view.screen_of(CENTRE)
    corners = [
        QPointF(*(np.array([middle.x(), middle.y()]) + way).tolist())
        for way in ((-3.3, -60.0), (75.0, -60.0), (75.0, 62.0), (-3.3, 62.0), (4.4, 0.6))
    ]

    def draw(*, ends: bool) -> None:
        keys, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
        for kind, place in zip(
            (QEvent.Type.MouseButtonPress, *[QEvent.Type.MouseMove] * 4), corners, strict=True
        ):
            button = left if kind == QEvent.Type.MouseButtonPress else Qt.MouseButton.NoButton
            where = view.overlay.mapToGlobal(place)
            QApplication.sendEvent(
                view.overlay, QMouseEvent(kind, place, where, button, left, keys)
            )
        if ends:
            kind, place = QEvent.Type.MouseButtonRelease, corners[-1]
            where = view.overlay.mapToGlobal(place)
            event = QMouseEvent(kind, place, where, left, Qt.MouseButton.NoButton, keys)
            QApplication.sendEvent(view.overlay, event)

    draw(ends=False)
    QTest.keyClick(canvas, Qt.Key.Key_Escape)  # drops the outline
    np.testing.assert_array_equal(mask, before)
    QTest.mouseRelease(view.overlay, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(canvas.edited, timeout=10_000) as told:
        draw(ends=True)
    assert told.args is not None
    assert told.args[0] == "scissors"
    assert view.camera == seen  # it did not turn meanwhile
    voxels = np.argwhere(before)
    places = [view.screen_of((int(z), int(y), int(x))) for z, y, x in voxels]
    outline = Path([(corner.x(), corner.y()) for corner in corners])
    is_cut = outline.contains_points([(place.x(), place.y()) for place in places])
    assert 0.2 < is_cut.mean() < 0.8
    expected = before.copy()
    expected[tuple(voxels[is_cut].T)] = 0
    np.testing.assert_array_equal(mask, expected)
    drag(view, QPoint(40, 10), Qt.MouseButton.LeftButton, shift=True)
    assert view.camera != seen  # Shift turns while the scissors are in hand
    canvas.set_tool("crosshair")
    drag(view, QPoint(-40, -10), Qt.MouseButton.LeftButton)
    assert view.camera.azimuth_deg == pytest.approx(seen.azimuth_deg)


def test_layouts_are_stepped_through_and_a_picture_has_no_space(
    canvas: Canvas, qtbot: QtBot
) -> None:
    _, view = open_case(canvas, qtbot)
    names = []
    for _ in range(4):
        canvas.set_layout(canvas.next_layout)
        names.append((canvas.next_layout, len(canvas.views), view.isVisible()))
    assert names == [
        ("three", 1, False),
        ("four", 3, False),
        ("single", 3, True),
        ("three", 1, False),
    ]
    canvas.set_layout("four")
    axial = canvas.views[0]
    QTest.mouseDClick(axial.overlay, Qt.MouseButton.LeftButton, pos=QPoint(60, 90))
    assert [found.plane.name for found in canvas.views] == ["axial"]
    QTest.mouseDClick(axial.overlay, Qt.MouseButton.LeftButton, pos=QPoint(60, 90))
    assert view.isVisible()  # as it was before
    areas = [found.geometry() for found in (*canvas.views, view)]
    assert all(not one.intersects(other) for one in areas for other in areas if one is not other)
    picture = Series(
        series_id="p",
        kind="picture",
        modality="OT",
        description="",
        geometry=Geometry(shape=(1, 40, 48), is_calibrated=False),
        dtype="uint8",
    )
    canvas.show_volume(
        np.zeros((1, 40, 48), np.uint8), picture, np.zeros((1, 40, 48), np.uint8), SCHEMA
    )
    assert len(canvas.views) == 1
    assert not view.isVisible()
    assert not view.surfaces

"""A series beside the case: the same place in both, linked or moved by hand; never drawn on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.study import Series
from annotator.gui.companions_dialog import CompanionsDialog
from annotator.session.session import Session
from tests.gui.steps import (
    JOB_MS,
    PATIENCE_MS,
    be,
    drawn_case,
    open_first_case,
    open_project,
    press,
    stroke,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

    from annotator.gui.companion_pane import CompanionPane
    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui

ALT = Qt.KeyboardModifier.AltModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
LEFT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton
BALL = (12.0, 18.0, 18.0)
"""Middle of the ball of the case."""


def keep(session: Session, voxels: NDArray[np.int16], geometry: Geometry, title: str) -> str:
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume" if geometry.is_volume else "picture",
        modality="CT",
        description=title,
        geometry=geometry,
        dtype=voxels.dtype.name,
    )
    session.store.add_series(series, voxels, actor="system")
    return series.series_id


def turned(voxels: NDArray[np.int16], geometry: Geometry) -> tuple[NDArray[np.int16], Geometry]:
    """Return what another scanner would have recorded: turned, in other voxels."""
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(geometry.spacing_mm[::-1])
    turn = sitk.Euler3DTransform()
    turn.SetRotation(0.1, -0.15, 0.3)
    frame = sitk.Image([48, 48, 48], sitk.sitkInt16)
    frame.SetSpacing([1.3, 1.2, 1.1])
    frame.SetDirection(turn.GetMatrix())
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint([19.5, 19.5, 11.5]))
    frame.SetOrigin((middle - frame.TransformContinuousIndexToPhysicalPoint([23.5] * 3)).tolist())
    there = sitk.Resample(image, frame, sitk.Transform(), sitk.sitkLinear, -900.0)
    z, y, x = 1.1, 1.2, 1.3
    a, b, c, d, e, f, g, h, i = turn.GetMatrix()
    found = Geometry(
        shape=(48, 48, 48),
        spacing_mm=(z, y, x),
        origin_mm=there.GetOrigin(),
        direction=(a, b, c, d, e, f, g, h, i),
    )
    return sitk.GetArrayFromImage(there), found


def add_companions(location: Path) -> None:
    """Put a series of the study and a turned prior beside every case."""
    with Session.open(location) as session:
        for case in session.cases():
            own = session.store.series(case.series_ids[0])
            voxels = np.array(session.store.voxels(own.series_id))
            soft = keep(session, voxels // 2, own.geometry, "soft kernel")
            prior = keep(session, *turned(voxels, own.geometry), "last year")
            session.store.attach_series(case.case_id, soft, "series", actor="system")
            session.store.attach_series(case.case_id, prior, "prior", actor="system")


def wheel(widget: QWidget, notches: int, held: Qt.KeyboardModifier | None = None) -> None:
    place = QPointF(widget.rect().center())
    QApplication.sendEvent(
        widget,
        QWheelEvent(
            place,
            QPointF(widget.mapToGlobal(place.toPoint())),
            QPoint(),
            QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton,
            held or Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        ),
    )


def settled(qtbot: QtBot, pane: CompanionPane) -> None:
    """Wait until what is asked for is seen."""
    qtbot.waitUntil(
        lambda: pane.loaded is not None and not pane._is_cutting and not pane._is_stale,
        timeout=PATIENCE_MS,
    )


def ball_in(pane: CompanionPane) -> tuple[float, float]:
    """Return where the middle of the ball is seen on the slice of the case, ``(row, column)``."""
    picture = pane.view._picture
    assert picture is not None
    rows, columns = np.nonzero(picture.inside & (picture.values > -430))
    (row, column), (down, right) = picture.corner, picture.steps
    return row + rows.mean() * down, column + columns.mean() * right


def test_the_prior_is_seen_at_the_same_place(
    same_window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    window = same_window
    add_companions(project)
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    open_first_case(window, qtbot)
    canvas, desk = window.rater.holder.canvas, window.rater.masks.beside
    assert canvas is not None
    qtbot.waitUntil(lambda: len(desk.companions) == 2, timeout=PATIENCE_MS)
    press(window, Qt.Key.Key_V, ALT)
    pane = desk.pane
    assert pane is not None
    settled(qtbot, pane)
    assert pane.view.words == ("Same study", "soft kernel")
    assert pane.view.window_text == canvas._marks.window_text, "Hounsfield units are the same"
    press(window, Qt.Key.Key_N, ALT)
    qtbot.waitUntil(lambda: pane.view.words == ("Prior", "last year"), timeout=PATIENCE_MS)

    _every_plane_shows_the_ball(window, qtbot, pane)
    view = canvas.view_in_hand
    assert view.plane.name == "axial"

    # Linked, wheels of both move both; a click on the prior brings the crosshair of both there.
    z = canvas.position[0]
    wheel(view.overlay, 1)
    wheel(pane.view, 2)
    assert canvas.position[0] == z + 3
    zoom = view.camera.zoom
    wheel(pane.view, 2, CONTROL)
    assert view.camera.zoom == pytest.approx(zoom * 1.44)
    QTest.mouseClick(pane.view, LEFT, pos=pane.view.rect().center() + QPoint(20, 15))
    settled(qtbot, pane)
    assert canvas.position[1:] != (18, 18)
    assert pane.view.cross == view.plane.to_screen(canvas.position)
    canvas.set_position([round(at) for at in BALL])

    # Drawing stays on the case; it is seen on the prior where one asks for it.
    stroke(window, qtbot, [(12, 15, 15), (12, 20, 15)])
    opened = drawn_case(window)
    assert opened.drawing.mask[12, 17, 15]
    press(window, Qt.Key.Key_D, ALT)
    assert pane.view._labels is not None
    assert pane.view._labels.pixelColor(15, 17).alpha() > 0
    n_drawn = np.count_nonzero(opened.drawing.mask)
    QTest.mouseClick(pane.view, LEFT, pos=pane.view.rect().center())
    assert np.count_nonzero(opened.drawing.mask) == n_drawn

    _moved_by_hand(window, qtbot, pane)
    _beyond_and_on_to_the_next(window, qtbot, pane)


def _every_plane_shows_the_ball(window: MainWindow, qtbot: QtBot, pane: CompanionPane) -> None:
    """The ball is where the case has it, as high on the screen and as large."""
    canvas = window.rater.holder.canvas
    assert canvas is not None
    for name in ("axial", "coronal", "sagittal"):
        view = canvas.view_in_hand
        canvas.set_position([round(at) for at in BALL])
        settled(qtbot, pane)
        assert view.plane.name == name
        wanted = view.plane.to_screen(BALL)
        np.testing.assert_allclose(ball_in(pane), wanted, atol=0.5)
        assert pane.view.camera is not None
        assert pane.view.camera.zoom == view.camera.zoom
        here = pane.view.mapToGlobal(QPointF(*pane.view.camera.to_screen(*wanted))).y()
        there = view.mapToGlobal(QPointF(*view.camera.to_screen(*wanted))).y()
        assert abs(here - there) < 1
        press(window, Qt.Key.Key_X, ALT)


def _moved_by_hand(window: MainWindow, qtbot: QtBot, pane: CompanionPane) -> None:
    """Let go, the prior is scrolled by itself; aligned, it keeps the shift until it is reset."""
    canvas = window.rater.holder.canvas
    assert canvas is not None
    view = canvas.view_in_hand
    canvas.set_position([round(at) for at in BALL])
    press(window, Qt.Key.Key_U, ALT)
    wheel(pane.view, 4)
    assert canvas.position == BALL
    moved = 4 * 1.1 / np.cos(np.arccos(pane.link.to_other[0, 0] * 1.1 / 2.0)) if pane.link else 0
    assert pane._place[0] == pytest.approx(12 + moved / 2.0, abs=0.05)
    assert pane.view.camera is not None
    place = pane.view.camera.to_screen(*view.plane.to_screen((0.0, 14.0, 23.0)))
    QTest.mouseClick(pane.view, LEFT, pos=QPointF(*place).toPoint())
    press(window, Qt.Key.Key_A, ALT)
    assert pane.is_linked
    settled(qtbot, pane)
    row, column = ball_in(pane)
    half_pixel = 0.5 / view.camera.zoom
    assert row == pytest.approx(18 + 4, abs=0.6 + half_pixel)
    assert column == pytest.approx(18 - 5, abs=0.6 + half_pixel)
    assert "Shifted by" in pane.about.text()
    press(window, Qt.Key.Key_N, ALT)
    qtbot.waitUntil(lambda: pane.view.words[1:] == ("soft kernel",), timeout=PATIENCE_MS)
    assert "Shifted" not in pane.about.text()
    press(window, Qt.Key.Key_N, ALT)
    qtbot.waitUntil(lambda: pane.view.words[1:] == ("last year",), timeout=PATIENCE_MS)
    assert "Shifted by" in pane.about.text(), "kept while the case is open"
    # As a registration would find it that says that the patient lay 4 mm further left.
    rigid = np.eye(4)
    rigid[0, 3] = 4.0
    series_id = pane.loaded.companion.series.series_id if pane.loaded else ""
    case_id = drawn_case(window).case.case_id
    window.rater.masks.beside.use_registration(case_id, series_id, rigid.tolist())
    settled(qtbot, pane)
    np.testing.assert_allclose(ball_in(pane), (18, 14), atol=0.5)
    assert pane.about.text() == "Registered: moved by 4 mm, turned by 0°."
    QTest.mouseClick(pane.reset, LEFT)
    settled(qtbot, pane)
    np.testing.assert_allclose(ball_in(pane), (18, 18), atol=0.5)


def _beyond_and_on_to_the_next(window: MainWindow, qtbot: QtBot, pane: CompanionPane) -> None:
    """Outside the prior there is nothing, and that is said; the next case is shown beside too."""
    press(window, Qt.Key.Key_U, ALT)
    wheel(pane.view, 60)
    qtbot.waitUntil(lambda: pane.view.banner.startswith("Outside"), timeout=PATIENCE_MS)
    press(window, Qt.Key.Key_U, ALT)
    qtbot.waitUntil(lambda: not pane.view.banner, timeout=PATIENCE_MS)
    desk = window.rater.masks.beside
    QTest.mouseClick(desk.more, LEFT)
    second = desk.panes[1]
    settled(qtbot, second)
    assert second.view.words[1] == "soft kernel"
    before = drawn_case(window)
    press(window, Qt.Key.Key_N)
    qtbot.waitUntil(
        lambda: window.rater.open_case not in (None, before) and desk.pane is not None,
        timeout=PATIENCE_MS,
    )
    settled(qtbot, pane)
    press(window, Qt.Key.Key_V, ALT)
    assert desk.pane is None
    assert not pane.isVisible()


def _add_photos(location: Path) -> None:
    """Add two photographs of the same, one in finer pixels; the first is Dr Adams's first case."""
    grid = Geometry(shape=(1, 60, 80), is_calibrated=False)
    picture = np.zeros(grid.shape, np.int16)
    picture[0, 20:25, 30:35] = 1000
    with Session.open(location) as session:
        for number, geometry in ((1, grid), (2, replace(grid, shape=(1, 120, 160)))):
            factor = geometry.shape[1] // 60
            voxels = picture.repeat(factor, axis=1).repeat(factor, axis=2) // number
            kept = keep(session, voxels, geometry, f"photo {number}")
            session.store.add_case(f"Photo {number}", [kept], actor="system")
        adams = next(one for one in session.people() if one.name == "Dr Adams")
        session.store.assign(session.store.case("Photo 1").case_id, adams.rater_id, -1, actor="s")


def _attach_in_the_window(window: MainWindow, qtbot: QtBot, project: Path) -> None:
    """Attach another case and a file to the photograph on the project page; detach the file."""
    QTest.mouseClick(window.project.setup.beside, LEFT)
    qtbot.waitUntil(lambda: window.findChild(CompanionsDialog) is not None, timeout=PATIENCE_MS)
    dialog = window.findChild(CompanionsDialog)
    assert dialog is not None
    dialog.cases.setCurrentText("Photo 1")
    dialog.others.setCurrentText("Photo 2")
    QTest.mouseClick(dialog.from_case, LEFT)
    qtbot.waitUntil(lambda: "do not say" in dialog.words.text(), timeout=PATIENCE_MS)
    dialog.kind.setCurrentIndex(2)
    QTest.mouseClick(dialog.from_case, LEFT)
    qtbot.waitUntil(lambda: "photo 2" in dialog.found.item(0).text(), timeout=PATIENCE_MS)
    image = sitk.GetImageFromArray(np.arange(4800, dtype=np.uint8).reshape(60, 80))
    sitk.WriteImage(image, str(project / "photo 3.png"))
    dialog.attach_paths([str(project / "photo 3.png")])
    qtbot.waitUntil(lambda: dialog.found.count() == 2, timeout=JOB_MS)
    assert dialog.words.text() == "1 series attached."
    dialog.found.setCurrentRow(1)
    QTest.mouseClick(dialog.detach, LEFT)
    qtbot.waitUntil(lambda: dialog.found.count() == 1, timeout=PATIENCE_MS)
    dialog.close()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=PATIENCE_MS)


def test_pictures_stand_side_by_side_and_are_attached_in_the_window(
    same_window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    window = same_window
    _add_photos(project)
    open_project(window, qtbot, project)
    _attach_in_the_window(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    open_first_case(window, qtbot)
    desk, canvas = window.rater.masks.beside, window.rater.holder.canvas
    assert canvas is not None
    qtbot.waitUntil(lambda: len(desk.companions) == 1, timeout=PATIENCE_MS)
    press(window, Qt.Key.Key_V, ALT)
    qtbot.waitUntil(lambda: desk.pane is not None, timeout=PATIENCE_MS)
    pane = desk.pane
    assert pane is not None
    settled(qtbot, pane)
    assert "same relative size" in pane.about.text()
    np.testing.assert_allclose(square_in(pane), (22, 32), atol=0.3)
    # Let go and dragged, it keeps the shift when it is aligned.
    press(window, Qt.Key.Key_U, ALT)
    middle = pane.view.rect().center()
    QTest.mousePress(pane.view, LEFT, pos=middle)
    QTest.mouseMove(pane.view, middle + QPoint(40, 0))
    QTest.mouseRelease(pane.view, LEFT, pos=middle + QPoint(40, 0))
    press(window, Qt.Key.Key_A, ALT)
    settled(qtbot, pane)
    zoom = canvas.view_in_hand.camera.zoom
    np.testing.assert_allclose(square_in(pane), (22, 32 + 40 / zoom), atol=0.5)


def square_in(pane: CompanionPane) -> tuple[float, float]:
    picture = pane.view._picture
    assert picture is not None
    rows, columns = np.nonzero(picture.values > 250)
    (row, column), (down, right) = picture.corner, picture.steps
    return row + rows.mean() * down, column + columns.mean() * right

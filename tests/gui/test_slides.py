"""A whole slide in the window: seen at every zoom, drawn on at two, undone, kept and reopened."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from skimage.draw import polygon2mask

from annotator.api import no_progress
from annotator.drawing.slide_surface import SlideSurface
from annotator.jobs.importing import import_paths
from annotator.session.session import Session
from tests.gui.drawing_case import CONTROL, LEFT, SHIFT, Case
from tests.gui.small_project import READERS, SCHEMA
from tests.gui.steps import JOB_MS, PATIENCE_MS, be, drawn_case, open_first_case, open_project

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui

ROWS, COLUMNS = 3072, 4096
SPACING_UM = 0.5


def write_slide(path: Path) -> NDArray[np.uint8]:
    """Write an OME-Zarr folder: rows and columns can be told from the values."""
    import zarr

    row, column = np.arange(ROWS)[:, None], np.arange(COLUMNS)
    finest = ((row // 16 + column // 16) % 200 + 20).astype(np.uint8)
    group = zarr.open_group(path, mode="w", zarr_format=2)
    datasets: Any = []
    for level in range(3):
        side = 4**level
        pixels = finest[::side, ::side]
        made = group.create_array(
            str(level), shape=pixels.shape, chunks=(1024, 1024), dtype="uint8", compressors=None
        )
        made[:] = pixels
        scale = [SPACING_UM * side, SPACING_UM * side]
        datasets.append(
            {
                "path": str(level),
                "coordinateTransformations": [{"type": "scale", "scale": scale}],
            }
        )
    axes: Any = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    return finest


@pytest.fixture(scope="module")
def slide_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("slides")
    write_slide(parent / "made.zarr")
    with Session.create(parent / "project", title="Slides", schema=SCHEMA) as session:
        report = import_paths(
            session.store,
            session.registry,
            [parent / "made.zarr"],
            no_progress,
            actor="system",
        )
        assert len(report.cases) == 1, report
        reader = session.add_rater(READERS[0], may_review=False)
        session.assign(rater_ids=[reader.rater_id])
    return parent / "project"


def wheel(case: Case, place: QPointF, notches: int) -> None:
    overlay = case.view.overlay
    for _ in range(abs(notches)):
        QApplication.sendEvent(
            overlay,
            QWheelEvent(
                place,
                overlay.mapToGlobal(place),
                QPoint(),
                QPoint(0, 120 if notches > 0 else -120),
                Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            ),
        )


def complete(case: Case, qtbot: QtBot) -> None:
    slide = case.view.slide
    assert slide is not None
    qtbot.waitUntil(lambda: slide.is_complete, timeout=PATIENCE_MS)


def seen_value(case: Case, row: float, column: float) -> int:
    """Return what the scene has at a place of the finest level."""
    layer: Any = case.view.scene._image
    steps, origin = layer.scale, layer.translate
    spacing = case.view.plane.spacing_mm
    at_row = round((row * spacing[0] - origin[0]) / steps[0])
    at_column = round((column * spacing[1] - origin[1]) / steps[1])
    return int(layer.data[at_row, at_column])


def seen_label(case: Case, row: float, column: float) -> int:
    layer: Any = case.view.scene._mask
    spacing = case.view.plane.spacing_mm
    at_row = round((row * spacing[0] - layer.translate[0]) / layer.scale[0])
    at_column = round((column * spacing[1] - layer.translate[1]) / layer.scale[1])
    return int(layer.data[at_row, at_column])


def sees(case: Case, at: tuple[int, int], label: int) -> bool:
    return seen_label(case, *at) == label


def open_slide(window: MainWindow, qtbot: QtBot, project: Path) -> Case:
    open_project(window, qtbot, project)
    be(window, qtbot, READERS[0], "read")
    open_first_case(window, qtbot)
    canvas = window.rater.holder.canvas
    assert canvas is not None
    canvas.setFocus()
    mask = drawn_case(window).drawing.mask
    case = Case(window, canvas, canvas.views[0], window.rater.tools, mask)
    complete(case, qtbot)
    return case


def polygon_of(case: Case, corners: list[tuple[float, float]], qtbot: QtBot) -> NDArray[np.bool_]:
    """Draw a polygon with clicks; returns its pixels by another program's rasterisation."""
    case.key("P")
    seen = []
    for row, column in corners:
        case.move((0.0, row, column))
        case.down((0.0, row, column))
        case.up((0.0, row, column))
        seen.append(case.seen((0.0, row, column))[1:])
    case.key("Return")
    case.settle(qtbot)
    found: NDArray[np.bool_] = polygon2mask(  # type: ignore[no-untyped-call]
        (ROWS, COLUMNS), np.asarray(seen)
    )
    return found


def near_about_the_pointer(case: Case, qtbot: QtBot) -> None:
    """The whole slide at first, then nearer: the place under the pointer stays."""
    view = case.view
    finest = (np.arange(ROWS)[:, None] // 16 + np.arange(COLUMNS) // 16) % 200 + 20
    layer: Any = view.scene._image
    assert layer.data.size < 4 * view.width() * view.height()
    place = QPointF(view.width() * 0.3, view.height() * 0.6)
    before = view.camera.to_slice(place.x(), place.y())
    wheel(case, place, 6)
    assert np.allclose(before, view.camera.to_slice(place.x(), place.y()))
    complete(case, qtbot)
    row, column = view.camera.to_slice(view.width() / 2, view.height() / 2)
    assert abs(seen_value(case, row, column) - finest[round(row), round(column)]) <= 3


def disc_at(case: Case, row: int, column: int, qtbot: QtBot) -> NDArray[np.bool_]:
    """Draw label 2 with a brush of 40 pixels of the screen; returns its pixels."""
    case.key("2")
    case.key("B")
    case.canvas.set_brush_px(40)
    _, at_row, at_column = case.seen((0.0, float(row), float(column)))
    case.stroke([(0.0, float(row), float(column))])
    case.settle(qtbot)
    radius = 20 / (case.view.camera.zoom * case.view.plane.spacing_mm[0])
    rows, columns = np.ogrid[:ROWS, :COLUMNS]
    found: NDArray[np.bool_] = (rows - at_row) ** 2 + (columns - at_column) ** 2 <= radius**2
    return found


def undo_and_redo(
    case: Case, states: list[NDArray[np.unsignedinteger]], at: tuple[int, int], qtbot: QtBot
) -> None:
    """The mask and what is seen go back through states, and forth again."""
    for state in states[-2::-1]:
        case.key("Z", CONTROL)
        np.testing.assert_array_equal(case.mask, state)
        wanted = int(state[0][at])
        qtbot.waitUntil(partial(sees, case, at, wanted), timeout=PATIENCE_MS)
    picture = case.canvas.slide.picture
    assert picture is not None
    assert picture.levels.box(1, 2) is None
    for state in states[1:]:
        case.key("Z", CONTROL | SHIFT)
        np.testing.assert_array_equal(case.mask, state)


def test_a_slide_is_seen_drawn_on_at_two_zooms_undone_and_reopened(
    window: MainWindow, qtbot: QtBot, slide_project: Path
) -> None:
    case = open_slide(window, qtbot, slide_project)
    view, mask = case.view, case.mask
    assert isinstance(case.canvas.surface, SlideSurface)
    states = [mask.copy()]
    near_about_the_pointer(case, qtbot)

    # From afar, and more than is written while the window waits: exact at the finest level.
    view.fit()
    complete(case, qtbot)
    case.key("1")
    corners = [(500.0, 750.0), (700.0, 2600.0), (2300.0, 2350.0), (1900.0, 600.0)]
    expected = polygon_of(case, corners, qtbot)
    assert expected.sum() > 1 << 20
    assert np.count_nonzero((mask[0] == 1) != expected) <= 4  # centres that lie on a side
    assert (seen_label(case, 1250, 1500), seen_label(case, 100, 100)) == (1, 0)
    states.append(mask.copy())

    wheel(case, QPointF(view.width() / 2, view.height() / 2), 20)
    complete(case, qtbot)
    row, column = map(round, view.camera.to_slice(view.width() / 2, view.height() / 2))
    disc = disc_at(case, row, column, qtbot)
    np.testing.assert_array_equal(mask[0], np.where(disc, 2, states[-1][0]))
    qtbot.waitUntil(lambda: seen_label(case, row, column) == 2, timeout=PATIENCE_MS)
    states.append(mask.copy())
    undo_and_redo(case, states, (row, column), qtbot)

    # The overview goes where it is clicked; R to what is drawn; what needs the whole says so.
    QTest.mouseClick(view._overview, LEFT, pos=QPoint(4, 4))
    assert view.camera.to_slice(view.width() / 2, view.height() / 2)[0] < ROWS / 4
    case.key("R")
    seen = view.camera.to_slice(view.width() / 2, view.height() / 2)
    assert np.allclose(seen, (row, column), atol=np.sqrt(disc.sum()))
    operations = case.tools.operations
    assert operations is not None
    operations.start("islands")
    assert not operations.is_working

    assert window.rater.leave()
    open_first_case(window, qtbot)
    np.testing.assert_array_equal(drawn_case(window).drawing.mask, states[-1])
    qtbot.waitUntil(lambda: view.slide is not None and view.slide.is_complete, timeout=JOB_MS)
    assert seen_label(case, 1250, 1500) == 1

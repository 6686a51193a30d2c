"""Every tool, rule and operation by real mouse and keys, against the same done without a window."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QCheckBox, QWidget

from annotator.drawing.mark_gesture import MarkGesture
from annotator.drawing.options import NumberOption, SwitchOption
from annotator.drawing.tools import OPERATIONS, TOOLS
from annotator.gui.drawing_desk import IN_HAND
from annotator.gui.icons import icon_names
from annotator.gui.option_form import kept_options
from annotator.gui.statistics_dialog import StatisticsDialog
from annotator.gui.tool_table import TOOL_GROUPS
from tests.gui.drawing_case import CENTRE, CONTROL, LEFT, SHIFT, Case, begin
from tests.gui.drawing_hands import (
    OTHER_LABEL,
    SCRIPTS,
    in_window,
    pen,
    round_about,
    turn,
    without_window,
)
from tests.gui.grouped_case import check_groups, make_grouped
from tests.gui.steps import PATIENCE_MS, drawn_case
from tests.gui.widget_walk import cut_off, unnamed

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.drawing.edit import Mask
    from annotator.gui.operation_desk import OperationDesk
    from annotator.gui.tool_options import ToolOptions
    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui


def test_every_tool_does_in_the_window_what_it_does_without(
    same_window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    drawing = {name for name, tool in TOOLS.items() if not issubclass(tool, MarkGesture)}
    assert SCRIPTS.keys() == drawing, "a tool that nobody has used here"
    case = begin(same_window, qtbot, project)
    case.key("B")
    case.key("S")
    case.tools._options.brush.slider.setValue(62)  # type: ignore[union-attr]
    case.stroke([CENTRE])
    case.key("S")
    base = case.mask.copy()
    assert 500 < np.count_nonzero(base) < 2000
    assert base.any(axis=(1, 2)).sum() > 5, "a ball"
    keys = {tool.name: tool.key for group in TOOL_GROUPS for tool in group}
    for name in SCRIPTS:
        case.move((12.0, 2.0, 2.0))
        case.key(keys[name])
        assert case.tools.tool == name
        assert case.window.bottom.hint.text() == TOOLS[name].advice
        assert_readable(case.window.rater.masks, qtbot)
        case.move(SCRIPTS[name].places[0])
        case.settle(qtbot)
        if name in OTHER_LABEL:
            case.key("2")  # while the tool watches already
        expected = base.copy()
        without_window(case, name, expected)
        in_window(case, name, qtbot)
        assert not np.array_equal(expected, base), name
        assert np.array_equal(case.mask, expected), name
        case.key("1")
        case.key("Z")
        assert np.array_equal(case.mask, base), name


def test_the_ruler_measures_and_draws_nothing(
    same_window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    case = begin(same_window, qtbot, project)
    before = case.mask.copy()
    case.key("Period")
    case.stroke([(12.0, 10.0, 10.0), (12.0, 10.0, 16.0), (12.0, 10.0, 22.0)])
    spacing = drawn_case(case.window).series.geometry.spacing_mm
    text = case.canvas._marks.preview.text
    assert text.endswith(" mm")
    assert abs(float(text.split()[0]) - 12 * spacing[2]) < 0.7 * spacing[2]
    case.stroke([(12.0, 20.0, 22.0)])
    assert "°" in case.canvas._marks.preview.text
    case.key("Return")
    assert not case.canvas._marks.preview.lines
    assert np.array_equal(case.mask, before)


def test_labels_of_two_groups_are_drawn_over_each_other(
    same_window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_grouped(tmp_path / "grouped")
    check_groups(begin(same_window, qtbot, tmp_path / "grouped"), qtbot)


def assert_readable(widget: QWidget, qtbot: QtBot) -> None:
    """Assert that all has a name and, as soon as it is laid out, room for its words."""
    assert unnamed(widget) == []

    def fits() -> None:
        assert cut_off(widget) == []

    qtbot.waitUntil(fits, timeout=PATIENCE_MS)


def width_at(mask: Mask, z: int, x: int) -> int:
    return int(np.count_nonzero(mask[z, :, x]))


def check_pick_and_space(case: Case) -> None:
    """I takes up the picker; a tap of space swaps the last two tools; held, it moves the image."""
    canvas, tools = case.canvas, case.tools
    case.key("1")
    case.key("I")
    assert tools.tool == "pick"
    case.stroke([(12, 10, 10)])
    assert canvas.label == 2
    QTest.keyClick(canvas, Qt.Key.Key_Space)
    assert tools.tool == "brush"
    assert case.window.book["tool.brush"].isChecked()
    QTest.keyClick(canvas, Qt.Key.Key_Space)
    assert tools.tool == "pick"
    case.key("B")
    before = case.view.to_screen(CENTRE)
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    case.stroke([CENTRE, (12, 20, 18)])
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert tools.tool == "brush"
    assert case.view.to_screen(CENTRE) != before
    canvas.fit()


def check_erasing(case: Case) -> None:
    """E held while something is wiped away gives the brush back; tapped, the eraser stays."""
    canvas, tools, mask = case.canvas, case.tools, case.mask
    drawn = np.count_nonzero(mask)
    QTest.keyPress(canvas, Qt.Key.Key_E)
    assert tools.tool == "eraser"
    case.stroke([(12, 10, 8), (12, 10, 12)])
    QTest.keyRelease(canvas, Qt.Key.Key_E)
    assert np.count_nonzero(mask) < drawn
    assert tools.tool == "brush"
    QTest.keyClick(canvas, Qt.Key.Key_E)
    assert tools.tool == "eraser"
    case.key("B")
    case.stroke([(12, 10, 6), (12, 10, 14)], CONTROL)
    assert not mask.any(), "Ctrl at the press makes a brush erase"
    QTest.keyClick(canvas, Qt.Key.Key_B, SHIFT)
    assert tools.tool == "brush", "the key was let go before it was pressed for an operation"
    case.tools.operations.close()  # type: ignore[union-attr]


def check_wheel(case: Case) -> None:
    """A stroke ends where the wheel turns to another slice, and an outline waits there."""
    canvas, mask = case.canvas, case.mask
    case.down((12, 20, 10))
    turn(case, 1)
    assert canvas.position[0] == 13
    case.move((13, 20, 30), LEFT)
    case.up((13, 20, 30))
    assert set(np.flatnonzero(mask.any(axis=(1, 2)))) == {12}
    assert not mask[12, 20, 20:].any()
    case.key("P")
    case.stroke([(13, 5, 5)])
    turn(case, -1)
    case.stroke([(12, 30, 30)])
    assert "another slice" in canvas._marks.banner
    case.key("Escape")
    case.key("Z")
    assert not mask.any()


def check_zoom(case: Case, options: ToolOptions) -> None:
    """The brush follows the zoom where that is wanted."""
    case.key("B")
    for follows in (True, False):
        options.brush.follow.setChecked(follows)
        sizes = []
        for _ in range(2):
            case.stroke([CENTRE])
            sizes.append(width_at(case.mask, 12, 18))
            case.key("Z")
            turn(case, 6, CONTROL)
        assert (sizes[0] > 1.5 * sizes[1]) == follows, sizes
        case.canvas.fit()


def check_pen(case: Case, options: ToolOptions) -> None:
    """A pen draws as thin as it is pressed lightly, where that is wanted."""
    mask = case.mask
    assert options.form is not None
    pressure = options.form.fields["pressure"]
    assert isinstance(pressure, QCheckBox)
    pressure.setChecked(True)
    assert case.window.settings.tool_options["brush"]["pressure"] is True
    places = [(12.0, 20.0, float(x)) for x in range(6, 34, 2)]
    pen(case, QEvent.Type.TabletPress, places[0], 0.1)
    for number, place in enumerate(places[1:]):
        pen(case, QEvent.Type.TabletMove, place, 0.1 if number < 6 else 1.0)
    pen(case, QEvent.Type.TabletRelease, places[-1], 0.0)
    assert 0 < width_at(mask, 12, 10) < width_at(mask, 12, 30)
    case.stroke([(12.0, 34.0, 10.0)])
    assert width_at(mask, 12, 10) > 2, "a mouse presses fully"
    pressure.setChecked(False)


def test_keys_pen_and_wheel_while_drawing(
    same_window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    case = begin(same_window, qtbot, project)
    options = case.tools._options
    assert options is not None
    case.key("B")
    options.brush.slider.setValue(50)
    case.key("2")
    case.stroke([(12, 10, 10)])
    check_pick_and_space(case)
    check_erasing(case)
    check_wheel(case)
    check_zoom(case, options)
    check_pen(case, options)


def check_words(case: Case, options: ToolOptions) -> None:
    """A stroke that the rules forbid says why; one on what is drawn already says nothing."""
    options.brush.slider.setValue(20)
    case.canvas.say("")
    case.stroke([CENTRE])
    assert not case.canvas._marks.banner
    case.stroke([(12, 36, 36)])
    assert "Only −100" in case.canvas._marks.banner
    QTest.mouseClick(options.chip.free, LEFT)
    assert not options.chip.isVisible()


def test_rules_hold_for_every_tool_and_are_said(
    same_window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    case = begin(same_window, qtbot, project)
    panel: Any = case.window.rater.panel
    side, options, mask = panel.drawing, case.tools._options, case.mask
    assert options is not None
    voxels = drawn_case(case.window).voxels
    assert isinstance(voxels, np.ndarray)
    case.key("B")
    options.brush.slider.setValue(95)
    side.rules_panel.unfold()
    side.rules_panel.by_value.setChecked(True)
    side.rules_panel.low.setValue(-100)
    assert options.chip.isVisible()
    assert options.chip.words.text() == f"Only −100…{side.rules_panel.high.value():g} HU"
    case.stroke([CENTRE])
    inside = mask[12] > 0
    assert inside.any()
    assert np.array_equal(inside, (voxels[12] >= -100) & inside)
    assert (voxels[12, 14:23, 14:23] >= -100).sum() == inside[14:23, 14:23].sum()
    # what may be drawn on is tinted, on the image and nowhere else
    tint = case.canvas._marks.tint
    assert tint is not None
    image = tint.image(case.view.plane, 12)
    tinted = np.array(
        [[image.pixel(x, y) != 0 for x in range(image.width())] for y in range(image.height())]
    )
    high = side.rules_panel.high.value()
    shown = case.view.plane.cut(voxels, 12)
    assert np.array_equal(tinted, (shown >= -100) & (shown <= high))
    side.rules_panel.tint.setChecked(False)
    assert case.canvas._marks.tint is None
    check_words(case, options)
    assert not side.rules_panel.by_value.isChecked()
    # a locked label stays, in both directions; locks are kept for the next case of the schema
    QTest.mouseClick(side.labels.locks[1], LEFT)
    assert options.chip.words.text() == "Lesion locked"
    kept = mask.copy()
    options.brush.slider.setValue(95)
    case.stroke([CENTRE])
    case.key("2")
    case.stroke([CENTRE])
    assert np.array_equal(mask == 1, kept == 1)
    assert (mask == 2).any()
    side.rules_panel.area.setCurrentIndex(side.rules_panel.area.findData("outside labels"))
    side.rules_panel.area.activated.emit(0)
    assert options.chip.words.text() == "Only outside all labels · Lesion locked"
    case.key("N")
    qtbot.waitUntil(lambda: case.window.rater.panel not in (None, panel), timeout=PATIENCE_MS)
    other: Any = case.window.rater.panel
    assert other.drawing.rules.locked == {1}
    assert other.drawing.rules.area == "everywhere"
    other.drawing.free()


def pressed(case: Case, qtbot: QtBot, name: str, held: Any = None) -> None:  # noqa: ANN401
    case.key(name, held)
    operations = case.tools.operations
    assert operations is not None
    qtbot.waitUntil(lambda: not operations.is_working, timeout=PATIENCE_MS)


def check_slices(case: Case, qtbot: QtBot, operations: OperationDesk) -> None:
    """Slice by slice; another stroke makes the rest void."""
    mask = case.mask
    drawn = mask.copy()
    pressed(case, qtbot, "M", SHIFT)
    case.key("Return", SHIFT)
    assert operations.has_suggestion, "other slices wait"
    assert np.flatnonzero((mask != drawn).any(axis=(1, 2))).tolist() == [12]
    case.stroke([(12, 5, 30)])
    assert not operations.has_suggestion
    for _ in range(2):
        case.key("Z")
    assert np.array_equal(mask, drawn)


def check_seeds(case: Case, qtbot: QtBot, operations: OperationDesk) -> None:
    """Seeds grow again after each stroke, which goes to the mask and not to what is suggested."""
    mask = case.mask
    case.key("2")
    case.stroke(round_about(15.0, 30))
    pressed(case, qtbot, "G", SHIFT)
    assert operations.has_suggestion
    first, seeds = operations._suggestion, mask.copy()
    case.stroke([(12, 8, 18)])
    assert not np.array_equal(mask, seeds)
    qtbot.waitUntil(
        lambda: operations._suggestion not in (None, first) and not operations.is_working,
        timeout=PATIENCE_MS,
    )
    case.key("Return")
    assert np.count_nonzero(mask) > 2 * np.count_nonzero(seeds)
    case.key("W")


def test_statistics_tell_what_is_drawn(
    same_window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    case = begin(same_window, qtbot, project)
    case.key("B")
    case.stroke([CENTRE, (12, 20, 24)])
    case.tools.measure()
    dialog = case.window.findChild(StatisticsDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.is_done, timeout=PATIENCE_MS)
    values = drawn_case(case.window).voxels[case.mask == 1]
    name, n_voxels, volume, _longest, mean, *_ = dialog.rows[0]
    assert (name, int(n_voxels)) == ("Lesion", len(values))
    assert float(volume) == pytest.approx(len(values) * 2 / 1000, rel=1e-3)
    assert float(mean) == pytest.approx(values.mean(), rel=1e-3)
    assert dialog.rows[1][:3] == ("Organ", "0", "0")
    QTest.mouseClick(dialog.copy, LEFT)
    heads = QApplication.clipboard().text().splitlines()[0].split("\t")
    assert heads[:5] == ["Label", "Voxels", "Volume, ml", "Longest, mm", "Mean, HU"]
    dialog.reject()


def test_an_operation_is_suggested_then_accepted_or_dropped(
    same_window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    case = begin(same_window, qtbot, project)
    canvas, mask, operations = case.canvas, case.mask, case.tools.operations
    assert operations is not None
    panel: Any = case.window.rater.panel
    case.key("B")
    case.tools._options.brush.slider.setValue(50)  # type: ignore[union-attr]
    case.key("S")
    case.stroke([CENTRE])
    case.key("S")
    case.stroke([(12, 34, 6)])
    drawn = mask.copy()
    pressed(case, qtbot, "K", SHIFT)
    assert panel.drawing.operations.isVisible()
    assert operations.has_suggestion
    assert "Enter accepts" in canvas._marks.banner
    assert np.array_equal(mask, drawn), "only suggested"
    shown = case.view._labels(mask)
    assert not np.array_equal(shown, case.view.plane.cut(mask, 12)), "seen as it would be"
    assert not canvas._marks.suggestion.outline(case.view.plane, 12).isEmpty()  # type: ignore[union-attr]
    case.key("Escape")
    assert not operations.has_suggestion
    assert not canvas._marks.banner
    pressed(case, qtbot, "K", SHIFT)
    case.key("Z")
    assert not operations.has_suggestion
    assert np.array_equal(mask, drawn), "undo takes the suggestion first"
    pressed(case, qtbot, "K", SHIFT)
    case.key("Return")
    expected = drawn.copy()
    expected[12, 25:, :16] = 0
    assert np.array_equal(mask, expected)
    case.key("Z")
    assert np.array_equal(mask, drawn), "one step"
    panel.drawing.rules_panel.unfold()
    for name in OPERATIONS:
        panel.drawing.operations.chosen.emit(name)
        assert_readable(panel, qtbot)
    check_slices(case, qtbot, operations)
    check_seeds(case, qtbot, operations)
    assert not panel.drawing.operations.isVisible()


def test_every_tool_and_operation_has_a_place_a_key_and_a_picture() -> None:
    tools = [tool for group in TOOL_GROUPS for tool in group]
    assert sorted(tool.name for tool in tools) == sorted(IN_HAND)
    keys = [tool.key for tool in tools]
    assert all(keys)
    assert all(a != b for a, b in pairwise(sorted(keys)))
    icons = [tool.icon for tool in tools]
    assert set(icons) <= set(icon_names())
    assert len(set(icons)) == len(icons)
    for operation in OPERATIONS.values():
        assert operation.explanation.endswith(".")


def test_what_was_kept_of_options_is_used_where_it_still_fits() -> None:
    size = NumberOption(key="size", title="Size", tooltip="", default=2, minimum=1, maximum=5)
    on = SwitchOption(key="on", title="On", tooltip="")
    assert kept_options((size, on), {"size": 4, "on": True, "gone": 1}, None) == {
        "size": 4,
        "on": True,
    }
    assert kept_options((size, on), {"size": 40}, None) == {"size": 2, "on": False}

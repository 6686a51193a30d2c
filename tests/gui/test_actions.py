"""The table of actions: keys that mean one thing, words for all, and what is built from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMenu, QToolButton

from annotator.domain.errors import UnknownNameError
from annotator.gui.action_book import MENUS, shortcut_words
from annotator.gui.action_table import ACTIONS
from annotator.gui.actions import ROOMS, Action, collisions, find, matching
from annotator.gui.command_palette import CommandPalette
from annotator.gui.drawing_actions import KEPT_MARKS
from annotator.gui.icons import icon_names
from annotator.gui.shortcuts_page import ShortcutsPage
from tests.gui.steps import PATIENCE_MS, be, open_first_case, open_project, press

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui


def keys_of(action: Action) -> list[str]:
    """Return the key sequences in the one way in which Qt writes them."""
    return [QKeySequence(keys).toString() for keys in action.shortcut]


def shown_keys(window: MainWindow) -> set[str]:
    return {action.objectName() for action in window.actions() if action.isVisible()}


def open_palette(window: MainWindow, qtbot: QtBot) -> CommandPalette:
    press(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: isinstance(QApplication.activeModalWidget(), CommandPalette))
    palette = QApplication.activeModalWidget()
    assert isinstance(palette, CommandPalette)
    return palette


@pytest.mark.parametrize("room", ROOMS)
def test_a_key_means_one_thing_in_a_room(room: str) -> None:
    here = [action for action in ACTIONS if room in action.rooms]
    taken: dict[str, str] = {}
    for action in here:
        for keys in keys_of(action):
            assert keys, f"{action.key}: Qt does not know the keys {action.shortcut}"
            other = taken.setdefault(keys, action.key)
            assert other == action.key, f"{keys} means {other} and {action.key}"


def test_a_key_that_means_two_things_is_found() -> None:
    brush = find(ACTIONS, "tool.brush")
    (told,) = collisions([brush, replace(brush, key="tool.twin", rooms=("rater",))])
    assert "tool.brush" in told
    assert "tool.twin" in told
    assert collisions(ACTIONS) == ()


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
def test_every_action_has_words_rooms_and_a_menu(action: Action) -> None:
    assert action.text[0].isupper() or action.text[0].isdigit()
    assert not action.text.endswith(".")
    assert len(action.tooltip) > 8
    assert action.tooltip.endswith(".")
    assert set(action.rooms) <= set(ROOMS)
    assert action.rooms
    assert action.menu.partition("/")[0] in MENUS
    assert not action.icon or action.icon in icon_names()


def test_names_are_unique_and_a_wrong_one_suggests_the_right_one() -> None:
    keys = [action.key for action in ACTIONS]
    assert len(set(keys)) == len(keys)
    with pytest.raises(UnknownNameError, match=r"tool\.brush"):
        find(ACTIONS, "tool.brusch")


def test_every_drawing_tool_has_a_key_of_its_own() -> None:
    left = {f"tool.{name}" for name in KEPT_MARKS}
    tools = [
        action for action in ACTIONS if action.key.startswith("tool.") and action.key not in left
    ]
    assert {action.key for action in tools} >= {
        f"tool.{name}" for name in ("brush", "eraser", "polygon", "fill", "pick")
    }
    for action in tools:
        keys = [keys.removeprefix("Alt+") for keys in action.shortcut]
        assert any(key == "Esc" or len(key) == 1 for key in keys), action.key
        assert {"rater", "redraw"} <= set(action.rooms)


def test_every_action_is_in_the_shortcuts_page_of_its_rooms(window: MainWindow) -> None:
    page = ShortcutsPage(ACTIONS, {}, "start", window)
    for place, room in enumerate(ROOMS):
        page.room.setCurrentIndex(place)
        cells = {
            (page.table.item(row, 0).text(), page.table.item(row, 1).text())  # type: ignore[union-attr]
            for row in range(page.table.rowCount())
        }
        for action in ACTIONS:
            if room in action.rooms:
                assert (shortcut_words(action), action.text) in cells, f"{action.key} in {room}"
    page.deleteLater()


def test_every_action_is_found_by_its_words() -> None:
    for action in ACTIONS:
        found = matching(ACTIONS, action.text.rstrip("…"))
        assert action in found[:8], action.key


def test_menus_hold_every_action_once(window: MainWindow) -> None:
    found: list[str] = []
    for menu in window.menuBar().findChildren(QMenu):
        found += [entry.objectName() for entry in menu.actions() if entry.menu() is None]
    assert sorted(found) == sorted(action.key for action in ACTIONS)
    titles = [entry.text() for entry in window.menuBar().actions() if entry.isVisible()]
    assert titles[0] == "File"
    assert "Review" not in titles, "nothing is reviewed on the start page"


def test_the_palette_offers_what_can_be_done_here_and_does_it(
    window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    open_project(window, qtbot, project)
    be(window, qtbot, "Dr Adams", "read")
    open_first_case(window, qtbot)
    palette = open_palette(window, qtbot)
    offered = {row.key for row in palette.list.rows()}
    expected = {a.key for a in ACTIONS if "rater" in a.rooms and window.book[a.key].isEnabled()}
    assert offered == expected
    assert {"tool.eraser", "case.submit"} <= offered
    assert not offered & {"verdict.fusion", "project.new"}
    QTest.keyClicks(palette.line, "eraser")
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    assert window.rater.tools.tool == "eraser"
    palette = open_palette(window, qtbot)
    QTest.keyClicks(palette.line, "no such words")
    assert not palette.list.isVisible()
    QTest.keyClick(palette.line, Qt.Key.Key_Escape)


def test_an_action_lives_in_its_rooms_only(window: MainWindow, qtbot: QtBot, project: Path) -> None:
    assert shown_keys(window) == {a.key for a in ACTIONS if "start" in a.rooms}
    open_project(window, qtbot, project)
    assert shown_keys(window) == {a.key for a in ACTIONS if "project" in a.rooms}
    be(window, qtbot, "Dr Adams", "read")
    assert shown_keys(window) == {a.key for a in ACTIONS if "rater" in a.rooms}
    assert not window.book["tool.brush"].isEnabled(), "no case is open"
    open_first_case(window, qtbot)
    assert window.book["tool.brush"].isEnabled()
    press(window, Qt.Key.Key_Z)
    assert window.bottom.hint.text() == "There is nothing to undo."


def test_a_button_of_an_action_tells_its_name_key_and_sentence(window: MainWindow) -> None:
    buttons = {
        button.defaultAction().objectName(): button
        for button in window.rater.masks.findChildren(QToolButton)
        if button.defaultAction() is not None
    }
    assert "tool.brush" in buttons
    for key, button in buttons.items():
        action = find(ACTIONS, key)
        assert button.accessibleName() == action.text
        assert action.tooltip in button.toolTip()
        assert f"({shortcut_words(action)})" in button.toolTip()


def test_what_cannot_be_done_yet_says_why(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    from tests.gui.small_project import make_project

    make_project(tmp_path / "empty", n_cases=0)
    open_project(window, qtbot, tmp_path / "empty")
    qtbot.waitUntil(lambda: bool(window.project.people.buttons), timeout=PATIENCE_MS)
    for button in window.project.people.buttons.values():
        assert not button.isEnabled()
        assert "import images first" in button.toolTip()
    assert not window.project.setup.assign.isEnabled()
    assert "Ctrl+I" in window.bottom.hint.text()

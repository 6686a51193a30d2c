"""Choosing one's own keys: conflicts are named, nothing runs twice, a restart keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from annotator.gui import settings as settings_file
from annotator.gui.action_table import ACTIONS
from annotator.gui.actions import collisions, find
from annotator.gui.key_bindings import assigned, changed, rivals, with_keys
from annotator.gui.key_editor import KeyEditor
from annotator.gui.shortcuts_page import ShortcutsPage

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui


def keys_of(own: dict[str, tuple[str, ...]], key: str) -> tuple[str, ...]:
    return find(with_keys(ACTIONS, own), key).shortcut


def test_a_key_is_taken_over_only_where_both_can_be_used() -> None:
    brush, eraser = find(ACTIONS, "tool.brush"), find(ACTIONS, "tool.eraser")
    assert rivals(ACTIONS, eraser.key, "B") == (brush,)
    own = assigned(ACTIONS, {}, eraser.key, "B")
    assert keys_of(own, brush.key) == ()
    assert keys_of(own, eraser.key) == ("B",)
    assert changed({**own, brush.key: ("B",)}, ACTIONS) == {eraser.key: ("B",)}


@settings(max_examples=40, deadline=None)
@given(
    moves=st.lists(
        st.tuples(
            st.sampled_from([action.key for action in ACTIONS]),
            st.sampled_from(["B", "E", "Ctrl+Z", "Return", "F1", "9", "Alt+1", "Shift+Q"]),
        ),
        max_size=8,
    )
)
def test_no_key_ever_means_two_things(moves: list[tuple[str, str]]) -> None:
    own: dict[str, tuple[str, ...]] = {}
    for key, sequence in moves:
        own = assigned(ACTIONS, own, key, sequence)
        assert keys_of(own, key) == (sequence,) or not changed({key: (sequence,)}, ACTIONS)
        assert collisions(with_keys(ACTIONS, own)) == ()


def test_keys_are_changed_by_hand_and_kept(window: MainWindow, qtbot: QtBot) -> None:
    window.show_shortcuts()
    page = QApplication.activeModalWidget()
    assert isinstance(page, ShortcutsPage)
    page.room.setCurrentIndex(page.room.findData("rater"))
    page.line.setText("eraser")
    page.table.selectRow(0)
    QTest.mouseClick(page.edit, Qt.MouseButton.LeftButton)
    editor = QApplication.activeModalWidget()
    assert isinstance(editor, KeyEditor)
    QTest.keyClick(editor.field, Qt.Key.Key_B)
    assert "“Brush”" in editor.told.text()
    assert editor.take.text() == "Take it over"
    QTest.mouseClick(editor.take, Qt.MouseButton.LeftButton)
    assert page.table.item(0, 0).text() == "B •"  # type: ignore[union-attr]
    assert window.book["tool.eraser"].shortcut() == QKeySequence("B")
    assert window.book["tool.brush"].shortcut().isEmpty()
    assert "(B)" in window.book["tool.eraser"].toolTip()
    kept, complaint = settings_file.load()
    assert complaint is None
    assert kept.keys == {"tool.eraser": ("B",), "tool.brush": ()}
    QTest.mouseClick(page.reset, Qt.MouseButton.LeftButton)
    assert window.book["tool.brush"].shortcut() == QKeySequence("B")
    assert settings_file.load()[0].keys == {}
    page.close()


def test_a_broken_list_of_keys_falls_back(tmp_path: Path) -> None:
    place = tmp_path / "settings.json"
    place.write_text('{"version": 1, "keys": {"tool.brush": "B"}}')
    kept, complaint = settings_file.load(place)
    assert kept.keys == {}
    assert complaint is not None
    assert "keys" in complaint

"""Turns the table of actions into Qt's: menus, keys, states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QAction, QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QMenu,
    QMenuBar,
    QRadioButton,
    QTabBar,
)

from annotator.gui.actions import Action, find
from annotator.gui.buttons import themed_icon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.gui.window import MainWindow

MENUS = ("File", "Edit", "View", "Tools", "Case", "Review", "Help")
_OWN_KEYS = (
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QRadioButton,
    QTabBar,
)
_MOVING = (
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
)


def shortcut_words(action: Action) -> str:
    """Return the keys of an action as they are written on this system, ``B`` or ``Z, Ctrl+Z``."""
    native = QKeySequence.SequenceFormat.NativeText
    return ", ".join(QKeySequence(keys).toString(native) for keys in action.shortcut)


class ActionBook(QObject):
    """The actions of a window. ``refresh`` asks each again whether it can be used."""

    def __init__(self, window: MainWindow, actions: Sequence[Action]) -> None:
        super().__init__(window)
        self._window = window
        self.actions = tuple(actions)
        self._made: dict[str, QAction] = {action.key: self._make(action) for action in actions}
        self._menus: list[QMenu] = []
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def __getitem__(self, key: str) -> QAction:
        """Return Qt's action of that key; the error suggests the right one."""
        return self._made[find(self.actions, key).key]

    def usable(self) -> list[Action]:
        """Return the actions that can be used now."""
        return [action for action in self.actions if self._made[action.key].isEnabled()]

    def refresh(self) -> None:
        """Enable, disable and check every action for the window as it is."""
        room = self._window.room_name
        for action in self.actions:
            made = self._made[action.key]
            is_here = room in action.rooms
            made.setVisible(is_here)
            made.setEnabled(is_here and action.enabled(self._window))
            if is_here and action.checked is not None:
                made.setChecked(action.checked(self._window))
        for menu in reversed(self._menus):
            menu.menuAction().setVisible(any(entry.isVisible() for entry in menu.actions()))

    def bind(self, actions: Sequence[Action]) -> None:
        """Give the actions other keys; they are the same ones, in the same order."""
        self.actions = tuple(actions)
        for action in self.actions:
            self._give_keys(self._made[action.key], action)

    def dress(self) -> None:
        """Draw the icons in the colours of the theme."""
        for action in self.actions:
            if action.icon:
                self._made[action.key].setIcon(themed_icon(action.icon))

    def fill(self, bar: QMenuBar) -> None:
        """Build the menus."""
        menus: dict[str, QMenu] = {}
        for title in MENUS:
            menus[title] = bar.addMenu(title)
        for action in self.actions:
            if not action.menu:
                continue
            path = action.menu
            if path not in menus:
                parent, _, title = path.partition("/")
                menus[path] = menus[parent].addMenu(title)
            menus[path].addAction(self._made[action.key])
        self._menus = list(menus.values())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave arrow keys to a list, slider or field that has the keyboard."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and isinstance(watched, _OWN_KEYS)
            and event.key() in _MOVING
            and event.modifiers()
            in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        ):
            event.accept()
            return True
        return False

    def _make(self, action: Action) -> QAction:
        made = QAction(action.text, self._window)
        made.setObjectName(action.key)
        made.setCheckable(action.checked is not None)
        made.setAutoRepeat(action.key.startswith(("slice.", "brush.")))
        self._give_keys(made, action)
        made.setStatusTip("")
        made.triggered.connect(lambda: self._run(action))
        self._window.addAction(made)
        return made

    @staticmethod
    def _give_keys(made: QAction, action: Action) -> None:
        made.setShortcuts([QKeySequence(keys) for keys in action.shortcut])
        keys = shortcut_words(action)
        made.setToolTip(f"{action.text} ({keys})\n{action.tooltip}" if keys else action.tooltip)

    def _run(self, action: Action) -> None:
        action.run(self._window)
        self.refresh()

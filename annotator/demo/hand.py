"""A hand on mouse and keyboard, and an eye on the screen: works a window as a person would."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QEventLoop, QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QMainWindow, QRadioButton, QWidget

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LEFT = Qt.MouseButton.LeftButton
SETTLE_S = 0.35
PATIENCE_S = 60.0


def pause(duration_ms: int) -> None:
    """Let the window work for a while, and sleep in between.

    QTest has the same, but vispy puts a busy loop in its place, which starves worker threads.
    """
    loop = QEventLoop()
    QTimer.singleShot(duration_ms, loop.quit)
    loop.exec()


class Hand:
    """Clicks, drags, types and takes pictures; everything goes through Qt's events.

    Must be used on the window's thread.
    """

    def __init__(self, window: QMainWindow, pictures: Path, tell: Callable[[str], None]) -> None:
        self._window = window
        self._pictures = pictures
        self._tell = tell
        self.taken: list[str] = []

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Let the window work until the condition holds; raises AnnotatorError after a while."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline_s:
                raise AnnotatorError(f"waited {PATIENCE_S:g} s in vain for {what}")
            pause(20)

    def settle(self) -> None:
        """Let everything that is on its way be drawn."""
        pause(int(1000 * SETTLE_S))

    def key(
        self, name: str, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        """Press a key, by the name of Qt (``N``, ``Return``, ``BracketRight``)."""
        self._take_keyboard()
        target = QApplication.focusWidget() or self._window
        QTest.keyClick(target, getattr(Qt.Key, f"Key_{name}"), modifier)
        pause(20)

    def _take_keyboard(self) -> None:
        """Make the window active again: Qt maps it anew when it first draws with OpenGL.

        A window manager would do that; a virtual display has none.
        """
        if QApplication.activeWindow() is None:
            self._window.activateWindow()
            self.wait(QApplication.activeWindow, "the window to become active")

    def click(self, widget: QWidget, at: QPoint | None = None) -> None:
        """Click a widget; a radio button at its mark, as its text may end before its middle."""
        if at is None and isinstance(widget, QRadioButton):
            at = QPoint(10, widget.height() // 2)
        place = widget.rect().center() if at is None else at
        QTest.mouseClick(widget, LEFT, Qt.KeyboardModifier.NoModifier, place)
        pause(20)

    def click_button(self, parent: QWidget, name: str) -> None:
        """Click the button with that text or accessible name inside a widget."""
        for button in parent.findChildren(QAbstractButton):
            if name in (button.text(), button.accessibleName()) and button.isVisible():
                self.click(button)
                return
        raise AnnotatorError(f"there is no button {name!r} to click")

    def drag(self, widget: QWidget, path: Sequence[QPoint]) -> None:
        """Press the left button, move along a path, let go."""
        none = Qt.KeyboardModifier.NoModifier
        QTest.mousePress(widget, LEFT, none, path[0])
        for point in path[1:]:
            QTest.mouseMove(widget, point)
            pause(8)
        QTest.mouseRelease(widget, LEFT, none, path[-1])
        pause(20)

    def write(self, widget: QWidget, text: str) -> None:
        """Type a text into a widget."""
        widget.setFocus()
        QTest.keyClicks(widget, text)

    def picture(self, words: str) -> None:
        """Take a picture of the screen, name it by the step, and tell of the step."""
        self.settle()
        self._pictures.mkdir(parents=True, exist_ok=True)
        stem = "".join(letter if letter.isalnum() else "-" for letter in words.lower())
        path = self._pictures / f"{len(self.taken) + 1:02d}-{stem.strip('-')}.png"
        screen = self._window.screen()
        if not screen.grabWindow(0).save(str(path)):
            raise AnnotatorError(f"cannot write the picture {path}")
        self.taken.append(str(path))
        self._tell(words)

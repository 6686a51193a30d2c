"""Buttons and labels whose looks follow the theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QPainter
from qtpy.QtWidgets import QLabel, QPushButton, QSizePolicy, QToolButton

from annotator.gui.icons import icon
from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QAction, QIcon, QPaintEvent
    from qtpy.QtWidgets import QWidget


def themed_icon(name: str, *, on_accent: bool = False) -> QIcon:
    """Return an icon in the colours of the theme that is shown."""
    tokens = shown_tokens()
    return icon(
        name,
        normal=tokens.on_accent if on_accent else tokens.text,
        active=tokens.on_accent,
        disabled=tokens.disabled,
    )


class Button(QPushButton):
    """A push button with words, an optional icon, and a tooltip that says what it does.

    ``kind`` is ``plain``, ``primary`` (one a screen), ``quiet``, ``big`` or ``verdict``.
    """

    def __init__(
        self,
        text: str,
        tooltip: str,
        run: Callable[[], object] | None = None,
        *,
        kind: str = "plain",
        icon_name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        # Qt leaves no room between an icon and its words
        super().__init__(f" {text}" if icon_name else text, parent)
        self._icon_name = icon_name
        self._kind = kind
        self.setProperty("kind", kind)
        self.setToolTip(tooltip)
        self.setAccessibleName(text)
        self.setAutoDefault(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        if icon_name:
            self.setIconSize(QSize(18, 18))
            self._dress()
        if run is not None:
            self.clicked.connect(lambda: run())

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icon again when the theme changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._icon_name:
            self._dress()

    def _dress(self) -> None:
        self.setIcon(themed_icon(self._icon_name, on_accent=self._kind == "primary"))


class ToolButton(QToolButton):
    """A square icon button that shows an action of the table."""

    def __init__(self, action: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDefaultAction(action)
        self.setAccessibleName(action.text())
        self.setIconSize(QSize(20, 20))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)


class IconSwitch(QToolButton):
    """A small icon button of its own, for example the eye beside a label."""

    def __init__(self, on: str, off: str, name: str, tooltip: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self._on = on
        self._off = off
        self.setCheckable(True)
        self.setChecked(True)
        self.setIconSize(QSize(18, 18))
        self.setAccessibleName(name)
        self.setToolTip(tooltip)
        self.setProperty("look", "switch")
        self.toggled.connect(self._dress)
        self._dress()

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icon again when the theme changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()

    def _dress(self) -> None:
        name = self._on if self.isChecked() else self._off
        tokens = shown_tokens()
        self.setIcon(icon(name, normal=tokens.muted, active=tokens.text, disabled=tokens.disabled))


class ElidedLabel(QLabel):
    """One line of text that ends in … where it does not fit; the tooltip has all of it."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setToolTip(text)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what fits."""
        painter = QPainter(self)
        shown = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, self.width()
        )
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, shown)


def label(text: str, role: str = "", *, wrap: bool = False, tone: str = "") -> QLabel:
    """Return a text label; ``role`` is title, heading, section, muted, small, code or key."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        made.setProperty("role", role)
    if tone:
        made.setProperty("tone", tone)
    if wrap:
        made.setWordWrap(True)
        made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return made


def set_look(widget: QWidget, name: str, value: str) -> None:
    """Set a property that the style sheet looks at, and dress the widget anew."""
    if widget.property(name) == value:
        return
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)

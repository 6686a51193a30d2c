"""The strip above the canvas: undo, views, grey-level window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFrame, QSizePolicy, QWidget
from superqt import QFlowLayout

from annotator.gui.buttons import ToolButton

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QAction

    from annotator.domain.study import Window

HEIGHT = 34
"""Of everything in the strip, so that its rows are straight."""
_LEAST_WIDTH = 400


def separator() -> QFrame:
    """Return a thin upright line between groups of buttons."""
    line = QFrame()
    line.setFrameShape(QFrame.Shape.VLine)
    line.setFixedSize(5, HEIGHT)
    line.setEnabled(False)
    return line


class ToolStrip(QWidget):
    """Buttons of the action table in groups, which wrap where the window is narrow."""

    window_chosen = Signal(float, float)
    """level, width in modality units"""

    def __init__(self, groups: Sequence[Sequence[QAction]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolStrip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        layout = QFlowLayout(self)
        layout.setContentsMargins(8, 5, 8, 5)
        layout.setSpacing(3)
        self._windows: tuple[Window, ...] = ()
        self.windows = QComboBox()
        self.windows.setAccessibleName("Grey-level window")
        self.windows.setToolTip("Brightness and contrast. Ctrl+1, Ctrl+2 … choose one by key.")
        self.windows.setMinimumContentsLength(8)
        self.windows.setFixedHeight(HEIGHT)
        self.windows.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.windows.activated.connect(self._window_picked)
        for number, group in enumerate(groups):
            if number:
                layout.addWidget(separator())
            for action in group:
                button = ToolButton(action)
                button.setFixedSize(HEIGHT, HEIGHT)
                layout.addWidget(button)
        layout.addWidget(self.windows)

    def sizeHint(self) -> QSize:
        """Return the size in the least width that the strip is ever shown in."""
        return QSize(_LEAST_WIDTH, self.heightForWidth(_LEAST_WIDTH))

    def minimumSizeHint(self) -> QSize:
        """Return the same: by itself the layout would count as a column one button wide."""
        return self.sizeHint()

    def add(self, widget: QWidget) -> None:
        """Put something of the room's own at the end."""
        layout = self.layout()
        if layout is not None:
            layout.addWidget(widget)

    def set_windows(self, windows: Sequence[Window]) -> None:
        """Offer these grey-level windows; none hides the choice."""
        self._windows = tuple(windows)
        self.windows.clear()
        for window in self._windows:
            self.windows.addItem(window.name or "from file")
        self.windows.addItem("custom")
        self.windows.setVisible(bool(self._windows))

    def show_window(self, level: float, width: float) -> None:
        """Show which preset the canvas shows, ``custom`` where none fits."""
        for place, window in enumerate(self._windows):
            if abs(window.level - level) < 0.5 and abs(window.width - width) < 0.5:
                self.windows.setCurrentIndex(place)
                return
        self.windows.setCurrentIndex(len(self._windows))

    def choose_window(self, place: int) -> bool:
        """Choose the preset at a place, from 0; returns whether there is one."""
        if place >= len(self._windows):
            return False
        self.windows.setCurrentIndex(place)
        self._window_picked(place)
        return True

    def _window_picked(self, place: int) -> None:
        if place < len(self._windows):
            window = self._windows[place]
            self.window_chosen.emit(window.level, window.width)

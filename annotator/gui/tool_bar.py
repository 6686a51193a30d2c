"""The bar of tools beside the canvas: one button a tool, in groups, in as many columns as fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QSizePolicy, QWidget

from annotator.gui.buttons import ToolButton

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QAction, QResizeEvent

SIDE = 34
_GAP = 3
_GROUP_GAP = 11
_MARGIN = 6


class ToolBar(QWidget):
    """Buttons of the action table one under the other; what does not fit begins a column."""

    def __init__(self, groups: Sequence[Sequence[QAction]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self._groups = [[self._button(action) for action in group] for group in groups]
        self._lines = [self._line() for _ in groups[1:]]
        self._n_columns = 1
        self.setFixedWidth(self._width(1))

    def minimumSizeHint(self) -> QSize:
        """Return a size that never makes a window larger."""
        return QSize(self._width(1), 4 * SIDE)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the buttons where there is room."""
        self._arrange(event.size().height())

    def _button(self, action: QAction) -> ToolButton:
        button = ToolButton(action, self)
        button.resize(SIDE, SIDE)
        return button

    def _line(self) -> QFrame:
        line = QFrame(self)
        line.setObjectName("toolLine")
        return line

    def _arrange(self, height: int) -> None:
        column, top = 0, _MARGIN
        for number, group in enumerate(self._groups):
            if number:
                line = self._lines[number - 1]
                line.setVisible(top > _MARGIN)
                line.setGeometry(_MARGIN + column * (SIDE + _GAP), top + 3, SIDE, 1)
                top += _GROUP_GAP - _GAP if top > _MARGIN else 0
            for button in group:
                if top + SIDE + _MARGIN > height and top > _MARGIN:
                    column, top = column + 1, _MARGIN
                button.move(_MARGIN + column * (SIDE + _GAP), top)
                top += SIDE + _GAP
        if column + 1 != self._n_columns:
            self._n_columns = column + 1
            self.setFixedWidth(self._width(self._n_columns))

    def _width(self, n_columns: int) -> int:
        return 2 * _MARGIN + n_columns * SIDE + (n_columns - 1) * _GAP

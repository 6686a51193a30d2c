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
    """Buttons of the action table one under the other; groups that do not fit begin a column."""

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
        places = self._places(height)
        n_columns = places[-1][-1][0] + 1
        longest = max(map(len, self._groups)) * (SIDE + _GAP) - _GAP + 2 * _MARGIN
        for limit in range(longest, height, SIDE):  # columns of about the same length
            shorter = self._places(limit)
            if shorter[-1][-1][0] < n_columns:
                places = shorter
                break
        for number, (group, there) in enumerate(zip(self._groups, places, strict=True)):
            if number:
                column, top = there[0]
                line = self._lines[number - 1]
                line.setVisible(top > _MARGIN)
                line.setGeometry(_MARGIN + column * (SIDE + _GAP), top - _GROUP_GAP // 2, SIDE, 1)
            for button, (column, top) in zip(group, there, strict=True):
                button.move(_MARGIN + column * (SIDE + _GAP), top)
        if n_columns != self._n_columns:
            self._n_columns = n_columns
            self.setFixedWidth(self._width(n_columns))

    def _places(self, height: int) -> list[list[tuple[int, int]]]:
        """Return column and top of each button, by group; a group is split only where it must."""
        column, top = 0, _MARGIN
        found = []
        for group in self._groups:
            length = len(group) * (SIDE + _GAP) - _GAP
            if top > _MARGIN:
                top += _GROUP_GAP - _GAP
                if top + length + _MARGIN > height >= length + 2 * _MARGIN:
                    column, top = column + 1, _MARGIN
            places = []
            for _ in group:
                if top + SIDE + _MARGIN > height and top > _MARGIN:
                    column, top = column + 1, _MARGIN
                places.append((column, top))
                top += SIDE + _GAP
            found.append(places)
        return found

    def _width(self, n_columns: int) -> int:
        return 2 * _MARGIN + n_columns * SIDE + (n_columns - 1) * _GAP

"""A list of rows with a title, a line below it and a chip; used wherever one picks from a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter
from qtpy.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from annotator.gui.theme import Tokens, shown_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

Index = QModelIndex | QPersistentModelIndex
_ROW = Qt.ItemDataRole.UserRole + 1
_PAD = 10
_MAX_LINES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: ``chip`` is a word on its state, ``tone`` good, caution, bad, info or empty."""

    key: str
    title: str
    detail: str = ""
    chip: str = ""
    tone: str = ""
    tooltip: str = ""

    @property
    def spoken(self) -> str:
        """What a screen reader says."""
        return ", ".join(part for part in (self.title, self.chip, self.detail) if part)


class RowList(QListWidget):
    """Rows to pick from by mouse or keyboard. Emits ``picked`` with the row's key."""

    picked = Signal(str)

    def __init__(self, name: str, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setToolTip(tooltip)
        self.setItemDelegate(_RowDelegate(self))
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setMouseTracking(True)
        self.setProperty("flat", True)
        self.itemClicked.connect(self._pick)
        self.itemActivated.connect(self._pick)

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows; the current one stays current where it still exists."""
        current = self.current_key()
        self.clear()
        for row in rows:
            item = QListWidgetItem(row.title)
            item.setData(_ROW, row)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, row.spoken)
            item.setToolTip(row.tooltip or row.spoken)
            self.addItem(item)
        if current is not None:
            self.set_current(current)

    def rows(self) -> list[Row]:
        """Return the rows as shown."""
        return [self.item(place).data(_ROW) for place in range(self.count())]

    def current_key(self) -> str | None:
        """Return the key of the current row."""
        item = self.currentItem()
        if item is None:
            return None
        row: Row = item.data(_ROW)
        return row.key

    def set_current(self, key: str | None) -> None:
        """Make the row of that key current, without picking it."""
        for place in range(self.count()):
            if self.item(place).data(_ROW).key == key:
                self.setCurrentRow(place)
                return
        self.setCurrentRow(-1)

    def resizeEvent(self, event: Any) -> None:  # noqa: ANN401 - a Qt event
        """Break the lines anew: a row's height depends on the width."""
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()

    def _pick(self, item: QListWidgetItem) -> None:
        self.picked.emit(item.data(_ROW).key)


class _RowDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        view = self.parent()
        width = view.viewport().width() if isinstance(view, QListWidget) else option.rect.width()
        row: Row = index.data(_ROW)
        metrics = QFontMetrics(option.font)
        n_lines = len(self._title_lines(row, option.font, width))
        height = n_lines * metrics.height() + 2 * _PAD - 4
        if row.detail:
            height += len(self._lines(row, option.font, width - 2 * _PAD)) * metrics.height() + 3
        if row.chip and self._chip_below(row, option.font, width):
            height += metrics.height() + 4
        return QSize(width, height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: Row = index.data(_ROW)
        tokens = shown_tokens()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = option.rect.adjusted(1, 1, -1, -1)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        self._back(painter, option, rect, tokens)
        metrics = QFontMetrics(option.font)
        x, y, width = rect.left() + _PAD - 1, rect.top() + _PAD - 3, rect.width() - 2 * _PAD + 2
        below = bool(row.chip) and self._chip_below(row, option.font, option.rect.width())
        if row.chip and not below:
            chip_width = metrics.horizontalAdvance(row.chip) + 16
            self._chip(
                painter, row, QRect(x + width - chip_width, y, chip_width, metrics.height()), tokens
            )
        bold = QFont(option.font)
        bold.setWeight(QFont.Weight.DemiBold)
        painter.setFont(bold)
        painter.setPen(QColor(tokens.on_selection if is_selected else tokens.text))
        for line in self._title_lines(row, option.font, option.rect.width()):
            painter.drawText(x, y + metrics.ascent(), line)
            y += metrics.height()
        y += 3
        if below:
            painter.setFont(option.font)
            chip_width = metrics.horizontalAdvance(row.chip) + 16
            self._chip(painter, row, QRect(x, y, chip_width, metrics.height()), tokens)
            y += metrics.height() + 4
        painter.setFont(option.font)
        painter.setPen(QColor(tokens.on_selection if is_selected else tokens.muted))
        for line in self._lines(row, option.font, option.rect.width() - 2 * _PAD):
            painter.drawText(x, y + metrics.ascent(), line)
            y += metrics.height()
        painter.restore()

    def _back(
        self, painter: QPainter, option: QStyleOptionViewItem, rect: QRect, tokens: Tokens
    ) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setBrush(QColor(tokens.selection))
            painter.drawRoundedRect(rect, 6, 6)
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(QColor(tokens.hover))
            painter.drawRoundedRect(rect, 6, 6)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QColor(tokens.focus))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect, 6, 6)

    def _chip(self, painter: QPainter, row: Row, rect: QRect, tokens: Tokens) -> None:
        tone = row.tone
        back = getattr(tokens, f"{tone}_fill") if tone else tokens.hover
        front = getattr(tokens, tone) if tone else tokens.text
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(back))
        painter.drawRoundedRect(rect, rect.height() / 2, rect.height() / 2)
        painter.setPen(QColor(front))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, row.chip)

    def _chip_below(self, row: Row, font: QFont, width: int) -> bool:
        bold = QFont(font)
        bold.setWeight(QFont.Weight.DemiBold)
        title = QFontMetrics(bold).horizontalAdvance(row.title)
        chip = QFontMetrics(font).horizontalAdvance(row.chip) + 24
        return title + chip > width - 2 * _PAD

    def _lines(self, row: Row, font: QFont, width: int) -> list[str]:
        metrics = QFontMetrics(font)
        parts = (_broken(part, metrics, width, _MAX_LINES) for part in row.detail.split("\n"))
        return [line for part in parts for line in part]

    def _title_lines(self, row: Row, font: QFont, width: int) -> list[str]:
        bold = QFont(font)
        bold.setWeight(QFont.Weight.DemiBold)
        if row.chip and not self._chip_below(row, font, width):
            return [row.title]
        return _broken(row.title, QFontMetrics(bold), width - 2 * _PAD, 2) or [row.title]


def _broken(text: str, metrics: QFontMetrics, width: int, most: int) -> list[str]:
    """Break a text into lines; what does not fit into ``most`` lines ends in …."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and metrics.horizontalAdvance(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    if line:
        lines.append(line)
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [metrics.elidedText(entry, Qt.TextElideMode.ElideRight, width) for entry in lines]

"""What a person sees of a widget tree: which words, which names, and whether they fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QTextDocument
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTabBar,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERACTIVE = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
)
_PARTS = (QHeaderView, QScrollBar)
"""Parts of a list or an area, which are worked through that one."""


def shown(root: QWidget) -> Iterator[QWidget]:
    """Yield every widget below one that is visible to a person."""
    for widget in root.findChildren(QWidget):
        if widget.isVisible() and not widget.visibleRegion().isEmpty():
            yield widget


def _is_part(widget: QWidget) -> bool:
    parent = widget.parent()
    return isinstance(widget, _PARTS) or (
        widget.objectName().startswith(("qt_", "Scroll"))
        or isinstance(parent, (QAbstractSpinBox, QComboBox, QTabBar, QAbstractItemView))
    )


def unnamed(root: QWidget) -> list[str]:
    """Return the interactive widgets without a name or without a word of help."""
    found = []
    for widget in shown(root):
        if not isinstance(widget, INTERACTIVE) or _is_part(widget):
            continue
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        if not (widget.accessibleName() or text):
            found.append(f"{_where(widget)}: no name")
        if not (widget.toolTip() or text):
            found.append(f"{_where(widget)}: neither tooltip nor text")
    return found


def cut_off(root: QWidget) -> list[str]:
    """Return the labels and buttons whose words do not fit into them."""
    found = []
    for widget in shown(root):
        if isinstance(widget, QLabel) and widget.text():
            is_whole = _fits_label(widget)
        elif isinstance(widget, QAbstractButton) and widget.text() and not _is_icon(widget):
            is_whole = widget.width() >= widget.minimumSizeHint().width()
            is_whole = is_whole and widget.height() >= widget.fontMetrics().height()
        else:
            continue
        if not is_whole and _words(widget) not in widget.toolTip():
            found.append(f"{_where(widget)}: {_words(widget)!r} in {widget.width()} px")
        if widget.width() > 0 and not _is_scrolled(widget):
            seen = widget.visibleRegion().boundingRect()
            if seen.width() < widget.width() or seen.height() < widget.height():
                found.append(f"{_where(widget)}: {_words(widget)!r} sticks out")
    return found


def _fits_label(label: QLabel) -> bool:
    room = label.contentsRect()
    if label.wordWrap():
        return label.heightForWidth(label.width()) <= label.height() + 1
    document = QTextDocument()
    document.setDefaultFont(label.font())
    document.setDocumentMargin(0)
    if label.textFormat() == Qt.TextFormat.RichText:
        document.setHtml(label.text())
    else:
        document.setPlainText(label.text())
    return document.idealWidth() <= room.width() + 1 and (
        document.size().height() <= room.height() + 1
    )


def _is_icon(button: QAbstractButton) -> bool:
    style = getattr(button, "toolButtonStyle", None)
    return style is not None and style() == Qt.ToolButtonStyle.ToolButtonIconOnly


def _is_scrolled(widget: QWidget) -> bool:
    """Whether a scroll area shows only a part of it for now."""
    parent = widget.parentWidget()
    while parent is not None:
        if parent.objectName() == "qt_scrollarea_viewport":
            return True
        parent = parent.parentWidget()
    return False


def _words(widget: QWidget) -> str:
    return widget.text() if isinstance(widget, (QLabel, QAbstractButton)) else ""


def _where(widget: QWidget) -> str:
    names: list[str] = []
    here: QWidget | None = widget
    while here is not None and len(names) < 4:
        names.append(f"{type(here).__name__}{'#' + here.objectName() if here.objectName() else ''}")
        here = here.parentWidget()
    return " < ".join(names)

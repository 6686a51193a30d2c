"""What stands around a canvas that is drawn on: strip, options of the tool, bar of tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from annotator.gui.tool_bar import ToolBar
    from annotator.gui.tool_options import ToolOptions
    from annotator.gui.tool_strip import ToolStrip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Workbench:
    """Three widgets that are shown and hidden together."""

    strip: ToolStrip
    options: ToolOptions
    bar: ToolBar

    def lay_out(self, canvas: QWidget) -> QHBoxLayout:
        """Put them above and to the left of what is drawn on."""
        column = QVBoxLayout()
        column.setSpacing(0)
        for part in (self.strip, self.options):
            column.addWidget(part)
        column.addWidget(canvas, 1)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.bar)
        row.addLayout(column, 1)
        return row

    def set_shown(self, on: bool) -> None:
        """Show or hide all of them."""
        for part in (self.strip, self.options, self.bar):
            part.setVisible(on)

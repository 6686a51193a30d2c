"""The line under the strip: the tool in hand, its size, what can be set of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QWidget
from superqt import QFlowLayout

from annotator.drawing.options import with_defaults
from annotator.drawing.tools import TOOLS
from annotator.gui.brush_size import BrushSize
from annotator.gui.buttons import label
from annotator.gui.option_form import HEIGHT, OptionForm, kept_options
from annotator.gui.rules_chip import RulesChip
from annotator.gui.tool_table import TOOL_GROUPS

if TYPE_CHECKING:
    from annotator.domain.schema import LabelSchema
    from annotator.drawing.options import Chosen
    from annotator.gui.settings import Settings

_LEAST_WIDTH = 400
_TITLES = {tool.name: tool.title for group in TOOL_GROUPS for tool in group}


class ToolOptions(QWidget):
    """What can be set of the tool in hand; remembered for each tool in the settings.

    ``chip``, which says what binds the tools, stands wherever it is put.
    """

    options_changed = Signal(str, object)
    """tool, what its options are set to"""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolStrip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._settings = settings
        self._schema: LabelSchema | None = None
        self._tool = ""
        self.form: OptionForm | None = None
        self._cells: list[QWidget] = []
        self.title = label("", "section")
        self.title.setFixedHeight(HEIGHT)
        self.brush = BrushSize(HEIGHT)
        self.chip = RulesChip()
        layout = QFlowLayout(self)
        layout.setContentsMargins(8, 3, 8, 3)
        layout.setSpacing(10)
        for part in (self.title, self.brush):
            layout.addWidget(part)
        self.chip.hide()

    def sizeHint(self) -> QSize:
        """Return the size in the least width that the line is ever shown in."""
        return QSize(_LEAST_WIDTH, self.heightForWidth(max(_LEAST_WIDTH, self.width())))

    def minimumSizeHint(self) -> QSize:
        """Return a height of one line."""
        return QSize(_LEAST_WIDTH, HEIGHT + 6)

    def use(self, schema: LabelSchema) -> None:
        """Show what is set, and offer the labels of another schema."""
        self.brush.use(
            mm=self._settings.brush_mm,
            pixels=self._settings.brush_px,
            follows_zoom=self._settings.brush_follows_zoom,
        )
        if schema != self._schema:
            self._schema = schema
            self.show_tool(self._tool)

    def chosen(self, tool: str) -> dict[str, Chosen]:
        """Return what the options of a tool are set to."""
        if tool not in TOOLS:
            return {}
        kept = self._settings.tool_options.get(tool, {})
        return kept_options(TOOLS[tool].options, kept, self._schema)

    def show_tool(self, name: str) -> None:
        """Show another tool."""
        self._tool = name
        self.title.setText(_TITLES.get(name, ""))
        tool = TOOLS.get(name)
        self.brush.setVisible(tool is not None and tool.has_size)
        for cell in self._cells:
            cell.hide()
            cell.deleteLater()
        self._cells, self.form = [], None
        layout = self.layout()
        if tool is not None and tool.options and layout is not None:
            self.form = OptionForm(tool.options, self.chosen(name), self._schema, self)
            self.form.hide()  # its fields stand in the line
            self.form.changed.connect(self._set)
            self._cells = [*self.form.cells(), self.form]
            for cell in self._cells[:-1]:
                layout.addWidget(cell)
                cell.show()
            self.form.show_asked()
        self.updateGeometry()

    def _set(self) -> None:
        if self.form is not None:
            chosen = with_defaults(TOOLS[self._tool].options, self.form.values())
            self._settings.tool_options[self._tool] = chosen
            self.options_changed.emit(self._tool, chosen)

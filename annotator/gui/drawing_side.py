"""On the right of whatever is drawn: operations, labels, the rules for all tools."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.label_palette import LabelPalette
from annotator.gui.operation_panel import OperationPanel
from annotator.gui.rules_panel import RulesPanel
from annotator.gui.rules_words import rules_words

if TYPE_CHECKING:
    from annotator.domain.schema import LabelSchema
    from annotator.drawing.rules import MaskingRules


class DrawingSide(QWidget):
    """Label palette with eyes and locks, rules under it, operations above while they are open.

    Emits ``rules_changed(MaskingRules)`` with all that binds the tools, and ``measure_wanted``.
    """

    rules_changed = Signal(object)
    measure_wanted = Signal()

    def __init__(
        self, schema: LabelSchema, *, opacity: float, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.schema = schema
        self.unit = ""
        self.labels = LabelPalette(schema, opacity=opacity)
        self.rules_panel = RulesPanel(schema)
        self.operations = OperationPanel(schema)
        self.measure = Button(
            "Statistics…",
            "Volume of each label, and the values of the image inside it.",
            self.measure_wanted.emit,
            kind="quiet",
        )
        head = QHBoxLayout()
        head.addWidget(label("Labels", "section"), 1)
        head.addWidget(self.measure)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.operations)
        layout.addLayout(head)
        layout.addWidget(self.labels)
        layout.addWidget(self.rules_panel)
        self.labels.visibility_changed.connect(self._tell)
        self.labels.locks_changed.connect(self._tell)
        self.rules_panel.changed.connect(self._tell)

    @property
    def rules(self) -> MaskingRules:
        """All that binds the tools."""
        return replace(self.rules_panel.rules, locked=self.labels.locked, hidden=self.labels.hidden)

    @property
    def rule_words(self) -> str:
        """What binds the tools, in words; empty where nothing does."""
        return rules_words(self.rules, self.schema, self.unit)

    def free(self) -> None:
        """Let tools draw everywhere: no rule, no lock."""
        self.labels.set_locked(frozenset())
        self.rules_panel.free()

    def _tell(self) -> None:
        self.rules_changed.emit(self.rules)

"""The panel of operations: which one, what can be set of it, what it suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFrame, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from annotator.drawing.tools import OPERATIONS
from annotator.gui.buttons import Button, label
from annotator.gui.option_form import OptionForm

if TYPE_CHECKING:
    from annotator.domain.schema import LabelSchema
    from annotator.drawing.options import Chosen


class OperationPanel(QFrame):
    """Stands above the labels while it is open; says nothing of masks itself."""

    chosen = Signal(str)
    """name of the operation to show"""
    changed = Signal()
    """an option was set"""
    preview_wanted = Signal()
    stop_wanted = Signal()
    accept_wanted = Signal(bool)
    """only the slice that is worked in"""
    drop_wanted = Signal()
    close_wanted = Signal()

    def __init__(self, schema: LabelSchema, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._schema = schema
        self.form: OptionForm | None = None
        self.operations = QComboBox()
        self.operations.setAccessibleName("Operation")
        self.operations.setToolTip("What to do to the labels.")
        for name, operation in OPERATIONS.items():
            self.operations.addItem(operation.title, name)
        self.operations.setMinimumContentsLength(12)
        self.operations.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.operations.activated.connect(lambda _: self.chosen.emit(self.operation))
        self.about = label("", "small", wrap=True)
        self.preview = Button(
            "Preview",
            "Work out what would change, and show it on the image.",
            self.preview_wanted.emit,
            kind="primary",
        )
        self.progress = QProgressBar()
        self.progress.setRange(0, 100)
        self.progress.setAccessibleName("How far it is")
        self.progress.setToolTip("How far the operation is.")
        self.stop = Button("Stop", "Stop working it out (Esc).", self.stop_wanted.emit)
        self.accept = Button(
            "Accept",
            "Write all that is suggested into your labels (Enter); one undo takes it back.",
            lambda: self.accept_wanted.emit(False),
            kind="primary",
        )
        self.accept_slice = Button(
            "This slice",
            "Write only what is suggested on the slice that you worked in last (Shift+Enter).",
            lambda: self.accept_wanted.emit(True),
        )
        self.drop = Button("Drop", "Take the suggestion away (Esc).", self.drop_wanted.emit)
        self.said = label("", "small", wrap=True)
        self.said.setAccessibleName("What the operation found")
        self._lay_out()
        self.show_state("idle", "")
        self.hide()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        close = Button("×", "Close the operations (W).", self.close_wanted.emit, kind="quiet")
        close.setAccessibleName("Close the operations")
        close.setStyleSheet("padding: 0;")
        close.setFixedSize(24, 24)
        head.addWidget(label("Operations", "section"), 1)
        head.addWidget(close)
        self._working = QWidget()
        working = QHBoxLayout(self._working)
        working.setContentsMargins(0, 0, 0, 0)
        working.addWidget(self.progress, 1)
        working.addWidget(self.stop)
        self._answers = QWidget()
        answers = QHBoxLayout(self._answers)
        answers.setContentsMargins(0, 0, 0, 0)
        answers.setSpacing(4)
        for button in (self.accept, self.accept_slice, self.drop):
            button.setStyleSheet("padding-left: 2px; padding-right: 2px;")
            answers.addWidget(button, 1)
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(10, 8, 10, 10)
        self._rows.setSpacing(6)
        self._rows.addLayout(head)
        for part in (
            self.operations,
            self.about,
            self.said,
            self.preview,
            self._working,
            self._answers,
        ):
            self._rows.addWidget(part)

    @property
    def operation(self) -> str:
        """The name of the operation that is shown."""
        return str(self.operations.currentData())

    def show_operation(self, name: str, chosen: dict[str, Chosen]) -> None:
        """Show an operation with what its options are set to."""
        operation = OPERATIONS[name]
        self.operations.setCurrentIndex(self.operations.findData(name))
        self.about.setText(operation.explanation)
        if self.form is not None:
            self.form.hide()
            self.form.deleteLater()
            self.form = None
        if operation.options:
            self.form = OptionForm(operation.options, chosen, self._schema)
            self.form.lay_in_rows()
            self.form.changed.connect(self.changed)
            self._rows.insertWidget(3, self.form)
        self.show_state("idle", "")

    def values(self) -> dict[str, Chosen]:
        """Return what the options are set to."""
        return {} if self.form is None else self.form.values()

    def show_state(self, state: str, words: str) -> None:
        """Show whether it is ``idle``, ``working`` or has ``suggested`` something, and words."""
        self.preview.setVisible(state == "idle")
        self._working.setVisible(state == "working")
        self._answers.setVisible(state == "suggested")
        if state == "working":
            self.progress.setValue(0)
        self.said.setText(words)
        self.said.setVisible(bool(words))

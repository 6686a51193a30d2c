"""The marks of a case in a section that folds: a list, the landmarks that are missing, one mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, IconSwitch, label
from annotator.gui.label_palette import swatch
from annotator.gui.rows import Row, RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.marks import Mark
    from annotator.domain.schema import LabelSchema

NEXT = "next"
"""What the list says of the landmark in hand."""
_MISSING = "?"
"""Before the key of a landmark that is not set."""
_MOST_PX = 236
"""The list scrolls where it would be higher."""
_EMPTY = "Nothing is set. Measure (.), Point (,), Box (Alt+B) leave marks."
_LONGEST_NAME = 60


class MarkPanel(QWidget):
    """Lists marks, names and labels the one that is chosen; knows nothing of images.

    Signals
    -------
    picked : int
        Number of a mark to go to.
    landmark_wanted : str
        Key of a landmark to be set.
    named : str
        The name for the chosen mark.
    labelled : int
        The label that the chosen mark is about, 0 for none.
    delete_wanted, copy_wanted
        The chosen mark is to go; all are to be copied as a table.
    shown_changed : bool
        Whether marks are to be seen on the image.
    """

    picked = Signal(int)
    landmark_wanted = Signal(str)
    named = Signal(str)
    labelled = Signal(int)
    delete_wanted = Signal()
    copy_wanted = Signal()
    shown_changed = Signal(bool)

    def __init__(self, schema: LabelSchema, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._schema = schema
        self._is_open = False
        self._n_marks = 0
        self.fold = Button("", "", self.turn, kind="quiet")
        self.fold.setStyleSheet("text-align: left; padding-left: 0;")
        self.eye = IconSwitch(
            "eye", "eye-off", "Show marks", "Show or hide points, lines and boxes (Alt+H).", self
        )
        self.eye.toggled.connect(self.shown_changed)
        self.list = RowList("Marks", "Click a mark to go to it, a missing landmark to set it.")
        self.list.picked.connect(self._pick)
        self.about = label(_EMPTY, "small", wrap=True)
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name")
        self.name.setMaxLength(_LONGEST_NAME)
        self.name.setAccessibleName("Name of the mark")
        self.name.setToolTip("What the chosen mark is called; landmarks have the schema's name.")
        self.name.editingFinished.connect(lambda: self.named.emit(self.name.text().strip()))
        self.label = QComboBox()
        self.label.setAccessibleName("Label that the mark is about")
        self.label.setToolTip("The label that the chosen mark is about; it has its colour then.")
        self.label.setMinimumContentsLength(6)
        self.label.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.label.addItem("No label", 0)
        for entry in schema.labels:
            self.label.addItem(swatch(entry.color), entry.name, entry.value)
        self.label.activated.connect(lambda _: self.labelled.emit(int(self.label.currentData())))
        self.delete = Button(
            "Delete",
            "Take the chosen mark away (Delete); undo brings it back.",
            self.delete_wanted.emit,
        )
        self.copy = Button(
            "Copy table",
            "Copy all marks with what they measure, to paste them into a spreadsheet.",
            self.copy_wanted.emit,
        )
        self._lay_out()
        self.show_marks((), None)
        if schema.landmarks:
            self.turn()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(2)
        head.addWidget(self.fold)
        head.addStretch(1)
        head.addWidget(self.eye)
        self._one = QWidget()
        one = QGridLayout(self._one)
        one.setContentsMargins(0, 0, 0, 0)
        one.setSpacing(5)
        one.addWidget(self.name, 0, 0)
        one.addWidget(self.label, 0, 1)
        one.addWidget(self.copy, 1, 0)
        one.addWidget(self.delete, 1, 1)
        one.setColumnStretch(0, 1)
        one.setColumnStretch(1, 1)
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 4)
        body.setSpacing(6)
        for part in (self.about, self.list, self._one):
            body.addWidget(part)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self._body)

    @property
    def is_open(self) -> bool:
        """Whether the list is unfolded."""
        return self._is_open

    def turn(self) -> None:
        """Unfold the list, or fold it."""
        self._is_open = not self._is_open
        self._say()

    def set_eye(self, on: bool) -> None:
        """Show whether marks are seen."""
        self.eye.setChecked(on)

    def show_marks(self, rows: Sequence[Row], chosen: Mark | None) -> None:
        """List marks and missing landmarks; the first mark of all unfolds the list."""
        n_marks = sum(not row.key.startswith(_MISSING) for row in rows)
        if n_marks and not self._n_marks:
            self._is_open = True
        elif self._n_marks and not rows:
            self._is_open = False
        self._n_marks = n_marks
        self.list.set_rows(rows)
        self.list.set_current(None if chosen is None else str(chosen.mark_id))
        wanted = [place for place, row in enumerate(rows) if row.chip == NEXT]
        if wanted:
            self.list.scrollToItem(self.list.item(wanted[0]))
        self._one.setVisible(n_marks > 0)
        for part in (self.name, self.label, self.delete):
            part.setEnabled(chosen is not None)
        is_landmark = chosen is not None and chosen.kind == "landmark"
        self.name.setReadOnly(is_landmark)
        found = self._schema.landmark(chosen.name) if chosen and is_landmark else None
        self.name.setText(found.title if found else chosen.name if chosen else "")
        self.name.setCursorPosition(0)
        place = self.label.findData(0 if chosen is None else chosen.label)
        self.label.setCurrentIndex(max(0, place))
        self._say()

    def _say(self) -> None:
        self._body.setVisible(self._is_open)
        n_rows = self.list.count()
        self.list.setVisible(n_rows > 0)
        self.about.setVisible(n_rows == 0)
        self.list.setFixedHeight(self._height())
        count = f" ({self._n_marks})" if self._n_marks else ""
        self.fold.setText(f"{'▾' if self._is_open else '▸'}  Marks{count}")
        self.fold.setAccessibleName("Marks")
        self.fold.setToolTip(
            f"{'Hide' if self._is_open else 'Show'} the list of points, landmarks, lines, angles, "
            "areas and boxes."
        )

    def _height(self) -> int:
        height = 2 * self.list.frameWidth() + 2
        for row in range(self.list.count()):
            height += self.list.sizeHintForRow(row)
            if height >= _MOST_PX:
                return _MOST_PX
        return height

    def _pick(self, key: str) -> None:
        if key.startswith(_MISSING):
            self.landmark_wanted.emit(key[len(_MISSING) :])
        else:
            self.picked.emit(int(key))


def missing_row(key: str, title: str, *, required: bool, in_hand: bool) -> Row:
    """Return the row of a landmark that is not set."""
    return Row(
        key=f"{_MISSING}{key}",
        title=title,
        chip=NEXT if in_hand else "missing",
        tone="info" if in_hand else "caution" if required else "",
        tooltip=f"{title} is not set. Click here, then on the image.",
    )

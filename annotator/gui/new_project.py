"""The form for a new project: where it lies, and what is drawn in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from annotator.domain.errors import AnnotatorError
from annotator.gui.buttons import Button, label
from annotator.session.schema_io import bundled_schemas, default_schema, find_schema

if TYPE_CHECKING:
    from annotator.domain.schema import LabelSchema

FROM_FILE = "file"


def schema_words(schema: LabelSchema) -> str:
    """Say in a few words what a schema asks for."""
    names = ", ".join(entry.name for entry in schema.labels[:6])
    more = f" and {len(schema.labels) - 6} more" if len(schema.labels) > 6 else ""
    asked = ", ".join(field.title for field in schema.fields) or "nothing"
    groups = ", ".join(group or "other labels" for group in schema.groups)
    may = f" Groups that may overlap: {groups}." if len(schema.groups) > 1 else ""
    return f"Labels: {names}{more}.{may} Asks: {asked}."


class NewProjectDialog(QDialog):
    """Title, directory and label schema; ``location``, ``title`` and ``schema`` when accepted."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("New project")
        self.location = ""
        self.title = ""
        self.schema: LabelSchema = default_schema()
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the project")
        self.name.setToolTip("What the project is called, for example “Lung nodules 2026”.")
        self.name.setPlaceholderText("For example: Lung nodules 2026")
        self.folder = QLineEdit(str(Path.home()))
        self.folder.setAccessibleName("Folder in which the project directory is made")
        self.folder.setToolTip("The project becomes a new directory in this folder.")
        self.browse = Button("Choose…", "Choose the folder.", self._browse)
        self.schemas = QComboBox()
        self.schemas.setAccessibleName("What is drawn and asked")
        self.schemas.setToolTip("Labels to draw and questions to answer.")
        self._found: list[LabelSchema] = []
        for name in bundled_schemas():
            self._add(find_schema(name))
        self.schemas.addItem("From a JSON file…", FROM_FILE)
        self.schemas.activated.connect(self._schema_picked)
        self.about = label("", "small", wrap=True)
        self.place = label("", "small", wrap=True)
        self.complaint = label("", tone="bad", wrap=True)
        self.complaint.hide()
        self._lay_out()
        self.name.textChanged.connect(lambda _: self._say())
        self.folder.textChanged.connect(lambda _: self._say())
        self._say()
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)

    def _lay_out(self) -> None:
        folder_row = QHBoxLayout()
        folder_row.addWidget(self.folder, 1)
        folder_row.addWidget(self.browse)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(Button("Cancel", "Make no project.", self.reject))
        self.make = Button(
            "Make project", "Make the project and open it.", self._try, kind="primary"
        )
        self.make.setDefault(True)
        buttons.addWidget(self.make)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(6)
        for title, widget in (
            ("Name", self.name),
            ("Folder", None),
            ("What is drawn", self.schemas),
        ):
            layout.addWidget(label(title, "section"))
            if widget is None:
                layout.addLayout(folder_row)
                layout.addWidget(self.place)
            else:
                layout.addWidget(widget)
        layout.addWidget(self.about)
        layout.addWidget(self.complaint)
        layout.addStretch(1)
        layout.addLayout(buttons)
        self.setMinimumWidth(520)

    def _add(self, schema: LabelSchema) -> None:
        self._found.append(schema)
        self.schemas.insertItem(len(self._found) - 1, schema.title, len(self._found) - 1)

    def _schema_picked(self, row: int) -> None:
        if self.schemas.itemData(row) == FROM_FILE:
            path, _ = QFileDialog.getOpenFileName(self, "Label schema", "", "JSON (*.json)")
            self.schemas.setCurrentIndex(0)
            if path:
                try:
                    self._add(find_schema(path))
                    self.schemas.setCurrentIndex(len(self._found) - 1)
                except AnnotatorError as error:
                    self._complain(str(error))
                    return
        self._say()

    def _directory(self) -> Path:
        name = "".join(
            letter if letter.isalnum() or letter in " -_." else "-" for letter in self.name.text()
        )
        return Path(self.folder.text()).expanduser() / (name.strip(" .") or "project")

    def _say(self) -> None:
        self.complaint.hide()
        self.place.setText(f"The project becomes {self._directory()}")
        row = self.schemas.currentData()
        if isinstance(row, int):
            self.about.setText(schema_words(self._found[row]))
        self.make.setEnabled(bool(self.name.text().strip()))

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self, "Folder for the project", self.folder.text()
        )
        if chosen:
            self.folder.setText(chosen)

    def _complain(self, words: str) -> None:
        self.complaint.setText(words)
        self.complaint.show()

    def _try(self) -> None:
        directory = self._directory()
        if (directory / "project.sqlite").exists():
            self._complain(f"There is a project in {directory} already; choose another name.")
            return
        if not Path(self.folder.text()).expanduser().is_dir():
            self._complain(f"There is no folder {self.folder.text()}.")
            return
        self.location = str(directory)
        self.title = self.name.text().strip()
        self.schema = self._found[int(self.schemas.currentData())]
        self.accept()

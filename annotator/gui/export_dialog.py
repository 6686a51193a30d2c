"""What to export, in which format, and where to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QButtonGroup,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QRadioButton,
    QVBoxLayout,
)

from annotator.gui.buttons import Button, label

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

FORMATS: tuple[tuple[str, str, str], ...] = (
    ("nifti", "NIfTI", "Masks of each rater, fused and adjudicated, and probability, as .nii.gz"),
    ("dicom-seg", "DICOM SEG", "The same masks as DICOM segmentations, with the reader's name"),
    ("ome-tiff", "OME-TIFF", "Masks of pictures and slides, in tiles and at several levels"),
    ("csv", "CSV tables", "Readings, agreement, findings and verdicts as tables"),
    ("json", "JSON", "The same as one JSON document"),
    ("swc", "SWC", "Tracings: each tracer's, the signed-off ones, and what was found in them"),
    ("mrk.json", "Markups", "Points, landmarks, lines, areas and boxes, for 3D Slicer"),
)
"""(format, title, what it holds)"""


class ExportDialog(QDialog):
    """``format`` and ``directory`` hold the choice once accepted."""

    def __init__(self, directory: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export")
        self.format = FORMATS[0][0]
        self._group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(6)
        layout.addWidget(label("Format", "section"))
        self.buttons: dict[str, QRadioButton] = {}
        for name, title, what in FORMATS:
            button = QRadioButton(title)
            button.setAccessibleName(f"Export as {title}")
            button.setToolTip(what)
            button.toggled.connect(lambda on, name=name: self._choose(name) if on else None)
            self._group.addButton(button)
            layout.addWidget(button)
            about = label(what, "small", wrap=True)
            about.setContentsMargins(26, 0, 0, 4)
            layout.addWidget(about)
            self.buttons[name] = button
        self.buttons[self.format].setChecked(True)
        self.directory = QLineEdit(directory)
        self.directory.setAccessibleName("Directory to write to")
        self.directory.setToolTip("Files are written into this directory; it is made if needed.")
        row = QHBoxLayout()
        row.addWidget(self.directory, 1)
        row.addWidget(Button("Choose…", "Choose the directory.", self._browse))
        layout.addWidget(label("Directory", "section"))
        layout.addLayout(row)
        layout.addWidget(
            label("Every file is read back and compared before it counts as done.", "small")
        )
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(Button("Cancel", "Export nothing.", self.reject))
        self.go = Button(
            "Export", "Write the files; you can go on working.", self.accept, kind="primary"
        )
        self.go.setDefault(True)
        self.directory.textChanged.connect(lambda text: self.go.setEnabled(bool(text.strip())))
        buttons.addWidget(self.go)
        layout.addSpacing(8)
        layout.addLayout(buttons)
        self.setMinimumWidth(500)

    def chosen_directory(self) -> str:
        """Return the directory, with ``~`` resolved."""
        return str(Path(self.directory.text().strip()).expanduser())

    def _choose(self, name: str) -> None:
        self.format = name

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Export to", self.directory.text())
        if chosen:
            self.directory.setText(chosen)

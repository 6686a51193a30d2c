"""Where a network can come from, and what must lie beside it: shown until one was found."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label

FORMATS: tuple[tuple[str, str], ...] = (
    ("MONAI bundle", "the folder with configs and models; it brings its own card"),
    ("nnU-Net v2", "the folder with plans.json, dataset.json and fold_0 …; it brings its own card"),
    ("TorchScript", "a file .ts or .pt, and its card"),
    ("torch.export", "a file .pt2, and its card"),
    ("ONNX", "a file .onnx, files of weights beside it, and its card"),
    ("PyTorch weights", "a file .safetensors or .pt, and a card that names the architecture"),
)
CARD = """{
  "title": "Liver tumours",
  "n_dims": 3,
  "n_channels": 1,
  "labels": {"1": "Liver", "2": "Tumour"},
  "spacing_mm": [2.5, 1.0, 1.0],
  "intensity": {"scaling": "range", "low": -200, "high": 250},
  "licence": "CC-BY-4.0"
}"""


class NetworkGuide(QWidget):
    """The formats in a table, and a card to begin with."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 6)
        layout.setSpacing(6)
        layout.addWidget(label("What can be added", "section"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setColumnStretch(1, 1)
        for row, (name, what) in enumerate(FORMATS):
            grid.addWidget(label(name), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label(what, "muted", wrap=True), row, 1)
        layout.addLayout(grid)
        layout.addSpacing(8)
        layout.addWidget(label("What a card is", "section"))
        layout.addWidget(
            label(
                "A text file beside the network that has its name: nodules.json for nodules.onnx. "
                "It says what the network takes in, what each of its outputs shows, and what a "
                "person should know before trusting it. The four lines at the top are needed.",
                "muted",
                wrap=True,
            )
        )
        example = label(CARD, "code")
        example.setAccessibleName("An example of a card")
        example.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(example)
        row_of_one = QHBoxLayout()
        self.copy = Button("Copy this card", "Take the example along, to change it.", self._copy)
        row_of_one.addWidget(self.copy)
        row_of_one.addStretch(1)
        layout.addLayout(row_of_one)

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(CARD)
        self.copy.setText("Copied")

"""A table of what is drawn: how much of each label, and the values of the image inside it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QVBoxLayout,
)

from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.measures import measure_label
from annotator.drawing.slide_surface import SlideSurface
from annotator.gui.buttons import Button, label
from annotator.gui.keyed_table import KeyedTable
from annotator.gui.slide_counts import SlideCounts

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from annotator.domain.schema import Label, LabelSchema
    from annotator.drawing.surface import Surface


class StatisticsDialog(QDialog):
    """One row a label, measured one after the other, so that the window never waits long."""

    def __init__(self, surface: Surface, schema: LabelSchema, unit: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Label statistics")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._surface = surface
        self._waiting = list(schema.labels)
        self._ended = "Voxels that labels share count for each." if len(schema.groups) > 1 else ""
        self.rows: list[tuple[str, ...]] = []
        named = f", {unit}" if unit else ""
        self._counting = SlideCounts(surface) if isinstance(surface, SlideSurface) else None
        is_flat = surface.shape[0] == 1
        self.columns = (
            ("Label", "Name in the schema", 0),
            ("Voxels", "How many voxels have the label", 90),
            (f"Area, {surface.unit}²" if is_flat else "Volume, ml", "Of these voxels", 90),
            (f"Longest, {surface.unit}", "Between the two voxels that lie farthest apart", 90),
            (f"Mean{named}", "Of the values of the image inside the label", 100),
            ("SD", "Of the values of the image inside the label", 80),
            ("Lowest", "Lowest value of the image inside the label", 80),
            ("Median", "Median of the values of the image inside the label", 80),
            ("Highest", "Highest value of the image inside the label", 80),
        )
        self.table = KeyedTable("Labels", "What is drawn, one row a label.", self.columns)
        self.about = label("Being measured…", "muted")
        self.copy = Button("Copy", "Copy the table, to paste it into a spreadsheet.", self._copy)
        self.save = Button("Save as CSV…", "Write the table as a file.", self._save)
        foot = QHBoxLayout()
        foot.addWidget(self.about, 1)
        foot.addWidget(self.copy)
        foot.addWidget(self.save)
        foot.addWidget(Button("Close", "Close the table (Esc).", self.reject, kind="primary"))
        layout = QVBoxLayout(self)
        layout.addWidget(self.table, 1)
        layout.addLayout(foot)
        self.resize(920, 320)
        self._next = QTimer(self, interval=0 if self._counting is None else 20)
        self._next.timeout.connect(self._measure)
        self._next.start()

    @property
    def is_done(self) -> bool:
        """Whether every label was measured."""
        return not self._waiting

    def _measure(self) -> None:
        if self._counting is not None and not self._counting.is_done:
            return
        if self._waiting:
            entry = self._waiting.pop(0)
            counted = self._counting
            self.rows.append(_row(self._surface, entry) if counted is None else counted.row(entry))
            self.table.set_rows([(row[0], row) for row in self.rows])
        if not self._waiting:
            self._next.stop()
            self.about.setText(self._ended)

    def _text(self, delimiter: str) -> str:
        written = io.StringIO()
        writer = csv.writer(written, delimiter=delimiter, lineterminator="\n")
        writer.writerow([title for title, _, _ in self.columns])
        writer.writerows(self.rows)
        return written.getvalue()

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        clipboard.setText(self._text("\t"))
        self.about.setText("Copied.")

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save table", "labels.csv", "CSV (*.csv)")
        if path:
            try:
                Path(path).write_text(self._text(","), encoding="utf-8")
            except OSError as error:
                self.about.setText(f"The table could not be written: {error.strerror or error}.")
            else:
                self.about.setText(f"Written to {path}.")


def _row(surface: Surface, entry: Label) -> tuple[str, ...]:
    try:
        found = measure_label(surface, entry.value)
    except NothingToDoError:
        return (entry.name, "0", "0", "", "", "", "", "", "")
    size = sum(found.slice_areas_mm2) if surface.shape[0] == 1 else found.volume_ml
    row = (entry.name, str(found.n_voxels), f"{size:.4g}", f"{found.longest_mm:.4g}")
    seen = found.intensities
    if seen is None:
        return (*row, "", "", "", "", "")
    values = (seen.mean, seen.sd, seen.minimum, seen.median, seen.maximum)
    return (*row, *(f"{value:.5g}" for value in values))

"""The dock widget that lays tracings of one neuron over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QAbstractItemView, QDoubleSpinBox, QTableWidget, QTableWidgetItem

from annotator_napari.tracing_widget import TracingWidget
from annotator_napari.tracing_work import SHOWN_METRICS, compare_tracings

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari.components import ViewerModel

    from annotator.api.tracing import TracedImage
    from annotator_napari.tracing_work import Looked, Step

FIRST_TOLERANCE_UM = 3.0


class CompareTracingsWidget(TracingWidget):
    """Measures every pair, lists where tracers differ, and adds their consensus."""

    go_title = "Compare"

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.go.setToolTip("Measure each pair and list where they differ; two files or more")
        self.tolerance = QDoubleSpinBox()
        self.tolerance.setRange(0.01, 1000.0)
        self.tolerance.setValue(FIRST_TOLERANCE_UM)
        self.tolerance.setSuffix(" µm")
        self.tolerance.setAccessibleName("Tolerance")
        self.tolerance.setToolTip(
            "Cable is the same within this: below the distance of branches, above what hands shake"
        )
        self.form.addRow("Tolerance", self.tolerance)
        self.pairs = QTableWidget(0, 2 + len(SHOWN_METRICS))
        self.pairs.setAccessibleName("Metrics of each pair")
        self.pairs.setHorizontalHeaderLabels(["Tracing", "against", *SHOWN_METRICS.values()])
        self.pairs.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.pairs.verticalHeader().hide()
        self.pairs.setMaximumHeight(160)
        self.body.insertWidget(self.body.indexOf(self.table), self.pairs)

    def _work(self, image: TracedImage | None) -> Generator[Step, None, Looked]:
        return compare_tracings(
            self.paths(), image, self.unit.currentData(), self.tolerance.value()
        )

    def _told(self, looked: Looked) -> str:
        self.pairs.setRowCount(len(looked.metrics))
        for row, pair in enumerate(looked.metrics):
            numbers = [pair[key] for key in SHOWN_METRICS]
            words = ["–" if number is None else f"{number:.3f}" for number in numbers]
            for column, text in enumerate((pair["test"], pair["reference"], *words)):
                self.pairs.setItem(row, column, QTableWidgetItem(text))
        self.pairs.resizeColumnsToContents()
        merged = "nothing" if looked.consensus is None else f"{len(looked.consensus)} nodes"
        return f"{len(looked.found)} places where tracers differ; in common: {merged}."

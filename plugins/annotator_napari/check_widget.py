"""The dock widget that checks tracings, with the image or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox

from annotator.analysis.tracing.thresholds import PRESETS, find_preset
from annotator_napari.tracing_widget import TracingWidget
from annotator_napari.tracing_work import check_tracings

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari.components import ViewerModel

    from annotator.api.tracing import TracedImage
    from annotator_napari.tracing_work import Looked, Step


class CheckTracingWidget(TracingWidget):
    """Asks every check of the listed files; a row of the table takes the view there."""

    go_title = "Check"

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.go.setToolTip("Ask every check; those of the image need an image layer")
        self.preset = QComboBox()
        self.preset.setAccessibleName("Thresholds")
        self.preset.setToolTip("Strict for a last look, lenient for a first one")
        for name in PRESETS:
            self.preset.addItem(name, name)
        self.form.addRow("Thresholds", self.preset)

    def _work(self, image: TracedImage | None) -> Generator[Step, None, Looked]:
        thresholds = find_preset(str(self.preset.currentData()))
        return check_tracings(self.paths(), image, self.unit.currentData(), thresholds)

    def _told(self, looked: Looked) -> str:
        lines = []
        for tracing in looked.tracings:
            n_found = sum(one.tracing is tracing for one in looked.found)
            lines.append(f"{tracing.name}: {len(tracing.tree)} nodes, {n_found} findings")
            if tracing.told:
                lines[-1] += f" ({tracing.told})"
        return "\n".join(lines)

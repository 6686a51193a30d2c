"""The dock widget: tick Labels layers, choose a method, get a fused layer and where they differ."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotator.api import FusionMethod
from annotator.domain.errors import AnnotatorError, GeometryMismatchError
from annotator.registry import Registry
from annotator_napari.fusing import fuse_labels

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from annotator_napari.fusing import Fused

COLUMNS = ("Layers", "Label", "Dice")


class FuseLabelsWidget(QWidget):
    """Fuses the ticked Labels layers of a viewer. Layers that it adds are ordinary layers.

    Must not write to a layer that it did not add.
    """

    def __init__(self, napari_viewer: ViewerModel, registry: Registry | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._registry = registry or Registry.load()
        self.layers = QListWidget()
        self.layers.setAccessibleName("Labels layers to fuse")
        self.method = QComboBox()
        self.method.setAccessibleName("Fusion method")
        for method in self._registry.fusion_methods():
            if isinstance(method, FusionMethod):  # layers are not a case that others could look at
                self.method.addItem(method.title, method.name)
        self.fuse = QPushButton("Fuse")
        self.fuse.setToolTip("Add the fused labels and a map of the disagreement as new layers")
        self.fuse.clicked.connect(self._fuse)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setAccessibleName("Agreement of each pair of layers")
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("Layers, one a rater:"))
        for widget in (self.layers, self.method, self.fuse, self.message, self.table):
            layout.addWidget(widget)
        for event in (napari_viewer.layers.events.inserted, napari_viewer.layers.events.removed):
            event.connect(self._list_layers)
        self._list_layers()

    def chosen(self) -> tuple[Labels, ...]:
        """Return the ticked layers, in the order of the viewer."""
        items = [self.layers.item(row) for row in range(self.layers.count())]
        names = {item.text() for item in items if item.checkState() == Qt.CheckState.Checked}
        return tuple(layer for layer in self._labels() if layer.name in names)

    def _labels(self) -> list[Labels]:
        return [layer for layer in self._viewer.layers if isinstance(layer, Labels)]

    def _list_layers(self) -> None:
        """List the Labels layers; those that were ticked stay ticked, new ones are not."""
        ticked = {layer.name for layer in self.chosen()}
        self.layers.clear()
        for layer in self._labels():
            item = QListWidgetItem(layer.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            is_ticked = layer.name in ticked
            item.setCheckState(Qt.CheckState.Checked if is_ticked else Qt.CheckState.Unchecked)
            self.layers.addItem(item)

    def _fuse(self) -> None:
        layers = self.chosen()
        try:
            method = self._registry.fusion_method(self.method.currentData())
            _require_same_place(layers)
            fused = fuse_labels(
                {layer.name: np.asarray(layer.data) for layer in layers},
                method,
                voxel_mm3=float(prod(layers[0].scale)) if layers else 1.0,
            )
        except AnnotatorError as error:
            self.message.setText(str(error))
            return
        self._show(fused, layers[0], method.title)

    def _show(self, fused: Fused, like: Labels, title: str) -> None:
        place = {"scale": like.scale, "translate": like.translate}
        self._viewer.add_image(
            fused.entropy, name=f"Disagreement ({title})", colormap="inferno", opacity=0.6, **place
        )
        self._viewer.add_labels(fused.labels, name=f"Fused ({title})", **place)
        self.table.setRowCount(0)
        for pair in fused.agreement:
            row = self.table.rowCount()
            self.table.insertRow(row)
            dice = "neither drew it" if pair.dice is None else f"{pair.dice:.3f}"
            for column, text in enumerate((f"{pair.first} – {pair.second}", str(pair.label), dice)):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.message.setText(" ".join(fused.warnings))


def _require_same_place(layers: tuple[Labels, ...]) -> None:
    for layer in layers[1:]:
        first = layers[0]
        is_same = np.allclose(layer.scale, first.scale) if layer.ndim == first.ndim else False
        if not is_same or not np.allclose(layer.translate, first.translate):
            raise GeometryMismatchError(
                f"{layer.name} does not lie where {first.name} lies: their shapes, scales or "
                "positions differ"
            )

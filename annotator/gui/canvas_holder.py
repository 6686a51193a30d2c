"""The place of the canvas, which is imported and built only when a case opens."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QSplitter,
    QStackedWidget,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from annotator.domain.label_groups import label_names
from annotator.gui.buttons import Button, label
from annotator.gui.empty_state import EmptyState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.mask_levels import MaskLevels
    from annotator.analysis.pyramid import PyramidVoxels
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series
    from annotator.gui.canvas import Canvas


def import_canvas() -> None:
    """Import the canvas and all that it needs; takes seconds the first time, off the window."""
    importlib.import_module("annotator.gui.canvas")


class CanvasHolder(QWidget):
    """Shows an empty state, or the canvas with a line that says what is under the pointer.

    Emits ``canvas_made(canvas)`` once, when the first case opens.
    """

    canvas_made = Signal(object)

    def __init__(self, empty: EmptyState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.empty = empty
        self.canvas: Canvas | None = None
        self._voxels: NDArray[Any] | PyramidVoxels | None = None
        self._series: Series | None = None
        self._mask: NDArray[Any] | None = None
        self._names: dict[int, str] = {}
        self._busy = EmptyState("job", "Opening…", "", is_busy=True)
        self._stack = QStackedWidget()
        self._stack.addWidget(empty)
        self._stack.addWidget(self._busy)
        self.readout = label("", "small")
        self.readout.setAccessibleName("Value under the pointer")
        self.readout.setToolTip("Position (slice, row, column), value and label under the pointer.")
        self._foot = QWidget()
        self._foot.setObjectName("bottombar")
        self._foot.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.foot = QHBoxLayout(self._foot)
        self.foot.setContentsMargins(10, 3, 10, 3)
        self.foot.addWidget(self.readout, 1)
        self.notes = Button(
            "About this image", "", self._tell_notes, kind="quiet", icon_name="warning"
        )
        self.foot.addWidget(self.notes)
        self._foot.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setHandleWidth(2)
        self._split.addWidget(self._stack)
        self._split.setCollapsible(0, False)
        layout.addWidget(self._split, 1)
        layout.addWidget(self._foot)

    def show_empty(self) -> None:
        """Let the case go and show the empty state."""
        if self.canvas is not None:
            self.canvas.clear()
        self._voxels = self._mask = self._series = None
        self._stack.setCurrentWidget(self.empty)
        self._foot.hide()

    def show_busy(self, title: str, explanation: str) -> None:
        """Say what is going on until the case is there; also why the first one takes longer."""
        if self.canvas is None:
            explanation += " The first case takes longer: the program loads what shows images."
        self._busy.say(title, explanation)
        self._stack.setCurrentWidget(self._busy)
        self._foot.hide()

    def show_case(
        self,
        voxels: NDArray[Any] | PyramidVoxels,
        series: Series,
        mask: NDArray[Any],
        schema: LabelSchema,
        levels: MaskLevels | None = None,
    ) -> Canvas:
        """Show a series with a mask on it; the canvas is built at the first call.

        ``levels`` are those of the mask of a slide on which something is drawn.
        """
        canvas = self._canvas()
        self._voxels, self._series, self._mask = voxels, series, mask
        self._names = label_names(schema)
        self._stack.setCurrentWidget(canvas)
        self._foot.show()
        self.notes.setVisible(bool(series.notes))
        self.notes.setToolTip("\n".join(("How this image was read:", *series.notes)))
        canvas.show_volume(voxels, series, mask, schema, levels)
        self._voxels = canvas.slide.picture or voxels
        return canvas

    def put_beside(self, widget: QWidget) -> None:
        """Give a widget the right half, whenever it is shown."""
        self._split.addWidget(widget)
        self._split.setCollapsible(1, False)
        self._split.setSizes([1000, 1000])

    def watch_mask(self, mask: NDArray[Any]) -> None:
        """Name labels under the pointer by another mask from now on."""
        self._mask = mask

    def _tell_notes(self) -> None:
        corner = self.notes.mapToGlobal(self.notes.rect().topLeft())
        QToolTip.showText(corner, self.notes.toolTip(), self.notes)

    def _canvas(self) -> Canvas:
        if self.canvas is None:
            from annotator.gui.canvas import Canvas

            self.canvas = Canvas()
            self.canvas.setAccessibleName("Image")
            self._stack.addWidget(self.canvas)
            self.canvas.cursor_moved.connect(self._read)
            self.canvas_made.emit(self.canvas)
        return self.canvas

    def _read(self, place: tuple[int, int, int] | None) -> None:
        if place is None or self._voxels is None or self._series is None or self._mask is None:
            self.readout.setText("")
            return
        z, y, x = place
        stored = self._voxels[z, y, x]
        series = self._series
        if series.n_channels > 1:
            value = "RGB " + " ".join(str(int(part)) for part in stored)
        else:
            unit = " HU" if series.modality == "CT" else ""
            value = f"{float(stored) * series.slope + series.intercept:g}{unit}"
        names = self._names.get(int(self._mask[z, y, x]), "")
        name = f" · {names}" if names else ""
        where = f"row {y + 1}, column {x + 1}"
        if series.geometry.shape[0] > 1:
            where = f"slice {z + 1}, {where}"
        self.readout.setText(f"{where} · {value}{name}")

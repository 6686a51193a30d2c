"""The history of a drawing: look at any state that it ever had, and bring one back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout

from annotator.domain.errors import AnnotatorError
from annotator.drawing.difference import change_to
from annotator.drawing.tools import OPERATIONS, TOOLS
from annotator.gui.buttons import Button, label
from annotator.gui.history_list import HistoryModel, HistoryView, Moment, moments_of
from annotator.gui.history_picture import picture, slice_of
from annotator.gui.label_colors import opaque_colors

if TYPE_CHECKING:
    from qtpy.QtCore import QModelIndex
    from qtpy.QtGui import QCloseEvent, QImage
    from qtpy.QtWidgets import QWidget

    from annotator.domain.marks import Mark
    from annotator.drawing.operation import Change
    from annotator.gui.background import Background
    from annotator.session.open_case import OpenCase

_OTHER_TITLES = {
    "prompt": "Model, pointed at",
    "start from": "Start from a model",
    "carry over": "Carried over",
    "bring back": "Brought back",
}


class HistoryDialog(QDialog):
    """Steps with pictures, times and tools; stays open while one works on.

    Emits ``looked_at(change, box, marks)``: what would make the drawing what it was (None:
    nothing), where that step changed it, and the marks of then; ``let_go()`` when the present is
    to be shown; ``wanted(change, marks)`` to bring a state back.
    """

    looked_at = Signal(object, object, object)
    let_go = Signal()
    wanted = Signal(object, object)

    def __init__(self, background: Background, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("History")
        self._background = background
        self._opened: OpenCase | None = None
        self._queue: list[int | None] = []
        self.model = HistoryModel()
        self.model.picture_wanted.connect(self._want_picture)
        self.view = HistoryView(self.model)
        self.view.clicked.connect(self._look)
        self.view.activated.connect(lambda index: self._fetch(index, bring_back=True))
        self.summary = label("", "muted", wrap=True)
        self.back = Button(
            "Bring back",
            "Make the drawing what it was after the chosen step. It is a step of its own: "
            "nothing is lost, and undo takes it back.",
            lambda: self._fetch(self.view.currentIndex(), bring_back=True),
            kind="primary",
        )
        self.present = Button("Show the present", "Stop looking at the past.", self.look_away)
        row = QHBoxLayout()
        row.addWidget(self.present)
        row.addStretch(1)
        row.addWidget(self.back)
        layout = QVBoxLayout(self)
        layout.addWidget(self.summary)
        layout.addWidget(self.view, 1)
        layout.addLayout(row)
        self.resize(340, 560)
        self._enable()

    def follow(self, opened: OpenCase | None) -> None:
        """Show the history of another drawing; None for none."""
        self._opened = opened
        self._queue.clear()
        self.model.forget()
        self.refresh()

    def refresh(self) -> None:
        """Read the steps again, as the drawing has gone on."""
        opened = self._opened
        if opened is None or not self.isVisible():
            return
        try:
            history = opened.drawing.history()
        except AnnotatorError as error:
            self.summary.setText(str(error))
            return
        titles = {name: tool.title for name, tool in TOOLS.items()}
        titles |= {name: operation.title for name, operation in OPERATIONS.items()}
        self.model.show_moments(
            moments_of(history, titles | _OTHER_TITLES, "before the first step")
        )
        n_steps = len(history.steps)
        self.summary.setText(
            f"{n_steps} step{'' if n_steps == 1 else 's'}, all on disk: a restart keeps them."
        )
        self._enable()

    def look_away(self) -> None:
        """Show the present again."""
        self._background.drop("look back")
        self.view.clearSelection()
        self.let_go.emit()
        self._enable()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Show the present again."""
        self.look_away()
        super().closeEvent(event)

    def _moment(self, index: QModelIndex) -> Moment | None:
        return self.model.moments[index.row()] if index.isValid() else None

    def _look(self, index: QModelIndex) -> None:
        self._enable()
        self._fetch(index, bring_back=False)

    def _fetch(self, index: QModelIndex, *, bring_back: bool) -> None:
        """Read a state of the past beside the window, then show it or bring it back."""
        opened, moment = self._opened, self._moment(index)
        if opened is None or moment is None:
            return
        if moment.is_now:
            self.let_go.emit()
            return

        def read() -> tuple[Change | None, tuple[Mark, ...]]:
            drawing, step_id = opened.drawing, moment.step_id
            change = change_to(drawing.mask_after(step_id), drawing.mask)
            return change, drawing.marks_after(step_id)

        def show(found: tuple[Change | None, tuple[Mark, ...]]) -> None:
            change, marks = found
            if bring_back:
                self.wanted.emit(change, marks)
            else:
                self.looked_at.emit(change, moment.box, marks)

        self._background.run("look back", read, show)

    def _want_picture(self, step_id: int | None) -> None:
        self._queue.append(step_id)
        if not self._background.is_waiting("history picture"):
            self._next_picture()

    def _next_picture(self) -> None:
        opened = self._opened
        if opened is None or not self._queue:
            return
        step_id = self._queue.pop()  # what was scrolled to last is looked at now
        box = next((e.box for e in self.model.moments if e.step_id == step_id), None)
        if box is None:
            self._next_picture()
            return
        colors = opaque_colors(opened.schema)

        def paint() -> QImage:
            z = slice_of(box)
            return picture(opened.voxels[z], opened.drawing.slice_after(step_id, z), box, colors)

        def show(image: QImage) -> None:
            self.model.put_picture(step_id, image)
            self._next_picture()

        self._background.run("history picture", paint, show, lambda _: self._next_picture())

    def _enable(self) -> None:
        moment = self._moment(self.view.currentIndex())
        has_past = (
            moment is not None and not moment.is_now and self.view.selectionModel() is not None
        )
        self.back.setEnabled(has_past)
        self.present.setEnabled(has_past)


def _titles() -> dict[str, str]:
    """Return what the tools of steps are called."""
    titles = {name: tool.title for name, tool in TOOLS.items()}
    titles |= {name: operation.title for name, operation in OPERATIONS.items()}
    return titles | _OTHER_TITLES

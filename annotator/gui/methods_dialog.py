"""What every fusion method makes of a case, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.buttons import Button, label
from annotator.gui.method_picture import MethodPicture, PictureSource
from annotator.session.review_methods import BASELINE, view_methods

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent

    from annotator.gui.background import Background
    from annotator.gui.review_desk import ReviewDesk
    from annotator.session.review_methods import MethodOption, MethodView

COLUMNS = 3
CARD_WIDTH = 300


class MethodCard(QFrame):
    """One method: its picture, what it changes, and the button that chooses it."""

    wanted = Signal(str)

    def __init__(
        self, view: MethodView, source: PictureSource, *, is_current: bool, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setFixedWidth(CARD_WIDTH)
        self.view = view
        self.picture = MethodPicture(
            source,
            view.labels,
            view.option.title,
            "Filled: this method. Dashed: the majority vote, where it differs.",
        )
        title = label(view.option.title, "heading", wrap=True)
        words = label(view.words or view.in_words(source.case.series.geometry), "small", wrap=True)
        words.setToolTip("\n".join(view.fusion.warnings) if view.fusion else view.words)
        only_training = view.fusion is not None and view.fusion.training_target_only
        text = "In use" if is_current else "Use" if view.fusion else "Fuse now"
        tooltip = (
            "For training a model only: it knows the diagnosis."
            if only_training
            else f"Go by {view.option.title} in this case."
        )
        self.use = Button(text, tooltip, lambda: self.wanted.emit(view.option.name))
        self.use.setAccessibleName(f"{text}: {view.option.title}")
        self.use.setEnabled(not is_current and not only_training)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 10)
        layout.setSpacing(6)
        layout.addWidget(self.picture)
        layout.addWidget(title)
        layout.addWidget(words, 1)
        layout.addWidget(self.use, 0, Qt.AlignmentFlag.AlignLeft)


class MethodsDialog(QDialog):
    """A card for each method, and one slider for the slice of them all.

    Emits ``method_wanted(name)`` and ``batch_wanted(option)``. Methods that take long are fused
    only when asked for.
    """

    method_wanted = Signal(str)
    batch_wanted = Signal(object)
    """the MethodOption in use: to fuse every case by"""

    def __init__(
        self,
        desk: ReviewDesk,
        options: tuple[MethodOption, ...],
        background: Background,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare fusion methods")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._case = desk.case
        self._background = background
        region = desk.current
        box = None if region is None else desk.view.findings[region].box
        self._source = PictureSource(desk.case, box, desk.canvas.position[0])
        self.cards: list[MethodCard] = []
        self.about = label(
            "Filled: what the method draws. Dashed: the majority vote, where it differs.", "muted"
        )
        self.busy = label("Fusing by every method…", "muted")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Slice of all pictures")
        self.slider.setToolTip("Turn all pictures to another slice (up and down arrow).")
        self.slider.setRange(0, desk.case.series.geometry.shape[0] - 1)
        self.slider.setValue(self._source.index)
        self.slider.valueChanged.connect(self._turn)
        self.slice = label("", "small")
        current = next(one for one in options if one.name == desk.case.fusion.recipe.method)
        self.every = Button(
            f"Fuse every case by {current.title}",
            "Fuse all cases with two readings outside the window; it can be cancelled.",
            lambda: self._batch(current),
        )
        self._lay_out()
        self._turn(self._source.index)
        background.run(
            "compare methods",
            lambda: view_methods(self._case, options),
            self._show,
            self._could_not,
        )

    def _lay_out(self) -> None:
        self._inner = QWidget()
        self._grid = QGridLayout(self._inner)
        self._grid.setContentsMargins(0, 0, 8, 0)
        self._grid.setSpacing(12)
        self._grid.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        area = QScrollArea()
        area.setWidget(self._inner)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        turn = QHBoxLayout()
        turn.addWidget(self.slice)
        turn.addWidget(self.slider, 1)
        self._turning = QWidget()
        self._turning.setLayout(turn)
        self._turning.setVisible(self.slider.maximum() > 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 12, 14)
        layout.setSpacing(8)
        layout.addWidget(label("Compare fusion methods", "title"))
        layout.addWidget(self.about)
        layout.addWidget(self.busy)
        layout.addWidget(area, 1)
        layout.addWidget(self._turning)
        row = QHBoxLayout()
        row.addWidget(self.every)
        row.addStretch(1)
        row.addWidget(Button("Close", "Keep the method that is in use.", self.reject))
        layout.addLayout(row)
        self.resize(COLUMNS * (CARD_WIDTH + 12) + 60, 720)

    def _show(self, views: tuple[MethodView, ...]) -> None:
        self.busy.hide()
        baseline = next((view for view in views if view.option.name == BASELINE), None)
        self._source.set_baseline(baseline.labels if baseline else None)
        current = self._case.fusion.recipe.method
        for place, view in enumerate(views):
            card = MethodCard(
                view, self._source, is_current=view.option.name == current, parent=self._inner
            )
            card.wanted.connect(self._choose)
            self._grid.addWidget(card, place // COLUMNS, place % COLUMNS)
            self.cards.append(card)
        self._turn(self.slider.value())

    def _could_not(self, error: Exception) -> None:
        self.busy.setText(str(error))

    def _choose(self, name: str) -> None:
        self.method_wanted.emit(name)
        self.accept()

    def done(self, result: int) -> None:
        """Wait for no answer any more."""
        self._background.drop("compare methods")
        super().done(result)

    def _batch(self, option: MethodOption) -> None:
        self.batch_wanted.emit(option)
        self.accept()

    def _turn(self, index: int) -> None:
        self._source.index = index
        self.slice.setText(f"Slice {index + 1} of {self.slider.maximum() + 1}")
        for card in self.cards:
            card.picture.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Turn slices with the arrow keys."""
        step = {Qt.Key.Key_Up: +1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.slider.setValue(self.slider.value() + step)

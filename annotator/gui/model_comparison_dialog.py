"""What models drew on one case, side by side: pictures, Dice of each pair, volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from annotator.analysis.dispute_words import label_name, size_in_words
from annotator.gui.bar_plot import BarPlot
from annotator.gui.buttons import Button, ElidedLabel, label
from annotator.gui.method_picture import MethodPicture, PictureSource
from annotator.gui.plan_table import PlanTable
from annotator.gui.reading_panel import scrolled
from annotator.session.model_comparison import models_on_case, what_holds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QKeyEvent

    from annotator.domain.study import Case
    from annotator.gui.background import Background
    from annotator.gui.review_desk import ReviewDesk
    from annotator.session.model_comparison import Drawing, ModelsOnCase
    from annotator.session.session import Session

COLUMNS = 3
CARD_WIDTH = 300


class ModelComparisonDialog(QDialog):
    """A picture for each model, and one slider for the slice of them all.

    In the review the models are held against what was signed off, or else against the fused label;
    elsewhere only against each other, since nobody there may know how others have read the case.
    """

    def __init__(
        self,
        session: Session,
        cases: Sequence[Case],
        desk: ReviewDesk | None,
        background: Background,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare models")
        self._session = session
        self._background = background
        self._reviewed = None if desk is None else desk.case
        self._source: PictureSource | None = None
        self.found: ModelsOnCase | None = None
        self.pictures: list[MethodPicture] = []
        self.case = QComboBox()
        self.case.setAccessibleName("Case")
        self.case.setToolTip("On which case the models are compared.")
        self.case.setMinimumContentsLength(24)
        for case in cases:
            self.case.addItem(case.title, case.case_id)
        if desk is not None:
            self.case.setCurrentIndex(self.case.findData(desk.case.case.case_id))
            self.case.setEnabled(False)
        self.case.currentIndexChanged.connect(lambda _: self._ask())
        self.about = label("", "muted", wrap=True)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Slice of all pictures")
        self.slider.setToolTip("Turn all pictures to another slice (up and down arrow).")
        self.slider.valueChanged.connect(self._turn)
        self.slice = label("", "small")
        self.table = PlanTable(
            "Dice of each pair",
            (
                ("Label", "What was drawn"),
                (
                    "Dice",
                    "Twice the shared part over the sum of both; neither: none drew it",
                ),
                ("Pair", "Which two drawings, by their numbers"),
                ("Names", "Which two drawings, by name"),
            ),
        )
        self.volumes = BarPlot(
            "Volumes", "How much each model drew of each label; each label has its own scale."
        )
        self._start = desk.canvas.position[0] if desk is not None else -1
        self._lay_out()
        self._ask()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(label("Compare models", "title"))
        top.addStretch(1)
        top.addWidget(label("Case"))
        top.addWidget(self.case)
        self._inner = QWidget()
        self._inner.setObjectName("scrolled")
        inner = QVBoxLayout(self._inner)
        inner.setContentsMargins(0, 0, 8, 0)
        inner.setSpacing(10)
        self._grid = QGridLayout()
        self._grid.setSpacing(12)
        self._grid.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._numbers = QWidget()
        numbers = QHBoxLayout(self._numbers)
        numbers.setContentsMargins(0, 0, 0, 0)
        numbers.setSpacing(18)
        self._dice = QWidget()
        for title, widget, holder in (
            ("Dice of each pair", self.table, self._dice),
            ("Volumes", self.volumes, QWidget()),
        ):
            column = QVBoxLayout(holder)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(4)
            column.addWidget(label(title, "section"), 0, Qt.AlignmentFlag.AlignTop)
            column.addWidget(widget)
            column.addStretch(1)
            numbers.addWidget(holder, 1)
        inner.addLayout(self._grid)
        inner.addWidget(self._numbers)
        inner.addStretch(1)
        turn = QHBoxLayout()
        turn.addWidget(self.slice)
        turn.addWidget(self.slider, 1)
        self._turning = QWidget()
        self._turning.setLayout(turn)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(Button("Close", "Go back.", self.reject))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 14, 20, 14)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self.about)
        layout.addWidget(scrolled(self._inner), 1)
        layout.addWidget(self._turning)
        layout.addLayout(foot)
        self.resize(COLUMNS * (CARD_WIDTH + 12) + 64, 720)

    def done(self, result: int) -> None:
        """Wait for no answer any more."""
        self._background.drop("models on case")
        super().done(result)

    def _ask(self) -> None:
        case_id = str(self.case.currentData() or "")
        self.about.setText("Looking for what models drew…")
        self._numbers.hide()
        self._turning.hide()
        if not case_id:
            self.about.setText("There is no case yet.")
            return
        store, reviewed = self._session.store, self._reviewed

        def work() -> ModelsOnCase:
            reference = None if reviewed is None else what_holds(store, reviewed)
            return models_on_case(store, case_id, reference=reference)

        self._background.run(
            "models on case",
            work,
            self._show,
            lambda error: self.about.setText(str(error)),
        )

    def _show(self, found: ModelsOnCase) -> None:
        self._empty()
        self.found = found
        last = found.series.geometry.shape[0] - 1
        start = self._start if 0 <= self._start <= last else _fullest(found)
        self._source = PictureSource(found, None, start)
        n_models = len(found.drawings) - found.has_reference
        if not n_models:
            self.about.setText("No model has read this case yet. Run one from the list of models.")
            return
        against = f" Dashed: {found.drawings[-1].title}." if found.has_reference else ""
        self.about.setText(f"Filled: what the model draws.{against}")
        if found.has_reference:
            self._source.set_baseline(found.drawings[-1].mask)
        for place, drawing in enumerate(found.drawings):
            card = self._card(place + 1, drawing)
            self._grid.addWidget(card, place // COLUMNS, place % COLUMNS)
        self._show_numbers(found)
        self.slider.setRange(0, last)
        self.slider.setValue(start)
        self._turning.setVisible(last > 0)
        self._turn(start)

    def _card(self, number: int, drawing: Drawing) -> QFrame:
        assert self._source is not None
        card = QFrame()
        card.setObjectName("card")
        card.setFixedWidth(CARD_WIDTH)
        tooltip = "Filled: this drawing. Dashed: what it is held against, where they differ."
        picture = MethodPicture(self._source, drawing.mask, drawing.title, tooltip)
        self.pictures.append(picture)
        rows = QVBoxLayout(card)
        rows.setContentsMargins(10, 10, 10, 10)
        rows.addWidget(picture)
        title = ElidedLabel(f"{number}  {drawing.title}")
        title.setProperty("role", "section")
        rows.addWidget(title)
        return card

    def _show_numbers(self, found: ModelsOnCase) -> None:
        pairs = [
            (value, first, second)
            for value in found.labels
            for first in range(len(found.drawings))
            for second in range(first + 1, len(found.drawings))
        ]
        rows = []
        for value, first, second in pairs:
            dice = found.dice(value, first, second)
            names = f"{found.drawings[first].title} – {found.drawings[second].title}"
            pair = f"{first + 1} – {second + 1}"
            number = "neither" if dice is None else f"{dice:.3f}"
            rows.append((label_name(found.schema, value), number, pair, names))
        self.table.set_rows(rows)
        height = sum(self.table.rowHeight(row) for row in range(len(rows)))
        self.table.setFixedHeight(min(260, height + self.table.horizontalHeader().height() + 6))
        groups = []
        for value in found.labels:
            known = found.schema.label(value)
            bars = [
                (f"{place}  {drawing.title}", float(n), size_in_words(n, found.series.geometry))
                for place, (drawing, n) in enumerate(
                    zip(found.drawings, found.n_voxels(value), strict=True), start=1
                )
            ]
            color = known.color if known else "#ffffff"
            groups.append((label_name(found.schema, value), color, bars))
        self.volumes.set_groups(groups)
        self._dice.setVisible(bool(rows))
        self._numbers.setVisible(bool(rows or groups))

    def _empty(self) -> None:
        self.pictures.clear()
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def _turn(self, index: int) -> None:
        if self._source is None:
            return
        self._source.index = index
        self.slice.setText(f"Slice {index + 1} of {self.slider.maximum() + 1}")
        for picture in self.pictures:
            picture.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Turn slices with the arrow keys."""
        step = {Qt.Key.Key_Up: +1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.slider.setValue(self.slider.value() + step)


def _fullest(found: ModelsOnCase) -> int:
    """Return the slice on which most was drawn."""
    if not found.drawings:
        return found.series.geometry.shape[0] // 2
    drawn = [np.count_nonzero(drawing.mask, axis=(1, 2)) for drawing in found.drawings]
    return int(np.sum(drawn, axis=0).argmax())

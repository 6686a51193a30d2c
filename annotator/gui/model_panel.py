"""The third tab of the review: what a model trained on these raters draws, told whom to trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.buttons import Button, ElidedLabel, label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.session.review_methods import MethodOption
    from annotator.session.trained_models import TrainedModel, TrainerOption

FULL = 100


class ModelPanel(QWidget):
    """Chooses a trained model, shows it, moves trust between raters, trains another.

    Emits ``shown(on)`` when the drawing is to be shown or hidden or another model was chosen,
    ``trust_changed`` while a slider moves, ``keep_wanted``, ``foretell_wanted`` and
    ``train_wanted(trainer, target, group)``;
    ``target`` is the name of a fusion method, or empty; ``group`` is a label group, None where
    there is but one.
    """

    shown = Signal(bool)
    trust_changed = Signal()
    keep_wanted = Signal()
    foretell_wanted = Signal()
    train_wanted = Signal(str, str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._models: tuple[TrainedModel, ...] = ()
        self._sliders: dict[str, QSlider] = {}
        self.models = _chooser("Trained model", "A model that was trained on this project.")
        self.models.activated.connect(lambda _: self._model_chosen())
        self.none = label("No model has been trained on this project yet.", "muted", wrap=True)
        self.summary = label("", "small", wrap=True)
        self.show_drawing = QCheckBox("Show what it draws (T)")
        self.show_drawing.setAccessibleName("Show what the model draws")
        self.show_drawing.setToolTip("Draw the model's outline, letter T, over the image (key T).")
        self.show_drawing.toggled.connect(self.shown)
        self.words = label("", "small", wrap=True)
        self.words.setAccessibleName("What the model is doing")
        self._trust = QWidget()
        self._rows = QGridLayout(self._trust)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setColumnStretch(1, 1)
        self.alike = Button("Trust all alike", "Put every slider in the middle.", self._reset)
        self.keep = Button(
            "Keep as a reading",
            "Let the model read this case so; its drawing joins the readings as a model's.",
            self.keep_wanted.emit,
        )
        self.foretell = Button(
            "Foretell every case",
            "Let the model say of every case how likely readers are to disagree on it.",
            self.foretell_wanted.emit,
        )
        self.forecast = label("", wrap=True)
        self.forecast.setAccessibleName("How hard the case is foretold to be")
        self.trainer = _chooser("Trainer", "What kind of model to train.")
        self.target = _chooser("Aim", "What the model is to draw.")
        self.train = Button(
            "Train",
            "Train on every case with two readings, outside the window; you can go on working.",
            lambda: self.train_wanted.emit(
                str(self.trainer.currentData()),
                "" if self.target.isHidden() else str(self.target.currentData()),
                self.group.currentData(),
            ),
        )
        self.group = _chooser("Labels", "A model draws labels that never share a voxel.")
        self.group.hide()
        self._needs_target: dict[str, bool] = {}
        self.trainer.activated.connect(lambda _: self._trainer_chosen())
        self._lay_out()
        self.set_models(())

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.alike)
        buttons.addWidget(self.keep)
        buttons.addWidget(self.foretell)
        buttons.addStretch(1)
        self._own = QWidget()
        own = QVBoxLayout(self._own)
        own.setContentsMargins(0, 0, 0, 0)
        own.setSpacing(7)
        for widget in (self.models, self.summary, self.show_drawing, self._trust):
            own.addWidget(widget)
        own.addLayout(buttons)
        own.addWidget(self.words)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(7)
        layout.addWidget(self.forecast)
        layout.addWidget(label("A model trained on these raters", "section"))
        layout.addWidget(self.none)
        layout.addWidget(self._own)
        layout.addSpacing(8)
        layout.addWidget(label("Train a model", "section"))
        layout.addWidget(self.trainer)
        layout.addWidget(self.target)
        layout.addWidget(self.group)
        layout.addWidget(self.train, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addStretch(1)

    def set_choices(
        self,
        trainers: Sequence[TrainerOption],
        methods: Sequence[MethodOption],
        groups: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Offer these trainers, the fusions of these methods to aim at, and the label groups.

        Each group comes with what it is called, none where there is but one.
        """
        self.group.clear()
        for group, words in groups:
            self.group.addItem(words, group)
        self.group.setVisible(bool(groups))
        self.trainer.clear()
        for trainer in trainers:
            self.trainer.addItem(trainer.title, trainer.name)
        self.target.clear()
        self._needs_target = {trainer.name: trainer.needs_target for trainer in trainers}
        for method in methods:
            self.target.addItem(f"Aim at the fusion by {method.title}", method.name)
        self.train.setEnabled(bool(trainers))
        self._trainer_chosen()

    def _trainer_chosen(self) -> None:
        self.target.setVisible(self._needs_target.get(str(self.trainer.currentData()), False))

    def set_models(self, models: Sequence[TrainedModel]) -> None:
        """Offer these models, newest first; the one that was chosen stays chosen."""
        before = self.model.fit_id if self.model else ""
        self._models = tuple(models)
        self.models.clear()
        for model in self._models:
            when = model.created_at[:16].replace("T", " ")
            self.models.addItem(f"{model.title}, {when}", model.fit_id)
        self.models.setCurrentIndex(max(0, self.models.findData(before)))
        self.none.setVisible(not self._models)
        self._own.setVisible(bool(self._models))
        self._model_chosen()

    def set_forecast(self, words: str) -> None:
        """Say how hard the case was foretold to be; nothing for an empty text."""
        self.forecast.setText(words)
        self.forecast.setVisible(bool(words))

    @property
    def model(self) -> TrainedModel | None:
        """The model that is chosen."""
        place = self.models.currentIndex()
        return self._models[place] if 0 <= place < len(self._models) else None

    def trust(self) -> dict[str, float]:
        """Return how far each rater is believed, by id; empty where all are believed alike."""
        found = {rater_id: slider.value() / FULL for rater_id, slider in self._sliders.items()}
        return found if len(set(found.values())) > 1 else {}

    def _model_chosen(self) -> None:
        model = self.model
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._sliders.clear()
        raters = model.raters if model is not None and model.takes_trust else ()
        for row, (rater_id, name) in enumerate(raters):
            self._add_slider(row, rater_id, name)
        draws = model is not None and model.draws
        for widget in (self.show_drawing, self._trust):
            widget.setVisible(draws)
        self.keep.setVisible(draws)
        self.foretell.setVisible(not draws)
        self.summary.setText("\n".join(model.summary) if model else "")
        self.summary.setVisible(bool(model and model.summary))
        self.alike.setVisible(bool(raters))
        self.words.setText("")
        if self.show_drawing.isChecked():
            self.shown.emit(bool(model))

    def _add_slider(self, row: int, rater_id: str, name: str) -> None:
        shown = ElidedLabel(name)
        shown.setMinimumWidth(110)
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, FULL)
        slider.setValue(FULL // 2)
        slider.setAccessibleName(f"Trust in {name}")
        slider.setToolTip(f"How far the model believes {name}: the drawing follows at once.")
        number = label(str(FULL // 2), "small")
        number.setMinimumWidth(number.fontMetrics().horizontalAdvance("100"))
        slider.valueChanged.connect(lambda value: number.setText(str(value)))
        slider.valueChanged.connect(lambda _: self.trust_changed.emit())
        self._rows.addWidget(shown, row, 0)
        self._rows.addWidget(slider, row, 1)
        self._rows.addWidget(number, row, 2)
        self._sliders[rater_id] = slider

    def _reset(self) -> None:
        for slider in self._sliders.values():
            slider.setValue(FULL // 2)


def _chooser(name: str, tooltip: str) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setToolTip(tooltip)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(12)
    return made

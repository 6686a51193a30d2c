"""What to train, what to learn from, and how: the form before a training starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from annotator.analysis.dispute_words import group_choices
from annotator.domain.errors import AnnotatorError
from annotator.gui.buttons import Button, label
from annotator.gui.parameter_form import ParameterForm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.api import Trainer
    from annotator.domain.schema import LabelSchema
    from annotator.session.review_methods import MethodOption

OWN_TARGETS: tuple[tuple[str, str, str], ...] = (
    (
        "",
        "Cases that two or more have read",
        "Each reader's own drawing, where they can differ.",
    ),
    ("readings", "Every case that anybody has read", "Also cases with one reading."),
    ("adjudicated", "What reviewers signed off", "Only cases that are signed off."),
)
"""Name of a target, in words, and what that means."""


DEFAULT_TRAINER = "unet"


class TrainingForm(QWidget):
    """Trainer, target and settings; ``start`` is to be placed where it always shows.

    Emits ``start_wanted(parameters)`` as the job takes them.
    """

    start_wanted = Signal(object)
    failed = Signal(object)

    def __init__(
        self,
        trainers: Sequence[Trainer],
        methods: Sequence[MethodOption],
        schema: LabelSchema,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._trainers = {trainer.name: trainer for trainer in trainers}
        self._methods = tuple(methods)
        self.trainer = _chooser("Trainer", "What kind of model is trained.")
        for trainer in sorted(trainers, key=lambda entry: entry.title):
            self.trainer.addItem(trainer.title, trainer.name)
        self.trainer.currentIndexChanged.connect(lambda _: self._choose())
        self.target = _chooser("Learn from", "What the model is to draw like.")
        self.target.currentIndexChanged.connect(lambda _: self._say_target())
        self.about = label("", "small", wrap=True)
        self._of_group = label("Labels", "section")
        self.group = _chooser("Labels", "A model draws labels that never share a voxel.")
        for group, words in group_choices(schema):
            self.group.addItem(words, group)
        self.settings = ParameterForm(None)
        self.start = Button(
            "Start",
            "Train in a process of its own; you can go on working, and close this.",
            self._start,
            kind="primary",
        )
        self.start.setEnabled(bool(trainers))
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 10, 0)
        self._rows.setSpacing(5)
        for widget in (
            label("What to train", "section"),
            self.trainer,
            label("Learn from", "section"),
            self.target,
            self.about,
            self._of_group,
            self.group,
            label("Settings", "section"),
            self.settings,
        ):
            self._rows.addWidget(widget)
        self._rows.addStretch(1)
        for widget in (self._of_group, self.group):
            widget.setVisible(self.group.count() > 0)
        if trainers:
            self._choose()
            self.choose(DEFAULT_TRAINER)

    def choose(self, trainer: str) -> None:
        """Choose a trainer by its name."""
        self.trainer.setCurrentIndex(max(0, self.trainer.findData(trainer)))

    def _choose(self) -> None:
        trainer = self._trainers[str(self.trainer.currentData())]
        self.target.clear()
        if not trainer.needs_target:
            for name, title, about in OWN_TARGETS:
                self.target.addItem(title, name)
                self.target.setItemData(self.target.count() - 1, about, Qt.ItemDataRole.ToolTipRole)
        for method in self._methods:
            self.target.addItem(f"Fusion by {method.title}", method.name)
        self._say_target()
        made = ParameterForm(trainer.parameters)
        self._rows.replaceWidget(self.settings, made)
        self.settings.hide()
        self.settings.deleteLater()
        self.settings = made

    def _say_target(self) -> None:
        tooltip = self.target.currentData(Qt.ItemDataRole.ToolTipRole)
        self.about.setText(
            str(tooltip or "Each case with two readings is fused first; the model aims at that.")
        )

    def parameters(self) -> Mapping[str, object]:
        """Return what the job takes; raises AnnotatorError in words."""
        one_of_several = {"group": str(self.group.currentData())} if self.group.count() else {}
        return {
            "trainer": str(self.trainer.currentData()),
            "target": str(self.target.currentData() or "") or None,
            "parameters": self.settings.values(),
            **one_of_several,
        }

    def _start(self) -> None:
        try:
            given = self.parameters()
        except AnnotatorError as error:
            self.failed.emit(error)
            return
        self.start_wanted.emit(given)


def _chooser(name: str, tooltip: str) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setToolTip(tooltip)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(20)
    return made

"""One training to look at: its curves, what it draws by now, and what can be told to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label, set_look
from annotator.gui.curve_plot import CurvePlot
from annotator.gui.example_picture import SIDE, ExamplePicture
from annotator.gui.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annotator.session.trainings import TrainingEntry, TrainingView

    Curves = Mapping[str, tuple[tuple[int, float], ...]]

STATES = {
    "waiting": ("Waiting for the job before it.", "info"),
    "under way": ("Training.", "info"),
    "left": ("Left before it was done.", "caution"),
    "stopped": ("Stopped by a person, with the best so far.", "good"),
    "done": ("Done.", "good"),
}
"""State of a training → sentence, tone."""


class TrainingScreen(QWidget):
    """Shows a training and asks nothing itself. Emits what a person wants of it.

    ``color_of`` gives the colour of a label value.
    """

    stop_wanted = Signal()
    cancel_wanted = Signal()
    go_on_wanted = Signal()
    run_wanted = Signal()
    card_wanted = Signal()
    curve_wanted = Signal()

    def __init__(self, color_of: Callable[[int], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._color_of = color_of
        self._pace = Pace()
        self._stopping: set[str] = set()
        self.entry: TrainingEntry | None = None
        self.title = label("", "heading", wrap=True)
        self.state = label("", wrap=True)
        self.state.setAccessibleName("How far the training is")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress of the training")
        self.bar.setToolTip("How far the training is; it may end sooner, when nothing gets better.")
        self.loss = CurvePlot("Loss", "smallest")
        self.score = CurvePlot("On cases held out", "largest")
        self.about = label(
            "Cases held out. Coloured: what it draws now. White, dashed: what is right.",
            "small",
        )
        self.pictures: list[ExamplePicture] = []
        self.stop = Button(
            "Stop and keep the best",
            "End the training now; the best model so far is kept and can be run.",
            self.stop_wanted.emit,
        )
        self.cancel = Button(
            "Cancel",
            "Break off now; it can go on later from where it was.",
            self.cancel_wanted.emit,
        )
        self.go_on = Button(
            "Go on", "Go on from where this training was left.", self.go_on_wanted.emit
        )
        self.run = Button(
            "Run on the other cases…",
            "Let the trained model read the cases that it has not read.",
            self.run_wanted.emit,
            kind="primary",
        )
        self.card = Button(
            "Show its card", "All that is known of the trained model.", self.card_wanted.emit
        )
        self.save_curve = Button(
            "Save the curve…",
            "Write round, loss, measures and seconds as a CSV file, a row for each round.",
            self.curve_wanted.emit,
        )
        self._lay_out()
        self.show_view(None)

    def _lay_out(self) -> None:
        plots = QHBoxLayout()
        plots.setSpacing(8)
        plots.addWidget(self.loss, 1)
        plots.addWidget(self.score, 1)
        inner = QWidget()
        inner.setObjectName("scrolled")
        self._row = QHBoxLayout(inner)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(8)
        self._row.addStretch(1)
        self._examples = QScrollArea()
        self._examples.setWidget(inner)
        self._examples.setWidgetResizable(True)
        self._examples.setFrameShape(QFrame.Shape.NoFrame)
        self._examples.setFixedHeight(SIDE + 42)
        self._examples.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._examples.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        buttons = QHBoxLayout()
        for button in (
            self.stop,
            self.cancel,
            self.go_on,
            self.run,
            self.card,
            self.save_curve,
        ):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.title)
        layout.addWidget(self.state)
        layout.addWidget(self.bar)
        layout.addLayout(plots, 1)
        layout.addWidget(self.about)
        layout.addWidget(self._examples)
        layout.addLayout(buttons)

    def show_view(self, view: TrainingView | None) -> None:
        """Show a training as it is now; None for none."""
        before = self.entry
        self.entry = None if view is None else view.entry
        if view is None:
            self.title.setText("No training is chosen")
            set_look(self.state, "tone", "")
            self.state.setText("Start one on the left, or choose one of the list.")
        else:
            if before is None or before.training_id != view.entry.training_id:
                self._pace = Pace()
            self._say(view.entry)
        loss, score = split_curves(view.curves if view is not None else {})
        self.loss.set_curves(loss)
        self.score.set_curves(score)
        self.save_curve.setVisible(bool(loss or score))
        self._show_examples(view)
        self._show_buttons(self.entry)

    def _say(self, entry: TrainingEntry) -> None:
        cases = "one case" if entry.n_cases == 1 else f"{entry.n_cases} cases"
        self.title.setText(f"{entry.title}, from {cases}")
        words, tone = STATES[entry.state]
        if entry.state == "under way":
            left = self._pace.words(entry.progress)
            said = ", ".join(part for part in (entry.message, left) if part)
            words = f"{said[:1].upper()}{said[1:]}." if said else words
        elif entry.state == "left" and entry.error:
            words = f"{words} {entry.error[:1].upper()}{entry.error[1:]}."
        set_look(self.state, "tone", tone)
        self.state.setText(words)
        self.bar.setValue(round(1000 * entry.progress))

    def _show_examples(self, view: TrainingView | None) -> None:
        examples = view.examples if view is not None else ()
        while len(self.pictures) < len(examples):
            picture = ExamplePicture(self._color_of)
            self._row.insertWidget(len(self.pictures), picture)
            self.pictures.append(picture)
        for place, picture in enumerate(self.pictures):
            picture.setVisible(place < len(examples))
        for picture, one in zip(self.pictures, examples, strict=False):
            picture.show_example(one.title, one.image, one.target, one.drawn)
        self.about.setVisible(bool(examples))
        self._examples.setVisible(bool(examples))

    def mark_stopping(self, training_id: str) -> None:
        """Know that a training was told to stop: once is enough."""
        self._stopping.add(training_id)
        self._show_buttons(self.entry)

    def _show_buttons(self, entry: TrainingEntry | None) -> None:
        state = "" if entry is None else entry.state
        if entry is not None and state != "under way":
            self._stopping.discard(entry.training_id)
        self.stop.setVisible(state == "under way")
        self.stop.setEnabled(entry is not None and entry.training_id not in self._stopping)
        self.cancel.setVisible(state in ("under way", "waiting"))
        self.go_on.setVisible(state == "left")
        self.go_on.setText("Go on" if entry is not None and entry.can_go_on else "Start again")
        self.go_on.setAccessibleName(self.go_on.text())
        self.bar.setVisible(state == "under way")
        for button in (self.run, self.card):
            button.setVisible(state in ("done", "stopped"))


def split_curves(curves: Curves) -> tuple[dict[str, list[tuple[int, float]]], ...]:
    """Return the curves of losses and the others; rounds count from 1 for a person."""
    found: tuple[dict[str, list[tuple[int, float]]], ...] = ({}, {})
    for name, points in sorted(curves.items()):
        place = 0 if "loss" in name.casefold() else 1
        found[place][name] = [(epoch + 1, value) for epoch, value in points]
    return found

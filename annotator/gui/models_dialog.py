"""Every model that there is, with its card: run it, compare it, add another, train one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout

from annotator.gui.buttons import Button, label, set_look
from annotator.gui.keyed_table import KeyedTable
from annotator.gui.model_card import ModelCardView
from annotator.gui.reading_panel import scrolled

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from annotator.gui.background import Background
    from annotator.session.models import ModelEntry
    from annotator.session.session import Session

CARD_WIDTH = 340
KINDS = {
    "built-in": ("built in", "Comes with the program or a plugin."),
    "supplied": ("yours", "Supplied by a user of this project."),
    "trained": ("trained", "Trained on the readings of this project."),
}
"""Kind of a model → word, and what that means."""


class ModelsDialog(QDialog):
    """A table of models left, the card of the chosen one right.

    Stays open while one works on. Emits what is wanted; it does nothing by itself but look.
    """

    run_wanted = Signal(object)
    """ModelEntry"""
    remove_wanted = Signal(object)
    add_wanted = Signal()
    compare_wanted = Signal()
    train_wanted = Signal()

    def __init__(self, session: Session, background: Background, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Models")
        self._session = session
        self._background = background
        self._entries: dict[str, ModelEntry] = {}
        self.table = KeyedTable(
            "Models",
            "Every model that can read this project. Choose one to read its card; Enter runs it.",
            (
                ("Model", "What it is called", 0),
                ("From", "Built in, supplied by you, or trained here", 88),
                ("Draws", "What it draws", 140),
                ("Trained on", "What it learned from", 118),
                ("Licence", "What its author allows", 106),
                ("Read", "How many cases it has read, and when last", 122),
            ),
        )
        self.table.chosen.connect(lambda _: self._show_card())
        self.table.picked.connect(lambda _: self._run())
        self.card = ModelCardView()
        self.words = label("Looking for models…", "muted", wrap=True)
        self.words.setAccessibleName("What was done")
        can_write = not session.store.is_read_only
        self.run = Button(
            "Run…", "Choose cases and settings, and let this model read.", self._run, kind="primary"
        )
        self.compare = Button(
            "Compare on a case…",
            "See what models drew on one case, side by side.",
            self.compare_wanted.emit,
        )
        self.train = Button(
            "Train a model…", "Let a model learn from the readers.", self.train_wanted.emit
        )
        self.add = Button(
            "Add a model…", "Bring a network from a file or folder.", self.add_wanted.emit
        )
        self.remove = Button(
            "Remove",
            "Take this model out of the project; its files and its readings stay.",
            self._remove,
        )
        for button in (self.train, self.add):
            button.setEnabled(can_write)
        self._can_write = can_write
        self._lay_out()
        self._show_card()
        self.refresh()

    def _lay_out(self) -> None:
        card = scrolled(self.card)
        card.setFixedWidth(CARD_WIDTH)
        middle = QHBoxLayout()
        middle.setSpacing(12)
        middle.addWidget(self.table, 1)
        middle.addWidget(card)
        foot = QHBoxLayout()
        for button in (self.run, self.compare, self.train, self.add, self.remove):
            foot.addWidget(button)
        foot.addStretch(1)
        foot.addWidget(Button("Close", "Go back to the project.", self.accept))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 14, 20, 14)
        layout.setSpacing(8)
        layout.addWidget(label("Models", "title"))
        layout.addWidget(
            label(
                "A model reads like a rater, marked as a model. It counts in a fusion only where "
                "you ask for it.",
                "muted",
                wrap=True,
            )
        )
        layout.addLayout(middle, 1)
        layout.addWidget(self.words)
        layout.addLayout(foot)
        self.resize(1180, 660)

    def refresh(self, choose: str = "") -> None:
        """Ask again which models there are; ``choose`` names the one to look at."""

        def show(entries: tuple[ModelEntry, ...]) -> None:
            self._entries = {entry.key: entry for entry in entries}
            self.table.set_rows([(entry.key, _row(entry)) for entry in entries])
            self.table.choose(choose)
            self.words.hide()
            self._show_card()

        self._background.run("models", self._session.models, show, self._could_not)

    def say(self, words: str, tone: str = "") -> None:
        """Say something below the table."""
        set_look(self.words, "tone", tone)
        self.words.setText(words)
        self.words.show()

    def _could_not(self, error: Exception) -> None:
        self.say(str(error), "bad")

    @property
    def entry(self) -> ModelEntry | None:
        """The model that is chosen."""
        return self._entries.get(self.table.key)

    def done(self, result: int) -> None:
        """Wait for no answer any more."""
        self._background.drop("models")
        super().done(result)

    def _show_card(self) -> None:
        entry = self.entry
        self.run.setEnabled(self._can_write and entry is not None)
        self.remove.setEnabled(self._can_write and entry is not None and entry.kind == "supplied")
        if entry is None:
            self.card.show_card("", "", ())
        else:
            word, meaning = KINDS[entry.kind]
            self.card.show_card(entry.title, f"{word[:1].upper()}{word[1:]}. {meaning}", entry.card)

    def _run(self) -> None:
        if self.entry is not None and self._can_write:
            self.run_wanted.emit(self.entry)

    def _remove(self) -> None:
        if self.entry is not None:
            self.remove_wanted.emit(self.entry)


def _day(moment: str) -> str:
    """Return the day of a moment, ISO 8601 in UTC, where the person is."""
    return datetime.fromisoformat(moment).astimezone().strftime("%d %b")


def _row(entry: ModelEntry) -> tuple[str, ...]:
    if not entry.read:
        read = "no case yet"
    else:
        cases = "one case" if len(entry.read) == 1 else f"{len(entry.read)} cases"
        read = f"{cases}, {_day(entry.last_used)}" if entry.last_used else cases
    return (
        entry.title,
        KINDS[entry.kind][0],
        entry.draws,
        entry.trained_on,
        entry.licence,
        read,
    )

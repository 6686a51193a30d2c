"""Bring a network to the project: find it, read its card, say what it draws, accept its licence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from annotator.domain.errors import AnnotatorError
from annotator.gui.buttons import Button, label, set_look
from annotator.gui.network_card_form import NetworkCardForm
from annotator.gui.network_guide import NetworkGuide
from annotator.gui.reading_panel import scrolled
from annotator.jobs.supplying import licence_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api.networks import SuppliedNetwork
    from annotator.domain.schema import LabelSchema
    from annotator.gui.background import Background
    from annotator.jobs.supplying import FoundNetwork
    from annotator.session.session import Session

DRAWS_NOTHING = "draws nothing"
BUSY = "Looking at it; nothing of it is run…"


class AddModelDialog(QDialog):
    """A path above; below, once it was looked at, all that is known of the network.

    Emits ``added(SuppliedNetwork)``. Nothing is downloaded, and nothing in the files is run.
    """

    added = Signal(object)

    def __init__(
        self,
        session: Session,
        schema: LabelSchema,
        people: Sequence[str],
        background: Background,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Add a model")
        self._session = session
        self._schema = schema
        self._background = background
        self.found: FoundNetwork | None = None
        self.form: NetworkCardForm | None = None
        self.outputs: dict[int, QComboBox] = {}
        self.path = QLineEdit()
        self.path.setAccessibleName("File or folder of the model")
        self.path.setToolTip("Where the model lies; Enter looks at it. Its files stay there.")
        self.path.setPlaceholderText("File or folder")
        self.path.returnPressed.connect(self.look)
        self.words = label("", wrap=True)
        self.words.setAccessibleName("What was found")
        self.licence = label("", wrap=True)
        self.agrees = QCheckBox("I have read the licence, and it allows what we do.")
        self.agrees.setAccessibleName("The licence is accepted")
        self.agrees.setToolTip("The project keeps who accepted it, and when.")
        self.agrees.toggled.connect(lambda _: self._check())
        self.person = QComboBox()
        self.person.setAccessibleName("Who accepts the licence")
        self.person.setToolTip("Who you are; the project keeps it with the model.")
        self.person.addItems(list(people))
        self.missing = label("", "muted", wrap=True)
        self.missing.setAccessibleName("What is still missing")
        self.add = Button("Add", "Take it into the project.", self._add, kind="primary")
        self._lay_out()
        self._check()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.path, 1)
        top.addWidget(Button("File…", "Choose the file of a model.", self._choose_file))
        top.addWidget(Button("Folder…", "Choose the folder of a model.", self._choose_folder))
        top.addWidget(Button("Look", "Look at what lies there.", self.look))
        self.guide = NetworkGuide()
        self._body = QWidget()
        self._rows = QVBoxLayout(self._body)
        self._rows.setContentsMargins(0, 0, 8, 0)
        self._rows.setSpacing(6)
        self._rows.addWidget(self.guide)
        self._rows.addStretch(1)
        self._foot = QWidget()
        foot = QVBoxLayout(self._foot)
        foot.setContentsMargins(0, 0, 0, 0)
        foot.setSpacing(5)
        foot.addWidget(label("Licence", "section"))
        foot.addWidget(self.licence)
        accept = QHBoxLayout()
        accept.addWidget(self.agrees, 1)
        accept.addWidget(self.person)
        foot.addLayout(accept)
        self._foot.hide()
        buttons = QHBoxLayout()
        buttons.addWidget(self.missing, 1)
        buttons.addWidget(self.add)
        buttons.addWidget(Button("Cancel", "Leave the project as it is.", self.reject))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 14, 20, 14)
        layout.setSpacing(8)
        layout.addWidget(label("Add a model", "title"))
        layout.addWidget(
            label(
                "A network that you have, as a file or a folder. Its files stay where they are; "
                "nothing in them is run as a program, and nothing is downloaded.",
                "muted",
                wrap=True,
            )
        )
        layout.addLayout(top)
        layout.addWidget(self.words)
        layout.addWidget(scrolled(self._body), 1)
        layout.addWidget(self._foot)
        layout.addLayout(buttons)
        self.resize(720, 710)

    def _choose_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "File of a model", str(Path.home()))
        self._take(chosen)

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder of a model", str(Path.home()))
        self._take(chosen)

    def _take(self, chosen: str) -> None:
        if chosen:
            self.path.setText(chosen)
            self.look()

    def done(self, result: int) -> None:
        """Wait for no answer any more."""
        for key in ("look at model", "supply model"):
            self._background.drop(key)
        super().done(result)

    def look(self) -> None:
        """Look at the path; what was found is shown below."""
        session, path = self._session, self.path.text().strip()
        if path:
            self._say(BUSY, "")
            self._background.run(
                "look at model", lambda: session.look_at_network(path), self._show, self._could_not
            )

    def _could_not(self, error: Exception) -> None:
        self.found = None
        self._empty()
        self.guide.show()
        self._foot.hide()
        words = str(error)
        self._say(words[:1].upper() + words[1:], "bad")
        self._check()

    def _show(self, found: FoundNetwork) -> None:
        self.found = found
        self._empty()
        self.guide.hide()
        self._say(f"Found: {found.format_title}. Correct what you know better.", "good")
        self.form = NetworkCardForm(found.card)
        self.form.card.changed.connect(self._say_licence)
        for place, widget in enumerate(
            (
                label("What draws what", "section"),
                self._output_table(found),
                label("Card", "section"),
                self.form,
            )
        ):
            self._rows.insertWidget(place, widget)
        self.agrees.setChecked(False)
        self._say_licence()
        self._foot.show()
        self._check()

    def _output_table(self, found: FoundNetwork) -> QWidget:
        """Return a row for each output: its name, and the label of the project that it draws."""
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(2, 1)
        suggested = dict(found.suggested)
        named = found.card.labels or tuple(
            (channel, "") for channel in range(1, len(self._schema.labels) + 1)
        )
        for row, (channel, name) in enumerate(named):
            box = QComboBox()
            box.setAccessibleName(f"What output {channel} draws")
            box.setToolTip("The label of the project that this output draws.")
            box.addItem(DRAWS_NOTHING, None)
            for one in self._schema.labels:
                box.addItem(one.name, one.value)
            box.setCurrentIndex(max(0, box.findData(suggested.get(channel))))
            box.currentIndexChanged.connect(lambda _: self._check())
            words = label(f"Output {channel}" + (f", “{name}”" if name else ""))
            words.setBuddy(box)
            grid.addWidget(words, row, 0)
            grid.addWidget(box, row, 1)
            self.outputs[channel] = box
        return holder

    def labels(self) -> dict[int, str]:
        """Return which label, by value, each output draws; without those that draw nothing."""
        chosen = {channel: box.currentData() for channel, box in self.outputs.items()}
        return {channel: str(value) for channel, value in chosen.items() if value is not None}

    def _say_licence(self) -> None:
        if self.found is None or self.form is None:
            return
        typed = str(self.form.card.values().get("licence", self.found.card.licence))
        words = licence_words(self.found.card) if typed == self.found.card.licence else typed
        self.licence.setText(words)

    def _check(self) -> None:
        missing = []
        if self.found is not None:
            if not self.labels():
                missing.append("choose what at least one output draws")
            if not self.agrees.isChecked():
                missing.append("read and accept the licence")
        words = ", and ".join(missing)
        self.missing.setText(f"{words[:1].upper()}{words[1:]}." if words else "")
        self.add.setEnabled(self.found is not None and not missing)

    def _add(self) -> None:
        if self.found is None or self.form is None:
            return
        try:
            corrections = self.form.corrections()
        except AnnotatorError as error:
            self._say(str(error), "bad")
            return
        session, path = self._session, self.found.path
        labels, person = self.labels(), self.person.currentText()

        def work() -> SuppliedNetwork:
            return session.supply_network(
                path, licence_accepted_by=person, corrections=corrections, labels=labels
            )

        def show(network: SuppliedNetwork) -> None:
            self.added.emit(network)
            self.accept()

        def failed(error: Exception) -> None:
            self._say(str(error), "bad")
            self.add.setEnabled(True)

        self.add.setEnabled(False)
        self._say("Checking its files…", "")
        self._background.run("supply model", work, show, failed)

    def _empty(self) -> None:
        self.outputs.clear()
        self.form = None
        while self._rows.count() > 2:  # the guide and what lies below it stay
            item = self._rows.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def _say(self, words: str, tone: str) -> None:
        set_look(self.words, "tone", tone)
        self.words.setText(words)

"""The right side of a case that is read: what to start from, the work, diagnosis, submit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.diagnosis_form import DiagnosisForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.schema import LabelSchema


def scrolled(content: QWidget) -> QScrollArea:
    """Return a frameless area that scrolls its content up and down."""
    area = QScrollArea()
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    content.setObjectName("scrolled")
    return area


@dataclass(frozen=True, slots=True, kw_only=True)
class StartWords:
    """How a panel speaks of what a reading may start from."""

    offer: str
    explanation: str
    started: str
    unknown: str


class ReadingPanel(QWidget):
    """What to start from, the work itself, the diagnosis form and the submit button of one case."""

    submit_wanted = Signal(bool)
    """whether the cautions were confirmed"""
    start_wanted = Signal(str)
    """annotation id of what to start from"""

    def __init__(
        self,
        schema: LabelSchema,
        work: Sequence[tuple[str, QWidget]],
        words: StartWords,
        parent: QWidget | None = None,
    ) -> None:
        """Put sections (title, content) above the diagnosis; one without a title has its own."""
        super().__init__(parent)
        self.setObjectName("rightPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.form = DiagnosisForm(schema)
        self.started_from: str | None = None
        self.started = label("", tone="info", wrap=True)
        self.started.setAccessibleName("What the reading started from")
        self._words = words
        self._start_words = ""
        self._suggestions = QWidget()
        self._suggestion_layout = QVBoxLayout(self._suggestions)
        self._suggestion_layout.setContentsMargins(0, 0, 0, 6)
        self._suggestion_layout.setSpacing(4)
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(12, 10, 12, 10)
        inner.setSpacing(6)
        inner.addWidget(self.started)
        inner.addWidget(self._suggestions)
        for title, widget in work:
            if title:
                inner.addWidget(label(title, "section"))
            inner.addWidget(widget)
            inner.addSpacing(10)
        inner.addWidget(label("Diagnosis", "section"))
        inner.addWidget(self.form)
        inner.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scrolled(content), 1)
        layout.addWidget(self._submit_area())

    def _submit_area(self) -> QWidget:
        area = QWidget()
        area.setObjectName("bottombar")
        area.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.complaints = label("", tone="bad", wrap=True)
        self.complaints.setAccessibleName("What is missing")
        self.complaints.hide()
        self.cautions = label("", tone="caution", wrap=True)
        self.cautions.setAccessibleName("Please confirm")
        self.submit = Button(
            "Submit reading",
            "Make this reading final and go on (Ctrl+Enter). A later correction becomes a new "
            "revision.",
            lambda: self.submit_wanted.emit(False),
            kind="primary",
            icon_name="check",
        )
        self._confirm = QWidget()
        confirm = QVBoxLayout(self._confirm)
        confirm.setContentsMargins(0, 0, 0, 0)
        confirm.addWidget(self.cautions)
        row = QHBoxLayout()
        self.confirm = Button(
            "Yes, submit",
            "Submit although this looks forgotten.",
            lambda: self.submit_wanted.emit(True),
            kind="primary",
        )
        self.keep = Button("Keep working", "Go back to the case.", self.calm)
        row.addWidget(self.confirm, 1)
        row.addWidget(self.keep, 1)
        confirm.addLayout(row)
        self._confirm.hide()
        layout = QVBoxLayout(area)
        layout.setContentsMargins(12, 8, 12, 10)
        layout.addWidget(self.complaints)
        layout.addWidget(self._confirm)
        layout.addWidget(self.submit)
        return area

    def show_suggestions(
        self, suggestions: Sequence[tuple[str, str]], started_from: str | None
    ) -> None:
        """Offer readings to start from; ``started_from`` is the one that was taken."""
        self.started_from = started_from
        self.started.setVisible(started_from is not None)
        while (item := self._suggestion_layout.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        titles = dict(suggestions)
        self._suggestions.setVisible(bool(titles) and started_from is None)
        if started_from is not None:
            title = titles.get(started_from)
            words = self._words
            self._start_words = words.started.format(title) if title else words.unknown
            self.started.setText(f"{self._start_words}.")
            return
        for annotation_id, title in suggestions:
            metrics = self.fontMetrics()
            name = metrics.elidedText(title, Qt.TextElideMode.ElideRight, 190)
            button = Button(
                f"{self._words.offer}\n {name}",
                f"Start from {title}. {self._words.explanation} You check and "
                "correct it; undo (Z) takes it back. Your reading records that it began there.",
                partial(self.start_wanted.emit, annotation_id),
                icon_name="model",
            )
            button.setStyleSheet("text-align: left;")
            self._suggestion_layout.addWidget(button)

    def show_changed(self, share: float | None) -> None:
        """Say beside what the reading started from how much of it is different, 0 to 1."""
        if self.started_from is not None and share is not None:
            percent = "less than 1" if 0 < share < 0.005 else f"{100 * share:.0f}"
            self.started.setText(f"{self._start_words}; {percent} % changed so far.")

    def complain(self, problems: Sequence[str]) -> None:
        """Say beside the fields and above the button what is missing."""
        self._confirm.hide()
        self.submit.show()
        self.form.show_missing(on=True)
        self.complaints.setText(
            "Not submitted yet:\n" + "\n".join(f"• {word}" for word in problems)
        )
        self.complaints.show()
        self.form.focus_first_missing()

    def ask(self, cautions: Sequence[str]) -> None:
        """Ask for an explicit yes."""
        self.complaints.hide()
        self.cautions.setText(
            "\n".join(sentence[:1].upper() + sentence[1:] for sentence in cautions)
        )
        self._confirm.show()
        self.submit.hide()
        self.confirm.setFocus()

    def is_asking(self) -> bool:
        """Whether an explicit yes is awaited."""
        return self._confirm.isVisibleTo(self)

    def calm(self) -> None:
        """Take complaints and questions away."""
        self.complaints.hide()
        self._confirm.hide()
        self.submit.show()
        self.form.show_missing(on=False)

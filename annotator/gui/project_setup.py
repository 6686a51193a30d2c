"""Three steps that make a project ready: images, people, who reads what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label, set_look

if TYPE_CHECKING:
    from annotator.domain.reading import Rater
    from annotator.domain.study import Case
    from annotator.session.session import Session

MAX_TITLES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFacts:
    """What the room of a project shows; asked for on a worker thread."""

    cases: tuple[Case, ...]
    people: tuple[Rater, ...]
    n_assignments: int
    is_read_only: bool

    @classmethod
    def of(cls, session: Session) -> ProjectFacts:
        """Return the facts of a project as they are now."""
        return cls(
            cases=session.every_case(),
            people=session.people(),
            n_assignments=len(session.store.assignments()),
            is_read_only=session.store.is_read_only,
        )


class ProjectSetup(QWidget):
    """Import, add people, assign; then pre-annotation and export."""

    folder_wanted = Signal()
    files_wanted = Signal()
    beside_wanted = Signal()
    person_wanted = Signal(str, bool)
    assign_wanted = Signal(int, bool)
    """readers a case, 0 for everyone"""
    models_wanted = Signal()
    quality_wanted = Signal()
    export_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.setSpacing(12)
        layout.addWidget(self._images())
        layout.addWidget(self._people())
        layout.addWidget(self._assignment())
        layout.addWidget(self._models())
        layout.addWidget(self._quality())
        layout.addWidget(self._export())
        layout.addStretch(1)

    def show_facts(self, facts: ProjectFacts) -> None:
        """Say what the project holds and allow what can be done next."""
        titles = [
            case.title if case.reads == "mask" else f"{case.title} (traced)" for case in facts.cases
        ]
        shown = "\n".join(f"• {title}" for title in titles[:MAX_TITLES])
        more = f"\n… and {len(titles) - MAX_TITLES} more" if len(titles) > MAX_TITLES else ""
        self.cases.setText(
            f"{len(titles)} cases\n{shown}{more}"
            if titles
            else "No images yet. Drop files or folders anywhere on this window."
        )
        self.cases.setToolTip("\n".join(titles[:40]))
        can_write = not facts.is_read_only
        for widget in (self.folder, self.files, self.reads, self.name, self.may_review):
            widget.setEnabled(can_write)
        self.n_people.setText(
            f"{len(facts.people)} people" if facts.people else "Nobody yet. Add yourself first."
        )
        chosen = self.readers.currentIndex()
        self.readers.clear()
        self.readers.addItem("everyone", 0)
        for number in range(2, len(facts.people) + 1):
            self.readers.addItem(f"{number} readers", number)
        self.readers.setCurrentIndex(max(0, min(chosen, self.readers.count() - 1)))
        ready = bool(facts.cases) and bool(facts.people) and can_write
        self.assign.setEnabled(ready)
        self.readers.setEnabled(ready)
        self.by_gain.setEnabled(ready)
        self.assigned.setText(
            f"{facts.n_assignments} readings are assigned."
            if facts.n_assignments
            else "Nothing is assigned yet."
        )
        self.models.setEnabled(bool(facts.cases))
        self.beside.setEnabled(bool(facts.cases))
        self.quality.setEnabled(ready)
        self.export.setEnabled(bool(facts.cases))
        for button, is_next in (
            (self.folder, not facts.cases),
            (self.add, bool(facts.cases) and not facts.people),
            (self.assign, ready and not facts.n_assignments),
        ):
            _mark_next(button, is_next)

    def say_assigned(self, n_new: int, *, by_gain: bool) -> None:
        """Say what the last press of Assign did."""
        order = "by gain, for everybody the same" if by_gain else "in an own random order"
        self.assign_result.setText(
            f"{n_new} new assignments, each rater's cases {order}."
            if n_new
            else "Nothing new to assign: every case has its readers."
        )
        self.assign_result.show()

    def _card(self, title: str, explanation: str) -> tuple[QWidget, QVBoxLayout]:
        card = QWidget()
        card.setObjectName("card")
        card.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        layout = QVBoxLayout(card)
        layout.setContentsMargins(14, 10, 14, 12)
        layout.setSpacing(6)
        layout.addWidget(label(title, "section"))
        if explanation:
            layout.addWidget(label(explanation, "small", wrap=True))
        return card, layout

    def _images(self) -> QWidget:
        card, layout = self._card("1  Images", "DICOM, NIfTI, NRRD, MHA, PNG, JPEG, TIFF.")
        self.cases = label("", wrap=True)
        self.folder = Button(
            "Import folder…",
            "Look through a folder and what is in it (Ctrl+I).",
            self.folder_wanted.emit,
            icon_name="folder",
        )
        self.files = Button(
            "Import files…", "Choose image files (Ctrl+Shift+I).", self.files_wanted.emit
        )
        self.beside = Button(
            "Series beside cases…",
            "Other series of a study, and earlier studies, that raters can look at beside a case.",
            self.beside_wanted.emit,
        )
        self.reads = QComboBox()
        self.reads.addItem("draw masks", "mask")
        self.reads.addItem("trace neurons", "tracing")
        self.reads.setAccessibleName("What is read on imported images")
        self.reads.setToolTip(
            "What raters do on the images that are imported next. It stays so; the same image can "
            "be imported once in each way. Tracings by others (SWC files) are brought in by the "
            "command line: annotator add-tracing."
        )
        layout.addWidget(self.cases)
        rows = ((self.folder, self.files), (label("Readers"), self.reads), (self.beside,))
        for widgets in rows:
            row = QHBoxLayout()
            for widget in widgets:
                row.addWidget(widget)
            row.addStretch(1)
            layout.addLayout(row)
        return card

    def _people(self) -> QWidget:
        card, layout = self._card("2  People", "")
        self.n_people = label("")
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name, then Enter")
        self.name.setAccessibleName("Name of a new person")
        self.name.setToolTip("Type a name and press Enter to add the person.")
        self.may_review = QCheckBox("may review")
        self.may_review.setChecked(True)
        self.may_review.setAccessibleName("The new person may review")
        self.may_review.setToolTip(
            "Reviewers see everybody's readings of the cases that they need not read themselves."
        )
        self.add = Button("Add", "Add this person.", self._add)
        self.add.setEnabled(False)
        self.name.textChanged.connect(lambda text: self.add.setEnabled(bool(text.strip())))
        self.name.returnPressed.connect(self._add)
        row = QHBoxLayout()
        row.addWidget(self.name, 1)
        row.addWidget(self.may_review)
        row.addWidget(self.add)
        layout.addWidget(self.n_people)
        layout.addLayout(row)
        return card

    def _assignment(self) -> QWidget:
        card, layout = self._card(
            "3  Who reads what", "Raters work blinded; nobody sees another's marks or answers."
        )
        self.assigned = label("")
        self.readers = QComboBox()
        self.readers.setAccessibleName("Readers per case")
        self.readers.setToolTip("How many people read each case; they are chosen evenly.")
        self.assign = Button(
            "Assign",
            "Give every case to its readers; who has cases already keeps them.",
            lambda: self.assign_wanted.emit(
                int(self.readers.currentData() or 0), self.by_gain.isChecked()
            ),
        )
        self.by_gain = QCheckBox("First the cases that a model would gain most from")
        self.by_gain.setAccessibleName("Assign by gain")
        self.by_gain.setToolTip(
            "New cases come in this order for everybody, in place of each rater's random one: "
            "those that a model is unsure of, that raters may dispute, and that stand for many."
        )
        self.assign_result = label("", "small", wrap=True)
        self.assign_result.hide()
        row = QHBoxLayout()
        row.addWidget(label("Each case to"))
        row.addWidget(self.readers, 1)
        row.addWidget(self.assign)
        layout.addWidget(self.assigned)
        layout.addLayout(row)
        layout.addWidget(self.by_gain)
        layout.addWidget(self.assign_result)
        return card

    def _models(self) -> QWidget:
        card, layout = self._card(
            "Optional: let a model draw first",
            "Its drawing is offered to raters as a start, marked as a model's. It does not count "
            "as a reading.",
        )
        self.models = Button(
            "Models…",
            "Every model with its card: run one, compare them, add one, train one (Ctrl+M).",
            self.models_wanted.emit,
            icon_name="model",
        )
        layout.addWidget(self.models, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    def _quality(self) -> QWidget:
        card, layout = self._card(
            "Optional: keep readings good",
            "One more rater where readings disagree, cases read twice, gold cases, feedback, cases "
            "without a model.",
        )
        self.quality = Button(
            "Quality of the readings…",
            "Set when a further rater is asked, what is read twice, and which cases are gold.",
            self.quality_wanted.emit,
            icon_name="check",
        )
        layout.addWidget(self.quality, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    def _export(self) -> QWidget:
        card, layout = self._card("Results", "")
        self.export = Button(
            "Export…",
            "Write readings, fused and adjudicated masks to files (Ctrl+E).",
            self.export_wanted.emit,
            icon_name="export",
        )
        layout.addWidget(self.export, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    def _add(self) -> None:
        name = self.name.text().strip()
        if name:
            self.name.clear()
            self.person_wanted.emit(name, self.may_review.isChecked())


def _mark_next(button: Button, is_next: bool) -> None:
    set_look(button, "kind", "primary" if is_next else "plain")

"""Draw what a person drew on one case on others: which drawing, by which way, on which cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QGridLayout, QWidget

from annotator.gui.buttons import label
from annotator.gui.run_dialog import RunDialog
from annotator.session.models import ModelEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api import Propagator
    from annotator.domain.study import Case
    from annotator.gui.background import Background
    from annotator.session.session import Session

SIGNED_OFF = "What was signed off"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedDrawings:
    """What can be propagated: cases, and of each who drew on it; asked for on a worker thread.

    ``drawings`` holds the names of raters by case id; None stands for what was signed off.
    """

    cases: tuple[Case, ...]
    drawings: dict[str, tuple[str | None, ...]]
    propagators: tuple[Propagator, ...]

    @classmethod
    def of(cls, session: Session) -> FinishedDrawings:
        """Return what a project holds now."""
        store, cases = session.store, session.cases()
        people = {one.rater_id: one.name for one in store.raters() if not one.is_model}
        drawings: dict[str, list[str | None]] = {
            case.case_id: [None] for case in cases if store.adjudication(case.case_id) is not None
        }
        for entry in store.annotations():
            if entry.rater_id in people:
                drawings.setdefault(entry.case_id, []).append(people[entry.rater_id])
        return cls(
            cases=tuple(case for case in cases if case.case_id in drawings),
            drawings={case_id: tuple(names) for case_id, names in drawings.items()},
            propagators=session.registry.propagators(),
        )


QUICKEST = "registration"
"""The way that is offered first: it trains nothing."""


class PropagateDialog(RunDialog):
    """As the dialog that runs a model; above the cases, the drawing that is to be carried."""

    still_to_do = "Every other case"

    def __init__(
        self,
        session: Session,
        found: FinishedDrawings,
        cases: Sequence[Case],
        background: Background,
        parent: QWidget,
    ) -> None:
        self._found = found
        self.source = _chooser("Case to start from", "The case that a person has drawn on.")
        self.drawing = _chooser("Whose drawing", "Whose drawing on it is carried to others.")
        self.method = _chooser("Way", "How the drawing finds its place on another case.")
        super().__init__(session, _entry(), cases, background, parent)
        self.setWindowTitle("Propagate a drawing")
        for case in found.cases:
            self.source.addItem(case.title, case.case_id)
        for propagator in found.propagators:
            self.method.addItem(propagator.title, propagator.name)
        self.source.currentIndexChanged.connect(lambda _: self._choose_source())
        self.method.setCurrentIndex(max(0, self.method.findData(QUICKEST)))
        self.method.currentIndexChanged.connect(lambda _: self._choose_method())
        self._choose_source()
        self._choose_method()

    def choose(self, case_id: str) -> None:
        """Start from this case, where somebody has drawn on it."""
        self.source.setCurrentIndex(max(0, self.source.findData(case_id)))

    def _top(self) -> QWidget:
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 4)
        grid.setColumnStretch(1, 1)
        for row, (words, box) in enumerate(
            (("From", self.source), ("Drawn by", self.drawing), ("Way", self.method))
        ):
            grid.addWidget(label(words), row, 0)
            grid.addWidget(box, row, 1)
        return holder

    def _choose_source(self) -> None:
        case_id = str(self.source.currentData() or "")
        self.drawing.clear()
        for name in self._found.drawings.get(case_id, ()):
            self.drawing.addItem(name or SIGNED_OFF, name)
        self.cases.set_done({case_id})
        self._check()

    def _choose_method(self) -> None:
        name = self.method.currentData()
        for propagator in self._found.propagators:
            if propagator.name == name:
                self.set_parameters(propagator.parameters)

    def _given(self) -> tuple[str, dict[str, object]]:
        source = str(self.source.currentData() or "")
        return "propagate", {
            "case": source,
            "rater": self.drawing.currentData(),
            "method": str(self.method.currentData()),
            "cases": [case_id for case_id in self.cases.chosen() if case_id != source],
            "parameters": self.form.values(),
        }

    def _about(self) -> str:
        return (
            "The images are matched there and back. What comes of it is a model's reading that "
            "tells where it is in doubt; a person's it never becomes."
        )


def _entry() -> ModelEntry:
    return ModelEntry(
        kind="built-in",
        key="",
        title="Propagate a drawing",
        draws="what a person drew on another case",
        trained_on="",
        licence="",
        card=(),
    )


def _chooser(name: str, tooltip: str) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setToolTip(tooltip)
    return made

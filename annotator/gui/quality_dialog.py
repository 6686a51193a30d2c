"""How readings are kept good: further raters, repeats, gold cases, feedback, models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QHBoxLayout, QTabWidget, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label, set_look
from annotator.gui.control_page import FeedbackPage, GoldPage, RepeatsPage
from annotator.gui.overlap_page import OverlapPage
from annotator.gui.without_model_page import WithoutModelPage

if TYPE_CHECKING:
    from annotator.gui.background import Background
    from annotator.session.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFacts:
    """What the dialog shows at first; asked for on a worker thread."""

    names: dict[str, str]
    titles: dict[str, str]
    signed_off: tuple[str, ...]
    gold: dict[str, str]
    gives_feedback: bool
    share_without_model: float

    @classmethod
    def of(cls, session: Session) -> QualityFacts:
        """Return the facts of a project as they are now."""
        store = session.store
        cases = session.cases()
        return cls(
            names={rater.rater_id: rater.name for rater in store.raters()},
            titles={case.case_id: case.title for case in cases},
            signed_off=tuple(
                case.case_id for case in cases if store.adjudication(case.case_id) is not None
            ),
            gold={entry.case_id: entry.source for entry in store.gold_cases()},
            gives_feedback=session.quality.gives_feedback,
            share_without_model=session.quality.share_without_model,
        )


class QualityDialog(QDialog):
    """One page a way of keeping readings good; what is done is said at the foot."""

    def __init__(
        self, session: Session, facts: QualityFacts, background: Background, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Quality of the readings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        quality = session.quality
        self.overlap = OverlapPage(quality, facts.names, background)
        self.repeats = RepeatsPage(quality, background)
        self.gold = GoldPage(quality, facts.titles, facts.signed_off, facts.gold, background)
        self.feedback = FeedbackPage(quality, background, gives_feedback=facts.gives_feedback)
        self.without_model = WithoutModelPage(quality, background, share=facts.share_without_model)
        self.words = label("", wrap=True)
        self.words.setAccessibleName("What was done")
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Ways of keeping readings good")
        self.tabs.setToolTip("Further raters, repeats, gold cases, feedback, models.")
        self.tabs.setDocumentMode(True)
        for page, title in (
            (self.overlap, "Further raters"),
            (self.repeats, "Cases read twice"),
            (self.gold, "Gold cases"),
            (self.feedback, "Feedback"),
            (self.without_model, "Without a model"),
        ):
            page.told.connect(lambda words: self._say(words, "good"))
            page.failed.connect(lambda error: self._say(_sentence(error), "bad"))
            self.tabs.addTab(page, title)
        foot = QHBoxLayout()
        foot.addWidget(self.words, 1)
        foot.addWidget(Button("Close", "Go back to the project.", self.accept))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 12, 18, 14)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(foot)
        self.resize(760, 640)
        self._background = background

    def done(self, result: int) -> None:
        """Wait for no answer any more."""
        for key in ("overlap", "repeats", "gold", "feedback", "without model"):
            self._background.drop(key)
        super().done(result)

    def _say(self, words: str, tone: str) -> None:
        set_look(self.words, "tone", tone)
        self.words.setText(words)


def _sentence(error: object) -> str:
    words = str(error)
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")

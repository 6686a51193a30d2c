"""Series beside cases, on the project page: which there are, attaching and detaching."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.buttons import Button, label, set_look

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.domain.companions import Companion, CompanionKind
    from annotator.domain.study import Case
    from annotator.gui.background import Background
    from annotator.gui.jobs_bar import JobsBar
    from annotator.session.session import Session

_KEY = "companions of a case"
_CHANGE = "change companions"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanionFacts:
    """What the dialog shows at first; asked for on a worker thread."""

    cases: tuple[Case, ...]

    @classmethod
    def of(cls, session: Session) -> CompanionFacts:
        """Return the cases on which masks are drawn."""
        return cls(cases=session.cases())


class CompanionsDialog(QDialog):
    """Puts files, or the image of another case, beside a case. Files are read by a job."""

    def __init__(
        self,
        session: Session,
        facts: CompanionFacts,
        background: Background,
        bar: JobsBar,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Series beside cases")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._session = session
        self._background = background
        self._bar = bar
        self._is_open = True
        self.cases = _chooser("Case", "The case beside which series are shown.")
        self.others = _chooser("Other case", "The image of this case is put beside it.")
        for case in facts.cases:
            self.cases.addItem(case.title, case.case_id)
            self.others.addItem(case.title, case.case_id)
        self.others.setCurrentIndex(min(1, self.others.count() - 1))
        self.kind = _chooser("What it is to the case", "What is attached is to the case.")
        self.kind.addItem("by what the files say", None)
        self.kind.addItem("another series of the study", "series")
        self.kind.addItem("an earlier study (prior)", "prior")
        self.found = QListWidget()
        self.found.setAccessibleName("Series beside the case")
        self.found.setToolTip("What raters can look at beside this case.")
        self.detach = Button(
            "Detach", "Take away what was attached by hand. Its images stay.", self._detach
        )
        self.words = label("", wrap=True)
        self.words.setAccessibleName("What was done")
        self._lay_out()
        self.cases.currentIndexChanged.connect(lambda _: self.refresh())
        self.found.currentRowChanged.connect(lambda _: self._check())
        self.refresh()
        self.resize(620, 520)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 12, 18, 14)
        about = label(
            "Raters see these images beside the case that they draw on (Alt+V), at the same place. "
            "Series of the same study and earlier studies of the same patient id are found by "
            "themselves; others are attached here.",
            "small",
            wrap=True,
        )
        layout.addWidget(about)
        layout.addLayout(_row(label("Case"), self.cases))
        layout.addWidget(self.found, 1)
        layout.addLayout(_row(self.detach))
        layout.addWidget(label("Attach", "section"))
        layout.addLayout(_row(label("It is"), self.kind))
        self.files = Button("Files…", "Attach the series in files.", self._choose_files)
        self.folder = Button(
            "Folder…", "Attach every series in a folder.", self._choose_folder, icon_name="folder"
        )
        self.from_case = Button("Image of", "Attach the image of another case.", self._attach_case)
        layout.addLayout(_row(self.folder, self.files))
        layout.addLayout(_row(self.from_case, self.others))
        close = Button("Close", "Go back to the project.", self.accept)
        foot = QHBoxLayout()
        foot.addWidget(self.words, 1)
        foot.addWidget(close)
        layout.addLayout(foot)

    @property
    def case_id(self) -> str:
        """The case that is chosen."""
        return str(self.cases.currentData() or "")

    def refresh(self) -> None:
        """Ask again what there is beside the case."""
        case_id, desk = self.case_id, self._session.companions
        self._background.run(_KEY, lambda: desk.of_case(case_id), self._show, self._fail)

    def attach_paths(self, paths: list[str]) -> None:
        """Put what is in files and folders beside the case; they are read outside the window."""
        given = {"case": self.case_id, "paths": paths, "kind": self.kind.currentData()}
        self._say("The files are being read.", "")
        self._bar.submit("attach series", given, "Attaching", self._attached)

    def done(self, result: int) -> None:
        """Wait for no answer any more."""
        self._is_open = False
        for key in (_KEY, _CHANGE):
            self._background.drop(key)
        super().done(result)

    def _choose_files(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self, "Attach files", str(Path.home()))
        if chosen:
            self.attach_paths(chosen)

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Attach a folder", str(Path.home()))
        if chosen:
            self.attach_paths([chosen])

    def _attached(self, result: dict[str, Any]) -> None:
        if not self._is_open:
            return
        n_series, skipped = len(result["series"]), result["skipped"]
        words = f"{n_series} series attached."
        if skipped:
            words += f" {len(skipped)} left out: {skipped[0]['reason']}."
        self._say(words, "good" if n_series else "bad")
        self.refresh()

    def _attach_case(self) -> None:
        desk, case_id = self._session.companions, self.case_id
        other, kind = str(self.others.currentData()), self.kind.currentData()
        self._change(lambda: _attach(desk.attach_case, case_id, other, kind))

    def _detach(self) -> None:
        item = self.found.currentItem()
        if item is not None:
            desk, case_id = self._session.companions, self.case_id
            series_id = str(item.data(Qt.ItemDataRole.UserRole))
            self._change(lambda: f"“{desk.detach(case_id, series_id).title}” was detached.")

    def _change(self, work: Callable[[], str]) -> None:
        def show(words: str) -> None:
            self._say(words, "good")
            self.refresh()

        self._background.run(_CHANGE, work, show, self._fail)

    def _show(self, found: tuple[Companion, ...]) -> None:
        self.found.clear()
        for one in found:
            how = "attached" if one.is_attached else "found"
            item = QListWidgetItem(f"{one.title} · {one.series.modality} · {one.when} · {how}")
            item.setData(Qt.ItemDataRole.UserRole, one.series.series_id)
            item.setData(Qt.ItemDataRole.UserRole + 1, one.is_attached)
            self.found.addItem(item)
        if not found:
            nothing = QListWidgetItem("Nothing stands beside this case.")
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            self.found.addItem(nothing)
        self._check()

    def _check(self) -> None:
        item, can_write = self.found.currentItem(), not self._session.store.is_read_only
        attached = item is not None and bool(item.data(Qt.ItemDataRole.UserRole + 1))
        self.detach.setEnabled(attached and can_write)
        for button in (self.files, self.folder):
            button.setEnabled(can_write)
        self.from_case.setEnabled(can_write and self.cases.count() > 1)

    def _fail(self, error: Exception) -> None:
        words = str(error)
        self._say(words[:1].upper() + words[1:] + ".", "bad")

    def _say(self, words: str, tone: str) -> None:
        set_look(self.words, "tone", tone)
        self.words.setText(words)


def _attach(
    attach: Callable[[str, str, CompanionKind | None], CompanionKind],
    case_id: str,
    other: str,
    kind: CompanionKind | None,
) -> str:
    found = attach(case_id, other, kind)
    return f"Attached as {'a prior' if found == 'prior' else 'a series of the study'}."


def _chooser(name: str, tooltip: str) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setToolTip(tooltip)
    return made


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget, 1 if isinstance(widget, QComboBox) else 0)
    if not any(isinstance(widget, QComboBox) for widget in widgets):
        row.addStretch(1)
    return row

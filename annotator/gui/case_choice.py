"""Which cases: all, those that are still to do, or ticked ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QListWidget,
    QListWidgetItem,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from annotator.domain.study import Case

LIST_HEIGHT = 150


class CaseChoice(QWidget):
    """Three ways to choose; the list of cases shows for the third. Emits ``changed``."""

    changed = Signal()

    def __init__(
        self,
        cases: Sequence[Case],
        parent: QWidget | None = None,
        *,
        still_to_do: str = "Cases that it has not read yet",
    ) -> None:
        super().__init__(parent)
        self._still_to_do = still_to_do
        self._cases = tuple(cases)
        self._done: Collection[str] = frozenset()
        self.all = QRadioButton("")
        self.new = QRadioButton("")
        self.some = QRadioButton("Only these:")
        group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for button, name, help_words in (
            (self.new, still_to_do, f"{still_to_do}; the usual choice."),
            (self.all, "All cases", "Every case of the project."),
            (self.some, "Ticked cases", "Cases that you tick in a list."),
        ):
            button.setAccessibleName(name)
            button.setToolTip(help_words)
            button.toggled.connect(lambda _: self._switch())
            group.addButton(button)
            layout.addWidget(button)
        self.list = QListWidget()
        self.list.setAccessibleName("Cases to tick")
        self.list.setToolTip("Tick cases with the mouse, or with Space.")
        self.list.setFixedHeight(LIST_HEIGHT)
        for case in self._cases:
            item = QListWidgetItem(case.title)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.itemChanged.connect(lambda _: self.changed.emit())
        layout.addWidget(self.list)
        self.set_done(frozenset())

    def set_done(self, done: Collection[str]) -> None:
        """Take which cases need it no more; those that are left are offered first."""
        self._done = done
        n_new = sum(case.case_id not in done for case in self._cases)
        self.all.setText(f"All cases ({len(self._cases)})")
        self.new.setText(f"{self._still_to_do} ({n_new})")
        self.new.setEnabled(n_new > 0)
        (self.new if n_new else self.all).setChecked(True)
        self._switch()

    def choose(self, case_ids: Collection[str]) -> None:
        """Tick these cases."""
        for place, case in enumerate(self._cases):
            is_ticked = case.case_id in case_ids
            state = Qt.CheckState.Checked if is_ticked else Qt.CheckState.Unchecked
            self.list.item(place).setCheckState(state)
        self.some.setChecked(True)

    def chosen(self) -> tuple[str, ...]:
        """Return the ids of the chosen cases."""
        if self.all.isChecked():
            return tuple(case.case_id for case in self._cases)
        if self.new.isChecked():
            return tuple(case.case_id for case in self._cases if case.case_id not in self._done)
        return tuple(
            case.case_id
            for place, case in enumerate(self._cases)
            if self.list.item(place).checkState() == Qt.CheckState.Checked
        )

    def _switch(self) -> None:
        self.list.setVisible(self.some.isChecked())
        self.changed.emit()

"""Every case of the project at a glance: how far its raters agree, worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QEvent, QModelIndex, QSortFilterProxyModel, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.buttons import Button, label
from annotator.gui.work_progress import WorkProgress

if TYPE_CHECKING:
    from qtpy.QtCore import QPersistentModelIndex

    from annotator.gui.background import Background
    from annotator.gui.cohort_plot import CohortPlot
    from annotator.session.report import CaseAgreement, Cohort
    from annotator.session.review_room import ReviewRoom

    AnyIndex = QModelIndex | QPersistentModelIndex

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("Case", "Open it in the review with a double click or Enter", "title"),
    ("Readings", "Readings that are compared", "n_readings"),
    ("Mean Dice", "Overlap, over labels and pairs of raters, 0 to 1", "mean_dice"),
    ("Kappa", "Fleiss' kappa over all voxels: agreement beyond chance", "kappa"),
    ("Entropy, bits", "Mean uncertainty of the votes over all voxels", "entropy_bits"),
)
_WORST = 2
"""The column that is sorted by at first."""


class CohortTable(QAbstractTableModel):
    """The cases as rows: only those that are looked at are put into words."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.cases: tuple[CaseAgreement, ...] = ()

    def show_cases(self, cases: tuple[CaseAgreement, ...]) -> None:
        """Show these cases."""
        self.beginResetModel()
        self.cases = cases
        self.endResetModel()

    def rowCount(self, parent: AnyIndex | None = None) -> int:
        """Return how many cases there are."""
        return 0 if parent is not None and parent.isValid() else len(self.cases)

    def columnCount(self, _parent: AnyIndex | None = None) -> int:
        """Return how many things are told of a case."""
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: ANN401
        """Return the heading of a column, or what it means."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section][0]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return COLUMNS[section][1] if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: AnyIndex, role: int = 0) -> Any:  # noqa: ANN401 - Qt's own any
        """Return what is shown of a case, what it is sorted by, or how it is aligned."""
        value = getattr(self.cases[index.row()], COLUMNS[index.column()][2])
        if role == Qt.ItemDataRole.UserRole:
            return -1.0 if value is None else value
        if role == Qt.ItemDataRole.DisplayRole:
            if value is None:
                return "–"
            return f"{value:.3f}" if isinstance(value, float) else str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        return None


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


class CohortPage(QWidget):
    """Histograms above, a table of all cases below; worked out when the page is first shown.

    Emits ``case_wanted(case_id)`` for a case to look at.
    """

    case_wanted = Signal(str)

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._room: ReviewRoom | None = None
        self.cohort: Cohort | None = None
        self.plot: CohortPlot | None = None
        self.words = label("", "muted", wrap=True)
        self.words.setAccessibleName("What is told of all cases")
        self.busy = WorkProgress("the comparison")
        self.busy.told.connect(self._tell)
        self.again = Button("Compare", "Compare the readings of all cases.", self._work)
        self.again.hide()
        self.missing = label("", "small", wrap=True)
        self.complete = Button(
            "Compare them too",
            "Compare the readings of the cases that are left out.",
            lambda: self._work(recompute=True),
        )
        self.rows = CohortTable(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self.rows)
        self._sorted.setSortRole(Qt.ItemDataRole.UserRole)
        self.table = QTableView()
        self.table.setModel(self._sorted)
        self._dress()
        self._plot_place = QVBoxLayout()
        top = QHBoxLayout()
        top.addWidget(self.missing, 1)
        top.addWidget(self.complete)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 10, 16, 0)
        layout.setSpacing(8)
        first = QHBoxLayout()
        first.addWidget(self.words, 1)
        first.addWidget(self.again)
        layout.addLayout(first)
        layout.addWidget(self.busy)
        layout.addLayout(top)
        layout.addLayout(self._plot_place)
        layout.addWidget(self.table, 1)

    def _dress(self) -> None:
        table = self.table
        table.setAccessibleName("Agreement in every case")
        table.setToolTip("Worst first. Click a heading to sort; open a case with a double click.")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setSortingEnabled(True)
        table.sortByColumn(_WORST, Qt.SortOrder.AscendingOrder)
        table.verticalHeader().hide()
        table.activated.connect(self._open)

    def enter(self, room: ReviewRoom) -> None:
        """Forget what was shown; it is worked out anew when the page is looked at."""
        self.leave()
        self._room = room
        self.cohort = None
        if self.isVisible():
            self._work()

    def leave(self) -> None:
        """Stop what is being worked out."""
        self.busy.finish()
        self._background.drop("cohort")

    def showEvent(self, event: QEvent) -> None:
        """Work the page out where that was not done yet."""
        super().showEvent(event)  # type: ignore[arg-type]
        if self.cohort is None and not self._background.is_waiting("cohort"):
            self._work()

    def _work(self, *, recompute: bool = False) -> None:
        room = self._room
        if room is None:
            return
        self.words.setText("The readings of all cases are being compared…")
        self.again.hide()
        self.complete.setEnabled(False)
        progress = self.busy.begin()

        def work() -> Cohort:
            import annotator.gui.cohort_plot  # noqa: F401 - matplotlib takes a second to import

            return room.cohort(progress, recompute=recompute)

        self._background.run("cohort", work, self._show, self._could_not)

    def _show(self, cohort: Cohort) -> None:
        from annotator.gui.cohort_plot import CohortPlot

        self.cohort = cohort
        self.busy.finish()
        if self.plot is None:
            self.plot = CohortPlot()
            self._plot_place.addWidget(self.plot)
        n_cases, median = len(cohort.cases), cohort.median_dice
        told = f"{n_cases} {'case' if n_cases == 1 else 'cases'} with two readings or more"
        if median is not None:
            told += f"; half of them agree to a mean Dice of {median:.3f} or better"
        self.words.setText(told + ".")
        self.missing.setText(f"Left out: {cohort.left_out}." if cohort.left_out else "")
        can_be_found = bool(cohort.stale or cohort.unknown)
        self.complete.setVisible(can_be_found)
        self.complete.setEnabled(can_be_found)
        self.rows.show_cases(cohort.cases)
        self.plot.setVisible(bool(cohort.cases))
        self.plot.show_cases(cohort.cases)
        # A table that begins anew forgets how wide its columns are.
        self.table.resizeColumnsToContents()
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def _tell(self, words: str) -> None:
        self.words.setText(f"Comparing the readings of {words}")

    def _could_not(self, error: Exception) -> None:
        self.busy.finish()
        words = str(error)
        self.words.setText(f"{words[:1].upper()}{words[1:]}.")
        self.again.show()
        self.complete.setEnabled(self.complete.isVisible())

    def _open(self, index: QModelIndex) -> None:
        place = self._sorted.mapToSource(index).row()
        self.case_wanted.emit(self.rows.cases[place].case_id)

"""All steps of a drawing as a list with pictures, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QPixmap
from qtpy.QtWidgets import QListView

from annotator.gui.history_picture import SIDE
from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QImage

    from annotator.domain.reading import Box, History

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A state of the drawing: after a step, or before the first, which has none."""

    step_id: int | None
    title: str
    time: str
    box: Box | None
    is_now: bool
    is_in_effect: bool

    @property
    def words(self) -> str:
        """What the row says."""
        if self.is_now:
            return f"{self.title}\n{self.time} · now"
        return f"{self.title}\n{self.time}" + ("" if self.is_in_effect else " · taken back")


def moments_of(history: History, titles: dict[str, str], begun: str) -> tuple[Moment, ...]:
    """Return the states of a drawing, newest first; ``titles`` name tools by their stable names."""
    in_effect = set(history.path(history.head_step_id))
    found = [
        Moment(
            step_id=step.step_id,
            title=titles.get(step.tool, step.tool.replace("-", " ").capitalize()),
            time=_local_time(step.created_at),
            box=step.box,
            is_now=step.step_id == history.head_step_id,
            is_in_effect=step.step_id in in_effect,
        )
        for step in reversed(history.steps)
    ]
    start = Moment(
        step_id=None,
        title="As it began",
        time=begun,
        box=None,
        is_now=history.head_step_id is None,
        is_in_effect=True,
    )
    return (*found, start)


class HistoryModel(QAbstractListModel):
    """Hands the view its rows; asks for the pictures of those that are seen.

    Emits ``picture_wanted(step_id)`` once for each.
    """

    picture_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.moments: tuple[Moment, ...] = ()
        self._pictures: dict[int | None, QPixmap] = {}
        self._asked: set[int | None] = set()
        self._blank = QPixmap(SIDE, SIDE)
        self._blank.fill(QColor("#101418"))

    def show_moments(self, moments: Sequence[Moment]) -> None:
        """Show these; pictures of steps never change and are kept."""
        self.beginResetModel()
        self.moments = tuple(moments)
        self.endResetModel()

    def forget(self) -> None:
        """Let the pictures go: another drawing is shown."""
        self._pictures.clear()
        self._asked.clear()
        self.show_moments(())

    def put_picture(self, step_id: int | None, image: QImage) -> None:
        """Show the picture of a step."""
        self._pictures[step_id] = QPixmap.fromImage(image)
        for row, moment in enumerate(self.moments):
            if moment.step_id == step_id:
                place = self.index(row)
                self.dataChanged.emit(place, place)

    def rowCount(self, parent: Index | None = None) -> int:
        """Return how many states there are."""
        return 0 if parent is not None and parent.isValid() else len(self.moments)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's
        """Return what a row says, its picture, or how it is coloured."""
        moment = self.moments[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return moment.words
        if role == Qt.ItemDataRole.DecorationRole:
            if moment.box is not None and moment.step_id not in self._asked:
                self._asked.add(moment.step_id)
                self.picture_wanted.emit(moment.step_id)
            return self._pictures.get(moment.step_id, self._blank)
        if role == Qt.ItemDataRole.ForegroundRole and not moment.is_in_effect:
            return QColor(shown_tokens().muted)
        if role == Qt.ItemDataRole.FontRole and moment.is_now:
            font = QFont()
            font.setBold(True)
            return font
        return None


class HistoryView(QListView):
    """The list itself."""

    def __init__(self, model: HistoryModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setIconSize(QSize(SIDE, SIDE))
        self.setUniformItemSizes(True)
        self.setSpacing(2)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName("Steps of this drawing")
        self.setToolTip(
            "Newest first. Choose a step to look at the drawing as it was then; "
            "a double click brings it back."
        )


def _local_time(utc: str) -> str:
    moment = datetime.fromisoformat(utc).astimezone()
    if moment.date() == datetime.now().astimezone().date():
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d %H:%M}"

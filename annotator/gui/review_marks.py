"""The marks of all raters in the review: on the image in their colours, and beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from annotator.domain.marks import Mark, MarkEdit, box_of_edit
from annotator.drawing.mark_words import mark_title, range_words, size_words
from annotator.gui.buttons import label
from annotator.gui.keyed_table import KeyedTable
from annotator.gui.mark_layer import POINTS, MarkLayer, ShownMark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annotator.analysis.mark_groups import MarkGroup
    from annotator.domain.reading import Box
    from annotator.domain.schema import LabelSchema
    from annotator.drawing.surface import Surface
    from annotator.session.review_case import ReviewCase
    from annotator.session.review_marks import ReviewMarks

_CONSENSUS_COLOR = "#ffffff"


def review_layer(case: ReviewCase, surface: Surface, visible: frozenset[str]) -> MarkLayer:
    """Return the marks of the visible raters in their colours, and where they agree points are.

    Beside a point stands how far it lies from the place that they agree on.
    """
    found, shown = case.marks, []
    distances = _distances(found)
    for reading in case.readings:
        for mark in found.by_rater.get(reading.rater_id, ()):
            if reading.rater_id not in visible:
                continue
            away = distances.get((reading.rater_id, mark.mark_id))
            said = [reading.letter, _name(mark, case.schema), size_words(mark, surface)]
            said.append("" if away is None else f"{away:.1f} {found.unit}")
            text = " · ".join(part for part in said if part)
            shown.append(ShownMark(mark=mark, color=reading.color, text=text))
    if visible:
        shown += [
            ShownMark(
                mark=Mark(mark_id=number + 1, kind=group.key.kind, places=(group.consensus,)),
                color=_CONSENSUS_COLOR,
            )
            for number, group in enumerate(found.groups)
            if group.consensus is not None and len(group.marks) > 1
        ]
    return MarkLayer(shown=tuple(shown))


def group_rows(case: ReviewCase, surface: Surface) -> list[tuple[str, tuple[str, str, str]]]:
    """Return a row for all marks that mean the same: what, whose, how far apart or how large."""
    letters = {reading.rater_id: reading.letter for reading in case.readings}
    return [
        (
            str(number),
            (
                _what(group, case.schema),
                "".join(sorted(letters[rater] for rater in group.marks if rater in letters)),
                _spread(group, surface, case.marks.unit),
            ),
        )
        for number, group in enumerate(case.marks.groups)
    ]


class ReviewMarksPage(QWidget):
    """A table of what raters marked. Emits ``wanted(Box)``: the place of the row that is chosen."""

    wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._boxes: dict[str, Box] = {}
        self.table = KeyedTable(
            "Marks of the raters",
            "Marks that mean the same, one row each; a click goes there.",
            (
                ("Mark", "What it is", 0),
                ("By", "Letters of the raters who set it", 56),
                ("Apart, or size", "Largest distance from where they agree, or the sizes", 164),
            ),
        )
        self.table.cellClicked.connect(lambda *_: self._go())
        self.table.picked.connect(lambda _: self._go())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(
            label(
                "Points, lines and boxes of all raters. White is where they agree that a point is; "
                "signing off keeps the masks only.",
                "small",
                wrap=True,
            )
        )
        layout.addWidget(self.table, 1)

    def show_case(self, case: ReviewCase, surface: Surface) -> None:
        """Show what was marked on a case."""
        self.table.set_rows(group_rows(case, surface))
        self._boxes = {
            str(number): box_of_edit(MarkEdit(before=None, after=_first(group)), surface.shape)
            for number, group in enumerate(case.marks.groups)
        }

    def _go(self) -> None:
        if self.table.key in self._boxes:
            self.wanted.emit(self._boxes[self.table.key])


def _distances(found: ReviewMarks) -> Mapping[tuple[str, int], float]:
    """Return how far each point lies from where the raters agree, by rater and mark."""
    return {
        (rater, group.marks[rater].mark_id): away
        for group in found.groups
        if len(group.marks) > 1
        for rater, away in group.distances.items()
    }


def _first(group: MarkGroup) -> Mark:
    return next(iter(group.marks.values()))


def _name(mark: Mark, schema: LabelSchema) -> str:
    """Return the name of a point, or one that was given."""
    return mark_title(mark, schema) if mark.kind in POINTS or mark.name else ""


def _what(group: MarkGroup, schema: LabelSchema) -> str:
    mark = _first(group)
    about = schema.label(group.key.label)
    title = mark_title(mark, schema) if mark.name else mark.kind.capitalize()
    return title if about is None else f"{title}, {about.name}"


def _spread(group: MarkGroup, surface: Surface, unit: str) -> str:
    if len(group.marks) > 1 and group.distances:
        return f"{max(group.distances.values()):.1f} {unit}"
    return range_words(group.marks.values(), surface)

"""How the marks of one case are told: on the image and as rows of a list; measured once each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.drawing.mark_words import mark_title, size_words, value_words
from annotator.gui.mark_layer import MARK_COLOR, POINTS, ShownMark
from annotator.gui.mark_panel import missing_row
from annotator.gui.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annotator.domain.marks import Mark
    from annotator.domain.schema import LabelSchema, Landmark
    from annotator.drawing.surface import Surface


class MarkBook:
    """Names, sizes and colours of marks on one surface; ``unit`` is that of the image's values."""

    def __init__(self, schema: LabelSchema, surface: Surface, unit: str) -> None:
        self.schema = schema
        self.surface = surface
        self._unit = unit
        self._sizes: dict[Mark, str] = {}
        self._values: dict[Mark, str] = {}

    def shown(self, mark: Mark) -> ShownMark:
        """Say how a mark looks: points by their names, others by what they measure."""
        about = self.schema.label(mark.label)
        color = MARK_COLOR if about is None else about.color
        if mark.kind in POINTS:
            return ShownMark(mark=mark, color=color, text=mark_title(mark, self.schema))
        size = self._size(mark)
        text = f"{mark.name} · {size}" if mark.name else size
        return ShownMark(mark=mark, color=color, text=text)

    def rows(self, marks: Iterable[Mark], in_hand: Landmark | None) -> list[Row]:
        """Return landmarks in the order of the schema, set or not, then all other marks."""
        marks = tuple(marks)
        for words in (self._sizes, self._values):
            # A mark that was dragged was another one at each move.
            for gone in words.keys() - set(marks):
                del words[gone]
        asked, others = self.schema.landmarks, []
        set_ones: dict[str, Mark] = {}
        for mark in marks:
            if mark.kind == "landmark" and self.schema.landmark(mark.name) is not None:
                set_ones[mark.name] = mark
            else:
                others.append(mark)
        rows = [
            self._row(set_ones[entry.key])
            if entry.key in set_ones
            else missing_row(
                entry.key, entry.title, required=entry.required, in_hand=entry == in_hand
            )
            for entry in asked
        ]
        return rows + [self._row(mark) for mark in others]

    def _row(self, mark: Mark) -> Row:
        size, values = self._size(mark), self._value(mark)
        about = self.schema.label(mark.label)
        is_landmark = mark.kind == "landmark"
        detail = [values] if size or is_landmark else []
        if about is not None:
            detail.append(about.name)
        return Row(
            key=str(mark.mark_id),
            title=mark_title(mark, self.schema),
            detail=" · ".join(part for part in detail if part),
            chip="set" if is_landmark else size or values,
            tone="good" if is_landmark else "",
        )

    def _size(self, mark: Mark) -> str:
        if mark not in self._sizes:
            self._sizes[mark] = size_words(mark, self.surface)
        return self._sizes[mark]

    def _value(self, mark: Mark) -> str:
        """Return the values in words: the image is looked at, which may take long."""
        if mark not in self._values:
            self._values[mark] = value_words(mark, self.surface, self._unit)
        return self._values[mark]

"""The marks of the case that is drawn on: from the canvas to the draft, and from it to the list."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QApplication

from annotator.domain.errors import AnnotatorError
from annotator.domain.marks import MarkEdit, box_of_edit, edits_between
from annotator.drawing.gesture import UNMARKED, Markings
from annotator.drawing.mark_tools import LandmarkMark
from annotator.drawing.mark_words import (
    mark_title,
    size_words,
    table_columns,
    table_row,
    value_words,
)
from annotator.gui.mark_layer import MARK_COLOR, NO_MARKS, POINTS, MarkLayer, ShownMark
from annotator.gui.mark_panel import missing_row
from annotator.gui.rows import Row

if TYPE_CHECKING:
    from annotator.domain.marks import Mark
    from annotator.domain.schema import LabelSchema, Landmark
    from annotator.drawing.surface import Surface
    from annotator.gui.canvas import Canvas
    from annotator.gui.drawing_tools import DrawingTools
    from annotator.gui.mark_panel import MarkPanel
    from annotator.session.draft import DraftSession

_DELETE, _NAME, _LABEL = "delete-mark", "name-mark", "label-mark"
"""What the history calls these steps."""
_KEPT_WORDS = 1000
"""A mark that is dragged is another one at each move."""


class MarkDesk(QObject):
    """Belongs to the window's thread.

    Signals
    -------
    told : str
        Words for the person.
    failed : Exception
        A mark could not be kept.
    changed
        A mark was set, changed or taken away.
    state_changed
        Another mark is chosen, or marks are shown or hidden.
    """

    told = Signal(str)
    failed = Signal(object)
    changed = Signal()
    state_changed = Signal()

    def __init__(self, tools: DrawingTools, parent: QObject) -> None:
        super().__init__(parent)
        self._tools = tools
        self._canvas: Canvas | None = None
        self._drawing: DraftSession | None = None
        self._schema: LabelSchema | None = None
        self._panel: MarkPanel | None = None
        self._unit = ""
        self._chosen = 0
        self._wanted = ""
        self._is_shown = True
        self.past: tuple[Mark, ...] | None = None
        """Marks as they were once, while these are shown."""
        self._words: dict[Mark, tuple[str, str]] = {}
        tools.moved.connect(self.refresh)
        tools.marks_hidden.connect(self.refresh)
        tools.advised.connect(self._tool_taken)

    def connect_canvas(self, canvas: Canvas) -> None:
        """Listen to a canvas; once, when it is made."""
        canvas.marked.connect(self._record)
        canvas.mark_taken.connect(self.choose)

    def begin(
        self,
        canvas: Canvas,
        drawing: DraftSession,
        schema: LabelSchema,
        panel: MarkPanel,
        unit: str,
    ) -> None:
        """Show the marks of another draft; ``unit`` is that of the values of the image."""
        self._canvas, self._drawing, self._schema, self._panel = canvas, drawing, schema, panel
        self._unit = unit
        self._chosen, self._wanted = 0, ""
        self._words.clear()
        self.past = None
        panel.set_eye(self._is_shown)
        panel.picked.connect(self.go_to)
        panel.landmark_wanted.connect(self.take_landmark)
        panel.named.connect(self._name)
        panel.labelled.connect(self._give_label)
        panel.delete_wanted.connect(self.delete)
        panel.copy_wanted.connect(self.copy)
        panel.shown_changed.connect(self.show_marks)
        self.refresh()

    def end(self) -> None:
        """Let the draft go."""
        if self._canvas is not None:
            self._canvas.set_marks(NO_MARKS, UNMARKED)
        self._canvas = self._drawing = self._schema = self._panel = None

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The marks of the draft."""
        return () if self._drawing is None else self._drawing.marks

    @property
    def chosen(self) -> Mark | None:
        """The mark that is named, labelled and deleted."""
        return next((mark for mark in self.marks if mark.mark_id == self._chosen), None)

    @property
    def is_shown(self) -> bool:
        """Whether marks are seen on the image, as far as it depends on this."""
        return self._is_shown

    @property
    def asks_for_landmarks(self) -> bool:
        """Whether the schema has landmarks."""
        return self._schema is not None and bool(self._schema.landmarks)

    @property
    def missing(self) -> tuple[Landmark, ...]:
        """The landmarks of the schema that are not set."""
        if self._schema is None:
            return ()
        there = {mark.name for mark in self.marks if mark.kind == "landmark"}
        return tuple(entry for entry in self._schema.landmarks if entry.key not in there)

    @property
    def landmark(self) -> Landmark | None:
        """The landmark in hand: the one that was asked for, or the next that is missing."""
        missing = self.missing
        return next(
            (entry for entry in missing if entry.key == self._wanted),
            missing[0] if missing else None,
        )

    def refresh(self) -> None:
        """Show the marks as they are in the draft now."""
        canvas, panel, schema = self._canvas, self._panel, self._schema
        if canvas is None or panel is None or schema is None:
            return
        if self.past is not None:
            shown = tuple(self._describe(mark) for mark in self.past)
            layer, markings = MarkLayer(shown=shown), self._unseen()
        elif self._is_shown and not self._tools.are_marks_hidden:
            layer = MarkLayer(
                shown=tuple(self._describe(mark) for mark in self.marks),
                selected=self._chosen,
                describe=self._describe,
            )
            next_id = 1 if self._drawing is None else self._drawing.next_mark_id
            markings = Markings(marks=self.marks, next_id=next_id, landmark=self.landmark)
        else:
            layer, markings = replace(NO_MARKS, describe=self._describe), self._unseen()
        canvas.set_marks(layer, markings)
        panel.show_marks(self._rows(schema), self.chosen)

    def show_past(self, marks: tuple[Mark, ...] | None) -> bool:
        """Show marks as they were once; None shows the present. Returns whether they differ."""
        if marks is None and self.past is None:
            return False
        self.past = marks
        self.refresh()
        return marks is not None and marks != self.marks

    def bring_back(self, deed: str, marks: tuple[Mark, ...] | None) -> int:
        """Make the marks what they were once, one step each; returns how many there are."""
        if marks is None:
            return 0
        now, then = ({mark.mark_id: mark for mark in some} for some in (self.marks, marks))
        edits = edits_between(now, then)
        for edit in edits:
            self._record(deed, edit)
        return len(edits)

    def choose(self, mark_id: int) -> None:
        """Choose the mark that is named, labelled and deleted from now on."""
        self._chosen = mark_id
        self.refresh()
        self.state_changed.emit()

    def go_to(self, mark_id: int) -> None:
        """Choose a mark and bring all views to it."""
        self.choose(mark_id)
        mark, canvas = self.chosen, self._canvas
        if mark is not None and canvas is not None and canvas.surface is not None:
            canvas.go_to(box_of_edit(MarkEdit(before=None, after=mark), canvas.surface.shape))
            canvas.setFocus()

    def take_landmark(self, key: str) -> None:
        """Have a landmark in hand, with the tool that sets it."""
        self._wanted = key
        self._tools.set_tool(LandmarkMark.name)
        self._tools.tool_changed.emit()
        self.refresh()
        if self._canvas is not None:
            self._canvas.setFocus()

    def show_marks(self, on: bool) -> None:
        """Show marks on the image, or hide them."""
        if on == self._is_shown:
            return
        self._is_shown = on
        if self._panel is not None:
            self._panel.set_eye(on)
        self.refresh()
        self.state_changed.emit()

    def turn_panel(self) -> None:
        """Unfold the list of marks, or fold it."""
        if self._panel is not None:
            self._panel.turn()

    @property
    def is_panel_open(self) -> bool:
        """Whether the list of marks is unfolded."""
        return self._panel is not None and self._panel.is_open

    def delete(self) -> None:
        """Take the chosen mark away."""
        mark = self.chosen
        if mark is not None:
            self._record(_DELETE, MarkEdit(before=mark, after=None))
            self.told.emit("The mark is deleted. Z brings it back.")

    def copy(self) -> None:
        """Copy all marks as a table."""
        canvas, schema = self._canvas, self._schema
        if canvas is None or schema is None or canvas.surface is None:
            return
        written = io.StringIO()
        writer = csv.writer(written, delimiter="\t", lineterminator="\n")
        writer.writerow(table_columns(canvas.surface.unit))
        writer.writerows(table_row(mark, canvas.surface, schema) for mark in self.marks)
        QApplication.clipboard().setText(written.getvalue())
        self.told.emit("The table of marks is copied; paste it into a spreadsheet.")

    def _tool_taken(self) -> None:
        """Say in the list which landmark is in hand."""
        if self.asks_for_landmarks:
            self.refresh()

    def _name(self, name: str) -> None:
        mark = self.chosen
        if mark is not None and mark.kind != "landmark" and mark.name != name:
            self._record(_NAME, MarkEdit(before=mark, after=replace(mark, name=name)))

    def _give_label(self, label: int) -> None:
        mark = self.chosen
        if mark is not None and mark.label != label:
            self._record(_LABEL, MarkEdit(before=mark, after=replace(mark, label=label)))

    def _record(self, deed: str, edit: MarkEdit) -> None:
        drawing = self._drawing
        if drawing is None:  # a ruler where marks are not kept
            return
        try:
            drawing.record_mark(deed, edit)
        except AnnotatorError as error:
            self.failed.emit(error)
        if edit.before is None:
            self._wanted = self._after(edit)
            self._show_again()
        self.refresh()
        self.changed.emit()

    def _after(self, edit: MarkEdit) -> str:
        """Return the landmark of the schema that follows the one that was set, and is missing."""
        keys = [] if self._schema is None else [entry.key for entry in self._schema.landmarks]
        missing = [entry.key for entry in self.missing]
        if edit.after is None or edit.after.name not in keys:
            return self._wanted
        later = keys[keys.index(edit.after.name) :]
        return next((key for key in later if key in missing), "")

    def _show_again(self) -> None:
        """Let nobody set a mark that is hidden at once."""
        if not self._is_shown:
            self.show_marks(True)

    def _unseen(self) -> Markings:
        """Return what tools know while no mark is seen: none can be taken hold of."""
        next_id = 1 if self._drawing is None else self._drawing.next_mark_id
        return Markings(next_id=next_id, landmark=self.landmark)

    def _describe(self, mark: Mark) -> ShownMark:
        """Say how a mark looks: points by their names, others by what they measure."""
        color, schema, canvas = MARK_COLOR, self._schema, self._canvas
        if schema is None or canvas is None or canvas.surface is None:
            return ShownMark(mark=mark)
        about = schema.label(mark.label)
        if about is not None:
            color = about.color
        if mark.kind in POINTS:
            return ShownMark(mark=mark, color=color, text=mark_title(mark, schema))
        size = self._measured(mark, canvas.surface)[0]
        text = f"{mark.name} · {size}" if mark.name else size
        return ShownMark(mark=mark, color=color, text=text)

    def _measured(self, mark: Mark, surface: Surface) -> tuple[str, str]:
        """Return size and values in words; measured once for each mark."""
        if mark not in self._words:
            if len(self._words) >= _KEPT_WORDS:
                self._words.clear()
            self._words[mark] = (
                size_words(mark, surface),
                value_words(mark, surface, self._unit),
            )
        return self._words[mark]

    def _rows(self, schema: LabelSchema) -> list[Row]:
        """Return landmarks in the order of the schema, set or not, then all other marks."""
        set_ones = {mark.name: mark for mark in self.marks if mark.kind == "landmark"}
        in_hand = self.landmark if self._tools.tool == LandmarkMark.name else None
        rows = [
            self._row(set_ones[entry.key], schema)
            if entry.key in set_ones
            else missing_row(
                entry.key,
                entry.title,
                required=entry.required,
                in_hand=in_hand is not None and in_hand.key == entry.key,
            )
            for entry in schema.landmarks
        ]
        rows += [
            self._row(mark, schema)
            for mark in self.marks
            if mark.kind != "landmark" or schema.landmark(mark.name) is None
        ]
        return rows

    def _row(self, mark: Mark, schema: LabelSchema) -> Row:
        surface = None if self._canvas is None else self._canvas.surface
        size, values = ("", "") if surface is None else self._measured(mark, surface)
        about = schema.label(mark.label)
        is_landmark = mark.kind == "landmark"
        detail = [values] if size or is_landmark else []
        if about is not None:
            detail.append(about.name)
        return Row(
            key=str(mark.mark_id),
            title=mark_title(mark, schema),
            detail=" · ".join(part for part in detail if part),
            chip="set" if is_landmark else size or values,
            tone="good" if is_landmark else "",
        )

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
from annotator.drawing.mark_words import table_columns, table_row
from annotator.gui.mark_book import MarkBook
from annotator.gui.mark_layer import NO_MARKS, MarkLayer

if TYPE_CHECKING:
    from annotator.domain.marks import Mark
    from annotator.domain.schema import LabelSchema, Landmark
    from annotator.gui.canvas import Canvas
    from annotator.gui.drawing_tools import DrawingTools
    from annotator.gui.mark_panel import MarkPanel
    from annotator.session.draft import DraftSession

_DELETE, _NAME, _LABEL = "delete-mark", "name-mark", "label-mark"
"""What the history calls these steps."""


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
        self._book: MarkBook | None = None
        self._panel: MarkPanel | None = None
        self._chosen = 0
        self._wanted = ""
        self._is_shown = True
        self.past: tuple[Mark, ...] | None = None
        """Marks as they were once, while these are shown."""
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
        if canvas.surface is None:
            return
        self._canvas, self._drawing, self._panel = canvas, drawing, panel
        self._book = MarkBook(schema, canvas.surface, unit)
        self._chosen, self._wanted = 0, ""
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
        self._canvas = self._drawing = self._book = self._panel = None

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
        return bool(self._asked)

    @property
    def _asked(self) -> tuple[Landmark, ...]:
        return () if self._book is None else self._book.schema.landmarks

    @property
    def missing(self) -> tuple[Landmark, ...]:
        """The landmarks of the schema that are not set."""
        there = {mark.name for mark in self.marks if mark.kind == "landmark"}
        return tuple(entry for entry in self._asked if entry.key not in there)

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
        canvas, panel, book = self._canvas, self._panel, self._book
        if canvas is None or panel is None or book is None:
            return
        if self.past is not None:
            shown = tuple(book.shown(mark) for mark in self.past)
            layer, markings = MarkLayer(shown=shown), self._unseen()
        elif self._is_shown and not self._tools.are_marks_hidden:
            layer = MarkLayer(
                shown=tuple(book.shown(mark) for mark in self.marks),
                selected=self._chosen,
                describe=book.shown,
            )
            next_id = 1 if self._drawing is None else self._drawing.next_mark_id
            markings = Markings(marks=self.marks, next_id=next_id, landmark=self.landmark)
        else:
            layer, markings = replace(NO_MARKS, describe=book.shown), self._unseen()
        canvas.set_marks(layer, markings)
        in_hand = self.landmark if self._tools.tool == LandmarkMark.name else None
        panel.show_marks(book.rows(self.marks, in_hand), self.chosen)

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
        mark, canvas, book = self.chosen, self._canvas, self._book
        if mark is not None and canvas is not None and book is not None:
            canvas.go_to(box_of_edit(MarkEdit(before=None, after=mark), book.surface.shape))
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
        book = self._book
        if book is None:
            return
        written = io.StringIO()
        writer = csv.writer(written, delimiter="\t", lineterminator="\n")
        writer.writerow(table_columns(book.surface.unit))
        writer.writerows(table_row(mark, book.surface, book.schema) for mark in self.marks)
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
        keys = [entry.key for entry in self._asked]
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

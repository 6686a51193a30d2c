"""Looks at earlier states of a drawing on its canvas, and brings one back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from annotator.analysis.pyramid import PyramidVoxels
from annotator.drawing.edit import EditRecorder, box_slices
from annotator.gui.history_dialog import HistoryDialog
from annotator.gui.suggestion import Suggestion

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from annotator.domain.marks import Mark
    from annotator.domain.reading import Box
    from annotator.drawing.operation import Change
    from annotator.gui.background import Background
    from annotator.gui.canvas import Canvas
    from annotator.gui.mark_desk import MarkDesk
    from annotator.gui.operation_desk import OperationDesk
    from annotator.session.open_case import OpenCase

BRING_BACK = "bring back"
"""The tool's name of the step that makes an earlier state the present one."""
_SAME = "The drawing was the same then as it is now."
_OTHER_MARKS = "The labels were the same then; the marks on the image are those of then."
_AGAIN_MS = 300
_ADVICE = "As it was after this step. Enter brings it back, Esc shows the present."


class HistoryDesk(QObject):
    """Ties the history's dialog to the canvas. Emits ``told`` with words for the person."""

    told = Signal(str)

    def __init__(
        self, background: Background, operations: OperationDesk, marks: MarkDesk, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._parent = parent
        self._marks = marks
        self._background = background
        self._operations = operations
        self._dialog: HistoryDialog | None = None
        self._canvas: Canvas | None = None
        self._opened: OpenCase | None = None
        self._change: Change | None = None
        self._again = QTimer(self, singleShot=True, interval=_AGAIN_MS)
        self._again.timeout.connect(self._refresh)

    def connect_canvas(self, canvas: Canvas) -> None:
        """Listen to a canvas; once, when it is made."""
        canvas.edited.connect(self.mask_changed)
        canvas.suggestion_answered.connect(self._answer)

    def begin(self, canvas: Canvas, opened: OpenCase) -> None:
        """Tell the history of the case that is shown from now on."""
        self._canvas, self._opened = canvas, opened
        if self._dialog is not None:
            self._dialog.follow(opened)

    def end(self) -> None:
        """Let the case go."""
        self.look_away()
        self._canvas = self._opened = None
        if self._dialog is not None:
            self._dialog.follow(None)
            self._dialog.hide()

    def show(self) -> None:
        """Open the list of steps."""
        if self._opened is None:
            return
        if isinstance(self._opened.voxels, PyramidVoxels):
            self.told.emit(
                "All steps on a slide are kept, but it is too large to look through them. "
                "Undo (Z) goes back step by step."
            )
            return
        if self._dialog is None:
            self._dialog = HistoryDialog(self._background, self._parent)
            self._dialog.looked_at.connect(self._look_at)
            self._dialog.let_go.connect(self.look_away)
            self._dialog.wanted.connect(self._bring_back)
        self._dialog.show()
        self._dialog.follow(self._opened)
        self._dialog.raise_()

    def mask_changed(self) -> None:
        """Something was drawn, undone or done again: the present is another one."""
        self.look_away()
        if self._dialog is not None and self._dialog.isVisible():
            self._again.start()

    def _refresh(self) -> None:
        if self._dialog is not None:
            self._dialog.refresh()

    def _look_at(self, change: Change | None, box: Box | None, marks: tuple[Mark, ...]) -> None:
        """Show a state of the past in the views; the live mask is not touched."""
        canvas, opened = self._canvas, self._opened
        if canvas is None or opened is None:
            return
        self._operations.drop()
        if box is not None:
            (z0, y0, x0), (z1, y1, x1) = box
            canvas.set_position(((z0 + z1 - 1) // 2, (y0 + y1 - 1) // 2, (x0 + x1 - 1) // 2))
        self._change = change
        has_other_marks = self._marks.show_past(marks)
        if change is None:
            canvas.show_suggestion(None, "")
            self.told.emit(_OTHER_MARKS if has_other_marks else _SAME)
            return
        before = opened.drawing.mask[box_slices(change.box)].copy()
        canvas.show_suggestion(Suggestion(change, before), _ADVICE)

    def look_away(self) -> None:
        """Show the present again."""
        if self._change is not None and self._canvas is not None:
            self._canvas.show_suggestion(None, "")
        self._change = None
        self._marks.show_past(None)

    def _bring_back(self, change: Change | None, marks: tuple[Mark, ...] | None) -> None:
        """Make the state that is looked at the present one, as a step of its own."""
        canvas, opened = self._canvas, self._opened
        if canvas is None or opened is None:
            return
        past = self._marks.past if marks is None else marks
        self.look_away()
        n_marks = self._marks.bring_back(BRING_BACK, past)
        # The rules are for tools: what was there may come back whatever they say.
        recorder = EditRecorder(opened.drawing.mask)
        if change is not None:
            recorder.put(change.box, change.labels)
        edit = recorder.finish()
        n_steps = n_marks + (edit is not None)
        if edit is not None:
            canvas.show_edit(BRING_BACK, edit)
            canvas.refresh_mask(edit.box)
        if n_steps > 1:  # each mark is a step of its own
            self.told.emit(f"Brought back. Undo (Z) takes it back in {n_steps} steps.")
        else:
            self.told.emit("Brought back. One undo (Z) takes it back." if n_steps else _SAME)

    def _answer(self, answer: str) -> None:
        change = self._change
        if change is None:
            return
        if answer == "drop":
            self.look_away()
        else:
            self._bring_back(change, None)

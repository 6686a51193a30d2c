"""The live mask and marks, and their way to disk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from annotator.analysis.run_boxes import replace_box
from annotator.analysis.runs import (
    MaskRuns,
    SlabGrid,
    decode,
    decode_slab,
    replace_slabs,
)
from annotator.domain.errors import IntegrityError
from annotator.domain.marks import box_of_edit
from annotator.session.draft_keeping import KeptDraft
from annotator.session.live_marks import LiveMarks
from annotator.session.recent_steps import (
    RecentMark,
    RecentStep,
    RecentSteps,
    changes,
    parts_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.analysis.runs import SlabRuns
    from annotator.domain.marks import Mark, MarkEdit
    from annotator.domain.reading import Box, History
    from annotator.drawing.edit import Edit
    from annotator.session.access import DraftAccess


@dataclass(frozen=True, slots=True, eq=False)
class _Stroke:
    tool: str
    edit: Edit
    step: RecentStep


@dataclass(frozen=True, slots=True, eq=False)
class _MarkStroke:
    tool: str
    step: RecentMark


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """An undo or redo that is live already, and the step that it must meet on disk."""

    word: Literal["undo", "redo"]
    step: RecentStep | RecentMark


_Entry = _Stroke | _MarkStroke | _Move


class DraftSession(KeptDraft[_Entry]):
    """What is being drawn: the live mask ``(z, y, x)``, the live marks, and a thread to keep them.

    The writer thread never touches the live mask or marks. Undo and redo of what memory knows
    change them at once and follow the strokes to disk; older steps are asked from the disk.
    """

    def __init__(self, access: DraftAccess, dtype: np.dtype[np.unsignedinteger]) -> None:
        self._access = access
        stored = access.mask()
        self.mask: NDArray[np.unsignedinteger] = decode(stored, dtype)
        self._grid: SlabGrid = stored.grid
        self._slabs: dict[int, SlabRuns] = dict(stored.slabs)
        self._marks = LiveMarks(access.marks(), access.next_mark_id())
        self._astray: str | None = None
        super().__init__(access)
        self._recent = RecentSteps(self._draft)

    @property
    def can_retry(self) -> bool:
        """Whether writing again may work: not where the disk went another way; see `undo`."""
        return self._astray is None

    def record(self, tool: str, edit: Edit) -> None:
        """Put an edit, already made on the live mask, on its way to disk; an empty one is none."""
        self._refuse_when_closed()
        if not changes(edit):
            return
        step = RecentStep(edit)
        self._recent.add(step)
        self._send(_Stroke(tool, edit, step))

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The live marks, by id; the very same tuple for as long as none of them changes."""
        return self._marks.all

    @property
    def next_mark_id(self) -> int:
        """The number to give to a new mark: none of the rater's on this case ever had it."""
        return self._marks.next_id

    def record_mark(self, tool: str, edit: MarkEdit) -> None:
        """Set, change or take away a mark: live at once, and on its way to disk as one step.

        One that changes nothing is none. Raises AnnotatorError for a mark that cannot be one, and
        where the mark is not as the edit says that it was.
        """
        self._refuse_when_closed()
        sound = self._marks.take(edit)
        if sound is None:
            return
        step = RecentMark(sound, box_of_edit(sound, self._grid.shape))
        self._recent.add(step)
        self._send(_MarkStroke(tool, step))

    def undo(self) -> Box | None:
        """Take the last edit back; return the box that changed, or None where there is none.

        `marks` says whether the edit was of a mark. Where the disk went another way (see
        `last_error`), the mask and the marks are read from it again.
        """
        return self._move("undo")

    def redo(self) -> Box | None:
        """Do the edit again that was taken back; return the box that changed, or None."""
        return self._move("redo")

    def start_from(self, annotation_id: str) -> None:
        """Replace the mask by a model's prediction, as one step that can be undone."""
        self.flush()
        self._access.start_from(annotation_id)
        self._look_again()

    def changed_share(self) -> float | None:
        """Return how much of the mask is not the model's that it started from, 0 to 1.

        None where it started from nothing. Waits until all is on disk. May be called from any
        thread.
        """
        self.flush()
        return self._access.changed_share()

    def contents(self) -> MaskRuns:
        """Return what is on disk once the queue is empty, as runs; waits for that."""
        self.flush()
        return MaskRuns(self._grid, dict(self._slabs))

    def history(self) -> History:
        """Return all steps, also those that were taken back; waits until all is on disk."""
        self.flush()
        return self._access.history()

    def mask_after(self, step_id: int | None) -> NDArray[np.unsignedinteger]:
        """Return what the mask was after a step, ``(z, y, x)``; None stands for the beginning.

        May be called from any thread.
        """
        return decode(self._access.mask_after(step_id), self.mask.dtype)

    def marks_after(self, step_id: int | None) -> tuple[Mark, ...]:
        """Return what the marks were after a step; None: at the beginning. From any thread."""
        return self._access.marks_after(step_id)

    def slice_after(self, step_id: int | None, z: int) -> NDArray[np.unsignedinteger]:
        """Return one slice ``(y, x)`` of what the mask was after a step; from any thread."""
        found = np.zeros(self._grid.shape[1:], self.mask.dtype)
        slabs = tuple(self._grid.touched(((z, 0, 0), (z + 1, *self._grid.shape[1:]))))
        for slab, runs in self._access.mask_after(step_id, slabs).slabs.items():
            _, first, last = self._grid.rows(slab)
            found[first:last] = decode_slab(runs, found.dtype).reshape(last - first, -1)
        return found

    def values(self) -> frozenset[int]:
        """Return the mask values that are drawn; waits until all is on disk."""
        self.flush()
        found = {int(value) for runs in self._slabs.values() for value in set(runs.labels.tolist())}
        return frozenset(found - {0})

    def _move(self, word: Literal["undo", "redo"]) -> Box | None:
        self._refuse_when_closed()
        if self._astray is not None:
            return self._look_again()
        step = self._recent.undo() if word == "undo" else self._recent.redo()
        if step is not None:
            self._show(word, step)
            self._send(_Move(word, step))
            return step.box
        is_possible = self._recent.can_undo if word == "undo" else self._recent.can_redo
        return self._ask(word) if is_possible else None

    def _show(self, word: Literal["undo", "redo"], step: RecentStep | RecentMark) -> None:
        if isinstance(step, RecentMark):
            self._marks.take(step.edit.inverse if word == "undo" else step.edit)
        elif word == "undo":
            step.take_back(self.mask)
        else:
            step.do_again(self.mask)

    def _send(self, entry: _Entry) -> None:
        self._put(entry, can_undo=self._recent.can_undo, can_redo=self._recent.can_redo)

    def _ask(self, word: Literal["undo", "redo"]) -> Box | None:
        """Undo or redo a step that only the disk knows, and show what it answers."""
        self.flush()
        moved = self._access.undo() if word == "undo" else self._access.redo()
        if moved is None:
            return None
        step, slabs = moved
        replace_slabs(self._grid, slabs, self.mask)
        self._take_over(slabs)
        self._marks.become(self._access.marks())
        self._draft = self._access.draft()
        self._recent = RecentSteps(self._draft)
        return step.box

    def _look_again(self) -> Box:
        """Show what is on disk, and forget what cannot be put there; return the whole box."""
        stored, draft, marks = self._access.mask(), self._access.draft(), self._access.marks()
        self._drop(lambda entry: isinstance(entry, _Entry))
        every: dict[int, SlabRuns | None] = dict.fromkeys(range(self._grid.n_slabs))
        replace_slabs(self._grid, {**every, **stored.slabs}, self.mask)
        self._slabs = dict(stored.slabs)
        self._marks.become(marks)
        self._draft = replace(draft, diagnosis=self._draft.diagnosis)
        self._recent = RecentSteps(self._draft)
        self._astray = None
        self._tell()
        return (0, 0, 0), self._grid.shape

    def _write(self, stroke: _Entry) -> None:
        if self._astray is not None:
            raise IntegrityError(self._astray)
        if isinstance(stroke, _Move):
            self._follow(stroke)
            return
        if isinstance(stroke, _MarkStroke):
            stroke.step.step_id = self._access.record_mark(stroke.tool, stroke.step.edit).step_id
            return
        changed = changed_slabs(self._grid, self._slabs, stroke.edit)
        # Before the disk is asked: what fails after that would be written twice.
        parts = parts_of(stroke.edit)
        step = self._access.record_step(stroke.tool, stroke.edit.box, changed)
        self._take_over(changed)
        stroke.step.put_away(parts, step.step_id)

    def _follow(self, move: _Move) -> None:
        """Do on disk what the live mask shows already."""
        moved = self._access.undo() if move.word == "undo" else self._access.redo()
        if moved is not None and moved[0].step_id == move.step.step_id:
            self._take_over(moved[1])
            return
        met = "none" if moved is None else f"step {moved[0].step_id}"
        self._astray = (
            f"{move.word} of step {move.step.step_id} met {met} on disk: was the case drawn on in "
            "another window? Nothing more is written from here. Undo shows what is on disk; what "
            "was drawn here since is not part of it."
        )
        raise IntegrityError(self._astray)

    def _take_over(self, slabs: Mapping[int, SlabRuns | None]) -> None:
        """Remember what slabs hold on disk."""
        for slab, runs in slabs.items():
            if runs is None:
                self._slabs.pop(slab, None)
            else:
                self._slabs[slab] = runs


def changed_slabs(
    grid: SlabGrid, slabs: Mapping[int, SlabRuns], edit: Edit
) -> dict[int, SlabRuns | None]:
    """Return the new content of the slabs that an edit changes; None where one becomes empty.

    Starts from the slabs' runs, not from a live mask. Must not write to its input.
    """
    (z0, y0, x0), (_, y1, _) = edit.box
    changed: dict[int, SlabRuns | None] = {}
    for slab in grid.touched(edit.box):
        z, first, last = grid.rows(slab)
        top, bottom = max(first, y0), min(last, y1)
        rows = slice(top - y0, bottom - y0)
        if np.array_equal(edit.before[z - z0, rows], edit.after[z - z0, rows]):
            continue
        current = slabs.get(slab)
        runs = replace_box(
            current, last - first, grid.shape[2], (top - first, x0), edit.after[z - z0, rows]
        )
        is_same = current is None if runs is None else current is not None and runs.equals(current)
        if not is_same:
            changed[slab] = runs
    return changed

"""The live mask and its way to disk."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import MaskRuns, SlabGrid, decode, decode_slab, encode_slab
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from annotator.analysis.runs import SlabRuns
    from annotator.domain.reading import Annotation, Box, Diagnosis, Draft, Step
    from annotator.drawing.edit import Edit
    from annotator.session.access import DraftAccess

RETRY_S = 5.0
"""How long the writer waits before it tries a failed write again by itself."""


@dataclass(frozen=True, slots=True, eq=False)
class _Stroke:
    tool: str
    edit: Edit


@dataclass(frozen=True, slots=True)
class _Answers:
    diagnosis: Diagnosis


class DraftSession:
    """A draft that is being drawn: the live mask ``(z, y, x)``, and a thread that keeps it.

    The methods belong to one thread, the window's. `record` and `set_diagnosis` return at once:
    a writer thread commits them in order, one transaction each, and never reads the live mask.
    A write that fails stays in the queue, is told in `last_error` and is tried again.
    """

    def __init__(self, access: DraftAccess, dtype: np.dtype[np.unsignedinteger]) -> None:
        self._access = access
        self._draft = access.draft()
        stored = access.mask()
        self.mask: NDArray[np.unsignedinteger] = decode(stored, dtype)
        self._grid: SlabGrid = stored.grid
        self._slabs: dict[int, SlabRuns] = dict(stored.slabs)
        self._queue: deque[_Stroke | _Answers] = deque()
        self._changed = threading.Condition()
        self._callbacks: list[Callable[[], None]] = []
        self._error: str | None = None
        self._attempts = 0
        self._is_urged = False
        self._is_closing = False
        self._writer = threading.Thread(target=self._work, name="draft-writer", daemon=True)
        self._writer.start()

    @property
    def draft(self) -> Draft:
        """The draft's facts, with the answers that were set last."""
        return self._draft

    @property
    def is_saved(self) -> bool:
        """Whether everything is on disk."""
        return not self._queue

    @property
    def n_pending(self) -> int:
        """Edits that are not on disk yet."""
        return len(self._queue)

    @property
    def last_error(self) -> str | None:
        """Why the oldest pending edit could not be written, in words; None while all is well."""
        return self._error

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after every write, from the writer thread; returns what stops that."""
        self._callbacks.append(callback)

        def undo() -> None:
            self._callbacks = [entry for entry in self._callbacks if entry is not callback]

        return undo

    def record(self, tool: str, edit: Edit) -> None:
        """Put an edit, already made on the live mask, on its way to disk."""
        with self._changed:
            self._refuse_when_closed()
            self._queue.append(_Stroke(tool, edit))
            self._is_urged = True
            self._changed.notify_all()

    def set_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Put the answers of the form on their way to disk."""
        with self._changed:
            self._refuse_when_closed()
            self._draft = replace(self._draft, diagnosis=diagnosis)
            # The first of the queue may be half written; a later one that nobody saw is replaced.
            if len(self._queue) > 1 and isinstance(self._queue[-1], _Answers):
                self._queue.pop()
            self._queue.append(_Answers(diagnosis))
            self._is_urged = True
            self._changed.notify_all()

    def undo(self) -> Box | None:
        """Take the last edit back; return the box that changed, or None where there is none."""
        self.flush()
        return self._move(self._access.undo())

    def redo(self) -> Box | None:
        """Do the edit again that was taken back; return the box that changed, or None."""
        self.flush()
        return self._move(self._access.redo())

    def start_from(self, annotation_id: str) -> None:
        """Replace the mask by a model's prediction, as one step that can be undone."""
        self.flush()
        self._access.start_from(annotation_id)
        stored = self._access.mask()
        self.mask[...] = decode(stored, self.mask.dtype)
        self._slabs = dict(stored.slabs)
        self._draft = self._access.draft()

    def changed_share(self) -> float | None:
        """Return how much of what is on disk is not the model's that it started from, 0 to 1.

        None where it started from nothing. Unlike the other methods it may be called from any
        thread.
        """
        return self._access.changed_share()

    def contents(self) -> MaskRuns:
        """Return what is on disk once the queue is empty, as runs; waits for that."""
        self.flush()
        return MaskRuns(self._grid, dict(self._slabs))

    def labels(self) -> frozenset[int]:
        """Return the label values that are drawn; waits until all is on disk."""
        self.flush()
        found = {int(value) for runs in self._slabs.values() for value in set(runs.labels.tolist())}
        return frozenset(found - {0})

    def retry(self) -> None:
        """Try a failed write again now; does not wait for it."""
        with self._changed:
            self._is_urged = True
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until everything is on disk; raises AnnotatorError when that does not work."""
        with self._changed:
            attempts = self._attempts
            self._is_urged = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: (
                    not self._queue
                    or not self._writer.is_alive()
                    or (self._error is not None and self._attempts > attempts)
                )
            )
            if self._queue:
                raise AnnotatorError(
                    f"{len(self._queue)} edits are not on disk yet: {self._error}. "
                    "They are kept in memory; make room and try again."
                )

    def close(self) -> None:
        """Write what is left and stop; raises AnnotatorError, and stays open, when it cannot."""
        self.flush()
        self._stop()

    def discard(self) -> int:
        """Stop without writing what is left; return how many edits were lost."""
        with self._changed:
            n_lost = len(self._queue)
        self._stop()
        return n_lost

    def submit(self) -> Annotation:
        """Write what is left, make the draft an annotation and stop; returns the annotation."""
        self.flush()
        annotation = self._access.submit()
        self._stop()
        return annotation

    def _stop(self) -> None:
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._writer.join()
        self._queue.clear()
        self._callbacks.clear()

    def _refuse_when_closed(self) -> None:
        if self._is_closing:
            raise AnnotatorError("this draft is closed; open the case again to go on")

    def _move(self, moved: tuple[Step, Mapping[int, SlabRuns | None]] | None) -> Box | None:
        if moved is None:
            return None
        step, slabs = moved
        for slab, runs in slabs.items():
            z, first, last = self._grid.rows(slab)
            if runs is None:
                self.mask[z, first:last] = 0
                self._slabs.pop(slab, None)
            else:
                voxels = decode_slab(runs, self.mask.dtype)
                self.mask[z, first:last] = voxels.reshape(last - first, -1)
                self._slabs[slab] = runs
        self._draft = self._access.draft()
        return step.box

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._is_closing and not self._may_write():
                    timeout = RETRY_S if self._queue else None
                    if not self._changed.wait(timeout):
                        self._is_urged = True
                if self._is_closing:
                    return
                self._is_urged = False
                entry = self._queue[0]
            error = self._try(entry)
            with self._changed:
                self._error = error
                self._attempts += 1
                if error is None:
                    self._queue.popleft()
                self._changed.notify_all()
            for callback in tuple(self._callbacks):
                callback()

    def _may_write(self) -> bool:
        return bool(self._queue) and (self._error is None or self._is_urged)

    def _try(self, entry: _Stroke | _Answers) -> str | None:
        try:
            if isinstance(entry, _Answers):
                self._access.set_diagnosis(entry.diagnosis)
            else:
                self._write(entry)
        except Exception as error:  # whatever it is, the drawing must be kept
            return str(error) or type(error).__name__
        return None

    def _write(self, stroke: _Stroke) -> None:
        changed = changed_slabs(self._grid, self._slabs, stroke.edit, self.mask.dtype)
        if not changed:
            return
        self._access.record_step(stroke.tool, stroke.edit.box, changed)
        for slab, runs in changed.items():
            if runs is None:
                self._slabs.pop(slab, None)
            else:
                self._slabs[slab] = runs
        with self._changed:
            self._draft = replace(self._draft, can_undo=True, can_redo=False)


def changed_slabs(
    grid: SlabGrid,
    slabs: Mapping[int, SlabRuns],
    edit: Edit,
    dtype: np.dtype[np.unsignedinteger],
) -> dict[int, SlabRuns | None]:
    """Return the new content of the slabs that an edit changes; None where one becomes empty.

    Starts from the slabs' runs, not from a live mask. Must not write to its input.
    """
    (z0, y0, x0), (_, y1, x1) = edit.box
    changed: dict[int, SlabRuns | None] = {}
    for slab in grid.touched(edit.box):
        z, first, last = grid.rows(slab)
        top, bottom = max(first, y0), min(last, y1)
        rows = slice(top - y0, bottom - y0)
        if np.array_equal(edit.before[z - z0, rows], edit.after[z - z0, rows]):
            continue
        current = slabs.get(slab)
        voxels = (
            np.zeros(grid.n_voxels(slab), dtype) if current is None else decode_slab(current, dtype)
        ).reshape(last - first, -1)
        voxels[top - first : bottom - first, x0:x1] = edit.after[z - z0, rows]
        runs = encode_slab(voxels)
        is_same = current is None if runs is None else current is not None and runs.equals(current)
        if not is_same:
            changed[slab] = runs
    return changed

"""The live mask and its way to disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import (
    MaskRuns,
    SlabGrid,
    decode,
    decode_slab,
    encode_slab,
    write_slabs,
)
from annotator.session.draft_keeping import KeptDraft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.analysis.runs import SlabRuns
    from annotator.domain.reading import Box, History, Step
    from annotator.drawing.edit import Edit
    from annotator.session.access import DraftAccess


@dataclass(frozen=True, slots=True, eq=False)
class _Stroke:
    tool: str
    edit: Edit


class DraftSession(KeptDraft[_Stroke]):
    """A mask that is being drawn: the live mask ``(z, y, x)``, and a thread that keeps it.

    The writer thread never reads the live mask.
    """

    def __init__(self, access: DraftAccess, dtype: np.dtype[np.unsignedinteger]) -> None:
        self._access = access
        stored = access.mask()
        self.mask: NDArray[np.unsignedinteger] = decode(stored, dtype)
        self._grid: SlabGrid = stored.grid
        self._slabs: dict[int, SlabRuns] = dict(stored.slabs)
        super().__init__(access)

    def record(self, tool: str, edit: Edit) -> None:
        """Put an edit, already made on the live mask, on its way to disk."""
        self._put(_Stroke(tool, edit))

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

    def history(self) -> History:
        """Return all steps, also those that were taken back; waits until all is on disk."""
        self.flush()
        return self._access.history()

    def mask_after(self, step_id: int | None) -> NDArray[np.unsignedinteger]:
        """Return what the mask was after a step, ``(z, y, x)``; None stands for the beginning.

        May be called from any thread.
        """
        return decode(self._access.mask_after(step_id), self.mask.dtype)

    def slice_after(self, step_id: int | None, z: int) -> NDArray[np.unsignedinteger]:
        """Return one slice ``(y, x)`` of what the mask was after a step; from any thread."""
        found = np.zeros(self._grid.shape[1:], self.mask.dtype)
        slabs = tuple(self._grid.touched(((z, 0, 0), (z + 1, *self._grid.shape[1:]))))
        for slab, runs in self._access.mask_after(step_id, slabs).slabs.items():
            _, first, last = self._grid.rows(slab)
            found[first:last] = decode_slab(runs, found.dtype).reshape(last - first, -1)
        return found

    def labels(self) -> frozenset[int]:
        """Return the label values that are drawn; waits until all is on disk."""
        self.flush()
        found = {int(value) for runs in self._slabs.values() for value in set(runs.labels.tolist())}
        return frozenset(found - {0})

    def _move(self, moved: tuple[Step, Mapping[int, SlabRuns | None]] | None) -> Box | None:
        if moved is None:
            return None
        step, slabs = moved
        drawn = {slab: runs for slab, runs in slabs.items() if runs is not None}
        for slab in slabs.keys() - drawn.keys():
            z, first, last = self._grid.rows(slab)
            self.mask[z, first:last] = 0
            self._slabs.pop(slab, None)
        write_slabs(MaskRuns(self._grid, drawn), self.mask)
        self._slabs.update(drawn)
        self._draft = self._access.draft()
        return step.box

    def _write(self, stroke: _Stroke) -> bool:
        changed = changed_slabs(self._grid, self._slabs, stroke.edit, self.mask.dtype)
        if not changed:
            return False
        self._access.record_step(stroke.tool, stroke.edit.box, changed)
        for slab, runs in changed.items():
            if runs is None:
                self._slabs.pop(slab, None)
            else:
                self._slabs[slab] = runs
        return True


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

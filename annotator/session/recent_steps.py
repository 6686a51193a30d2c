"""What the last steps of a drawing did, in memory: undo and redo need not wait for the disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import MaskRuns, SlabTable, decode, encode
from annotator.analysis.sparse_array import is_large
from annotator.drawing.edit import box_slices

if TYPE_CHECKING:
    from annotator.domain.marks import MarkEdit
    from annotator.domain.reading import Box, Draft
    from annotator.drawing.edit import Edit, Mask

KEPT_BYTES = 64 << 20
"""Memory that steps may take that are on disk."""
KEPT_STEPS = 1000
"""How many steps are kept, however small they are."""
_PART_VOXELS = 1 << 17
"""What is unpacked at a time: it stays in the processor's cache until it is in the mask."""
_BAND_VOXELS = 1 << 20
"""Of a slice that is larger, a band of rows is a part: the slice of a slide may fill the memory."""


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A box of the mask in which an edit changed something, before and after it."""

    box: Box
    before: MaskRuns
    after: MaskRuns

    @property
    def n_bytes(self) -> int:
        tables = (SlabTable.of(self.before.slabs), SlabTable.of(self.after.slabs))
        return sum(
            array.nbytes
            for table in tables
            for array in (table.ends, table.labels, table.first, table.numbers)
        )


class RecentStep:
    """What an edit made of the mask, and which step of the draft it became.

    The writer's thread calls `put_away`, which replaces the arrays of the edit by runs; the others
    are the window's thread's.
    """

    __slots__ = ("_content", "box", "n_bytes", "step_id")

    def __init__(self, edit: Edit) -> None:
        self.box: Box = edit.box
        self.step_id: int | None = None
        self.n_bytes = 0
        """Memory that only this step holds; until it is on disk, the writer's queue holds it."""
        self._content: Edit | tuple[_Part, ...] = edit

    def put_away(self, parts: tuple[_Part, ...], step_id: int) -> None:
        """Hold what `parts_of` made of the edit instead of it: it is on disk as this step."""
        self.n_bytes = sum(part.n_bytes for part in parts)
        self.step_id = step_id
        self._content = parts

    def take_back(self, mask: Mask) -> None:
        """Make a mask ``(z, y, x)`` what it was before the edit."""
        content = self._content  # read once: the writer may replace it meanwhile
        if not isinstance(content, tuple):
            _write(mask, content.box, content.before)
            return
        for part in content:
            _write(mask, part.box, decode(part.before, mask.dtype))

    def do_again(self, mask: Mask) -> None:
        """Make a mask ``(z, y, x)`` what the edit made of it."""
        content = self._content
        if not isinstance(content, tuple):
            _write(mask, content.box, content.after)
            return
        for part in content:
            _write(mask, part.box, decode(part.after, mask.dtype))


class RecentMark:
    """What was done to a mark, and which step of the draft it became."""

    __slots__ = ("box", "edit", "n_bytes", "step_id")

    def __init__(self, edit: MarkEdit, box: Box) -> None:
        self.box = box
        self.edit = edit
        self.step_id: int | None = None
        self.n_bytes = 0
        """Next to nothing: how many steps are kept bounds them."""


class RecentSteps:
    """The steps around the present state that memory knows: those in effect and those taken back.

    Begins at the state of a draft, with nothing on either side in memory. A new step is the newest
    child of the one before it, so that what the store's redo takes is what was taken back last.
    """

    def __init__(self, draft: Draft) -> None:
        self._done: list[RecentStep | RecentMark] = []
        self._undone: list[RecentStep | RecentMark] = []
        self._has_older, self._has_newer = draft.can_undo, draft.can_redo

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back, here or on disk only."""
        return bool(self._done) or self._has_older

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again, here or on disk only."""
        return bool(self._undone) or self._has_newer

    @property
    def n_bytes(self) -> int:
        """Memory that the steps take."""
        return sum(step.n_bytes for step in (*self._done, *self._undone))

    def add(self, step: RecentStep | RecentMark) -> None:
        """Keep a step that was made now; what was taken back before it cannot be done again."""
        self._undone.clear()
        self._has_newer = False
        self._done.append(step)
        self._forget_farthest()

    def undo(self) -> RecentStep | RecentMark | None:
        """Return the step to take back, None where memory has none; it can be done again then."""
        if not self._done:
            return None
        step = self._done.pop()
        self._undone.append(step)
        self._forget_farthest()
        return step

    def redo(self) -> RecentStep | RecentMark | None:
        """Return the step to do again, None where memory has none."""
        if not self._undone:
            return None
        step = self._undone.pop()
        self._done.append(step)
        return step

    def _forget_farthest(self) -> None:
        n_bytes = self.n_bytes
        while n_bytes > KEPT_BYTES or len(self._done) + len(self._undone) > KEPT_STEPS:
            if len(self._done) >= len(self._undone):
                n_bytes -= self._done.pop(0).n_bytes
                self._has_older = True
            else:
                n_bytes -= self._undone.pop(0).n_bytes
                self._has_newer = True


def parts_of(edit: Edit) -> tuple[_Part, ...]:
    """Return where an edit changed something, a few slices at a time, as runs before and after.

    Of large slices a band of rows at a time.
    """
    n_slices, n_rows, n_columns = edit.before.shape
    depth = max(1, _PART_VOXELS // max(1, n_rows * n_columns))
    tall = n_rows if n_rows * n_columns <= _BAND_VOXELS else max(1, _BAND_VOXELS // n_columns)
    found = (
        _part(edit, slice(first, first + depth), slice(top, top + tall))
        for first in range(0, n_slices, depth)
        for top in range(0, n_rows, tall)
    )
    return tuple(part for part in found if part is not None)


def _part(edit: Edit, slices: slice, rows: slice) -> _Part | None:
    before, after = edit.before[slices, rows], edit.after[slices, rows]
    changed = before != after
    if not changed.any():
        return None
    by_axis = [changed.any(axis=axes) for axes in ((1, 2), (0, 2), (0, 1))]
    low, high = zip(*(np.flatnonzero(line)[[0, -1]].tolist() for line in by_axis), strict=True)
    z, y, x = (slice(start, end + 1) for start, end in zip(low, high, strict=True))
    z0, y0, x0 = (
        start + begun
        for start, begun in zip(edit.box[0], (slices.start, rows.start, 0), strict=True)
    )
    box: Box = (
        (z0 + z.start, y0 + y.start, x0 + x.start),
        (z0 + z.stop, y0 + y.stop, x0 + x.stop),
    )
    runs = [encode(np.ascontiguousarray(voxels[z, y, x])) for voxels in (before, after)]
    return _Part(box, runs[0], runs[1])


def _write(mask: Mask, box: Box, voxels: Mask) -> None:
    """Write a box ``(z, y, x)``; of a large mask nothing where it is the same: it may be unused."""
    live = mask[box_slices(box)]
    if not is_large(mask.shape):
        live[...] = voxels
        return
    tall = max(1, _BAND_VOXELS // live.shape[2])
    for top in range(0, live.shape[1], tall):
        rows = slice(top, top + tall)
        np.copyto(live[:, rows], voxels[:, rows], where=live[:, rows] != voxels[:, rows])


def changes(edit: Edit) -> bool:
    """Whether an edit makes any voxel another one; looks until it finds one."""
    tall = max(1, _BAND_VOXELS // max(1, edit.before.shape[2]))
    return any(
        not np.array_equal(before[top : top + tall], after[top : top + tall])
        for before, after in zip(edit.before, edit.after, strict=True)
        for top in range(0, len(before), tall)
    )

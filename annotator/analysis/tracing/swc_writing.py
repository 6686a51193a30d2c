"""A tree as the text of an SWC file; of a file that was read, only changed lines are written."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.swc_lines import fields_of, line_end_of
from annotator.analysis.tracing.tree import NO_PARENT, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.analysis.tracing.swc import SwcFile

_FIELD = re.compile(rb"[^\s,;#]+")
_DIGITS = 12
"""Of a number that was scaled: what the scaling added beyond is no digit of anybody's."""


def write_swc(
    tree: Tree, original: SwcFile | None = None, *, corrects_lines: bool = False
) -> bytes:
    """Return the text of a tree, a node a line.

    With ``original``, the file that the tree comes from: its bytes, where only the fields of nodes
    that changed are other ones, new nodes stand behind those before them in the tree, and lines of
    nodes that are gone are left out. Comments, further columns and line ends stay. Without it, one
    comment and the tree in µm. ``corrects_lines`` writes anew the nodes whose lines were told to be
    wrong, as they were understood.
    """
    if original is None:
        return b"# id type x y z radius parent\n" + b"".join(
            _line(tree, row, tree.ids, (1.0, 1.0, 1.0)) + b"\n" for row in range(len(tree))
        )
    return b"".join(_Rewriting(tree, original, corrects_lines=corrects_lines).parts())


class _Rewriting:
    """Puts lines of the original and new ones together."""

    def __init__(self, tree: Tree, original: SwcFile, *, corrects_lines: bool) -> None:
        self.tree = tree
        self.original = original
        self.text = original.original
        self.line_end = line_end_of(self.text)
        self.rows = _rows_before(tree, original.tree)
        self.is_wrong = self._wrong() if corrects_lines else np.zeros(len(tree), np.bool_)
        self.is_changed = self._changed() | self.is_wrong
        self.ids = self._written_ids()

    def _wrong(self) -> NDArray[np.bool_]:
        """Return which nodes have lines that a finding is about, ``(node,)``."""
        told = {
            finding.node_id
            for finding in self.original.findings
            if finding.check not in ("no-node-line", "parent-after-child")
        }
        is_wrong: NDArray[np.bool_] = np.isin(self.tree.ids, list(told))
        return is_wrong

    def _changed(self) -> NDArray[np.bool_]:
        """Return which nodes differ from the original's, ``(node,)``; new ones do."""
        tree, before, rows = self.tree, self.original.tree, self.rows
        if not len(before):
            return np.ones(len(tree), np.bool_)
        is_new = rows < 0
        there = np.maximum(rows, 0)
        has_parent = before.parents[there] != NO_PARENT
        parent_ids = np.where(has_parent, before.ids[before.parents[there]], NO_PARENT)
        own = np.where(tree.parents != NO_PARENT, tree.ids[tree.parents], NO_PARENT)
        is_changed: NDArray[np.bool_] = (
            is_new | (own != parent_ids) | (tree.types != before.types[there])
        )
        is_changed |= ~_same(tree.radii, before.radii[there])
        is_changed |= ~_same(tree.points, before.points[there]).all(axis=1)
        return is_changed

    def _written_ids(self) -> NDArray[np.int64]:
        """Return the ids that lines name; a node that the file could not name gets its own."""
        written = self.tree.ids.copy()
        was_there = self.rows >= 0
        written[was_there] = self.original.written_ids[self.rows[was_there]]
        other = np.flatnonzero(written != self.tree.ids)
        if len(other):
            above = self.tree.parents[self.is_changed]
            is_named = np.isin(other, above[above != NO_PARENT]) | self.is_wrong[other]
            self.is_changed[other[is_named]] = True
            written[other[self.is_changed[other]]] = self.tree.ids[other[self.is_changed[other]]]
        return written

    def parts(self) -> Iterator[bytes]:
        """Yield the text piece by piece; runs of lines that did not change are one piece."""
        starts = self.original.starts
        if not len(starts):
            yield from self._with_end(self.text)
            yield from (self._new(row) for row in range(len(self.tree)))
            return
        n_lines = len(starts)
        ends = np.append(starts[1:], len(self.text))
        yield self.text[: int(starts[0])]
        is_given = np.zeros(n_lines, np.bool_)
        at = 0
        for first, stop in _runs(self.rows, self.is_changed):
            before = int(self.rows[first])
            if before >= 0:
                # Comments behind nodes that are gone stand where these stood.
                for gone in range(at, before):
                    if not is_given[gone]:
                        yield self._comments(gone, int(ends[gone]))
                        is_given[gone] = True
                count = stop - first
                is_given[before : before + count] = True
                at = max(at, before + count)
            yield from self._run(first, stop, before, ends)
        for gone in np.flatnonzero(~is_given).tolist():
            yield self._comments(gone, int(ends[gone]))

    def _run(self, first: int, stop: int, before: int, ends: NDArray[np.int64]) -> Iterator[bytes]:
        if before < 0:
            yield from (self._new(row) for row in range(first, stop))
        elif self.is_changed[first]:
            yield from self._with_end(self._edited(first, before, int(ends[before])))
        else:
            last = before + stop - first - 1
            kept = self.text[int(self.original.starts[before]) : int(ends[last])]
            is_last = stop == len(self.tree)
            yield from (kept,) if is_last else self._with_end(kept)

    def _with_end(self, piece: bytes) -> tuple[bytes, ...]:
        return (piece,) if not piece or piece.endswith(self.line_end) else (piece, self.line_end)

    def _comments(self, row: int, end: int) -> bytes:
        """Return what stands between the line of a node and the next node's."""
        behind = self.text.find(self.line_end, int(self.original.starts[row]), end)
        return b"" if behind < 0 else self.text[behind + 1 : end]

    def _new(self, row: int) -> bytes:
        newline = b"\r\n" if b"\r\n" in self.text[:4096] else self.line_end
        return _line(self.tree, row, self.ids, self.original.scale_um) + newline

    def _edited(self, row: int, before: int, end: int) -> bytes:
        """Return a line with the fields that changed replaced, and what follows it."""
        start = int(self.original.starts[before])
        line = self.text[start:end]
        said, ended, behind = line.partition(self.line_end)
        fresh = _fields(self.tree, row, self.ids, self.original.scale_um)
        found = list(_FIELD.finditer(said.split(b"#", 1)[0]))
        if len(found) < len(fresh) or [field.group() for field in found] != fields_of(said):
            return b" ".join(fresh) + ended + behind
        old = _fields(self.original.tree, before, self.original.written_ids, self.original.scale_um)
        made, at = [], 0
        for field, text, was in zip(found, fresh, old, strict=False):
            is_kept = text == was and not self.is_wrong[row]
            made += [line[at : field.start()], field.group() if is_kept else text]
            at = field.end()
        return b"".join([*made, line[at:]])


def _rows_before(tree: Tree, before: Tree) -> NDArray[np.int64]:
    """Return the row that each node had in the tree before, -1 for new ones."""
    if len(tree) == len(before) and np.array_equal(tree.ids, before.ids):
        return np.arange(len(tree))
    order = np.argsort(before.ids)
    place = np.searchsorted(before.ids, tree.ids, sorter=order)
    rows = order[np.minimum(place, max(0, len(before) - 1))] if len(before) else place * 0
    is_there = before.ids[rows] == tree.ids if len(before) else np.zeros(len(tree), np.bool_)
    return np.where(is_there, rows, -1)


def _runs(rows: NDArray[np.int64], is_changed: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield spans of nodes whose lines follow each other unchanged; others one by one."""
    follows = np.zeros(len(rows), np.bool_)
    follows[1:] = (np.diff(rows) == 1) & ~is_changed[1:] & ~is_changed[:-1]
    begins = np.append(np.flatnonzero(~follows), len(rows)).tolist()
    yield from pairwise(begins)


def _same(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    is_same: NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return is_same


def _line(
    tree: Tree, row: int, ids: NDArray[np.int64], scale_um: tuple[float, float, float]
) -> bytes:
    return b" ".join(_fields(tree, row, ids, scale_um))


def _fields(
    tree: Tree, row: int, ids: NDArray[np.int64], scale_um: tuple[float, float, float]
) -> list[bytes]:
    """Return the seven fields of a node in the unit of the file."""
    parent = int(tree.parents[row])
    parent_id = NO_PARENT if parent == NO_PARENT else int(ids[parent])
    scales = (*scale_um, scale_um[0])
    values = (*tree.points[row].tolist(), float(tree.radii[row]))
    numbers = [_number(value, scale) for value, scale in zip(values, scales, strict=True)]
    return [b"%d" % ids[row], b"%d" % tree.types[row], *numbers, b"%d" % parent_id]


def _number(value: float, scale: float) -> bytes:
    text = repr(value) if scale == 1.0 else f"{value / scale:.{_DIGITS}g}"
    return text.removesuffix(".0").encode()

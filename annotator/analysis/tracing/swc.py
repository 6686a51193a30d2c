"""SWC files: read as they are, told what is wrong with them, written without touching the rest.

The format is that of Cannon et al. (1998), J. Neurosci. Methods 84, 49-54, with what programs make
of it: commas and tabs, header lines, further columns, ids from 0 or in no order, other node types.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels
from annotator.analysis.tracing.swc_lines import line_end_of, read_line, read_rows
from annotator.analysis.tracing.swc_problems import Problems, RowProblem
from annotator.analysis.tracing.tree import NO_PARENT, Tree
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.swc_lines import SwcRows
    from annotator.domain.tracing import TraceFinding

MOST_BYTES = 2 << 30
MOST_ODD_LINES = 1_000_000
"""Lines that may be something else than seven plain numbers: each is read by itself."""
_DUPLICATE, _NO_PARENT_HERE = 1, 2
_BOM = b"\xef\xbb\xbf"
_LOOKED_AT = 4096
_ROOM_FOR_IDS = 8
"""The table of ids may be so many times longer than the file has nodes."""

_KINDS = (
    (b"\x1f\x8b", "a file packed by gzip; unpack it first"),
    (b"PK\x03\x04", "a ZIP archive; unpack it first"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x89PNG", "a PNG image"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF document"),
    (b"NRRD", "an NRRD image"),
    (b"raw_image_stack_by_hpeng", "a Vaa3D image (v3draw)"),
    (b"<?xml", "an XML file; a Neurolucida, SNT or NeuroML tracing must be saved as SWC"),
    (b"<!DOCTYPE", "a web page; the download failed"),
    (b"<html", "a web page; the download failed"),
    (b"{", "a JSON file"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SwcFile:
    """A file of a tracing, and the tree in it.

    Attributes
    ----------
    tree : Tree
        In µm: the file's numbers times ``scale_um``. A row for each line that is a node.
    original : bytes
        The text as it was, in UTF-8 where it was UTF-16.
    scale_um : tuple of float
        µm per unit of the file along x, y and z; radii are scaled as x is.
    starts, lines : ndarray
        First byte, and number from 1, of each row's line, ``(node,)`` int64.
    written_ids : ndarray
        The id that stands in each row's line, ``(node,)`` int64; differs from the tree's where the
        file gives it twice or none that 64 bits hold.
    findings : tuple of TraceFinding
        What is wrong with the text; what is wrong with the tree is told by `check_tree`.
    """

    tree: Tree
    original: bytes
    scale_um: tuple[float, float, float]
    starts: NDArray[np.int64]
    lines: NDArray[np.int64]
    written_ids: NDArray[np.int64]
    findings: tuple[TraceFinding, ...]

    def header(self) -> dict[str, str]:
        """Return what the comments before the first node say: first word, then the rest."""
        end = int(self.starts[0]) if len(self.starts) else len(self.original)
        said: dict[str, str] = {}
        for line in self.original[:end].splitlines():
            words = line.decode("utf-8", "replace").lstrip("#\ufeff \t").split(maxsplit=1)
            if words:
                said.setdefault(words[0].rstrip(":="), words[1].lstrip("= ") if words[1:] else "")
        return said


def read_swc_file(
    path: Path | str, *, scale_um: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> SwcFile:
    """Read a file; as `read_swc`. Raises AnnotatorError above 2 GiB, OSError where it is away."""
    path = Path(path)
    n_bytes = path.stat().st_size
    if n_bytes > MOST_BYTES:
        raise AnnotatorError(
            f"{path.name} has {n_bytes / 2**30:.1f} GiB; tracings of up to 2 GiB are read"
        )
    return read_swc(path.read_bytes(), name=path.name, scale_um=scale_um)


def read_swc(
    text: bytes,
    *,
    name: str = "the text",
    scale_um: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> SwcFile:
    """Read the bytes of an SWC file: a tree whatever is wrong with it, and what is.

    ``scale_um`` is the µm per unit of the file along x, y and z: 1 for files in µm, the spacing of
    the image for files in voxels. Takes 75 bytes a line besides the text, whatever is wrong in it:
    of each kind of problem a thousand are kept.

    Raises AnnotatorError where it is no SWC file at all, with what it probably is.
    """
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = text.decode("utf-16", "replace").encode()
    _refuse_what_is_none(text, name)
    # The mark is no part of the first line; it stays in what is kept.
    skipped = len(_BOM) if text.startswith(_BOM) else 0
    try:
        rows = read_rows(text[skipped:] if skipped else text)
    except AnnotatorError as error:
        raise AnnotatorError(f"{name} is no SWC file: {error}") from error
    if skipped:
        rows = replace(rows, starts=rows.starts + skipped)
    try:
        rows, written_ids, parents, problems = _linked(text, rows)
    except AnnotatorError as error:
        raise AnnotatorError(f"{name} is no SWC file: {error}") from error
    if not len(rows.ids) and problems:
        raise AnnotatorError(
            f"{name} is no SWC file: no line of it is a node (id type x y z radius parent)"
        )
    tree = Tree(
        ids=rows.ids,
        types=rows.types,
        points=_scaled(rows.points, scale_um),
        radii=rows.radii if scale_um[0] == 1.0 else rows.radii * scale_um[0],
        parents=parents,
    )
    return SwcFile(
        tree=tree,
        original=text,
        scale_um=scale_um,
        starts=rows.starts,
        lines=rows.lines,
        written_ids=written_ids,
        findings=problems.tell(tree),
    )


def _scaled(
    points: NDArray[np.float64], scale_um: tuple[float, float, float]
) -> NDArray[np.float64]:
    return points if scale_um == (1.0, 1.0, 1.0) else points * np.array(scale_um)


def _refuse_what_is_none(text: bytes, name: str) -> None:
    begin = text[:_LOOKED_AT]
    kind = next((what for mark, what in _KINDS if begin.lstrip()[: len(mark)] == mark), "")
    if not kind and begin[344:348] in (b"n+1\x00", b"ni1\x00"):
        kind = "a NIfTI image"
    if not kind and begin[128:132] == b"DICM":
        kind = "a DICOM file"
    if not kind and b"\x00" in begin:
        kind = "a binary file"
    if kind:
        raise AnnotatorError(
            f"{name} is no SWC file but looks like {kind}. An SWC file is text, a node a line: "
            "id type x y z radius parent"
        )
    if not text or text.isspace():
        raise AnnotatorError(f"{name} is empty; an SWC file has a node a line")


def _linked(
    text: bytes, rows: SwcRows
) -> tuple[SwcRows, NDArray[np.int64], NDArray[np.int64], Problems]:
    """Return rows of nodes with unique ids, the written ids, rows of parents, and problems."""
    rows, odd, problems = _with_odd_lines(text, rows)
    parents, state = link(rows.ids, rows.parent_ids)
    written_ids = rows.ids
    again = np.flatnonzero(state & _DUPLICATE)
    needs_id = np.union1d(again, np.array(sorted(odd.without_id), np.int64))
    ids = rows.ids
    if len(needs_id):
        ids = rows.ids.copy()
        ids[needs_id] = fresh_ids(rows.ids, len(needs_id))
    for row in again[:MOST_ODD_LINES].tolist():
        if row not in odd.without_id:
            problems.add(
                RowProblem(
                    check="duplicate-id",
                    row=row,
                    line=int(rows.lines[row]),
                    value=float(written_ids[row]),
                    why=f"The id {written_ids[row]} is given a second time; this node gets "
                    f"{ids[row]}, its children are taken for the first one's.",
                )
            )
    _attach_huge(odd, parents, state)
    for row in np.flatnonzero(state & _NO_PARENT_HERE)[:MOST_ODD_LINES].tolist():
        wanted = odd.parents_beyond.get(row, int(rows.parent_ids[row]))
        problems.add(
            RowProblem(
                check="missing-parent",
                row=row,
                line=int(rows.lines[row]),
                value=float(wanted),
                why=f"Its parent {wanted} is not in the file; it begins a tree of its own.",
            )
        )
    _find_late_parents(parents, rows.lines, problems)
    return replace(rows, ids=ids), written_ids, parents, problems


@dataclass(frozen=True, slots=True, kw_only=True)
class _Odd:
    """Rows whose ids no 64 bits hold: which need an id, and what was written there."""

    without_id: set[int]
    rows_by_huge: dict[int, int]
    parents_beyond: dict[int, int]


def _with_odd_lines(text: bytes, rows: SwcRows) -> tuple[SwcRows, _Odd, Problems]:
    """Read the lines that are not plain; leave out those that are no node."""
    odd = _Odd(without_id=set(), rows_by_huge={}, parents_beyond={})
    problems = Problems()
    if rows.is_plain.all():
        return rows, odd, problems
    n_odd = int(np.count_nonzero(~rows.is_plain))
    if n_odd > MOST_ODD_LINES:
        raise AnnotatorError(
            f"{n_odd:,} of {len(rows.ids):,} lines are no plain nodes; up to {MOST_ODD_LINES:,} "
            "such lines are read"
        )
    is_node = np.ones(len(rows.ids), np.bool_)
    end_byte = line_end_of(text)
    n_left_out = 0
    for place in np.flatnonzero(~rows.is_plain).tolist():
        start = int(rows.starts[place])
        stop = text.find(end_byte, start)
        said = read_line(text[start : len(text) if stop < 0 else stop])
        row = place - n_left_out
        if not said.is_node:
            is_node[place] = False
            n_left_out += 1
            row -= 1
        line = int(rows.lines[place])
        for problem in said.problems:
            problems.add(
                RowProblem(check=problem.check, row=row, line=line, value=None, why=problem.why)
            )
        if not said.is_node:
            continue
        rows.types[place] = said.kind
        rows.points[place], rows.radii[place] = said.numbers[:3], said.numbers[3]
        rows.ids[place] = _held(said.node_id, row, line, odd, problems)
        parent = said.parent_id
        if parent is not None and not _fits(parent):
            odd.parents_beyond[row] = parent
        rows.parent_ids[place] = parent if parent is not None and _fits(parent) else NO_PARENT
    kept = {
        name: getattr(rows, name) if is_node.all() else getattr(rows, name)[is_node]
        for name in type(rows).__slots__
    }
    return replace(rows, **kept), odd, problems


def _held(node_id: int | None, row: int, line: int, odd: _Odd, problems: Problems) -> int:
    """Return an id that 64 bits hold; 0, and that the row needs another, where there is none."""
    if node_id is not None and _fits(node_id) and node_id != NO_PARENT:
        return node_id
    odd.without_id.add(row)
    if node_id is not None and not _fits(node_id):
        odd.rows_by_huge.setdefault(node_id, row)
        problems.add(
            RowProblem(
                check="odd-id",
                row=row,
                line=line,
                value=None,
                why="Its id has more than 64 bits; the node gets another one.",
            )
        )
    return NO_PARENT


def _fits(value: int) -> bool:
    return -(1 << 63) <= value < 1 << 63


def _attach_huge(odd: _Odd, parents: NDArray[np.int64], state: NDArray[np.uint8]) -> None:
    for row, parent in odd.parents_beyond.items():
        parents[row] = odd.rows_by_huge.get(parent, NO_PARENT)
        if parents[row] == NO_PARENT:
            state[row] |= _NO_PARENT_HERE


def _find_late_parents(
    parents: NDArray[np.int64], lines: NDArray[np.int64], problems: Problems
) -> None:
    is_late = parents > np.arange(len(parents))
    n_late = int(np.count_nonzero(is_late))
    if n_late:
        row = int(np.argmax(is_late))
        others = f", as do {n_late - 1:,} others" if n_late > 1 else ""
        problems.add(
            RowProblem(
                check="parent-after-child",
                row=row,
                line=int(lines[row]),
                value=float(n_late),
                why=f"It stands before its parent{others}; some programs cannot read that.",
            )
        )


def link(
    ids: NDArray[np.int64], parent_ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the row of each parent, and bits: 1 where an id was there before, 2 without parent.

    The first of several with one id is the one that is meant. Negative parents that are no id
    make a root.
    """
    n_nodes = len(ids)
    if not n_nodes:
        return np.empty(0, np.int64), np.empty(0, np.uint8)
    low, high = int(ids.min()), int(ids.max())
    library = kernels.library()
    n_ids = high - low + 1
    if library is not None and n_ids <= _ROOM_FOR_IDS * n_nodes + 1024:
        ids, parent_ids = np.ascontiguousarray(ids), np.ascontiguousarray(parent_ids)
        parents, state = np.empty(n_nodes, np.int64), np.empty(n_nodes, np.uint8)
        places = [kernels.address(array) for array in (ids, parent_ids)]
        made = [kernels.address(array) for array in (parents, state)]
        if library.link_nodes(*places, n_nodes, low, n_ids, *made) == 0:
            return parents, state
    return _link_by_sorting(ids, parent_ids)


def _link_by_sorting(
    ids: NDArray[np.int64], parent_ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    order = np.argsort(ids, kind="stable")
    sorted_ids = ids[order]
    state = np.zeros(len(ids), np.uint8)
    state[order[1:][sorted_ids[1:] == sorted_ids[:-1]]] = _DUPLICATE
    place = np.minimum(np.searchsorted(sorted_ids, parent_ids), len(ids) - 1)
    is_there = (sorted_ids[place] == parent_ids) & (parent_ids != NO_PARENT)
    state[~is_there & (parent_ids >= 0)] |= _NO_PARENT_HERE
    return np.where(is_there, order[place], NO_PARENT), state


def fresh_ids(ids: NDArray[np.int64], n_wanted: int) -> NDArray[np.int64]:
    """Return ids that no node has, above all of them where there is room."""
    highest = max(0, int(ids.max(initial=0)))
    if highest < 1 << 62:
        return np.arange(highest + 1, highest + 1 + n_wanted)
    return np.setdiff1d(np.arange(1, len(ids) + n_wanted + 1), ids)[:n_wanted]

"""Text to rows of nodes: what one line of an SWC file says, and all lines at once.

The compiled loop takes lines that are plain; every other line, and all of them without it, is read
here. Both give the same: numbers are those of Python's `float`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MOST_LINES = 20_000_000
"""Nodes that a file may have: reading takes 75 bytes a node besides the file itself."""
_LONGEST_LINE = 4096
"""Bytes of a line that are looked at for its seven fields."""
_NO_SWC_AFTER = 1000
"""Lines without one node after which a file is taken for something else."""
_WORTH_A_THREAD = 1 << 20
"""Bytes that another thread reads."""

_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
_WHOLE = re.compile(rb"[+-]?\d+")
_GAPS = re.compile(rb"[\s,;]+")
_SPACES = re.compile(rb"\s+")
_TIGHT = re.compile(rb"[^\s,],[^\s,]|,\s*,")
_INT64 = 1 << 63
_FIELDS = ("id", "type", "x", "y", "z", "radius", "parent")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProblem:
    """What is wrong with the text of one line: a check's name, and why in words."""

    check: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLine:
    """One line: its fields as numbers, NaN where there is none; ids None where they are none."""

    node_id: int | None
    kind: int
    numbers: tuple[float, float, float, float]
    parent_id: int | None
    problems: tuple[LineProblem, ...]
    is_node: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SwcRows:
    """Rows of a file as they are written: parents are ids, not rows.

    ``starts`` are the first bytes of the lines, ``lines`` their numbers from 1. ``is_plain`` is
    False for lines that must be read with `read_line`.
    """

    ids: NDArray[np.int64]
    types: NDArray[np.int32]
    points: NDArray[np.float64]
    radii: NDArray[np.float64]
    parent_ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    lines: NDArray[np.int64]
    is_plain: NDArray[np.bool_]


def line_end_of(text: bytes) -> bytes:
    """Return the byte that ends lines: a line feed, or a carriage return where there is none."""
    return b"\r" if b"\n" not in text and b"\r" in text else b"\n"


def fields_of(line: bytes) -> list[bytes]:
    """Return the fields of a line without its comment; gaps, commas or semicolons part them."""
    text = line[:_LONGEST_LINE].split(b"#", 1)[0].strip(b" \t\r\n\v\f,;")
    if not text:
        return []
    if _TIGHT.search(text):
        # A comma between digits is that of a decimal where gaps part the fields.
        parted = _SPACES.split(text)
        if len(parted) >= len(_FIELDS) and not any(field.endswith(b",") for field in parted):
            return [field.replace(b",", b".") for field in parted]
    return _GAPS.split(text)


def read_line(line: bytes) -> ReadLine:
    """Return what one line says that is neither empty nor a comment; it never fails."""
    fields = fields_of(line)
    if len(fields) < 5 or not all(map(_is_number, fields[:1] + fields[2:5])):
        return _read_poor_line(fields)
    problems: list[LineProblem] = []
    if len(fields) < len(_FIELDS):
        missing = ", ".join(_FIELDS[len(fields) :])
        problems.append(
            LineProblem(
                check="too-few-columns",
                why=f"The line has {len(fields)} columns, not 7: it lacks {missing}.",
            )
        )
    node_id = _identity(fields[0], "id", problems)
    kind = _identity(fields[1], "type", problems)
    if kind is not None and not -(1 << 31) <= kind < 1 << 31:
        problems.append(_bad("type", fields[1], "no whole number of 32 bits"))
        kind = 0
    x, y, z = (float(field) for field in fields[2:5])
    radius = math.nan
    if len(fields) > 5:
        radius = float(fields[5]) if _is_number(fields[5]) else math.nan
        if not _is_number(fields[5]):
            problems.append(_bad("radius", fields[5], "no number"))
    parent = _identity(fields[6], "parent", problems) if len(fields) > 6 else -1
    return ReadLine(
        node_id=node_id,
        kind=kind or 0,
        numbers=(x, y, z, radius),
        parent_id=parent,
        problems=tuple(problems),
    )


def _read_poor_line(fields: list[bytes]) -> ReadLine:
    """Return a line whose id or place is no number: a node only where enough else is one."""
    n_numbers = sum(map(_is_number, fields[:7]))
    is_node = len(fields) >= 7 and n_numbers >= 5
    problems: list[LineProblem] = []
    if not is_node:
        shown = b" ".join(fields)[:40].decode("utf-8", "replace")
        problems.append(
            LineProblem(
                check="no-node-line",
                why=f"The line {shown!r} is neither a node (id, type, x, y, z, radius, parent) "
                "nor a comment; it is kept and left out of the tree.",
            )
        )
        return ReadLine(
            node_id=None,
            kind=0,
            numbers=(math.nan,) * 4,
            parent_id=None,
            problems=tuple(problems),
            is_node=False,
        )
    numbers = []
    for name, field in zip(_FIELDS[2:6], fields[2:6], strict=True):
        numbers.append(float(field) if _is_number(field) else math.nan)
        if not _is_number(field):
            problems.append(_bad(name, field, "no number"))
    return ReadLine(
        node_id=_identity(fields[0], "id", problems),
        kind=_identity(fields[1], "type", problems) or 0,
        numbers=(numbers[0], numbers[1], numbers[2], numbers[3]),
        parent_id=_identity(fields[6], "parent", problems),
        problems=tuple(problems),
    )


def _is_number(field: bytes) -> bool:
    return _NUMBER.fullmatch(field) is not None


def _identity(field: bytes, name: str, problems: list[LineProblem]) -> int | None:
    """Return a whole number, also one of more than 64 bits; None, and a problem, for others."""
    # int() refuses more than 4300 digits; nothing that long is meant as a number.
    if _WHOLE.fullmatch(field) and len(field) < 1000:
        return int(field)
    if _is_number(field):
        value = float(field)
        if math.isfinite(value) and value == int(value):
            return int(value)
    problems.append(_bad(name, field, "no whole number"))
    return None


def _bad(name: str, field: bytes, what: str) -> LineProblem:
    shown = field[:40].decode("utf-8", "replace")
    return LineProblem(check="bad-field", why=f"The {name} {shown!r} is {what}.")


def read_rows(text: bytes) -> SwcRows:
    """Return a row for each line that is neither empty nor a comment.

    Raises AnnotatorError where there are more than `MOST_LINES`, or 1,000 lines and no node yet.
    """
    # A line of one byte and its end is the shortest that makes a row.
    most = min(_count_lines(text, 0, len(text)) + 1, len(text) // 2 + 1, MOST_LINES + 1)
    rows = _empty_rows(most)
    library = kernels.library()
    read = _read_all if library is None else _Parser(library.parse_swc).read
    n_rows = read(text, rows, 0, min(most, _NO_SWC_AFTER))
    if n_rows == _NO_SWC_AFTER and not _has_node(text, rows, n_rows):
        raise AnnotatorError(
            f"of the first {n_rows:,} lines none is a node (id type x y z radius parent)"
        )
    if n_rows == _NO_SWC_AFTER < most:
        n_rows = read(text, rows, n_rows, most)
    if n_rows > MOST_LINES:
        raise AnnotatorError(f"the file has more than {MOST_LINES:,} nodes; nothing reads so many")
    return SwcRows(**{name: getattr(rows, name)[:n_rows] for name in SwcRows.__slots__})


def _count_lines(text: bytes, begin: int, end: int) -> int:
    library = kernels.library()
    if library is None:
        return text.count(line_end_of(text), begin, end)
    part = np.frombuffer(text, np.uint8)[begin:end]
    return int(library.count_byte(kernels.address(part), len(part), line_end_of(text)[0]))


def _empty_rows(n_rows: int) -> SwcRows:
    return SwcRows(
        ids=np.empty(n_rows, np.int64),
        types=np.empty(n_rows, np.int32),
        points=np.empty((n_rows, 3)),
        radii=np.empty(n_rows),
        parent_ids=np.empty(n_rows, np.int64),
        starts=np.empty(n_rows, np.int64),
        lines=np.empty(n_rows, np.int64),
        is_plain=np.empty(n_rows, np.bool_),
    )


def _has_node(text: bytes, rows: SwcRows, n_rows: int) -> bool:
    return any(
        rows.is_plain[row] or read_line(text[start : start + _LONGEST_LINE].splitlines()[0]).is_node
        for row, start in enumerate(rows.starts[:n_rows].tolist())
    )


class _Parser:
    """The compiled loop, called like `_read_all`: for the first rows, then for all others."""

    def __init__(self, parse: Callable[..., int]) -> None:
        self._parse = parse
        self._state = np.zeros(2, np.int64)

    def read(self, text: bytes, rows: SwcRows, first: int, most: int) -> int:
        begin, line = self._state.tolist()
        middle = _after(text, (begin + len(text)) // 2, line_end_of(text))
        if not first or middle - begin < _WORTH_A_THREAD or most > MOST_LINES:
            return self._fill(text, len(text), rows, first, most, self._state)
        n_lines = _count_lines(text, begin, middle)
        halves = (
            (middle, first, first + n_lines, self._state),
            (len(text), first + n_lines, most, np.array([middle, line + n_lines])),
        )
        ends = [0, 0]

        def fill(low: int, high: int) -> None:
            for half in range(low, high):
                end, begin, most, state = halves[half]
                ends[half] = self._fill(text, end, rows, begin, most, state)

        kernels.in_parts(fill, 2, 1)
        n_behind = ends[1] - halves[1][1]
        if ends[0] < halves[1][1]:  # lines of the first half that make no row
            for name in SwcRows.__slots__:
                array = getattr(rows, name)
                array[ends[0] : ends[0] + n_behind] = array[halves[1][1] : ends[1]]
        return ends[0] + n_behind

    def _fill(
        self,
        text: bytes,
        end: int,
        rows: SwcRows,
        first: int,
        most: int,
        state: NDArray[np.int64],
    ) -> int:
        places = [kernels.address(getattr(rows, name)[first:]) for name in SwcRows.__slots__]
        filled = first + self._parse(
            text, end, line_end_of(text)[0], kernels.address(state), most - first, *places
        )
        # It marks what is odd.
        np.logical_not(rows.is_plain[first:filled], out=rows.is_plain[first:filled])
        return filled


def _read_all(text: bytes, rows: SwcRows, first: int, most: int) -> int:
    """Fill the rows from ``first`` up to ``most`` line by line; return the rows filled."""
    end_byte = line_end_of(text)
    row, at, number = first, 0, 0
    if first:
        at = int(rows.starts[first - 1])
        at = _after(text, at, end_byte)
        number = int(rows.lines[first - 1])
    while at < len(text) and row < most:
        following = _after(text, at, end_byte)
        number += 1
        line = text[at : min(following, at + _LONGEST_LINE)]
        stripped = line.strip(b" \t\r\n\v\f,")
        if stripped and not stripped.startswith(b"#"):
            _fill(rows, row, line)
            rows.starts[row], rows.lines[row] = at, number
            row += 1
        at = following
    return row


def _after(text: bytes, at: int, end_byte: bytes) -> int:
    found = text.find(end_byte, at)
    return len(text) if found < 0 else found + 1


def _fill(rows: SwcRows, row: int, line: bytes) -> None:
    """Write what a plain line says; an odd one is only marked, `read_line` is asked again."""
    said = read_line(line)
    node_id, parent_id = said.node_id, said.parent_id
    is_plain = not said.problems and node_id is not None and parent_id is not None
    own, up = node_id or 0, parent_id or 0
    is_plain = is_plain and -_INT64 <= own < _INT64 and -_INT64 <= up < _INT64
    rows.is_plain[row] = is_plain
    rows.ids[row] = own if is_plain else 0
    rows.parent_ids[row] = up if is_plain else 0
    rows.types[row] = said.kind if is_plain else 0
    rows.points[row] = said.numbers[:3]
    rows.radii[row] = said.numbers[3]

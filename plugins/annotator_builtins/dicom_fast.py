"""Headers of plain slices, read from the first bytes of a file without building a dataset.

Understands little-endian files (explicit or implicit, native or compressed) with one grey frame and
nothing unusual before the pixels. Of everything else it says that it does not understand it, and
pydicom reads it.
"""

from __future__ import annotations

import os
import struct

from pydicom.datadict import dictionary_VR, tag_for_keyword

from annotator_builtins.dicom_headers import (
    LAYOUT_KEYWORDS,
    PHASE_KEYWORDS,
    SLICE_KEYWORDS,
    Layout,
    SliceHeader,
    parse_layout,
    parse_slice,
)

FIRST_BYTES = 8192
"""Bytes read of each file at first: most headers of plain CT and MR fit."""
MOST_BYTES = 1 << 18
"""A header longer than this is left to pydicom."""

DEEPEST = 16
"""Sequences within sequences that are stepped over; a header with more is left to pydicom."""

SHORTEST_RUN = 3
"""Elements that must repeat together before they are worth a comparison."""

_EXPLICIT, _LONG, _IMPLICIT = struct.Struct("<HH2sH"), struct.Struct("<I"), struct.Struct("<HHI")
_IS_LONG = dict.fromkeys(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split(), True) | dict.fromkeys(
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split(), False
)
"""Kinds of value, and whether their length takes four bytes."""
_BINARY = {b"US": "H", b"FD": "d", b"FL": "f", b"UL": "I", b"SS": "h", b"SL": "i"}
_NATIVE = {"1.2.840.10008.1.2.1": True, "1.2.840.10008.1.2": False}
"""Native syntaxes, and whether they write the kind of each value (explicit VR)."""
_ENCAPSULATED = "1.2.840.10008.1.2.4."
_RLE = "1.2.840.10008.1.2.5"
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_UNDEFINED = 0xFFFFFFFF


def _tags(keywords: tuple[str, ...]) -> dict[int, str]:
    return {tag_for_keyword(keyword) or 0: keyword for keyword in keywords}


_N_FRAMES, _PIXELS, _SYNTAX = 0x00280008, 0x7FE00010, 0x00020010
_UNUSUAL = 0x50000000
"""Tags from here to the pixels are curves, functional groups, overlays: left to pydicom."""
_TOO_MUCH = frozenset({0x00041220, 0x00186011, 0x00283000, 0x00480006, 0x3004000C})
"""Directory records, ultrasound regions, modality LUT, tiles, frame offsets: for pydicom too."""
_NAMES = _tags((*LAYOUT_KEYWORDS, *PHASE_KEYWORDS, *SLICE_KEYWORDS))
_WANTED = frozenset((*_NAMES, _N_FRAMES, *_TOO_MUCH))
_KINDS = {tag: dictionary_VR(tag).encode() for tag in _WANTED}
_LAYOUT_TAGS = tuple(_tags(LAYOUT_KEYWORDS))
_LAYOUT_SET = frozenset(_LAYOUT_TAGS)

Elements = dict[int, tuple[bytes, bytes]]
Walked = list[tuple[int, int, int]]
"""Tag, start and end of elements that were walked one by one."""


class Repeats:
    """Runs of elements that are the same bytes in file after file, to be stepped over at once.

    A run that starts at the same element and has the same bytes would be walked the same way, so
    stepping over it changes nothing but the time.
    """

    def __init__(self) -> None:
        self.runs: dict[int, tuple[bytes, Elements, int]] = {}
        self._before: dict[int, bytes] = {}
        self._varying: set[int] = set()

    def learn(self, head: bytes, walked: Walked, found: Elements) -> None:
        """Compare the elements of a file with those of the file before."""
        now = {tag: head[start:end] for tag, start, end in walked}
        before, self._before = self._before, now
        if not before:
            return
        self._varying.update(tag for tag in now if now[tag] != before.get(tag))
        self.runs = {tag: run for tag, run in self.runs.items() if tag not in now}
        run: Walked = []
        for item in (*walked, (0, -1, -1)):
            tag, start, _ = item
            if tag and tag not in self._varying and (not run or run[-1][2] == start):
                run.append(item)
                continue
            if len(run) >= SHORTEST_RUN:
                raw = head[run[0][1] : run[-1][2]]
                inside = {tag: found[tag] for tag, _, _ in run if tag in found}
                self.runs[run[0][0]] = (raw, inside, run[-1][0])
            run = [item] if tag and tag not in self._varying else []


class HeaderWalker:
    """Reads the headers of many files; layouts and elements that repeat are parsed once."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[tuple[bytes, bytes] | None, ...], Layout] = {}
        self._repeats = Repeats()

    def read(self, path: str) -> SliceHeader | None:
        """Return the header of a plain file, or None where pydicom must read it."""
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            head = os.read(descriptor, FIRST_BYTES)
            walked = walk(head, self._repeats)
            if walked is None and len(head) == FIRST_BYTES and head[128:132] == b"DICM":
                walked = walk(head + os.read(descriptor, MOST_BYTES), self._repeats)
            if walked is None:
                return None
            elements, offset, length = walked
            if length != _UNDEFINED and os.fstat(descriptor).st_size < offset + length:
                return None
        finally:
            os.close(descriptor)
        return self._header(path, elements, offset, length)

    def _header(
        self, path: str, elements: Elements, offset: int, length: int
    ) -> SliceHeader | None:
        layout = self._layout(elements)
        if layout is None:
            return None
        is_native = layout.transfer_syntax in _NATIVE
        if is_native != (length != _UNDEFINED):
            return None
        if is_native and not 0 <= length - layout.frame_bytes <= 1:
            return None
        values = {
            _NAMES[tag]: _text(*raw) for tag, raw in elements.items() if tag not in _LAYOUT_SET
        }
        return parse_slice(path, layout, values, pixel_offset=offset if is_native else -1)

    def _layout(self, elements: Elements) -> Layout | None:
        key = tuple(map(elements.get, _LAYOUT_TAGS))
        layout = self._layouts.get(key)
        if layout is None:
            values = {_NAMES[tag]: _text(*elements[tag]) for tag in _LAYOUT_TAGS if tag in elements}
            if "Rows" not in values or "Columns" not in values or values.get("Modality") == "SEG":
                return None
            if values.get("PhotometricInterpretation") not in _MONOCHROME:
                return None
            layout = parse_layout(values)
            if layout.samples != 1 or layout.bits_allocated not in (8, 16, 32):
                return None
            self._layouts[key] = layout
        return layout


def walk(head: bytes, repeats: Repeats) -> tuple[Elements, int, int] | None:
    """Return the wanted elements before the pixels, their offset and length; None if not plain."""
    if head[128:140] != b"DICM\x02\x00\x00\x00UL\x04\x00" or len(head) < 144:
        return None
    meta_end = 144 + _LONG.unpack_from(head, 140)[0]
    meta = _explicit_elements(head, 144, meta_end, Repeats())
    if meta is None or meta[1] != meta_end or _SYNTAX not in meta[0]:
        return None
    syntax = _text(*meta[0][_SYNTAX])
    if _NATIVE.get(syntax, syntax.startswith(_ENCAPSULATED) or syntax == _RLE):
        body = _explicit_elements(head, meta_end, len(head), repeats)
    elif syntax in _NATIVE:
        body = _implicit_elements(head, meta_end)
    else:
        return None
    if body is None or body[2] < 0:
        return None
    elements, offset, length = body
    if not _TOO_MUCH.isdisjoint(elements):
        return None
    n_frames = elements.pop(_N_FRAMES, None)
    if n_frames is not None and _text(*n_frames) not in ("1", ""):
        return None
    elements[_SYNTAX] = meta[0][_SYNTAX]
    return elements, offset, length


def _explicit_elements(
    head: bytes, position: int, end: int, repeats: Repeats
) -> tuple[Elements, int, int] | None:
    """Walk top-level elements; ends at the pixels, or at ``end`` with a length of -1."""
    found: Elements = {}
    walked: Walked = []
    unpack, wanted, kinds, runs = _EXPLICIT.unpack_from, _WANTED, _IS_LONG, repeats.runs
    last, limit, has_missed = -1, min(end, len(head)) - 12, not runs
    while position <= limit:
        group, number, vr, length = unpack(head, position)
        tag = group << 16 | number
        is_long = kinds.get(vr)
        if tag <= last or is_long is None:
            return None
        if tag in runs:
            run, inside, last_inside = runs[tag]
            if head.startswith(run, position):
                found.update(inside)
                last = last_inside
                position += len(run)
                continue
            has_missed = True
        start = position
        position += 8
        if is_long:
            (length,) = _LONG.unpack_from(head, position)
            position += 4
            if tag == _PIXELS:
                if has_missed:
                    repeats.learn(head, walked, found)
                return (found, position, length) if last < _UNUSUAL else None
            if length == _UNDEFINED:
                position = _skip_sequence(head, position) if vr == b"SQ" else -1
                if position < 0:
                    return None
                length = 0
        if tag in wanted:
            found[tag] = (vr, head[position : position + length])
        last = tag
        position += length
        walked.append((tag, start, position))
    return (found, position, -1) if position == end else None


def _implicit_elements(head: bytes, position: int) -> tuple[Elements, int, int] | None:
    """Walk top-level elements whose kinds only the dictionary tells, up to the pixels."""
    found: Elements = {}
    unpack, wanted = _IMPLICIT.unpack_from, _WANTED
    last, limit = -1, len(head) - 8
    while position <= limit:
        group, number, length = unpack(head, position)
        tag = group << 16 | number
        position += 8
        if tag == _PIXELS:
            return (found, position, length) if last < _UNUSUAL else None
        if tag <= last or length == _UNDEFINED:
            return None
        if tag in wanted:
            found[tag] = (_KINDS[tag], head[position : position + length])
        last = tag
        position += length
    return None


def _skip_sequence(head: bytes, position: int, depth: int = 1) -> int:
    """Return where an explicit sequence of undefined length ends; -1 where that is not plain."""
    if depth > DEEPEST:
        return -1
    while position + 8 <= len(head):
        group, number, length = _IMPLICIT.unpack_from(head, position)
        position += 8
        if (group, number) == (0xFFFE, 0xE0DD):
            return position
        if (group, number) != (0xFFFE, 0xE000):
            return -1
        position = _skip_item(head, position, depth) if length == _UNDEFINED else position + length
        if position < 0:
            return -1
    return -1


def _skip_item(head: bytes, position: int, depth: int) -> int:
    """Return where an item of undefined length ends; -1 where that is not plain."""
    while position + 8 <= len(head):
        group, number, vr, length = _EXPLICIT.unpack_from(head, position)
        position += 8
        if (group, number) == (0xFFFE, 0xE00D):
            return position
        is_long = _IS_LONG.get(vr)
        if is_long is None or position + 4 > len(head):
            return -1
        if is_long:
            (length,) = _LONG.unpack_from(head, position)
            position += 4
            if length == _UNDEFINED:
                position = _skip_sequence(head, position, depth + 1) if vr == b"SQ" else -1
                length = 0
                if position < 0:
                    return -1
        position += length
    return -1


def _text(vr: bytes, raw: bytes) -> str:
    """Return a value as pydicom would write it."""
    code = _BINARY.get(vr)
    if code is None:
        return raw.decode("latin-1").strip(" \0")
    if len(raw) == 2 and code == "H":
        return str(raw[0] | raw[1] << 8)
    count = len(raw) // struct.calcsize(code)
    return "\\".join(map(str, struct.unpack_from(f"<{count}{code}", raw)))

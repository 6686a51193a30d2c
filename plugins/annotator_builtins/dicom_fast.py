"""Headers of plain slices, read from the first bytes of a file without building a dataset.

Understands explicit-VR little-endian files with one native grey frame and nothing unusual before
the pixels. Of everything else it says that it does not understand it, and pydicom reads it.
"""

from __future__ import annotations

import os
import struct

from pydicom.datadict import tag_for_keyword

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

_ELEMENT = struct.Struct("<HH2sH")
_LONG = struct.Struct("<I")
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_BINARY = {b"US": "<%dH", b"FD": "<%dd", b"FL": "<%df", b"UL": "<%dI", b"SS": "<%dh", b"SL": "<%di"}
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")


def _tags(keywords: tuple[str, ...]) -> dict[int, str]:
    return {tag_for_keyword(keyword) or 0: keyword for keyword in keywords}


_WANTED = _tags(LAYOUT_KEYWORDS + PHASE_KEYWORDS + SLICE_KEYWORDS)
_N_FRAMES, _PIXELS, _SYNTAX = 0x00280008, 0x7FE00010, 0x00020010
_TOO_MUCH = frozenset({0x00283000, 0x52009229, 0x52009230, 0x00480006, 0x3004000C})
"""Modality LUT, functional groups, tiles, frame offsets: what needs all of pydicom."""
_LAYOUT_TAGS = tuple(_tags(LAYOUT_KEYWORDS))
_PHASE_TAGS = tuple(_tags(PHASE_KEYWORDS))

Elements = dict[int, tuple[bytes, bytes]]


class HeaderWalker:
    """Reads the headers of many files; layouts that repeat are parsed once."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[tuple[bytes, bytes] | None, ...], Layout] = {}

    def read(self, path: str) -> SliceHeader | None:
        """Return the header of a plain file, or None where pydicom must read it."""
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            head = os.read(descriptor, FIRST_BYTES)
            walked = walk(head)
            if walked is None and len(head) == FIRST_BYTES and head[128:132] == b"DICM":
                walked = walk(head + os.read(descriptor, MOST_BYTES))
            if walked is None:
                return None
            elements, offset, length = walked
            if os.fstat(descriptor).st_size < offset + length:
                return None
        finally:
            os.close(descriptor)
        return self._header(path, elements, offset, length)

    def _header(
        self, path: str, elements: Elements, offset: int, length: int
    ) -> SliceHeader | None:
        layout = self._layout(elements)
        if layout is None or not 0 <= length - layout.frame_bytes <= 1:
            return None
        wanted = _WANTED
        layout_tags = _LAYOUT_SET
        values = {
            wanted[tag]: _text(*raw) for tag, raw in elements.items() if tag not in layout_tags
        }
        return parse_slice(path, layout, values, pixel_offset=offset)

    def _layout(self, elements: Elements) -> Layout | None:
        key = tuple(map(elements.get, _LAYOUT_TAGS))
        layout = self._layouts.get(key)
        if layout is None:
            values = {
                _WANTED[tag]: _text(*elements[tag]) for tag in _LAYOUT_TAGS if tag in elements
            }
            if "Rows" not in values or "Columns" not in values or values.get("Modality") == "SEG":
                return None
            if values.get("PhotometricInterpretation") not in _MONOCHROME:
                return None
            layout = parse_layout(values)
            if layout.samples != 1 or layout.bits_allocated not in (8, 16):
                return None
            self._layouts[key] = layout
        return layout


_LAYOUT_SET = frozenset((*_LAYOUT_TAGS, _N_FRAMES))


def walk(head: bytes) -> tuple[Elements, int, int] | None:
    """Return the wanted elements before the pixels, their offset and length; None if not plain."""
    if head[128:140] != b"DICM\x02\x00\x00\x00UL\x04\x00" or len(head) < 144:
        return None
    meta_end = 144 + _LONG.unpack_from(head, 140)[0]
    meta = _elements(head, 144, meta_end)
    if meta is None:
        return None
    syntax = meta[0].get(_SYNTAX)
    if syntax is None or _text(*syntax) != _EXPLICIT_LITTLE_ENDIAN:
        return None
    body = _elements(head, meta_end, len(head))
    if body is None or body[2] < 0:
        return None
    elements, offset, length = body
    n_frames = elements.pop(_N_FRAMES, None)
    if n_frames is not None and _text(*n_frames) not in ("1", ""):
        return None
    elements[_SYNTAX] = syntax
    return elements, offset, length


def _elements(head: bytes, position: int, end: int) -> tuple[Elements, int, int] | None:
    """Walk top-level elements; ends at the pixels, or at ``end`` with a length of -1."""
    found: Elements = {}
    unpack, wanted, long_vrs, short_vrs = _ELEMENT.unpack_from, _WANTED, _LONG_VRS, _SHORT_VRS
    last, limit = -1, min(end, len(head)) - 8
    while position <= limit:
        group, number, vr, length = unpack(head, position)
        tag = group << 16 | number
        position += 8
        if tag <= last:
            return None
        last = tag
        if vr in short_vrs:
            pass
        elif vr in long_vrs and position <= limit + 4:
            (length,) = _LONG.unpack_from(head, position)
            position += 4
            if length == 0xFFFFFFFF:
                return None
            if tag == _PIXELS:
                return found, position, length
        else:
            return None
        if tag in wanted or tag == _N_FRAMES:
            found[tag] = (vr, head[position : position + length])
        elif group >= 0x5000 or tag in _TOO_MUCH:
            return None
        position += length
    return (found, position, -1) if position == end else None


def _text(vr: bytes, raw: bytes) -> str:
    """Return a value as pydicom would write it."""
    if vr not in _BINARY:
        return raw.decode("latin-1").strip(" \0")
    size = struct.calcsize(_BINARY[vr] % 1)
    count = len(raw) // size
    if count == 1 and vr == b"US":
        return str(raw[0] | raw[1] << 8)
    return "\\".join(map(str, struct.unpack_from(_BINARY[vr] % count, raw)))

"""Whether a volume file holds all the voxels that its header claims, undamaged.

SimpleITK fills what is missing with zeros, or with what lay in memory, and passes over check sums
that are wrong. So a file is held against its header before SimpleITK sees it.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.domain.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annotator_builtins.volume_headers import Payload

MOST_RATIO = 1100
"""No gzip or zlib stream grows more than 1032 times."""
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
_MOST_OUT = 1 << 24
_ANY_HEADER = zlib.MAX_WBITS + 32
"""Has zlib understand its own streams and those of gzip."""


def refuse_cut(payload: Payload) -> None:
    """Refuse a header that claims more voxels than its files can hold, by their sizes alone."""
    share = -(-payload.n_bytes // len(payload.data))
    n_values = share // payload.value_bytes
    for path in payload.data:
        size = os.path.getsize(path)
        before = max(0, payload.offset)
        room = max(0, size - before)
        if payload.encoding == "deflate":
            is_cut = share > room * MOST_RATIO or (payload.stored_bytes or 0) > room
        elif payload.encoding == "text":
            is_cut = 2 * n_values - 1 > room
        else:
            is_cut = share * (2 if payload.encoding == "hex" else 1) > room
        if is_cut:
            raise UnreadableError(_told_cut(payload, path, size, before))


def _told_cut(payload: Payload, path: str, size: int, before: int) -> str:
    sides = " × ".join(f"{side:,}" for side in payload.sides)
    kind = {"raw": "", "deflate": "compressed "}.get(payload.encoding, "text ")
    claimed = f"{payload.n_bytes:,} bytes"
    if payload.stored_bytes:
        claimed += f", compressed to {payload.stored_bytes:,}"
    name = "" if path == payload.path else f" {Path(path).name}"
    held = f"{size:,} bytes" + (f", {before:,} of them before the voxels" if before else "")
    return (
        f"the header claims {sides} voxels ({claimed}), but the {kind}file{name} "
        f"has only {held}: it is cut off or damaged"
    )


def refuse_damaged(payload: Payload) -> None:
    """Refuse voxels that are not all there, or whose check sum is wrong: reads all of them."""
    refuse_cut(payload)
    share = -(-payload.n_bytes // len(payload.data))
    for path in payload.data:
        if payload.encoding == "deflate":
            wanted = share + max(0, payload.inner_offset)
            present, what = _inflated_bytes(payload, path), "bytes"
        elif payload.encoding == "text":
            wanted, what = share // payload.value_bytes, "values"
            present = _n_values(payload, path)
        else:
            continue
        if present < wanted:
            raise UnreadableError(
                f"{Path(path).name} holds {present:,} of the {wanted:,} {what} that the header "
                "claims: it is cut off or damaged"
            )


def _n_values(payload: Payload, path: str) -> int:
    """Return how many numbers a text holds; MetaIO reads the last only where something follows."""
    is_meta = payload.path.lower().endswith((".mha", ".mhd"))
    end = rb"(?=[\s,])" if is_meta else rb"(?=[\s,]|$)"
    with open(path, "rb") as stream:
        stream.seek(max(0, payload.offset))
        return len(re.findall(rb"(?:[-+.\deE]+|(?i:[-+]?nan|[-+]?inf))" + end, stream.read()))


def _inflated_bytes(payload: Payload, path: str) -> int:
    """Return how many bytes a gzip or zlib stream gives; refuses one that is cut or damaged."""
    joins = not payload.path.lower().endswith((".mha", ".mhd"))
    n_bytes = 0
    unpacker = zlib.decompressobj(_ANY_HEADER)
    try:
        for chunk in _chunks(path, max(0, payload.offset), payload.stored_bytes):
            data = chunk
            while data:
                if unpacker.eof:
                    if not joins or not data.startswith(_GZIP[: len(data)]):
                        return n_bytes
                    unpacker = zlib.decompressobj(_ANY_HEADER)
                n_bytes += len(unpacker.decompress(data, _MOST_OUT))
                data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    except zlib.error as error:
        words = str(error).partition("decompressing data: ")[2] or str(error)
        raise UnreadableError(f"the compressed voxels are damaged: {words}") from error
    if not unpacker.eof:
        raise UnreadableError("the compressed voxels are cut off: the end of the stream is missing")
    return n_bytes


def _chunks(path: str, offset: int, n_bytes: int | None) -> Iterator[bytes]:
    with open(path, "rb") as stream:
        stream.seek(offset)
        left = os.path.getsize(path) if n_bytes is None else n_bytes
        while left > 0 and (chunk := stream.read(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk

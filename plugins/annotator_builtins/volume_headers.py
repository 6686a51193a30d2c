"""Where the voxels of NIfTI, NRRD and MetaImage files lie, by our own reading of their headers."""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from annotator.domain.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Encoding = Literal["raw", "deflate", "text", "hex"]
AT_THE_END = -1
"""In place of an offset: the voxels are the last bytes of the file."""
MOST_HEADER_BYTES = 1 << 24
MOST_FILES = 100_000
_NIFTI_BYTES = {
    2: 1, 4: 2, 8: 4, 16: 4, 32: 8, 64: 8, 128: 3, 256: 1, 512: 2, 768: 4, 1024: 8, 1280: 8,
    1536: 16, 1792: 16, 2048: 32, 2304: 4,
}  # fmt: skip
"""Bytes of a voxel by NIfTI's code of its type."""
_META_BYTES = {
    "CHAR": 1, "UCHAR": 1, "SHORT": 2, "USHORT": 2, "INT": 4, "UINT": 4, "LONG": 4, "ULONG": 4,
    "LONG_LONG": 8, "ULONG_LONG": 8, "FLOAT": 4, "DOUBLE": 8,
}  # fmt: skip
_NRRD_BYTES = {
    "char": 1, "int8": 1, "int8_t": 1, "uchar": 1, "uint8": 1, "uint8_t": 1,
    "short": 2, "short int": 2, "int16": 2, "int16_t": 2, "ushort": 2, "uint16": 2, "uint16_t": 2,
    "int": 4, "int32": 4, "int32_t": 4, "uint": 4, "uint32": 4, "uint32_t": 4, "float": 4,
    "longlong": 8, "long long": 8, "long long int": 8, "int64": 8, "int64_t": 8,
    "ulonglong": 8, "uint64": 8, "uint64_t": 8, "double": 8,
}  # fmt: skip
"""Bytes by NRRD's names of types, those that begin with (un)signed without that word."""
_NRRD_ENCODINGS: dict[str, Encoding] = {
    "raw": "raw", "gz": "deflate", "gzip": "deflate", "txt": "text", "text": "text",
    "ascii": "text", "hex": "hex",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """Where the voxels of a volume lie.

    Attributes
    ----------
    path : str
        The file that was given, with the header.
    data : tuple of str
        The files that hold the voxels, in order, each the same share of them.
    sides : tuple of int
        Values along each axis, as the header claims.
    value_bytes : int
        Bytes of one value.
    offset : int
        Bytes of each file before its share, or AT_THE_END.
    inner_offset : int
        The same for what decompression gives.
    stored_bytes : int or None
        Length of the compressed stream, where the header says it.
    says_spacing : bool
        Whether the header gives the size of a voxel.
    """

    path: str
    data: tuple[str, ...]
    sides: tuple[int, ...]
    value_bytes: int
    offset: int = 0
    inner_offset: int = 0
    stored_bytes: int | None = None
    encoding: Encoding = "raw"
    says_spacing: bool = True

    @property
    def n_bytes(self) -> int:
        """Bytes that all voxels take, uncompressed."""
        return math.prod(self.sides) * self.value_bytes


def read_payload(path: str) -> Payload:
    """Read where the voxels of a file lie; raises UnreadableError in words, or OSError."""
    name = path.lower()
    if name.endswith((".nii", ".nii.gz")):
        return _nifti(path)
    with open(path, "rb") as stream:
        return _nrrd(path, stream) if name.endswith((".nrrd", ".nhdr")) else _meta(path, stream)


def _nifti(path: str) -> Payload:
    with open(path, "rb") as stream:
        head = stream.read(544)
    is_gzip = head[:2] == b"\x1f\x8b"
    if is_gzip and not path.lower().endswith(".gz"):
        raise UnreadableError("it is compressed by gzip: give it a name that ends in .nii.gz")
    if is_gzip:
        try:
            with gzip.open(path) as unpacked:
                head = unpacked.read(544)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UnreadableError(f"the compressed file is cut off or damaged: {error}") from error
    sizes = {struct.unpack(order + "i", head[:4])[0]: order for order in "<>" if len(head) >= 4}
    size = 540 if 540 in sizes else 348
    if size not in sizes or len(head) < size:
        raise UnreadableError("not a NIfTI file, or cut off within its header")
    order = sizes[size]
    if size == 540:
        kind, bits = struct.unpack_from(order + "hh", head, 12)
        steps = struct.unpack_from(order + "3d", head, 112)
        n, *dims = struct.unpack_from(order + "8q", head, 16)
        (offset,) = struct.unpack_from(order + "q", head, 168)
    else:
        n, *dims = struct.unpack_from(order + "8h", head, 40)
        kind, bits = struct.unpack_from(order + "hh", head, 70)
        steps = struct.unpack_from(order + "3f", head, 80)
        (place,) = struct.unpack_from(order + "f", head, 108)
        offset = int(place) if math.isfinite(place) else 0
    if not 1 <= n <= 7 or min(dims[:n]) < 1:
        raise UnreadableError("not a NIfTI file, or its header is damaged: it gives no size")
    value_bytes = _NIFTI_BYTES.get(kind, bits // 8)
    if value_bytes < 1:
        raise UnreadableError(f"its voxels are of NIfTI's type {kind}, which cannot be read")
    return Payload(
        path=path,
        data=(path,),
        sides=tuple(dims[:n]),
        value_bytes=value_bytes,
        offset=0 if is_gzip else max(offset, size),
        inner_offset=max(offset, size) if is_gzip else 0,
        encoding="deflate" if is_gzip else "raw",
        says_spacing=all(steps[:n]),
    )


def _meta(path: str, stream: BinaryIO) -> Payload:
    """Read a MetaImage header, which ends with the line that says where the voxels are."""
    found: dict[str, str] = {}
    for line in _lines(stream):
        key, _, value = line.replace(":", "=", 1).partition("=")
        found[key.strip()] = value.strip()
        if "ElementDataFile" in found:
            break
    else:
        raise UnreadableError(
            "not a MetaImage, or cut off within its header: it does not say where its voxels are "
            "(ElementDataFile)"
        )
    sides = _whole_numbers(found.get("DimSize", ""))
    kind = found.get("ElementType", "").removeprefix("MET_").removesuffix("_ARRAY")
    if not sides or kind not in _META_BYTES or found.get("NDims") != str(len(sides)):
        said = ", ".join(f"{key} {found.get(key)!r}" for key in ("NDims", "DimSize", "ElementType"))
        raise UnreadableError(f"the header of the MetaImage gives no size or type: it says {said}")
    channels = _whole_numbers(found.get("ElementNumberOfChannels", "")) or (1,)
    named, is_local = found["ElementDataFile"], found["ElementDataFile"].upper() == "LOCAL"
    is_compressed = found.get("CompressedData", "")[:1] in ("T", "t", "1")
    stored = _whole_numbers(found.get("CompressedDataSize", ""))
    if is_compressed and is_local and not stored:
        raise UnreadableError(
            "its voxels are compressed, and the header does not say in how many bytes "
            "(CompressedDataSize)"
        )
    before = stream.tell() if is_local else 0
    data = (path,) if is_local else _meta_files(path, named, stream, sides)
    skipped = found.get("HeaderSize", "0")
    is_text = found.get("BinaryData", "True")[:1] not in ("T", "t", "1")
    return Payload(
        path=path,
        data=data,
        sides=(*sides, channels[0]) if channels[0] > 1 else sides,
        value_bytes=_META_BYTES[kind],
        offset=AT_THE_END if skipped.startswith("-") else _first(skipped) or before,
        stored_bytes=stored[0] if stored and len(data) == 1 else None,
        encoding="deflate" if is_compressed else "text" if is_text else "raw",
        says_spacing=not {"ElementSpacing", "ElementSize"}.isdisjoint(found),
    )


def _meta_files(path: str, named: str, stream: BinaryIO, sides: Sequence[int]) -> tuple[str, ...]:
    if named.upper().startswith("LIST"):
        return _beside(path, filter(None, map(str.strip, _lines(stream))))
    pattern, *bounds = named.split() or [""]
    if "%" not in pattern:
        return _beside(path, [named])
    given = tuple(map(_first, bounds))
    first, last, step = (*given, *(1, sides[-1], 1)[len(given) :])[:3]
    return _beside(path, _numbered(pattern, first, last, step))


def _nrrd(path: str, stream: BinaryIO) -> Payload:
    """Read an NRRD header, which ends with an empty line or, beside its data, with the file."""
    lines = _lines(stream)
    if not next(lines, "").startswith("NRRD"):
        raise UnreadableError("not an NRRD file, in spite of its name")
    found: dict[str, str] = {}
    is_ended = False
    for line in lines:
        key, separator, value = line.partition(": ")
        if separator and not line.startswith("#") and ":=" not in key:
            found[key.strip().lower().replace(" ", "")] = value.strip()
        is_ended = not line.strip()
        if is_ended or found.get("datafile", "").upper().startswith("LIST"):
            break
    named = found.get("datafile", "")
    sides = _whole_numbers(found.get("sizes", ""))
    kind = found.get("type", "").lower()
    kind = kind if kind in _NRRD_BYTES else kind.partition("signed ")[2]
    if not sides or kind not in _NRRD_BYTES or not (is_ended or named):
        raise UnreadableError(
            "not an NRRD file, or its header is cut off: it gives no size or type"
        )
    encoding = found.get("encoding", "").lower()
    if encoding not in _NRRD_ENCODINGS:
        known = ", ".join(_NRRD_ENCODINGS)
        raise UnreadableError(f"its encoding is {encoding!r}; encodings that can be read: {known}")
    data = _nrrd_files(path, named, stream) if named else (path,)
    offset = 0 if named else stream.tell()
    if _first(found.get("lineskip", "0")):
        offset = _after_lines(data[0], offset, _first(found["lineskip"]))
    skipped = found.get("byteskip", "0")
    inner = AT_THE_END if skipped.startswith("-") else _first(skipped)
    is_deflated = _NRRD_ENCODINGS[encoding] == "deflate"
    return Payload(
        path=path,
        data=data,
        sides=sides,
        value_bytes=_NRRD_BYTES[kind],
        offset=offset if is_deflated else AT_THE_END if inner < 0 else offset + inner,
        inner_offset=inner if is_deflated else 0,
        encoding=_NRRD_ENCODINGS[encoding],
        says_spacing=not {"spacings", "spacedirections"}.isdisjoint(found),
    )


def _nrrd_files(path: str, named: str, stream: BinaryIO) -> tuple[str, ...]:
    if named.upper().startswith("LIST"):
        return _beside(path, filter(None, map(str.strip, _lines(stream))))
    pattern, *bounds = named.split()
    given = [int(word) for word in bounds if word.removeprefix("-").isdecimal()]
    if "%" not in pattern or len(given) < 3:
        return _beside(path, [named])
    return _beside(path, _numbered(pattern, *given[:3]))


def _numbered(pattern: str, first: int, last: int, step: int) -> Iterator[str]:
    """Give the names of files that are numbered in a row."""
    if not step or not re.fullmatch(r"[^%]*%\d{0,2}[diu][^%]*", pattern):
        raise UnreadableError(f"its voxels should be in files named {pattern!r}, which is no name")
    for number in range(first, last + (1 if step > 0 else -1), step):
        yield pattern % number


def _beside(path: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the data files that a header names; refuses one that is not there."""
    found: list[str] = []
    for name in names:
        data = Path(path).parent / name
        if not data.is_file():
            raise UnreadableError(f"its voxels should be in {name}, which is not beside it")
        if len(found) == MOST_FILES:
            raise UnreadableError(f"its voxels are in more than {MOST_FILES:,} files")
        found.append(str(data))
    if not found:
        raise UnreadableError("the header names no file that holds its voxels")
    return tuple(found)


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Give the lines of a text header; ``stream`` stands behind the one that was given."""
    while stream.tell() < MOST_HEADER_BYTES:
        line = stream.readline(MOST_HEADER_BYTES)
        if not line:
            return
        yield line.decode("latin-1").rstrip("\r\n")


def _after_lines(path: str, offset: int, n_lines: int) -> int:
    """Return where in a file the line after ``n_lines`` lines begins."""
    with open(path, "rb") as stream:
        stream.seek(offset)
        for _ in range(n_lines):
            if not stream.readline():
                break
        return stream.tell()


def _whole_numbers(text: str) -> tuple[int, ...]:
    """Parse whole numbers above 0; empty where there is anything else."""
    words = text.split()
    values = tuple(int(word) for word in words if re.fullmatch(r"0*[1-9][0-9]{0,17}", word))
    return values if len(values) == len(words) else ()


def _first(text: str) -> int:
    """Parse the first whole number of a text, 0 where there is none."""
    return next(iter(_whole_numbers(text.split(" ", 1)[0])), 0)

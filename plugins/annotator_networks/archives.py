"""Archives that strangers made: looked over before anything of them is unpacked or loaded."""

from __future__ import annotations

import struct
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_MEMBERS = 100_000
_MOST_GROWTH = 20
"""Weights hardly compress: an archive that grows more often than this is no network's."""
_ALWAYS_ALLOWED = 64 << 20
_DAMAGED = (
    zipfile.BadZipFile,
    NotImplementedError,
    EOFError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What zipfile raises on archives that are damaged in one way or another."""
_TAIL = 22
"""Length of the record that ends a zip archive without a comment."""


def members_of(path: Path) -> frozenset[str]:
    """Return the names in a zip archive, none where it is no archive; never raises."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                return frozenset()
        with zipfile.ZipFile(path) as archive:
            return frozenset(archive.namelist())
    except (OSError, *_DAMAGED):
        return frozenset()


@contextmanager
def checked_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive after its table of contents was looked over.

    Raises AnnotatorError where it is damaged, leads out of itself, says a name twice, grows
    beyond reason when it is unpacked, or could be read in two ways.
    """
    try:
        with path.open("rb") as file:
            starts_well = file.read(4) == b"PK\x03\x04"
            file.seek(-min(_TAIL, path.stat().st_size), 2)
            ends_well = file.read(4) == b"PK\x05\x06"
        if not (starts_well and ends_well):
            raise AnnotatorError(
                f"{path.name} is refused: it is no whole zip archive, as such a network is; it may "
                "be cut short, or have something before or after the archive"
            )
        with zipfile.ZipFile(path) as archive:
            _look_over(archive, path)
            yield archive
    except _DAMAGED as error:
        raise AnnotatorError(f"{path.name} is refused: the archive is damaged ({error})") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise AnnotatorError(f"{path.name} cannot be read: {reason}") from error


def _look_over(archive: zipfile.ZipFile, path: Path) -> None:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(entries) > _MOST_MEMBERS:
        raise AnnotatorError(f"{path.name} is refused: it holds {len(entries)} files")
    # PyTorch finds its files without regard to capitals, and under one folder.
    if len({name.casefold() for name in names}) != len(names):
        raise AnnotatorError(f"{path.name} is refused: it holds two files of the same name")
    if len({PurePosixPath(name).parts[:1] for name in names}) > 1:
        raise AnnotatorError(f"{path.name} is refused: it holds more than one folder")
    for entry in entries:
        inside = PurePosixPath(entry.filename)
        if inside.is_absolute() or ".." in inside.parts or "\\" in entry.filename:
            raise AnnotatorError(
                f"{path.name} is refused: its file {entry.filename!r} leads out of the archive"
            )
        if entry.flag_bits & 1:
            raise AnnotatorError(f"{path.name} is refused: {entry.filename!r} is encrypted")
    size = path.stat().st_size
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > _ALWAYS_ALLOWED + _MOST_GROWTH * size:
        raise AnnotatorError(
            f"{path.name} is refused: its {size} bytes would unpack to {unpacked}; "
            "a network's weights hardly shrink, so this is none"
        )

"""Slides: pictures too large to be held. Their own files are kept, and read by regions."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from annotator.api.readers import StudyReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from annotator.analysis.pyramid import Pyramid
    from annotator.api.progress import Progress

_BLOCK = 8 << 20
"""Bytes that are read at a time."""
SOURCE = "source"
"""Folder of the kept files as they were; what stands beside it was made from them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideFile:
    """A file of a slide, and what is kept of it.

    Attributes
    ----------
    path : str
        Where it lies.
    name : str
        What it is kept as, with ``/`` between folders.
    blanked : tuple of tuple of int
        Half-open ranges of bytes, ascending, that are kept as zeros: pictures that are no part of
        the slide, such as that of its label with the patient's name.
    """

    path: str
    name: str
    blanked: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlideFiles:
    """What is kept of a slide.

    ``add_levels`` puts levels that the files lack beside them, in the folder that is given: it
    holds them as ``source``. None where nothing lacks.
    """

    files: tuple[SlideFile, ...]
    add_levels: Callable[[Path, Progress], None] | None = None


class SlideReader(StudyReader, Protocol):
    """A reader whose series may be slides."""

    def open_slide(self, directory: Path) -> Pyramid:
        """Open what was kept of a slide, ``source`` and what was put beside it.

        Raises UnreadableError.
        """
        ...


def slide_digest(
    files: Sequence[SlideFile], progress: Progress, *, target: Path | None = None
) -> str:
    """Return the SHA-256 over the names and the kept bytes of files, in the order of their names.

    Writes them below ``target`` where that is given. Raises OSError, and what ``progress`` raises.
    """
    ordered = sorted(files, key=lambda file: file.name)
    sizes = [Path(file.path).stat().st_size for file in ordered]
    n_bytes, n_done = max(1, sum(sizes)), 0
    whole = hashlib.sha256()
    word = "Reading" if target is None else "Keeping"
    for file in ordered:
        own = hashlib.sha256()
        out = None
        if target is not None:
            place = target.joinpath(*file.name.split("/"))
            place.parent.mkdir(parents=True, exist_ok=True)
            out = place.open("xb")
        try:
            for block in _kept_blocks(file):
                own.update(block)
                if out is not None:
                    out.write(block)
                n_done += len(block)
                progress(min(1.0, n_done / n_bytes), f"{word} {Path(file.path).name}")
            if out is not None:
                out.flush()
                os.fsync(out.fileno())
        finally:
            if out is not None:
                out.close()
        whole.update(f"{file.name}\n{own.hexdigest()}\n".encode())
    return whole.hexdigest()


def _kept_blocks(file: SlideFile) -> Iterator[bytes]:
    start = 0
    with Path(file.path).open("rb") as source:
        while block := source.read(_BLOCK):
            stop = start + len(block)
            for low, high in file.blanked:
                if low < stop and high > start:
                    first, last = max(low, start) - start, min(high, stop) - start
                    block = block[:first] + bytes(last - first) + block[last:]
            yield block
            start = stop

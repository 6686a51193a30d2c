"""A reader of numbers, files for it, and jobs in a project's queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.api import (
    FoundSeries,
    ReadSeries,
    ScanResult,
    Skipped,
    series_id,
)
from annotator.domain.errors import UnreadableError
from annotator.domain.geometry import Geometry
from annotator.domain.study import Series

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annotator.api import Progress
    from annotator.session.session import Session


class TextReader:
    """Reads ``.num`` files: one slice with the number in the file as its value."""

    name = "numbers"

    def scan(self, paths: Sequence[Path], progress: Progress) -> ScanResult:
        found, skipped = [], []
        for path in paths:
            if path.suffix != ".num":
                continue
            if not path.stat().st_size:
                skipped.append(Skipped(path=str(path), reason="the file is empty"))
                continue
            found.append(self._found(path))
        return ScanResult(found=tuple(found), skipped=tuple(skipped))

    def _found(self, path: Path) -> FoundSeries:
        def read(progress: Progress) -> ReadSeries:
            text = path.read_text()
            if not text.isdigit():
                raise UnreadableError(f"{text!r} is not a number")
            if text == "666":
                raise RuntimeError("a bug")
            voxels = np.full((1, 4, 4), int(text), np.int16)
            geometry = Geometry(shape=(1, 4, 4))
            return ReadSeries(
                series=Series(
                    series_id=series_id(geometry, voxels),
                    kind="picture",
                    modality="OT",
                    description="",
                    geometry=geometry,
                    dtype="int16",
                ),
                voxels=voxels,
            )

        return FoundSeries(
            title=path.stem,
            paths=(str(path),),
            read=read,
            first_slice=lambda: np.zeros((4, 4), np.int16),
        )


def files_in(directory: Path, **contents: str) -> Path:
    """Write files into a directory; two underscores of a name stand for its dot."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (directory / name.replace("__", ".")).write_text(text)
    return directory


def submit(session: Session, kind: str, **parameters: object) -> int:
    """Queue a job that nobody works on yet."""
    return session.store.add_job(kind, parameters, actor="system").job_id

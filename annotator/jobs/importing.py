"""Files become cases: one for every series that a reader finds."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.api import FOLDER_MARKS, Skipped
from annotator.domain.errors import AnnotatorError, CancelledError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api import FoundSeries, Progress, ReadSeries, StudyReader
    from annotator.domain.study import Case, Reads
    from annotator.registry import Registry
    from annotator.store import Store

SCAN_SHARE = 0.2
"""Part of the progress that looking through the files takes."""
NOT_AN_IMAGE = "not an image format this program reads"
A_TRACING = "a tracing, no image: add it to a traced case with annotator add-tracing"
_SPECIAL = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import made: the cases, those of them that are new, and what it left out."""

    cases: tuple[Case, ...]
    new_case_ids: frozenset[str]
    skipped: tuple[Skipped, ...]


def import_paths(
    store: Store,
    registry: Registry,
    paths: Sequence[str | Path],
    progress: Progress,
    *,
    reads: Reads = "mask",
    actor: str,
) -> ImportReport:
    """Import files and directories of mixed content; one bad series does not stop the others.

    ``reads`` says what is read on the cases; the same image read in another way is another case.

    Raises AnnotatorError where a path does not exist or the project cannot be written to.
    """
    files, skipped = list_files(paths)
    found, more = scan_files(
        registry.readers(), files, progress, broken=registry.broken_at("readers")
    )
    skipped.extend(more)
    before = {case.case_id for case in store.every_case()}
    cases: dict[str, Case] = {}
    sources: dict[str, str] = {}
    for number, entry in enumerate(found):
        start = SCAN_SHARE + (1 - SCAN_SHARE) * number / len(found)
        share = (1 - SCAN_SHARE) / len(found)

        def report(
            fraction: float, message: str, *, start: float = start, share: float = share
        ) -> None:
            progress(start + share * fraction, message)

        report(0.0, f"reading {entry.title}")
        content = _read(entry, report)
        if isinstance(content, Skipped):
            skipped.append(content)
            continue
        case = _keep(store, entry, content, reads, report, actor)
        path = _common_path(entry.paths)
        if case.case_id in cases:
            same = f"the same image as {sources[case.case_id]}, the case {case.title!r}"
            skipped.append(Skipped(path=path, reason=_of_files(entry, same)))
            continue
        cases[case.case_id] = case
        sources[case.case_id] = path
    progress(1.0, f"{len(cases)} cases")
    return ImportReport(
        cases=tuple(cases.values()),
        new_case_ids=frozenset(set(cases) - before),
        skipped=tuple(sorted(skipped, key=lambda entry: entry.path)),
    )


def list_files(paths: Sequence[str | Path]) -> tuple[list[Path], list[Skipped]]:
    """Return the regular files behind paths, sorted, and what cannot be looked into, with reasons.

    Pipes, sockets and devices are among the latter: reading from one could wait for ever. Hidden
    files and directories (``.git``, ``.DS_Store``) inside a directory are passed over. A folder
    that is one picture stands among the files as it is.
    """
    if not paths:
        raise AnnotatorError("nothing to import: name at least one file or directory")
    files: dict[Path, None] = {}
    skipped: list[Skipped] = []

    def take(path: Path) -> None:
        reason = _why_no_file(path)
        if reason is None:
            files[path] = None
        else:
            skipped.append(Skipped(path=str(path), reason=reason))

    def complain(error: OSError) -> None:
        skipped.append(Skipped(path=str(error.filename), reason=_reason(error)))

    for given in paths:
        path = Path(given).expanduser().absolute()
        if is_one_picture(path):
            files[path] = None
        elif path.is_dir():
            for directory, names, own in os.walk(path, onerror=complain):
                names[:] = sorted(name for name in names if not name.startswith("."))
                pictures = [name for name in names if is_one_picture(Path(directory, name))]
                files.update((Path(directory, name), None) for name in pictures)
                names[:] = [name for name in names if name not in pictures]
                for name in sorted(own):
                    if not name.startswith("."):
                        take(Path(directory, name))
        elif path.exists():
            take(path)
        else:
            raise AnnotatorError(f"there is no file or directory {str(given)!r}")
    return list(files), skipped


def scan_files(
    readers: Sequence[StudyReader],
    files: Sequence[Path],
    progress: Progress,
    *,
    broken: Sequence[tuple[str, str]] = (),
) -> tuple[list[FoundSeries], list[Skipped]]:
    """Offer the files to each reader in turn; what one claims is not offered to the next.

    ``broken`` names the plugins that could not be asked, with reasons: one of them might have known
    what is left.
    """
    left = list(files)
    found: list[FoundSeries] = []
    skipped: list[Skipped] = []
    failures: list[str] = []
    for number, reader in enumerate(readers):

        def report(fraction: float, message: str, *, number: int = number) -> None:
            progress(SCAN_SHARE * (number + fraction) / len(readers), message)

        report(0.0, f"looking through {len(left)} files")
        try:
            result = reader.scan(tuple(left), report)
        except CancelledError:
            raise
        except Exception as error:  # a reader may not stop the others
            failures.append(f"the reader {reader.name!r} failed: {_reason(error)}")
            continue
        found.extend(result.found)
        skipped.extend(result.skipped)
        claimed = {path for entry in result.found for path in entry.paths}
        claimed.update(entry.path for entry in result.skipped)
        left = [path for path in left if str(path) not in claimed]
    failures.extend(not_asked(broken))
    reason = "; ".join((NOT_AN_IMAGE, *failures))
    skipped.extend(
        Skipped(path=str(path), reason=A_TRACING if path.suffix.lower() == ".swc" else reason)
        for path in left
    )
    return found, skipped


def not_asked(broken: Sequence[tuple[str, str]]) -> list[str]:
    """Return in words which plugins could not be asked, and why."""
    return [f"the plugin {name!r} could not be asked: {why}" for name, why in broken]


def _read(entry: FoundSeries, progress: Progress) -> ReadSeries | Skipped:
    try:
        return entry.read(progress)
    except CancelledError:
        raise
    except Exception as error:  # one bad series may not stop the others
        return Skipped(path=_common_path(entry.paths), reason=_of_files(entry, _reason(error)))


def _keep(
    store: Store,
    entry: FoundSeries,
    content: ReadSeries,
    reads: Reads,
    progress: Progress,
    actor: str,
) -> Case:
    if content.slide is not None and reads != "mask":
        raise AnnotatorError(f"{entry.title} is a slide: neurons are traced in smaller images")
    try:
        if content.slide is not None:
            store.add_slide(content.series, content.slide, progress, actor=actor)
        else:
            store.add_series(content.series, np.asarray(content.voxels), actor=actor)
        return store.add_case(entry.title, [content.series.series_id], reads=reads, actor=actor)
    except OSError as error:
        raise AnnotatorError(
            f"cannot keep {entry.title} in the project {store.location}: {_reason(error)}"
        ) from error


def is_one_picture(path: Path) -> bool:
    """Whether a path is a folder that readers are given whole: an OME-Zarr picture, for one."""
    return path.is_dir() and any((path / mark).is_file() for mark in FOLDER_MARKS)


def _why_no_file(path: Path) -> str | None:
    """Say why a path is no file that can be read to its end, or None; opens nothing."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return (
            f"a link that leads nowhere: {_reason(error)}" if path.is_symlink() else _reason(error)
        )
    if stat.S_ISREG(mode):
        return None
    kind = next((words for is_kind, words in _SPECIAL if is_kind(mode)), "something special")
    return f"{kind}, not a file"


def _of_files(entry: FoundSeries, reason: str) -> str:
    n_files = len(entry.paths)
    return reason if n_files == 1 else f"{entry.title} ({n_files} files): {reason}"


def _common_path(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else os.path.commonpath(paths)


def _reason(error: Exception) -> str:
    if isinstance(error, AnnotatorError):
        return str(error)
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return f"{type(error).__name__}: {error}"

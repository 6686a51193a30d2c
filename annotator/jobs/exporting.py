"""Everything that leaves a project: masks and tables, each read back before it counts as done."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from annotator import __version__
from annotator.api import checked_file
from annotator.domain.errors import AnnotatorError, UnknownNameError, UnsuitableError
from annotator.file_names import case_stems
from annotator.jobs.export_items import items_of_case
from annotator.jobs.export_tables import tables_of
from annotator.jobs.table_files import write_csv, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from annotator.api import MaskForExport, Progress
    from annotator.registry import Registry
    from annotator.store import Store

    _Write = Callable[
        [Store, Registry, Path, str, Sequence[str] | None, Progress],
        Iterator["ExportedFile | NotExported"],
    ]

TABLE_FORMATS = ("csv", "json")
TRACING_FORMAT = "swc"
MARK_FORMAT = "mrk.json"
MANIFEST = "manifest.json"
NO_SLIDES = "a slide is too large for this format; export it as ome-tiff"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """One file that was written, read back and found equal.

    ``role`` is ``reading``, ``fused``, ``adjudicated`` or ``table``; ``content_id`` the id of the
    annotation, fusion, adjudication or signed-off tracing; empty for tables, which hold several.
    """

    name: str
    role: str
    case_id: str = ""
    creator: str = ""
    content_id: str = ""
    sha256: str = ""
    n_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotExported:
    """A mask that the format cannot hold, and why, in words."""

    case_id: str
    title: str
    role: str
    creator: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What an export wrote and what it left out."""

    directory: Path
    files: tuple[ExportedFile, ...]
    skipped: tuple[NotExported, ...]


def export_project(
    store: Store,
    registry: Registry,
    directory: Path,
    format_name: str,
    case_ids: Sequence[str] | None,
    progress: Progress,
) -> ExportReport:
    """Write the chosen cases, or all, in one format, and a manifest of what was written.

    A mask that the format cannot hold is listed as skipped; any other failure raises
    AnnotatorError, with what was written before still there and named in the manifest.
    """
    formats = export_formats(registry)
    if format_name not in formats:
        raise UnknownNameError("export format", format_name, formats)
    make_directory(directory)
    files: list[ExportedFile] = []
    skipped: list[NotExported] = []
    try:
        for entry in _writer(format_name)(
            store, registry, directory, format_name, case_ids, progress
        ):
            if isinstance(entry, ExportedFile):
                files.append(entry)
            else:
                skipped.append(entry)
    finally:
        if files:
            _write_manifest(store, directory, files)
    progress(1.0, f"{len(files)} files written")
    return ExportReport(directory=directory, files=tuple(files), skipped=tuple(skipped))


def _writer(format_name: str) -> _Write:
    if format_name == TRACING_FORMAT:
        return _write_tracings
    if format_name == MARK_FORMAT:
        return _write_marks
    return _write_tables if format_name in TABLE_FORMATS else _write_masks


def export_formats(registry: Registry) -> tuple[str, ...]:
    """Return the formats that can be written: masks by plugins, tables, tracings, marks."""
    masks = (writer.name for writer in registry.mask_writers())
    return (*masks, *TABLE_FORMATS, TRACING_FORMAT, MARK_FORMAT)


def make_directory(directory: Path) -> None:
    """Make a directory to export to; raises AnnotatorError in words."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise AnnotatorError(f"cannot export to {directory}: it is a file") from error
    except OSError as error:
        raise AnnotatorError(f"cannot export to {directory}: {error.strerror or error}") from error


def _write_masks(
    store: Store,
    registry: Registry,
    directory: Path,
    format_name: str,
    case_ids: Sequence[str] | None,
    progress: Progress,
) -> Iterator[ExportedFile | NotExported]:
    writer = registry.mask_writer(format_name)
    stems = case_stems(store.cases())
    cases = store.cases() if case_ids is None else [store.study_case(given) for given in case_ids]
    for number, case in enumerate(cases):
        progress(number / len(cases), f"exporting {case.title}")
        for stem, item in items_of_case(store, registry, case, stems[case.case_id]):
            progress(number / len(cases), f"exporting {case.title}: {item.creator}")
            if item.series.slide is not None and not getattr(writer, "writes_slides", False):
                yield _left_out(item, NO_SLIDES)
                continue
            try:
                paths = writer.write(item, directory, stem)
            except UnsuitableError as error:
                yield _left_out(item, str(error))
                continue
            for path in paths:
                yield _described(path, item)


def _described(path: Path, item: MaskForExport) -> ExportedFile:
    return _hashed(
        path,
        ExportedFile(
            name=path.name,
            role=item.role,
            case_id=item.case.case_id,
            creator=item.creator,
            content_id=item.content_id,
        ),
    )


def _left_out(item: MaskForExport, reason: str) -> NotExported:
    return NotExported(
        case_id=item.case.case_id,
        title=item.case.title,
        role=item.role,
        creator=item.creator,
        reason=reason,
    )


def _write_tables(
    store: Store,
    _: Registry,
    directory: Path,
    format_name: str,
    case_ids: Sequence[str] | None,
    progress: Progress,
) -> Iterator[ExportedFile]:
    tables = tables_of(store, case_ids, progress)
    if format_name == "json":
        paths = [write_json(directory / "project.json", store.project(), tables)]
    else:
        paths = [write_csv(directory / f"{name}.csv", rows) for name, rows in tables.items()]
    for path in paths:
        yield _hashed(path, ExportedFile(name=path.name, role="table"))


def _write_tracings(
    store: Store,
    _: Registry,
    directory: Path,
    format_name: str,
    case_ids: Sequence[str] | None,
    progress: Progress,
) -> Iterator[ExportedFile]:
    from annotator.jobs.trace_exporting import write_tracings  # masks need none of it

    for path, entry in write_tracings(store, directory, case_ids, progress):
        yield _hashed(path, entry)


def _write_marks(
    store: Store,
    _: Registry,
    directory: Path,
    format_name: str,
    case_ids: Sequence[str] | None,
    progress: Progress,
) -> Iterator[ExportedFile | NotExported]:
    from annotator.jobs.mark_exporting import write_case_marks  # masks need none of it

    for written in write_case_marks(store, directory, case_ids, progress):
        yield written if isinstance(written, NotExported) else _hashed(*written)


def _hashed(path: Path, entry: ExportedFile) -> ExportedFile:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return replace(entry, sha256=digest.hexdigest(), n_bytes=path.stat().st_size)


def _write_manifest(store: Store, directory: Path, files: Sequence[ExportedFile]) -> None:
    """Write the manifest; files of earlier exports from this project stay listed in it."""
    project = store.project()
    path = directory / MANIFEST
    written = {entry.name: asdict(entry) for entry in files}
    for entry in _listed_before(path, project.project_id):
        name = str(entry["name"])
        if name not in written and (directory / name).is_file():
            written[name] = entry
    content = {
        "project_id": project.project_id,
        "title": project.title,
        "annotator": __version__,
        "files": [written[name] for name in sorted(written)],
    }
    with checked_file(path) as part:
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        part.write_text(text, encoding="utf-8")


def _listed_before(path: Path, project_id: str) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        is_ours = content["project_id"] == project_id
        return [entry for entry in content["files"] if is_ours and "name" in entry]
    except (OSError, ValueError, KeyError, TypeError):
        return []

"""Marks on their way out: each rater's last reading of a case as a markups file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.drawing.mark_measures import image_surface, measure_mark
from annotator.file_names import case_stems, slug
from annotator.jobs.exporting import ExportedFile, NotExported
from annotator.jobs.mark_files import write_marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from annotator.api import Progress
    from annotator.domain.study import Case
    from annotator.store import Store


def write_case_marks(
    store: Store, directory: Path, case_ids: Sequence[str] | None, progress: Progress
) -> Iterator[tuple[Path, ExportedFile] | NotExported]:
    """Write the marks of the chosen cases, or all: ``<case>_reading-<rater>.mrk.json``.

    Readings without marks have no file. Marks on a video are left out: its frames lie in time.
    """
    stems = case_stems(store.cases())
    cases = store.cases() if case_ids is None else [store.study_case(given) for given in case_ids]
    for number, case in enumerate(cases):
        progress(number / len(cases), f"exporting {case.title}")
        yield from _write_case(store, directory, case, stems[case.case_id])


def _write_case(
    store: Store, directory: Path, case: Case, stem: str
) -> Iterator[tuple[Path, ExportedFile] | NotExported]:
    annotations = store.annotations(case.case_id)
    marks = store.annotation_marks([entry.annotation_id for entry in annotations])
    raters = {rater.rater_id: rater for rater in store.raters()}
    series, schema = store.series(case.series_ids[0]), store.project().schema
    surface = image_surface(None, series.geometry)
    taken: set[str] = set()
    for annotation in annotations:
        own, rater = marks.get(annotation.annotation_id, ()), raters[annotation.rater_id]
        if not own:
            continue
        if series.kind == "video":
            reason = "the frames of a video lie apart in time; a markups file holds places in space"
            yield NotExported(
                case_id=case.case_id,
                title=case.title,
                role="reading",
                creator=rater.name,
                reason=reason,
            )
            continue
        name = f"{stem}_reading-{slug(rater.name)}"
        if name.casefold() in taken:
            name += f"-{rater.rater_id}"
        taken.add(name.casefold())
        path = write_marks(
            directory / f"{name}.mrk.json",
            [(mark, measure_mark(mark, surface)) for mark in own],
            series.geometry,
            schema,
        )
        yield (
            path,
            ExportedFile(
                name=path.name,
                role="reading",
                case_id=case.case_id,
                creator=rater.name,
                content_id=annotation.annotation_id,
            ),
        )

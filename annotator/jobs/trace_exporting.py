"""Tracings on their way out: each reading, what was signed off, what was found in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.file_names import case_stems, slug
from annotator.jobs.exporting import ExportedFile
from annotator.jobs.table_files import write_csv
from annotator.jobs.trace_files import write_tracing
from annotator.jobs.trace_tables import findings_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from annotator.api import Progress
    from annotator.domain.study import Case
    from annotator.store import Store


def write_tracings(
    store: Store, directory: Path, case_ids: Sequence[str] | None, progress: Progress
) -> Iterator[tuple[Path, ExportedFile]]:
    """Write the chosen traced cases, or all: SWC files in µm from the centre of the first voxel.

    Files are ``<case>_reading-<rater>.swc``, ``<case>_adjudicated.swc`` and
    ``<case>_findings.csv``, with what was found last and the verdicts that hold.
    """
    every = store.tracing_cases()
    cases = every if case_ids is None else [store.tracing_case(given) for given in case_ids]
    stems = case_stems(every)
    for number, case in enumerate(cases):
        progress(number / len(cases), f"exporting {case.title}")
        yield from _write_case(store, directory, case, stems[case.case_id])


def _write_case(
    store: Store, directory: Path, case: Case, stem: str
) -> Iterator[tuple[Path, ExportedFile]]:
    raters = {rater.rater_id: rater for rater in store.raters()}
    taken: set[str] = set()
    for annotation in store.annotations(case.case_id, latest=True):
        rater = raters[annotation.rater_id]
        name = f"{stem}_reading-{slug(rater.name)}"
        if name.casefold() in taken:
            name += f"-{rater.rater_id}"
        taken.add(name.casefold())
        tree = store.annotation_tree(annotation.annotation_id)
        path = write_tracing(directory / f"{name}.swc", tree)
        yield path, _entry(path, case, "reading", rater.name, annotation.annotation_id)
    signed = store.trace_sign_off(case.case_id)
    if signed is not None:
        tree = store.signed_off_tree(signed.sign_off_id)
        path = write_tracing(directory / f"{stem}_adjudicated.swc", tree)
        name = raters[signed.reviewer_id].name
        yield path, _entry(path, case, "adjudicated", name, signed.sign_off_id)
    found = store.trace_findings(case.case_id)
    if found is not None:
        held = store.trace_verdicts(case.case_id, found.findings_key)
        table = findings_table(found, held, raters)
        path = write_csv(directory / f"{stem}_findings.csv", table)
        yield path, _entry(path, case, "table", "", "")


def _entry(path: Path, case: Case, role: str, creator: str, content_id: str) -> ExportedFile:
    return ExportedFile(
        name=path.name, role=role, case_id=case.case_id, creator=creator, content_id=content_id
    )

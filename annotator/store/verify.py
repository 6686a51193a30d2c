"""Whether everything that is kept still fits together; what does not is named in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.api import are_voxels_of
from annotator.domain.errors import AnnotatorError
from annotator.domain.study import Series
from annotator.store import (
    series,
    verify_content,
    verify_drafts,
    verify_labels,
    verify_log,
    verify_marks,
    verify_quality,
    verify_replay,
    verify_trees,
)
from annotator.store.facts import from_json
from annotator.store.slide_cache import slide_problem
from annotator.store.tables import series as series_table
from annotator.store.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from annotator.api import Progress


def problems(connection: Connection, cache_dir: Path, progress: Progress) -> tuple[str, ...]:
    """Return everything that does not fit; empty when the project is sound."""
    found: list[str] = list(_damaged_pages(connection))
    if found:
        return tuple(found)
    words = Words(connection)
    checks: tuple[tuple[str, Callable[[Connection, Words], Iterator[str]]], ...] = (
        ("the audit log", verify_log.chain),
        ("rows against the audit log", verify_log.rows_against_log),
        ("last values in the audit log", verify_replay.last_values),
        ("rules, gold cases, repeats and networks", verify_quality.rules_and_truths),
        ("references between rows", verify_content.dangling),
        ("slabs", verify_content.slabs),
        ("annotations", verify_content.submitted),
        ("fusions", verify_content.fusions),
        ("fits", verify_content.fits),
        ("adjudications", verify_content.adjudications),
        ("drafts", verify_drafts.drafts),
        ("drawn values", verify_labels.drawn_values),
        ("tracings", verify_trees.tracing),
        ("marks", verify_marks.marks),
    )
    for number, (name, check) in enumerate(checks):
        progress(number / (len(checks) + 1), f"Checking {name}")
        try:
            found.extend(check(connection, words))
        except (AnnotatorError, ValueError, TypeError, LookupError, AttributeError) as error:
            found.append(f"{name} cannot be checked to the end, a row is unreadable: {error!r}")
    progress(len(checks) / (len(checks) + 1), "Checking cached images")
    found.extend(_cached_voxels(connection, cache_dir))
    progress(1.0, "Checked")
    return tuple(found)


def _damaged_pages(connection: Connection) -> Iterator[str]:
    if connection.dialect.name != "sqlite":
        return
    for (line,) in connection.exec_driver_sql("PRAGMA quick_check(20)"):
        if line != "ok":
            yield f"the database file is damaged: {line}; restore it from a backup"


def _cached_voxels(connection: Connection, cache_dir: Path) -> Iterator[str]:
    for series_id, facts in connection.execute(
        select(series_table.c.series_id, series_table.c.facts).order_by(series_table.c.series_id)
    ):
        try:
            fact = from_json(Series, facts)
            if not series.is_cached(cache_dir, fact):
                continue
            if fact.slide is not None:
                problem = slide_problem(cache_dir, fact, series_id)
                if problem:
                    yield f"series {series_id[:12]}: {problem}"
                continue
            voxels = series.read_voxels(cache_dir, fact)
        except (AnnotatorError, ValueError, TypeError, KeyError) as error:
            yield f"series {series_id[:12]}: {error}"
            continue
        if fact.series_id != series_id or not are_voxels_of(fact, voxels):
            yield (
                f"series {series_id[:12]}: the cached images ({cache_dir / series_id}.npy) are not "
                "those that were imported: their hash differs. Delete the file and import the "
                "study again"
            )

"""Raters who were asked for some regions of a case only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from annotator.domain.errors import AnnotatorError
from annotator.domain.quality import Partial
from annotator.store.facts import from_json, to_json
from annotator.store.tables import assignment_regions

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from annotator.domain.reading import Box
    from annotator.store.database import Change


def add(change: Change, case_id: str, rater_id: str, regions: tuple[Box, ...]) -> None:
    """Keep which boxes of a case a rater is asked for; must be new, with the assignment."""
    if any(low >= high for box in regions for low, high in zip(*box, strict=True)):
        raise AnnotatorError(f"a region to read is empty: {regions}")
    content = to_json(Partial(case_id=case_id, rater_id=rater_id, regions=regions))
    change.connection.execute(
        insert(assignment_regions).values(case_id=case_id, rater_id=rater_id, content=content)
    )
    change.log("assign regions", case_id=case_id, rater_id=rater_id, content=content)


def every(connection: Connection, case_id: str | None = None) -> tuple[Partial, ...]:
    """Return who was asked for which regions, of one case or of all."""
    query = select(assignment_regions.c.content).order_by(
        assignment_regions.c.case_id, assignment_regions.c.rater_id
    )
    if case_id is not None:
        query = query.where(assignment_regions.c.case_id == case_id)
    return tuple(from_json(Partial, text) for text in connection.execute(query).scalars())

"""Acceptances: what submitted readings owe to models, kept with the submission itself."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from annotator.domain.acceptance import Acceptance
from annotator.store.facts import from_json, to_json
from annotator.store.tables import acceptances, drafts, steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from annotator.domain.acceptance import Offer
    from annotator.store.database import Change

IDLE_S = 60.0
"""Whoever does nothing for longer is doing something else."""


def content_of(change: Change, draft_id: int, offer: Offer | None) -> str:
    """Return what is known of a draft that is submitted now, as JSON."""
    connection = change.connection
    opened_at = connection.execute(
        select(drafts.c.created_at).where(drafts.c.draft_id == draft_id)
    ).scalar_one()
    drawn_at = (
        connection.execute(select(steps.c.created_at).where(steps.c.draft_id == draft_id))
        .scalars()
        .all()
    )
    return to_json(
        Acceptance(
            offer=offer,
            active_s=active_s([opened_at, *drawn_at, change.now]),
            n_steps=len(drawn_at),
        )
    )


def active_s(times: Sequence[str]) -> float:
    """Return the seconds between times (ISO 8601, any order) that are not pauses."""
    ordered = sorted(datetime.fromisoformat(entry) for entry in times)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(ordered)]
    return sum(gap for gap in gaps if gap <= IDLE_S)


def add(change: Change, annotation_id: str, content: str) -> None:
    """Keep what `content_of` told of a draft with the annotation that was made of it."""
    change.connection.execute(
        insert(acceptances).values(annotation_id=annotation_id, content=content)
    )


def every(connection: Connection) -> dict[str, Acceptance]:
    """Return what is known of readings, by annotation; of those from elsewhere there is none."""
    return {
        row.annotation_id: from_json(Acceptance, row.content)
        for row in connection.execute(select(acceptances))
    }

"""What a project is: its title, schema and seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update

from annotator.domain.label_groups import in_place_of, with_overlaps
from annotator.domain.schema import LabelSchema
from annotator.store.facts import from_json, to_json
from annotator.store.tables import project, schema_versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from annotator.store.database import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectInfo:
    """What a project is.

    ``seed`` fixes the order of cases for each rater; ``schema_version`` is that of the tables.
    """

    project_id: str
    title: str
    schema: LabelSchema
    seed: int
    created_at: str
    schema_version: int


def create(change: Change, *, project_id: str, title: str, schema: LabelSchema, seed: int) -> None:
    """Write the one row of a new project; its schema gets values for all overlaps."""
    text = to_json(with_overlaps(schema))
    change.connection.execute(
        insert(project).values(
            project_id=project_id,
            title=title,
            schema=text,
            seed=seed,
            created_at=change.now,
        )
    )
    change.log("create project", project_id=project_id, title=title, schema=text, seed=seed)


def read(connection: Connection) -> ProjectInfo:
    """Return what the project is."""
    row = connection.execute(select(project)).one()
    version = connection.execute(select(func.max(schema_versions.c.version))).scalar_one()
    return ProjectInfo(
        project_id=row.project_id,
        title=row.title,
        schema=from_json(LabelSchema, row.schema),
        seed=row.seed,
        created_at=row.created_at,
        schema_version=version,
    )


def set_schema(change: Change, schema: LabelSchema) -> None:
    """Replace the label schema; what mask values stand for several labels stays as it is."""
    text = to_json(in_place_of(read(change.connection).schema, schema))
    change.connection.execute(update(project).values(schema=text))
    change.log("set schema", schema=text)


def fit_schema(change: Change, fit: Callable[[LabelSchema], LabelSchema]) -> None:
    """Replace the label schema by what ``fit`` makes of it as it is now; may raise to refuse."""
    kept = read(change.connection).schema
    wanted = fit(kept)
    if wanted != kept:
        set_schema(change, wanted)

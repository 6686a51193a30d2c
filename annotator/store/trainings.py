"""Trainings: their curves, their newest examples, and what they can go on from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import zstandard
from sqlalchemy import delete, insert, select, update

from annotator.domain.errors import ConflictError, IntegrityError, UnknownNameError
from annotator.domain.fit import FitRecipe
from annotator.domain.training import CurvePoint, Training
from annotator.store.facts import digest, from_json
from annotator.store.fits import recipe_text
from annotator.store.tables import jobs, training_examples, training_points, trainings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

    from annotator.store.database import Change

_FACTS = (
    trainings.c.training_id,
    trainings.c.recipe,
    trainings.c.job_id,
    trainings.c.stop_requested,
    trainings.c.checkpoint.is_not(None).label("has_checkpoint"),
    trainings.c.fit_id,
    trainings.c.created_at,
)


def begin(change: Change, recipe: FitRecipe, *, job_id: int | None) -> Training:
    """Begin a training, or go on with it where a checkpoint of it is kept.

    Raises ConflictError where another job is at it.
    """
    training_id = digest(recipe_text(recipe))
    known = change.connection.execute(
        select(*_FACTS).where(trainings.c.training_id == training_id)
    ).first()
    if known is None:
        change.connection.execute(
            insert(trainings).values(
                training_id=training_id,
                recipe=recipe_text(recipe),
                job_id=job_id,
                stop_requested=False,
                created_at=change.now,
            )
        )
    else:
        _refuse_where_under_way(change.connection, known.job_id, job_id)
        if not known.has_checkpoint:
            _forget_what_was_seen(change.connection, training_id)
        change.connection.execute(
            update(trainings)
            .where(trainings.c.training_id == training_id)
            .values(job_id=job_id, stop_requested=False, fit_id=None)
        )
    change.log("begin training", training_id=training_id, name=recipe.name, job_id=job_id)
    return read(change.connection, training_id)


def _refuse_where_under_way(connection: Connection, known: int | None, own: int | None) -> None:
    query = select(jobs.c.state).where(jobs.c.job_id == known)
    if known != own and connection.execute(query).scalar() == "running":
        raise ConflictError(
            f"the same training is under way in job {known}; watch it, or cancel that job first"
        )


def _forget_what_was_seen(connection: Connection, training_id: str) -> None:
    for table in (training_points, training_examples):
        connection.execute(delete(table).where(table.c.training_id == training_id))


def read(connection: Connection, training_id: str) -> Training:
    """Return one training."""
    row = connection.execute(select(*_FACTS).where(trainings.c.training_id == training_id)).first()
    if row is None:
        known = connection.execute(select(trainings.c.training_id)).scalars()
        raise UnknownNameError("training", training_id, known)
    return _fact(row)


def every(connection: Connection) -> tuple[Training, ...]:
    """Return all trainings, newest first."""
    query = select(*_FACTS).order_by(trainings.c.created_at.desc(), trainings.c.training_id)
    return tuple(_fact(row) for row in connection.execute(query))


def _fact(row: Row[Any]) -> Training:
    return Training(
        training_id=row.training_id,
        name=from_json(FitRecipe, row.recipe).name,
        job_id=row.job_id,
        stop_requested=row.stop_requested,
        has_checkpoint=bool(row.has_checkpoint),
        fit_id=row.fit_id,
        created_at=row.created_at,
    )


def recipe_of(connection: Connection, training_id: str) -> FitRecipe:
    """Return what a training learns by."""
    read(connection, training_id)
    query = select(trainings.c.recipe).where(trainings.c.training_id == training_id)
    return from_json(FitRecipe, connection.execute(query).scalar_one())


def request_stop(change: Change, training_id: str) -> None:
    """Ask a training to end with the best so far."""
    if read(change.connection, training_id).stop_requested:
        return
    change.connection.execute(
        update(trainings).where(trainings.c.training_id == training_id).values(stop_requested=True)
    )
    change.log("stop training", training_id=training_id)


def finish(change: Change, training_id: str, *, fit_id: str) -> None:
    """Keep what came of a training; its checkpoint is dropped."""
    change.connection.execute(
        update(trainings)
        .where(trainings.c.training_id == training_id)
        .values(fit_id=fit_id, checkpoint=None)
    )
    change.log("finish training", training_id=training_id, fit_id=fit_id)


def put_points(
    connection: Connection, training_id: str, epoch: int, values: Mapping[str, float]
) -> None:
    """Keep the points of a round, in place of what was there from this round on.

    A training that goes on from a checkpoint does some rounds again.
    """
    connection.execute(
        delete(training_points).where(
            training_points.c.training_id == training_id, training_points.c.epoch >= epoch
        )
    )
    for curve, value in values.items():
        connection.execute(
            insert(training_points).values(
                training_id=training_id, epoch=epoch, curve=curve, value=float(value)
            )
        )


def points(connection: Connection, training_id: str) -> tuple[CurvePoint, ...]:
    """Return the points of all curves, by round."""
    query = (
        select(training_points)
        .where(training_points.c.training_id == training_id)
        .order_by(training_points.c.epoch, training_points.c.curve)
    )
    return tuple(
        CurvePoint(epoch=row.epoch, curve=row.curve, value=row.value)
        for row in connection.execute(query)
    )


def put_example(connection: Connection, training_id: str, title: str, content: bytes) -> None:
    """Keep an example in place of the one of that title."""
    connection.execute(
        delete(training_examples).where(
            training_examples.c.training_id == training_id, training_examples.c.title == title
        )
    )
    connection.execute(
        insert(training_examples).values(training_id=training_id, title=title, content=content)
    )


def examples(connection: Connection, training_id: str) -> tuple[tuple[str, bytes], ...]:
    """Return the newest example of each title, by title."""
    query = (
        select(training_examples)
        .where(training_examples.c.training_id == training_id)
        .order_by(training_examples.c.title)
    )
    return tuple((row.title, row.content) for row in connection.execute(query))


def put_checkpoint(connection: Connection, training_id: str, content: bytes) -> None:
    """Keep what a training can go on from, in place of what was kept before."""
    connection.execute(
        update(trainings)
        .where(trainings.c.training_id == training_id)
        .values(checkpoint=zstandard.compress(content))
    )


def checkpoint(connection: Connection, training_id: str) -> bytes | None:
    """Return what a training can go on from, or None."""
    query = select(trainings.c.checkpoint).where(trainings.c.training_id == training_id)
    content = connection.execute(query).scalar_one_or_none()
    if content is None:
        return None
    try:
        return zstandard.decompress(content)
    except zstandard.ZstdError as error:
        raise IntegrityError(f"the checkpoint of a training is damaged ({error})") from error

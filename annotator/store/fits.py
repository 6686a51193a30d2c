"""Fits: what a method learned from a project; learning again must give the same bytes."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import zstandard
from sqlalchemy import delete, insert, select

from annotator.domain.errors import IntegrityError, UnknownNameError
from annotator.domain.fit import Fit, FitRecipe, Forecast
from annotator.store.facts import canonical, digest, from_json, list_from_json
from annotator.store.tables import fits, forecasts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Column, Connection, Row

    from annotator.store.database import Change

_FACTS: tuple[Column[Any], ...] = (fits.c.fit_id, fits.c.recipe, fits.c.summary, fits.c.created_at)
"""All but what was learned, which may be large."""


def identity(row: Mapping[str, Any], content: bytes) -> str:
    """Return the id of a fit: SHA-256 over the recipe and everything that came of it."""
    return digest([row["recipe"], row["summary"], hashlib.sha256(content).hexdigest()])


def recipe_text(recipe: FitRecipe) -> str:
    """Return a recipe as it goes into the identity of a fit."""
    document = asdict(recipe)
    # Left out where there is nothing to say, as in projects from before there was.
    if recipe.group is None:
        del document["group"]
    return canonical(document)


def add(change: Change, recipe: FitRecipe, *, content: bytes, summary: Sequence[str]) -> Fit:
    """Keep a fit; the one that is there where the recipe was learned by before."""
    row: dict[str, Any] = {"recipe": recipe_text(recipe), "summary": canonical(list(summary))}
    fit_id = identity(row, content)
    known = of_recipe(change.connection, recipe)
    if known is not None and known.fit_id != fit_id:
        raise IntegrityError(
            f"{recipe.name!r} version {recipe.version} learned something else from the same "
            f"readings (kept: {known.fit_id[:12]}, now: {fit_id[:12]}); learning must be a pure "
            "function, and its version must change when its result changes"
        )
    if known is not None:
        return known
    change.connection.execute(
        insert(fits).values(
            fit_id=fit_id, content=zstandard.compress(content), created_at=change.now, **row
        )
    )
    change.log("add fit", fit_id=fit_id, kind=recipe.kind, name=recipe.name)
    return read(change.connection, fit_id)


def of_recipe(connection: Connection, recipe: FitRecipe) -> Fit | None:
    """Return what was learned by a recipe, or None."""
    row = connection.execute(select(*_FACTS).where(fits.c.recipe == recipe_text(recipe))).first()
    return None if row is None else _fact(row)


def every(connection: Connection) -> tuple[Fit, ...]:
    """Return all fits, newest last."""
    rows = connection.execute(select(*_FACTS).order_by(fits.c.created_at, fits.c.fit_id))
    return tuple(_fact(row) for row in rows)


def read(connection: Connection, fit_id: str) -> Fit:
    """Return one fit; the first characters of its id do where they fit one only."""
    return _fact(_row(connection, fit_id, _FACTS))


def _row(connection: Connection, fit_id: str, columns: Sequence[Column[Any]]) -> Row[Any]:
    is_meant = fits.c.fit_id.startswith(fit_id, autoescape=True)
    rows = connection.execute(select(*columns).where(is_meant)).all()
    if not fit_id or len(rows) != 1:
        known = connection.execute(select(fits.c.fit_id)).scalars()
        raise UnknownNameError("fit", fit_id, known)
    return rows[0]


def content_of(row: Row[Any]) -> bytes:
    """Return what was learned as it went into the identity."""
    try:
        return zstandard.decompress(row.content)
    except (zstandard.ZstdError, TypeError) as error:
        raise IntegrityError(
            f"what fit {row.fit_id[:12]} learned cannot be decompressed ({error})"
        ) from error


def read_content(connection: Connection, fit_id: str) -> bytes:
    """Return what was learned."""
    return content_of(_row(connection, fit_id, (fits.c.fit_id, fits.c.content)))


def put_forecast(change: Change, forecast: Forecast) -> None:
    """Keep what a fit says of a case, in place of what it said before."""
    change.connection.execute(
        delete(forecasts).where(
            forecasts.c.case_id == forecast.case_id, forecasts.c.fit_id == forecast.fit_id
        )
    )
    change.connection.execute(
        insert(forecasts).values(
            case_id=forecast.case_id,
            fit_id=forecast.fit_id,
            difficulty=forecast.difficulty,
            why=forecast.why,
        )
    )
    change.log("put forecast", case_id=forecast.case_id, fit_id=forecast.fit_id)


def read_forecasts(connection: Connection) -> tuple[Forecast, ...]:
    """Return what the newest fit that foretold each case says of it, hardest first."""
    rows = connection.execute(
        select(forecasts).join(fits).order_by(fits.c.created_at, fits.c.fit_id)
    )
    newest = {row.case_id: row for row in rows}
    found = [
        Forecast(case_id=row.case_id, fit_id=row.fit_id, difficulty=row.difficulty, why=row.why)
        for row in newest.values()
    ]
    return tuple(sorted(found, key=lambda entry: (-entry.difficulty, entry.case_id)))


def _fact(row: Row[Any]) -> Fit:
    summary: tuple[str, ...] = list_from_json(str, row.summary)
    return Fit(
        fit_id=row.fit_id,
        recipe=from_json(FitRecipe, row.recipe),
        summary=summary,
        created_at=row.created_at,
    )

"""The way of every method of a store into the database: one transaction each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from annotator.store.database import Change, Database

P = ParamSpec("P")
T = TypeVar("T")


class Access:
    """What each part of a store shares: the database, and the directory of cached voxels."""

    cache_dir: Path
    _database: Database

    def _read(
        self,
        function: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        with self._database.read() as connection:
            return function(connection, *args, **kwargs)

    def _write(
        self,
        actor: str,
        function: Callable[Concatenate[Change, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        with self._database.write(actor) as change:
            return function(change, *args, **kwargs)

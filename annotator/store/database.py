"""The connection to a project's database: how transactions begin, and that they end well."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url

from annotator.domain.errors import AnnotatorError
from annotator.store import audit
from annotator.store.failures import told_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_S = 30
"""How long a writer waits for another one."""

SYSTEM = "system"
"""The actor of changes that no person made."""


def utc_now() -> str:
    """Return the time, UTC, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@dataclass(slots=True, kw_only=True)
class Change:
    """One write transaction: its connection, who makes it, when, and its rows in the audit log."""

    connection: Connection
    actor: str
    now: str = field(default_factory=utc_now)
    _entries: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def log(self, action: str, **payload: object) -> None:
        """Say what is changed, one row for each thing; appended in this order at the end."""
        self._entries.append((action, payload))

    def append_entries(self) -> None:
        """Write the rows; a change that found nothing to do has none."""
        for action, payload in self._entries:
            audit.append(
                self.connection, now=self.now, actor=self.actor, action=action, payload=payload
            )


class Database:
    """An engine that begins transactions in the right way for its kind.

    Writers take turns over the whole project, so that the audit log is one chain: SQLite by
    ``BEGIN IMMEDIATE``, PostgreSQL by a lock on the log's head.

    Parameters
    ----------
    engine : Engine
        From `sqlite_engine` or `postgres_engine`.
    place : str
        What error messages call the project.
    is_read_only : bool
        Refuse writes before they reach the database.
    way_out : str
        What a person can do to write to a project that is open for reading only.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        place: str,
        is_read_only: bool = False,
        way_out: str = "Copy the project to a place that you may write to",
    ) -> None:
        self.place = place
        self.is_read_only = is_read_only
        self._way_out = way_out
        self._engine = engine
        self._writer = engine.execution_options(is_write=True)
        self._reader = (
            engine
            if self.is_sqlite
            else engine.execution_options(isolation_level="REPEATABLE READ")
        )

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file rather than a server."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the project."""
        with told_in_words(self.place), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self, actor: str) -> Iterator[Change]:
        """Open a transaction that commits as a whole, with its audit rows, or not at all."""
        with self.alter() as connection:
            change = Change(connection=connection, actor=actor)
            if not self.is_sqlite:
                connection.execute(text("LOCK TABLE audit_head IN EXCLUSIVE MODE"))
                change.now = utc_now()
            yield change
            change.append_entries()

    @contextmanager
    def alter(self) -> Iterator[Connection]:
        """Open a write transaction without an audit row: new tables, progress of a job."""
        self.refuse_if_read_only()
        with told_in_words(self.place), self._writer.begin() as connection:
            yield connection

    def refuse_if_read_only(self) -> None:
        """Raise where the project may not be written."""
        if self.is_read_only:
            raise AnnotatorError(
                f"{self.place}: the project is open for reading only, so this change was not made. "
                f"{self._way_out}"
            )

    def use_write_ahead_log(self) -> None:
        """Make a new SQLite file one whose readers never wait for its writer."""
        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def sqlite_engine(path: Path, *, query: str = "") -> Engine:
    """Return an engine on a SQLite file; ``query`` holds the file URI's options, if any."""
    uri = f"{path.resolve().as_uri()}?{query or 'mode=rw'}"
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect_sqlite(uri),
        poolclass=_pool_class(),
        pool_size=4,
        max_overflow=64,
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        is_write = connection.get_execution_options().get("is_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    return engine


def _pool_class() -> type[Any]:
    from sqlalchemy.pool import QueuePool

    return QueuePool


def _connect_sqlite(uri: str) -> Any:  # noqa: ANN401 - a sqlite3 connection, seen by SQLAlchemy only
    import sqlite3

    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def postgres_engine(url: str) -> Engine:
    """Return an engine on a PostgreSQL URL."""
    return create_engine(url, pool_pre_ping=True, pool_size=4, max_overflow=64)


def shown_url(url: str) -> str:
    """Return a URL without its password, for messages."""
    return make_url(url).render_as_string(hide_password=True)

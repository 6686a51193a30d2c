"""What went wrong in the database, told in words."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS: tuple[tuple[str, str], ...] = (
    (
        "database or disk is full",
        "the disk is full; nothing of this change was kept, everything before it was. "
        "Free some space and try again",
    ),
    (
        "could not extend file",
        "the disk of the database server is full; nothing of this change was kept. "
        "Free some space and try again",
    ),
    (
        "readonly database",
        "the project cannot be written: its directory or its project.sqlite is read-only. "
        "Change the permissions, or copy the project to a place of your own",
    ),
    (
        "database is locked",
        "another program has been writing to the project for too long. "
        "Close it, or try again in a moment",
    ),
    (
        "file is not a database",
        "project.sqlite is not a database: the file is damaged or is something else. "
        "Restore it from a backup",
    ),
    (
        "malformed",
        "project.sqlite is damaged. Make a copy of the directory first, then restore the file from "
        "a backup, or try the recover command of sqlite3",
    ),
    (
        "disk I/O error",
        "the disk reported an error; nothing of this change was kept. "
        "Check the disk and its free space, then try again",
    ),
    (
        "unable to open database file",
        "project.sqlite cannot be opened; check that the directory exists and that you may write "
        "to it",
    ),
    ("no such table", "this is not a whole project: a table is missing. Restore it from a backup"),
    ("UndefinedTable", "this is not a whole project: a table is missing. Restore it from a backup"),
    ("FATAL:  database", "the server has no such database; make one with createdb"),
    ("authentication failed", "the server refused the name or the password in the address"),
    (
        "connection to server",
        "the database server does not answer; check the address and that the server is running",
    ),
)


@contextmanager
def told_in_words(place: str) -> Iterator[None]:
    """Turn errors of the database into `AnnotatorError`, naming the project's place."""
    try:
        yield
    except SQLAlchemyError as error:
        raise AnnotatorError(f"{place}: {_explain(error)}") from error


def lacks_room(error: AnnotatorError) -> bool:
    """Whether SQLite found no room for the files that it works with."""
    import sqlite3  # a project on a server does without

    cause = error.__cause__
    original = cause.orig if isinstance(cause, DBAPIError) else None
    code = getattr(original, "sqlite_errorcode", 0) & 0xFF  # the rest says in which call
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)


def explain_os_error(error: OSError, place: str) -> AnnotatorError:
    """Return an error in words for a file that could not be written or read."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason = "the disk is full; nothing was kept of this file. Free some space and try again"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        reason = "you may not write there; change the permissions or choose another place"
    else:
        reason = error.strerror or str(error)
    return AnnotatorError(f"{place}: {reason}")


def _explain(error: SQLAlchemyError) -> str:
    original = str(error.orig) if isinstance(error, DBAPIError) and error.orig else str(error)
    first_line = original.strip().splitlines()[0] if original.strip() else type(error).__name__
    kind = type(error.orig).__name__ if isinstance(error, DBAPIError) else ""
    for sign, words in _WORDS:
        if sign in original or sign == kind:
            return f"{words}. (The database says: {first_line})"
    return f"the database refused this: {first_line}"

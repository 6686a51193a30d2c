"""Where a project lies: finding, making and checking the place before a database is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from annotator.domain.errors import AnnotatorError
from annotator.store.database import Database, postgres_engine, shown_url, sqlite_engine
from annotator.store.failures import explain_os_error, told_in_words

FILE_NAME = "project.sqlite"
CACHE_NAME = "cache"
_UNCHANGING = "mode=ro&immutable=1"
"""How SQLite opens a file without files of its own beside it; nobody may write meanwhile."""


@dataclass(frozen=True, slots=True)
class Place:
    """A directory, or the URL of a PostgreSQL database."""

    location: str

    @classmethod
    def of(cls, location: str | Path) -> Place:
        """Return the place of a location; a path to ``project.sqlite`` means its directory."""
        text = os.fspath(location)
        if "://" in text:
            if not text.startswith("postgresql"):
                raise AnnotatorError(
                    f"{shown_url(text)}: a project is a directory, or a URL that begins with "
                    "postgresql+psycopg://"
                )
            scheme, rest = text.split("://", 1)
            return cls(f"{'postgresql+psycopg' if scheme == 'postgresql' else scheme}://{rest}")
        path = Path(text).expanduser().absolute()
        return cls(str(path.parent if path.name == FILE_NAME else path))

    @property
    def is_url(self) -> bool:
        """Whether this is a server's database rather than a directory."""
        return "://" in self.location

    @property
    def shown(self) -> str:
        """What messages call the place; never with a password."""
        return shown_url(self.location) if self.is_url else self.location

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return Path(self.location) / FILE_NAME

    def cache_dir(self, project_id: str) -> Path:
        """Return the directory of cached voxels."""
        if not self.is_url:
            return Path(self.location) / CACHE_NAME
        import platformdirs

        return Path(platformdirs.user_cache_dir("annotator", appauthor=False)) / project_id

    def claim(self) -> None:
        """Make the directory and an empty file that no one else made at the same time."""
        directory = Path(self.location)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self.file.touch(exist_ok=False)
        except FileExistsError as error:
            if directory.is_dir():
                raise AnnotatorError(
                    f"{self.shown}: there is a project here already; open it, "
                    "or choose another directory"
                ) from error
            raise AnnotatorError(
                f"{self.shown}: this is a file; a project needs a directory of its own"
            ) from error
        except OSError as error:
            raise explain_os_error(error, f"{self.shown}: the project was not made") from error

    def remove_claim(self) -> None:
        """Take away what `claim` made, after a failure."""
        for suffix in ("", "-wal", "-shm", "-journal"):
            self._beside(suffix).unlink(missing_ok=True)

    def open_new(self) -> Database:
        """Return the database of a project that is being made."""
        if self.is_url:
            return Database(postgres_engine(self.location), place=self.shown)
        database = Database(sqlite_engine(self.file), place=self.shown)
        with told_in_words(self.shown):
            database.use_write_ahead_log()
        return database

    def open_existing(self, *, read_only: bool) -> Database:
        """Return the database of a project; one that cannot be written opens for reading."""
        if self.is_url:
            engine = postgres_engine(self.location)
            return Database(engine, place=self.shown, is_read_only=read_only)
        self._check_file()
        can_write = os.access(self.file, os.W_OK) and os.access(self.file.parent, os.W_OK)
        if read_only or not can_write:
            query = "mode=ro" if can_write else self._query_without_writing()
            return Database(
                sqlite_engine(self.file, query=query), place=self.shown, is_read_only=True
            )
        return Database(sqlite_engine(self.file), place=self.shown)

    def open_on_full_disk(self) -> Database:
        """Return the database of a project, for reading, where SQLite has no room for its files."""
        if self._has_changes_in_log():
            raise self._log_unreadable("is full: free some space, or")
        return Database(
            sqlite_engine(self.file, query=_UNCHANGING),
            place=self.shown,
            is_read_only=True,
            way_out="The disk is full: free some space, then open the project again",
        )

    def _check_file(self) -> None:
        if not Path(self.location).exists():
            raise AnnotatorError(
                f"{self.shown}: no such directory. Check the path, or make a project there with: "
                "annotator new"
            )
        # Must not open the file: closing it again would drop the locks that SQLite holds on it for
        # another store in this process, and a second process would take its log away.
        try:
            n_bytes = self.file.stat().st_size
        except (FileNotFoundError, NotADirectoryError) as error:
            raise AnnotatorError(
                f"{self.shown}: not an annotator project (it has no {FILE_NAME}). "
                "Choose a project's directory, or make a project with: annotator new"
            ) from error
        except OSError as error:
            raise explain_os_error(error, str(self.file)) from error
        if not n_bytes:
            raise AnnotatorError(
                f"{self.shown}: {FILE_NAME} is empty: making this project was interrupted, or the "
                "file was cut. Restore it from a backup, or delete it and make the project again"
            )

    def _query_without_writing(self) -> str:
        """Return how to open a file next to which SQLite cannot write its working files."""
        if not self._has_changes_in_log():
            return _UNCHANGING
        if self._beside("-shm").exists():
            return "mode=ro"
        raise self._log_unreadable("is read-only: to open the project,")

    def _has_changes_in_log(self) -> bool:
        log = self._beside("-wal")
        return log.exists() and log.stat().st_size > 0

    def _log_unreadable(self, disk: str) -> AnnotatorError:
        return AnnotatorError(
            f"{self.shown}: the last changes are still in {FILE_NAME}-wal and cannot be read while "
            f"the disk {disk} copy the directory to a place that can be written"
        )

    def _beside(self, suffix: str) -> Path:
        return self.file.with_name(FILE_NAME + suffix)

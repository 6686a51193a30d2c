"""The store on a PostgreSQL server, which the tests start for themselves."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from annotator.domain.errors import AnnotatorError
from annotator.store import Store
from tests.contract.store_contract import StoreContract

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.contract

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
SERVER_ACCOUNT = "postgres"
_numbers = itertools.count(1)


def why_not() -> str | None:
    """Say why no server can be started here, or None."""
    if not (PROGRAMS / "initdb").exists():
        return f"no PostgreSQL 15 in {PROGRAMS}; install the package postgresql-15"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(SERVER_ACCOUNT)
        except KeyError:
            return f"root may not run a server, and there is no account {SERVER_ACCOUNT!r}"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed; install annotator[postgres]"
    return None


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Start a server that listens on a socket in a directory of its own; return the directory."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    account = SERVER_ACCOUNT if os.geteuid() == 0 else None
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    if account:
        shutil.chown(directory, account, pwd.getpwnam(account).pw_gid)
    data = directory / "data"

    def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(PROGRAMS / program), "-D", str(data), *arguments],
            user=account,
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def call(program: str, *arguments: str) -> None:
        with start(program, *arguments) as process:
            output, _ = process.communicate()
        assert process.returncode == 0, output.decode()

    try:
        call("initdb", "-U", "annotator", "-A", "trust", "--no-sync", "-E", "UTF8", "--no-locale")
        options = f"-c listen_addresses='' -c fsync=off -k {directory}"
        call("pg_ctl", "-w", "-l", str(directory / "log"), "-o", options, "start")
        try:
            yield str(directory)
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def database(server: str, template: str, *, keep: bool = False) -> Iterator[str]:
    """Copy a database; yields the address of the copy, which is dropped unless it is to be kept."""
    import psycopg

    name = f"trial{next(_numbers)}"
    with psycopg.connect(
        f"host={server} user=annotator dbname=postgres", autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield f"postgresql+psycopg://annotator:secret@/{name}?host={server}"
        if not keep:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class TestPostgres(StoreContract):
    @pytest.fixture(scope="class")
    @classmethod
    def ready_made(cls, server: str) -> str:
        with database(server, "template1", keep=True) as place:
            cls.make(place)
        return place.partition("@/")[2].partition("?")[0]

    @pytest.fixture
    def location(
        self,
        server: str,
        ready_made: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        request: pytest.FixtureRequest,
    ) -> Iterator[str]:
        # What a store keeps beside the server, it finds by the project's id, which copies share.
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        template = ready_made if "store" in request.fixturenames else "template1"
        with database(server, template) as place:
            yield place

    def tamper(self, location: str, statement: str, values: Sequence[object] = ()) -> None:
        import psycopg

        with psycopg.connect(location.replace("+psycopg", "")) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(statement.replace("?", "%s"), tuple(values))

    def n_slabs(self, location: str) -> int:
        import psycopg

        with psycopg.connect(location.replace("+psycopg", "")) as connection:
            row = connection.execute("SELECT count(*) FROM slabs").fetchone()
        assert row is not None
        return int(row[0])

    def test_a_server_that_is_not_there_is_told_without_the_password(self, tmp_path: Path) -> None:
        with pytest.raises(AnnotatorError, match="does not answer") as caught:
            Store.open(f"postgresql+psycopg://annotator:secret@/x?host={tmp_path}")
        assert "secret" not in str(caught.value)

    def test_a_database_that_is_not_there_is_told(self, server: str) -> None:
        with pytest.raises(AnnotatorError, match="make one with createdb"):
            Store.open(f"postgresql://annotator@/nowhere?host={server}")

    def test_a_lost_table_is_told(self, store: Store, location: str) -> None:
        self.tamper(location, "DROP TABLE jobs CASCADE")
        with pytest.raises(AnnotatorError, match="a table is missing"):
            store.jobs()

    def test_a_database_without_a_project_is_told(self, location: str) -> None:
        with pytest.raises(AnnotatorError, match="not an annotator project"):
            Store.open(location)

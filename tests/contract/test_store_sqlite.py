"""The store in a directory."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.contract.store_contract import StoreContract

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.contract


def run(location: str, statement: str, values: Sequence[object] = ()) -> list[tuple[int]]:
    with closing(sqlite3.connect(f"{location}/project.sqlite")) as connection, connection:
        return connection.execute(statement, tuple(values)).fetchall()


class TestSqlite(StoreContract):
    @pytest.fixture
    def location(self, tmp_path: Path) -> str:
        return str(tmp_path / "a project")

    def tamper(self, location: str, statement: str, values: Sequence[object] = ()) -> None:
        run(location, statement, values)

    def n_slabs(self, location: str) -> int:
        return run(location, "SELECT count(*) FROM slabs")[0][0]

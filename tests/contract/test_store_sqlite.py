"""The store in a directory."""

from __future__ import annotations

import shutil
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
    @pytest.fixture(scope="class")
    @classmethod
    def ready_made(cls, tmp_path_factory: pytest.TempPathFactory) -> str:
        place = str(tmp_path_factory.mktemp("ready") / "made")
        cls.make(place)
        return place

    @pytest.fixture
    def location(self, tmp_path: Path, ready_made: str, request: pytest.FixtureRequest) -> str:
        place = tmp_path / "a project"
        if "store" in request.fixturenames:
            shutil.copytree(ready_made, place)
        return str(place)

    def tamper(self, location: str, statement: str, values: Sequence[object] = ()) -> None:
        run(location, statement, values)

    def n_slabs(self, location: str) -> int:
        return run(location, "SELECT count(*) FROM slabs")[0][0]

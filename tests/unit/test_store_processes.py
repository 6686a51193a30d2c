"""What several stores and processes on one project do to each other's files."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from annotator.store import Store
from tests.contract.store_world import ME, SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

ADD_RATER = """
import sys
from annotator.store import Store
with Store.open(sys.argv[1]) as store:
    store.add_rater(sys.argv[2], actor="system")
"""


def in_another_process(program: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-c", program, *arguments], check=True, timeout=120)


def test_a_second_store_in_a_process_leaves_the_first_its_locks(tmp_path: Path) -> None:
    place = str(tmp_path / "project")
    with Store.create(place, title="Trial", schema=SCHEMA) as store:
        store.add_rater("Anna", actor=ME)
        Store.open(place).close()
        # Without the locks this one would count as the last, and take the log away at its end.
        in_another_process(ADD_RATER, place, "Ben")
        store.add_rater("Carla", actor=ME)
        with Store.open(place) as other:
            assert [rater.name for rater in other.raters()] == ["Anna", "Ben", "Carla"]
            assert other.verify() == ()

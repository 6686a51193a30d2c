"""What several stores and processes on one project do to each other's files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from annotator.store import Store
from annotator.store import series as series_rows
from tests.contract.store_world import ME, SCHEMA, make_series

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

ADD_RATER = """
import sys
from annotator.store import Store
from annotator.store import series as series_rows
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


WRITE_AND_DIE = """
import os, sys
from pathlib import Path
import numpy as np
from annotator.store.series import write_voxels
os.fsync = lambda _: os.kill(os.getpid(), 9)
write_voxels(Path(sys.argv[1]), "dead", np.zeros(9))
"""


def test_what_a_killed_writer_left_in_the_cache_goes_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.create(tmp_path / "project", title="Trial", schema=SCHEMA) as store:
        subprocess.run([sys.executable, "-c", WRITE_AND_DIE, str(store.cache_dir)], check=False)
        (dead,) = store.cache_dir.iterdir()
        pid = dead.name.split(".")[-3]
        before_hosts = store.cache_dir / f"older.npy.{pid}.0a1b2c3d.partial"
        elsewhere = store.cache_dir / f"x.npy.00000000.{pid}.0a1b2c3d.partial"
        long_ago = store.cache_dir / f"y.npy.00000000.{pid}.0a1b2c3d.partial"
        odd = store.cache_dir / "odd.partial"
        for path in (before_hosts, elsewhere, long_ago, odd):
            path.write_bytes(b"x")
        os.utime(long_ago, (time.time() - 2e5,) * 2)
        seen: list[set[str]] = []
        fsync = os.fsync

        def open_meanwhile(descriptor: int) -> None:
            monkeypatch.setattr(os, "fsync", fsync)
            Store.open(store.location).close()
            seen.append({path.name for path in store.cache_dir.iterdir()})

        monkeypatch.setattr(os, "fsync", open_meanwhile)
        series, voxels = make_series(1)
        store.add_series(series, voxels, actor=ME)
        ((own,),) = (names - {elsewhere.name, odd.name} for names in seen)
        assert own.startswith(f"{series.series_id}.npy.")
        kept = series_rows.voxel_path(store.cache_dir, series.series_id)
        assert set(store.cache_dir.iterdir()) == {kept, elsewhere, odd}

"""Bad places, full disks, damaged files: a clear message each, and the project stays sound."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.domain.errors import AnnotatorError, IntegrityError
from annotator.domain.reading import Diagnosis
from annotator.jobs.local import LocalWorker
from annotator.store import Store, audit, database
from tests.contract.store_world import (
    ME,
    SCHEMA,
    SHAPE,
    Replay,
    World,
    add_reading,
    changed_slabs,
    dense,
    make_series,
    make_world,
    paint,
)
from tests.small_disk import small_disk, unwritable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

STROKE = ((0, 0, 0), (1, 5, 5))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Store.create(tmp_path / "project", title="Trial", schema=SCHEMA, seed=1) as store:
        yield make_world(store)


def record_all(store: Store, draft_id: int, mask: NDArray[np.uint16]) -> None:
    """Record a step that replaces the whole mask."""
    box = ((0, 0, 0), SHAPE)
    store.record_step(draft_id, tool="fill", box=box, slabs=changed_slabs(mask, box), actor=ME)


def assert_only_readable(store: Store, world: World) -> None:
    series, voxels = make_series(9)
    writes: list[Callable[[], object]] = [
        lambda: store.add_rater("Carla", actor=ME),
        lambda: store.add_series(series, voxels, actor=ME),
        lambda: store.rebuild_voxels(world.case.series_ids[0], make_series(1)[1]),
        lambda: store.open_draft(world.case.case_id, world.anna.rater_id, actor=ME),
        lambda: store.report_progress(1, 0.5, ""),
    ]
    assert store.is_read_only
    for write in writes:
        with pytest.raises(AnnotatorError, match="open for reading only"):
            write()
    assert store.cases() == (world.case,)
    np.testing.assert_array_equal(store.voxels(world.case.series_ids[0]), make_series(1)[1])
    assert store.verify() == ()


def test_a_project_that_cannot_be_written_can_be_read(world: World, tmp_path: Path) -> None:
    world.store.close()
    with (
        unwritable(tmp_path / "project", tmp_path) as place,
        Store.open(place) as store,
    ):
        assert_only_readable(store, world)


def test_a_project_can_be_opened_for_reading_only(world: World, tmp_path: Path) -> None:
    with Store.open(tmp_path / "project", read_only=True) as store:
        assert_only_readable(store, world)


def test_an_unfinished_project_can_be_read(world: World, tmp_path: Path) -> None:
    carla = world.store.add_rater("Carla", actor=ME)
    assert (tmp_path / "project" / "project.sqlite-wal").stat().st_size
    with (
        unwritable(tmp_path / "project", tmp_path) as place,
        Store.open(place) as store,
    ):
        assert store.is_read_only
        assert store.raters()[-1] == carla
        assert store.verify() == ()


def test_an_unfinished_copy_on_a_read_only_disk_is_told(world: World, tmp_path: Path) -> None:
    world.store.add_rater("Carla", actor=ME)
    assert (tmp_path / "project" / "project.sqlite-wal").stat().st_size
    (tmp_path / "project" / "project.sqlite-shm").rename(tmp_path / "aside")
    with (
        unwritable(tmp_path / "project", tmp_path) as place,
        pytest.raises(AnnotatorError, match="copy the directory to a place that can be written"),
    ):
        Store.open(place)
    (tmp_path / "aside").rename(tmp_path / "project" / "project.sqlite-shm")


def test_a_disk_that_fills_while_drawing_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 6_000) as remount:
        place = tmp_path / "disk" / "project"
        with Store.create(place, title="Full", schema=SCHEMA, seed=1) as store:
            world = make_world(store)
            draft = store.open_draft(world.case.case_id, world.anna.rater_id, actor=ME)
            noise = np.random.default_rng(1)
            kept = np.zeros(SHAPE, np.uint16)
            told = ""
            while not told:
                mask = (noise.random(SHAPE) < 0.05).astype(np.uint16)
                try:
                    record_all(store, draft.draft_id, mask)
                    kept = mask
                except AnnotatorError as error:
                    told = str(error)
            assert "the disk is full; nothing of this change was kept" in told
            np.testing.assert_array_equal(dense(store.draft_mask(draft.draft_id)), kept)
            assert store.verify() == ()
        remount("size=60000k")
        with Store.open(place) as store:
            np.testing.assert_array_equal(dense(store.draft_mask(draft.draft_id)), kept)
            assert store.verify() == ()
            store.add_rater("Carla", actor=ME)
            assert store.verify() == ()


def test_a_project_on_a_full_disk_can_be_read(world: World, tmp_path: Path) -> None:
    world.store.close()
    with small_disk(tmp_path / "disk", 6_000) as remount:
        place = tmp_path / "disk" / "project"
        shutil.copytree(tmp_path / "project", place)
        fill_up(tmp_path / "disk")
        with Store.open(place) as store:
            assert_only_readable(store, world)
            with pytest.raises(AnnotatorError, match="The disk is full: free some space, then"):
                store.add_rater("Carla", actor=ME)
            with pytest.raises(AnnotatorError, match="The disk is full"):
                LocalWorker(store).submit("fuse", {})
        remount("size=60000k")
        with Store.open(place) as store:
            store.add_rater("Carla", actor=ME)
            assert store.verify() == ()


def fill_up(disk: Path) -> None:
    """Leave no room on a disk."""
    with (disk / "rest").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(512))


def test_last_changes_that_cannot_be_read_on_a_full_disk_are_told(
    world: World, tmp_path: Path
) -> None:
    world.store.add_rater("Carla", actor=ME)
    with small_disk(tmp_path / "disk", 6_000) as remount:
        place = tmp_path / "disk" / "project"
        shutil.copytree(tmp_path / "project", place)
        (place / "project.sqlite-shm").unlink()
        fill_up(tmp_path / "disk")
        with pytest.raises(AnnotatorError, match="is full: free some space, or copy the directory"):
            Store.open(place)
        remount("size=60000k")
        with Store.open(place) as store:
            assert [rater.name for rater in store.raters()][-1] == "Carla"


def test_images_that_do_not_fit_on_the_disk_leave_nothing(tmp_path: Path) -> None:
    series, voxels = make_series(1)
    with (
        small_disk(tmp_path / "disk", 1_500) as remount,
        Store.create(tmp_path / "disk" / "p", title="Full", schema=SCHEMA) as store,
    ):
        with pytest.raises(AnnotatorError, match="the disk is full; nothing was kept"):
            store.add_series(series, voxels, actor=ME)
        assert list(store.cache_dir.iterdir()) == []
        assert [row.action for row in store.audit()] == ["create project"]
        assert store.verify() == ()
        remount("size=20000k")
        store.add_series(series, voxels, actor=ME)
        assert store.verify() == ()


def test_a_project_that_does_not_fit_on_the_disk_is_not_begun(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 60):
        with pytest.raises(AnnotatorError, match="the disk is full"):
            Store.create(tmp_path / "disk" / "p", title="Full", schema=SCHEMA)
        assert list((tmp_path / "disk" / "p").iterdir()) == []


def test_a_project_is_not_made_where_nobody_may_write(world: World, tmp_path: Path) -> None:
    world.store.close()
    with (
        unwritable(tmp_path / "project", tmp_path) as place,
        pytest.raises(AnnotatorError, match="you may not write there"),
    ):
        Store.create(place / "new", title="New", schema=SCHEMA)


def test_a_project_is_not_made_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(AnnotatorError, match="this is a file"):
        Store.create(tmp_path / "file", title="New", schema=SCHEMA)
    with pytest.raises(AnnotatorError, match="not made"):
        Store.create(tmp_path / "file" / "below", title="New", schema=SCHEMA)


def test_only_one_of_two_makers_makes_a_project(world: World, tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match="a project here already"):
        Store.create(tmp_path / "project", title="Other", schema=SCHEMA)
    assert world.store.verify() == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "it has no project.sqlite"),
        (b"", "project.sqlite is empty"),
        (b"PK\x03\x04 a zip file that someone renamed", "is not a database"),
        (b"SQLite format 3\x00" + bytes(2000), "is not a database"),
    ],
)
def test_a_directory_that_is_no_project_is_told(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "project.sqlite").write_bytes(content)
    for read_only in (False, True):
        with pytest.raises(AnnotatorError, match=words) as caught:
            Store.open(tmp_path, read_only=read_only)
        assert str(tmp_path) in str(caught.value)


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match=r"no such directory.*annotator new"):
        Store.open(tmp_path / "nothing")


def test_a_database_of_another_program_is_told(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "project.sqlite")) as connection:
        connection.execute("CREATE TABLE notes (note TEXT)")
    with pytest.raises(AnnotatorError, match="not an annotator project"):
        Store.open(tmp_path)


def test_other_servers_are_refused_without_the_password() -> None:
    with pytest.raises(AnnotatorError, match=r"postgresql\+psycopg://") as caught:
        Store.open("mysql://anna:secret@host/project")
    assert "secret" not in str(caught.value)


def test_the_file_itself_may_be_named(world: World, tmp_path: Path) -> None:
    with Store.open(tmp_path / "project" / "project.sqlite") as store:
        assert store.location == world.store.location


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.95])
def test_a_cut_file_is_told(world: World, tmp_path: Path, part: float) -> None:
    draft = world.store.open_draft(world.case.case_id, world.anna.rater_id, actor=ME)
    replay = Replay()
    for row in range(30):
        paint(world.store, draft.draft_id, replay, ((0, 3 * row, 0), (1, 3 * row + 2, 9)))
    world.store.close()
    file = tmp_path / "project" / "project.sqlite"
    content = file.read_bytes()
    file.write_bytes(content[: int(part * len(content))])
    try:
        with Store.open(tmp_path / "project") as store:
            problems = store.verify()
    except AnnotatorError as error:
        problems = (str(error),)
    assert problems
    assert "damaged" in problems[0]


def test_a_writer_that_waits_too_long_is_told(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.05)
    with (
        Store.open(tmp_path / "project") as store,
        closing(sqlite3.connect(tmp_path / "project" / "project.sqlite")) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AnnotatorError, match="another program has been writing"):
            store.add_rater("Carla", actor=ME)
        assert store.raters() == (world.anna, world.ben, world.model)


def test_a_change_that_fails_late_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = world.store.open_draft(world.case.case_id, world.anna.rater_id, actor=ME)
    rows = world.store.audit()

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(audit, "append", fail)
    with pytest.raises(MemoryError):
        paint(world.store, draft.draft_id, Replay(), STROKE)
    monkeypatch.undo()
    assert world.store.audit() == rows
    assert world.store.draft_mask(draft.draft_id).slabs == {}
    paint(world.store, draft.draft_id, Replay(), STROKE)
    assert world.store.verify() == ()


def test_a_damaged_slab_is_not_read_in_silence(world: World, tmp_path: Path) -> None:
    reading = add_reading(world, world.anna, 40)
    with closing(sqlite3.connect(tmp_path / "project" / "project.sqlite")) as other, other:
        other.execute("UPDATE slabs SET blob = X'00' WHERE slab_id = 1")
    with pytest.raises(IntegrityError, match="cannot be decompressed"):
        world.store.annotation_mask(reading.annotation_id)
    with closing(sqlite3.connect(tmp_path / "project" / "project.sqlite")) as other, other:
        other.execute("DELETE FROM slabs WHERE slab_id = 1")
    with pytest.raises(IntegrityError, match="gone from the project"):
        world.store.annotation_mask(reading.annotation_id)


def test_a_table_that_is_gone_is_told(world: World, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "project" / "project.sqlite")) as other:
        other.execute("DROP TABLE jobs")
    with pytest.raises(AnnotatorError, match="a table is missing"):
        world.store.jobs()


def test_a_closed_reading_is_not_drawn_on(world: World) -> None:
    draft = world.store.open_draft(world.case.case_id, world.anna.rater_id, actor=ME)
    world.store.submit(draft.draft_id, actor=ME)
    with pytest.raises(AnnotatorError, match="open the case again to draw a correction"):
        paint(world.store, draft.draft_id, Replay(), STROKE)
    added = world.store.add_annotation(
        world.case.case_id, "Anna", encode(np.zeros(SHAPE, np.uint8)), Diagnosis(), actor=ME
    )
    assert added.revision == 2

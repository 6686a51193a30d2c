"""What goes wrong under the window is told in words, costs no stroke and leaves nothing running."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QMessageBox

from annotator.gui import crash
from annotator.session.session import Session
from tests.gui.small_project import SCHEMA, add_case, make_project
from tests.gui.steps import (
    PATIENCE_MS,
    be,
    drawn_case,
    open_first_case,
    open_project,
    press,
    stroke,
)
from tests.small_disk import small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui
LINE = [(12.0, 14.0, 14.0), (12.0, 18.0, 18.0), (12.0, 22.0, 22.0)]


def verified(project: Path) -> tuple[str, ...]:
    with Session.open(project, read_only=True) as session:
        return session.store.verify()


def workers() -> list[int]:
    """Return the worker processes that this process has started."""
    found = []
    for entry in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        for child in entry.read_text(encoding="ascii").split():
            command = Path(f"/proc/{child}/cmdline")
            if command.exists() and b"annotator.jobs.worker" in command.read_bytes():
                found.append(int(child))
    return found


def pictures(directory: Path, n_pictures: int = 600) -> Path:
    """Write pictures that take a while to import."""
    directory.mkdir()
    noise = np.random.default_rng(1)
    for number in range(n_pictures):
        voxels = noise.integers(0, 255, (90, 90, 3), dtype=np.uint8)
        Image.fromarray(voxels).save(directory / f"{number}.png", compress_level=1)
    return directory


def begin_import(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> int:
    """Begin an import that takes seconds; return its process."""
    window.errands.import_paths([str(pictures(tmp_path / "pictures"))])
    qtbot.waitUntil(lambda: bool(workers()), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: window.jobs.progress.value() > 0, timeout=PATIENCE_MS)
    (process,) = workers()
    return process


def told(window: MainWindow, qtbot: QtBot) -> str:
    qtbot.waitUntil(window.notice.isVisible, timeout=PATIENCE_MS)
    return window.notice.words.text()


def test_a_job_that_fails_says_why_and_the_project_is_sound(
    window: MainWindow, qtbot: QtBot, read_project: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")
    open_project(window, qtbot, read_project)
    window.errands.export_to("nifti", str(tmp_path / "taken"))
    words = told(window, qtbot)
    assert words.startswith("Exporting did not work: ")
    assert str(tmp_path / "taken") in words
    assert not window.jobs.isVisible()
    window.errands.export_to("csv", str(tmp_path / "free"))
    qtbot.waitUntil(lambda: "files written" in window.notice.words.text(), timeout=PATIENCE_MS)
    window.close()
    assert verified(read_project) == ()


def test_a_worker_that_is_killed_takes_no_window_with_it(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_project(tmp_path / "p", n_cases=0)
    open_project(window, qtbot, tmp_path / "p")
    os.kill(begin_import(window, qtbot, tmp_path), signal.SIGKILL)
    words = told(window, qtbot)
    assert words.startswith("Importing did not work: ")
    assert "SIGKILL" in words
    window.close()
    assert verified(tmp_path / "p") == ()


def test_a_window_that_closes_takes_its_jobs_with_it(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_project(tmp_path / "p", n_cases=0)
    open_project(window, qtbot, tmp_path / "p")
    begin_import(window, qtbot, tmp_path)
    assert window.close()
    assert workers() == []
    with Session.open(tmp_path / "p", read_only=True) as session:
        (job,) = session.jobs.jobs()
        assert job.state == "cancelled"
        assert session.store.verify() == ()


@pytest.fixture
def watched(window: MainWindow) -> Iterator[MainWindow]:
    """Return a window whose unexpected errors go where they go in the program."""
    undo = crash.install(window)
    yield window
    undo()


def boxes(window: MainWindow) -> list[QMessageBox]:
    return [box for box in window.findChildren(QMessageBox) if box.isVisible()]


@pytest.mark.parametrize("where", ["slot", "worker"])
def test_an_error_that_nobody_expected_is_told_and_the_drawing_is_kept(
    watched: MainWindow,
    qtbot: QtBot,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("nobody expected this")

    open_project(watched, qtbot, project)
    be(watched, qtbot, "Dr Adams", "read")
    open_first_case(watched, qtbot)
    stroke(watched, qtbot, LINE)
    if where == "slot":
        monkeypatch.setattr(watched.rater.tools, "fit", fail)
        press(watched, Qt.Key.Key_0)
    else:
        qtbot.waitUntil(lambda: not watched.background.is_busy, timeout=PATIENCE_MS)
        watched.background.run("anything", fail, lambda _: None)
    qtbot.waitUntil(lambda: bool(boxes(watched)), timeout=PATIENCE_MS)
    (box,) = boxes(watched)
    assert "not prepared for" in box.text()
    assert "Your drawing is on disk" in box.informativeText()
    assert "nobody expected this" in box.detailedText()
    assert "nobody expected this" in capsys.readouterr().err
    opened = watched.rater.open_case
    assert opened is not None
    assert opened.drawing.is_saved
    box.accept()
    watched.activateWindow()
    qtbot.waitUntil(watched.isActiveWindow, timeout=PATIENCE_MS)
    press(watched, Qt.Key.Key_E)
    assert watched.rater.tools.tool == "eraser", "the window goes on"


def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 4_000):
        place = tmp_path / "disk" / "p"
        with Session.create(place, title="Small disk", schema=SCHEMA) as session:
            add_case(session, 1)
            session.add_rater("Dr Adams")
            session.assign()
        open_project(window, qtbot, place)
        be(window, qtbot, "Dr Adams", "read")
        open_first_case(window, qtbot)
        saving = window.rater.saving
        stroke(window, qtbot, LINE)
        qtbot.waitUntil(lambda: saving.words.text().startswith("Saved"), timeout=PATIENCE_MS)
        filler = fill_up(tmp_path / "disk" / "filler")
        for number in range(40):
            z = float(number % 24)
            stroke(window, qtbot, [(z, 10.0, 10.0), (z, 30.0, 10.0 + number % 20)])
            if window.rater.open_case is not None and window.rater.open_case.drawing.last_error:
                break
        qtbot.waitUntil(saving.retry.isVisible, timeout=PATIENCE_MS)
        assert saving.words.text().startswith("Could not save: ")
        assert "full" in saving.words.text()
        assert "kept in memory" in saving.words.text()
        assert not window.close(), "a window with strokes that are not on disk stays open"
        assert window.isVisible()
        opened = drawn_case(window)
        drawn = opened.drawing.mask.copy()
        filler.unlink()
        QTest.mouseClick(saving.retry, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.drawing.is_saved, timeout=PATIENCE_MS)
        qtbot.waitUntil(lambda: not saving.retry.isVisible(), timeout=PATIENCE_MS)
        assert window.close()
        with Session.open(place) as session:
            assert session.store.verify() == ()
            again = session.rater_room(session.people()[0].rater_id).open_case(opened.case.case_id)
            np.testing.assert_array_equal(again.drawing.mask, drawn)
            again.close()


def fill_up(path: Path) -> Path:
    """Write a file until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4_096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return path

"""From the first start to a worklist: projects, images, people, and what is said on the way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

from annotator.gui import settings as settings_file
from annotator.gui.new_project import NewProjectDialog
from annotator.gui.start import HINT
from annotator.session.session import Session
from tests.gui.small_project import make_project
from tests.gui.steps import PATIENCE_MS, be, drawn_case, open_project, press, stroke
from tests.small_disk import unwritable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui
N_MANY = 150
CTRL = Qt.KeyboardModifier.ControlModifier


def click(widget: QWidget) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def told(window: MainWindow, qtbot: QtBot) -> str:
    """Wait for a message and return its words."""
    qtbot.waitUntil(window.notice.isVisible, timeout=PATIENCE_MS)
    return window.notice.words.text()


def answer_file_dialog(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Let the system's dialog for a directory answer with a path."""
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(path))


def verified(project: Path) -> tuple[str, ...]:
    with Session.open(project, read_only=True) as session:
        return session.store.verify()


def write_picture(path: Path, seed: int, side: int = 48) -> None:
    noise = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, compress_level=1)


def test_a_newcomer_finds_the_next_step(window: MainWindow) -> None:
    start = window.start
    assert window.room_name == "start"
    assert start.new.isVisible()
    assert start.open.isVisible()
    assert not start.demo.isVisible(), "this window was given nothing that builds a demo"
    assert start.none_yet.isVisible()
    assert not start.recent.isVisible()
    assert window.bottom.hint.text() == HINT
    assert not window.top.back.isVisible(), "there is nowhere to go back to"


def test_a_project_that_was_open_is_listed_and_can_be_forgotten(
    window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    open_project(window, qtbot, project)
    window.settings.remember("/nowhere/Old trial")
    press(window, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert window.room_name == "start"
    rows = window.start.recent.rows()
    assert [(row.title, row.chip) for row in rows] == [("Old trial", "not found"), ("small", "")]
    window.start.recent.setCurrentRow(0)
    click(window.start.forget)
    assert [row.title for row in window.start.recent.rows()] == ["small"]
    kept, complaint = settings_file.load()
    assert complaint is None
    assert kept.recent == (str(project),)
    place = window.start.recent.visualItemRect(window.start.recent.item(0)).center()
    QTest.mouseClick(window.start.recent.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: window.room_name == "project", timeout=PATIENCE_MS)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda place: place.mkdir(), "not an annotator project"),
        (lambda place: None, "no such directory"),
        (lambda place: place.write_text("words"), "not an annotator project"),
    ],
    ids=["directory", "nothing", "file"],
)
def test_what_is_no_project_is_told_and_the_window_goes_on(
    window: MainWindow,
    qtbot: QtBot,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], object],
    word: str,
) -> None:
    make(tmp_path / "holiday")
    answer_file_dialog(monkeypatch, tmp_path / "holiday")
    click(window.start.open)
    words = told(window, qtbot)
    assert str(tmp_path / "holiday") in words
    assert word in words
    assert "make a project" in words, "what to do instead"
    assert window.room_name == "start"
    assert str(tmp_path / "holiday") not in window.settings.recent
    open_project(window, qtbot, project)
    assert not window.notice.isVisible()


def test_a_project_that_cannot_be_written_says_so_and_refuses_to_draw(
    window: MainWindow, qtbot: QtBot, project: Path, tmp_path: Path
) -> None:
    with unwritable(project, tmp_path) as place:
        open_project(window, qtbot, place)
        assert told(window, qtbot) == "This project is open for reading only."
        setup = window.project.setup
        for widget in (setup.folder, setup.files, setup.name, setup.assign):
            assert not widget.isEnabled()
        assert not window.book["project.import_folder"].isEnabled()
        be(window, qtbot, "Dr Adams", "read")
        press(window, Qt.Key.Key_N)
        qtbot.waitUntil(lambda: "reading only" in window.notice.words.text())
        qtbot.waitUntil(lambda: not window.background.is_busy, timeout=PATIENCE_MS)
        if window.rater.open_case is not None:
            stroke(window, qtbot, [(12.0, 14.0, 14.0), (12.0, 18.0, 18.0)])
            assert not drawn_case(window).drawing.mask.any()
        assert "Copy the project" in window.notice.words.text()
        window.back()
        window.back()
        assert window.session is None


def test_a_project_that_cannot_be_written_can_be_exported(
    window: MainWindow, qtbot: QtBot, read_project: Path, tmp_path: Path
) -> None:
    with unwritable(read_project, tmp_path) as place:
        open_project(window, qtbot, place)
        window.errands.export_to("nifti", str(tmp_path / "out"))
        qtbot.waitUntil(lambda: "files written" in window.notice.words.text(), timeout=PATIENCE_MS)
        assert list((tmp_path / "out").glob("*_labels.nii.gz"))
        window.back()


def test_a_project_is_made_with_name_folder_and_schema(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    tried: list[str] = []

    def fill() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, NewProjectDialog)
        tried.append("empty" if not dialog.make.isEnabled() else "")
        QTest.keyClicks(dialog.name, "Vessel study")
        dialog.folder.setText(str(tmp_path / "absent"))
        click(dialog.make)
        tried.append(dialog.complaint.text())
        dialog.folder.setText(str(tmp_path))
        place = dialog.schemas.findText("fundus", Qt.MatchFlag.MatchContains)
        assert place >= 0
        dialog.schemas.setFocus()
        while dialog.schemas.currentIndex() != place:
            QTest.keyClick(dialog.schemas, Qt.Key.Key_Down)
        assert "Labels:" in dialog.about.text()
        QTest.keyClick(dialog.name, Qt.Key.Key_Return)

    QTimer.singleShot(0, fill)
    press(window, Qt.Key.Key_N, CTRL)
    qtbot.waitUntil(lambda: window.project.facts is not None, timeout=PATIENCE_MS)
    assert tried == ["empty", f"There is no folder {tmp_path / 'absent'}."]
    assert window.session is not None
    assert window.session.project().title == "Vessel study"
    assert "fundus" in window.session.project().schema.title.casefold()
    assert (tmp_path / "Vessel study" / "project.sqlite").exists()
    assert "Ctrl+I" in window.bottom.hint.text(), "images come next"


def test_a_folder_of_mixed_content_is_imported_and_what_is_left_out_is_listed(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path / "p", n_cases=0)
    mixed = tmp_path / "mixed"
    (mixed / "deep").mkdir(parents=True)
    write_picture(mixed / "one.png", 1)
    write_picture(mixed / "deep" / "two.png", 2)
    (mixed / "letter.txt").write_text("Dear colleague")
    (mixed / "cut.png").write_bytes((mixed / "one.png").read_bytes()[:200])
    answer_file_dialog(monkeypatch, mixed)
    open_project(window, qtbot, tmp_path / "p")
    press(window, Qt.Key.Key_I, CTRL)
    qtbot.waitUntil(window.jobs.isVisible, timeout=PATIENCE_MS)
    assert window.jobs.words.text().startswith("Importing")
    assert window.jobs.cancel.isVisible()
    assert told(window, qtbot) == "2 new cases; 2 files were left out."
    assert not window.jobs.isVisible()
    click(window.notice.more)
    lines = window.notice.details.toPlainText().splitlines()
    assert len(lines) == 2
    assert "cut.png" in lines[0]
    assert lines[1].endswith("letter.txt: not an image format this program reads")
    qtbot.waitUntil(lambda: "2 cases" in window.project.setup.cases.text(), timeout=PATIENCE_MS)
    assert window.bottom.hint.text() == "Next, press Assign: every case gets its readers."
    click(window.project.setup.assign)
    qtbot.waitUntil(window.project.setup.assign_result.isVisible, timeout=PATIENCE_MS)
    assert window.project.setup.assign_result.text().startswith("8 new assignments")
    be(window, qtbot, "Dr Brown", "read")
    assert window.rater.worklist.cases.count() == 2
    window.close()
    assert verified(tmp_path / "p") == ()


def test_an_import_that_is_cancelled_leaves_a_sound_project(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_project(tmp_path / "p", n_cases=0)
    (tmp_path / "many").mkdir()
    for number in range(N_MANY):
        write_picture(tmp_path / "many" / f"{number}.png", number, side=300)
    open_project(window, qtbot, tmp_path / "p")
    window.errands.import_paths([str(tmp_path / "many")])
    qtbot.waitUntil(lambda: window.jobs.progress.value() > 0, timeout=PATIENCE_MS)
    started_s = time.monotonic()
    click(window.jobs.cancel)
    assert not window.jobs.cancel.isEnabled(), "it was heard"
    assert told(window, qtbot) == "Importing was cancelled; what was finished stays."
    assert time.monotonic() - started_s < 10
    assert window.session is not None
    assert len(window.session.cases()) < N_MANY
    window.close()
    assert verified(tmp_path / "p") == ()


def test_images_are_imported_to_trace_on(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    make_project(tmp_path / "p", n_cases=0)
    write_picture(tmp_path / "cell.png", 1, side=40)
    open_project(window, qtbot, tmp_path / "p")
    setup = window.project.setup
    setup.reads.setCurrentIndex(setup.reads.findData("tracing"))
    window.errands.import_paths([str(tmp_path / "cell.png")])
    assert told(window, qtbot).startswith("1 new cases")
    qtbot.waitUntil(lambda: "cell (traced)" in setup.cases.text(), timeout=PATIENCE_MS)
    assert window.session is not None
    (case,) = window.session.tracing_cases()
    assert case.reads == "tracing"
    reader = window.session.people()[0].rater_id
    window.session.store.assign(case.case_id, reader, 1, actor="system")
    window.read_cases(reader)
    qtbot.waitUntil(lambda: window.rater.worklist.cases.count() == 1, timeout=PATIENCE_MS)
    assert "to trace" in window.rater.worklist.cases.rows()[0].detail
    window.close()
    assert verified(tmp_path / "p") == ()

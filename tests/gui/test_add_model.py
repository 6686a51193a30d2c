"""A network that a user brings: found, corrected, mapped to the labels, its licence accepted."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QTest

from annotator.api.network_cards import card_from
from annotator.gui.add_model_dialog import AddModelDialog
from tests.gui.plugin_site import install_plugin
from tests.gui.small_project import READERS
from tests.gui.steps import PATIENCE_MS, open_project
from tests.gui.widget_walk import cut_off, unnamed

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton


SCROLLS = '''
import os
import signal

from annotator.api import NetworkCard, Plugin
from annotator.domain.errors import AnnotatorError


class Scrolls:
    """Files that end in .scroll; what they hold is the licence."""

    name = "scroll"
    title = "Scroll"

    def recognises(self, path):
        return path.suffix == ".scroll"

    def files(self, path):
        return (path,)

    def inspect(self, path):
        text = path.read_text()
        print("what a library prints is no answer")
        if "pickle" in text:
            raise AnnotatorError("it holds a pickle, which could run anything")
        if "poison" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        return NetworkCard(
            title="Old scroll",
            n_dims=3,
            n_channels=1,
            labels=((1, "lesion"), (2, "Something else")),
            licence=text,
        )

    def open(self, *_, **__):
        raise AssertionError("nothing is opened before it is used")


plugin = Plugin(name="moods", network_formats=(Scrolls,))
'''


@pytest.fixture
def dialog(
    window: MainWindow,
    qtbot: QtBot,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AddModelDialog:
    install_plugin(tmp_path, monkeypatch, SCROLLS)
    open_project(window, qtbot, project)
    QTest.mouseClick(window.project.setup.models, LEFT)
    models = window.errands.models.list
    assert models is not None
    QTest.mouseClick(models.add, LEFT)
    qtbot.waitUntil(lambda: bool(models.findChildren(AddModelDialog)), timeout=PATIENCE_MS)
    (found,) = models.findChildren(AddModelDialog)
    return found


def look(dialog: AddModelDialog, qtbot: QtBot, path: Path, words: str) -> None:
    dialog.path.setText(str(path))
    QTest.keyClick(dialog.path, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: words in dialog.words.text(), timeout=PATIENCE_MS)


def test_a_network_is_taken_in_with_what_the_user_knows(
    window: MainWindow, qtbot: QtBot, dialog: AddModelDialog, tmp_path: Path
) -> None:
    place = tmp_path / "old.scroll"
    place.write_text("Do as you like.")
    assert dialog.guide.isVisible(), "what can be added is told until something was found"
    assert cut_off(dialog) == []
    QTest.mouseClick(dialog.guide.copy, LEFT)
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    assert card_from(json.loads(clipboard.text()), what="the example").title == "Liver tumours"
    look(dialog, qtbot, place, "Found: Scroll")
    qtbot.wait(30)
    assert not dialog.guide.isVisible()
    assert unnamed(dialog) == []
    assert cut_off(dialog) == []
    assert "Do as you like." in dialog.licence.text()
    assert dialog.labels() == {1: "1"}, "by name; what has none draws nothing"
    assert not dialog.add.isEnabled(), "the licence comes first"
    assert dialog.missing.text() == "Read and accept the licence."
    dialog.outputs[1].setCurrentIndex(0)
    assert dialog.missing.text().startswith("Choose what at least one output draws, and read")
    dialog.outputs[1].setCurrentIndex(dialog.outputs[1].findData(1))
    dialog.outputs[2].setCurrentIndex(dialog.outputs[2].findText("Organ"))
    assert dialog.form is not None
    dialog.form.card.fields["title"].setText("My scroll")  # type: ignore[attr-defined]
    dialog.form.card.fields["spacing_mm"].setText("[2, 1, 1]")  # type: ignore[attr-defined]
    dialog.form.intensity.fields["scaling"].setCurrentText("range")  # type: ignore[attr-defined]
    dialog.person.setCurrentText(READERS[1])
    QTest.keyClick(dialog.agrees, Qt.Key.Key_Space)
    QTest.mouseClick(dialog.add, LEFT)
    assert window.session is not None
    session = window.session
    qtbot.waitUntil(lambda: bool(session.networks()), timeout=PATIENCE_MS)
    (network,) = session.networks()
    assert (network.card.title, network.card.spacing_mm) == ("My scroll", (2.0, 1.0, 1.0))
    assert network.card.intensity.scaling == "range"
    assert network.label_values == ((1, 1), (2, 2))
    assert network.licence_accepted_by == READERS[1]
    assert network.files == (("old.scroll", hashlib.sha256(b"Do as you like.").hexdigest()),)
    models = window.errands.models.list
    assert models is not None
    qtbot.waitUntil(
        lambda: models.entry is not None and models.entry.title == "My scroll", timeout=PATIENCE_MS
    )
    assert models.entry is not None
    assert models.entry.kind == "supplied"
    assert f"Accepted by {READERS[1]}" in dict(models.entry.card)["Licence"]
    QTest.mouseClick(models.remove, LEFT)
    qtbot.waitUntil(lambda: not session.networks(), timeout=PATIENCE_MS)
    assert place.exists()


def test_what_is_no_network_is_told_in_words(
    qtbot: QtBot, dialog: AddModelDialog, tmp_path: Path
) -> None:
    (tmp_path / "bad.scroll").write_text("a pickle")
    look(dialog, qtbot, tmp_path / "bad.scroll", "It holds a pickle")
    assert not dialog.add.isEnabled()
    look(dialog, qtbot, tmp_path / "none.scroll", "There is no file or folder")


def test_a_file_that_ends_what_reads_it_leaves_the_window(
    window: MainWindow, qtbot: QtBot, dialog: AddModelDialog, tmp_path: Path
) -> None:
    place = tmp_path / "poison.scroll"
    place.write_text("poison")
    look(dialog, qtbot, place, "The process that looked at poison.scroll ended")
    assert "Nothing of it was taken in" in dialog.words.text()
    assert not dialog.add.isEnabled()
    place.write_text("Do as you like.")
    look(dialog, qtbot, place, "Found: Scroll")
    assert window.session is not None
    assert window.session.networks() == ()

"""A plugin that does not work is named in the window, with what it said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from annotator.gui.models_dialog import ModelsDialog
from annotator.gui.run_dialog import RunDialog
from annotator.session.session import Session
from tests.gui.plugin_site import install_plugin
from tests.gui.steps import PATIENCE_MS, open_project

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui
BROKEN_PLUGIN = """
from annotator.api import ModelCard, Plugin
from pydantic import BaseModel


class NoParameters(BaseModel):
    pass


class Moody:
    name = "moody"
    version = "1"
    parameters = NoParameters
    card = ModelCard(
        title="Moody model", what_it_draws="nothing", works_on="CT", limits="fails", licence="none"
    )

    def refuses(self, series, schema):
        return None

    def predict(self, voxels, series, schema, parameters, progress):
        raise ZeroDivisionError("division by zero")


plugin = Plugin(name="moods", models=(Moody,))
"""


def told(window: MainWindow, qtbot: QtBot) -> str:
    qtbot.waitUntil(window.notice.isVisible, timeout=PATIENCE_MS)
    return window.notice.words.text()


def open_models(window: MainWindow, qtbot: QtBot) -> ModelsDialog:
    QTest.mouseClick(window.project.setup.models, Qt.MouseButton.LeftButton)
    (dialog,) = window.findChildren(ModelsDialog)
    qtbot.waitUntil(lambda: dialog.table.rowCount() > 0, timeout=PATIENCE_MS)
    return dialog


def test_a_plugin_that_raises_is_named(
    window: MainWindow,
    qtbot: QtBot,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_plugin(tmp_path, monkeypatch, BROKEN_PLUGIN)
    open_project(window, qtbot, project)
    dialog = open_models(window, qtbot)
    dialog.table.choose("moody")
    assert dialog.entry is not None
    assert dialog.entry.title == "Moody model"
    QTest.mouseClick(dialog.run, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(dialog.findChildren(RunDialog)), timeout=PATIENCE_MS)
    (asked,) = dialog.findChildren(RunDialog)
    QTest.mouseClick(asked.run, Qt.MouseButton.LeftButton)
    everything = told(window, qtbot) + window.notice.details.toPlainText()
    assert "Moody model" in everything
    assert "division by zero" in everything
    assert "left out" in window.notice.words.text()
    window.close()
    with Session.open(project, read_only=True) as session:
        assert session.store.verify() == ()


def test_a_plugin_that_cannot_be_loaded_is_named(
    window: MainWindow,
    qtbot: QtBot,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_plugin(tmp_path, monkeypatch, "import a_module_that_nobody_has")
    open_project(window, qtbot, project)
    dialog = open_models(window, qtbot)
    assert told(window, qtbot) == "A plugin cannot be used: moods."
    assert "a_module_that_nobody_has" in window.notice.details.toPlainText()
    assert dialog.table.rowCount() > 0, "the others can"

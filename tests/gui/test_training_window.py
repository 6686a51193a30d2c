"""Training in the window: started, watched, broken off, taken up again, stopped, run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from annotator.domain.errors import AnnotatorError
from annotator.gui.curve_plot import CurvePlot
from annotator.gui.example_picture import ExamplePicture
from annotator.gui.plot_frame import round_steps
from annotator.gui.run_dialog import RunDialog
from annotator.gui.training_screen import split_curves
from tests.gui.plugin_site import install_plugin
from tests.gui.small_project import ball
from tests.gui.steps import JOB_MS, PATIENCE_MS, open_project, press
from tests.gui.widget_walk import cut_off, unnamed

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.training_dialog import TrainingDialog
    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
TRAINER = """
import time

import numpy as np
from annotator.api import Learned, Plugin, Prediction
from pydantic import BaseModel, Field


class Settings(BaseModel):
    rounds: int = Field(default=2000, ge=1, description="most rounds")
    stop_after: int | None = None


class Patient:
    name = "patient"
    title = "Patient trainer"
    version = "1"
    parameters = Settings
    takes_trust = False
    needs_target = False
    draws = True

    def train(self, cases, parameters, progress):
        raise NotImplementedError

    def train_at(self, cases, parameters, progress, desk):
        start, stopped = int(desk.kept() or b"0"), None
        image = np.zeros((20, 20), np.float32)
        square = np.zeros((20, 20), np.uint8)
        square[5:15, 5:15] = 1
        for epoch in range(start, parameters.rounds):
            progress(epoch / parameters.rounds, f"round {epoch + 1}")
            desk.log(epoch, {"loss": 1 / (epoch + 1), "Dice": 1 - 1 / (epoch + 2)})
            desk.show_example("Chest 0, slice 13", image, square, np.roll(square, 2, axis=1))
            desk.keep(str(epoch + 1).encode())
            if desk.should_stop():
                stopped = epoch
                break
            time.sleep(0.05)
        return Learned(content=b"all", summary=("It was patient.",), stopped_after=stopped)

    def predict(self, learned, image, spacing_mm, *, trust, progress):
        shape = image.shape[:3]
        drawn = np.zeros((2, *shape), np.float32)
        drawn[1, 4:8, 4:20, 4:20] = 1
        drawn[0] = 1 - drawn[1]
        return Prediction(labels=(0, 1), probability=drawn)


plugin = Plugin(name="patience", trainers=(Patient,))
"""


@pytest.fixture
def dialog(
    window: MainWindow,
    qtbot: QtBot,
    read_project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> TrainingDialog:
    install_plugin(tmp_path, monkeypatch, TRAINER)
    open_project(window, qtbot, read_project)
    press(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.errands.models.trainings is not None, timeout=PATIENCE_MS)
    found = window.errands.models.trainings
    assert found is not None
    found.form.choose("patient")
    return found


def wait_for_state(dialog: TrainingDialog, qtbot: QtBot, state: str) -> None:
    qtbot.waitUntil(
        lambda: dialog.sight.entry is not None and dialog.sight.entry.state == state,
        timeout=JOB_MS,
    )


def wait_for_rounds(dialog: TrainingDialog, qtbot: QtBot, least: int) -> None:
    qtbot.waitUntil(lambda: len(dialog.sight.loss.curves.get("loss", ())) >= least, timeout=JOB_MS)


def test_a_training_is_watched_broken_off_taken_up_stopped_and_run(
    window: MainWindow,
    qtbot: QtBot,
    dialog: TrainingDialog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert window.session is not None
    assert dialog.sight.save_curve.isHidden(), "there is no curve yet"
    QTest.mouseClick(dialog.form.start, LEFT)
    wait_for_state(dialog, qtbot, "under way")
    wait_for_rounds(dialog, qtbot, 3)
    assert dialog.sight.score.curves["Dice"][0] == (1, 0.5), "rounds count from 1 for a person"
    (picture,) = [one for one in dialog.sight.pictures if one.isVisible()]
    assert "Dice 0.80" in picture.accessibleName()
    assert unnamed(dialog) == []
    assert cut_off(dialog) == []
    QTest.mouseClick(dialog.sight.cancel, LEFT)
    wait_for_state(dialog, qtbot, "left")
    n_rounds = len(dialog.sight.loss.curves["loss"])
    assert dialog.sight.go_on.text() == "Go on"
    QTest.mouseClick(dialog.sight.go_on, LEFT)
    wait_for_state(dialog, qtbot, "under way")
    wait_for_rounds(dialog, qtbot, n_rounds + 2)
    assert len(dialog.table._keys) == 1, "the same training"
    QTest.mouseClick(dialog.sight.stop, LEFT)
    assert not dialog.sight.stop.isEnabled(), "once is enough"
    wait_for_state(dialog, qtbot, "stopped")
    (model,) = window.session.trained_models()
    assert model.summary == ("It was patient.",)
    saved = tmp_path / "curve.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(saved), "CSV (*.csv)"))
    QTest.mouseClick(dialog.sight.save_curve, LEFT)
    qtbot.waitUntil(lambda: str(saved) in dialog.words.text(), timeout=PATIENCE_MS)
    header, first, *_ = saved.read_text(encoding="utf-8").splitlines()
    assert header == "round,loss,Dice,seconds"
    assert first.startswith("1,1.0,0.5,")
    QTest.mouseClick(dialog.sight.run, LEFT)
    qtbot.waitUntil(lambda: bool(window.findChildren(RunDialog)), timeout=PATIENCE_MS)
    (run,) = window.findChildren(RunDialog)
    assert run.run.text() == "Run on one case"
    run.reject()
    QTest.mouseClick(dialog.sight.card, LEFT)
    models = window.errands.models.list
    assert models is not None
    qtbot.waitUntil(
        lambda: models.entry is not None and models.entry.key == model.fit_id, timeout=PATIENCE_MS
    )
    assert models.entry is not None
    assert dict(models.entry.card)["What it learned"] == "It was patient."


def test_the_form_offers_what_a_trainer_can_learn_from(dialog: TrainingDialog) -> None:
    form = dialog.form
    targets = [form.target.itemData(place) for place in range(form.target.count())]
    assert targets[:3] == ["", "readings", "adjudicated"]
    assert "staple" in targets
    form.target.setCurrentIndex(2)
    assert form.parameters() == {"trainer": "patient", "target": "adjudicated", "parameters": {}}
    form.settings.fields["rounds"].setValue(7)  # type: ignore[attr-defined]
    assert form.parameters()["parameters"] == {"rounds": 7}
    form.settings.fields["stop_after"].setText("[1")  # type: ignore[attr-defined]
    with pytest.raises(AnnotatorError, match="stop after cannot be read"):
        form.parameters()


def test_axes_carry_round_numbers_round_the_values() -> None:
    assert round_steps(0, 30, 6) == [0, 10, 20, 30]
    assert round_steps(0.13, 0.91, 5) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    for low, high in ((0.001, 0.0013), (-4.0, 7.5), (2.0, 2.0)):
        steps = round_steps(low, high, 5)
        assert steps[0] <= low
        assert steps[-1] >= high
        assert 2 <= len(steps) <= 9
        assert np.allclose(np.diff(steps), steps[1] - steps[0])


def test_the_best_point_is_marked_and_told(qtbot: QtBot) -> None:
    loss, score = split_curves(
        {"Dice": ((0, 0.2), (1, 0.8), (2, 0.7)), "loss": ((0, 0.9), (1, 0.3), (2, 0.4))}
    )
    for plot, curves, best in (
        (CurvePlot("Loss", "smallest"), loss, ("loss", (2, 0.3))),
        (CurvePlot("Score", "largest"), score, ("Dice", (2, 0.8))),
    ):
        qtbot.addWidget(plot)
        plot.resize(380, 220)
        empty = plot.grab().toImage()
        plot.set_curves(curves)
        assert plot.best_point(best[0]) == best[1]
        assert f"{best[0]}: " in plot.accessibleDescription()
        assert plot.grab().toImage() != empty


def test_an_example_shows_what_is_right_and_what_was_drawn(qtbot: QtBot) -> None:
    picture = ExamplePicture(lambda value: "#ff0000" if value == 1 else "#00ff00")
    qtbot.addWidget(picture)
    right, drawn = ball((12, 18, 18), 8)[12], ball((12, 18, 22), 8)[12]
    picture.show_example("Chest 0", np.zeros(right.shape, np.float32), right, drawn)
    image = picture.grab().toImage()
    colors = {image.pixelColor(x, y).name() for x in range(190) for y in range(190)}
    assert "#ff0000" in colors, "the outline that was drawn"
    assert "#ffffff" in colors, "the outline that is right"

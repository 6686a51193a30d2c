"""The third tab of the review: a trained model's drawing follows the trust in each rater."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from annotator.domain.errors import AnnotatorError
from annotator.session.trained_models import TrainedModel
from tests.gui.small_project import REVIEWER
from tests.gui.steps import PATIENCE_MS, be, open_project, press

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from annotator.gui.review_desk import ReviewDesk
    from annotator.gui.window import MainWindow
    from annotator.session.session import Session

pytestmark = pytest.mark.gui


@pytest.fixture
def window(same_window: MainWindow) -> MainWindow:
    """Return the window that all these tests use."""
    return same_window


class MeanOfReadings:
    """Stands for a model's process: the weighted mean of the readings, cut at one half."""

    def __init__(self, session: Session, case_id: str) -> None:
        from annotator.analysis.runs import decode

        self.masks = {
            entry.rater_id: decode(session.store.annotation_mask(entry.annotation_id)) == 1
            for entry in session.store.annotations(case_id, latest=True)
        }
        self.asked: list[dict[str, float]] = []
        self.is_closed = False
        self.breaks = False

    def ask(self, trust: Mapping[str, float], at: int | None = None) -> NDArray[np.unsignedinteger]:
        if self.breaks:
            raise AnnotatorError("the process of the trained model ended")
        self.asked.append(dict(trust))
        weights = {name: trust.get(name, 0.0) if trust else 1.0 for name in self.masks}
        total = np.sum([weights[name] * mask for name, mask in self.masks.items()], axis=0)
        mask = np.asarray(total > sum(weights.values()) / 2).astype(np.uint8)
        return mask if at is None else mask[at : at + 1]

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def model(
    window: MainWindow, qtbot: QtBot, read_project: Path, monkeypatch: pytest.MonkeyPatch
) -> MeanOfReadings:
    """Open the first review case with a model that is the mean of its readings."""
    open_project(window, qtbot, read_project)
    session = window.session
    assert session is not None
    be(window, qtbot, REVIEWER, "review")
    qtbot.waitUntil(lambda: window.review.queue.cases.count() > 0, timeout=PATIENCE_MS)
    made: list[MeanOfReadings] = []

    def warm_model(fit_id: str, case_id: str) -> MeanOfReadings:
        made.append(MeanOfReadings(session, case_id))
        return made[-1]

    raters = tuple((one.rater_id, one.name) for one in session.people())
    known = TrainedModel(
        fit_id="f" * 64,
        title="Mean",
        takes_trust=True,
        draws=True,
        raters=raters[:3],
        summary=("Learned from 3 readings.",),
        created_at="2026-01-02T03:04:05",
    )
    monkeypatch.setattr(session, "trained_models", lambda: (known,))
    monkeypatch.setattr(session, "warm_model", warm_model)
    press(window, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: window.review.desk is not None, timeout=PATIENCE_MS)
    assert window.review.desk is not None
    window.review.desk.panel.tabs.setCurrentIndex(2)
    qtbot.waitUntil(
        lambda: window.review.desk is not None and window.review.desk.panel.model.model is not None,
        timeout=PATIENCE_MS,
    )
    press(window, Qt.Key.Key_T)
    qtbot.waitUntil(lambda: bool(made and made[0].asked), timeout=PATIENCE_MS)
    return made[0]


def is_shown(desk: ReviewDesk, n_voxels: int) -> bool:
    contour = desk._model
    return contour is not None and np.count_nonzero(contour.mask) == n_voxels


def test_the_drawing_follows_the_sliders(
    window: MainWindow, qtbot: QtBot, model: MeanOfReadings
) -> None:
    desk = window.review.desk
    assert desk is not None
    panel = desk.panel.model
    qtbot.waitUntil(lambda: desk._model is not None, timeout=PATIENCE_MS)
    z = desk.canvas.position[0]
    for own in panel._sliders:
        for rater_id, slider in panel._sliders.items():
            slider.setValue(100 if rater_id == own else 0)
        if own not in model.masks:
            continue
        expected = int(model.masks[own][z].sum())
        qtbot.waitUntil(partial(is_shown, desk, expected), timeout=PATIENCE_MS)
    n_asked = len(model.asked)
    QTest.mouseClick(panel.alike, Qt.MouseButton.LeftButton)
    # All alike. What was asked on the way there may be worked out last, and is shown to nobody.
    qtbot.waitUntil(lambda: {} in model.asked[n_asked:], timeout=PATIENCE_MS)
    press(window, Qt.Key.Key_T)
    assert desk._model is None


def test_another_slice_is_drawn_when_it_is_looked_at(
    window: MainWindow, qtbot: QtBot, model: MeanOfReadings
) -> None:
    desk = window.review.desk
    assert desk is not None
    z, y, x = desk.canvas.position
    other = z + 1 if z + 1 < desk.case.series.geometry.shape[0] else z - 1
    n_asked = len(model.asked)
    desk.canvas.set_position((other, y, x))
    qtbot.waitUntil(lambda: len(model.asked) > n_asked, timeout=PATIENCE_MS)


def test_a_model_that_ends_is_told_and_takes_nothing_with_it(
    window: MainWindow, qtbot: QtBot, model: MeanOfReadings
) -> None:
    desk = window.review.desk
    assert desk is not None
    panel = desk.panel.model
    model.breaks = True
    next(iter(panel._sliders.values())).setValue(90)
    qtbot.waitUntil(lambda: "ended" in panel.words.text(), timeout=PATIENCE_MS)
    assert not panel.show_drawing.isChecked()
    assert model.is_closed
    assert window.review.desk is desk


def test_leaving_the_case_ends_the_model(
    window: MainWindow, qtbot: QtBot, model: MeanOfReadings
) -> None:
    window.back()
    assert model.is_closed

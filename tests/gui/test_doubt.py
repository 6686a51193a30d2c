"""Where a model was unsure: over the image for the rater who started from it, and in the review."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt

from annotator.analysis.runs import encode
from annotator.domain.errors import AccessDeniedError, AnnotatorError
from annotator.gui.doubt_layer import NOTHING
from annotator.session.session import Session
from annotator.store.prediction_maps import PredictionMap
from tests.gui.small_project import READERS, REVIEWER, SHAPE, ball
from tests.gui.steps import (
    JOB_MS,
    PATIENCE_MS,
    be,
    drawn_case,
    open_first_case,
    open_project,
    press,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui

MASK = ball((12, 18, 18), 7)
LEVELS = np.where(MASK > 0, 128, 255).astype(np.uint8)
"""Kept as ``1 + round(254 * value)``: half unsure inside, wholly outside."""


def add_prediction(session: Session, name: str, case_id: str) -> str:
    rater = session.store.add_rater(name, is_model=True, actor="system")
    kept = PredictionMap(kind="uncertainty", label=0, content=encode(LEVELS))
    annotation = session.store.add_prediction(
        case_id, rater.rater_id, encode(MASK), [kept], actor="system"
    )
    return annotation.annotation_id


def heat(window: MainWindow) -> tuple[str, NDArray[np.float32] | None]:
    is_rater = window.room_name == "rater"
    canvas = (window.rater if is_rater else window.review.masks).holder.canvas
    assert canvas is not None
    return canvas._marks.heat_title, canvas._views._heat


def test_a_rater_sees_where_the_model_was_unsure(
    window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    with Session.open(project) as session:
        for case in session.cases():
            add_prediction(session, f"Net {case.title}", case.case_id)
    open_project(window, qtbot, project)
    be(window, qtbot, READERS[0], "read")
    open_first_case(window, qtbot)
    press(window, Qt.Key.Key_U)
    assert "did not start from a model" in window.bottom.hint.text()
    opened = drawn_case(window)
    assert opened is not None
    (suggested,) = opened.suggestions
    window.rater.start_from(suggested[0])
    press(window, Qt.Key.Key_U)
    qtbot.waitUntil(lambda: heat(window)[0] != "", timeout=PATIENCE_MS)
    title, shown = heat(window)
    assert title == f"Uncertainty of {suggested[1]}"
    assert shown is not None
    assert shown.shape == SHAPE
    np.testing.assert_allclose(shown[MASK > 0], 0.5, atol=0.002)
    np.testing.assert_allclose(shown[MASK == 0], 1.0)
    assert window.book["show.start_doubt"].isChecked()
    press(window, Qt.Key.Key_U)
    assert heat(window)[0] == ""
    with pytest.raises(AccessDeniedError):
        opened.doubt("a reading of somebody else")


def test_a_reviewer_steps_through_the_models(
    window: MainWindow, qtbot: QtBot, read_project: Path
) -> None:
    with Session.open(read_project) as session:
        (case,) = session.cases()
    open_project(window, qtbot, read_project)
    be(window, qtbot, REVIEWER, "review")
    press(window, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: window.review.desk is not None, timeout=JOB_MS)
    press(window, Qt.Key.Key_6)
    qtbot.waitUntil(lambda: window.bottom.hint.text() == NOTHING, timeout=PATIENCE_MS)
    assert window.session is not None
    for name in ("First net", "Second net"):
        add_prediction(window.session, name, case.case_id)
    for title in ("Uncertainty of First net", "Uncertainty of Second net", ""):
        press(window, Qt.Key.Key_6)
        qtbot.waitUntil(lambda title=title: heat(window)[0] == title, timeout=PATIENCE_MS)  # type: ignore[misc]
        assert ("doubt" in window.review.masks.shown) == bool(title)
    press(window, Qt.Key.Key_6)
    qtbot.waitUntil(lambda: heat(window)[0] == "Uncertainty of First net", timeout=PATIENCE_MS)
    press(window, Qt.Key.Key_2)
    assert heat(window)[0].startswith("Disagreement"), "one map at a time"
    press(window, Qt.Key.Key_6)
    qtbot.waitUntil(lambda: heat(window)[0] == "Uncertainty of First net", timeout=PATIENCE_MS)


def test_a_reading_without_a_map_says_so(read_project: Path) -> None:
    from annotator.session.model_doubt import doubt_of

    with Session.open(read_project) as session:
        reading = session.store.annotations()[0]
        with pytest.raises(AnnotatorError, match="run it with uncertainty"):
            doubt_of(session.store, reading.annotation_id)

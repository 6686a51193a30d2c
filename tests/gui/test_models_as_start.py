"""Models' drawings as a start, in the window: what the panel says, the share without, the page."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from annotator.analysis.runs import decode, encode
from annotator.domain.reading import Diagnosis
from annotator.drawing.gesture import Gesture, Held
from annotator.gui.canvas_holder import import_canvas
from annotator.gui.quality_dialog import QualityDialog
from annotator.session.session import Session
from tests.gui.small_project import READERS, REVIEWER, ball
from tests.gui.steps import PATIENCE_MS, be, drawn_case, open_first_case, open_project, stroke

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui

DIAGNOSIS = Diagnosis(answers=(("dx", "yes"), ("size", "16")), confidence=0.75)


class Slow(Gesture):
    """A stroke that is still being written when something else begins."""

    name = "slow"

    def catch_up(self) -> None:
        time.sleep(0.2)
        self._recorder.paint((0, 0, 0), np.ones((1, 2, 2), np.bool_), 1)


@pytest.fixture
def with_model(window: MainWindow, project: Path) -> Path:
    """Return a project whose cases a model has read."""
    import_canvas()  # on a busy machine it takes longer than any of these tests waits
    with Session.open(project) as session:
        model = session.store.add_rater("Body model", is_model=True, actor="system")
        for case in session.cases():
            session.store.add_annotation(
                case.case_id,
                model.rater_id,
                encode(ball((12, 18, 18), 8)),
                Diagnosis(),
                actor="system",
            )
    return project


def test_panel_says_how_much_was_changed(
    window: MainWindow, qtbot: QtBot, with_model: Path
) -> None:
    open_project(window, qtbot, with_model)
    be(window, qtbot, READERS[0], "read")
    open_first_case(window, qtbot)
    opened, panel = drawn_case(window), window.rater.panel
    assert opened is not None
    assert panel is not None
    assert not panel.started.isVisible()
    canvas = window.rater.masks.holder.canvas
    assert canvas is not None
    assert canvas.surface is not None
    canvas._gestures._desk._write(Slow(canvas.surface, Held(label=1), plane=0, index=0))
    window.rater.start_from(opened.suggestions[0][0])
    np.testing.assert_array_equal(opened.drawing.mask, decode(encode(ball((12, 18, 18), 8))))
    qtbot.waitUntil(lambda: "0 % changed so far" in panel.started.text(), timeout=PATIENCE_MS)
    assert panel.started.isVisible()
    assert panel.started.text().startswith("Started from Body model, a model")
    stroke(window, qtbot, [(12, 30, 10), (12, 32, 30)])
    qtbot.waitUntil(lambda: "; 0 %" not in panel.started.text(), timeout=PATIENCE_MS)
    share = opened.drawing.changed_share()
    assert share is not None
    assert 0 < share < 1
    said = "less than 1" if share < 0.005 else f"{100 * share:.0f}"
    assert f"; {said} % changed so far." in panel.started.text()
    window.rater.tools.undo()
    qtbot.waitUntil(lambda: "; 0 % changed" in panel.started.text(), timeout=PATIENCE_MS)
    window.rater.tools.undo()
    qtbot.waitUntil(lambda: not panel.started.isVisible(), timeout=PATIENCE_MS)
    assert opened.drawing.changed_share() is None


def test_share_without_a_model_is_kept_and_followed(
    window: MainWindow, qtbot: QtBot, with_model: Path
) -> None:
    open_project(window, qtbot, with_model)
    assert window.session is not None
    QTest.mouseClick(window.project.setup.quality, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(window.findChildren(QualityDialog)), timeout=PATIENCE_MS)
    (dialog,) = window.findChildren(QualityDialog)
    page = dialog.without_model
    assert page.share.value() == 0
    dialog.tabs.setCurrentWidget(page)
    page.share.setValue(100)
    QTest.mouseClick(page.keep, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "100 %" in dialog.words.text(), timeout=PATIENCE_MS)
    assert window.session.quality.share_without_model == 1.0
    dialog.accept()
    be(window, qtbot, READERS[0], "read")
    window.rater.next_case()
    qtbot.waitUntil(lambda: window.rater.open_case is not None, timeout=PATIENCE_MS)
    assert window.rater.open_case is not None
    assert window.rater.open_case.suggestions == ()


def test_report_shows_what_became_of_models(
    window: MainWindow, qtbot: QtBot, with_model: Path
) -> None:
    with Session.open(with_model) as session:
        case_id = session.cases()[0].case_id
        for name in READERS:
            opened = session.rater_room(name).open_case(case_id)
            if name == READERS[0]:
                opened.start_from(opened.suggestions[0][0])
            opened.drawing.set_diagnosis(DIAGNOSIS)
            opened.submit()
        session.fuse(case_id, "majority")
    open_project(window, qtbot, with_model)
    be(window, qtbot, REVIEWER, "review")
    window.open_report()
    qtbot.waitUntil(lambda: window.report.plot is not None, timeout=PATIENCE_MS)
    page = window.report.quality
    titles = [window.report.tabs.tabText(place) for place in range(window.report.tabs.count())]
    window.report.tabs.setCurrentIndex(titles.index("Quality"))
    qtbot.waitUntil(lambda: page.reports is not None, timeout=PATIENCE_MS)
    assert page.taken.rowCount() == len(READERS)
    cells = [page.taken.item(0, column) for column in range(page.taken.columnCount())]
    words = [cell.text() for cell in cells if cell is not None]
    assert words[:7] == [READERS[0], "Body model", "1 of 1", "0", "100 %", "0 %", "0.00"]
    assert "taken as a start 1 of 3 times" in page.about_models.text()
    assert page.shown.rowCount() == 0

"""Models side by side on a case: held against each other, and in the review against what holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from annotator.analysis.runs import encode
from annotator.domain.reading import Diagnosis
from annotator.gui.model_comparison_dialog import ModelComparisonDialog
from annotator.session.session import Session
from tests.gui.small_project import REVIEWER, ball
from tests.gui.steps import JOB_MS, PATIENCE_MS, be, open_project, press
from tests.gui.widget_walk import cut_off, unnamed

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui

LARGE, SMALL = ball((12, 18, 18), 8), ball((12, 18, 18), 5)


@pytest.fixture
def two_models(read_project: Path) -> Path:
    """Return a project whose first case has three readings, and those of two models."""
    with Session.open(read_project) as session:
        (case,) = session.cases()
        for name, mask in (("Threshold 1", LARGE), ("A network with quite a long name 2", SMALL)):
            rater = session.store.add_rater(name, is_model=True, actor="system")
            session.store.add_annotation(
                case.case_id, rater.rater_id, encode(mask), Diagnosis(), actor="system"
            )
    return read_project


def shown(window: MainWindow, qtbot: QtBot) -> ModelComparisonDialog:
    qtbot.waitUntil(lambda: bool(window.findChildren(ModelComparisonDialog)), timeout=PATIENCE_MS)
    (dialog,) = window.findChildren(ModelComparisonDialog)
    qtbot.waitUntil(lambda: bool(dialog.pictures), timeout=PATIENCE_MS)
    qtbot.wait(30)
    assert unnamed(dialog) == []
    assert cut_off(dialog) == []
    return dialog


def cells(dialog: ModelComparisonDialog) -> list[list[str]]:
    table = dialog.table
    items = [
        [table.item(row, column) for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]
    return [[item.text() if item else "" for item in row] for row in items]


def test_models_are_held_against_each_other_only_where_nobody_reviews(
    window: MainWindow, qtbot: QtBot, two_models: Path
) -> None:
    open_project(window, qtbot, two_models)
    window.errands.models.compare()
    dialog = shown(window, qtbot)
    assert len(dialog.pictures) == 2
    n_small, n_large = int(np.count_nonzero(SMALL)), int(np.count_nonzero(LARGE))
    dice = 2 * n_small / (n_small + n_large)
    (row,) = cells(dialog)
    assert row[:2] == ["Lesion", f"{dice:.3f}"]
    assert dialog.slider.value() == 12, "where most is drawn"
    QTest.keyClick(dialog, Qt.Key.Key_Up)
    assert dialog.slice.text() == "Slice 14 of 24"
    assert "cm³" in dialog.volumes.accessibleDescription()


def test_a_reviewer_sees_them_against_the_fusion(
    window: MainWindow, qtbot: QtBot, two_models: Path
) -> None:
    open_project(window, qtbot, two_models)
    be(window, qtbot, REVIEWER, "review")
    press(window, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: window.review.desk is not None, timeout=JOB_MS)
    press(window, Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    dialog = shown(window, qtbot)
    assert len(dialog.pictures) == 3
    assert "Dashed: the fusion by staple" in dialog.about.text()
    assert not dialog.case.isEnabled(), "the case that is open"
    found = {row[3]: row[1] for row in cells(dialog)}
    assert len(found) == 3
    desk = window.review.desk
    assert desk is not None
    fused = desk.case.fused
    shared = 2 * np.count_nonzero((fused == 1) & (LARGE == 1))
    dice = shared / (np.count_nonzero(fused == 1) + np.count_nonzero(LARGE))
    assert found["Threshold 1 – the fusion by staple"] == f"{dice:.3f}"

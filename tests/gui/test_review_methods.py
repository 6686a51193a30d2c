"""Methods of fusion in the reviewer's room: chosen, compared, used on every case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from tests.gui.steps import PATIENCE_MS, press

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from annotator.gui.review_desk import ReviewDesk
    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui


def test_another_method_fuses_anew(window: MainWindow, qtbot: QtBot, desk: ReviewDesk) -> None:
    assert desk.case.fusion.recipe.method == "staple"
    window.review.masks.fuse_by("majority")
    qtbot.waitUntil(
        lambda: (
            window.review.case is not None and window.review.case.fusion.recipe.method == "majority"
        ),
        timeout=PATIENCE_MS,
    )


def test_methods_are_compared_side_by_side_and_one_is_chosen(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk
) -> None:
    from annotator.gui.methods_dialog import MethodsDialog

    press(window, Qt.Key.Key_M, Qt.KeyboardModifier.ShiftModifier)
    (dialog,) = window.review.findChildren(MethodsDialog)
    qtbot.waitUntil(lambda: len(dialog.cards) >= 3, timeout=PATIENCE_MS)
    by_name = {card.view.option.name: card for card in dialog.cards}
    assert not by_name["staple"].use.isEnabled(), "it is in use"
    assert by_name["majority"].view.is_baseline
    before = by_name["staple"].picture.grab().toImage()
    QTest.keyClick(dialog, Qt.Key.Key_Up)
    assert by_name["staple"].picture.grab().toImage() != before
    QTest.mouseClick(by_name["soft-vote"].use, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: desk.case.fusion.recipe.method == "soft-vote", timeout=PATIENCE_MS)
    assert window.review.desk is desk, "the case stays open"
    assert desk.panel.method.currentData() == "soft-vote"


def test_a_verdict_keeps_the_fusion_that_it_was_given_on(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk
) -> None:
    region = desk.current
    assert region is not None
    inside = desk.view.slices(region)
    press(window, Qt.Key.Key_M)
    kept = desk.view.shown_mask[inside].copy()
    fusion_id = desk.case.verdicts[region].fusion_id
    assert fusion_id == desk.case.fusion.fusion_id
    window.review.masks.fuse_by("soft-vote")
    qtbot.waitUntil(lambda: desk.case.fusion.recipe.method == "soft-vote", timeout=PATIENCE_MS)
    own = desk.view.inside(region)
    np.testing.assert_array_equal(desk.view.shown_mask[inside][own], kept[own])
    np.testing.assert_array_equal(desk.case.composed()[0][inside][own], kept[own])


def test_every_case_is_fused_by_the_method_in_use(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk
) -> None:
    from annotator.gui.methods_dialog import MethodsDialog

    session = window.session
    assert session is not None
    press(window, Qt.Key.Key_M, Qt.KeyboardModifier.ShiftModifier)
    (dialog,) = window.review.findChildren(MethodsDialog)
    assert "STAPLE" in dialog.every.text()
    QTest.mouseClick(dialog.every, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: "fused by STAPLE" in window.notice.words.text(), timeout=3 * PATIENCE_MS
    )
    for entry in window.review._entries:
        methods = {fusion.recipe.method for fusion in session.store.fusions(entry.case_id)}
        assert "staple" in methods

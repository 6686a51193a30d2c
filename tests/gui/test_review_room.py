"""The reviewer's room by keys: decide, undo, redraw, sign off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QObject, QPoint, Qt
from qtpy.QtTest import QTest
from scipy import ndimage

from annotator.session.session import Session
from tests.gui.small_project import REVIEWER
from tests.gui.steps import PATIENCE_MS, be, open_project, press, stroke

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.review_desk import ReviewDesk
    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui


@pytest.fixture
def window(same_window: MainWindow) -> MainWindow:
    """Return the window that all these tests use."""
    return same_window


def chips(window: MainWindow) -> list[str]:
    return [row.chip for row in window.review.queue.cases.rows()]


def answer_all(desk: ReviewDesk) -> None:
    first = desk.panel.final.form.fields["dx"].focusProxy()
    assert first is not None
    QTest.mouseClick(first, Qt.MouseButton.LeftButton)


def decide_all(window: MainWindow, desk: ReviewDesk, key: Qt.Key) -> None:
    for _ in desk.case.findings:
        press(window, key)


def test_a_case_is_decided_by_keys_and_signed_off(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk, read_project: Path
) -> None:
    n_regions = len(desk.case.findings)
    assert n_regions >= 2
    assert desk.panel.decided.text() == f"0 of {n_regions} regions decided"
    decide_all(window, desk, Qt.Key.Key_A)
    assert desk.panel.decided.text() == f"{n_regions} of {n_regions} regions decided"
    assert {verdict.choice for verdict in desk.case.verdicts.values()} == {"rater"}
    assert desk.panel.tabs.currentIndex() == 1, "the diagnosis comes next"
    press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert "malignant" in desk.panel.foot.complaints.text()
    answer_all(desk)
    press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: chips(window) == ["signed off"], timeout=PATIENCE_MS)
    assert window.review.desk is None
    with Session.open(read_project, read_only=True) as session:
        (case,) = session.cases()
        found = session.store.adjudication(case.case_id)
        assert found is not None
        assert len(found.verdicts) == n_regions
        assert found.diagnosis.answer("dx") == "yes"
        assert found.diagnosis.answer("size") == "16", "all readings agreed on it"


def test_a_case_that_opens_after_one_has_left_is_let_go(
    window: MainWindow, qtbot: QtBot, read_project: Path
) -> None:
    open_project(window, qtbot, read_project)
    be(window, qtbot, REVIEWER, "review")
    press(window, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    press(window, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert window.room_name == "project"
    qtbot.waitUntil(lambda: not window.background.is_busy, timeout=PATIENCE_MS)
    assert window.review.desk is None


def test_what_is_open_keeps_the_case_from_being_signed_off(
    window: MainWindow, desk: ReviewDesk
) -> None:
    press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert "no verdict yet" in desk.panel.foot.complaints.text()
    assert window.review.desk is desk


def test_each_key_gives_its_verdict_and_undo_takes_it_back(
    window: MainWindow, desk: ReviewDesk
) -> None:
    first = desk.current
    assert first is not None
    for key, choice in ((Qt.Key.Key_M, "fusion"), (Qt.Key.Key_X, "none"), (Qt.Key.Key_B, "rater")):
        press(window, key)
        assert desk.case.verdicts[first].choice == choice
        assert desk.current != first, "the next open region comes up"
        press(window, Qt.Key.Key_U)
        assert desk.case.verdicts == {}
        assert desk.current == first


def test_a_letter_without_a_reading_does_nothing(window: MainWindow, desk: ReviewDesk) -> None:
    press(window, Qt.Key.Key_G)
    assert desk.case.verdicts == {}


def test_the_views_go_to_the_region_and_the_strip_follows(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk
) -> None:
    press(window, Qt.Key.Key_N)
    region = desk.current
    assert region is not None
    assert tuple(desk.canvas.position) == desk.view.findings[region].centre
    strip = window.review.masks.disputes
    disputed = np.flatnonzero(desk.view.profiles[0])
    strip.setFocus()
    desk.canvas.set_position((0, 20, 20))
    QTest.keyClick(strip, Qt.Key.Key_Right)
    assert desk.canvas.position[0] == disputed[0]
    QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=strip.rect().center())
    middle = len(desk.view.profiles[0]) // 2
    assert desk.canvas.position[0] in (middle - 1, middle), "between two of an even number"


def test_the_shown_mask_follows_the_verdicts(window: MainWindow, desk: ReviewDesk) -> None:
    region = desk.current
    assert region is not None
    place, inside = desk.view.slices(region), desk.view.inside(region)
    label = desk.view.findings[region].label
    press(window, Qt.Key.Key_X)
    assert not np.any(desk.view.shown_mask[place][inside] == label)
    press(window, Qt.Key.Key_U)
    np.testing.assert_array_equal(desk.view.shown_mask[place], desk.view.fused_in(region))


def test_reason_and_comment_are_kept_with_the_verdict(window: MainWindow, desk: ReviewDesk) -> None:
    region = desk.current
    assert region is not None
    press(window, Qt.Key.Key_5, Qt.KeyboardModifier.AltModifier)
    desk.panel.verdict.comment.setFocus()
    QTest.keyClicks(desk.panel.verdict.comment, "motion near A")
    assert desk.case.verdicts == {}, "letters typed into the comment are no verdicts"
    QTest.mouseClick(desk.panel.verdict.none, Qt.MouseButton.LeftButton)
    verdict = desk.case.verdicts[region]
    assert verdict.reason == "artefact"
    assert verdict.comment == "motion near A"


def test_a_region_is_redrawn_with_the_keys_of_drawing(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk
) -> None:
    region = desk.current
    assert region is not None
    press(window, Qt.Key.Key_R)
    assert window.room_name == "redraw"
    press(window, Qt.Key.Key_B)
    assert window.review.masks.tools.tool == "brush"
    assert desk.case.verdicts == {}, "B is the brush here, not rater B"
    z, y, x = (float(value) for value in desk.canvas.position)
    stroke(window, qtbot, [(z, y, x), (z, y, x + 2)])
    assert desk.case.redraw.mask[int(z), int(y), int(x)] == desk.view.findings[region].label
    press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert window.room_name == "review"
    assert desk.case.verdicts[region].choice == "redraw"


def test_a_region_is_redrawn_by_pointing(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk
) -> None:
    region = desk.current
    assert region is not None
    press(window, Qt.Key.Key_R)
    press(window, Qt.Key.Key_A)
    pointing = window.review.masks.redrawing.pointing
    assert window.book["tool.prompt"].isChecked()
    assert pointing.bar.isVisible()
    qtbot.waitUntil(lambda: pointing.bar.option is not None, timeout=PATIENCE_MS)
    before = desk.case.redraw.mask.copy()
    z, y, x = (float(value) for value in desk.canvas.position)
    stroke(window, qtbot, [(z, y, x)])
    qtbot.waitUntil(
        lambda: len(pointing.prompts) == 1 and not pointing.is_waiting, timeout=PATIENCE_MS
    )
    drawn = desk.case.redraw.mask != before
    assert drawn.any()
    assert set(desk.case.redraw.mask[drawn].tolist()) == {desk.view.findings[region].label}
    press(window, Qt.Key.Key_Z)
    np.testing.assert_array_equal(desk.case.redraw.mask, before)
    stroke(window, qtbot, [(z, y, x)])
    qtbot.waitUntil(lambda: bool((desk.case.redraw.mask != before).any()), timeout=PATIENCE_MS)
    press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert window.room_name == "review"
    assert desk.case.verdicts[region].choice == "redraw"
    assert pointing.prompts == ()


def test_redrawing_and_deciding_are_never_shown_together(
    window: MainWindow, desk: ReviewDesk
) -> None:
    """Not for a moment: the window would have to grow, and would stay so."""
    panel = desk.panel
    seen: list[tuple[bool, bool]] = []

    class Watch(QObject):
        def eventFilter(self, _: QObject, event: QEvent) -> bool:
            if event.type() in (QEvent.Type.Show, QEvent.Type.Hide):
                seen.append((panel.redraw.isVisible(), panel.tabs.isVisible()))
            return False

    watch = Watch()
    for side in (panel.redraw, panel.tabs):
        side.installEventFilter(watch)
    press(window, Qt.Key.Key_R)
    press(window, Qt.Key.Key_Escape, Qt.KeyboardModifier.ShiftModifier)
    assert (True, False) in seen
    assert (False, True) in seen
    assert (True, True) not in seen


def test_layers_are_switched_by_number_keys(window: MainWindow, desk: ReviewDesk) -> None:
    press(window, Qt.Key.Key_2)
    assert "heat" in window.review.masks.shown
    press(window, Qt.Key.Key_4)
    assert "probability" in window.review.masks.shown
    assert "heat" not in window.review.masks.shown
    press(window, Qt.Key.Key_1)
    assert "contours" not in window.review.masks.shown


def test_heat_is_seen_where_raters_disagree_and_nowhere_else(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk
) -> None:
    """Also where the fused label is: its fill may not lie over the heat."""
    press(window, Qt.Key.Key_1)
    canvas, entropy = desk.canvas, desk.view.entropy
    fused = desk.view.shown_mask != 0
    inner = ndimage.binary_erosion((entropy == 1) & fused, np.ones((1, 3, 3), np.bool_))
    z, y, x = (int(at) for at in np.argwhere(inner)[0])
    far = np.argwhere((entropy[z] == 0) & ~fused[z])[0]
    canvas.set_position((z, y, x))
    canvas.fit()
    qtbot.wait(100)
    view = canvas.views[0]

    def red_minus_blue(row: int, column: int) -> int:
        place = view.to_screen((z, row, column)).toPoint() + QPoint(3, 3)
        color = canvas.grab().toImage().pixelColor(view.mapTo(canvas, place))
        return color.red() - color.blue()

    assert abs(red_minus_blue(*far)) < 8, "a grey image"
    press(window, Qt.Key.Key_2)
    qtbot.wait(100)
    assert abs(red_minus_blue(*far)) < 8
    assert red_minus_blue(y, x) > 60


def test_belief_in_each_rater_is_shown_in_turn(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk
) -> None:
    titles = []
    for _ in range(len(desk.case.readings) + 1):
        press(window, Qt.Key.Key_5)
        titles.append(desk.canvas._marks.heat_title)
    assert titles == [*(f"How far {letter} is believed" for letter in "ABC"), ""]
    for reading in desk.case.readings:
        believed = desk.case.belief(reading.rater_id)
        assert believed.shape == desk.case.fused.shape
        assert 0.0 <= believed.min() <= believed.max() <= 1.0
        assert believed.any()


def test_keys_lead_to_the_differences_from_the_vote(
    window: MainWindow, qtbot: QtBot, desk: ReviewDesk
) -> None:
    vote = desk.case.fused_by(desk.case.fuse("majority").fusion_id)
    press(window, Qt.Key.Key_Period)
    qtbot.waitUntil(lambda: desk.has_differences, timeout=PATIENCE_MS)
    differs = desk.case.fused != vote
    if differs.any():
        assert differs[desk.canvas.position]
        assert "by the fusion" in window.bottom.hint.text()
    else:
        assert "majority vote everywhere" in window.bottom.hint.text()

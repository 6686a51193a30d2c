"""Tracing a neuron under real mouse and keys: from the first click to the submitted tracing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from annotator.session.session import Session
from tests.gui.small_tracing import BRANCHES, PROGRAM, TRACER, make_traced_project, stem_tree
from tests.gui.steps import JOB_MS, PATIENCE_MS, be, open_project, press
from tests.gui.widget_walk import cut_off, unnamed

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.analysis.tracing.tree import Tree
    from annotator.gui.tracing.slab_view import SlabView
    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
TIP = BRANCHES[0][1]
Voxel = tuple[float, float, float]


def open_tracing(window: MainWindow, qtbot: QtBot, location: Path) -> None:
    open_project(window, qtbot, location)
    be(window, qtbot, TRACER, "read")
    press(window, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: window.rater.is_tracing, timeout=JOB_MS)
    qtbot.wait(50)
    assert window.room_name == "trace"


def view_of(window: MainWindow) -> SlabView:
    return window.rater.traces.canvas.views[0]


def click(window: MainWindow, at: Voxel, held: Qt.KeyboardModifier = NONE) -> None:
    view = view_of(window)
    QTest.mouseClick(view.overlay, LEFT, held, view.to_screen(at).toPoint())


def drag(window: MainWindow, start: Voxel, stop: Voxel) -> None:
    view = view_of(window)
    places = [view.to_screen(at).toPoint() for at in (start, stop)]
    QTest.mousePress(view.overlay, LEFT, NONE, places[0])
    QTest.mouseMove(view.overlay, (places[0] + places[1]) / 2)
    QTest.mouseMove(view.overlay, places[1])
    QTest.mouseRelease(view.overlay, LEFT, NONE, places[1])


def tree_of(window: MainWindow) -> Tree:
    opened = window.rater.open_case
    assert opened is not None
    return opened.drawing.tree.tree()  # type: ignore[union-attr]


def n_parts(tree: Tree) -> int:
    return int((tree.parents < 0).sum())


def trace_a_stem_and_a_branch(window: MainWindow, qtbot: QtBot) -> int:
    """Click them, with a straight step that is taken back; return the nodes of the stem."""
    press(window, Qt.Key.Key_2)
    click(window, (8, 32, 8))
    assert len(tree_of(window)) == 0, "one click is no path yet"
    click(window, (8, 32, 46))
    qtbot.waitUntil(lambda: len(tree_of(window)) > 20, timeout=PATIENCE_MS)
    stem = tree_of(window)
    off = np.hypot(stem.points[:, 1] - 32, stem.points[:, 2] - 16)
    assert off.max() < 2.1, "the path follows what is bright"
    assert set(stem.types.tolist()) == {2}
    click(window, (8, 10, 46), SHIFT)
    assert len(tree_of(window)) == len(stem) + 1
    press(window, Qt.Key.Key_Z)
    assert len(tree_of(window)) == len(stem)
    press(window, Qt.Key.Key_Return)
    click(window, (8, 32, 46))
    click(window, TIP)
    view = view_of(window)
    QTest.mouseDClick(view.overlay, LEFT, NONE, view.to_screen(TIP).toPoint())
    QTest.mouseRelease(view.overlay, LEFT, NONE, view.to_screen(TIP).toPoint())
    assert len(tree_of(window)) == len(stem), "the way is still being found"
    qtbot.waitUntil(lambda: len(tree_of(window)) > len(stem) + 25, timeout=PATIENCE_MS)
    assert n_parts(tree_of(window)) == 1
    return len(stem)


def test_a_neuron_from_the_first_click_to_the_submitted_tracing(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_traced_project(tmp_path / "cells")
    open_tracing(window, qtbot, tmp_path / "cells")
    n_stem = trace_a_stem_and_a_branch(window, qtbot)
    n_nodes = len(tree_of(window))
    x, y, _ = tree_of(window).points[n_stem].tolist()
    press(window, Qt.Key.Key_X)
    click(window, (8, y, x))
    assert n_parts(tree_of(window)) == 2
    press(window, Qt.Key.Key_J)
    click(window, (8, y, x))
    click(window, (8, 32, 46))
    assert n_parts(tree_of(window)) == 1
    press(window, Qt.Key.Key_M)
    drag(window, TIP, (8, 20, 88))
    assert tree_of(window).points[-1][:2] == pytest.approx((88, 20), abs=0.6)
    press(window, Qt.Key.Key_D)
    click(window, (8, y, x), SHIFT)
    assert len(tree_of(window)) == n_stem
    press(window, Qt.Key.Key_Z)
    assert len(tree_of(window)) == n_nodes
    press(window, Qt.Key.Key_R)
    click(window, (8, 20, 88))
    rerooted = tree_of(window)
    assert rerooted.parents[-1] < 0
    assert n_parts(rerooted) == 1
    saving = window.rater.saving.words
    qtbot.waitUntil(lambda: saving.text().startswith("Saved ✓"), timeout=PATIENCE_MS)
    press(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.rater.open_case is None, timeout=PATIENCE_MS)
    assert window.room_name == "rater"
    with Session.open(tmp_path / "cells", read_only=True) as session:
        (case,) = session.tracing_cases()
        (annotation,) = session.store.annotations(case.case_id)
        kept = session.store.annotation_tree(annotation.annotation_id)
        np.testing.assert_array_equal(kept.parents, rerooted.parents)
        np.testing.assert_allclose(kept.points, rerooted.points)


def describe_the_stem(window: MainWindow) -> None:
    """Give it a type, a radius and one more node, and look at it in 3D."""
    press(window, Qt.Key.Key_3)
    press(window, Qt.Key.Key_T)
    click(window, (8, 32, 24))
    assert set(tree_of(window).types[1:].tolist()) == {3}
    press(window, Qt.Key.Key_W)
    drag(window, (8, 32, 24), (8, 36, 24))
    assert tree_of(window).radii.max() == pytest.approx(4.0, abs=0.5)
    press(window, Qt.Key.Key_I)
    click(window, (8, 32, 30))
    assert len(tree_of(window)) == len(stem_tree()) + 1
    press(window, Qt.Key.Key_O)
    assert window.rater.traces.canvas.is_3d
    press(window, Qt.Key.Key_O)


def test_an_automatic_tracing_is_the_start_and_is_looked_through(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_traced_project(tmp_path / "cells", with_program=True)
    open_tracing(window, qtbot, tmp_path / "cells")
    desk, panel = window.rater.traces, window.rater.panel
    opened = window.rater.open_case
    assert panel is not None
    assert opened is not None
    window.rater.start_from(opened.suggestions[0][0])
    assert PROGRAM in panel.started.text()
    assert len(tree_of(window)) == len(stem_tree())
    findings = panel.findings  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: findings.list.count() > 0, timeout=PATIENCE_MS)
    told = {row.title for row in findings.list.rows()}
    assert "Missed continuation" in told or "Missed branch" in told
    assert (window.width(), window.height()) == (1280, 800), "a larger window is needed"
    assert unnamed(window) == []
    assert cut_off(window) == []
    desk.canvas.set_position((0, 0, 0))
    press(window, Qt.Key.Key_Period)
    at = findings.current
    assert at is not None
    finding = desk.watch.findings()[at]
    z, y, x = desk.canvas.position
    assert (x, y, 2 * z) == pytest.approx(finding.point_um, abs=1.1)
    # A node far off its place looks wrong.
    press(window, Qt.Key.Key_M)
    desk.canvas.set_position((8, 32, 24))
    desk.canvas.fit()
    before_move = findings.list.rows()
    drag(window, (8, 32, 24), (8, 4, 24))
    assert tree_of(window).points[4, 1] == pytest.approx(4, abs=0.6)
    qtbot.waitUntil(lambda: findings.list.rows() != before_move, timeout=PATIENCE_MS)
    press(window, Qt.Key.Key_Z)
    np.testing.assert_array_equal(tree_of(window).points, stem_tree().points)
    describe_the_stem(window)
    # Left and opened again, everything is as it was, and can still be taken back.
    before = tree_of(window)
    window.back()
    qtbot.waitUntil(lambda: window.room_name == "project", timeout=PATIENCE_MS)
    be(window, qtbot, TRACER, "read")
    press(window, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: window.rater.is_tracing, timeout=JOB_MS)
    np.testing.assert_array_equal(tree_of(window).points, before.points)
    press(window, Qt.Key.Key_Z)
    assert len(tree_of(window)) == len(before) - 1

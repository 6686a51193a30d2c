"""A traced case in the reviewer's room, by keys and mouse: places, verdicts, result, sign-off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from annotator.analysis.tracing.editable import EditableTree, canonical, nodes_of
from annotator.analysis.tracing.tree import make_tree
from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.study import Series
from annotator.gui.tracing.review_shown import rows_below
from annotator.jobs.trace_adjudicating import adjudicate
from annotator.session.session import Session
from tests.gui.small_project import REVIEWER, SCHEMA
from tests.gui.steps import JOB_MS, PATIENCE_MS, be, open_project, press
from tests.gui.widget_walk import cut_off, unnamed

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.trace_review import TraceItem
    from annotator.gui.tracing.review_desk import TraceReviewDesk
    from annotator.gui.tracing.shown import ShownTree
    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui

SPACING_UM = (2.0, 0.5, 0.5)
TRACERS = ("Ada", "Ben", "Cyd")
CONTROL = Qt.KeyboardModifier.ControlModifier


def neuron(*, left: int = 0, right: int = 0, wild: bool = False) -> Tree:
    """Return a trunk of 40 nodes along x, and branches of so many nodes to either side.

    ``wild`` adds two branches, from the third and the thirty-third node on, where there is nothing.
    """
    points, parents = [np.array([[2.0 * at, 50.0, 12.0] for at in range(40)])], [np.arange(-1, 39)]
    own = [(left, 10, 1.0), (right, 25, -1.0)] + [(8, 3, 1.0), (9, 33, 1.0)] * wild
    for n_nodes, at, sign in own:
        if n_nodes:
            steps = np.arange(1, n_nodes + 1)[:, None]
            first = sum(map(len, points))
            points.append(np.array([2.0 * at, 50.0, 12.0]) + steps * (0.0, 2.0 * sign, 0.0))
            parents.append(np.array([at, *range(first, first + n_nodes - 1)]))
    rows = np.concatenate(points)
    radii = np.float64(0.6) + np.float64(0.01) * (np.arange(len(rows)) % 3)
    return make_tree(rows, np.concatenate(parents), radii=radii)


@pytest.fixture
def traced_project(tmp_path: Path) -> Path:
    """Return a project whose only case three people traced: the first has no left branch."""
    voxels = np.random.default_rng(3).integers(0, 12, (12, 200, 200), dtype=np.uint8)
    whole = neuron(left=20, right=20)
    for points in (whole.points, whole.points - (1.0, 0.0, 0.0), whole.points - (0.0, 0.5, 0.0)):
        z, y, x = np.rint(np.maximum(points, 0)[:, ::-1] / SPACING_UM).astype(int).T
        voxels[z, y, x] = 200
    geometry = Geometry(shape=voxels.shape, spacing_mm=(0.002, 0.0005, 0.0005))
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="OT",
        description="a neuron",
        geometry=geometry,
        dtype="uint8",
    )
    location = tmp_path / "traced"
    with Session.create(location, title="Traced", schema=SCHEMA) as session:
        session.store.add_series(series, voxels, actor="system")
        case = session.store.add_case("Neuron", [series.series_id], reads="tracing", actor="system")
        trees = (neuron(right=20, wild=True), neuron(left=20, right=20), neuron(left=14, right=20))
        for name, tree in zip(TRACERS, trees, strict=True):
            session.add_rater(name, may_review=False)
            said = Diagnosis(answers=(("dx", "yes"), ("size", "16")))
            session.add_tracing(case.case_id, name, tree, said)
        session.add_rater(REVIEWER)
    return location


@pytest.fixture
def desk(window: MainWindow, qtbot: QtBot, traced_project: Path) -> TraceReviewDesk:
    """Return the desk of the traced case, opened by the reviewer with the key for it."""
    open_project(window, qtbot, traced_project)
    be(window, qtbot, REVIEWER, "review")
    press(window, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: window.review.is_tracing, timeout=JOB_MS)
    qtbot.wait(50)
    made = window.review.traces.desk
    assert made is not None
    return made


def click_node(desk: TraceReviewDesk, qtbot: QtBot, node_id: int) -> None:
    """Click a node of the reviewed tracing in the first slab, all of which is shown."""
    tree = desk.review.tree
    x, y, z = tree.points[tree.ids == node_id][0]
    view = desk.canvas.views[0]
    at = [place / step for place, step in zip((z, y, x), SPACING_UM, strict=True)]
    QTest.mouseClick(
        view.overlay,
        Qt.MouseButton.LeftButton,
        pos=view.to_screen((at[0], at[1], at[2])).toPoint(),
    )
    qtbot.wait(20)


def offered(desk: TraceReviewDesk) -> TraceItem:
    """Return the place at which two others offer the branch that is missing."""
    return next(item for item in desk.review.items if len({o.rater_id for o in item.offers}) == 2)


def shown_keys(desk: TraceReviewDesk) -> dict[str, ShownTree]:
    """Return the trees that the canvas paints, by key."""
    return {tree.key: tree for tree, _ in desk.canvas._trees.trees}


def take_a_branch(window: MainWindow, desk: TraceReviewDesk, missing: TraceItem) -> None:
    """Preview, take, undo and take again one of the branches that are offered."""
    review = desk.review
    desk.panel.table.select_region(missing.region)
    press(window, Qt.Key.Key_Period)
    press(window, Qt.Key.Key_Period)
    previewed = desk.scene.offer
    assert previewed is not None
    letter = desk.scene.readings[previewed.annotation_id].letter
    assert letter == "C", "the longest comes first"
    ends = shown_keys(desk)["offer"].points
    assert len(ends) == len(previewed.node_ids) + 1, "with the node that it would hang on"
    press(window, Qt.Key.Key_C)
    verdict = review.verdicts[missing.region]
    assert (verdict.choice, verdict.taken) == ("take", previewed.node_ids)
    assert verdict.annotation_id == previewed.annotation_id
    assert desk.current != missing.region, "the next open place comes up"
    press(window, Qt.Key.Key_U)
    assert review.verdicts == {}
    assert desk.current == missing.region, "undo goes back to the place"
    press(window, Qt.Key.Key_T)
    assert review.verdicts == {}, "none is shown yet: now the longest is"
    press(window, Qt.Key.Key_T)
    assert review.verdicts[missing.region].annotation_id != previewed.annotation_id


def cut_and_connect(
    window: MainWindow, qtbot: QtBot, desk: TraceReviewDesk, cut: int, joined: int
) -> None:
    """Cut at one place and connect at another, at nodes that are clicked."""
    review = desk.review
    desk.panel.table.select_region(cut)
    press(window, Qt.Key.Key_0)
    click_node(desk, qtbot, 35)
    press(window, Qt.Key.Key_X)
    assert (review.verdicts[cut].choice, review.verdicts[cut].node_id) == ("cut", 35)
    desk.panel.table.select_region(joined)
    press(window, Qt.Key.Key_0)
    click_node(desk, qtbot, 50)
    press(window, Qt.Key.Key_R)
    press(window, Qt.Key.Key_Escape)
    click_node(desk, qtbot, 50)
    assert joined not in review.verdicts, "Esc leaves connecting"
    press(window, Qt.Key.Key_R)
    click_node(desk, qtbot, 5)
    verdict = review.verdicts[joined]
    assert (verdict.choice, verdict.node_id, verdict.to_id) == ("connect", 50, 5)


def leave_uncertain(window: MainWindow, desk: TraceReviewDesk, region: int) -> None:
    """Leave a place uncertain, with a reason and a comment."""
    desk.panel.table.select_region(region)
    press(window, Qt.Key.Key_7, Qt.KeyboardModifier.AltModifier)
    desk.panel.verdict.comment.setFocus()
    QTest.keyClicks(desk.panel.verdict.comment, "xm too dim")
    assert region not in desk.review.verdicts, "letters of a comment are no verdicts"
    QTest.mouseClick(desk.panel.verdict.uncertain, Qt.MouseButton.LeftButton)
    assert desk.review.verdicts[region].reason == "unclear"


def test_what_hangs_on_a_node_is_at_stake() -> None:
    tree = neuron(left=5, right=7, wild=True)
    editable = EditableTree(tree)
    for row in range(0, len(tree), 3):
        below = set(editable.subtree(int(tree.ids[row])))
        assert set(tree.ids[rows_below(tree, row)].tolist()) == below
    parents = tree.parents.copy()
    parents[0] = 39
    ring = make_tree(tree.points, parents)
    assert len(rows_below(ring, 20)) == len(tree), "all hangs on a loop that it closes"


def test_a_tracing_is_decided_by_keys_and_clicks_and_signed_off(
    window: MainWindow, qtbot: QtBot, desk: TraceReviewDesk, traced_project: Path
) -> None:
    assert window.room_name == "trace_review"
    review = desk.review
    regions = [item.region for item in review.items]
    assert desk.current == regions[0]
    press(window, Qt.Key.Key_N)
    assert desk.current == regions[1], "one key to the next"
    x, y, z = review.item(regions[1]).point_um
    place = [round(at / step) for at, step in zip((z, y, x), SPACING_UM, strict=True)]
    assert list(desk.canvas.position) == place, "the views fly there"
    missing = offered(desk)
    others = [region for region in regions if region != missing.region]
    take_a_branch(window, desk, missing)
    cut_and_connect(window, qtbot, desk, *others[:2])
    press(window, Qt.Key.Key_Return, CONTROL)
    assert "no verdict yet" in desk.panel.foot.complaints.text()
    leave_uncertain(window, desk, others[2])
    for _ in review.undecided():
        press(window, Qt.Key.Key_M)
    assert review.undecided() == ()

    trees = {one.annotation.annotation_id: one.tree for one in review.readings}
    expected = adjudicate(review.tree, list(review.verdicts.values()), trees)
    words = f"{len(review.tree)} nodes become {len(expected)}"
    assert words in desk.panel.changes.text()
    stop = desk.panel.stops.item(0)
    assert stop is not None
    assert "xm too dim" in stop.text()
    press(window, Qt.Key.Key_3)
    np.testing.assert_array_equal(shown_keys(desk)["result"].points, expected.points)
    assert "base" not in shown_keys(desk)

    press(window, Qt.Key.Key_Return, CONTROL)
    qtbot.waitUntil(lambda: not window.review.is_tracing, timeout=PATIENCE_MS)
    queue = window.review.queue.cases
    qtbot.waitUntil(
        lambda: [row.chip for row in queue.rows()] == ["signed off"], timeout=PATIENCE_MS
    )
    with Session.open(traced_project, read_only=True) as session:
        (case,) = session.store.tracing_cases()
        signed = session.store.trace_sign_off(case.case_id)
        assert signed is not None
        assert signed.diagnosis.answer("size") == "16", "all tracers agreed on it"
        kept = session.store.signed_off_tree(signed.sign_off_id)
    assert nodes_of(canonical(kept)).is_same(nodes_of(canonical(expected)))
    tree = EditableTree(kept)
    assert not {35, 36, 40} & set(kept.ids.tolist()), "cut, with all below"
    assert tree.parent(50) == 5
    n_taken = len(review.verdicts[missing.region].taken)
    assert len(kept) == len(review.tree) - 6 + n_taken


def test_tracings_are_told_apart_coloured_and_reviewed_in_turn(
    window: MainWindow,
    qtbot: QtBot,
    desk: TraceReviewDesk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def keys() -> set[str]:
        return set(shown_keys(desk))

    ben = desk.review.reading_of("Ben")
    assert {"base", "stake", ben.rater_id} <= keys()
    eye = window.review.queue.legend._eyes[ben.rater_id]
    QTest.mouseClick(eye, Qt.MouseButton.LeftButton)
    assert ben.rater_id not in keys()
    press(window, Qt.Key.Key_1)
    assert keys() == {"base", "stake"}
    press(window, Qt.Key.Key_1)
    base = shown_keys(desk)["base"]
    assert base.palette == (desk.review.reading_of("Ada").color,)
    for _ in range(3):
        press(window, Qt.Key.Key_4)
    base = shown_keys(desk)["base"]
    assert base.codes is not None
    concerned = {one for item in desk.review.items for r in item.reasons for one in r.node_ids}
    assert set(desk.review.tree.ids[base.codes > 0].tolist()) == concerned
    assert window.review.traces.colors.currentText() == "Findings"

    press(window, Qt.Key.Key_M)
    assert len(desk.review.verdicts) == 1
    panel = desk.panel
    for place in range(panel.tabs.count()):
        panel.tabs.setCurrentIndex(place)
        qtbot.wait(20)
        assert unnamed(window) == []
        assert cut_off(window) == []
    panel.base.setCurrentIndex(panel.base.findData(ben.rater_id))
    panel.base.activated.emit(panel.base.currentIndex())
    qtbot.waitUntil(lambda: window.review.traces.desk not in (None, desk), timeout=PATIENCE_MS)
    other = window.review.traces.desk
    assert other is not None
    assert other.review.base.rater_id == ben.rater_id
    assert other.review.verdicts == {}, "verdicts belong to the tracing they were given on"

    target = tmp_path / "report.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    press(window, Qt.Key.Key_R, CONTROL)
    qtbot.waitUntil(lambda: window.report.traced.table.rowCount() == 1, timeout=PATIENCE_MS)
    assert window.report.tabs.currentWidget() is not None
    assert window.report.tabs.isVisible()
    QTest.mouseClick(window.report.traced.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(target.exists, timeout=JOB_MS)
    qtbot.waitUntil(lambda: "was written to" in window.notice.words.text(), timeout=PATIENCE_MS)
    assert "Places, most at stake first" in target.read_text(encoding="utf-8")

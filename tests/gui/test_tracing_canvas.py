"""The canvas of tracings: what is seen of a tree, what is under the pointer, and where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtTest import QTest

from annotator.analysis.tracing.tree import make_tree
from annotator.api.tracing import TracedImage
from annotator.gui.tracing import paint
from annotator.gui.tracing.canvas import TraceCanvas
from annotator.gui.tracing.coloring import branch_orders, colored
from annotator.gui.tracing.lines import TreeLines, Window
from annotator.gui.tracing.shown import PlaceMark, Pointer, ShownTree
from annotator.gui.tracing.slab import brightest_at, first_slab_um, planes_of_image, prepare_image
from annotator.gui.view_camera import fitted
from tests.gui.small_tracing import SPACING_UM, picture, stem_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from annotator.analysis.tracing.tree import Tree

pytestmark = pytest.mark.gui
IMAGE = TracedImage(voxels=picture(), spacing_um=SPACING_UM)


def shown(tree: Tree, key: str = "own") -> ShownTree:
    return ShownTree(
        key=key,
        points=tree.points,
        parents=tree.parents,
        radii=tree.radii,
        palette=("#ff0000",),
    )


def walk(n_nodes: int) -> Tree:
    """Return a random tree whose coordinates fill the image; one node has no number."""
    rng = np.random.default_rng(3)
    size = np.array(IMAGE.voxels.shape[::-1]) * np.array(SPACING_UM[::-1])
    points = np.abs(np.cumsum(rng.normal(0, 1.2, (n_nodes, 3)), axis=0)) % (size - 2)
    points[n_nodes // 2] = np.nan
    parents = np.arange(-1, n_nodes - 1)
    parents[10::50] = rng.integers(0, 9, len(parents[10::50]))
    return make_tree(points, parents)


def test_a_window_finds_just_the_edges_whose_bounds_reach_into_it() -> None:
    tree = walk(3000)
    lines = TreeLines(shown(tree))
    rng = np.random.default_rng(0)
    above = np.where(tree.parents < 0, np.arange(len(tree)), tree.parents)
    low_end = np.minimum(tree.points, tree.points[above])
    high_end = np.maximum(tree.points, tree.points[above])
    for _ in range(20):
        corner = rng.uniform(0, 60, 3)
        window = Window(low=tuple(corner), high=tuple(corner + rng.uniform(1, 30, 3)))
        with np.errstate(invalid="ignore"):
            expected = (low_end <= window.high).all(axis=1) & (high_end >= window.low).all(axis=1)
        found = lines.edges_in(window)
        assert set(found.tolist()) == set(np.flatnonzero(expected).tolist())


def painted(tree: Tree, *, shows_outside: bool, smooth: int) -> NDArray[np.bool_]:
    """Return where a tree is painted strongly, on a view that shows the whole plane."""
    plane = planes_of_image(IMAGE)[0]
    sight = paint.Sight(
        plane=plane,
        camera=fitted(plane, (400, 300)),
        depth_um=(15.0, 17.0),
        shows_outside=shows_outside,
    )
    image = QImage(400, 300, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(QColor(0, 0, 0, 0))
    painter = QPainter(image)
    before = paint.MAX_SMOOTH
    paint.MAX_SMOOTH = smooth
    try:
        paint.paint_tree(painter, shown(tree), TreeLines(shown(tree)), sight)
    finally:
        paint.MAX_SMOOTH = before
        painter.end()
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(300, 400, 4)
    return pixels[..., 2] > 200


def test_many_edges_are_painted_as_pixels_where_few_are_as_lines() -> None:
    tree = stem_tree()
    lines = painted(tree, shows_outside=False, smooth=4000)
    pixels = painted(tree, shows_outside=False, smooth=0)
    assert lines.sum() > 200
    row = np.flatnonzero(lines.any(axis=1))
    assert np.flatnonzero(pixels.any(axis=1)).min() >= row.min() - 1
    columns = lines.any(axis=0), pixels.any(axis=0)
    assert (columns[0] == columns[1]).mean() > 0.98
    deep = make_tree(tree.points + np.array((0, 0, 6)), tree.parents)
    assert not painted(deep, shows_outside=True, smooth=4000).any(), "faint outside the slab"
    assert not painted(deep, shows_outside=True, smooth=0).any()


def test_colours_follow_forks_types_and_findings() -> None:
    points = np.zeros((6, 3))
    tree = make_tree(
        points,
        np.array([-1, 0, 1, 1, 3, 3]),
        types=np.array([1, 2, 2, 3, 7, 0], np.int32),
    )
    assert branch_orders(tree).tolist() == [0, 0, 1, 1, 2, 2]
    loop = make_tree(points[:3], np.array([1, 0, -1]))
    assert branch_orders(loop).tolist() == [0, 0, 0]
    palette, codes = colored(tree, "type")
    assert codes is not None
    assert [palette[code] for code in codes[:3]] == [palette[1], palette[2], palette[2]]
    assert codes.max() < len(palette)


def test_a_click_in_a_slab_is_as_deep_as_what_is_bright() -> None:
    xy = planes_of_image(IMAGE)[0]
    assert brightest_at(IMAGE, xy, (5.0, 32.0, 20.0), 2, 14) == (20.0, 32.0, 16.0)
    assert first_slab_um(IMAGE) == 10.0
    flat = TracedImage(voxels=IMAGE.voxels[:1], spacing_um=SPACING_UM)
    assert [plane.name for plane in planes_of_image(flat)] == ["XY"]
    large = TracedImage(voxels=np.zeros((9, 1500, 1500), np.uint8), spacing_um=(3.0, 1.0, 1.0))
    large.voxels[4, 700, 900] = 200
    prepared = prepare_image(large)
    assert prepared.small.size <= 4_000_000
    assert prepared.small.max() == 200.0, "a single bright voxel must be seen in the copy"


@pytest.fixture
def canvas(qtbot: QtBot) -> Iterator[TraceCanvas]:
    made = TraceCanvas()
    made.resize(900, 600)
    made.show()
    made.activateWindow()
    made.open(IMAGE)
    made.show_trees([shown(stem_tree())])
    qtbot.wait(50)
    yield made
    made.close()
    made.deleteLater()


def test_what_the_pointer_is_on_and_where_the_canvas_goes(
    canvas: TraceCanvas, qtbot: QtBot
) -> None:
    told: list[Pointer] = []
    canvas.pressed.connect(told.append)
    xy = canvas.views[0]
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    with qtbot.waitSignal(canvas.node_pressed) as nodes:
        QTest.mouseClick(xy.overlay, left, none, xy.to_screen((8, 32, 20)).toPoint())
    assert nodes.args == ["own", 3]
    hit = told[0].hit
    assert hit is not None
    assert hit.point_um == (20.0, 32.0, 16.0)
    QTest.mouseClick(xy.overlay, left, none, xy.to_screen((8, 32, 22)).toPoint())
    hit = told[1].hit
    assert hit is not None
    assert not hit.is_node
    assert hit.edge_row == 4
    assert hit.point_um[0] == pytest.approx(22.0, abs=0.3)
    QTest.mouseClick(xy.overlay, left, none, xy.to_screen((8, 20, 60)).toPoint())
    assert told[2].hit is None
    assert told[2].point_um[:2] == pytest.approx((60.0, 20.0), abs=0.3)
    canvas.set_position((1, 32, 20))
    canvas.set_slab(4.0)
    QTest.mouseClick(xy.overlay, left, none, xy.to_screen((1, 32, 20)).toPoint())
    assert told[3].hit is None, "what lies outside the slab is not clicked"
    canvas.mark_findings([PlaceMark(point_um=(20.0, 32.0, 16.0), severity="error")])
    canvas.fly_to((20.0, 32.0, 16.0), 4.0)
    assert canvas.position == (8, 32, 20)
    away = xy.to_screen((8, 32, 20)) - QPointF(xy.width() / 2, xy.height() / 2)
    assert away.manhattanLength() < 30, "in the middle of the view"
    # The same nodes are found in 3D, wherever it is turned.
    canvas.show_3d(True)
    view = canvas.view_3d
    assert view is not None
    assert canvas.is_3d
    qtbot.wait(100)
    place = view.screen_of((20.0, 32.0, 16.0))
    hit = view.pick(place)
    assert hit is not None
    assert hit.row == 3
    view.turn(40.0, 20.0)
    qtbot.wait(50)
    moved = view.screen_of((20.0, 32.0, 16.0))
    assert (moved - place).manhattanLength() > 5
    hit = view.pick(moved)
    assert hit is not None
    assert hit.row == 3
    canvas.show_3d(False)
    assert not canvas.is_3d


def test_the_canvas_never_shows_less_than_the_image_in_a_view(canvas: TraceCanvas) -> None:
    canvas.open(IMAGE)
    whole = [fitted(view.plane, view.camera.size).zoom for view in canvas.views]
    for place in ((20.0, 32.0, 16.0), (-500.0, 20.0, 9000.0)):
        canvas.fly_to(place, 1e4)
        assert [view.camera.zoom for view in canvas.views] == pytest.approx(whole)

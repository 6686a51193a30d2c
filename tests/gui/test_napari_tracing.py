"""The napari plugin on tracings: reader, check and comparison on a viewer, files that it writes."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from annotator.analysis.tracing.checks import check_tree
from annotator.analysis.tracing.swc_writing import write_swc
from annotator.analysis.tracing.tree import Tree, make_tree
from annotator.api.tracing import TracedImage
from annotator_napari.check_widget import CheckTracingWidget
from annotator_napari.compare_widget import CompareTracingsWidget
from annotator_napari.tracing_layers import read_swc
from annotator_napari.tracing_view import AT_STAKE

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.gui

SPACING_UM = (2.0, 0.5, 0.5)
PATIENCE_MS = 20_000


def turning(*, goes_on: bool = True) -> Tree:
    """Return a neurite along x that turns back upon itself at 30 µm, and a branch along y."""
    along = np.arange(0.0, 31.0)
    back = np.stack([30.0 - along[1:16], np.full(15, 20.5), np.full(15, 9.0)], axis=1)
    trunk = np.stack([along, np.full(31, 20.0), np.full(31, 8.0)], axis=1)
    branch = np.stack([np.full(20, 10.0), 20.0 + along[1:21], np.full(20, 8.0)], axis=1)
    points = np.concatenate([trunk, branch, back] if goes_on else [trunk, branch])
    parents = np.concatenate([np.arange(-1, 30), [10], np.arange(31, 50)])
    if goes_on:
        parents = np.concatenate([parents, [30], np.arange(51, 65)])
    return make_tree(points, parents.astype(np.int64), radii=np.full(len(points), 0.6))


def bright_along(tree: Tree) -> np.ndarray:
    voxels = np.random.default_rng(1).normal(20.0, 2.0, (14, 120, 120))
    z, y, x = np.rint(tree.points[:, ::-1] / SPACING_UM).astype(int).T
    voxels[z, y, x] = 200.0
    return voxels.astype(np.float32)


def put(path: Path, tree: Tree) -> str:
    path.write_bytes(write_swc(tree))
    return str(path)


def test_the_reader_opens_a_tracing_as_lines(tmp_path: Path) -> None:
    tree = turning()
    path = put(tmp_path / "cell.swc", tree)
    assert read_swc(str(tmp_path / "cell.png")) is None
    reader = read_swc(path)
    assert reader is not None
    (layer,) = ViewerModel()._add_layer_from_data(*reader(path)[0])
    assert layer.name == "cell"
    starts, ways = layer.data[:, 0], layer.data[:, 1]
    rows = np.flatnonzero(tree.parents >= 0)
    np.testing.assert_allclose(starts + ways, tree.points[rows][:, ::-1], atol=1e-5)
    np.testing.assert_allclose(starts, tree.points[tree.parents[rows]][:, ::-1], atol=1e-5)
    assert list(layer.features["node"]) == tree.ids[rows].tolist()


def test_a_tracing_is_checked_shown_flown_to_and_written(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = turning()
    voxels = bright_along(tree)
    in_voxels = make_tree(tree.points / SPACING_UM[::-1], tree.parents, radii=tree.radii)
    viewer = ViewerModel()
    image = viewer.add_image(voxels, scale=SPACING_UM, translate=(100.0, 0.0, 0.0))
    widget = CheckTracingWidget(viewer)
    qtbot.addWidget(widget)
    QTest.mouseClick(widget.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not widget.is_busy, timeout=PATIENCE_MS)
    assert widget.message.text() == "No tracing to check; add an SWC file"
    widget.add_files([put(tmp_path / "cell.swc", in_voxels)])
    QTest.mouseClick(widget.go, Qt.MouseButton.LeftButton)
    assert widget.is_busy
    QTest.mouseClick(widget.cancel, Qt.MouseButton.LeftButton)
    assert not widget.is_busy
    qtbot.wait(50)
    assert "cell" not in viewer.layers, "what was cancelled shows nothing"
    QTest.mouseClick(widget.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not widget.is_busy, timeout=PATIENCE_MS)
    assert "read in voxels" in widget.message.text()
    looked = widget.looked
    assert looked is not None
    read = looked.tracings[0].tree
    expected = check_tree(read, TracedImage(voxels=voxels, spacing_um=SPACING_UM))
    assert [one.finding for one in looked.found] == list(expected)
    names = [one.finding.check for one in looked.found]
    assert "sharp-turn" in names or "back-track" in names
    np.testing.assert_array_equal(viewer.layers["cell"].translate, image.translate)
    row = next(at for at, name in enumerate(names) if name in ("sharp-turn", "back-track"))
    widget.table.setCurrentCell(row, 0)
    finding = looked.found[row].finding
    assert widget.why.text() == finding.why
    x, y, z = finding.point_um
    assert viewer.dims.point[0] == pytest.approx(z + 100.0, abs=2.0), "the plane of the finding"
    assert viewer.scene.camera.center[-2:] == pytest.approx((y, x), abs=0.01)
    n_marked = sum(one != 1 for one in finding.node_ids)
    assert len(viewer.layers[AT_STAKE].data) == n_marked
    for name in ("found.csv", "found.json"):
        target = tmp_path / name
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_, target=target: (str(target), "")
        )
        QTest.mouseClick(widget.save, Qt.MouseButton.LeftButton)
    with (tmp_path / "found.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    told = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["findings"]
    assert [one["check"] for one in rows] == [one["check"] for one in told] == names
    assert int(rows[row]["node_id"]) == finding.node_id
    assert told[row]["line"] == int(rows[row]["line"])


def test_tracings_are_compared(qtbot: QtBot, tmp_path: Path) -> None:
    viewer = ViewerModel()
    widget = CompareTracingsWidget(viewer)
    qtbot.addWidget(widget)
    widget.add_files(
        [
            put(tmp_path / "long.swc", turning()),
            put(tmp_path / "short.swc", turning(goes_on=False)),
            put(tmp_path / "third.swc", turning(goes_on=False)),
        ]
    )
    QTest.mouseClick(widget.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not widget.is_busy, timeout=PATIENCE_MS)
    looked = widget.looked
    assert looked is not None
    assert widget.pairs.rowCount() == 3
    assert looked.metrics[2]["length_recall"] == 1.0
    assert {"long", "short", "third", "Consensus"} <= {layer.name for layer in viewer.layers}
    widget.files.clear()
    widget.add_files([str(tmp_path / "away.swc"), str(tmp_path / "long.swc")])
    QTest.mouseClick(widget.go, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not widget.is_busy, timeout=PATIENCE_MS)
    assert "away.swc" in widget.message.text()

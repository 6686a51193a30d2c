"""The napari plugin: its manifest, its engine against voxel counts, its widget on a viewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from napari.components import ViewerModel
from npe2 import PluginManifest
from qtpy.QtCore import Qt

from annotator.domain.errors import AnnotatorError
from annotator.registry import Registry
from annotator_napari.fuse_widget import FuseLabelsWidget
from annotator_napari.fusing import fuse_labels

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.gui

MANIFEST = Path(__file__).parents[2] / "plugins" / "annotator_napari" / "napari.yaml"


def test_manifest_is_valid_and_its_commands_exist() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.contributions.widgets[0].display_name == "Fuse Labels layers"


def test_manifest_is_found_in_the_distribution() -> None:
    assert PluginManifest.from_distribution("annotator").name == "annotator"


@given(arrays.arrays(np.uint8, (3, 4, 5, 6), elements=st.integers(0, 2)))
def test_agrees_with_counting_voxels(masks: np.ndarray) -> None:
    readings = dict(zip("abc", masks, strict=True))
    fused = fuse_labels(readings, Registry.load().fusion_method("majority"))
    votes = np.stack([(masks == label).sum(axis=0) for label in range(3)])
    assert (fused.labels == votes.argmax(axis=0)).all()
    share = votes / 3
    expected = -(share * np.log2(np.where(share > 0, share, 1))).sum(axis=0)
    assert np.allclose(fused.entropy, expected, atol=1e-6)
    for pair in fused.agreement:
        one, two = readings[pair.first] == pair.label, readings[pair.second] == pair.label
        total = one.sum() + two.sum()
        assert pair.dice == (2 * (one & two).sum() / total if total else None)


@pytest.mark.parametrize(
    ("arrays_", "complaint"),
    [
        ({"a": np.zeros((3, 3), int)}, "at least two"),
        ({"a": np.zeros((3, 3), int), "b": np.zeros((3, 4), int)}, "b has shape"),
        ({"a": np.zeros(3, int), "b": np.zeros(3, int)}, "1 dimensions"),
        ({"a": np.full((3, 3), -1), "b": np.zeros((3, 3), int)}, "from -1"),
    ],
)
def test_refuses_in_words(arrays_: dict[str, np.ndarray], complaint: str) -> None:
    with pytest.raises(AnnotatorError, match=complaint):
        fuse_labels(arrays_, Registry.load().fusion_method("majority"))


def test_refuses_methods_that_need_a_project() -> None:
    arrays_ = {"a": np.ones((3, 4), np.uint8), "b": np.zeros((3, 4), np.uint8)}
    with pytest.raises(AnnotatorError, match="needs the cases of a project"):
        fuse_labels(arrays_, Registry.load().fusion_method("spatial-staple"))


def test_widget_fuses_ticked_layers(qtbot: QtBot) -> None:
    viewer = ViewerModel()
    first = np.zeros((20, 20), np.int32)
    first[5:15, 5:15] = 1
    second = np.roll(first, 2, axis=0)
    layers = [viewer.add_labels(mask, scale=(0.5, 0.5)) for mask in (first, second, first)]
    widget = FuseLabelsWidget(viewer)
    qtbot.addWidget(widget)
    widget.fuse.click()
    assert "at least two" in widget.message.text()
    for row in range(3):
        widget.layers.item(row).setCheckState(Qt.CheckState.Checked)
    assert widget.method.findData("pooled-staple") < 0
    widget.method.setCurrentIndex(widget.method.findData("majority"))
    widget.fuse.click()
    fused = viewer.layers["Fused (Majority vote)"]
    assert (fused.data == first).all()
    assert fused.scale.tolist() == [0.5, 0.5]
    heat = viewer.layers["Disagreement (Majority vote)"]
    assert ((heat.data > 0) == (first != second)).all()
    assert widget.table.rowCount() == 3
    dice = widget.table.item(0, 2)
    assert dice is not None
    assert dice.text() == "0.800"
    assert [layer.name for layer in widget.chosen()] == [layer.name for layer in layers]
    layers[1].translate = (3, 0)
    widget.fuse.click()
    assert "does not lie where" in widget.message.text()

"""Mirror and copy to next slices, voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.rules import MaskingRules
from tests.unit.drawing.asking import ask, made_labels, result_of, section, surface_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("plane", [0, 1, 2])
@pytest.mark.parametrize("along", ["across", "down", "through"])
def test_mirrored_across_the_middle(plane: int, along: str) -> None:
    mask = made_labels(21, dtype=np.uint16)
    down, across = (axis for axis in range(3) if axis != plane)
    axis = {"across": across, "down": down, "through": plane}[along]
    flipped = np.flip(mask == 1, axis)
    surface = surface_of(mask)
    found = result_of("mirror", surface, plane=plane, along=along)
    assert np.array_equal(found, np.where(flipped, 1, mask))
    found = result_of("mirror", surface, plane=plane, along=along, keep=False, into=3)
    assert np.array_equal(found, np.where(flipped, 3, np.where(mask == 1, 0, mask)))
    if along != "through":
        turned = {"across": "down", "down": "across"}[along]
        other = result_of("mirror", surface, plane=plane, along=turned, screen=(across, down))
        assert np.array_equal(other, np.where(flipped, 1, mask))
        here = section(plane, 4)
        found = result_of("mirror", surface, plane=plane, index=4, along=along, where="slice")
        expected = mask.copy()
        expected[here] = np.where(flipped[here], 1, mask[here])
        assert np.array_equal(found, expected)


def test_mirrored_across_the_crosshair() -> None:
    mask = made_labels(22)
    mask[:, :, :20][mask[:, :, :20] == 1] = 0
    expected = mask.copy()
    for z, y, x in np.argwhere(mask == 1).tolist():
        if 0 <= 2 * 13 - x < mask.shape[2]:
            expected[z, y, 2 * 13 - x] = 1
    surface = surface_of(mask)
    found = result_of("mirror", surface, at=(2, 3, 13), centre="crosshair")
    assert np.array_equal(found, expected)
    with pytest.raises(NothingToDoError, match="lies outside the image"):
        ask("mirror", surface, at=(2, 3, 2), centre="crosshair")
    with pytest.raises(NothingToDoError, match="Put the crosshair"):
        ask("mirror", surface, centre="crosshair")
    with pytest.raises(NothingToDoError, match="through the slices"):
        ask("mirror", surface, along="through", where="slice")


@pytest.mark.parametrize("plane", [0, 1, 2])
@pytest.mark.parametrize("to", ["next", "previous", "both"])
@pytest.mark.parametrize("all_labels", [False, True])
def test_copied_to_next_slices(plane: int, to: str, all_labels: bool) -> None:
    mask = made_labels(23)
    index, last = 2, mask.shape[plane]
    targets = {
        "next": range(index + 1, index + 5),
        "previous": range(0, index),
        "both": [place for place in range(index + 5) if place != index],
    }[to]
    source = mask[section(plane, index)]
    copied = (source > 0) if all_labels else (source == 2)
    for replace in (False, True):
        expected = mask.copy()
        for target in targets:
            there = expected[section(plane, target)]
            if replace:
                there[(there > 0) if all_labels else (there == 2)] = 0
            there[copied] = source[copied]
        found = result_of(
            "copy slice",
            surface_of(mask),
            label=2,
            plane=plane,
            index=index,
            to=to,
            n_slices=4,
            all_labels=all_labels,
            replace=replace,
        )
        assert np.array_equal(found, expected)
    with pytest.raises(NothingToDoError, match="last slice"):
        ask("copy slice", surface_of(mask), label=2, plane=plane, index=last - 1, to="next")


def test_copying_respects_which_labels_give_way() -> None:
    mask = made_labels(24)
    surface = surface_of(mask, rules=MaskingRules(overwrite="none"))
    found = result_of("copy slice", surface, index=3, to="next")
    expected = mask.copy()
    expected[4][(mask[3] == 1) & (mask[4] == 0)] = 1
    assert np.array_equal(found, expected)

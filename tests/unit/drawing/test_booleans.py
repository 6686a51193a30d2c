"""Booleans against sets of voxels, the margin of the other label by SimpleITK's distances."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.domain.errors import AnnotatorError
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.rules import MaskingRules
from tests.unit.drawing.asking import (
    ask,
    distance_to,
    made_labels,
    reshaped,
    result_of,
    section,
    surface_of,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("mm", [0.0, 2.95])
@pytest.mark.parametrize("plane", [None, 0, 1, 2])
def test_combinations(plane: int | None, mm: float) -> None:
    mask = made_labels(11, dtype=np.uint16)
    here = (slice(None),) * 3 if plane is None else section(plane, 9)
    how = {} if plane is None else {"plane": plane, "index": 9, "where": "slice"}
    own = mask[here] == 3
    other = distance_to(mask[here] == 2) <= mm
    regions = {
        "copy": other,
        "add": own | other,
        "subtract": own & ~other,
        "intersect": own & other,
    }
    for what, region in regions.items():
        if not mm and what in ("subtract", "intersect"):
            continue
        expected = mask.copy()
        expected[here] = reshaped(mask[here], 3, region)
        found = result_of("booleans", surface_of(mask), label=3, what=what, other=2, mm=mm, **how)
        assert np.array_equal(found, expected), what


@pytest.mark.parametrize("plane", [None, 0, 1, 2])
def test_invert_and_clear(plane: int | None) -> None:
    mask = made_labels(12)
    here = (slice(None),) * 3 if plane is None else section(plane, 9)
    how = {} if plane is None else {"plane": plane, "index": 9, "where": "slice"}
    inverted, cleared = mask.copy(), mask.copy()
    inverted[here] = np.array([2, 1, 0, 3], np.uint8)[mask[here]]
    cleared[here] = np.array([0, 1, 0, 3], np.uint8)[mask[here]]
    surface = surface_of(mask)
    assert np.array_equal(result_of("booleans", surface, label=2, what="invert", **how), inverted)
    assert np.array_equal(result_of("booleans", surface, label=2, what="clear", **how), cleared)


def test_a_locked_label_lends_only_its_margin() -> None:
    mask = made_labels(13)
    surface = surface_of(mask, rules=MaskingRules(locked=frozenset({2})))
    found = result_of("booleans", surface, label=1, what="copy", other=2, mm=2.95)
    other = mask == 2
    assert np.array_equal(found == 2, other)
    assert np.array_equal(found == 1, (distance_to(other) <= 2.95) & ~other)


def test_words() -> None:
    mask = made_labels(14)
    surface = surface_of(mask)
    with pytest.raises(AnnotatorError, match="Choose the other label first"):
        ask("booleans", surface, what="add")
    with pytest.raises(AnnotatorError, match="choose two that differ"):
        ask("booleans", surface, what="add", other=1)
    with pytest.raises(NothingToDoError, match="Label 9 is not drawn"):
        ask("booleans", surface, what="add", other=9)
    with pytest.raises(NothingToDoError, match=r"no voxel in common\. Give"):
        ask("booleans", surface, what="subtract", other=2)
    mask[...] = 0
    mask[0, :3, :3], mask[-1, -3:, -3:] = 1, 2
    with pytest.raises(NothingToDoError, match="label 2 with a margin of 3 mm have no voxel"):
        ask("booleans", surface, what="intersect", other=2, mm=3.0)

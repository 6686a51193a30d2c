"""A cut in space is where the outline lies on the picture, voxel by voxel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path

from annotator.domain.errors import CancelledError
from annotator.drawing.gesture import Held, NothingToDoError
from annotator.drawing.options import with_defaults
from annotator.drawing.scissors import Scissors
from annotator.drawing.space_scissors import SpaceOutline, SpaceScissors
from annotator.drawing.surface import Surface
from tests.unit.drawing.hands import worked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

SHAPE = (9, 14, 12)
SPACING = (2.5, 0.7, 0.9)
ZIGZAG = np.array([[6.3, 4.2], [33.7, 9.1], [18.4, 16.6], [35.2, 31.9], [9.9, 27.3]])


def _view(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """Return ``(2, 4)`` of a picture of 40 pixels that looks at the middle of the volume."""
    one, other = np.radians([azimuth, elevation])
    right = np.array([0.0, -np.sin(one), np.cos(one)])
    down = np.array([-np.cos(other), np.sin(other) * np.cos(one), np.sin(other) * np.sin(one)])
    turned = np.stack([right, down]) * 1.7 * np.array(SPACING)
    middle = (np.array(SHAPE) - 1) / 2
    return np.column_stack([turned, np.array([20.0, 20.0]) - turned @ middle])


def _mask(seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 3, SHAPE, dtype=np.uint8)


def _cut(
    mask: NDArray[np.uint8],
    corners: NDArray[np.float64],
    view: NDArray[np.float64],
    *,
    visible: frozenset[int] = frozenset({1, 2}),
    chosen: Mapping[str, str] | None = None,
) -> SpaceScissors:
    held = Held(label=1, chosen=with_defaults(Scissors.options, chosen or {}))
    drawn = SpaceOutline(corners=corners, to_screen=view, visible=visible)
    gesture = SpaceScissors(Surface(mask=mask, spacing_mm=SPACING), held, drawn)
    gesture.confirm()
    return gesture


def _seen_inside(
    corners: NDArray[np.float64],
    view: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Return, by matplotlib and each voxel's place on the picture, which lie in the outline."""
    voxels = np.indices(SHAPE).reshape(3, -1)
    places = (view @ np.vstack([voxels, np.ones(voxels.shape[1])])).T
    return Path(corners).contains_points(places).reshape(SHAPE)


@given(azimuth=st.floats(-180, 180), elevation=st.floats(-90, 90))
@settings(max_examples=40, deadline=None)
def test_erases_what_is_seen_inside_the_outline_from_any_side(
    azimuth: float, elevation: float
) -> None:
    view = _view(azimuth, elevation)
    mask = _mask()
    expected = np.where(_seen_inside(ZIGZAG, view) & (mask == 1), 0, mask)
    assert worked(_cut(mask, ZIGZAG, view)) is not None
    differs = mask != expected
    # On the very outline rounding decides, and the two may differ.
    assert differs.sum() <= 1


@pytest.mark.parametrize(
    ("chosen", "visible"),
    [
        ({"operation": "erase-outside"}, {1, 2}),
        ({"operation": "fill-inside"}, {2}),
        ({"labels": "all"}, {1, 2}),
        ({"labels": "all"}, {2}),
    ],
)
def test_keeps_to_the_options_and_erases_no_label_that_is_not_seen(
    chosen: dict[str, str], visible: set[int]
) -> None:
    view, mask = _view(35, 20), _mask()
    cut = _seen_inside(ZIGZAG, view)
    if chosen.get("operation") == "fill-inside":
        expected = np.where(cut, 1, mask)
    elif chosen.get("operation") == "erase-outside":
        expected = np.where(~cut & (mask == 1), 0, mask)
    else:
        expected = np.where(cut & np.isin(mask, list(visible)), 0, mask)
    worked(_cut(mask, ZIGZAG, view, visible=frozenset(visible), chosen=chosen))
    np.testing.assert_array_equal(mask, expected)


def test_says_where_there_is_nothing_to_cut_and_stops_when_it_is_told_to() -> None:
    view, mask = _view(0, 0), np.zeros(SHAPE, np.uint8)
    with pytest.raises(NothingToDoError, match="nothing to change"):
        worked(_cut(mask, ZIGZAG, view))
    with pytest.raises(CancelledError):
        _cut(mask, ZIGZAG, view).find(lambda: True)
    assert worked(_cut(mask, ZIGZAG[:2], view)) is None

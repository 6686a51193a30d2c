"""The livewire on shapes whose edge is known, and the ways that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from annotator.analysis.edge_cost import measure_edges, step_cost
from annotator.analysis.path_tree import grow_tree
from annotator.drawing import edge_map
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.livewire import Livewire
from annotator.drawing.rules import MaskingRules
from annotator.drawing.surface import Surface
from tests.unit.drawing.hands import take_back, take_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.drawing.edit import Point
    from annotator.drawing.gesture import Gesture

pytestmark = pytest.mark.unit

SIZE = 96
RADIUS_MM = 30.0


def distances(spacing: tuple[float, float]) -> NDArray[np.float64]:
    """Return how far each pixel lies from the middle of a slice, mm."""
    row, column = np.indices((SIZE, SIZE)) - SIZE / 2
    away: NDArray[np.float64] = np.hypot(row * spacing[0], column * spacing[1])
    return away


def disc(
    plane: int,
    *,
    spacing: tuple[float, float] = (1.0, 1.0),
    noise: float = 8.0,
    seed: int = 0,
    kind: type[np.unsignedinteger] = np.uint8,
    rules: MaskingRules | None = None,
) -> Surface:
    """Return three slices, the middle one with a blurred disc of contrast 100."""
    random = np.random.default_rng(seed)
    steps = list(spacing)
    sharp = 100.0 * (distances(spacing) <= RADIUS_MM)
    blurred = ndimage.gaussian_filter(sharp, [1.2 / step for step in spacing])
    image = random.normal(0, noise, (3, SIZE, SIZE))
    image[1] += blurred
    steps.insert(plane, 4.0)
    image = np.moveaxis(image, 0, plane)
    return Surface(
        mask=np.zeros(image.shape, kind),
        image=np.rint(image).astype(np.int16),
        spacing_mm=(steps[0], steps[1], steps[2]),
        rules=rules or MaskingRules(),
    )


def on_rim(turn: float, plane: int, spacing: tuple[float, float], off: float = 0.0) -> Point:
    """Return a place on the rim of the disc, or beside it, voxels."""
    place = [
        SIZE / 2 + RADIUS_MM * np.sin(turn) / spacing[0] + off,
        SIZE / 2 + RADIUS_MM * np.cos(turn) / spacing[1] - off,
    ]
    place.insert(plane, 1.0)
    return place[0], place[1], place[2]


def click(gesture: Gesture, at: Point) -> None:
    gesture.hover(at)
    gesture.press(at)
    gesture.release()


def drawn_around(
    surface: Surface, n_clicks: int, plane: int = 0, spacing: tuple[float, float] = (1.0, 1.0)
) -> Gesture:
    wire = take_up(Livewire, surface, plane=plane, index=1, label=3)
    for number in range(n_clicks):
        turn = 0.3 + 2 * np.pi * number / n_clicks
        click(wire, on_rim(turn, plane, spacing, off=1.0 if number % 2 else -1.0))
    return wire


@pytest.mark.parametrize(
    ("plane", "spacing", "n_clicks", "seed"),
    [
        (0, (1.0, 1.0), 4, 1),
        (0, (1.0, 1.0), 6, 2),
        (1, (1.5, 0.8), 5, 3),
        (2, (0.8, 1.5), 5, 4),
    ],
)
def test_a_noisy_disc_is_drawn_to_a_voxel(
    plane: int, spacing: tuple[float, float], n_clicks: int, seed: int
) -> None:
    surface = disc(plane, spacing=spacing, seed=seed, kind=np.uint16 if seed % 2 else np.uint8)
    wire = drawn_around(surface, n_clicks, plane, spacing)
    wire.confirm()
    edit = wire.finish()
    assert wire.is_done
    assert edit is not None
    drawn = surface.mask.take(1, axis=plane) == 3
    assert np.count_nonzero(surface.mask) == np.count_nonzero(drawn)
    wrong = drawn != (distances(spacing) <= RADIUS_MM)
    assert np.abs(distances(spacing) - RADIUS_MM)[wrong].max() <= max(spacing)
    take_back(surface.mask, edit)
    assert not surface.mask.any()


def test_a_click_on_the_first_anchor_closes() -> None:
    surface = disc(0)
    wire = drawn_around(surface, 5)
    first = wire.preview.anchors[0]
    wire.hover((1.0, first[1] + 1, first[2]))
    assert np.allclose(wire.preview.lines[-1].points[-1], first, atol=1.0)
    click(wire, (1.0, first[1] + 1, first[2]))
    assert wire.is_done
    assert np.count_nonzero(surface.mask) == pytest.approx(np.pi * RADIUS_MM**2, rel=0.02)


def test_an_anchor_is_dragged_with_the_ways_on_both_sides() -> None:
    wire = drawn_around(disc(0), 4)
    placed = wire.preview.anchors
    before = wire.preview.lines[0].points
    wire.press(placed[1])
    wire.drag((1.0, 48.0, 48.0))  # the middle of the disc
    wire.release()
    moved = wire.preview.anchors
    assert np.hypot(*np.subtract(moved[1], (1, 48, 48))[1:]) < 4
    assert [moved[n] for n in (0, 2, 3)] == [placed[n] for n in (0, 2, 3)]
    after = wire.preview.lines[0].points
    assert np.hypot(*(after - (1, 48, 48)).T[1:]).min() < 4
    wire.press(moved[1])
    wire.drag(placed[1])
    wire.release()
    again = wire.preview.lines[0].points
    assert np.hypot(*(again - (1, 48, 48)).T[1:]).min() > RADIUS_MM - 2
    assert len(again) == pytest.approx(len(before), abs=4)


def test_the_ways_of_a_moved_anchor_are_the_cheapest_ones() -> None:
    surface = disc(0, noise=20)
    wire = drawn_around(surface, 4)
    wire.press(wire.preview.anchors[2])
    wire.drag((1.0, 40.0, 60.0))
    wire.release()
    first, second, third, _ = ((int(at[1]), int(at[2])) for at in wire.preview.anchors)
    edges = measure_edges(surface.values(((1, 0, 0), (2, SIZE, SIZE)))[0], (1.0, 1.0), 1.5)
    for start, end in ((first, second), (second, third)):
        tree = grow_tree(step_cost(edges, max(float(edges.strength[start]), 1e-3)), start)
        way = tree.way_to(end)
        points = wire.preview.lines[0].points[:, 1:]
        away = np.linalg.norm(way[:, None] - points[None], axis=2).min(axis=1)
        assert away.max() <= 0.75  # half a pixel to each side along the gradient


def test_anchors_are_taken_back_one_by_one() -> None:
    wire = take_up(Livewire, disc(0), plane=0, index=1)
    wire.hover(on_rim(0.0, 0, (1.0, 1.0)))
    assert len(wire.preview.anchors) == 1  # where a click would set the first
    assert not wire.has_begun
    assert not wire.step_back()
    for turn in (0.0, 1.0, 2.0):
        click(wire, on_rim(turn, 0, (1.0, 1.0)))
    assert wire.step_back()
    assert len(wire.preview.anchors) == 2
    wire.hover(on_rim(1.7, 0, (1.0, 1.0)))
    assert [line.is_dashed for line in wire.preview.lines] == [False, True]
    with pytest.raises(NothingToDoError, match="3 anchors and has 2"):
        wire.confirm()
    assert wire.step_back()
    assert wire.step_back()
    assert wire.is_done
    assert wire.finish() is None


def test_rules_hold_and_dropping_leaves_nothing() -> None:
    surface = disc(0, rules=MaskingRules(locked=frozenset({7})))
    surface.mask[1, :, 40:50] = 7
    before = surface.mask.copy()
    wire = drawn_around(surface, 4)
    wire.confirm()
    assert (surface.mask[1, :, 40:50] == 7).all()
    assert (surface.mask == 3).any()
    wire.cancel()
    assert np.array_equal(surface.mask, before)


def test_windows_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    surface = disc(0)
    start, near, far = (48, 78), (69, 69), (48, 18)
    whole = edge_map.EdgeMap(surface, plane=0, index=1, sigma_vox=1.5)
    expected = whole.way(start, near)
    monkeypatch.setattr(edge_map, "AT_ONCE_PIXELS", 0)
    monkeypatch.setattr(edge_map, "REACH", 40)
    parts = edge_map.EdgeMap(surface, plane=0, index=1, sigma_vox=1.5)
    found = parts.way(start, near)
    assert np.allclose(found, expected, atol=1e-3)
    way = parts.way(start, far)  # leads out of the first window
    assert np.allclose(way[[0, -1]], [start, far], atol=0.75)
    assert np.hypot(*(way - SIZE / 2).T).min() > RADIUS_MM - 2
    monkeypatch.setattr(edge_map, "FURTHEST", 40)
    bounded = edge_map.EdgeMap(surface, plane=0, index=1, sigma_vox=1.5)
    way = bounded.way(start, far)  # straight on beyond the window
    assert way[-1].tolist() == list(far)
    assert np.abs(way[-2] - (48, 38)).max() <= 0.5

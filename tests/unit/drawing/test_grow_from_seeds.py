"""Growing from seeds: the labels of a plain search, whatever was drawn and taken back before."""

from __future__ import annotations

import gc
import heapq
import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis import kernels
from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.drawing import grow_from_seeds
from annotator.drawing.grow_from_seeds import GrowFromSeeds
from annotator.drawing.operation import Asked, apply
from annotator.drawing.rules import MaskingRules
from annotator.drawing.seed_growing import Grown
from annotator.drawing.surface import Surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

AROUND = [step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]
SPACINGS = [(1.0, 1.0, 1.0), (5.0, 0.7, 0.7), (1.0, 3.0, 0.5)]


def lengths_for(spacing: tuple[float, float, float], unit: float = 16) -> NDArray[np.int32]:
    """Return lengths of steps."""
    lengths = np.zeros((3, 3, 3), np.int32)
    for step in AROUND:
        lengths[step[0] + 1, step[1] + 1, step[2] + 1] = round(
            unit * float(np.linalg.norm(np.multiply(step, spacing)) / min(spacing))
        )
    return lengths


def search_plainly(
    levels: NDArray[np.uint16], seeds: NDArray[np.uint8], lengths: NDArray[np.int32]
) -> NDArray[np.uint8]:
    """Dijkstra's search with a heap of (distance, label, voxel)."""
    labels = np.zeros_like(seeds)
    waiting = [(0, int(seeds[tuple(at)]), tuple(at)) for at in np.argwhere(seeds).tolist()]
    heapq.heapify(waiting)
    while waiting:
        distance, label, at = heapq.heappop(waiting)
        if labels[at]:
            continue
        labels[at] = label
        for step in AROUND:
            to = tuple(a + b for a, b in zip(at, step, strict=True))
            if all(0 <= a < size for a, size in zip(to, seeds.shape, strict=True)):
                length = abs(int(levels[at]) - int(levels[to]))
                length += int(lengths[step[0] + 1, step[1] + 1, step[2] + 1])
                heapq.heappush(waiting, (distance + length, label, to))
    return labels


def grown_with(
    grown: Grown, seeds: NDArray[np.uint8], kind: type[np.unsignedinteger] = np.uint8
) -> NDArray[np.unsignedinteger]:
    """Return the labels after an update."""
    grown.update(seeds)
    return grown.labels(np.dtype(kind))


@given(
    st.tuples(*[st.integers(1, 6)] * 3),
    st.sampled_from([1, 3, 60, 65535]),
    st.sampled_from(SPACINGS),
    st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=15)
def test_labels_are_those_of_a_plain_search_after_every_change(
    shape: tuple[int, int, int], n_levels: int, spacing: tuple[float, float, float], seed: int
) -> None:
    """Few levels make many ties, which the lower label wins."""
    random = np.random.default_rng(seed)
    levels = random.integers(0, n_levels, shape, endpoint=True).astype(np.uint16)
    lengths = lengths_for(spacing)
    seeds = np.zeros(shape, np.uint8)
    grown = Grown(levels, lengths)
    for _ in range(3):
        changed = random.random(shape) < 0.15
        seeds[changed] = random.integers(0, 4, np.count_nonzero(changed))
        expected = search_plainly(levels, seeds, lengths)
        if seeds.any():
            assert np.array_equal(grown_with(grown, seeds), expected)
            with kernels.without_kernels():
                swept = grown_with(Grown(levels, lengths), seeds, np.uint16)
            assert np.array_equal(swept, expected)


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=8)
def test_a_search_goes_on_after_cancels_and_into_larger_boxes(seed: int) -> None:
    """Nothing of it depends on the way there."""
    random = np.random.default_rng(seed)
    levels = random.integers(0, 500, (40, 42, 44)).astype(np.uint16)
    lengths = lengths_for((2.0, 1.0, 1.0))
    low = [int(random.integers(0, 12)) for _ in range(3)]
    high = [int(random.integers(20, size + 1)) for size in levels.shape]
    inner = tuple(slice(*ends) for ends in zip(low, high, strict=True))
    box = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))

    def some_seeds() -> NDArray[np.uint8]:
        seeds = np.zeros(levels.shape, np.uint8)
        seeds[inner][random.random(seeds[inner].shape) < 0.001] = random.integers(1, 5)
        seeds[inner][0, 0, 0], seeds[inner][-1, -1, -1] = 1, 2
        return seeds

    def cancel(share: float) -> None:
        raise CancelledError("Cancelled.")

    first = Grown(levels[inner], lengths)
    for _ in range(3):
        with pytest.raises(CancelledError):
            first.update(some_seeds()[inner], cancel)
    first.update(some_seeds()[inner])
    whole = Grown(levels, lengths)
    whole.take_over(first, box)
    seeds = some_seeds()
    assert np.array_equal(grown_with(whole, seeds), grown_with(Grown(levels, lengths), seeds))


def test_where_the_image_is_even_the_nearest_seed_wins() -> None:
    """By the lengths of ways over the 26 neighbours, in mm."""
    seeds = np.zeros((9, 30, 31), np.uint8)
    places = np.array([(1, 3, 4), (7, 20, 25), (4, 28, 2)])
    seeds[tuple(places.T)] = (1, 2, 3)
    surface = Surface(
        mask=seeds, image=np.full(seeds.shape, 7, np.int16), spacing_mm=(3.0, 1.0, 1.0)
    )
    change = GrowFromSeeds().run(surface, Asked(label=1, chosen={"margin": 100.0}))
    assert change is not None
    apart = np.abs(np.indices(seeds.shape)[:, None] - places.T[:, :, None, None, None])
    # The way to a voxel: as many steps as can be along all axes that are left, then along fewer.
    step = np.array([3.0, 1.0, 1.0])
    length = np.zeros(apart.shape[1:])
    left = apart.copy()
    while left.any():
        moves = left > 0
        length += np.sqrt((moves * step[:, None, None, None, None] ** 2).sum(axis=0))
        left -= moves
    clear = np.partition(length, 1, axis=0)
    decided = clear[1] - clear[0] > 1.0  # lengths are rounded to a sixteenth of a voxel
    nearest = length.argmin(axis=0) + 1
    full = seeds.copy()
    full[tuple(slice(a, b) for a, b in zip(*change.box, strict=True))] = change.labels
    assert decided.mean() > 0.9
    assert np.array_equal(full[decided], nearest[decided])


def three_tissues(kind: type[np.unsignedinteger]) -> tuple[Surface, NDArray[np.uint8]]:
    """Return strokes (1, 2 and 5 around) in a noisy image of a ball in a ball, and the truth."""
    shape = (20, 48, 52)
    z, y, x = np.ogrid[:20, :48, :52]
    radius = np.sqrt((2.0 * (z - 10)) ** 2 + (y - 24) ** 2 + (x - 26) ** 2)
    truth = np.where(radius < 9, 1, np.where(radius < 17, 2, 5)).astype(np.uint8)
    values = np.array([0, 300, 100, 0, 0, -200])[truth]
    values = values + np.random.default_rng(4).normal(0, 25, shape)
    mask = np.zeros(shape, kind)
    mask[10][radius[10] < 3] = 1
    mask[9][(radius[9] > 12) & (radius[9] < 14)] = 2
    mask[10][(radius[10] > 20) & (radius[10] < 22)] = 5
    mask[1, 24, 20:30] = mask[19, 24, 20:30] = 5
    image = np.round((values + 1000) / 2).astype(np.int16)
    surface = Surface(
        mask=mask, image=image, spacing_mm=(2.0, 1.0, 1.0), slope=2.0, intercept=-1000.0
    )
    return surface, truth


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_strokes_find_their_tissues(kind: type[np.unsignedinteger]) -> None:
    """The background label grows too, and what it covers stays empty."""
    surface, truth = three_tissues(kind)
    strokes = surface.mask.copy()
    asked = Asked(label=1, chosen={"background": 5})
    change = GrowFromSeeds().run(surface, asked)
    assert change is not None
    assert change.labels.dtype == kind
    edit = apply(surface, change)
    assert edit is not None
    (z0, y0, x0), (z1, y1, x1) = edit.box
    assert z0 >= 1
    assert z1 <= 20
    for label in (1, 2):
        found, true = surface.mask == label, truth == label
        found, true = found[z0:z1, y0:y1, x0:x1], true[z0:z1, y0:y1, x0:x1]
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.95
    assert np.array_equal(surface.mask[strokes != 0], strokes[strokes != 0])
    assert set(np.unique(surface.mask[(truth == 5) & (strokes == 0)])) <= {0, 2}

    surface.mask[...] = strokes
    change = GrowFromSeeds().run(
        surface, Asked(label=1, chosen={"background": 5, "clear_background": True})
    )
    assert change is not None
    apply(surface, change)
    assert not (surface.mask == 5).any()


def test_each_stroke_changes_it_as_if_it_were_worked_out_anew() -> None:
    """Also where strokes reach out of the box before, are taken back, or options change."""
    surface, _ = three_tissues(np.uint8)
    mask, surfaces = surface.mask, [surface]
    live = GrowFromSeeds()
    chosen: dict[str, float] = {"background": 5}
    corner = (slice(0, 2), slice(2, 5), slice(46, 51))

    def compare() -> None:
        asked = Asked(label=1, chosen=chosen)
        one, other = live.run(surfaces[-1], asked), GrowFromSeeds().run(surfaces[-1], asked)
        assert one is not None
        assert other is not None
        assert one.box == other.box
        assert np.array_equal(one.labels, other.labels)

    compare()
    mask[12, 20:24, 40] = 2
    compare()
    mask[corner] = 5
    compare()
    with pytest.raises(CancelledError):
        live.run(surface, Asked(label=1, chosen=chosen), cancel_at_once)
    mask[12, 20:24, 40] = 0
    compare()
    mask[corner] = 0
    compare()
    chosen["locality"] = 2.0
    compare()
    chosen["smoothing"] = 0.0
    compare()
    surfaces[0] = Surface(mask=mask, image=np.flip(surface.values(surface.whole)).copy())
    compare()
    surfaces.clear()
    gc.collect()
    assert not live._kept


def cancel_at_once(share: float) -> None:
    """Progress of what is not wanted."""
    raise CancelledError("Cancelled.")


def test_it_says_what_is_missing_and_keeps_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two labels are needed; locked ones are not written."""
    surface, _ = three_tissues(np.uint8)
    mask = surface.mask.copy()
    operation = GrowFromSeeds()
    with pytest.raises(AnnotatorError, match="needs an image"):
        operation.run(Surface(mask=mask), Asked(label=1))
    surface.mask[...] = 0
    with pytest.raises(AnnotatorError, match=r"Nothing is drawn yet\. Draw a stroke inside each"):
        operation.run(surface, Asked(label=1))
    surface.mask[mask == 5] = 5
    with pytest.raises(AnnotatorError, match="Only label 5 is drawn"):
        operation.run(surface, Asked(label=1))
    with pytest.raises(AnnotatorError, match="Only the background label is drawn"):
        operation.run(surface, Asked(label=1, chosen={"background": 5}))
    locked = Surface(mask=mask, image=surface.image, rules=MaskingRules(locked=frozenset({2})))
    change = operation.run(locked, Asked(label=1))
    assert change is not None
    before = mask.copy()
    apply(locked, change)
    assert np.array_equal(mask == 2, before == 2)
    monkeypatch.setattr(grow_from_seeds, "MAX_VOXELS", 1000)
    with pytest.raises(AnnotatorError, match=r"million voxels; up to .* smaller margin"):
        operation.run(locked, Asked(label=1))


def test_metal_and_broken_values_leave_levels_for_the_others() -> None:
    """One voxel far out must not make the tissues look the same; NaN counts as low."""
    surface, truth = three_tissues(np.uint8)
    values = surface.values(surface.whole).copy()
    values[0, 0, 0], values[0, 0, 1], values[1, 0, 1] = 1e9, np.nan, np.inf
    broken = Surface(mask=surface.mask, image=values, spacing_mm=surface.spacing_mm)
    change = GrowFromSeeds().run(broken, Asked(label=1, chosen={"background": 5}))
    assert change is not None
    apply(broken, change)
    for label in (1, 2):
        found = surface.mask == label
        true = truth == label
        assert 2 * (found & true)[2:18].sum() / (found[2:18].sum() + true[2:18].sum()) > 0.9

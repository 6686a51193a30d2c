"""Compiled and numpy search give the same distances; the named definitions are those of peers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis import kernels
from annotator.analysis.edges import find_edges
from annotator.analysis.runs import encode
from annotator.analysis.surface import DEFINITIONS, SurfaceDefinition, surface_distances
from annotator.analysis.surface_kernels import mark
from annotator.analysis.votes import VoteRuns, merge_votes
from annotator.domain.errors import UnknownNameError

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit
needs_kernels = pytest.mark.skipif(
    kernels.library() is None, reason="the kernels are not compiled here"
)
SPACINGS = [(1.0, 1.0, 1.0), (3.0, 0.7, 0.9), (40.0, 0.5, 0.5), (0.2, 9.0, 1.0)]
DEFINED: list[SurfaceDefinition] = list(get_args(SurfaceDefinition))


@st.composite
def votes_of_few(draw: st.DrawFn) -> VoteRuns:
    """Return votes of raters who draw boxes near each other or far apart, specks, or nothing."""
    shape = draw(
        st.one_of(
            st.tuples(st.integers(1, 8), st.integers(1, 40), st.integers(1, 40)),
            st.sampled_from([(40, 60, 50), (1, 200, 180)]),
        )
    )
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    masks = []
    for _ in range(draw(st.sampled_from([2, 3, 9, 20]))):
        mask = np.zeros(shape, np.uint8)
        for _ in range(int(random.integers(0, 3))):
            low = [int(random.integers(0, size)) for size in shape]
            high = [int(random.integers(at, size)) + 1 for at, size in zip(low, shape, strict=True)]
            mask[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = random.integers(
                0, 3
            )
        mask[random.random(shape) < draw(st.sampled_from([0.0, 0.002]))] = 1
        masks.append(mask)
    return merge_votes([encode(mask) for mask in masks], labels=[1, 2])


@needs_kernels
@given(votes_of_few(), st.sampled_from(SPACINGS), st.sampled_from(DEFINED))
@settings(deadline=None, max_examples=30)
def test_both_ways_give_the_same_distances(
    votes: VoteRuns, spacing: tuple[float, float, float], definition: SurfaceDefinition
) -> None:
    def measure() -> list[tuple[float | None, ...]]:
        found = surface_distances(votes, 1, spacing, definition=definition, tolerance_mm=1.3)
        return [(pair.hd95_mm, pair.mean_mm, pair.surface_dice) for pair in found]

    fast = measure()
    with kernels.without_kernels():
        slow = measure()
    for one, other in zip(fast, slow, strict=True):
        assert one == pytest.approx(other, abs=1e-9)


@needs_kernels
@given(votes_of_few())
@settings(deadline=None, max_examples=30)
def test_both_ways_find_the_same_edges(votes: VoteRuns) -> None:
    says = votes.patterns == 1
    fast = find_edges(votes, says)
    with kernels.without_kernels():
        slow = find_edges(votes, says)
    assert len(fast.raters) == len(slow.raters)
    for one, other in zip((*fast.raters, fast.union), (*slow.raters, slow.union), strict=True):
        assert np.array_equal(one, other)


@needs_kernels
@pytest.mark.parametrize("at_corners", [False, True])
def test_nothing_beyond_the_field_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, *, at_corners: bool
) -> None:
    library, looked_at = kernels.library(), []

    class Watched:
        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            return getattr(library, name)

        def mark_surfaces(self, *given: Any) -> None:  # noqa: ANN401
            looked_at.append(given[3:5])
            self.__getattr__("mark_surfaces")(*given)

    monkeypatch.setattr(kernels, "library", Watched)
    votes = merge_votes([encode(np.ones((4, 6, 6), np.uint8))], labels=[1])
    # Where slices lie far apart, nothing is looked for in the next one: the rim is one voxel there.
    field = mark(votes, votes.patterns == 1, (1, 2, 2), at_corners=at_corners)
    assert field is not None
    ((begin, end),) = looked_at
    before = sum(field.step) if at_corners else max(field.step)
    after = 0 if at_corners else max(field.step)
    assert begin - before >= 0
    assert end - 1 + after < field.bits.size


def test_more_raters_than_a_word_has_bits() -> None:
    mask = np.zeros((5, 9, 9), np.uint8)
    mask[1:3, 2:6, 3:7] = 1
    moved = np.roll(mask, 2, axis=2)
    votes = merge_votes([encode(mask)] * 66 + [encode(moved)], labels=[1])
    found = surface_distances(votes, 1, (1.0, 1.0, 1.0), tolerance_mm=0.5)
    assert len(found) == 67 * 66 // 2
    assert {pair.hd95_mm for pair in found if pair.second < 66} == {0.0}
    assert {pair.hd95_mm for pair in found if pair.second == 66} == {2.0}
    assert {pair.surface_dice for pair in found if pair.second < 66} == {1.0}


def blobs(shape: tuple[int, ...], seed: int) -> list[NDArray[np.bool_]]:
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(seed)
    common = gaussian_filter(random.standard_normal(shape), 4)
    found = []
    for _ in range(3):
        own = gaussian_filter(random.standard_normal(shape), 2)
        found.append(common / common.std() + 0.3 * own / own.std() > 0.8)
    return found


def pairs(masks: list[NDArray[np.bool_]], spacing: tuple[float, float, float]) -> Any:  # noqa: ANN401
    def all_of(definition: SurfaceDefinition) -> Any:  # noqa: ANN401
        cut = [mask[None] if mask.ndim == 2 else mask for mask in masks]
        votes = merge_votes([encode(mask.view(np.uint8)) for mask in cut], labels=[1])
        return surface_distances(votes, 1, spacing, definition=definition, tolerance_mm=1.25)

    return all_of


@pytest.mark.parametrize("spacing", SPACINGS[:2])
@pytest.mark.parametrize("shape", [(20, 60, 50), (90, 80)])
def test_surfels_are_those_of_surface_distance(
    shape: tuple[int, ...], spacing: tuple[float, float, float]
) -> None:
    oracle: Any = pytest.importorskip("surface_distance")
    masks = blobs(shape, 1)
    for pair in pairs(masks, spacing)("surfels"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = oracle.compute_surface_distances(
                masks[pair.first], masks[pair.second], spacing[-len(shape) :]
            )
        assert pair.hd95_mm == pytest.approx(oracle.compute_robust_hausdorff(found, 95), abs=1e-5)
        dice = oracle.compute_surface_dice_at_tolerance(found, 1.25)
        assert pair.surface_dice == pytest.approx(dice, abs=1e-5)


@pytest.mark.parametrize("spacing", SPACINGS[:2])
@pytest.mark.parametrize("shape", [(20, 60, 50), (90, 80)])
def test_pooled_is_that_of_medpy(
    shape: tuple[int, ...], spacing: tuple[float, float, float]
) -> None:
    pytest.importorskip("medpy", reason="medpy (GPL) is not installed: pip install medpy")
    from medpy.metric.binary import assd, hd95

    masks = blobs(shape, 2)
    for pair in pairs(masks, spacing)("pooled"):
        both = masks[pair.first], masks[pair.second]
        own = spacing[-len(shape) :]
        assert pair.hd95_mm == pytest.approx(hd95(*both, voxelspacing=own), abs=1e-5)
        assert pair.mean_mm == pytest.approx(assd(*both, voxelspacing=own), abs=1e-5)


@pytest.mark.parametrize("spacing", SPACINGS[:2])
@pytest.mark.parametrize("shape", [(20, 60, 50), (90, 80)])
def test_directed_is_that_of_monai(
    shape: tuple[int, ...], spacing: tuple[float, float, float]
) -> None:
    pytest.importorskip("monai", reason="MONAI is not installed: pip install monai")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from monai import metrics

        peer: Any = metrics
        masks = blobs(shape, 3)
        for pair in pairs(masks, spacing)("directed"):
            both = [torch.from_numpy(masks[n])[None, None] for n in (pair.first, pair.second)]
            own = spacing[-len(shape) :]
            hd95 = peer.compute_hausdorff_distance(
                *both, include_background=True, percentile=95, spacing=own
            )
            dice = peer.compute_surface_dice(*both, [1.25], include_background=True, spacing=own)
            assert pair.hd95_mm == pytest.approx(float(hd95), abs=1e-5)
            assert pair.surface_dice == pytest.approx(float(dice), abs=1e-5)


def test_percentiles_of_few_voxels_by_hand() -> None:
    masks = [np.zeros((1, 1, 40), np.bool_) for _ in range(2)]
    masks[0][0, 0, [0, 10]] = True
    masks[1][0, 0, 0] = True
    found = {name: pairs(masks, (1.0, 1.0, 2.0))(name)[0] for name in ("directed", "pooled")}
    assert found["directed"].hd95_mm == pytest.approx(19.0)  # 0 and 20 mm, 95 % of the way
    assert found["pooled"].hd95_mm == pytest.approx(18.0)  # 0, 0 and 20 mm
    assert found["pooled"].mean_mm == pytest.approx(20 / 3)
    assert found["directed"].surface_dice == pytest.approx(2 / 3)


def test_every_definition_has_words_and_others_are_refused() -> None:
    assert list(DEFINITIONS) == DEFINED
    votes = merge_votes([encode(np.ones((1, 2, 2), np.uint8))] * 2, labels=[1])
    with pytest.raises(UnknownNameError, match="surfels"):
        surface_distances(votes, 1, (1, 1, 1), definition="surfel")  # type: ignore[arg-type]

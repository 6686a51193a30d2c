from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from annotator.api import no_progress
from annotator_recipes.outline_trainers import (
    CrispEdgesTrainer,
    CrossoverTrainer,
    PairedSlicesTrainer,
)
from annotator_recipes.segmenting_plan import Plan
from tests.made_cases import made_case

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from annotator.api import CaseVotes
    from annotator_recipes.segmenting_patches import Batch
    from annotator_recipes.segmenting_trainer import SegmentingTrainer

pytestmark = pytest.mark.unit

TINY = {
    "width": 4,
    "levels": 2,
    "epochs": 2,
    "steps": 3,
    "batch": 2,
    "held_out": 0.0,
    "dimensions": "2d",
}
TRAINERS = (CrispEdgesTrainer(), PairedSlicesTrainer(), CrossoverTrainer())


def plan(n_dims: int = 2, *, n_labels: int = 2) -> Plan:
    return Plan(
        n_dims=n_dims,
        spacing_mm=(None, 1.0, 1.0),
        patch=(32,) * n_dims,
        strides=((2,) * n_dims,),
        kernels=((3,) * n_dims,) * 2,
        widths=(6, 12),
        n_channels=1,
        labels=tuple(range(n_labels)),
        rater_ids=("a",),
        batch=2,
    )


def shares(mask: NDArray[np.integer], n_labels: int) -> Tensor:
    """Return a mask ``(n, …)`` as shares ``(n, label, …)``."""
    found = np.stack([mask == label for label in range(n_labels)], axis=1)
    made: Tensor = torch.from_numpy(found.astype(np.float32))
    return made


def rounds(n_images: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return noisy pictures ``(n, 1, 32, 32)`` of two near rounds, and their shares."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    masks = []
    for _ in range(n_images):
        row, column = random.uniform(13, 18, 2)
        left = np.hypot(y - row, x - column + 7) < 6
        masks.append(left | (np.hypot(y - row, x - column - 7) < 6))
    mask = np.stack(masks).astype(np.int64)
    image = ndimage.gaussian_filter(mask.astype(np.float32), (0, 0.7, 0.7))
    noisy = image + 0.1 * random.standard_normal(mask.shape)
    return torch.from_numpy(noisy[:, None].astype(np.float32)), shares(mask, 2)


def batch_of(image: Tensor, target: Tensor, **extra: Tensor) -> Batch:
    from annotator_recipes.segmenting_patches import Batch

    n_images = len(image)
    return Batch(
        image=image,
        target=target,
        readings=torch.zeros(n_images, 0),
        present=torch.ones(n_images, 1, dtype=torch.bool),
        known=torch.ones(n_images, *image.shape[2:]),
        case=torch.arange(n_images),
        spacing_mm=torch.ones(n_images, 3),
        extra={name.replace("_", " "): value for name, value in extra.items()},
    )


@given(st.integers(0, 10_000), st.sampled_from([(9, 8), (6, 7, 5)]))
def test_edges_are_what_erosion_takes(seed: int, shape: tuple[int, ...]) -> None:
    from annotator_recipes.crisp_edges_recipe import inner_edges

    mask = np.random.default_rng(seed).integers(0, 3, (1, *shape))
    found = inner_edges(shares(mask, 3))[0, 0].numpy()
    wanted = np.zeros(shape, np.bool_)
    for label in (1, 2):
        inside = mask[0] == label
        wanted |= inside & ~ndimage.binary_erosion(inside, border_value=1)
    np.testing.assert_array_equal(found, wanted)


def test_nothing_is_refined_before_anything_was_learned() -> None:
    from annotator_recipes.crisp_edges_recipe import CrispNet

    torch.manual_seed(1)
    for n_dims in (2, 3):
        seen = CrispNet(1, 3, plan(n_dims))(torch.rand(2, 1, *(16,) * n_dims))
        torch.testing.assert_close(seen.refined, seen.coarse)
        torch.testing.assert_close(seen.edges, seen.coarse_edges)
        assert seen.refined.shape == (2, 3, *(16,) * n_dims)
        assert seen.edges.shape == (2, 1, *(16,) * n_dims)


def test_true_edges_cost_least() -> None:
    from annotator_recipes.crisp_edges_recipe import edge_loss, inner_edges, widened

    _, target = rounds(3)
    wanted = inner_edges(target)
    known = torch.ones(3, 32, 32)
    least = edge_loss(wanted, wanted, known)
    assert least < 1e-3
    assert edge_loss(widened(wanted, 1), wanted, known) > least + 0.2
    assert edge_loss(torch.zeros_like(wanted), wanted, known) > least + 0.5
    hidden = known * (1 - widened(wanted, 2)[:, 0])
    assert edge_loss(torch.zeros_like(wanted), wanted, hidden) < 0.01


def step_on(networks: nn.ModuleDict, recipe: object, batches: list[Batch], n_steps: int) -> None:
    optimiser = torch.optim.Adam(networks.parameters(), lr=1e-2)
    random = np.random.default_rng(0)
    for step in range(n_steps):
        loss = recipe.loss(networks, batches[step % len(batches)], 0, random)  # type: ignore[attr-defined]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def test_edges_that_were_learned_are_crisp() -> None:
    """The claim of the paper: edges hardly wider than a pixel, where they are."""
    from annotator_recipes.crisp_edges_recipe import CrispEdges, inner_edges

    torch.manual_seed(0)
    recipe = CrispEdges(CrispEdgesTrainer().parameters.model_validate(TINY))  # type: ignore[arg-type]
    networks = recipe.networks(plan())
    step_on(networks, recipe, [batch_of(*rounds(4, seed)) for seed in range(4)], 40)
    image, target = rounds(4, 99)
    with torch.no_grad():
        edges = recipe.edges(networks, image)[:, 0] > 0.5
        plain = networks["network"](image).coarse.softmax(dim=1)[:, 1].numpy()
    wanted = inner_edges(target)[:, 0] > 0.5
    width = edges.sum() / wanted.sum()
    slope = np.hypot(*np.gradient(plain, axis=(1, 2)))
    assert 0.6 < width < 1.5
    assert (slope > 0.1).sum() > 1.2 * int(edges.sum())
    assert (edges & wanted).sum() > 0.7 * wanted.sum()


def test_slices_swap_and_what_they_show_together_stays() -> None:
    from annotator_recipes.paired_slices_recipe import PairNet, pair_counts

    torch.manual_seed(2)
    network = PairNet(1, 3, plan(n_labels=3)).eval()
    one, other = torch.rand(2, 2, 1, 16, 16)
    first, second, counts = network.pair(one, other)
    again_second, again_first, again = network.pair(other, one)
    torch.testing.assert_close(first, again_first)
    torch.testing.assert_close(second, again_second)
    torch.testing.assert_close(counts, again)
    torch.testing.assert_close(first, network(one))
    assert counts.shape == (2, 3, 2, 16, 16)
    target = shares(np.random.default_rng(1).integers(0, 3, (2, 8, 8)), 3)
    assert set(pair_counts(target, target).flatten().tolist()) == {0, 2}
    swapped = target[:, [0, 2, 1]]
    torch.testing.assert_close(pair_counts(target, swapped), pair_counts(swapped, target))


def test_a_slice_beside_itself_shows_none_or_both() -> None:
    from annotator_recipes.paired_slices_recipe import PairedSlices, PairNet

    torch.manual_seed(3)
    recipe = PairedSlices(PairedSlicesTrainer().parameters.model_validate(TINY))  # type: ignore[arg-type]
    networks = recipe.networks(plan())
    batches = []
    for seed in range(4):
        (image, target), (image_2, target_2) = rounds(4, seed), rounds(4, seed + 50)
        batches.append(batch_of(image, target, other_image=image_2, other_target=target_2))
        batches.append(batch_of(image, target, other_image=image, other_target=target))
    step_on(networks, recipe, batches, 40)
    image, _ = rounds(4, 99)
    network = networks["network"]
    assert isinstance(network, PairNet)
    with torch.no_grad():
        _, _, counts = network.pair(image, image)
        _, _, apart = network.pair(image, rounds(4, 98)[0])
    assert (counts.argmax(dim=1) == 1).float().mean() < 0.01
    assert (apart.argmax(dim=1) == 1).any()


def test_right_counts_cost_nothing() -> None:
    from annotator_recipes.paired_slices_recipe import proxy_loss

    wanted = torch.from_numpy(np.random.default_rng(1).integers(0, 3, (2, 1, 8, 8)))
    counts = 40.0 * torch.nn.functional.one_hot(wanted, 3).movedim(-1, 1).float()
    known = torch.ones(2, 8, 8)
    assert proxy_loss(counts, wanted, known) < 1e-3
    assert proxy_loss(counts.roll(1, 1), wanted, known) > 1.0


def test_slices_that_were_left_out_are_not_taken_for_empty() -> None:
    from annotator_recipes.paired_slices_recipe import drawn_slices, known_slices

    target = np.zeros((2, 20, 4, 4), np.float32)
    target[1, [6, 9, 12], 1, 1] = 1
    drawn = drawn_slices(target)
    np.testing.assert_array_equal(drawn, [6, 9, 12])
    known = np.flatnonzero(known_slices(drawn, 20))
    np.testing.assert_array_equal(known, [0, 1, 2, 3, 6, 9, 12, 15, 16, 17, 18, 19])
    assert not known_slices(drawn[:0], 20).any()
    every = known_slices(np.arange(5, 9), 20)
    assert every.all()


@given(st.integers(0, 1000), st.sets(st.integers(0, 11), min_size=2, max_size=6))
def test_partners_are_other_drawn_slices(number: int, chosen: set[int]) -> None:
    from annotator_recipes.paired_slices_recipe import partners

    drawn = np.array(sorted(chosen))
    found = partners(drawn, 12, number)
    assert set(found.tolist()) <= chosen
    assert (found != np.arange(12)).all()
    np.testing.assert_array_equal(found, partners(drawn, 12, number))


def test_strips_that_say_the_same_neither_agree_nor_differ_by_place() -> None:
    from annotator_recipes.crossover_recipe import crossing_terms

    features = torch.rand(2, 4, 40, 40, generator=torch.Generator().manual_seed(4))
    alike, differ = crossing_terms(features, features)
    assert alike < 1e-3
    inner = torch.zeros(1, 4, 60, 60)
    inner[..., 20:40, 20:40] = 1.0
    _, apart = crossing_terms(inner, inner.roll(15, 3))
    assert 0 < apart <= 1
    assert 0 <= differ <= 1


def test_agreement_is_rewarded_where_strips_cross_and_difference_elsewhere() -> None:
    from annotator_recipes.crossover_recipe import CrossNet, Crossover, crossing_terms
    from annotator_recipes.segmenting_losses import plain_loss

    torch.manual_seed(5)
    settings = CrossoverTrainer().parameters.model_validate({**TINY, "crossing_weight": 2.0})
    recipe = Crossover(settings)  # type: ignore[arg-type]
    networks = recipe.networks(plan())
    batch = batch_of(*rounds(2))
    network = networks["network"]
    assert isinstance(network, CrossNet)
    disagreement, difference = crossing_terms(*network.strips(batch.image))
    plain = plain_loss(network(batch.image), batch.target, batch.known)
    loss = recipe.loss(networks, batch, 0, np.random.default_rng(0))
    torch.testing.assert_close(loss, plain + 2.0 * (disagreement - difference))


def test_strips_reach_along_one_axis() -> None:
    from annotator_recipes.crossover_recipe import Strip

    torch.manual_seed(6)
    for axis in (0, 1):
        strip = Strip(1, 4, axis)
        image = torch.zeros(1, 1, 61, 61, requires_grad=True)
        # Without the normalisation, which sees the whole image.
        found = image
        for layer in strip:
            if isinstance(layer, torch.nn.Conv2d):
                found = layer(found)
        found[0, :, 30, 30].sum().backward()
        assert image.grad is not None
        reached = np.argwhere(image.grad[0, 0].abs().numpy() > 0)
        sides = np.ptp(reached, axis=0) + 1
        assert sides[axis] > 30
        assert sides[1 - axis] < 12


def small_volumes(n_cases: int) -> list[CaseVotes]:
    random = np.random.default_rng(7)
    found = []
    for number in range(n_cases):
        z, y, x = np.indices((6, 24, 24))
        mask = (np.hypot(y - 12, x - 12) < 7) & (z > 0)
        drawn = (mask & (z % 2 == 1)).astype(np.uint8)
        image = (mask + 0.2 * random.standard_normal(mask.shape)).astype(np.float32)
        found.append(made_case(f"{number}", image, {"a": drawn}))
    return found


@pytest.mark.parametrize("trainer", TRAINERS, ids=lambda one: one.name)
def test_trainers_train_read_and_do_so_again(trainer: SegmentingTrainer) -> None:
    cases = small_volumes(2)
    settings = trainer.parameters.model_validate(TINY)
    learned = trainer.train(cases, settings, no_progress)
    assert learned.content == trainer.train(cases, settings, no_progress).content
    image = cases[0].window(None).image
    found = trainer.predict(
        learned.content, image, (1.0, 1.0, 1.0), trust=None, progress=no_progress
    )
    assert found.probability is not None
    assert found.probability.shape == (2, 6, 24, 24)
    np.testing.assert_allclose(found.probability.sum(axis=0), 1.0, atol=1e-5)

"""Laws of the losses under the recipes for labels: pure algebra, no training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the recipes train networks with PyTorch")

import torch

from annotator_recipes.correlation_head import (
    CorrelationHead,
    correlated_target,
    tell_correlated,
)
from annotator_recipes.distractor_losses import (
    other_labels,
    response_distance,
    responses,
)
from annotator_recipes.mixed_losses import (
    doubt_by_dropout,
    guided_divergence,
    lean_towards,
)
from annotator_recipes.peer_losses import (
    generalised_entropy,
    kept_share,
    reliable,
    robust_dice,
)

if TYPE_CHECKING:
    from torch import Tensor

pytestmark = pytest.mark.unit


def one_hot(labels: Tensor, n_labels: int) -> Tensor:
    found: Tensor = torch.nn.functional.one_hot(labels, n_labels)
    return found.movedim(-1, 1).float()


@given(st.floats(0.02, 0.98))
def test_generalised_entropy_lies_between_cross_entropy_and_absolute_error(p: float) -> None:
    logits = torch.tensor([[0.0, np.log(p / (1 - p))]], dtype=torch.float64)
    target = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    cross = float(generalised_entropy(logits, target, 1e-6))
    absolute = float(generalised_entropy(logits, target, 1.0))
    assert cross == pytest.approx(-np.log(p), abs=1e-3)
    assert absolute == pytest.approx(1 - p)
    assert absolute <= float(generalised_entropy(logits, target, 0.7)) <= cross + 1e-9


def test_a_wrong_label_pulls_less_than_by_cross_entropy() -> None:
    """What the network finds impossible must not move it: the gradient goes to 0."""
    pulls = []
    for power in (1e-6, 0.7):
        logits = torch.tensor([[8.0, 0.0]], requires_grad=True)
        loss = generalised_entropy(logits, torch.tensor([[0.0, 1.0]]), power).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        pulls.append(float(logits.grad.abs().sum()))
    assert pulls[1] < 0.02 * pulls[0]


def test_robust_dice_is_nothing_for_the_truth_and_all_for_its_opposite() -> None:
    labels = torch.randint(0, 2, (2, 16, 16), generator=torch.Generator().manual_seed(0))
    truth, everywhere = one_hot(labels, 2), torch.ones(2, 16, 16)
    assert float(robust_dice(truth, truth, everywhere, 1.5)) == 0.0
    assert float(robust_dice(1 - truth, truth, everywhere, 1.5)) == pytest.approx(1.0, abs=0.02)
    nowhere = everywhere * (labels == 0)
    wrong_inside = truth * nowhere[:, None] + (1 - truth) * (1 - nowhere[:, None])
    assert float(robust_dice(wrong_inside, truth, nowhere, 1.5)) == 0.0


@given(st.integers(0, 1000), st.floats(0.0, 1.0))
def test_as_much_is_left_out_on_either_side_of_an_outline_and_the_least_sure(
    seed: int, kept: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    losses = torch.rand(2, 10, 10, generator=generator, dtype=torch.float64)
    labels = (torch.rand(2, 10, 10, generator=generator) < 0.1).long()
    found = reliable(losses, labels, kept, 2)
    smaller = min(int((labels == label).sum()) for label in (0, 1)) or labels.numel()
    for label in (0, 1):
        own = labels == label
        if own.any():
            assert int((own & ~found).sum()) == round((1.0 - kept) * smaller)
        if 0 < int(found[own].sum()) < int(own.sum()):
            assert losses[own & found].max() <= losses[own & ~found].min()


def test_peers_begin_with_all_and_end_without_the_noise() -> None:
    assert kept_share(0, 0.3, 10) == 1.0
    assert kept_share(5, 0.3, 10) == pytest.approx(0.85)
    assert kept_share(10, 0.3, 10) == kept_share(99, 0.3, 10) == pytest.approx(0.7)


def test_correlation_is_largest_with_itself_and_symmetric_but_for_the_sum_of_rows() -> None:
    torch.manual_seed(3)
    head = CorrelationHead(4, 5, 2)
    found = head.correlation(0.5).detach()
    assert torch.allclose(found.sum(dim=1), torch.ones(5))
    assert (found.argmax(dim=1) == torch.arange(5)).all()
    raw = found / found.diagonal()[:, None]
    assert torch.allclose(raw, raw.T, atol=1e-6)


def test_planted_resemblance_is_learned_and_told() -> None:
    """Pixels of labels 2 and 3 have almost the same features; those of 1 are far away."""
    torch.manual_seed(0)
    middles = torch.tensor([[0.0, 0, 4, 0], [4.0, 0, 0, 0], [0.0, 4, 0, 0], [0.0, 4, 0, 0.4]])
    labels = torch.randint(0, 4, (2, 12, 12))
    features = middles[labels].movedim(-1, 1) + 0.7 * torch.randn(2, 4, 12, 12)
    head = CorrelationHead(4, 4, 2)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(head(features), labels)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    found = head.correlation(1.0).detach().double().numpy()
    pairs = {(a, b): found[a, b] + found[b, a] for a in range(4) for b in range(a + 1, 4)}
    assert max(pairs, key=lambda pair: pairs[pair]) == (2, 3)
    assert tell_correlated(found, (0, 1, 2, 7))[0].startswith("Label 2 and label 7 look alike")


@given(st.floats(0.0, 1.0))
def test_correlated_targets_are_shares(share: float) -> None:
    torch.manual_seed(1)
    target = one_hot(torch.randint(0, 3, (1, 6, 6)), 3)
    mixed = correlated_target(target, CorrelationHead(4, 3, 2).correlation(1.0).detach(), share)
    assert torch.allclose(mixed.sum(dim=1), torch.ones(1, 6, 6), atol=1e-6)
    assert (mixed.argmax(dim=1) == target.argmax(dim=1)).all()
    if share == 0.0:
        assert torch.equal(mixed, target)


def test_whoever_is_wholly_in_doubt_moves_nobody() -> None:
    torch.manual_seed(0)
    one, other = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
    before = one.weight.detach().clone()
    lean_towards(one, other, inertia=0.9, doubt=1.0)
    assert torch.equal(one.weight, before)
    lean_towards(one, other, inertia=0.9, doubt=0.0)
    assert torch.allclose(one.weight, 0.9 * before + 0.1 * other.weight)
    moved = one.weight.detach().clone()
    lean_towards(one, other, inertia=0.9, doubt=0.5)
    assert torch.allclose(one.weight, 0.95 * moved + 0.05 * other.weight)


def test_a_teacher_counts_less_where_it_is_in_doubt() -> None:
    logits = torch.zeros(1, 2, 1, 2, requires_grad=True)
    teacher = torch.tensor([[[[0.9, 0.9]], [[0.1, 0.1]]]])
    everywhere = torch.ones(1, 1, 2)
    loss = guided_divergence(logits, teacher, torch.tensor([[[0.0, 1.0]]]), everywhere)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    sure, unsure = logits.grad[0, 0, 0].abs().tolist()
    assert unsure == pytest.approx(sure * np.exp(-1.0))
    same = teacher.log()
    assert float(guided_divergence(same, teacher, torch.zeros(1, 1, 2), everywhere)) < 1e-6


def test_doubt_by_dropout_runs_from_none_to_all() -> None:
    torch.manual_seed(0)
    head = torch.nn.Conv2d(8, 3, 1)
    torch.nn.init.zeros_(head.weight)
    assert head.bias is not None
    torch.nn.init.zeros_(head.bias)
    features = torch.rand(1, 8, 4, 4)
    assert torch.allclose(doubt_by_dropout(features, head)[1], torch.ones(1, 4, 4))
    torch.nn.init.constant_(head.bias, 0.0)
    head.bias.data[1] = 50.0
    mean, doubt = doubt_by_dropout(features, head)
    assert torch.allclose(doubt, torch.zeros(1, 4, 4), atol=1e-4)
    assert torch.allclose(mean.sum(dim=1), torch.ones(1, 4, 4))


def test_responses_of_the_same_label_do_not_differ_and_of_no_shared_feature_wholly() -> None:
    features = torch.rand(1, 4, 5, 5) + 0.1
    weight = torch.tensor([[1.0, 1, 0, 0], [0.0, 0, 1, 1]])
    labels, everywhere = torch.zeros(1, 5, 5, dtype=torch.long), torch.ones(1, 5, 5)
    right, wrong = (responses(features, weight, one) for one in (labels, 1 - labels))
    assert float(response_distance(right, right, everywhere)) == pytest.approx(0.0, abs=1e-6)
    assert float(response_distance(right, wrong, everywhere)) == pytest.approx(1.0)
    assert right.min() >= 0.0


@given(st.integers(0, 100), st.integers(2, 6))
def test_a_wrong_label_is_never_the_right_one(seed: int, n_labels: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, n_labels, (2, 8, 8), generator=generator)
    wrong = other_labels(labels, n_labels, generator)
    assert (wrong != labels).all()
    assert int(wrong.min()) >= 0
    assert int(wrong.max()) < n_labels


def test_pushing_responses_apart_makes_their_distance_grow() -> None:
    torch.manual_seed(0)
    features = torch.rand(1, 6, 8, 8)
    weight = torch.nn.Parameter(torch.rand(3, 6))
    labels = torch.randint(0, 3, (1, 8, 8))
    wrong = (labels + 1) % 3
    found = []
    for _ in range(50):
        distance = response_distance(
            responses(features, weight, labels),
            responses(features, weight, wrong),
            torch.ones(1, 8, 8),
        )
        found.append(float(distance.detach()))
        (-distance).backward()  # type: ignore[no-untyped-call]
        assert weight.grad is not None
        with torch.no_grad():
            weight.sub_(0.5 * weight.grad)
        weight.grad = None
    assert found[-1] > found[0] + 0.2

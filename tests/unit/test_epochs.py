from __future__ import annotations

import numpy as np
import pytest

from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError

pytest.importorskip("torch", reason="networks need PyTorch")

import torch
from torch import nn

from annotator_recipes.epochs import Rounds, train_rounds
from annotator_recipes.reading_slices import split_cases

pytestmark = pytest.mark.unit


def train(
    held_out_losses: list[float], *, patience: int = 2, first_judged: int = 0
) -> tuple[nn.Linear, Rounds]:
    """Train one weight that is moved by one step a round, judged as told."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    rounds = train_rounds(
        network,
        lambda rows, epoch: -network.weight.sum(),
        lambda rows, epoch: torch.tensor(held_out_losses[epoch]),
        np.arange(4),
        np.arange(2),
        epochs=len(held_out_losses),
        patience=patience,
        batch=4,
        learning_rate=0.1,
        random=np.random.default_rng(0),
        progress=no_progress,
        first_judged=first_judged,
    )
    return network, rounds


def test_the_best_round_is_kept_and_patience_ends_it() -> None:
    network, rounds = train([3.0, 2.0, 1.0, 2.0, 2.0, 0.0])
    assert rounds.best == 2
    assert len(rounds.losses) == 5
    assert network.weight.item() == pytest.approx(0.3, abs=1e-4)
    assert "round 3 did best" in rounds.sentence()


def test_rounds_that_mean_something_else_are_not_judged() -> None:
    network, rounds = train([0.0, 0.0, 5.0, 4.0, 6.0], first_judged=2)
    assert rounds.best == 3
    assert network.weight.item() == pytest.approx(0.4, abs=1e-4)


@pytest.mark.parametrize("first_judged", [3, 9])
def test_the_last_round_counts_where_no_other_does(first_judged: int) -> None:
    network, rounds = train([1.0, 1.0, 1.0], first_judged=first_judged)
    assert rounds.best == 2
    assert network.weight.item() == pytest.approx(0.3, abs=1e-4)


def test_a_loss_that_is_no_number_is_told() -> None:
    with pytest.raises(AnnotatorError, match="smaller learning rate"):
        train([1.0, float("nan")])


def test_a_case_is_never_on_both_sides() -> None:
    for n_cases in (2, 3, 10):
        for share in (0.1, 0.5):
            learn, judge = split_cases(n_cases, share, np.random.default_rng(n_cases))
            assert sorted([*learn, *judge]) == list(range(n_cases))
            assert len(learn)
            assert len(judge)

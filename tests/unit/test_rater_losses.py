"""Losses that learn from each rater: what they are least at, and what they find out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError
from tests.unit.recipe_phantoms import dice, read_by, whole

pytest.importorskip("torch", reason="networks need PyTorch")

import torch
from torch import nn

from annotator_recipes.rater_losses import (
    ConfusionTables,
    MeanOfRaters,
    RandomRater,
    one_present,
    ranked_score,
)
from annotator_recipes.segmenting_losses import overlap_loss, plain_loss
from annotator_recipes.segmenting_patches import Batch
from annotator_recipes.segmenting_plan import SegmenterParameters
from annotator_recipes.unet import UNetParameters, UNetTrainer
from annotator_recipes.weights import from_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.unit

SHARES = st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3)
MISSED, MADE_UP = 0.4, 0.15


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def shares(given: list[float]) -> torch.Tensor:
    weights = torch.tensor(given, dtype=torch.float64)
    return (weights / weights.sum())[None]


@settings(max_examples=50)
@given(SHARES, SHARES)
def test_the_ranked_score_is_proper(true: list[float], told: list[float]) -> None:
    """On average over labels as likely as ``true``, nothing scores better than ``true``."""
    right, other = shares(true), shares(told)
    labels = torch.eye(3, dtype=torch.float64)

    def expected(said: torch.Tensor) -> float:
        scores = torch.stack([ranked_score(said, label[None])[0] for label in labels])
        return float((right[0] * scores).sum())

    assert expected(right) <= expected(other) + 1e-12
    worse = expected(other) - expected(right)
    assert worse == pytest.approx(float(ranked_score(other, right)[0]), abs=1e-12)


def test_the_ranked_score_knows_the_order_of_labels() -> None:
    target, near, far = (torch.eye(3)[place][None] for place in (0, 1, 2))
    assert float(ranked_score(near, target)) == 1.0
    assert float(ranked_score(far, target)) == 2.0


@settings(max_examples=25)
@given(st.integers(0, 1000))
def test_the_overlap_is_least_at_a_soft_target_itself(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, 3, 6, 6, generator=generator)
    other = logits + torch.randn(1, 3, 6, 6, generator=generator)
    known = torch.ones(1, 6, 6)
    target = logits.softmax(dim=1)
    assert float(overlap_loss(logits, target, known)) == pytest.approx(0.0, abs=1e-6)
    assert float(overlap_loss(other, target, known)) > 0.0


def batch_of(readings: torch.Tensor, present: torch.Tensor) -> Batch:
    n, _, _, y, x = readings.shape
    nothing = torch.zeros(n, 3)
    return Batch(
        image=torch.zeros(n, 1, y, x),
        target=readings.mean(dim=1),
        readings=readings,
        present=present,
        known=torch.ones(n, y, x),
        case=torch.arange(n),
        spacing_mm=nothing,
        extra={},
    )


class Fixed(nn.Module):
    """Gives the same logits for every image."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.logits


def test_absent_raters_count_in_no_loss() -> None:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 2, (2, 3, 8, 8), generator=generator)
    readings = nn.functional.one_hot(labels, 2).movedim(-1, 2).float()
    present = torch.tensor([[True, True, False], [True, False, False]])
    batch = batch_of(readings, present)
    logits = torch.randn(2, 2, 8, 8, generator=generator)
    networks = nn.ModuleDict({"network": Fixed(logits)})
    first = plain_loss(logits, readings[:, 0], batch.known)
    second = plain_loss(logits[:1], readings[:1, 1], batch.known[:1])
    random = np.random.default_rng(0)
    mean = MeanOfRaters(SegmenterParameters()).loss(networks, batch, 0, random)
    assert float(mean) == pytest.approx(float((first + second) / 2))
    chosen = [one_present(present, random).tolist() for _ in range(200)]
    assert {tuple(one) for one in chosen} == {(0, 0), (1, 0)}
    assert 60 < sum(one[0] for one in chosen) < 140
    drawn = {
        float(RandomRater(SegmenterParameters()).loss(networks, batch, 0, random))
        for _ in range(20)
    }
    mixed = plain_loss(logits, torch.stack([readings[0, 1], readings[1, 0]]), batch.known)
    assert sorted(drawn) == pytest.approx(sorted([float(first), float(mixed)]))


def test_tables_begin_near_drawing_what_is_there() -> None:
    tables = ConfusionTables(2, 3)().detach()
    torch.testing.assert_close(tables.sum(dim=2), torch.ones(2, 3))
    assert (tables.diagonal(dim1=1, dim2=2) > 0.9).all()


def confusing(
    depth: NDArray[np.float64], random: np.random.Generator
) -> dict[str, NDArray[np.bool_]]:
    """``exact`` is right; ``misses`` leaves out, ``adds`` makes up pixels by chance."""
    truth = depth > 0
    return {
        "exact": truth,
        "misses": truth & (random.random(truth.shape) > MISSED),
        "adds": truth | (random.random(truth.shape) < MADE_UP),
    }


def test_what_raters_confuse_is_recovered() -> None:
    cases = read_by(16, 1, confusing)[0]
    unseen = read_by(4, 2, lambda depth, _: {"one": depth > 0})[0]
    given = UNetParameters(
        width=4, levels=2, epochs=8, steps=20, batch=4, learning_rate=1e-2, raters="confusion"
    )
    learned = UNetTrainer().train(cases, given, no_progress)
    facts, arrays = from_bytes(learned.content)
    tables = torch.from_numpy(10.0 * arrays["networks.tables.logits"]).softmax(dim=2).numpy()
    found = dict(zip(facts["plan"]["rater_ids"], tables, strict=True))
    expected: dict[str, Any] = {
        "exact": (0.0, 0.0),
        "misses": (0.0, MISSED),
        "adds": (MADE_UP, 0.0),
    }
    for rater_id, (made_up, missed) in expected.items():
        assert found[rater_id][0, 1] == pytest.approx(made_up, abs=0.06)
        assert found[rater_id][1, 0] == pytest.approx(missed, abs=0.06)
    drawn = f"misses draws {100 * found['misses'][1, 1]:.0f} % of label 1"
    assert any(one.startswith(drawn) for one in learned.summary)
    for case in unseen:
        shown = UNetTrainer().predict(
            learned.content, whole(case), case.spacing_mm, trust=None, progress=no_progress
        )
        assert shown.probability is not None
        truth = case.window(None).masks(case.votes)[0] == 1
        assert dice(shown.probability[1] > 0.5, truth) > 0.9


@pytest.mark.parametrize("raters", ["random", "mean", "ranked"])
def test_each_way_trains(raters: Any) -> None:  # noqa: ANN401 - one of the allowed words
    cases = read_by(6, 1, confusing)[0]
    given = UNetParameters(width=4, levels=2, epochs=1, steps=2, batch=2, raters=raters)
    assert UNetTrainer().train(cases, given, no_progress).content


def test_raters_cannot_count_where_a_target_is_given() -> None:
    case = SimpleNamespace(target=lambda: None)
    given = UNetParameters(raters="confusion")
    with pytest.raises(AnnotatorError, match="raters=confusion"):
        UNetTrainer().train([case], given, no_progress)  # type: ignore[list-item]

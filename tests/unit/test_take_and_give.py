"""Take-and-Give: attention that stays in its window, and a network that learns to draw."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch", reason="the recipes train networks with PyTorch")

import torch
from pydantic import ValidationError

from annotator.analysis.phantoms import simulate_study
from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError, CancelledError
from annotator_recipes.images import image_slices
from annotator_recipes.take_and_give import TakeAndGiveParameters, TakeAndGiveTrainer
from annotator_recipes.take_and_give_net import TakeAndGive, WindowAttention
from tests.made_cases import cases_of_study

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annotator.api import CaseVotes

pytestmark = pytest.mark.unit

QUICK = TakeAndGiveParameters(
    size=32, width=8, levels=3, epochs=12, diagnosis_epochs=2, batch=4, learning_rate=3e-3,
    question="finding", positive=("ill",),
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@functools.cache
def cases() -> tuple[CaseVotes, ...]:
    """Cases that aim at the truth."""
    study = simulate_study("global-skill", n_cases=28, seed=5, size=32)
    return tuple(
        replace(
            case,
            target=functools.partial(
                lambda truth: (truth[None] == np.arange(3)[:, None, None, None]).astype(np.float32),
                known.phantom.truth,
            ),
        )
        for case, known in zip(cases_of_study(study), study.cases, strict=True)
    )


@functools.cache
def training() -> tuple[bytes, tuple[float, ...]]:
    """What was learned, and the loss on cases held out after each round."""
    losses: dict[str, float] = {}

    def listen(fraction: float, message: str) -> None:
        del fraction
        if ", loss on cases held out " in message:
            losses[message] = float(message.split()[-1])

    content = TakeAndGiveTrainer().train(cases()[:20], QUICK, listen).content
    return content, tuple(losses.values())


def learned() -> bytes:
    return training()[0]


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_attention_keeps_shapes_and_stays_in_its_window() -> None:
    torch.manual_seed(0)
    attention = WindowAttention(16, 4, 4)
    query, source = torch.randn(2, 16, 8, 12), torch.randn(2, 16, 8, 12)
    found = attention(query, source)
    assert found.shape == query.shape
    changed = source.clone()
    changed[:, :, 5, 9] += torch.randn(16)
    moved = (attention(query, changed) - found).abs().amax(dim=(0, 1)) > 1e-6
    assert bool(moved[4:8, 8:12].all())
    moved[4:8, 8:12] = False
    assert not bool(moved.any())


def test_windows_go_back_to_where_they_were_cut() -> None:
    attention = WindowAttention(8, 2, 4)
    values = torch.randn(3, 8, 16, 8)
    cut = attention._windows(values)
    assert cut.shape == (3 * 4 * 2, 2, 16, 4)
    assert torch.equal(attention._whole(cut, values.shape), values)


@pytest.mark.parametrize(("size", "n_levels"), [(32, 2), (32, 5), (64, 4)])
def test_network_draws_and_tells(size: int, n_levels: int) -> None:
    widths = [8 * 2**level for level in range(n_levels)]
    shown, coarse, told = TakeAndGive(3, 2, widths, size, 8)(torch.randn(2, 3, size, size))
    assert shown.shape == coarse.shape == (2, 2, size, size)
    assert told.shape == (2,)


def test_diagnosis_reaches_the_mask() -> None:
    torch.manual_seed(0)
    network = TakeAndGive(1, 1, (8, 16, 32), 32, 8)
    image = torch.randn(1, 1, 32, 32)
    before = network(image)
    with torch.no_grad():
        for block in network.diagnosis.parameters():
            block.add_(0.1 * torch.randn_like(block))
    after = network(image)
    assert not torch.allclose(before[0], after[0])
    assert torch.equal(before[1], after[1])


def test_loss_falls_and_the_mask_beats_the_coarse_start() -> None:
    _, losses = training()
    assert min(losses) < 0.85 * losses[0]
    torch.manual_seed(0)
    start = TakeAndGive(1, 2, QUICK.widths, 32, QUICK.window)
    trainer = TakeAndGiveTrainer()
    by_start, by_trained = [], []
    for case in cases()[20:]:
        assert case.target is not None
        disc = case.target()[1:].sum(axis=0)[0] > 0.5
        image = case.window(None).image
        found = trainer.predict(
            learned(), image, case.spacing_mm, trust=None, progress=no_progress
        ).probability
        assert found is not None
        assert found.shape == (3, *case.shape)
        np.testing.assert_allclose(found.sum(axis=0), 1.0, atol=1e-5)
        by_trained.append(dice(found[0, 0] < 0.5, disc))
        slices, _ = image_slices(image, case.spacing_mm, size=32, n_channels=1)
        with torch.no_grad():
            coarse = torch.sigmoid(start(torch.from_numpy(slices))[1])[0].sum(dim=0).numpy()
        by_start.append(dice(coarse > 0.5, disc))
    assert np.mean(by_trained) > np.mean(by_start) + 0.1
    assert np.mean(by_trained) > 0.7


def test_same_seed_same_bytes_and_another_seed_others() -> None:
    brief = QUICK.model_copy(update={"epochs": 2})
    trainer = TakeAndGiveTrainer()
    first, second = (trainer.train(cases()[:8], brief, no_progress).content for _ in range(2))
    assert first == second
    other = brief.model_copy(update={"seed": 1})
    assert trainer.train(cases()[:8], other, no_progress).content != first


def test_volumes_are_read_slice_by_slice_in_colour_or_grey() -> None:
    trainer = TakeAndGiveTrainer()
    for shape in ((3, 20, 33), (2, 40, 25, 3)):
        image = np.random.default_rng(0).random(shape, dtype=np.float32)
        before = image.copy()
        found = trainer.predict(learned(), image, (2.0, 0.5, 1.0), trust=None, progress=no_progress)
        assert found.probability is not None
        assert found.labels == (0, 1, 2)
        assert found.probability.shape == (3, *shape[:3])
        np.testing.assert_array_equal(image, before)


def test_refusals_say_why() -> None:
    trainer = TakeAndGiveTrainer()
    aimless = [*cases()[:7], replace(cases()[7], target=None)]
    with pytest.raises(AnnotatorError, match="say which one to aim at"):
        trainer.train(aimless, QUICK, no_progress)
    with pytest.raises(AnnotatorError, match="at least 6 cases"):
        trainer.train(cases()[:3], QUICK, no_progress)
    wrong = QUICK.model_copy(update={"question": "findings"})
    with pytest.raises(AnnotatorError, match="did you mean 'finding'"):
        trainer.train(cases()[:8], wrong, no_progress)
    with pytest.raises(AnnotatorError, match="not what a recipe learned"):
        trainer.predict(
            b"?", np.zeros((1, 8, 8), np.float32), (1, 1, 1), trust=None, progress=no_progress
        )


def test_without_diagnoses_it_draws_and_says_so() -> None:
    silent = [replace(case, diagnoses={}) for case in cases()[:8]]
    brief = QUICK.model_copy(update={"epochs": 1, "question": None, "positive": ()})
    summary = TakeAndGiveTrainer().train(silent, brief, no_progress).summary
    assert any("No case has a diagnosis" in sentence for sentence in summary)


@pytest.mark.parametrize(
    "given", [{"size": 96}, {"window": 6}, {"width": 12}, {"epochs": 0}, {"seeds": 1}]
)
def test_parameters_out_of_bounds_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        TakeAndGiveParameters.model_validate(given)


def test_training_can_be_cancelled() -> None:
    def stop(fraction: float, message: str) -> None:
        assert message
        if fraction > 0.3:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        TakeAndGiveTrainer().train(cases()[:8], QUICK, stop)

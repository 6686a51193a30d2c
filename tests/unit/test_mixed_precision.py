"""Training with half of the digits: on a graphics card, and the same code on the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.api import no_progress
from annotator.domain.errors import CancelledError
from annotator_recipes.weights import from_bytes
from tests.unit.recipe_phantoms import dice, drawn, read_by, whole

pytest.importorskip("torch", reason="networks need PyTorch")

import torch

from annotator_recipes import segmenting_training
from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_plan import SegmenterParameters
from annotator_recipes.segmenting_trainer import NoDesk
from annotator_recipes.segmenting_training import half_on
from annotator_recipes.unet import UNetTrainer

if TYPE_CHECKING:
    from torch import nn

    from annotator.api import CaseVotes, Learned
    from annotator_recipes.segmenting_patches import Batch

pytestmark = pytest.mark.unit

SETTINGS = SegmenterParameters(
    width=4, levels=2, epochs=4, steps=10, batch=4, learning_rate=1e-2, held_out=0.0
)


class Watched(Recipe):
    """Remembers in what convolutions were computed."""

    seen: list[torch.dtype]

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> torch.Tensor:
        self.seen.append(networks["network"](batch.image).dtype)
        return super().loss(networks, batch, epoch, random)


class WatchedTrainer(UNetTrainer):
    def __init__(self) -> None:
        self.seen: list[torch.dtype] = []

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        found = Watched(settings)
        found.seen = self.seen
        return found


@pytest.fixture
def pictures() -> list[CaseVotes]:
    torch.set_num_threads(1)
    return read_by(8, 1, lambda depth, _: {"one": depth > 0})[0]


def mean_dice(learned: Learned) -> float:
    found = []
    for case in read_by(3, 2, lambda depth, _: {"one": depth > 0})[0]:
        shown = UNetTrainer().predict(
            learned.content, whole(case), case.spacing_mm, trust=None, progress=no_progress
        )
        found.append(dice(drawn(shown) > 0.5, case.window(None).masks(case.votes)[0, 0] == 1))
    return float(np.mean(found))


def test_the_processor_computes_in_full(pictures: list[CaseVotes]) -> None:
    assert half_on(torch.device("cpu")) is None
    trainer = WatchedTrainer()
    few = SETTINGS.model_copy(update={"epochs": 1, "steps": 1})
    trainer.train(pictures, few, no_progress)
    assert trainer.seen == [torch.float32]


def test_half_precision_learns_and_bears_breaks(
    pictures: list[CaseVotes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the processor with bfloat16, which it can compute in: the same code, with its scaler."""
    monkeypatch.setattr(segmenting_training, "half_on", lambda _: torch.bfloat16)
    # Its fast kernels for bfloat16 end in an illegal instruction on some virtual processors.
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    trainer = WatchedTrainer()
    unbroken = trainer.train(pictures, SETTINGS, no_progress)
    assert set(trainer.seen) == {torch.bfloat16}
    assert mean_dice(unbroken) > 0.85
    _, weights = from_bytes(unbroken.content)
    assert {weight.dtype for weight in weights.values()} == {np.dtype(np.float32)}
    desk = Keeps()

    def leave(fraction: float, message: str) -> None:
        if fraction > 0.6 and message.startswith("round"):
            raise CancelledError("left")

    with pytest.raises(CancelledError):
        trainer.train_at(pictures, SETTINGS, leave, desk)
    assert desk.checkpoint is not None
    assert from_bytes(desk.checkpoint)[0]["scaler"]["_growth_tracker"] > 0
    assert trainer.train_at(pictures, SETTINGS, no_progress, desk).content == unbroken.content


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
def test_a_graphics_card_computes_in_half(pictures: list[CaseVotes]) -> None:
    trainer = WatchedTrainer()
    learned = trainer.train(pictures, SETTINGS, no_progress)
    assert set(trainer.seen) == {torch.float16}
    assert mean_dice(learned) > 0.85


class Keeps(NoDesk):
    """A desk that keeps the checkpoint."""

    checkpoint: bytes | None = None

    def keep(self, checkpoint: bytes) -> None:
        self.checkpoint = checkpoint

    def kept(self) -> bytes | None:
        return self.checkpoint

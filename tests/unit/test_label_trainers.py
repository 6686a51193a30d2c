"""The trainers of recipes for labels: that each does what it says, on pictures of 32 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.evaluation import auroc
from annotator.analysis.label_errors import doubt_of
from annotator.api import LabelChecker, no_progress
from annotator.domain.errors import AnnotatorError
from tests.made_cases import made_case
from tests.unit.recipe_phantoms import SIDE, SQUARE, oval, picture, whole

pytest.importorskip("torch", reason="networks need PyTorch")

import torch

from annotator_recipes.cross_denoising_recipe import CrossDenoising
from annotator_recipes.label_trainers import (
    CorrelatedTrainer,
    CrossDenoisingParameters,
    CrossDenoisingTrainer,
    DistractorTrainer,
    MixedSupervisionParameters,
    MixedSupervisionTrainer,
    SoftenedTrainer,
)
from annotator_recipes.mixed_recipe import MixedSupervision
from annotator_recipes.segmenting_cases import read_case
from annotator_recipes.segmenting_plan import make_plan
from annotator_recipes.softened_recipe import Softened
from annotator_recipes.weak_labels import sure_of_weak

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.api import CaseVotes
    from annotator_recipes.segmenting_trainer import SegmentingTrainer

    Mask = NDArray[np.uint8]

pytestmark = pytest.mark.unit

TRAINERS: tuple[type[SegmentingTrainer], ...] = (
    SoftenedTrainer,
    CrossDenoisingTrainer,
    CorrelatedTrainer,
    MixedSupervisionTrainer,
    DistractorTrainer,
)
SHORT: dict[str, Any] = {"width": 4, "levels": 2, "epochs": 2, "steps": 2, "batch": 2}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


class BrokenOffError(Exception):
    """What ends a training in its middle."""


class Desk:
    """A desk that keeps checkpoints, and breaks off after some of them."""

    def __init__(self, n_rounds: int) -> None:
        self._left = n_rounds
        self._kept: bytes | None = None

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        self._left -= 1
        if self._left < 0:
            raise BrokenOffError

    def show_example(self, *_: object) -> None: ...

    def keep(self, checkpoint: bytes) -> None:
        self._kept = checkpoint

    def kept(self) -> bytes | None:
        return self._kept

    def should_stop(self) -> bool:
        return False


def cases_of(n_cases: int, seed: int, rater: str = "a") -> list[CaseVotes]:
    """Ovals that one rater drew as they are."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(n_cases):
        truth = oval(random) > 0
        masks = {rater: truth[None].astype(np.uint8)}
        found.append(made_case(f"{rater}{seed}-{number}", picture(truth, random), masks))
    return found


@pytest.mark.parametrize("kind", TRAINERS)
def test_training_goes_on_after_a_break_as_though_there_was_none(
    kind: type[SegmentingTrainer],
) -> None:
    trainer, cases = kind(), cases_of(4, 0)
    settings = trainer.parameters.model_validate(SHORT)
    at_once = trainer.train(cases, settings, no_progress)
    desk = Desk(1)
    with pytest.raises(BrokenOffError):
        trainer.train_at(cases, settings, no_progress, desk)
    assert desk.kept() is not None
    desk._left = 10
    broken = trainer.train_at(cases, settings, no_progress, desk)
    assert broken.content == at_once.content
    found = trainer.predict(
        at_once.content, whole(cases[0]), SQUARE, trust=None, progress=no_progress
    )
    assert found.probability is not None
    assert found.probability.shape == (2, 1, SIDE, SIDE)
    assert np.allclose(found.probability.sum(axis=0), 1.0, atol=1e-4)


def test_softened_cases_keep_their_drawn_label_beside_the_soft_one() -> None:
    cases = cases_of(1, 3)
    trainer = SoftenedTrainer()
    settings = trainer.parameters.model_validate({"superpixel": 4.0})
    recipe = trainer.recipe(settings)  # type: ignore[arg-type]
    assert isinstance(recipe, Softened)
    plan = make_plan(cases, recipe.settings, 1)
    plain = read_case(cases[0], 0, plan)
    case = recipe.prepare(plain, plan)
    soft = case.extra["soft"]
    assert np.array_equal(case.target, plain.target)
    assert np.allclose(soft.sum(axis=0), 1.0, atol=1e-6)
    assert (soft.argmax(axis=0) == plain.target.argmax(axis=0)).all()
    assert 0.02 < ((soft > 0.01) & (soft < 0.99)).mean() < 0.8


def test_correlated_labels_are_told() -> None:
    random = np.random.default_rng(0)
    cases = []
    for number in range(4):
        mask = (oval(random) > 0).astype(np.uint8)
        mask[:, SIDE // 2 :] *= 2
        image = picture(mask > 0, random)
        cases.append(made_case(str(number), image, {"a": mask[None]}, labels=(1, 2)))
    trainer = CorrelatedTrainer()
    learned = trainer.train(cases, trainer.parameters.model_validate(SHORT), no_progress)
    assert any(one.startswith("Label 1 and label 2 look alike") for one in learned.summary)


def test_each_peer_is_taught_by_what_the_other_keeps() -> None:
    """The second peer rejects the left half; the first is then moved by nothing there."""
    settings = CrossDenoisingParameters.model_validate({**SHORT, "noise": 0.5, "ramp": 1})
    recipe = CrossDenoising(settings)
    shown = {
        "first": torch.zeros(1, 2, 4, 4, requires_grad=True),
        "second": torch.zeros(1, 2, 4, 4, requires_grad=True),
    }
    with torch.no_grad():
        shown["second"][:, 1, :, :2] = 9.0
        shown["second"][:, 0, :, 2:] = 9.0

    class Told(torch.nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, _: torch.Tensor) -> torch.Tensor:
            return shown[self.name]

    networks = torch.nn.ModuleDict({name: Told(name) for name in shown})
    background = torch.zeros(1, 2, 4, 4)
    background[:, 0] = 1.0

    class OneBatch:
        image = torch.zeros(1, 1, 4, 4)
        target = background
        known = torch.ones(1, 4, 4)

    loss = recipe.loss(networks, OneBatch(), 5, np.random.default_rng(0))  # type: ignore[arg-type]
    loss.backward()  # type: ignore[no-untyped-call]
    moved = shown["first"].grad
    assert moved is not None
    assert (moved[:, :, :, :2] == 0).all()
    assert (moved[:, :, :, 2:] != 0).all()


def box() -> Mask:
    mask = np.zeros((1, 6, 6), np.uint8)
    mask[:, 1:4, 1:5] = 1
    return mask


def test_boxes_leave_open_what_lies_inside_and_scribbles_what_they_do_not_touch() -> None:
    may, sure = sure_of_weak([(box(), "boxes")], 3)
    assert (sure == (box() == 0)).all()
    assert (may[0][sure] == 1.0).all()
    assert (may[:2, ~sure] == 0.5).all()
    assert (may[2] == 0.0).all()
    scribble = np.zeros_like(box())
    scribble[:, 2, 2] = 1
    may, sure = sure_of_weak([(scribble, "scribbles")], 3)
    assert (sure == (scribble == 1)).all()
    assert np.allclose(may[:, ~sure], 1 / 3)
    both, known = sure_of_weak([(box(), "boxes"), (scribble, "scribbles")], 3)
    assert (known == ((box() == 0) | (scribble == 1))).all()
    assert (both[1] == 1.0).sum() == 1


def test_contradicting_weak_labels_say_nothing() -> None:
    scribble = np.zeros_like(box())
    scribble[:, 5, 5] = 1
    may, sure = sure_of_weak([(box(), "boxes"), (scribble, "scribbles")], 2)
    assert not sure[0, 5, 5]
    assert (may[:, 0, 5, 5] == 0.5).all()


def test_cases_of_boxes_alone_are_not_taken_for_masks() -> None:
    settings = MixedSupervisionParameters.model_validate({**SHORT, "weak": {"b": "boxes"}})
    recipe = MixedSupervision(settings)
    cases = [*cases_of(2, 0), *cases_of(6, 1, "b")]
    plan = make_plan(cases, settings, 1)
    full, weak = (recipe.prepare(read_case(cases[at], at, plan), plan) for at in (0, 5))
    assert full.known.all()
    assert not weak.known.any()
    assert (weak.extra["sure"][0] == (weak.readings[1] == 0)).all()
    chances = recipe.chances(cases)
    assert chances[:2].sum() == pytest.approx(chances[2:].sum())


def test_full_masks_count_where_somebody_drew_a_box_beside_them() -> None:
    settings = MixedSupervisionParameters.model_validate({**SHORT, "weak": {"b": "boxes"}})
    recipe = MixedSupervision(settings)
    truth = (oval(np.random.default_rng(2)) > 0)[None].astype(np.uint8)
    image = picture(truth[0] > 0, np.random.default_rng(2))
    case = made_case("both", image, {"a": truth, "b": np.ones_like(truth)})
    plan = make_plan([case], settings, 1)
    prepared = recipe.prepare(read_case(case, 0, plan), plan)
    assert (prepared.target[1] == truth).all()
    assert prepared.known.all()


def test_nobody_can_be_weak_who_read_nothing_and_not_everybody() -> None:
    cases = [*cases_of(1, 0), *cases_of(1, 1, "b")]
    for weak, words in (
        ({"c": "boxes"}, "no rater of these cases 'c'"),
        ({"a": "boxes", "b": "scribbles"}, "needs full masks"),
    ):
        settings = MixedSupervisionParameters.model_validate({**SHORT, "weak": weak})
        with pytest.raises(AnnotatorError, match=words):
            MixedSupervision(settings).chances(cases)


def test_both_peers_are_asked_what_they_believe() -> None:
    trainer, cases = CrossDenoisingTrainer(), cases_of(2, 0)
    assert isinstance(trainer, LabelChecker)
    settings = trainer.parameters.model_validate(SHORT)
    content = trainer.train(cases, settings, no_progress).content
    believed = trainer.believed(content, whole(cases[0]), SQUARE, no_progress)
    mean = trainer.predict(
        content, whole(cases[0]), SQUARE, trust=None, progress=no_progress
    ).probability
    assert mean is not None
    assert believed.labels == (0, 1)
    assert (believed.most >= mean - 1e-5).all()
    assert believed.most.sum(axis=0).min() >= 1.0 - 1e-4


def test_both_peers_reject_more_of_what_was_drawn_aside() -> None:
    """Four of twelve ovals were drawn eight pixels beside where they are."""
    random = np.random.default_rng(5)
    cases, is_wrong = [], []
    for number in range(12):
        truth = oval(random) > 0
        is_wrong.append(number % 3 == 0)
        drawn = np.roll(truth, 8, axis=1) if is_wrong[-1] else truth
        masks = {"a": drawn[None].astype(np.uint8)}
        cases.append(made_case(str(number), picture(truth, random), masks))
    trainer = CrossDenoisingTrainer()
    settings = trainer.parameters.model_validate(
        {**SHORT, "epochs": 3, "steps": 20, "batch": 4, "learning_rate": 1e-2, "ramp": 2}
    )
    content = trainer.train(cases, settings, no_progress).content
    doubt = []
    for case in cases:
        believed = trainer.believed(content, whole(case), SQUARE, no_progress)
        drawn = case.window(None).masks(case.votes)[0]
        rejected = doubt_of(drawn, believed.labels, believed.most) > 0.5
        doubt.append(float(rejected.mean()))
    found = auroc(doubt, is_wrong)
    assert found is not None
    assert found > 0.8

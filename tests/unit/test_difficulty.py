from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import rankdata, spearmanr

from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError, CancelledError, UnknownNameError
from annotator.domain.reading import Diagnosis
from tests.made_cases import made_case
from tests.unit.recipe_phantoms import SIDE, SQUARE, answered, oval, picture, whole

pytest.importorskip("torch", reason="networks need PyTorch")

import torch
from torch.nn import functional

from annotator_recipes.difficulty import DifficultyParameters, DifficultyTrainer
from annotator_recipes.difficulty_net import AnswerNet
from annotator_recipes.difficulty_training import stack_cases
from annotator_recipes.epochs import train_rounds
from annotator_recipes.weights import to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Learned

pytestmark = pytest.mark.unit

BY_ANSWER = DifficultyParameters(
    question="finding",
    positive="ill",
    size=32,
    width=4,
    levels=2,
    batch=16,
    epochs=20,
    patience=20,
    learning_rate=1e-2,
)
BY_DRAWING = DifficultyParameters(
    size=32, width=8, levels=2, batch=4, epochs=30, patience=30, learning_rate=6e-3
)
RATERS = "abcde"


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def answers_to_spots(n_cases: int, seed: int, *, noise: float = 1.0) -> list[CaseVotes]:
    """Spots whose brightness decides; raters waver near the turning point, ``a`` is ready early.

    ``a`` calls ill what is 0.8 darker than for others, so disputes lie on one side of where the
    majority turns.
    """
    random = np.random.default_rng(seed)
    cases = []
    for number in range(n_cases):
        brightness = random.uniform(-2, 2)
        truth = oval(random) > 0
        image = picture(truth, random) + np.float32(brightness) * truth
        wavers = noise * 0.35 * np.exp(-abs(brightness))
        limits = noise * np.array([-0.8, 0, 0, 0, 0])
        said = brightness + wavers * random.standard_normal(5) > limits
        masks = dict.fromkeys(RATERS, truth[None].astype(np.uint8))
        answers = {
            rater: "ill" if yes else "healthy" for rater, yes in zip(RATERS, said, strict=True)
        }
        cases.append(answered(made_case(str(number), image.astype(np.float32), masks), answers))
    return cases


@cache
def spots(n_cases: int, seed: int) -> tuple[CaseVotes, ...]:
    return tuple(answers_to_spots(n_cases, seed))


def is_disputed(case: CaseVotes) -> bool:
    return len({one.answer("finding") for one in case.diagnoses.values()}) > 1


def auroc(score: Sequence[float], is_positive: Sequence[bool]) -> float:
    ranks, positive = rankdata(score), np.asarray(is_positive)
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


def foretell(learned: Learned, cases: Sequence[CaseVotes]) -> list[float]:
    trainer = DifficultyTrainer()
    found = []
    for case in cases:
        one = trainer.predict(
            learned.content, whole(case), case.spacing_mm, trust=None, progress=no_progress
        )
        assert one.probability is None
        assert one.difficulty is not None
        assert 0 <= one.difficulty <= 1
        assert one.why.endswith(".")
        found.append(one.difficulty)
    return found


def entropy_of_majority(train: Sequence[CaseVotes], test: Sequence[CaseVotes]) -> list[float]:
    """How unsure a network of the same size is that learned what most raters answered."""
    torch.manual_seed(0)
    network = AnswerNet(1, BY_ANSWER.widths)
    majority = np.array(
        [
            sum(one.answer("finding") == "ill" for one in case.diagnoses.values()) > 2
            for case in train
        ],
        np.float32,
    )

    def loss_of(rows: NDArray[np.int64], epoch: int) -> torch.Tensor:
        stack = stack_cases([normal(train[row]) for row in rows.tolist()], torch.device("cpu"))
        logits = network(*stack, len(rows))[:, 2]
        target = torch.from_numpy(majority[rows])
        return functional.binary_cross_entropy_with_logits(logits, target)

    rows = np.random.default_rng(0).permutation(len(train))
    train_rounds(
        network,
        loss_of,
        loss_of,
        rows[len(rows) // 5 :],
        rows[: len(rows) // 5],
        epochs=BY_ANSWER.epochs,
        patience=BY_ANSWER.patience,
        batch=BY_ANSWER.batch,
        learning_rate=BY_ANSWER.learning_rate,
        random=np.random.default_rng(0),
        progress=no_progress,
    )
    with torch.inference_mode():
        stack = stack_cases([normal(case) for case in test], torch.device("cpu"))
        logits = network(*stack, len(test))[:, 2].double()
    return functional.binary_cross_entropy_with_logits(
        logits, logits.sigmoid(), reduction="none"
    ).tolist()


def normal(case: CaseVotes) -> NDArray[np.float32]:
    from annotator_recipes.difficulty_answers import case_slices

    return case_slices(whole(case), SQUARE, size=32, n_slices=1, n_channels=1)


@pytest.fixture(scope="module")
def by_answer() -> Learned:
    torch.set_num_threads(1)
    return DifficultyTrainer().train(spots(120, 1), BY_ANSWER, no_progress)


def test_disputed_answers_are_foretold_better_than_by_doubt_about_the_majority(
    by_answer: Learned,
) -> None:
    test = spots(200, 2)
    disputed = [is_disputed(case) for case in test]
    assert 20 < sum(disputed) < 120
    ours = auroc(foretell(by_answer, test), disputed)
    theirs = auroc(entropy_of_majority(spots(120, 1), test), disputed)
    assert ours > 0.8, (ours, theirs)
    assert ours > theirs, (ours, theirs)


def test_order_of_raters_changes_nothing(by_answer: Learned) -> None:
    turned = [
        replace(case, diagnoses=dict(reversed(list(case.diagnoses.items()))))
        for case in spots(120, 1)
    ]
    renamed = [
        replace(case, diagnoses=dict(zip("edcba", case.diagnoses.values(), strict=True)))
        for case in spots(120, 1)
    ]
    for cases in (turned, renamed):
        settings = BY_ANSWER.model_copy(update={"epochs": 2})
        one = DifficultyTrainer().train(cases, settings, no_progress)
        other = DifficultyTrainer().train(spots(120, 1), settings, no_progress)
        assert one.content == other.content


def test_without_disputes_none_is_foretold() -> None:
    cases = answers_to_spots(100, 3, noise=0.0)
    assert not any(is_disputed(case) for case in cases)
    learned = DifficultyTrainer().train(cases, BY_ANSWER, no_progress)
    assert "No case was disputed" in " ".join(learned.summary)
    found = foretell(learned, answers_to_spots(40, 4, noise=0.0))
    assert np.mean(found) < 0.05
    assert max(found) < 0.3


def test_the_sentence_names_question_and_answer(by_answer: Learned) -> None:
    case = spots(200, 2)[0]
    found = DifficultyTrainer().predict(
        by_answer.content, whole(case), SQUARE, trust=None, progress=no_progress
    )
    assert "'ill' to 'finding'" in found.why
    assert "%" in found.why


def test_decided_answers_count_for_the_decision_alone() -> None:
    cases = [
        replace(case, final_diagnosis=Diagnosis(answers=(("finding", "ill"),)))
        for case in spots(120, 1)[:40]
    ]
    settings = BY_ANSWER.model_copy(update={"epochs": 12})
    learned = DifficultyTrainer().train(cases, settings, no_progress)
    dark = min(spots(120, 1)[:40], key=lambda case: float(whole(case).mean()))
    why = (
        DifficultyTrainer()
        .predict(learned.content, whole(dark), SQUARE, trust=None, progress=no_progress)
        .why
    )
    reluctant, decision = (
        float(part.split("with ")[1].split("%")[0])
        for part in why.split(", the most ")[1].split(";")
    )
    assert decision > reluctant + 30


def outlines(n_cases: int, seed: int) -> list[CaseVotes]:
    """Ovals in clear and in blurred pictures; raters' outlines are far apart in the blurred."""
    random = np.random.default_rng(seed)
    cases = []
    for number in range(n_cases):
        depth = oval(random)
        doubt = random.uniform(0, 4)
        soft = 1 / (1 + np.exp(-depth / (0.3 + doubt)))
        image = (soft + 0.1 * random.standard_normal(soft.shape)).astype(np.float32)
        masks = {
            rater: (depth + doubt * random.standard_normal() > 0)[None].astype(np.uint8)
            for rater in "abcdef"
        }
        cases.append(made_case(str(number), image[None], masks))
    return cases


def apart(case: CaseVotes) -> float:
    masks = case.window(None).masks(case.votes) == 1
    return 1.0 - float(masks.all(axis=0).sum() / max(1, masks.any(axis=0).sum()))


def test_disputed_outlines_are_foretold_from_drawings_alone() -> None:
    learned = DifficultyTrainer().train(outlines(40, 1), BY_DRAWING, no_progress)
    test = outlines(40, 2)
    found, really = foretell(learned, test), [apart(case) for case in test]
    assert spearmanr(found, really).statistic > 0.5
    disputed = [value > float(np.median(really)) for value in really]
    assert auroc(found, disputed) > 0.8


def test_a_volume_of_two_labels_with_raters_missing() -> None:
    random = np.random.default_rng(0)
    cases = []
    for number in range(6):
        mask = np.zeros((5, 16, 20), np.uint8)
        mask[1:4, 4:12, 4:16] = 2
        mask[1:4, 6:9, 8:12] = 4
        image = (mask + random.standard_normal(mask.shape)).astype(np.float32)
        masks = {rater: np.roll(mask, place, axis=2) for place, rater in enumerate("abc")}
        del masks["abc"[number % 3]]
        cases.append(
            answered(
                made_case(str(number), image, masks, labels=(2, 4)),
                dict.fromkeys(masks, "ill"),
            )
        )
    for settings in (BY_DRAWING, BY_ANSWER):
        learned = DifficultyTrainer().train(
            cases, settings.model_copy(update={"epochs": 2, "slices": 3}), no_progress
        )
        foretell(learned, cases)


@pytest.mark.parametrize("settings", [BY_ANSWER, BY_DRAWING])
def test_the_same_seed_gives_the_same_bytes(settings: DifficultyParameters) -> None:
    first, second, other = (
        DifficultyTrainer().train(
            spots(120, 1)[:20], settings.model_copy(update={"seed": seed, "epochs": 2}), no_progress
        )
        for seed in (1, 1, 2)
    )
    assert first.content == second.content
    assert first.content != other.content


def test_it_is_refused_or_stopped_in_words() -> None:
    trainer, cases = DifficultyTrainer(), list(spots(120, 1)[:20])

    def train(cases: list[CaseVotes], **changed: object) -> Learned:
        return trainer.train(cases, BY_ANSWER.model_copy(update=changed), no_progress)

    with pytest.raises(UnknownNameError, match="did you mean 'finding'"):
        train(cases, question="findings")
    with pytest.raises(UnknownNameError, match="healthy, ill"):
        train(cases, positive="sick")
    with pytest.raises(AnnotatorError, match="healthy, ill"):
        train(cases, positive="")
    with pytest.raises(AnnotatorError, match="without its question"):
        train(cases, question="")
    silent = [replace(case, diagnoses={"a": case.diagnoses["a"]}) for case in cases[:15]]
    with pytest.raises(AnnotatorError, match="there are 5"):
        train([*silent, *cases[15:]])
    with pytest.raises(AnnotatorError, match="foretells no disputes"):
        trainer.predict(
            to_bytes({"kind": "other"}, {}),
            np.zeros((1, SIDE, SIDE), np.float32),
            SQUARE,
            trust=None,
            progress=no_progress,
        )
    for wrong in ({"hard": -1.0}, {"epoch": 3}, {"size": 33}):
        with pytest.raises(ValidationError):
            DifficultyParameters.model_validate(wrong)

    def stop(fraction: float, message: str) -> None:
        if message.startswith("round 2"):
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        trainer.train(cases, BY_ANSWER, stop)

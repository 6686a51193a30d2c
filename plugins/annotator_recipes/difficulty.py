"""Foretells from the image alone how far raters will disagree on a case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from annotator.api import Learned, Prediction
from annotator.domain.errors import AnnotatorError
from annotator_recipes.difficulty_answers import case_slices, gather_answers
from annotator_recipes.images import image_slices
from annotator_recipes.reading_slices import NetworkParameters, gather_readings, refuse_target
from annotator_recipes.torch_door import (
    load_state,
    pick_device,
    require_torch,
    seed_everything,
    state_arrays,
)
from annotator_recipes.weights import from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api import CaseVotes, Progress

    Floats = NDArray[np.float32]

_KIND = "difficulty"
_AT_ONCE = 4


class DifficultyParameters(NetworkParameters):
    """What may be set for foretelling disputes."""

    question: str = Field(
        default="",
        description="key of the field of the diagnosis form on which disputes are foretold; empty "
        "to foretell those on what is drawn",
    )
    positive: str = Field(default="", description="answer to it that counts as positive")
    consensus: float = Field(
        default=1.0, ge=0.0, le=100.0, description="how much agreement of the heads counts"
    )
    fused: float = Field(
        default=1.0, ge=0.0, le=100.0, description="how much the likely decision counts"
    )
    hard: float = Field(
        default=1.0,
        ge=0.0,
        le=100.0,
        description="how much more a disputed case counts for the likely decision",
    )


class DifficultyTrainer:
    """Trains a network to bracket the raters: the wider the bracket, the harder the case.

    By a question, two heads say how likely the readiest and the most reluctant rater say yes; the
    difficulty is how far they are apart, the probability that not all will answer alike. By
    drawings, they say of every pixel how likely anyone and how likely everyone draws it; the
    difficulty is the share of what anyone draws that not all will draw. So every pixel teaches,
    not one number a case.
    """

    name = "difficulty"
    title = "Foretelling of disputes"
    version = "1"
    parameters: type[BaseModel] = DifficultyParameters
    takes_trust = False
    needs_target = False
    draws = False

    def train(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        """Train on all cases; raises AnnotatorError where they do not do."""
        settings = DifficultyParameters.model_validate(parameters.model_dump())
        require_torch(self.title)
        refuse_target(cases, self.title)
        if settings.question:
            return _learn_answers(cases, settings, self.title, progress)
        if settings.positive:
            raise AnnotatorError(
                f"a positive answer, {settings.positive!r}, means nothing without its question"
            )
        return _learn_drawings(cases, settings, self.title, progress)

    def predict(
        self,
        learned: bytes,
        image: Floats,
        spacing_mm: tuple[float, float, float],
        *,
        trust: Mapping[str, float] | None,
        progress: Progress,
    ) -> Prediction:
        """Foretell how far raters will disagree on an image; draws nothing."""
        if trust is not None:
            raise AnnotatorError(f"{self.title} cannot be told how far to believe each rater")
        require_torch(self.title)
        facts, arrays = from_bytes(learned)
        if facts.get("kind") != _KIND:
            raise AnnotatorError(f"this foretells no disputes: {facts.get('kind')!r}")
        if facts["question"]:
            difficulty, why = _foretell_answer(facts, arrays, image, spacing_mm)
        else:
            difficulty, why = _foretell_drawing(facts, arrays, image, spacing_mm, progress)
        return Prediction(difficulty=difficulty, why=why)


def _learn_answers(
    cases: Sequence[CaseVotes], settings: DifficultyParameters, title: str, progress: Progress
) -> Learned:
    import torch

    from annotator_recipes.difficulty_training import train_on_answers

    data = gather_answers(
        cases,
        settings.question,
        settings.positive,
        size=settings.size,
        n_slices=settings.slices,
        title=title,
        progress=progress,
    )
    seed_everything(torch, settings.seed)
    network, rounds = train_on_answers(data, settings, pick_device(torch), progress)
    facts = {
        "kind": _KIND,
        "question": settings.question,
        "positive": settings.positive,
        "n_in": data.slices[0].shape[1],
        "size": settings.size,
        "slices": settings.slices,
        "widths": settings.widths,
    }
    n_disputed = int((data.highest != data.lowest).sum())
    found = f"{n_disputed} of {len(data.slices)} cases were disputed."
    if not n_disputed:
        found = "No case was disputed, so the network says that none will be."
    return Learned(
        content=to_bytes(facts, state_arrays(network, "network")),
        summary=(rounds.sentence(), found),
    )


def _learn_drawings(
    cases: Sequence[CaseVotes], settings: DifficultyParameters, title: str, progress: Progress
) -> Learned:
    import torch

    from annotator_recipes.difficulty_training import train_on_drawings

    data = gather_readings(cases, settings, title, progress)
    seed_everything(torch, settings.seed)
    network, rounds = train_on_drawings(data, settings, pick_device(torch), progress)
    facts = {
        "kind": _KIND,
        "question": "",
        "n_labels": len(data.labels) - 1,
        "n_in": data.image.shape[1],
        "size": settings.size,
        "widths": settings.widths,
    }
    return Learned(
        content=to_bytes(facts, state_arrays(network, "network")), summary=(rounds.sentence(),)
    )


def _foretell_answer(
    facts: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    image: Floats,
    spacing_mm: tuple[float, float, float],
) -> tuple[float, str]:
    import torch

    from annotator_recipes.difficulty_net import AnswerNet
    from annotator_recipes.difficulty_training import stack_cases

    network = AnswerNet(facts["n_in"], facts["widths"])
    load_state(network, "network", arrays)
    slices = case_slices(
        image,
        spacing_mm,
        size=facts["size"],
        n_slices=facts["slices"],
        n_channels=facts["n_in"],
    )
    device = pick_device(torch)
    network.to(device).eval()
    with torch.inference_mode():
        logits = network(*stack_cases([slices], device), 1)[0]
        readiest, reluctant, fused = logits.cpu().double().sigmoid().tolist()
    answer = f"{facts['positive']!r} to {facts['question']!r}"
    why = (
        f"The readiest rater is expected to answer {answer} with {readiest:.0%} probability, the "
        f"most reluctant with {reluctant:.0%}; the decision with {fused:.0%}."
    )
    return abs(readiest - reluctant), why


def _foretell_drawing(
    facts: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    image: Floats,
    spacing_mm: tuple[float, float, float],
    progress: Progress,
) -> tuple[float, str]:
    import torch

    from annotator_recipes.difficulty_net import BracketNet

    network = BracketNet(facts["n_in"], facts["n_labels"], facts["widths"])
    load_state(network, "network", arrays)
    device = pick_device(torch)
    network.to(device).eval()
    slices, _ = image_slices(image, spacing_mm, size=facts["size"], n_channels=facts["n_in"])
    by_anyone = by_all = 0.0
    with torch.inference_mode():
        for start in range(0, len(slices), _AT_ONCE):
            progress(start / len(slices), "reading slices")
            part = torch.from_numpy(slices[start : start + _AT_ONCE]).to(device)
            anyone, everyone = (logits.cpu().double().sigmoid() for logits in network(part))
            by_anyone += float(anyone.sum())
            by_all += float(torch.minimum(anyone, everyone).sum())
    # One pixel more: where nobody is expected to draw anything, nothing is disputed.
    difficulty = (by_anyone - by_all) / (by_anyone + 1.0)
    why = f"Of what anyone is expected to draw, {difficulty:.0%} would not be drawn by all."
    return difficulty, why

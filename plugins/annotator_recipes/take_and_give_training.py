"""Training of Take-and-Give, and reading by it. This module imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from annotator.api import Learned, Prediction
from annotator.domain.errors import AnnotatorError
from annotator_builtins.diagnosis_question import diagnose_cases
from annotator_recipes.epochs import train_rounds
from annotator_recipes.images import Sampling, channels_of, image_slices, labels_of, read_whole
from annotator_recipes.reading_slices import require_cases, split_cases
from annotator_recipes.take_and_give_net import TakeAndGive
from annotator_recipes.torch_door import load_state, pick_device, seed_everything, state_arrays
from annotator_recipes.weights import from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Progress
    from annotator_recipes.epochs import Rounds
    from annotator_recipes.take_and_give import TakeAndGiveParameters

    Floats = NDArray[np.float32]
    Rows = NDArray[np.int64]

_KIND = "take-and-give"
_LEAST = 1e-3
_CLIP = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lessons:
    """Slices to learn from.

    Attributes
    ----------
    labels : tuple of int
        Without background: the second axis of ``target`` and ``mean``.
    image : ndarray
        ``(slice, channel, size, size)``.
    target, mean : ndarray
        What the network aims at, and the mean of the readings, which the coarse mask aims at;
        ``(slice, label, size, size)``.
    answer : ndarray
        1 or 0 for the diagnosis of the case of each slice, NaN where it is not known.
    case : ndarray
        The case of each slice, ``(slice,)``.
    n_cases : int
        How many cases there are.
    told : str
        Where the diagnoses come from.
    """

    labels: tuple[int, ...]
    image: Floats
    target: Floats
    mean: Floats
    answer: Floats
    case: Rows
    n_cases: int
    told: str


def gather_lessons(
    cases: Sequence[CaseVotes], settings: TakeAndGiveParameters, title: str, progress: Progress
) -> Lessons:
    """Read cases for training; raises AnnotatorError where they do not do."""
    if any(case.target is None for case in cases):
        raise AnnotatorError(
            f"{title} learns a fusion: say which one to aim at, best one that serves the "
            "diagnosis, such as diagnosis-first"
        )
    require_cases(cases, title)
    sampling = Sampling(
        labels=labels_of(cases),
        size=settings.size,
        n_slices=settings.slices,
        n_channels=channels_of(cases),
    )
    if not sampling.labels:
        raise AnnotatorError(f"{title} learns from drawings; nobody has drawn anything")
    is_positive, told = _diagnoses(cases, settings, title)
    image, target, mean, answer, sizes = [], [], [], [], []
    for number, case in enumerate(cases):
        progress(0.1 * number / len(cases), f"reading {case.title}")
        read = read_whole(case, sampling)
        wanted = case.target() if case.target else None
        if wanted is None or wanted.shape != (len(case.votes.labels), *case.shape):
            raise AnnotatorError(f"the fusion of {case.title!r} does not lie on its grid")
        aim = np.zeros((len(read.places), len(sampling.labels), *read.image.shape[2:]), np.float32)
        for label, plane in zip(case.votes.labels, wanted, strict=True):
            if label:
                aim[:, sampling.labels.index(label)] = read.frame.to_working(
                    plane[list(read.places)], beyond="nothing"
                )
        image.append(read.image)
        target.append(aim)
        mean.append(read.shares.mean(axis=1))
        answer += [float(is_positive.get(case.case_id, np.nan))] * len(read.places)
        sizes.append(len(read.places))
    return Lessons(
        labels=sampling.labels,
        image=np.concatenate(image),
        target=np.concatenate(target),
        mean=np.concatenate(mean),
        answer=np.array(answer, np.float32),
        case=np.repeat(np.arange(len(cases)), sizes),
        n_cases=len(cases),
        told=told,
    )


def _diagnoses(
    cases: Sequence[CaseVotes], settings: TakeAndGiveParameters, title: str
) -> tuple[dict[str, bool], str]:
    """Return what is known of the diagnosis of cases, and where from."""
    is_answered = any(entry.answers for case in cases for entry in case.diagnoses.values())
    if not is_answered and settings.question is None:
        return {}, "No case has a diagnosis: its cues come from drawing alone."
    known = diagnose_cases(cases, settings.question, settings.positive, None, method=title)
    return dict(known.is_positive), known.told()


def train_take_and_give(
    cases: Sequence[CaseVotes], settings: TakeAndGiveParameters, title: str, progress: Progress
) -> Learned:
    """Train on all cases; raises AnnotatorError where they do not do."""
    lessons = gather_lessons(cases, settings, title, progress)
    seed_everything(torch, settings.seed)
    network, rounds = train_network(lessons, settings, pick_device(torch), progress)
    facts = {
        "kind": _KIND,
        "labels": lessons.labels,
        "n_channels": lessons.image.shape[1],
        "widths": settings.widths,
        "size": settings.size,
        "window": settings.window,
    }
    return Learned(
        content=to_bytes(facts, state_arrays(network, "network")),
        summary=(lessons.told, rounds.sentence()),
    )


def train_network(
    lessons: Lessons, settings: TakeAndGiveParameters, device: torch.device, progress: Progress
) -> tuple[TakeAndGive, Rounds]:
    """Return the trained network and how it went. Torch is to be seeded before."""
    random = np.random.default_rng(settings.seed)
    learn, held = split_cases(lessons.n_cases, settings.held_out, random)
    rows = np.arange(len(lessons.case))
    taught, held_out = rows[np.isin(lessons.case, learn)], rows[np.isin(lessons.case, held)]
    network = TakeAndGive(
        lessons.image.shape[1], len(lessons.labels), settings.widths, settings.size, settings.window
    ).to(device)
    start_at_the_share([network.head, network.coarse.head], lessons.target[taught])
    _teach_diagnosis(network, lessons, taught, settings, random, progress)

    def loss_of(own: Rows, epoch: int) -> Tensor:
        del epoch
        shown, coarse, told = network(_tensor(lessons.image[own], device))
        drawing = _entropy(shown, lessons.target[own]) + _entropy(coarse, lessons.mean[own])
        return drawing + settings.diagnosis_share * _answer_loss(told, lessons.answer[own])

    def judge(own: Rows, epoch: int) -> Tensor:
        del epoch
        return _entropy(network(_tensor(lessons.image[own], device))[0], lessons.target[own])

    rounds = train_rounds(
        network,
        loss_of,
        judge,
        taught,
        held_out,
        epochs=settings.epochs,
        patience=settings.patience,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        random=random,
        progress=progress,
    )
    return network, rounds


def start_at_the_share(heads: Sequence[nn.Conv2d], target: Floats) -> None:
    """Let heads begin with how much of the pixels each label has."""
    share = target.mean(axis=(0, 2, 3)).clip(_LEAST, 1 - _LEAST)
    start = torch.from_numpy(np.log(share / (1 - share)).astype(np.float32))
    for head in heads:
        if head.bias is not None:
            head.bias.data.copy_(start)


def _teach_diagnosis(
    network: TakeAndGive,
    lessons: Lessons,
    rows: Rows,
    settings: TakeAndGiveParameters,
    random: np.random.Generator,
    progress: Progress,
) -> None:
    """Teach the diagnosis encoder to tell the diagnosis from image and target."""
    known = rows[np.isfinite(lessons.answer[rows])]
    if len(np.unique(lessons.answer[known])) < 2:
        return
    device = network.head.weight.device
    trained = [*network.diagnosis.parameters(), *network.tell.parameters()]
    optimiser = torch.optim.Adam(trained, lr=settings.learning_rate)
    for epoch in range(settings.diagnosis_epochs):
        progress(0.1, f"learning the diagnosis, round {epoch + 1} of {settings.diagnosis_epochs}")
        order = random.permutation(known)
        for start in range(0, len(order), settings.batch):
            own = order[start : start + settings.batch]
            told = network.tell_from(
                _tensor(lessons.image[own], device), _tensor(lessons.target[own], device)
            )
            loss = _answer_loss(told, lessons.answer[own])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()


def _tensor(values: Floats, device: torch.device) -> Tensor:
    return torch.from_numpy(values).to(device)


def _entropy(logits: Tensor, wanted: Floats) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits, _tensor(wanted, logits.device))


def _answer_loss(told: Tensor, answers: Floats) -> Tensor:
    """Return the cross-entropy of the diagnosis where it is known, else 0."""
    is_known = torch.from_numpy(np.isfinite(answers)).to(told.device)
    wanted = _tensor(np.nan_to_num(answers), told.device)
    each = nn.functional.binary_cross_entropy_with_logits(told, wanted, reduction="none")
    return (each * is_known).sum() / is_known.sum().clamp_min(1)


def predict_take_and_give(
    learned: bytes, image: Floats, spacing_mm: tuple[float, float, float], progress: Progress
) -> Prediction:
    """Read an image, slice by slice; raises AnnotatorError where this is no such network."""
    facts, arrays = from_bytes(learned)
    if facts.get("kind") != _KIND:
        raise AnnotatorError(f"this was not learned by Take-and-Give: {facts.get('kind')!r}")
    device = pick_device(torch)
    labels = tuple(facts["labels"])
    network = TakeAndGive(
        facts["n_channels"], len(labels), facts["widths"], facts["size"], facts["window"]
    )
    load_state(network, "network", arrays)
    network.to(device).eval()
    slices, frame = image_slices(
        image, spacing_mm, size=facts["size"], n_channels=facts["n_channels"]
    )
    probability = np.empty((1 + len(labels), *image.shape[:3]), np.float32)
    for z, one in enumerate(slices):
        progress(z / len(slices), "reading slices")
        with torch.inference_mode():
            shown = torch.sigmoid(network(_tensor(one[None], device))[0])[0].cpu().numpy()
        probability[1:, z] = frame.to_grid(shown)
    claimed = probability[1:].sum(axis=0)
    probability[1:] /= np.maximum(claimed, 1.0)
    probability[0] = 1.0 - probability[1:].sum(axis=0)
    return Prediction(labels=(0, *labels), probability=probability.clip(0.0, 1.0))

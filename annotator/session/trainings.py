"""Trainings as a window shows them: how far they are, their curves, what they draw so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from annotator.domain.errors import UnknownNameError
from annotator.jobs.training_curve import SECONDS
from annotator.jobs.training_desk import TrainingExample, example_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.training import Training
    from annotator.registry import Registry
    from annotator.store import Store

__all__ = ["TrainingEntry", "TrainingExample", "TrainingView", "training_entries", "training_view"]

_N_CASES: dict[str, int] = {}
"""Cases by id of training."""
TrainingState = Literal["waiting", "under way", "left", "stopped", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEntry:
    """A training in a list.

    Attributes
    ----------
    state : str
        ``waiting`` for its turn, ``under way``, ``left`` (cancelled, or its process died),
        ``stopped`` (ended by a person, with the best so far) or ``done``.
    can_go_on : bool
        Whether starting the same again goes on from a checkpoint.
    progress, message : float, str
        How far its job is.
    error : str
        Why it was left, in words.
    """

    training_id: str
    title: str
    state: TrainingState
    job_id: int | None
    can_go_on: bool
    progress: float
    message: str
    error: str
    fit_id: str | None
    n_cases: int
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingView:
    """A training to look at.

    ``curves`` holds (round, value) by the name of each curve; rounds count from 0.
    """

    entry: TrainingEntry
    curves: dict[str, tuple[tuple[int, float], ...]]
    examples: tuple[TrainingExample, ...]


def training_entries(store: Store, registry: Registry) -> tuple[TrainingEntry, ...]:
    """Return all trainings, newest first."""
    found = store.trainings()
    _count_cases(store, [one.training_id for one in found])
    return tuple(_entry(store, registry, one) for one in found)


def training_view(store: Store, registry: Registry, training_id: str) -> TrainingView:
    """Return a training with its curves and newest examples."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for point in store.training_points(training_id):
        if point.curve != SECONDS:  # no measure of how good it is: for the file alone
            curves.setdefault(point.curve, []).append((point.epoch, point.value))
    return TrainingView(
        entry=_entry(store, registry, store.training(training_id)),
        curves={name: tuple(points) for name, points in curves.items()},
        examples=tuple(
            example_of(title, content) for title, content in store.training_examples(training_id)
        ),
    )


def _count_cases(store: Store, training_ids: Sequence[str]) -> None:
    """Count the cases of trainings that were not seen before, in one look at the readings.

    The window asks again and again, and a training may have thousands. The id is the digest of what
    it learns from, so that what was counted holds for ever.
    """
    unknown = [one for one in training_ids if one not in _N_CASES]
    if not unknown:
        return
    case_of = {entry.annotation_id: entry.case_id for entry in store.annotations(latest=False)}
    for training_id in unknown:
        inputs = store.training_recipe(training_id).inputs
        _N_CASES[training_id] = len({case_of[one] for one in inputs})


def _entry(store: Store, registry: Registry, training: Training) -> TrainingEntry:
    try:
        title = registry.trainer(training.name).title
    except UnknownNameError:
        title = training.name
    job = None if training.job_id is None else store.job(training.job_id)
    _count_cases(store, [training.training_id])
    state: TrainingState = "left"
    if training.fit_id is not None:
        state = "stopped" if training.stop_requested else "done"
    elif job is not None and job.state == "queued":
        state = "waiting"
    elif job is not None and job.state == "running":
        state = "under way"
    return TrainingEntry(
        training_id=training.training_id,
        title=title,
        state=state,
        job_id=training.job_id,
        can_go_on=training.has_checkpoint and state == "left",
        progress=job.progress if job else 0.0,
        message=job.message if job else "",
        error=job.error if job else "",
        fit_id=training.fit_id,
        n_cases=_N_CASES[training.training_id],
        created_at=training.created_at,
    )

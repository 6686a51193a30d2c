"""A training under way, cancelled or done, as a project keeps it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A training by a recipe; the same recipe again is the same training.

    Attributes
    ----------
    name : str
        The trainer's.
    job_id : int or None
        The job that does it, or did it last; None where it was not a job.
    stop_requested : bool
        Whether a person wants it to end with the best so far.
    has_checkpoint : bool
        Whether it can go on from where it was left.
    fit_id : str or None
        What came of it.
    """

    training_id: str
    name: str
    job_id: int | None
    stop_requested: bool
    has_checkpoint: bool
    fit_id: str | None
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """A point of a curve; rounds count from 0."""

    epoch: int
    curve: str
    value: float

"""Who reads which case, and what they said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AssignmentState = Literal["new", "started", "submitted"]
Box = tuple[tuple[int, int, int], tuple[int, int, int]]
"""Half-open voxel box: ``((z0, y0, x0), (z1, y1, x1))``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rater:
    """A person or a model; a model's prediction is an annotation like any other."""

    rater_id: str
    name: str
    is_model: bool = False
    may_review: bool = True
    """Whether the person may enter the reviewer's room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A rater reads a case, blinded to the others, at this place in their own order.

    ``regions`` are the half-open boxes that they are asked for; empty where that is the whole case.
    """

    case_id: str
    rater_id: str
    position: int
    state: AssignmentState
    regions: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What a rater says of the whole case.

    ``answers`` holds (field key, answer) pairs; ``confidence`` runs from 0 to 1, or is None where
    it was not given.
    """

    answers: tuple[tuple[str, str], ...] = ()
    confidence: float | None = None
    comment: str = ""

    def answer(self, key: str) -> str | None:
        """Return the answer to a field, or None where there is none."""
        return dict(self.answers).get(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One rater's submitted reading. Immutable; a correction is a new revision with a parent.

    Attributes
    ----------
    annotation_id : str
        SHA-256 over case, series, rater, parent, diagnosis and the keys of all slabs.
    parent_id : str or None
        The revision that this one corrects.
    started_from_id : str or None
        The annotation (a model's) that the draft began from.
    created_at : str
        UTC, ISO 8601.
    """

    annotation_id: str
    case_id: str
    rater_id: str
    revision: int
    parent_id: str | None
    started_from_id: str | None
    diagnosis: Diagnosis
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An unsubmitted reading: every stroke of it is on disk."""

    draft_id: int
    case_id: str
    rater_id: str
    started_from_id: str | None
    parent_id: str | None
    diagnosis: Diagnosis
    head_step_id: int | None
    """the last step in effect; None where nothing is drawn"""
    can_undo: bool
    can_redo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One edit of a draft (a stroke, a fill): what undo and redo move over.

    ``parent_id`` is the step that it was made after; None for the first.
    """

    step_id: int
    parent_id: int | None
    tool: str
    box: Box
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All steps of a draft, oldest first, also those that were taken back, and where it stands.

    ``head_step_id`` is the last step in effect; None where none is.
    """

    steps: tuple[Step, ...]
    head_step_id: int | None

    def path(self, step_id: int | None) -> tuple[int, ...]:
        """Return the steps that lead from the beginning to a step, it included."""
        parents = {step.step_id: step.parent_id for step in self.steps}
        found: list[int] = []
        while step_id is not None:
            found.append(step_id)
            step_id = parents[step_id]
        return tuple(reversed(found))

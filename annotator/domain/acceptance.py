"""What a reading owes to the models that its rater could start from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Which models' drawings of a case there were when a rater opened it.

    ``readings`` are the ids of the models' annotations; ``is_withheld`` says that the rater was
    given none of them, because the case is one that they read without a model.
    """

    readings: tuple[str, ...]
    is_withheld: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What is known of how a reading came about, once it was submitted.

    What was taken is the annotation's own ``started_from_id``; both masks are kept for ever, so
    what became of the model's voxels is worked out from them.

    Attributes
    ----------
    offer : Offer or None
        None where the reading was not drawn in the rater's room.
    active_s : float
        From opening the draft to submitting it; pauses of more than a minute count nothing.
    n_steps : int
        Edits made on the way, those that were undone too.
    """

    offer: Offer | None
    active_s: float
    n_steps: int

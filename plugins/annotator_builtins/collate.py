"""Fusion by COLLATE: raters are judged where it is hard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from annotator.analysis.collate import collate
from annotator.analysis.consensus import choose, warn_of_votes
from annotator.analysis.fusion_region import warn_of_departure
from annotator.api import FusedPatterns
from annotator_builtins.rater_rows import rows_of_posterior

if TYPE_CHECKING:
    from annotator.api import VotePatterns


class CollateParameters(BaseModel):
    """What may be set for COLLATE."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    smoothing: float = Field(
        default=1.0,
        ge=0.0,
        description="hard voxels in which each rater counts as right about each label from the "
        "start",
    )
    departure: float = Field(
        default=0.1,
        ge=0.0,
        description="warn where a label's volume departs from the majority vote by more than this "
        "share",
    )
    max_iterations: int = Field(default=1000, ge=1, le=1_000_000)


class Collate:
    """Estimates the truth, which voxels are easy, and every rater's confusion in the others.

    Asman and Landman, IEEE TMI 30 (2011) 1779, with two levels and one prior of the level for the
    whole case. The field of view hardly matters: empty space is easy. Sensitivity and specificity
    are over the whole image.
    """

    name = "collate"
    title = "COLLATE"
    version = "1"
    parameters: type[BaseModel] = CollateParameters

    def fuse(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        """Return posterior, label and rater performance of each vote pattern."""
        settings = CollateParameters.model_validate(parameters.model_dump())
        found = collate(
            votes.patterns,
            votes.counts,
            votes.labels,
            smoothing=settings.smoothing,
            max_iterations=settings.max_iterations,
        )
        chosen, undecided = choose(found.posterior, votes.labels)
        warnings = warn_of_votes(votes.rater_ids, votes.patterns, votes.counts, undecided)
        if len(votes.rater_ids) == 2:
            warnings.append("With two readings COLLATE cannot tell who is right.")
        if not found.has_converged:
            warnings.append(f"COLLATE had not settled after {len(found.trace)} iterations.")
        warnings += warn_of_departure(
            votes.patterns, votes.counts, votes.labels, chosen, self.title, settings.departure
        )
        return FusedPatterns(
            probability=found.posterior,
            chosen=chosen,
            undecided=undecided,
            performance=rows_of_posterior(votes, votes.counts, found.posterior),
            warnings=tuple(warnings),
        )

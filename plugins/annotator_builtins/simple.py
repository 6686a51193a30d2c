"""Fusion by SIMPLE: readings that do not keep up with the estimate are dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from annotator.analysis.consensus import choose, warn_of_votes
from annotator.analysis.simple import SimpleResult, simple
from annotator.api import FusedPatterns
from annotator_builtins.rater_rows import rows_of_weights

if TYPE_CHECKING:
    from annotator.api import VotePatterns


class SimpleParameters(BaseModel):
    """What may be set for SIMPLE."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: float = Field(
        default=1.0,
        ge=0.0,
        description="standard deviations below the mean score at which a reading is dropped",
    )
    least_gap: float = Field(
        default=0.05,
        ge=0.0,
        le=1.0,
        description="Dice below the mean that a dropped reading must have at least",
    )


class Simple:
    """A vote weighted by overlap with its own result, without those who fall behind.

    Langerak et al., IEEE TMI 29 (2010) 2000. At least two readings stay. A tie is marked as
    undecided and given the lowest of the tied labels.
    """

    name = "simple"
    title = "SIMPLE"
    version = "1"
    parameters: type[BaseModel] = SimpleParameters

    def fuse(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        """Return share of weight, winner and rater performance of each vote pattern."""
        settings = SimpleParameters.model_validate(parameters.model_dump())
        found = simple(
            votes.patterns,
            votes.counts,
            votes.labels,
            alpha=settings.alpha,
            least_gap=settings.least_gap,
            block_counts=votes.block_counts,
        )
        chosen, undecided = choose(found.share, votes.labels)
        return FusedPatterns(
            probability=found.share,
            chosen=chosen,
            undecided=undecided,
            performance=rows_of_weights(votes, chosen, found.weights, found.weight_ends),
            warnings=(
                *_doubts(votes.rater_ids, found),
                *warn_of_votes(votes.rater_ids, votes.patterns, votes.counts, undecided),
            ),
        )


def _doubts(rater_ids: tuple[str, ...], found: SimpleResult) -> list[str]:
    """Say who was dropped, and where the result should not be trusted."""
    said = []
    if not found.is_kept.all():
        dropped = ", ".join(
            f"{rater_ids[rater]} (Dice {found.score[rater]:.2f})"
            for rater in np.flatnonzero(~found.is_kept)
        )
        said.append(
            f"{int(found.is_kept.sum())} of {len(rater_ids)} readings count; dropped: {dropped}."
        )
    if not found.has_settled:
        said.append("SIMPLE had not settled when its rounds ran out.")
    return said

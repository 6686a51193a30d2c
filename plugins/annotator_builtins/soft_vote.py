"""Fusion by averaging: the share of raters, cut at a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from annotator.analysis.consensus import count_votes, judge_raters, warn_of_votes
from annotator.api import FusedPatterns

if TYPE_CHECKING:
    from annotator.api import VotePatterns

_TIE = 1e-9


class SoftVoteParameters(BaseModel):
    """What may be set for a soft vote."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(
        default=0.5,
        ge=0.0,
        lt=1.0,
        description="share of raters that has to be exceeded: 0 for the union of all readings, "
        "0.99 for what all of them share",
    )


class SoftVote:
    """The mean of the readings: a label holds where more than a share of the raters gave it.

    Of several labels above the threshold the most voted wins. Exactly at the threshold, and where
    two labels win equally, the pattern is undecided and gets the lower label.
    """

    name = "soft-vote"
    title = "Soft vote (average)"
    version = "3"
    parameters: type[BaseModel] = SoftVoteParameters

    def fuse(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        """Return share of votes, label and rater performance of each vote pattern."""
        settings = SoftVoteParameters.model_validate(parameters.model_dump())
        share = count_votes(votes.patterns, votes.labels) / len(votes.rater_ids)
        drawn = share[:, 1:] if len(votes.labels) > 1 else np.zeros((len(share), 1))
        best = drawn.max(axis=1)
        is_best = drawn >= best[:, None] - _TIE
        is_over = best > settings.threshold + _TIE
        is_at = (np.abs(best - settings.threshold) <= _TIE) & (best > 0)
        winner = np.asarray((*votes.labels, 0)[1:], np.uint16)[is_best.argmax(axis=1)]
        chosen = np.where(is_over, winner, 0).astype(np.uint16)
        undecided = is_at | (is_over & (is_best.sum(axis=1) > 1))
        return FusedPatterns(
            probability=share,
            chosen=chosen,
            undecided=undecided,
            performance=judge_raters(
                votes.rater_ids,
                votes.patterns,
                votes.counts,
                votes.labels,
                chosen,
                votes.voxel_mm3,
                votes.block_counts,
            ),
            warnings=tuple(warn_of_votes(votes.rater_ids, votes.patterns, votes.counts, undecided)),
        )

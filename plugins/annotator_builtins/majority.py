"""Fusion by majority: the label with the most votes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from annotator.analysis.consensus import choose, count_votes, judge_raters, warn_of_votes
from annotator.api import FusedPatterns

if TYPE_CHECKING:
    from annotator.api import VotePatterns


class MajorityParameters(BaseModel):
    """A majority vote has nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MajorityVote:
    """The label that most raters gave; its probability is the share of raters who gave it.

    A tie is marked as undecided and given the lowest of the tied labels, background before any.
    """

    name = "majority"
    title = "Majority vote"
    version = "3"
    parameters: type[BaseModel] = MajorityParameters

    def fuse(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        """Return share of votes, winner and rater performance of each vote pattern."""
        share = count_votes(votes.patterns, votes.labels) / len(votes.rater_ids)
        chosen, undecided = choose(share, votes.labels)
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

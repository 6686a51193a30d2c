"""Fusion by a vote in which raters have unequal weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat

from annotator.analysis.consensus import choose, warn_of_votes
from annotator.analysis.weighted import RaterWeights, agreement_weights, shares, weighted_share
from annotator.api import FusedPatterns
from annotator_builtins.rater_rows import rows_of_weights

if TYPE_CHECKING:
    from annotator.api import VotePatterns


class WeightedVoteParameters(BaseModel):
    """What may be set for a weighted vote."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: dict[str, NonNegativeFloat] = Field(
        default={},
        description="weight of each rater by id, 1 for those not named; where it is empty, weights "
        "come from how far raters agree with each other",
    )
    power: float = Field(
        default=4.0,
        ge=0.0,
        description="power of the agreement that is taken as weight: 0 weighs all alike; with 1 "
        "hardly any majority is ever overruled",
    )


class WeightedVote:
    """The label with the most weight of votes; its probability is its share of all weight.

    Weights are given, or learned from how far each rater agrees with the others on this case. A tie
    is marked as undecided and given the lowest of the tied labels.
    """

    name = "weighted-vote"
    title = "Weighted vote"
    version = "1"
    parameters: type[BaseModel] = WeightedVoteParameters

    def fuse(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        """Return share of weight, winner and rater performance of each vote pattern."""
        settings = WeightedVoteParameters.model_validate(parameters.model_dump())
        weights, warnings = _weights(votes, settings)
        share = weighted_share(votes.patterns, votes.labels, weights.share)
        chosen, undecided = choose(share, votes.labels)
        return FusedPatterns(
            probability=share,
            chosen=chosen,
            undecided=undecided,
            performance=rows_of_weights(votes, chosen, weights.share, weights.ends),
            warnings=(
                *warnings,
                *warn_of_votes(votes.rater_ids, votes.patterns, votes.counts, undecided),
            ),
        )


def _weights(
    votes: VotePatterns, settings: WeightedVoteParameters
) -> tuple[RaterWeights, list[str]]:
    """Return the weights that are given or learned, and what to say about them."""
    if not settings.weights:
        learned = agreement_weights(
            votes.patterns,
            votes.counts,
            votes.labels,
            power=settings.power,
            block_counts=votes.block_counts,
        )
        return learned, []
    said = []
    if not set(settings.weights) & set(votes.rater_ids):
        given, here = ", ".join(sorted(settings.weights)), ", ".join(votes.rater_ids)
        said.append(
            f"Weights are given for {given}, none of whom has read this case ({here} have): all "
            "weigh alike."
        )
    own = np.array([settings.weights.get(rater_id, 1.0) for rater_id in votes.rater_ids])
    if not own.any():
        said.append("Every reading of this case has weight 0: all weigh alike.")
    return RaterWeights(share=shares(own)), said

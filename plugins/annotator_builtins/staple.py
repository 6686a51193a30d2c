"""Fusion by STAPLE: raters are weighed by how reliable they seem to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from annotator.analysis.consensus import choose, count_votes, warn_of_votes
from annotator.analysis.staple import StapleResult, staple
from annotator.api import FusedPatterns
from annotator.domain.review import RaterPerformance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import VotePatterns

_DEPARTURE = 0.1


class StapleParameters(BaseModel):
    """What may be set for STAPLE."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: Literal["union", "full"] = Field(
        default="union",
        description="voxels that count: those within three voxels of anything that was drawn, or "
        "the full field of view (as in SimpleITK)",
    )
    smoothing: float = Field(
        default=0.0,
        ge=0.0,
        description="voxels added to the diagonal of each rater's confusion matrix",
    )
    max_iterations: int = Field(default=1000, ge=1, le=1_000_000)


class Staple:
    """Estimates the true labels and every rater's confusion matrix together.

    Over a large field of view STAPLE departs from the vote, because agreement on empty space makes
    every rater look specific: the default region is what lies within three voxels of a drawing.
    What nobody drew is then background for certain. With ``region=full`` and one label the result
    equals SimpleITK's. Sensitivity and specificity hold within the region.
    """

    name = "staple"
    title = "STAPLE"
    version = "2"
    parameters: type[BaseModel] = StapleParameters

    def fuse(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        """Return posterior, label and rater performance of each vote pattern."""
        settings = StapleParameters.model_validate(parameters.model_dump())
        counts, warnings = _counts_in_region(votes, settings.region)
        found = staple(
            votes.patterns,
            counts,
            votes.labels,
            smoothing=settings.smoothing,
            max_iterations=settings.max_iterations,
        )
        probability = found.posterior
        if settings.region == "union":
            is_empty = (votes.patterns == 0).all(axis=1)
            probability[is_empty] = np.eye(len(votes.labels))[0]
        chosen, undecided = choose(probability, votes.labels)
        warnings += warn_of_votes(votes.patterns, votes.counts, undecided)
        warnings += _doubts(votes, found, chosen)
        return FusedPatterns(
            probability=probability,
            chosen=chosen,
            undecided=undecided,
            performance=_performance(votes, found),
            warnings=tuple(warnings),
        )


def _counts_in_region(
    votes: VotePatterns, region: Literal["union", "full"]
) -> tuple[NDArray[np.int64], list[str]]:
    """Return the voxels of each pattern that count, and what to say about it."""
    if region == "full":
        return votes.counts, []
    if votes.n_near is None:
        return votes.counts, [
            "Surroundings of the drawings were not counted: STAPLE used the full field of view."
        ]
    is_empty = (votes.patterns == 0).all(axis=1)
    n_drawn = int(votes.counts[~is_empty].sum())
    return np.where(is_empty, max(0, votes.n_near - n_drawn), votes.counts), []


def _performance(votes: VotePatterns, found: StapleResult) -> tuple[RaterPerformance, ...]:
    """Return what STAPLE estimates of each rater, label by label."""
    rows = []
    for number, label in list(enumerate(votes.labels))[1:]:
        sensitivity, specificity = found.sensitivity(number), found.specificity(number)
        volumes = votes.counts @ (votes.patterns == label) * votes.voxel_mm3
        for rater, rater_id in enumerate(votes.rater_ids):
            rows.append(
                RaterPerformance(
                    rater_id=rater_id,
                    label=label,
                    sensitivity=None if sensitivity is None else float(sensitivity[rater]),
                    specificity=None if specificity is None else float(specificity[rater]),
                    volume_mm3=float(volumes[rater]),
                )
            )
    return tuple(rows)


def _doubts(votes: VotePatterns, found: StapleResult, chosen: NDArray[np.uint16]) -> list[str]:
    """Say where STAPLE should not be trusted."""
    said = []
    if len(votes.rater_ids) == 2:
        said.append("With two readings STAPLE cannot tell who is right.")
    if not found.has_converged:
        said.append(f"STAPLE had not settled after {len(found.trace)} iterations.")
    share = count_votes(votes.patterns, votes.labels) / len(votes.rater_ids)
    majority, _ = choose(share, votes.labels)
    for label in votes.labels[1:]:
        fused = int(votes.counts[chosen == label].sum())
        voted = int(votes.counts[majority == label].sum())
        if abs(fused - voted) > _DEPARTURE * voted:
            said.append(
                f"Label {label} has {fused} voxels by STAPLE and {voted} by majority: "
                "look at where the two differ."
            )
    return said

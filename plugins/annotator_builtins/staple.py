"""Fusion by STAPLE: raters are weighed by how reliable they seem to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from annotator.analysis.consensus import choose, warn_of_votes
from annotator.analysis.fusion_region import Region, region_counts, settle_agreed, warn_of_departure
from annotator.analysis.staple import StapleResult, staple
from annotator.api import FusedPatterns
from annotator_builtins.rater_rows import rows_of_posterior

if TYPE_CHECKING:
    from annotator.api import VotePatterns


class StapleParameters(BaseModel):
    """What may be set for STAPLE."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: Region = Field(
        default="union",
        description="voxels that raters are judged by: those within three voxels of anything that "
        "was drawn (union), all of the image (full, as in SimpleITK), or those alone that the "
        "raters dispute (disputed)",
    )
    smoothing: float = Field(
        default=0.0,
        ge=0.0,
        description="voxels in which each rater counts as right about each label from the start: "
        "a Dirichlet prior on the diagonal of the confusion matrix, against rash verdicts on "
        "small structures",
    )
    departure: float = Field(
        default=0.1,
        ge=0.0,
        description="warn where a label's volume departs from the majority vote by more than this "
        "share",
    )
    max_iterations: int = Field(default=1000, ge=1, le=1_000_000)


class Staple:
    """Estimates the true labels and every rater's confusion matrix together.

    Warfield, Zou and Wells, IEEE TMI 23 (2004) 903. Over a large field of view STAPLE departs from
    the vote, because agreement on empty space makes every rater look specific: the default region
    is what lies within three voxels of a drawing. What nobody drew is then background for certain.
    With ``region=full`` and one label the result equals SimpleITK's. With ``region=disputed``,
    unanimous voxels keep their label (consensus voxels are ignored; Rohlfing, Russakoff and Maurer,
    IEEE TMI 23 (2004) 983). Sensitivity and specificity hold within the region, for ``disputed``
    within the union.
    """

    name = "staple"
    title = "STAPLE"
    version = "3"
    parameters: type[BaseModel] = StapleParameters

    def fuse(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        """Return posterior, label and rater performance of each vote pattern."""
        settings = StapleParameters.model_validate(parameters.model_dump())
        counts, warnings = region_counts(
            votes.patterns, votes.counts, votes.n_near, settings.region
        )
        found = staple(
            votes.patterns,
            counts,
            votes.labels,
            smoothing=settings.smoothing,
            max_iterations=settings.max_iterations,
        )
        probability = settle_agreed(found.posterior, votes.patterns, votes.labels, settings.region)
        chosen, undecided = choose(probability, votes.labels)
        warnings += warn_of_votes(votes.rater_ids, votes.patterns, votes.counts, undecided)
        warnings += _doubts(found, len(votes.rater_ids))
        warnings += warn_of_departure(
            votes.patterns, votes.counts, votes.labels, chosen, self.title, settings.departure
        )
        if settings.region == "disputed":
            counts, _ = region_counts(votes.patterns, votes.counts, votes.n_near, "union")
        return FusedPatterns(
            probability=probability,
            chosen=chosen,
            undecided=undecided,
            performance=rows_of_posterior(votes, counts, found.posterior),
            warnings=tuple(warnings),
        )


def _doubts(found: StapleResult, n_raters: int) -> list[str]:
    """Say where STAPLE should not be trusted."""
    said = []
    if n_raters == 2:
        said.append("With two readings STAPLE cannot tell who is right.")
    if not found.has_converged:
        said.append(f"STAPLE had not settled after {len(found.trace)} iterations.")
    return said

"""An example plugin for annotator: a fusion method that keeps what every rater drew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from annotator.analysis.consensus import judge_raters
from annotator.api import FusedPatterns, FusionMethod, Plugin

if TYPE_CHECKING:
    from annotator.api import VotePatterns


class IntersectionParameters(BaseModel):
    """What a person may set; the command line and the window build their questions from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    may_miss: int = Field(default=0, ge=0)
    """How many raters may have left a voxel out of a label that is kept all the same."""


class Intersection:
    """A label where all raters (but a few) gave it, background everywhere else."""

    name = "intersection"
    title = "Intersection"
    version = "1"
    parameters: type[BaseModel] = IntersectionParameters

    def fuse(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        """Decide each vote pattern once; the voxels behind it are counted, never visited."""
        chosen = IntersectionParameters.model_validate(parameters, from_attributes=True)
        labels = np.asarray(votes.labels, np.uint16)
        n_votes = (votes.patterns[:, :, None] == labels).sum(axis=1)
        n_votes[:, 0] = 0  # background is what is left, it needs no votes
        best = n_votes.argmax(axis=1)
        is_kept = n_votes.max(axis=1) >= max(1, len(votes.rater_ids) - chosen.may_miss)
        fused = np.where(is_kept, labels[best], 0).astype(np.uint16)
        return FusedPatterns(
            probability=(fused[:, None] == labels).astype(np.float64),
            chosen=fused,
            undecided=np.zeros(len(fused), np.bool_),
            performance=judge_raters(
                votes.rater_ids,
                votes.patterns,
                votes.counts,
                votes.labels,
                fused,
                votes.voxel_mm3,
            ),
        )


def _intersection() -> FusionMethod:
    return Intersection()


plugin = Plugin(name="intersection", fusion_methods=(_intersection,))

"""Fusion by spatial STAPLE: raters are weighed place by place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from annotator.analysis.blocks import N_BLOCKS
from annotator.analysis.consensus import choose, warn_of_votes
from annotator.analysis.fusion_region import warn_of_departure
from annotator.analysis.performance import Judgement, drawn_volumes, judge_patterns
from annotator.analysis.spatial_staple import (
    CellVotes,
    SpatialResult,
    into_cells,
    near_drawn,
    spatial_staple,
    spread_over_voxels,
)
from annotator.api import FusedVoxels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Progress, VotePatterns

_MARGIN = 3


class SpatialStapleParameters(BaseModel):
    """What may be set for spatial STAPLE."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sigma_mm: float = Field(
        default=8.0,
        gt=0.0,
        description="how far around a place a rater's readings tell of the rater's skill there: "
        "width (Gaussian sigma) in mm, in pixels where the image has no scale",
    )
    shrinkage: float = Field(
        default=0.05,
        gt=0.0,
        description="weight of the rater's skill in the whole case, as a share of the window",
    )
    departure: float = Field(
        default=0.1,
        ge=0.0,
        description="warn where a label's volume departs from the majority vote by more than this "
        "share",
    )
    max_iterations: int = Field(default=200, ge=1, le=100_000)


class SpatialStaple:
    """STAPLE in which each rater's confusion matrix varies smoothly over the image.

    After Asman and Landman, IEEE TMI 31 (2012) 1326. Looks at the voxels within three voxels of
    anything drawn; what nobody drew is background for certain. The weights are each rater's local
    skill (mean of P(said so | is so) over the labels, above chance) as a share of all raters'.
    Sensitivity and specificity are over the whole region.
    """

    name = "spatial-staple"
    title = "Spatial STAPLE"
    version = "1"
    parameters: type[BaseModel] = SpatialStapleParameters

    def fuse_voxels(
        self, case: CaseVotes, parameters: BaseModel, progress: Progress
    ) -> FusedVoxels:
        """Return probability, local weights and rater performance."""
        settings = SpatialStapleParameters.model_validate(parameters.model_dump())
        votes = case.votes
        progress(0.0, "sorting votes by place")
        is_drawn = (votes.patterns != 0).any(axis=1)
        if not votes.counts[is_drawn].any():
            return _nothing(votes)
        window = case.window(_MARGIN)
        is_near = near_drawn(is_drawn[window.index], _MARGIN)
        sigma_vox = tuple(settings.sigma_mm / step for step in case.spacing_mm)
        sigmas = (sigma_vox[0], sigma_vox[1], sigma_vox[2])
        cells = into_cells(window.index, is_near, sigmas, len(votes.labels))
        found = spatial_staple(
            cells,
            np.searchsorted(votes.labels, votes.patterns[cells.pattern]),
            len(votes.labels),
            sigmas,
            shrinkage=settings.shrinkage,
            max_iterations=settings.max_iterations,
            report=lambda iteration: progress(
                iteration / settings.max_iterations, f"iteration {iteration + 1}"
            ),
        )
        table = found.posterior.copy()
        table[~is_drawn[cells.pattern]] = np.eye(len(votes.labels))[0]
        probability = np.zeros((len(votes.labels), *window.index.shape), np.float32)
        probability[0] = 1.0
        probability[:, is_near] = table.T.astype(np.float32)[:, cells.pair]
        skill = spread_over_voxels(found.skill, cells.edge, window.index.shape)
        judged = _judge(votes, cells, found, is_near)
        return FusedVoxels(
            box=window.box,
            probability=probability,
            performance=judged.rows(
                votes.rater_ids,
                votes.labels,
                drawn_volumes(votes.patterns, votes.counts, votes.labels, votes.voxel_mm3),
                weights=judged.informed,
                weight_ends=judged.informed_ends,
            ),
            weights=_shares(skill),
            warnings=tuple(
                _doubts(votes, found)
                + warn_of_departure(
                    votes.patterns[cells.pattern],
                    cells.counts.astype(np.int64),
                    votes.labels,
                    choose(table, votes.labels)[0],
                    self.title,
                    settings.departure,
                )
            ),
        )


def _judge(
    votes: VotePatterns,
    cells: CellVotes,
    found: SpatialResult,
    is_near: NDArray[np.bool_],
) -> Judgement:
    """Judge raters over the region, with intervals over blocks of slices or, if flat, of rows."""
    axis = 0 if is_near.shape[0] >= N_BLOCKS // 2 else 1
    block = np.arange(is_near.shape[axis]) * N_BLOCKS // is_near.shape[axis]
    shape = [-1 if place == axis else 1 for place in range(3)]
    own = np.broadcast_to(block.reshape(shape), is_near.shape)[is_near]
    n_pairs = len(cells.counts)
    blocks = np.bincount(own * n_pairs + cells.pair, minlength=N_BLOCKS * n_pairs)
    blocks = blocks.reshape(N_BLOCKS, n_pairs)
    return judge_patterns(
        votes.patterns[cells.pattern],
        cells.counts,
        votes.labels,
        found.posterior,
        blocks[blocks.any(axis=1)],
    )


def _shares(skill: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each rater's share of all skill at each voxel; equal shares where nobody has any."""
    total = skill.sum(axis=0)
    return np.where(total > 0, skill / np.where(total > 0, total, 1), np.float32(1 / len(skill)))


def _doubts(votes: VotePatterns, found: SpatialResult) -> list[str]:
    """Say where the result should not be trusted."""
    said = warn_of_votes(votes.rater_ids, votes.patterns, votes.counts)
    if len(votes.rater_ids) == 2:
        said.append("With two readings spatial STAPLE cannot tell who is right.")
    if not found.has_converged:
        said.append(f"Spatial STAPLE had not settled after {found.n_iterations} iterations.")
    return said


def _nothing(votes: VotePatterns) -> FusedVoxels:
    """Return the fusion of readings that hold nothing: one voxel of background."""
    n_raters, n_labels = len(votes.rater_ids), len(votes.labels)
    posterior = np.eye(n_labels)[np.zeros(len(votes.patterns), np.intp)]
    judged = judge_patterns(votes.patterns, votes.counts, votes.labels, posterior)
    return FusedVoxels(
        box=((0, 0, 0), (1, 1, 1)),
        probability=np.eye(n_labels, 1, dtype=np.float32)[:, :, None, None],
        performance=judged.rows(votes.rater_ids, votes.labels, np.zeros((n_raters, n_labels - 1))),
        weights=np.full((n_raters, 1, 1, 1), 1 / n_raters, np.float32),
        warnings=tuple(warn_of_votes(votes.rater_ids, votes.patterns, votes.counts)),
    )

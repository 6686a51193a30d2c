"""What a rule for further raters saves, tried out on readings whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.adaptive_overlap import Evidence, needs_further_rater, regions_to_read
from annotator.analysis.disagreement import find_regions
from annotator.analysis.edges import find_edges
from annotator.analysis.overlap import measure_overlap
from annotator.analysis.partial_readings import complete_readings
from annotator.analysis.ranking import case_score
from annotator.analysis.votes import merge_votes
from annotator.domain.schema import Label, LabelSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.votes import VoteRuns
    from annotator.domain.geometry import Geometry
    from annotator.domain.quality import OverlapRule
    from annotator.domain.reading import Box
    from annotator.domain.review import CaseScore, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStep:
    """A case after some raters have read it.

    ``effort`` is what they drew in units of one whole reading; ``dice`` that of their fusion with
    the truth, mean over labels; ``evidence`` what the rule is told.
    """

    n_raters: int
    effort: float
    dice: float
    evidence: Evidence


def read_case(
    readings: Sequence[MaskRuns],
    truth: MaskRuns,
    geometry: Geometry,
    labels: Sequence[int],
    fuse: Callable[[VoteRuns], MaskRuns],
    *,
    n_first: int = 2,
    in_regions: bool = False,
) -> tuple[TrialStep, ...]:
    """Return a case after its first raters, and after each further one, in the order given.

    ``fuse`` makes one mask of votes. ``in_regions`` lets everybody after the first raters read only
    the regions that those before them dispute: their effort is the share of their own outline in
    these, and outside their mask is what most others drew. They read the whole case where it has no
    such region.
    """
    masks = list(readings[:n_first])
    regions: list[tuple[Box, ...]] = [()] * n_first
    effort = float(n_first)
    steps = []
    for n_raters in range(n_first, len(readings) + 1):
        votes = merge_votes(complete_readings(masks, regions, labels), labels=labels)
        score, findings = _disputes(votes, geometry, labels)
        apart = [one.outline_mm for one in score.structures if one.outline_mm is not None]
        steps.append(
            TrialStep(
                n_raters=n_raters,
                effort=effort,
                dice=_dice(fuse(votes), truth, labels),
                evidence=Evidence(
                    n_finished=n_raters,
                    mean_dice=score.mean_dice,
                    boundary_mm=max(apart, default=None),
                    n_presence=score.n_presence,
                ),
            )
        )
        if n_raters < len(readings):
            own = readings[n_raters]
            boxes = (
                regions_to_read([entry.box for entry in findings], geometry) if in_regions else ()
            )
            masks.append(own)
            regions.append(boxes)
            effort += outline_share(own, boxes, labels) if boxes else 1.0
    return tuple(steps)


def stopped_by(rule: OverlapRule, steps: Sequence[TrialStep]) -> TrialStep:
    """Return the step at which the rule asks for nobody any more; the last one at the latest."""
    for step in steps:
        if not needs_further_rater(rule, step.evidence).n_more:
            return step
    return steps[-1]


def outline_share(mask: MaskRuns, boxes: Sequence[Box], labels: Sequence[int]) -> float:
    """Return the share of a mask's edge voxels that lies in boxes, 0 to 1; 0 for an empty mask."""
    votes = merge_votes((mask,), labels=labels)
    n_edge, n_inside = 0, 0
    for label in votes.labels[1:]:
        (edge,) = find_edges(votes, votes.patterns == label).raters
        is_inside = np.zeros(len(edge), np.bool_)
        for low, high in boxes:
            is_inside |= ((edge >= low) & (edge < high)).all(axis=1)
        n_edge += len(edge)
        n_inside += int(is_inside.sum())
    return n_inside / n_edge if n_edge else 0.0


def _disputes(
    votes: VoteRuns, geometry: Geometry, labels: Sequence[int]
) -> tuple[CaseScore, tuple[Finding, ...]]:
    schema = LabelSchema(
        name="trial",
        title="Trial",
        labels=tuple(
            Label(value=value, name=f"label {value}", color="#000000") for value in labels if value
        ),
    )
    raters = [str(number) for number in range(votes.patterns.shape[1])]
    findings, _ = find_regions(votes, geometry, rater_ids=raters, case_id="trial", schema=schema)
    return case_score([votes], geometry, findings, case_id="trial", schema=schema), findings


def _dice(fused: MaskRuns, truth: MaskRuns, labels: Sequence[int]) -> float:
    found = measure_overlap(merge_votes((fused, truth), labels=labels), 1.0).mean_dice()
    return 1.0 if found is None else found  # nothing there, and nothing drawn

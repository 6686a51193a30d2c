"""What hard cases are found by, on cases whose difficulty does not depend on size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from study_cases import StudyCase, cases_of
from study_measures import dice

from annotator.analysis.consensus import choose, count_votes
from annotator.analysis.phantom_panels import PanelMember, Scenario
from annotator.analysis.phantoms import simulate_study
from annotator.analysis.ranking import structure_scores
from annotator.analysis.simulate import SimulatedRater
from annotator.analysis.votes import to_dense
from annotator.domain.geometry import Geometry
from annotator.domain.schema import Label, LabelSchema

if TYPE_CHECKING:
    from collections.abc import Callable

    from study_sets import Plan

_SIZE = 48
_FOUR_ALIKE = (
    PanelMember(how="wavers", draws=SimulatedRater(wobble_mm=1.5, wobble_size_mm=6.0)),
) * 4
RANKED_SETS = (
    Scenario(name="organ", title="Organ", summary="four alike", shape="organ", members=_FOUR_ALIKE),
    Scenario(
        name="disc-cup", title="Disc", summary="four alike", shape="disc-cup", members=_FOUR_ALIKE
    ),
)
_SCHEMA = LabelSchema(
    name="study",
    title="Study",
    labels=(
        Label(value=1, name="one", color="#e69f00"),
        Label(value=2, name="two", color="#56b4e9"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """What is known of a case before a truth is, and what is found then.

    ``outline_mm`` and ``doubt`` are the two measures that the program ranks by, the mean over
    structures; ``smallness`` is minus the mean volume, mm³; ``risk`` 1 - Dice of the vote against
    the truth; ``difficulty`` what was planted, 1 where nothing was.
    """

    set_name: str
    outline_mm: float
    doubt: float
    smallness: float
    risk: float
    difficulty: float


def ranked(plan: Plan, tell: Callable[[str], None]) -> dict[str, list[Ranked]]:
    """Measure simulated cases of every set to be ranked."""
    found: dict[str, list[Ranked]] = {}
    for scenario in RANKED_SETS:
        found[scenario.name] = []
        for seed in plan.seeds:
            tell(f"ranking, {scenario.name}, seed {seed}")
            study = simulate_study(
                scenario, n_cases=plan.n_ranked, seed=200 + seed, size=plan.size or _SIZE
            )
            found[scenario.name] += [measure(scenario.name, case) for case in cases_of(study)]
    return found


def measure(name: str, case: StudyCase) -> Ranked:
    """Return what a case is ranked by, and how wrong the vote is on it."""
    geometry = Geometry(shape=case.given.shape, spacing_mm=case.given.spacing_mm)
    scores = structure_scores(case.runs, geometry, (), schema=_SCHEMA)
    outlines = [one.outline_mm for one in scores if one.outline_mm is not None]
    drawn = (case.runs.counts[:, None] * (case.runs.patterns > 0)).sum(axis=0).mean()
    return Ranked(
        set_name=name,
        outline_mm=float(np.mean(outlines)) if outlines else 0.0,
        doubt=float(np.mean([one.doubt for one in scores])) if scores else 0.0,
        smallness=-float(drawn) * geometry.voxel_mm3,
        risk=_vote_risk(case),
        difficulty=case.difficulty,
    )


def _vote_risk(case: StudyCase) -> float:
    """Return 1 - Dice of the majority's mask against the truth, the mean over structures."""
    share = count_votes(case.runs.patterns, case.runs.labels) / case.runs.patterns.shape[1]
    drawn = to_dense(case.runs, choose(share, case.runs.labels)[0], np.uint16)
    overlaps = [
        dice(np.isin(drawn, labels), np.isin(case.truth, labels)) for _, labels in case.structures()
    ]
    return 1.0 - float(np.mean([one for one in overlaps if np.isfinite(one)]))

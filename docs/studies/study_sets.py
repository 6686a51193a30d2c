"""Every method on every set of cases: simulated panels, lung nodules, cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import study_bubil
import study_lidc
from study_cases import StudyCase, cases_of, study_case
from study_measures import ALONE, Row, judge, mean_row
from study_methods import Fused, learns, trains_network, try_all
from study_ranking import Ranked, measure

from annotator.analysis.phantoms import simulate_study
from annotator.analysis.votes import to_dense

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from annotator.api import AnyFusionMethod

    Tell = Callable[[str], None]

SIMULATED = (
    "global-skill",
    "regional-skill",
    "dependent-raters",
    "spammers",
    "small-lesions",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large the study is."""

    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    n_cases: int = 16
    n_diagnosed: int = 200
    n_ranked: int = 60
    n_nodules: int = 120
    n_draws: int = 1000
    size: int | None = None
    network_seeds: int = 1
    network_sets: tuple[str, ...] = ("global-skill", "regional-skill")
    """Of which sets, and of how many seeds, methods see that train networks: they take minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A method that did not do a set, and why."""

    set_name: str
    method: str
    reason: str


def simulated(
    name: str, plan: Plan, methods: Sequence[AnyFusionMethod], tell: Tell
) -> tuple[list[Row], list[Refusal]]:
    """Fuse the readings of a simulated panel by every method."""
    rows: list[Row] = []
    refusals: dict[str, Refusal] = {}
    for place, seed in enumerate(plan.seeds):
        tell(f"{name}, seed {seed}")
        study = simulate_study(name, n_cases=plan.n_cases, seed=seed, size=plan.size)
        has_networks = name in plan.network_sets and place < plan.network_seeds
        chosen = [one for one in methods if has_networks or not trains_network(one)]
        found, refused = _judge_set(name, cases_of(study), chosen)
        rows += found
        refusals |= {one.method: one for one in refused}
    return rows, list(refusals.values())


def _judge_set(
    name: str, cases: Sequence[StudyCase], methods: Iterable[AnyFusionMethod]
) -> tuple[list[Row], list[Refusal]]:
    rows, refusals = [_alone(name, case) for case in cases], []
    for method in methods:
        fused, reason = try_all(method, cases)
        if reason:
            refusals.append(Refusal(set_name=name, method=method.name, reason=reason))
        rows += [
            judge(name, case, method.name, one) for case, one in zip(cases, fused, strict=False)
        ]
    return rows, refusals


def _alone(name: str, case: StudyCase) -> Row:
    """Return how one rater does without any fusion, the mean over raters."""
    rows = []
    for said in case.runs.patterns.T:
        maps = [to_dense(case.runs, said == label, np.float32) for label in case.runs.labels]
        chosen = to_dense(case.runs, said, np.uint16)
        fused = Fused(probability=np.stack(maps), chosen=chosen, seconds=0.0)
        rows.append(judge(name, case, ALONE, fused))
    return mean_row(rows)


def lidc(
    plan: Plan, methods: Sequence[AnyFusionMethod], cache: Path, tell: Tell
) -> tuple[list[Row], list[Ranked], list[Refusal], str]:
    """Fuse three of four readings of a nodule and judge by the fourth, each in turn."""
    tell("reading LIDC-IDRI")
    chosen, n_all = study_lidc.nodules(study_lidc.fetch(cache), plan.n_nodules)
    rows: list[Row] = []
    hard: list[Ranked] = []
    own = [method for method in methods if not learns(method)]
    refusals = [
        Refusal(
            set_name="lidc",
            method=method.name,
            reason="learns who is good over cases, but the readers are anonymous",
        )
        for method in methods
        if learns(method)
    ]
    for number, nodule in enumerate(chosen):
        if number % 25 == 0:
            tell(f"LIDC-IDRI, nodule {number + 1} of {len(chosen)}")
        cases = [_left_out(nodule, left) for left in range(len(nodule.masks))]
        found, _ = _judge_set("lidc", cases, own)
        names = dict.fromkeys(row.method for row in found)
        rows += [
            replace(mean_row([row for row in found if row.method == name]), case=nodule.name)
            for name in names
        ]
        hard.append(measure("lidc", cases[0]))
    return rows, hard, refusals, f"{len(chosen)} of {n_all} nodules with four readings"


def _left_out(nodule: study_lidc.Nodule, left: int) -> StudyCase:
    masks = {
        f"reader {reader + 1}": mask for reader, mask in enumerate(nodule.masks) if reader != left
    }
    return study_case(
        f"without {left + 1}",
        masks,
        nodule.masks[left],
        group=nodule.name,
        spacing_mm=nodule.spacing_mm,
    )


def bubil(
    methods: Sequence[AnyFusionMethod], directory: Path, tell: Tell
) -> tuple[list[Row], list[Refusal]]:
    """Fuse the experts' and the crowd's readings of cells, and judge by the gold standard."""
    panels: dict[str, list[StudyCase]] = {"bu-bil experts": [], "bu-bil crowd": []}
    for number in range(1, 11):
        tell(f"reading BU-BIL, image {number}")
        truth = study_bubil.gold(directory, number)
        experts = study_bubil.experts(directory, number)
        crowd = study_bubil.crowd(directory, number, experts["Person1_Amira"])
        image = study_bubil.picture(directory, number)
        for name, masks in zip(panels, (experts, crowd), strict=True):
            part = study_bubil.around([truth, *masks.values()])
            panels[name].append(
                study_case(
                    f"B{number:02d}",
                    {rater: mask[part][None].astype(np.uint8) for rater, mask in masks.items()},
                    truth[part][None].astype(np.uint8),
                    group="bu-bil",
                    image=image[part][None],
                )
            )
    rows: list[Row] = []
    refusals: list[Refusal] = []
    for name, cases in panels.items():
        for method in methods:
            tell(f"{name} by {method.name}")
            found, refused = _judge_set(name, cases, [method])
            is_first = method is methods[0]
            rows += found if is_first else [row for row in found if row.method != ALONE]
            refusals += refused
    return rows, refusals

"""Which masks tell a disease best: a regression on the areas of disc and cup, held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from study_cases import StudyCase, cases_of
from study_measures import judge
from study_methods import fuse_all, trains_network
from study_sets import Plan, Refusal

from annotator.analysis.evaluation import auroc
from annotator.analysis.phantoms import simulate_study
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from study_measures import Row
    from study_methods import Fused

    from annotator.api import AnyFusionMethod

    Half = tuple[list[StudyCase], list[StudyCase]]
    Floats = NDArray[np.float64]

ALL_KNOWN = "(truth)"
"""The true masks in the place of a method's."""
_SCENARIO = "global-skill"
_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Diagnosed:
    """Held-out risk that a regression on a method's masks gives each case, and its seed."""

    method: str
    risk: Floats
    is_diseased: NDArray[np.bool_]
    group: tuple[str, ...]

    def group_number(self) -> NDArray[np.int64]:
        """Return a number for each case's seed."""
        return np.unique(self.group, return_inverse=True)[1].astype(np.int64)


def diagnosed(
    plan: Plan, methods: Sequence[AnyFusionMethod], tell: Callable[[str], None]
) -> tuple[list[Diagnosed], list[Row], list[Refusal]]:
    """Let a regression tell disease from fused masks, learned on half of the cases of each seed.

    What learns from a project sees that half only, with its true diagnoses. The rows compare the
    masks of the other half with the truth.
    """
    found: list[Diagnosed] = []
    rows: list[Row] = []
    refusals: list[Refusal] = []
    halves = [_half(plan, seed) for seed in plan.seeds]
    for method in methods:
        tell(f"diagnosis by {method.name}")
        own = halves[: plan.network_seeds] if trains_network(method) else halves
        risks: list[Floats] = []
        try:
            for train, test in own:
                fused = list(fuse_all(method, [*train, *test], train))
                late = fused[len(train) :]
                risks.append(_risk(train, test, fused))
                rows += [
                    judge("diagnosis", case, method.name, one)
                    for case, one in zip(test, late, strict=True)
                ]
        except AnnotatorError as error:
            refusals.append(Refusal(set_name="diagnosis", method=method.name, reason=str(error)))
            continue
        found.append(_diagnosed(method.name, risks, own))
    risks = [_risk(train, test, None) for train, test in halves]
    found.append(_diagnosed(ALL_KNOWN, risks, halves))
    return found, rows, refusals


def mean_auc(score: Floats, ill: NDArray[np.bool_], group: NDArray[np.generic]) -> float:
    """Return the AUC, its mean over groups, in each of which another model was learned."""
    found = [auroc(score[group == name], ill[group == name]) for name in np.unique(group)]
    known = [one for one in found if one is not None]
    return float(np.mean(known)) if known else float("nan")


def _half(plan: Plan, seed: int) -> Half:
    study = simulate_study(
        _SCENARIO, n_cases=plan.n_diagnosed, seed=100 + seed, size=plan.size or _SIZE
    )
    cases = cases_of(study)
    return cases[: len(cases) // 2], cases[len(cases) // 2 :]


def _risk(train: list[StudyCase], test: list[StudyCase], fused: list[Fused] | None) -> Floats:
    """Return the risk of the cases to be tested, by masks of a method or by the true ones."""
    cases = [*train, *test]
    if fused is None:
        areas = [[np.isin(case.truth, own).sum() for _, own in case.structures()] for case in cases]
    else:
        areas = [_areas(case, one) for case, one in zip(cases, fused, strict=True)]
    table = np.log1p(np.array(areas, np.float64))
    ill = np.array([case.is_diseased for case in train])
    return _learned_risk(table[: len(train)], ill, table[len(train) :])


def _areas(case: StudyCase, fused: Fused) -> list[float]:
    """Return what a diagnosis is made from: the areas of disc and cup by probability."""
    labels = case.runs.labels
    return [
        sum(float(fused.probability[labels.index(label)].sum()) for label in own)
        for _, own in case.structures()
    ]


def _learned_risk(train: Floats, ill: NDArray[np.bool_], test: Floats) -> Floats:
    """Return the log odds that a logistic regression learned on other cases gives."""
    middle, spread = train.mean(axis=0), train.std(axis=0) + 1e-9
    inside = np.column_stack([(train - middle) / spread, np.ones(len(train))])
    sign = np.where(ill, 1.0, -1.0)

    def loss(weight: Floats) -> tuple[float, Floats]:
        margin = sign * (inside @ weight)
        pull = -sign / (1 + np.exp(margin))
        slopes = np.append(weight[:-1], 0.0)
        value = np.logaddexp(0, -margin).sum() + 0.5 * float(slopes @ slopes)
        return float(value), inside.T @ pull + slopes

    found = minimize(loss, np.zeros(inside.shape[1]), jac=True, method="L-BFGS-B")
    outside = np.column_stack([(test - middle) / spread, np.ones(len(test))])
    return np.asarray(outside @ found.x, np.float64)


def _diagnosed(method: str, risks: Sequence[Floats], halves: Sequence[Half]) -> Diagnosed:
    tested = [case for _, test in halves for case in test]
    return Diagnosed(
        method=method,
        risk=np.concatenate(risks),
        is_diseased=np.array([case.is_diseased for case in tested]),
        group=tuple(case.group for case in tested),
    )

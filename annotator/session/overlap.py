"""Further raters where the rule of the project asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.domain.reading import Assignment
from annotator.jobs.further_readings import needs_of_cases
from annotator.session.assignment import choose_readers

if TYPE_CHECKING:
    from annotator.api import Progress
    from annotator.domain.quality import OverlapRule
    from annotator.jobs.further_readings import CaseNeed
    from annotator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherReading:
    """What the rule says of a case, and who would be asked: (rater id, position) each.

    ``n_missing`` counts further raters that nobody is left for.
    """

    need: CaseNeed
    chosen: tuple[tuple[str, int], ...]
    n_missing: int


def plan_further(store: Store, rule: OverlapRule, progress: Progress) -> tuple[FurtherReading, ...]:
    """Choose further raters for every case that needs any.

    Who has read a case, was asked or has seen its readings in review is not asked. The same project
    gives the same plan; a rater that was added for one case counts as busier for the next.
    """
    people = [rater.rater_id for rater in store.raters() if not rater.is_model]
    seed = store.project().seed
    reviewed = store.reviewed()
    existing = list(store.assignments())
    planned = []
    for need in needs_of_cases(store, rule, progress):
        chosen: tuple[tuple[str, int], ...] = ()
        case_id = need.case.case_id
        if need.decision.n_more:
            seen = {one for one in people if (case_id, one) in reviewed}
            chosen = choose_readers(
                case_id,
                people,
                existing,
                n_more=need.decision.n_more,
                barred=frozenset(need.readers | seen),
                seed=seed,
            )
        existing += [
            Assignment(case_id=case_id, rater_id=rater_id, position=position, state="new")
            for rater_id, position in chosen
        ]
        missing = need.decision.n_more - len(chosen)
        planned.append(FurtherReading(need=need, chosen=chosen, n_missing=missing))
    return tuple(planned)


def apply_further(
    store: Store, rule: OverlapRule, progress: Progress, *, actor: str
) -> tuple[FurtherReading, ...]:
    """Ask the further raters; return the whole plan. Once more asks nobody until readings come."""
    planned = plan_further(store, rule, progress)
    for entry in planned:
        for rater_id, position in entry.chosen:
            store.assign(
                entry.need.case.case_id,
                rater_id,
                position,
                regions=entry.need.regions,
                actor=actor,
            )
    return planned

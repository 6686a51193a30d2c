"""Where each case of a project stands among the others: hard cases first."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from annotator.analysis.standing import Difficulty, Standing, rank_cases
from annotator.jobs.diagnoses import agree_on_diagnoses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.domain.review import CaseScore
    from annotator.domain.study import Case
    from annotator.store import Store

METHOD = "glad"
"""What tells how hard a question is on a case: Whitehill et al., NIPS 2009."""


def rank_project(
    store: Store, cases: Sequence[Case], scores: Sequence[CaseScore]
) -> tuple[Standing, ...]:
    """Return the standing of each scored case among these, hardest first."""
    return rank_cases(scores, store.project().schema, find_difficulties(store, cases))


def find_difficulties(store: Store, cases: Sequence[Case]) -> Mapping[str, Sequence[Difficulty]]:
    """Return how hard each question is on each case, by case id; takes a second for 1000 cases."""
    found: dict[str, list[Difficulty]] = defaultdict(list)
    if not any(field.kind == "choice" for field in store.project().schema.fields):
        return found
    for question in agree_on_diagnoses(store, cases, METHOD, n_draws=0):
        for answer in question.answers:
            found[answer.case.case_id].append(
                Difficulty(
                    question=question.title,
                    value=answer.difficulty if answer.is_disputed else 0.0,
                    why=answer.why.rstrip("."),
                )
            )
    return found

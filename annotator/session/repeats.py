"""Which cases raters read a second time, and where these come in their order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError
from annotator.domain.reading import Assignment
from annotator.session.assignment import draw, place_among_unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from annotator.domain.reading import Annotation, Rater
    from annotator.domain.study import Case
    from annotator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatPlan:
    """How many cases are read twice, and how long after the first time.

    Attributes
    ----------
    share : float
        Of each rater's cases, 0 to 1.
    min_days : float
        Days between a reading and the moment at which its repeat is given.
    min_cases : int
        Other cases that the rater reads between the two.
    """

    share: float = 0.1
    min_days: float = 14.0
    min_cases: int = 10

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if not 0.0 < self.share <= 1.0:
            raise AnnotatorError(
                f"the share of cases to repeat is above 0 and at most 1; got {self.share:g}"
            )
        if self.min_days < 0 or self.min_cases < 0:
            raise AnnotatorError("days and cases between two readings are 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRepeat:
    """A case that a rater is to read again; ``position`` is None while ``waits`` says what for."""

    rater: Rater
    original: Case
    position: int | None
    waits: str = ""


def plan_repeats(
    store: Store, plan: RepeatPlan, *, now: datetime | None = None
) -> tuple[PlannedRepeat, ...]:
    """Choose the cases that each rater reads again; those that were given before are not listed.

    They are drawn by the project's seed among the whole cases of a rater. One that was drawn and
    not read yet, or not long ago, waits: no other takes its place, so that what is repeated does
    not depend on how fast somebody reads. Cases that the rater saw in review are never drawn.
    """
    latest = (now or datetime.now(UTC)) - timedelta(days=plan.min_days)
    cases = {case.case_id: case for case in store.cases()}
    seed = store.project().seed
    return tuple(
        entry
        for rater in store.raters()
        if not rater.is_model
        for entry in _RaterRepeats(store, rater, cases, seed).planned(plan, latest)
    )


def give_repeats(
    store: Store, plan: RepeatPlan, *, now: datetime | None = None, actor: str
) -> tuple[PlannedRepeat, ...]:
    """Give the repeats that need not wait; return the whole plan. Once more gives none of them."""
    planned = plan_repeats(store, plan, now=now)
    for entry in planned:
        if entry.position is not None:
            store.add_repeat(
                entry.original.case_id, entry.rater.rater_id, entry.position, actor=actor
            )
    return planned


class _RaterRepeats:
    """One rater's cases, and which of them are to be read again."""

    def __init__(self, store: Store, rater: Rater, cases: Mapping[str, Case], seed: int) -> None:
        self._rater = rater
        self._cases = cases
        self._seed = seed
        self._own = list(store.assignments(rater.rater_id))
        reviewed = store.reviewed()
        self._first: dict[str, Annotation] = {}
        for entry in store.annotations(latest=False):
            if entry.rater_id == rater.rater_id:
                self._first.setdefault(entry.case_id, entry)
        partly = {entry.case_id for entry in self._own if entry.regions}
        asked = {entry.case_id for entry in self._own} | self._first.keys()
        self._candidates = [
            case_id
            for case_id in asked & cases.keys() - partly
            if (case_id, rater.rater_id) not in reviewed
        ]
        self._done = {
            entry.original_id for entry in store.repeats() if entry.rater_id == rater.rater_id
        }

    def planned(self, plan: RepeatPlan, latest: datetime) -> Iterator[PlannedRepeat]:
        """Yield what is to be given, or waits; ``latest`` is when it must have been read by."""
        n_more = int(plan.share * len(self._candidates) + 0.5) - len(self._done)
        left = [case_id for case_id in self._candidates if case_id not in self._done]
        left.sort(key=lambda case_id: draw(self._seed, "repeat", self._rater.rater_id, case_id))
        for case_id in left[: max(0, n_more)]:
            position, waits = self._place(case_id, plan, latest)
            if position is not None:
                self._own.append(
                    Assignment(
                        case_id=f"repeat of {case_id}",
                        rater_id=self._rater.rater_id,
                        position=position,
                        state="new",
                    )
                )
            yield PlannedRepeat(
                rater=self._rater, original=self._cases[case_id], position=position, waits=waits
            )

    def _place(self, case_id: str, plan: RepeatPlan, latest: datetime) -> tuple[int | None, str]:
        read = self._first.get(case_id)
        if read is None:
            return None, "not read yet"
        if datetime.fromisoformat(read.created_at) > latest:
            return None, f"read less than {plan.min_days:g} days ago"
        n_since = sum(entry.created_at > read.created_at for entry in self._first.values())
        position = place_among_unread(
            self._own, case_id, n_before=max(0, plan.min_cases - n_since), seed=self._seed
        )
        if position is None:
            return None, f"fewer than {plan.min_cases} other cases would lie between"
        return position, ""

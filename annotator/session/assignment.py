"""Who reads which case, in which order: balanced, random, and the same again from the seed."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.reading import Assignment


def plan_assignments(
    case_ids: Sequence[str],
    rater_ids: Sequence[str],
    existing: Sequence[Assignment],
    *,
    n_raters: int | None,
    seed: int,
    first: Sequence[str] = (),
) -> tuple[tuple[str, str, int], ...]:
    """Return the (case id, rater id, position) to add so that every case has its readers.

    Every case gets ``n_raters`` people, or all where that is None; whoever has least to do comes
    first. What exists stays as it is, and new cases follow behind a rater's earlier ones, so that
    raters or cases that come later change nobody's order. Orders differ between raters and
    depend on the seed only, but for cases named in ``first``: these come before a rater's other
    new ones, in this order for everybody.
    """
    rank = {case_id: place for place, case_id in enumerate(first)}
    _check(n_raters, len(rater_ids))
    wanted = len(rater_ids) if n_raters is None else n_raters
    readers: dict[str, set[str]] = {case_id: set() for case_id in case_ids}
    load = dict.fromkeys(rater_ids, 0)
    last = dict.fromkeys(rater_ids, 0)
    for entry in existing:
        readers.setdefault(entry.case_id, set()).add(entry.rater_id)
        if entry.rater_id in load:
            load[entry.rater_id] += 1
            last[entry.rater_id] = max(last[entry.rater_id], entry.position)
    added: dict[str, list[str]] = {rater_id: [] for rater_id in rater_ids}
    for case_id in sorted(case_ids, key=lambda case_id: draw(seed, case_id)):
        free = [rater_id for rater_id in rater_ids if rater_id not in readers[case_id]]
        free.sort(key=lambda rater_id: (load[rater_id], draw(seed, case_id, rater_id)))
        for rater_id in free[: max(0, wanted - len(readers[case_id]))]:
            added[rater_id].append(case_id)
            load[rater_id] += 1
    return tuple(
        (case_id, rater_id, last[rater_id] + place)
        for rater_id, own in added.items()
        for place, case_id in enumerate(
            sorted(
                own,
                key=lambda case_id: (rank.get(case_id, len(rank)), draw(seed, rater_id, case_id)),
            ),
            start=1,
        )
    )


def _check(n_raters: int | None, n_people: int) -> None:
    if n_people == 0:
        raise AnnotatorError("the project has no raters yet; add some first")
    if n_raters is not None and not 1 <= n_raters <= n_people:
        raise AnnotatorError(
            f"cannot give every case to {n_raters} raters: the project has {n_people}; "
            f"choose a number from 1 to {n_people}"
        )


def draw(seed: int, *names: str) -> bytes:
    """Return bytes that sort things by chance, the same for the same seed and names."""
    return hashlib.sha256("\0".join((str(seed), *names)).encode()).digest()


def choose_readers(
    case_id: str,
    rater_ids: Sequence[str],
    existing: Sequence[Assignment],
    *,
    n_more: int,
    barred: frozenset[str],
    seed: int,
) -> tuple[tuple[str, int], ...]:
    """Return (rater id, position) of the people to ask for one more reading of a case.

    Whoever has least to do comes first, by the seed where several have; nobody who was asked before
    or is ``barred``. Fewer than ``n_more`` where there are not as many people.
    """
    asked = {entry.rater_id for entry in existing if entry.case_id == case_id} | barred
    load = Counter(entry.rater_id for entry in existing)
    free = [rater_id for rater_id in rater_ids if rater_id not in asked]
    free.sort(key=lambda rater_id: (load[rater_id], draw(seed, case_id, rater_id)))
    return tuple((rater_id, last_position(existing, rater_id) + 1) for rater_id in free[:n_more])


def last_position(existing: Sequence[Assignment], rater_id: str) -> int:
    """Return the place of a rater's last case in their order; 0 where they have none."""
    return max((entry.position for entry in existing if entry.rater_id == rater_id), default=0)


def place_among_unread(
    own: Sequence[Assignment], case_id: str, *, n_before: int, seed: int
) -> int | None:
    """Return a random place for a case in what a rater has yet to read; None where there is none.

    ``n_before`` cases that were not begun yet come before it. The place depends on the seed, the
    rater and the case only. Cases at the same place follow each other by id.
    """
    unread = sorted(entry.position for entry in own if entry.state == "new")
    if len(unread) < n_before:
        return None
    # Cases at the same place may follow, so only those at smaller ones are sure to come before.
    places = [at for at in unread if sum(other < at for other in unread) >= n_before]
    places.append(max((entry.position for entry in own), default=0) + 1)
    rater_id = own[0].rater_id if own else ""
    drawn = int.from_bytes(draw(seed, "place", rater_id, case_id)[:8], "big")
    return places[drawn % len(places)]

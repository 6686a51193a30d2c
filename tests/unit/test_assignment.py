from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.errors import AnnotatorError
from annotator.domain.reading import Assignment
from annotator.session.assignment import choose_readers, place_among_unread, plan_assignments

pytestmark = pytest.mark.unit


def _names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def _existing(plan: tuple[tuple[str, str, int], ...]) -> tuple[Assignment, ...]:
    return tuple(
        Assignment(case_id=case_id, rater_id=rater_id, position=position, state="new")
        for case_id, rater_id, position in plan
    )


def _orders(plan: tuple[tuple[str, str, int], ...]) -> dict[str, list[str]]:
    orders: dict[str, list[str]] = {}
    for case_id, rater_id, _ in sorted(plan, key=lambda entry: entry[2]):
        orders.setdefault(rater_id, []).append(case_id)
    return orders


@given(st.integers(1, 30), st.integers(1, 6), st.data(), st.integers(0, 2**31))
def test_every_case_has_its_readers_and_nobody_has_much_more(
    n_cases: int, n_people: int, data: st.DataObject, seed: int
) -> None:
    n_raters = data.draw(st.integers(1, n_people))
    plan = plan_assignments(
        _names("c", n_cases), _names("r", n_people), (), n_raters=n_raters, seed=seed
    )
    per_case = Counter(case_id for case_id, _, _ in plan)
    load = Counter(rater_id for _, rater_id, _ in plan)
    assert set(per_case.values()) == {n_raters}
    assert len({(case_id, rater_id) for case_id, rater_id, _ in plan}) == len(plan)
    loads = [load[rater_id] for rater_id in _names("r", n_people)]
    assert max(loads) - min(loads) <= 1


@given(st.integers(1, 12), st.integers(1, 4), st.integers(1, 12), st.integers(1, 3))
def test_later_cases_and_raters_change_no_order(
    n_cases: int, n_people: int, more_cases: int, more_people: int
) -> None:
    first = plan_assignments(_names("c", n_cases), _names("r", n_people), (), n_raters=None, seed=3)
    second = plan_assignments(
        _names("c", n_cases + more_cases),
        _names("r", n_people + more_people),
        _existing(first),
        n_raters=None,
        seed=3,
    )
    earlier, later = _orders(first), _orders(first + second)
    for rater_id, order in earlier.items():
        assert later[rater_id][: len(order)] == order
    assert all(
        sorted(order) == sorted(_names("c", n_cases + more_cases)) for order in later.values()
    )


def test_order_is_random_by_rater_and_the_same_again_from_the_seed() -> None:
    cases, raters = _names("c", 20), _names("r", 3)
    plan = plan_assignments(cases, raters, (), n_raters=None, seed=1)
    orders = _orders(plan)
    assert all(left != right for left, right in pairwise([cases, *orders.values()]))
    shuffled = plan_assignments(cases[::-1], raters, (), n_raters=None, seed=1)
    assert _orders(shuffled) == orders
    assert _orders(plan_assignments(cases, raters, (), n_raters=None, seed=2)) != orders


@pytest.mark.parametrize("n_raters", [0, 3])
def test_too_many_or_too_few_raters_is_told(n_raters: int) -> None:
    with pytest.raises(AnnotatorError, match="from 1 to 2"):
        plan_assignments(["c"], ["a", "b"], (), n_raters=n_raters, seed=0)


def test_no_raters_is_told() -> None:
    with pytest.raises(AnnotatorError, match="no raters yet"):
        plan_assignments(["c"], [], (), n_raters=None, seed=0)


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 2**31), st.data())
def test_a_case_that_is_mixed_in_comes_behind_enough_others(
    n_own: int, n_before: int, seed: int, data: st.DataObject
) -> None:
    positions = data.draw(st.lists(st.integers(1, 20), min_size=n_own, max_size=n_own))
    states = data.draw(st.lists(st.sampled_from(["new", "submitted"]), min_size=n_own))
    own = [
        Assignment(case_id=f"c{n}", rater_id="r", position=position, state=state)  # type: ignore[arg-type]
        for n, (position, state) in enumerate(zip(positions, states, strict=False))
    ]
    place = place_among_unread(own, "x", n_before=n_before, seed=seed)
    unread = [entry.position for entry in own if entry.state == "new"]
    assert (place is None) == (len(unread) < n_before)
    if place is not None:
        assert sum(position < place for position in unread) >= n_before


def test_every_place_is_taken_by_some_case() -> None:
    own = [Assignment(case_id=f"c{n}", rater_id="r", position=n, state="new") for n in range(1, 9)]
    places = Counter(
        place_among_unread(own, f"x{number}", n_before=3, seed=7) for number in range(600)
    )
    assert set(places) == {4, 5, 6, 7, 8, 9}
    assert min(places.values()) > 60


def test_who_has_least_to_do_is_asked_first() -> None:
    existing = _existing((("a", "r0", 1), ("b", "r0", 2), ("a", "r1", 1), ("c", "r2", 4)))
    chosen = choose_readers(
        "a", _names("r", 5), existing, n_more=2, barred=frozenset({"r4"}), seed=3
    )
    assert chosen == (("r3", 1), ("r2", 5))
    assert choose_readers("a", ["r0", "r1"], existing, n_more=1, barred=frozenset(), seed=3) == ()


@given(st.integers(1, 12), st.integers(1, 4), st.data())
def test_named_cases_come_first_in_their_order_for_everybody(
    n_cases: int, n_people: int, data: st.DataObject
) -> None:
    cases, people = _names("c", n_cases), _names("r", n_people)
    first = data.draw(st.permutations(cases))[: data.draw(st.integers(0, n_cases))]
    plan = plan_assignments(cases, people, (), n_raters=None, seed=3, first=first)
    by_chance = _orders(plan_assignments(cases, people, (), n_raters=None, seed=3))
    for rater_id, order in _orders(plan).items():
        assert order[: len(first)] == first
        rest = [case_id for case_id in by_chance[rater_id] if case_id not in first]
        assert order[len(first) :] == rest

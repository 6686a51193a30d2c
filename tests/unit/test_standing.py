from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis.standing import Difficulty, rank_cases
from annotator.domain.review import CaseScore, StructureScore
from annotator.domain.schema import Label, LabelSchema

if TYPE_CHECKING:
    from random import Random

pytestmark = pytest.mark.unit

SCHEMA = LabelSchema(
    name="abdomen",
    title="Abdomen",
    labels=(
        Label(value=1, name="liver", color="#ff0000"),
        Label(value=2, name="cyst", color="#00ff00"),
    ),
)


def structure(label: int, outline_mm: float, doubt: float) -> StructureScore:
    return StructureScore(
        label=label,
        n_raters=3,
        n_drew=3,
        outline_mm=outline_mm,
        doubt=doubt,
        n_presence=0,
        why="why",
    )


def case(name: str, *structures: StructureScore, presence: float = 0.0) -> CaseScore:
    return CaseScore(
        case_id=name,
        score=2.0 + presence if presence else 0.5,
        n_presence=int(presence > 0),
        n_boundary=1,
        disputed_mm3=1.0,
        mean_dice=0.9,
        diagnosis_disputed=False,
        why=f"about {name}",
        structures=structures,
    )


def order(*scores: CaseScore, **difficulty: float) -> list[str]:
    hard = {
        name: [Difficulty(question="Grade", value=value, why="readers differ")]
        for name, value in difficulty.items()
    }
    return [entry.case_id for entry in rank_cases(scores, SCHEMA, hard)]


def test_presence_comes_before_any_outline() -> None:
    far = case("far", structure(1, 40.0, 0.9))
    missed = case("missed", structure(1, 0.1, 0.01), presence=0.2)
    gone = case("gone", structure(1, 0.1, 0.01), presence=0.7)
    assert order(far, missed, gone) == ["gone", "missed", "far"]


def test_each_structure_is_ranked_among_its_own_kind() -> None:
    livers = [case(f"liver {n}", structure(1, 5.0 + n, 0.05)) for n in range(4)]
    cysts = [case(f"cyst {n}", structure(2, 0.5 + 0.1 * n, 0.05)) for n in range(4)]
    ranked = rank_cases([*livers, *cysts], SCHEMA)
    assert {entry.case_id for entry in ranked[:2]} == {"liver 3", "cyst 3"}
    top = next(entry for entry in ranked if entry.case_id == "cyst 3")
    assert top.percentile == pytest.approx(87.5)
    assert "outlines of cyst lie further apart than in 3 of the 3 other cases" in top.why


def test_a_hard_diagnosis_counts_like_a_hard_outline() -> None:
    easy = [case(f"easy {n}", structure(1, 1.0 + 0.01 * n, 0.1)) for n in range(5)]
    hard = case("hard", structure(1, 0.5, 0.05))
    assert order(*easy, hard)[-1] == "hard"
    ranked = order(*easy, hard, **{"hard": 3.0}, **{f"easy {n}": 0.1 for n in range(5)})
    assert set(ranked[:2]) == {"hard", "easy 4"}


def test_cases_without_any_dispute_come_last() -> None:
    agreed = case("agreed", structure(1, 0.0, 0.0))
    ranked = rank_cases([agreed, case("other", structure(1, 0.2, 0.0))], SCHEMA)
    assert [entry.case_id for entry in ranked] == ["other", "agreed"]
    assert ranked[1].percentile == 0.0
    assert ranked[1].why == "about agreed"


values = st.floats(0, 30, allow_nan=False)


@given(
    st.lists(st.tuples(values, values, st.booleans()), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_order_and_monotone_scales_do_not_matter(
    found: list[tuple[float, float, bool]], random: Random
) -> None:
    scores = [
        case(f"{n:02}", structure(1 + n % 2, mm, doubt), presence=0.5 * presence)
        for n, (mm, doubt, presence) in enumerate(found)
    ]
    shuffled = list(scores)
    random.shuffle(shuffled)
    stretched = [
        case(f"{n:02}", structure(1 + n % 2, 3 * mm, doubt), presence=0.5 * presence)
        for n, (mm, doubt, presence) in enumerate(found)
    ]
    assert order(*scores) == order(*shuffled) == order(*stretched)
    ranked = rank_cases(scores, SCHEMA)
    assert [entry.place for entry in ranked] == list(range(1, len(scores) + 1))
    assert all(0.0 <= entry.percentile <= 100.0 for entry in ranked)

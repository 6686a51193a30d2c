"""Labels that a check rejects: where they lie, how they come to review, and what stays as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from annotator.analysis.label_errors import doubt_of, find_rejected
from annotator.api import BelievedLabels, Learned, Plugin, Prediction, no_progress
from annotator.cli.checking import tell_checked
from annotator.domain.errors import AnnotatorError
from annotator.domain.fit import FitRecipe
from annotator.domain.reading import Diagnosis
from annotator.jobs.handlers import HANDLERS
from annotator.jobs.label_errors import check_labels, newest_checker
from annotator.jobs.readings import Readings
from tests.unit.project_builder import SHAPE, add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Progress
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

TRUE = block(((0, 2, 2), (3, 8, 7)))
WRONG = block(((0, 2, 2), (3, 12, 7)))
"""Four rows more than there is."""


def sure_of(mask: NDArray[np.unsignedinteger], chance: float = 0.95) -> NDArray[np.float32]:
    inside = np.where(mask == 1, chance, 1.0 - chance)
    return np.stack([1.0 - inside, inside]).astype(np.float32)


class Nothing(BaseModel):
    """No parameters."""


class Knowing:
    """A checker that knows what is right."""

    name, title, version = "knowing", "Knowing", "1"
    parameters: type[BaseModel] = Nothing
    takes_trust = needs_target = False
    draws = True

    def train(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        return Learned(content=b"all")

    def predict(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        *,
        trust: Mapping[str, float] | None,
        progress: Progress,
    ) -> Prediction:
        return Prediction(labels=(0, 1), probability=sure_of(TRUE))

    def believed(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        progress: Progress,
    ) -> BelievedLabels:
        return BelievedLabels(labels=(0, 1), most=sure_of(TRUE))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        opened.registry.register(Plugin(name="test", trainers=(Knowing,)))
        for name in ("Ann", "Bob", "Rev"):
            opened.add_rater(name)
        yield opened


def read(session: Session, number: int, **drawn: NDArray[np.unsignedinteger]) -> str:
    case = add_case(session, number)
    geometry = session.store.series(case.series_ids[0]).geometry
    answer = Diagnosis(answers=(("dx", "yes"),))
    for name, mask in drawn.items():
        session.add_reading(case.case_id, name, mask, geometry, answer)
    return case.case_id


def learn(session: Session) -> str:
    recipe = FitRecipe(kind="trainer", name="knowing", version="1", inputs=())
    return session.store.add_fit(recipe, content=b"all", summary=(), actor="system").fit_id


def check(session: Session, *cases: str) -> dict[str, Any]:
    given = {"cases": list(cases)} if cases else {}
    return HANDLERS["find errors"](session.store, session.registry, given, no_progress)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_doubt_is_what_the_more_trusting_network_leaves(first: float, second: float) -> None:
    most = np.maximum(
        np.array([1 - first, first], np.float32), np.array([1 - second, second], np.float32)
    ).reshape(2, 1, 1, 1)
    drawn = np.ones((1, 1, 1), np.uint8)
    assert doubt_of(drawn, (0, 1), most) == pytest.approx(1 - max(first, second), abs=1e-6)
    assert doubt_of(drawn * 7, (0, 1), most) == 0.0


def test_a_place_is_found_whole_and_a_wavering_line_is_not() -> None:
    mask = WRONG.copy()
    mask[:3, 2:8, 7] = 1
    (place,) = find_rejected(mask, (0, 1), sure_of(TRUE))
    assert (place.drawn, place.proposed) == (1, 0)
    assert place.doubt == pytest.approx(0.95)
    found = np.zeros(mask.size, np.uint8)
    found[place.position] = 1
    wrong = (mask != TRUE).reshape(SHAPE)
    assert (found.reshape(SHAPE) <= wrong).all()
    assert found.reshape(SHAPE)[:3, 8:12, 2:7].all()
    line = TRUE.copy()
    line[:3, 2:8, 7] = 1
    assert find_rejected(line, (0, 1), sure_of(TRUE)) == ()


def test_nothing_is_rejected_below_the_least_doubt() -> None:
    assert find_rejected(WRONG, (0, 1), sure_of(TRUE, 0.7)) == ()
    assert len(find_rejected(WRONG, (0, 1), sure_of(TRUE, 0.7), least_doubt=0.6)) == 1
    nowhere = np.zeros(SHAPE, np.bool_)
    assert find_rejected(WRONG, (0, 1), sure_of(TRUE), among=nowhere) == ()


def test_what_all_agree_on_and_the_check_rejects_comes_first_in_the_queue(
    session: Session,
) -> None:
    agreed = read(session, 1, Ann=WRONG, Bob=WRONG)
    disputed = read(session, 2, Ann=TRUE, Bob=WRONG)
    learn(session)
    found = check(session)
    assert found["skipped"] == []
    room = session.review_room("Rev")
    queue = room.queue()
    assert [entry.case_id for entry in queue] == [agreed, disputed]
    assert [entry.n_rejected for entry in queue] == [1, 0]
    assert queue[0].note == "a check of labels rejects 1 place that all raters agree on"
    (score, (finding,)) = session.find(agreed)
    assert score.n_presence == score.n_boundary == 0
    assert finding.kind == "rejected"
    assert finding.box == ((0, 8, 2), (3, 12, 7))
    assert finding.raters_against == ()
    assert finding.why == (
        "all raters made this Lesion (30 mm³); two networks that check each other see background "
        "and give Lesion 5% at most, on average"
    )
    assert session.store.verify() == ()


def test_a_rejected_place_is_decided_like_any_other(session: Session) -> None:
    case_id = read(session, 1, Ann=WRONG, Bob=WRONG)
    learn(session)
    check(session)
    case = session.review_room("Rev").open_case(case_id, method="majority")
    assert case.open_regions() == (1,)
    assert (case.composed()[0] == WRONG).all()
    case.decide(1, "none", reason="over-drawn")
    mask, origin = case.composed()
    assert (mask == TRUE).all()
    assert ((origin == 1) == (WRONG != TRUE)).all()
    case.sign_off(Diagnosis(answers=(("dx", "yes"),)))
    case.close()
    readings = Readings.load(session.store, case_id)
    with pytest.raises(AnnotatorError, match="was reviewed; its places stay"):
        check_labels(
            session.store,
            session.registry,
            newest_checker(session.store, session.registry),
            readings,
            no_progress,
            actor="system",
        )


def test_of_raters_who_differ_the_one_is_named_whom_the_check_rejects(session: Session) -> None:
    case_id = read(session, 1, Ann=TRUE, Bob=WRONG)
    learn(session)
    check(session)
    checked = session.store.label_errors(case_id)
    assert checked is not None
    (error,) = checked.errors
    assert error.rater_ids == (session.store.rater("Bob").rater_id,)
    assert not error.is_agreed
    assert error.why.startswith("Bob made this Lesion")
    (_, findings) = session.find(case_id)
    assert {finding.kind for finding in findings} == {"boundary"}


def test_one_reading_is_checked_too(session: Session) -> None:
    case_id = read(session, 1, Ann=WRONG)
    learn(session)
    check(session)
    checked = session.store.label_errors(case_id)
    assert checked is not None
    assert [error.why[:3] for error in checked.errors] == ["Ann"]


def test_other_readings_bring_other_places(session: Session) -> None:
    case_id = read(session, 1, Ann=WRONG, Bob=WRONG)
    learn(session)
    check(session)
    geometry = session.store.series(session.store.case(case_id).series_ids[0]).geometry
    session.add_reading(case_id, "Ann", TRUE, geometry, Diagnosis(answers=(("dx", "yes"),)))
    (_, findings) = session.find(case_id)
    assert all(finding.kind != "rejected" for finding in findings)


def test_what_is_told_is_documented(session: Session) -> None:
    case_id = read(session, 1, Ann=TRUE, Bob=WRONG)
    learn(session)
    names = {rater.rater_id: rater.name for rater in session.store.raters()}
    told = tell_checked(check(session), ["Well."], {case_id: "Case 1"}, names)
    assert told.error == ""
    assert told.lines[:2] == ("Well.", "Case 1: 1 place rejected")
    assert told.lines[2].startswith("   Bob made this Lesion")
    keys = set(told.document)
    keys |= {f"checked[].{key}" for key in told.document["checked"][0]}
    (error,) = told.document["checked"][0]["errors"]
    assert error["raters"] == ["Bob"]
    keys |= {f"checked[].errors[].{key}" for key in error}
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
    section = page.split("## `annotator find-errors`")[1].split("\n## ")[0]
    documented = set(re.findall(r"(?m)^\| `([^`]+)` \|", section))
    assert keys == {key for key in documented if not key.startswith("skipped[]")}


def test_without_a_checker_it_is_said_how_to_train_one(session: Session) -> None:
    read(session, 1, Ann=WRONG, Bob=WRONG)
    with pytest.raises(AnnotatorError, match="--trainer cross-denoising"):
        check(session)

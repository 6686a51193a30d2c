from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.diagnoses.answer_order import has_order, in_order
from annotator.analysis.diagnoses.glad import Glad, glad
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import DiagnosisField, Label, LabelSchema
from annotator.jobs.answer_words import describe_answers
from annotator.jobs.diagnoses import METHODS, agree_on_diagnoses
from annotator.jobs.standings import find_difficulties
from annotator.session.session import Session
from annotator.store import Store
from tests.e2e.command_line import annotator, must, refused
from tests.unit.project_builder import add_case

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.jobs.diagnoses import QuestionConsensus

pytestmark = pytest.mark.unit

SCHEMA = LabelSchema(
    name="test",
    title="Test",
    labels=(Label(value=1, name="Lesion", color="#e69f00"),),
    fields=(
        DiagnosisField(
            key="seen",
            title="Lesion?",
            choices=(("yes", "Yes"), ("no", "No"), ("unsure", "Unsure")),
        ),
        DiagnosisField(key="kind", title="Kind", choices=(("cyst", "Cyst"), ("mass", "Mass"))),
        DiagnosisField(key="size_mm", title="Size", kind="number", required=False),
    ),
)
# Ann and Cy answer rightly, Bob mostly, Dee always says yes; Cy left some out.
SEEN = {
    "Case 1": {"Ann": "yes", "Bob": "yes", "Cy": "yes", "Dee": "yes"},
    "Case 2": {"Ann": "no", "Bob": "no", "Cy": "no", "Dee": "yes"},
    "Case 3": {"Ann": "no", "Bob": "yes", "Cy": "no", "Dee": "yes"},
    "Case 4": {"Ann": "unsure", "Bob": "yes", "Dee": "yes"},
    "Case 5": {"Ann": "no", "Bob": "no"},
    "Case 6": {},
}


def make_project(path: Path) -> Session:
    opened = Session(Store.create(path / "p", title="Test", schema=SCHEMA, seed=7))
    raters = {name: opened.add_rater(name) for name in ("Ann", "Bob", "Cy", "Dee")}
    for number, said in enumerate(SEEN.values(), 1):
        case = add_case(opened, number)
        geometry = opened.store.series(case.series_ids[0]).geometry
        for name, answer in said.items():
            answers = (("seen", answer), ("kind", "cyst"), ("size_mm", "3"))
            opened.add_reading(
                case.case_id,
                raters[name].rater_id,
                np.full(geometry.shape, 1, np.uint8),
                geometry,
                Diagnosis(answers=answers),
            )
    return opened


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A project that the tests only look at."""
    with make_project(tmp_path_factory.mktemp("answers")) as opened:
        yield opened


def agree(session: Session, method: str, question: str) -> QuestionConsensus:
    (found,) = agree_on_diagnoses(session.store, session.cases(), method, question)
    return found


@pytest.mark.parametrize("method", METHODS)
def test_each_case_gets_an_answer_and_each_person_a_skill(session: Session, method: str) -> None:
    found = agree(session, method, "seen")
    held = {entry.case.title: entry.answer for entry in found.answers}
    assert {title: held[title] for title in ("Case 1", "Case 2", "Case 5")} == {
        "Case 1": "yes",
        "Case 2": "no",
        "Case 5": "no",
    }
    assert "Case 6" not in held
    assert all(1 / 3 <= entry.probability <= 1 for entry in found.answers)
    names = {rater.rater_id: rater.name for rater in session.store.raters()}
    skill = {names[entry.rater_id]: entry for entry in found.raters}
    assert {name: entry.n_answers for name, entry in skill.items()} == {
        "Ann": 5, "Bob": 5, "Cy": 3, "Dee": 4,
    }  # fmt: skip
    for entry in skill.values():
        assert entry.skill_interval is not None
        assert 0 <= entry.skill_interval[0] <= entry.skill_interval[1] <= 1
    assert any("4 of 5" in caution or "5 of 5" in caution for caution in found.cautions)


def test_a_queue_waits_for_no_intervals(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = agree_on_diagnoses(session.store, session.cases(), "glad")
    fast = agree_on_diagnoses(session.store, session.cases(), "glad", n_draws=0)
    assert [one.answers for one in fast] == [one.answers for one in slow]
    assert {who.skill_interval for one in fast for who in one.raters} == {None}
    n_answered = []

    def counted(answers: NDArray[np.integer], n_classes: int) -> Glad:
        n_answered.append(len(answers))
        return glad(answers, n_classes)

    monkeypatch.setattr("annotator.jobs.diagnoses.METHODS", {"glad": counted})
    monkeypatch.setattr("annotator.jobs.diagnoses._DRAWN", {"glad": pytest.fail})
    found = find_difficulties(session.store, session.cases())
    assert len(n_answered) == 2, "one a question"
    assert {hard.question for own in found.values() for hard in own} == {"Lesion?", "Kind"}


def test_hardest_first_with_the_range_of_answers(session: Session) -> None:
    found = agree(session, "majority", "seen")
    disputed = [entry.is_disputed for entry in found.answers]
    assert disputed == sorted(disputed, reverse=True)
    hard = [entry.difficulty for entry in found.answers if entry.is_disputed]
    assert hard == sorted(hard, reverse=True)
    by_title = {entry.case.title: entry for entry in found.answers}
    split = by_title["Case 4"]
    assert (split.specific, split.sensitive) == ("unsure", "yes")
    assert "Ann says “Unsure”" in split.why
    assert "between “Unsure” at the most specific and “Yes” at the most sensitive" in split.why
    tie = by_title["Case 3"]
    assert tie.probability == 0.5
    assert tie.answer == "no"
    assert "nothing tells “No” and “Yes” apart" in tie.why
    calm = by_title["Case 1"]
    assert calm.why == "Ann, Bob, Cy and Dee say “Yes”"
    assert calm.difficulty < split.difficulty


def test_answers_without_an_order_have_no_range(session: Session) -> None:
    found = agree(session, "glad", "kind")
    assert all(entry.specific is entry.sensitive is None for entry in found.answers)
    assert not any(entry.is_disputed for entry in found.answers)


def test_every_question_with_choices_and_no_other(session: Session) -> None:
    found = agree_on_diagnoses(session.store, session.cases(), "majority")
    assert [entry.key for entry in found] == ["seen", "kind"]
    (nothing,) = agree_on_diagnoses(session.store, session.cases()[-1:], "mace", "seen")
    assert not nothing.answers
    assert not nothing.raters


def test_what_is_not_there_is_told_with_what_is(session: Session) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'dawid-skene'"):
        agree(session, "david-skene", "seen")
    with pytest.raises(UnknownNameError, match="did you mean 'seen'"):
        agree(session, "glad", "sen")
    with pytest.raises(AnnotatorError, match="asks for a number"):
        agree(session, "glad", "size_mm")


def test_a_choice_that_the_schema_lost_still_counts(tmp_path: Path) -> None:
    fields = (DiagnosisField(key="seen", title="Lesion?", choices=(("yes", "Yes"),)),)
    schema = LabelSchema(name="t", title="T", labels=SCHEMA.labels, fields=fields)
    with make_project(tmp_path) as session:
        session.store.set_schema(schema, actor="system")
        found = agree(session, "majority", "seen")
    held = {entry.case.title: entry.answer for entry in found.answers}
    assert held["Case 2"] == "no"


@pytest.mark.parametrize(
    ("keys", "ordered"),
    [
        (("yes", "no", "unsure"), ("no", "unsure", "yes")),
        (("Present", "Absent"), ("Absent", "Present")),
        (("10", "2", "-1.5"), ("-1.5", "2", "10")),
        (("benign", "yes", "no"), None),
        (("yes", "unsure"), None),
        (("1",), None),
        ((), None),
    ],
)
def test_answers_in_order(keys: tuple[str, ...], ordered: tuple[str, ...] | None) -> None:
    assert has_order(keys) == (ordered is not None)
    assert in_order(keys) == (ordered or keys)


@pytest.mark.parametrize(
    ("said", "start"),
    [
        ({"Ann": "A"}, "Ann says “A”"),
        ({"Bob": "B", "Ann": "A", "Cy": "A"}, "Ann and Cy say “A”; Bob says “B”; “A” is held"),
    ],
)
def test_sentences(said: Mapping[str, str], start: str) -> None:
    told = describe_answers(said, held=["A"], probability=0.8, ends=None, difficulty=0.25)
    assert told.startswith(start)
    assert ("errs here in 25%" in told) == (len(set(said.values())) > 1)


def test_the_command_tells_it_and_suggests_names(session: Session) -> None:
    place = session.store.location
    document = must("diagnoses", place, "--question", "seen", "--method", "mace")
    (question,) = document["questions"]
    assert question["n_disputed"] == 3
    assert {entry["rater"] for entry in question["raters"]} == {"Ann", "Bob", "Cy", "Dee"}
    plain = annotator("diagnoses", place)
    assert plain.code == 0
    assert "“Lesion?” by dawid-skene: 5 cases, 3 disputed" in plain.out
    assert "did you mean 'mace'" in refused("diagnoses", place, "--method", "mase")
    assert "did you mean 'kind'" in refused("diagnoses", place, "--question", "kin")


def test_nobody_has_answered(tmp_path: Path) -> None:
    must("new", tmp_path / "empty", "--schema", "fundus")
    assert "nobody has answered" in refused("diagnoses", tmp_path / "empty")
    must("new", tmp_path / "plain")
    assert "asks no question" in refused("diagnoses", tmp_path / "plain")
    assert json.loads(annotator("diagnoses", tmp_path / "plain", "--json").out)["error"]

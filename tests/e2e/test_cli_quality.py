"""Further raters, repeats, gold cases, performance and feedback by the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.domain.reading import Diagnosis
from annotator.session.session import Session
from tests.e2e.command_line import SHAPE, annotator, box_mask, must, refused, write_volume
from tests.e2e.test_cli_docs import _documented, _paths

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

SCHEMA = """{
  "name": "asked", "title": "Asked",
  "labels": [{"value": 1, "name": "Lesion", "color": "#ff0000"}],
  "fields": [{"key": "seen", "title": "Seen?", "choices": [["yes", "Yes"], ["no", "No"]]}]
}"""
CASES = ("One", "Two", "Three", "Four")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Four cases and four people; Ann and Bob have read three of them, otherwise each."""
    (tmp_path / "schema.json").write_text(SCHEMA)
    project = tmp_path / "project"
    must("new", project, "--schema", tmp_path / "schema.json")
    for number, title in enumerate(CASES):
        image = write_volume(tmp_path / f"{title}.nii.gz", np.full(SHAPE, number, np.int16))
        must("import", project, image)
    must("add-rater", project, "Ann", "Bob", "Cy", "Dee")
    for last in (6, 9, 12):
        write_volume(tmp_path / f"to-{last}.nii.gz", box_mask(2, last))
    for title in CASES[:3]:
        add_reading(project, title, "Ann", 9, "yes")
        add_reading(project, title, "Bob", 6, "no")
    return project


def add_reading(project: Path, title: str, name: str, last: int, said: str) -> None:
    mask = project.parent / f"to-{last}.nii.gz"
    must("add-reading", project, title, "--rater", name, "--mask", mask, "--diagnosis", said)


def assert_documented(name: str, document: dict[str, Any]) -> None:
    answered = {path for path in _paths(document) if not path.endswith("[]")}
    assert answered == _documented(name)


def test_overlap_shows_asks_and_does_not_ask_again(project: Path) -> None:
    shown = must("overlap", project, "--dice", 0.9, "--most", 3)
    assert_documented("overlap", shown)
    assert (shown["is_applied"], shown["n_asked"]) == (False, 5)
    assert must("overlap", project, "--dice", 0.9, "--most", 3) == shown, "showing changes nothing"
    done = must("overlap", project, "--dice", 0.9, "--most", 3, "--apply")
    assert done["cases"] == shown["cases"]
    first = done["cases"][0]
    assert "Mean Dice 0.73 lies below 0.90" in first["why"] or "iagnosis" in first["why"]
    assert len(first["raters"]) == 1
    assert set(first["raters"]) <= {"Cy", "Dee"}
    again = must("overlap", project, "--apply")
    assert again["rule"]["dice_below"] == 0.9, "the rule was kept"
    assert again["n_asked"] == 0
    assert must("verify", project)["ok"]


def test_overlap_in_regions_asks_for_boxes(project: Path) -> None:
    shown = must("overlap", project, "--regions", "--apply")
    boxes = [box for case in shown["cases"] for box in case["regions"]]
    assert boxes
    assert all(len(box) == 6 for box in boxes)
    plain = annotator("overlap", project, "--no-regions")
    assert plain.code == 0
    assert "one more reads the case, up to 4 in all" in plain.out
    with Session.open(project) as session:
        asked = [entry for entry in session.store.assignments() if entry.regions]
        assert asked
        worklist = session.rater_room(asked[0].rater_id).worklist()
        assert any(entry.regions for entry in worklist)


def test_a_rule_that_nobody_can_follow_is_refused(project: Path) -> None:
    assert "fewer than the first 3" in refused("overlap", project, "--first", 3, "--most", 2)


def test_repeats_are_given_read_and_compared(project: Path) -> None:
    words = ("repeats", project, "--share", 1, "--days", 0, "--cases", 0)
    must("assign", project, "--raters", 2)
    shown = must(*words)
    assert (shown["is_applied"], shown["n_given"]) == (False, 6)
    given = must(*words, "--apply")
    assert given["planned"] == shown["planned"]
    assert {entry["waits"] for entry in given["planned"]} == {"", "not read yet"}
    with Session.open(project) as session:
        ann = session.store.rater("Ann").rater_id
        titles = [
            session.store.case(entry.case_id).title
            for entry in session.store.repeats()
            if entry.rater_id == ann
        ]
    for title in titles:
        add_reading(project, title, "Ann", 12, "no")
    compared = must(*words)
    assert_documented("repeats", compared)
    (label,) = compared["labels"]
    assert (label["rater"], label["n_cases"]) == ("Ann", 3)
    assert label["dice"] == pytest.approx(2 * 7 / (7 + 10))
    assert compared["questions"][0]["n_equal"] == 0
    assert compared["n_waiting"] == 3
    listed = must("list", project)
    assert [entry["n_assigned"] for entry in listed["raters"]] == [2, 2, 2, 2]
    assigned = must("assign", project)["assignments"]
    assert {entry["case"] for entry in assigned} == {case["id"] for case in listed["cases"]}
    assert len(listed["cases"]) == 4
    assert not set(titles) & {case["title"] for case in listed["cases"]}
    message = refused("fuse", project, titles[0])
    assert "reads for the second time" in message
    assert must("verify", project)["ok"]


def test_gold_cases_judge_raters(project: Path, tmp_path: Path) -> None:
    for title in CASES[:3]:
        mask = tmp_path / "to-9.nii.gz"
        must("gold", project, title, "--mask", mask, "--diagnosis", "yes", "--source", "biopsy")
    table = must("gold", project)
    assert_documented("gold", table)
    assert [entry["source"] for entry in table["cases"]] == ["biopsy"] * 3
    ann, bob = table["labels"]
    assert (ann["dice"], ann["surface_dice"], ann["false_per_case"]) == (1.0, 1.0, 0.0)
    assert bob["dice"] == pytest.approx(2 * 4 / (4 + 7))
    assert [entry["n_right"] for entry in table["raters"]] == [3, 0]
    assert must("gold", project, "--assign")["n_assigned"] == 6
    plain = annotator("gold", project)
    assert "3 gold cases." in plain.out
    assert "Bob, Lesion, 3 cases: Dice 0.727" in plain.out
    must("gold", project, "One", "--remove")
    assert len(must("gold", project)["cases"]) == 2
    assert must("verify", project)["ok"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("One",), "by one of --mask FILE"),
        (("One", "--remove", "--from-adjudication"), "given: --from-adjudication, --remove"),
        (("--remove",), "is about one case: name it"),
        (("One", "--from-adjudication"), "is not signed off"),
        (("One", "--remove"), "no gold case"),
        (("One", "--mask", "nowhere.nii"), "there is no file"),
    ],
)
def test_what_gold_cannot_do_is_told(project: Path, words: tuple[str, ...], message: str) -> None:
    assert message in refused("gold", project, *words)


def test_performance_and_feedback_come_from_signed_off_cases(project: Path) -> None:
    assert must("performance", project)["says"] == "No case is signed off yet."
    assert "no feedback" in refused("feedback", project, "--rater", "Bob")
    with Session.open(project) as session:
        room = session.review_room("Cy")
        ann = session.store.rater("Ann")
        for title in CASES[:3]:
            case = room.open_case(session.store.case(title).case_id, method="majority")
            for region in case.open_regions():
                case.decide(region, "rater", rater_id=ann.rater_id, reason="missed")
            case.sign_off(dict(case.diagnoses())["A"])
            case.close()
    found = must("performance", project)
    assert_documented("performance", found)
    assert found["says"] == "Updated from 3 signed-off cases."
    sensitivity = {entry["rater"]: entry["sensitivity"] for entry in found["raters"]}
    assert sensitivity == {"Ann": 1.0, "Bob": pytest.approx(4 / 7)}
    assert must("feedback", project, "--allow")["is_allowed"]
    told = must("feedback", project, "--rater", "Bob")
    assert_documented("feedback", told)
    (label,) = told["labels"]
    assert label["outline"]["value"] < 0
    assert any("inside" in words for words in label["sentences"])
    assert "Ann" not in str(told)
    must("feedback", project, "--no-allow")
    assert "no feedback" in refused("feedback", project, "--rater", "Bob")
    must("gold", project, "One", "--from-adjudication")
    assert must("gold", project)["cases"][0]["source"].startswith("adjudication ")


def test_next_names_unread_cases_and_assigns_by_them(project: Path) -> None:
    write = project.parent
    for number in range(3):
        values = np.full(SHAPE, 10 + number, np.int16)
        values[..., : 2 + 3 * number] += 500
        must("import", project, write_volume(write / f"More {number}.nii.gz", values))
    found = must("next", project, "--n", 3)
    assert_documented("next", found)
    assert (found["n_read"], found["n_unread"], found["model"]) == (3, 4, None)
    assert len(found["cases"]) == 3
    whole = must("next", project)["cases"]
    assert whole[:3] == found["cases"]
    must("assign", project, "--raters", 4, "--order", "gain")
    wanted = [entry["case"] for entry in whole]
    with Session.open(project) as session:
        for name in ("Ann", "Dee"):
            order = [entry.case_id for entry in session.rater_room(name).worklist()]
            assert order[: len(wanted)] == wanted
    told = annotator("next", project)
    assert told.out.startswith("1. ")
    assert refused("next", project, "--n", 0)
    assert "no model 'nobody'" in refused("next", project, "--model", "nobody")


def test_acceptance_tells_what_became_of_a_model(project: Path) -> None:
    empty = annotator("acceptance", project)
    assert "No model's drawing was offered yet." in empty.out
    with Session.open(project) as session:
        model = session.store.add_rater("Net", is_model=True, actor="system")
        for case in session.cases():
            session.store.add_annotation(
                case.case_id,
                model.rater_id,
                encode(box_mask(2, 9)),
                Diagnosis(),
                actor="system",
            )
        session.assign(rater_ids=[session.store.rater("Dee").rater_id])
    assert must("acceptance", project, "--without-model", 0.5)["share_without_model"] == 0.5
    with Session.open(project) as session:
        room = session.rater_room("Dee")
        offered = []
        for case in session.cases():
            opened = room.open_case(case.case_id)
            offered.append(bool(opened.suggestions))
            for annotation_id, _ in opened.suggestions:
                opened.start_from(annotation_id)
            opened.drawing.set_diagnosis(Diagnosis(answers=(("seen", "yes"),), confidence=0.5))
            opened.submit()
    found = must("acceptance", project)
    (taken,) = found["taken"]
    assert (taken["rater_name"], taken["n_taken"]) == ("Dee", sum(offered))
    assert taken["n_withheld"] == len(offered) - sum(offered)
    (row,) = found["accepted"]
    assert (row["n_removed"], row["n_added"], row["dice"]["value"]) == (0, 0, 1.0)
    assert_documented("acceptance", found)
    assert must("verify", project)["ok"]
    told = annotator("acceptance", project)
    assert f"taken {sum(offered)} of {sum(offered)} times" in told.out
    assert refused("acceptance", project, "--without-model", 2)

"""docs/command-line.md names every command, option and JSON key, and nothing that is not there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.phantoms import SCENARIOS
from annotator.cli.checking_traces_commands import CHECKING_TRACES_COMMANDS
from annotator.cli.commands import COMMANDS
from annotator.cli.comparing_commands import COMPARING_COMMANDS
from annotator.cli.parser import GLOBAL_FLAGS, parse
from annotator.cli.quality_commands import QUALITY_COMMANDS
from annotator.cli.threshold_commands import THRESHOLD_COMMANDS
from annotator.cli.tracing_commands import TRACING_COMMANDS
from annotator.jobs.export_tables import tables_of
from annotator.session.schema_io import bundled_schemas
from annotator.store import Store
from tests.e2e.command_line import (
    SHAPE,
    annotator,
    box_mask,
    must,
    project_with_readings,
    write_volume,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from annotator.cli.command import Command

pytestmark = pytest.mark.e2e

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
OPAQUE = {"diagnosis", "marks", "parameters", "planted", "report"}
"""Objects whose keys are the schema's, a plugin's, a simulated rater's, or told elsewhere."""
NEVER_HERE = {"broken[].name", "broken[].reason"}
WINDOW = {"open", "demo"}
ELSEWHERE = {"models", "predict", "prompt", "propagate", "train", "evaluate", "list"} | {
    one.name
    for one in (
        *CHECKING_TRACES_COMMANDS,
        *COMPARING_COMMANDS,
        *QUALITY_COMMANDS,
        *THRESHOLD_COMMANDS,
        *TRACING_COMMANDS,
    )
}
"""Commands whose keys other tests look at."""
TINY = ("--set", "epochs=1", "--set", "size=32", "--set", "width=4", "--set", "levels=2")


def _section(name: str) -> str:
    return PAGE.split(f"## `annotator {name}`\n")[1].split("\n## ")[0]


def _documented(name: str, table: int = 1) -> set[str]:
    tables = _section(name).split("| key | what it is |")
    return set(re.findall(r"(?m)^\| `([^`]+)` \|", tables[table])) if len(tables) > 1 else set()


def _paths(value: Any, prefix: str = "") -> Iterator[str]:  # noqa: ANN401
    if isinstance(value, dict):
        for key, inner in value.items():
            path = f"{prefix}.{key}" if prefix else key
            yield path
            if key not in OPAQUE:
                yield from _paths(inner, path)
    elif isinstance(value, list):
        for entry in value:
            yield from _paths(entry, f"{prefix}[]")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each command answers in a project where every list has something in it."""
    place = tmp_path_factory.mktemp("docs")
    schema = json.loads(_SCHEMA)
    (place / "schema.json").write_text(_SCHEMA)
    (place / "notes.txt").write_text("no image")
    project = project_with_readings(place)
    asked = place / "asked"
    image = write_volume(place / "One.nii.gz", np.full(SHAPE, 3, np.int16))
    lonely = write_volume(place / "Two.nii.gz", np.full(SHAPE, 4, np.int16))
    mask = write_volume(place / "mask.nii.gz", box_mask(2, 9))
    other = write_volume(place / "other.nii.gz", box_mask(2, 7))
    found = {"new": must("new", asked, "--schema", place / "schema.json")}
    found["simulate"] = must("simulate", place / "made", "--cases", 1)
    found["import"] = must("import", asked, image, lonely, place / "notes.txt")
    beside = ("companions", asked, "One", "--as", "prior", "--files")
    found["companions"] = must(*beside, lonely, place / "notes.txt")
    found["add-rater"] = must("add-rater", asked, "Ann", "Bob")
    found["assign"] = must("assign", asked, "--raters", 2)
    words = ("add-reading", asked, "One", "--rater")
    found["add-reading"] = must(*words, "Ann", "--mask", mask, "--diagnosis", "yes")
    must(*words, "Bob", "--mask", other, "--diagnosis", "no")
    found["fuse"] = must("fuse", asked, "--out", place / "fused")
    found["compare"] = must("compare", asked)
    marked = place / "marks.mrk.json"
    marked.write_text(_MARKS)
    found["add-marks"] = must("add-marks", asked, "One", "--rater", "Ann", "--file", marked)
    found["compare-marks"] = must("compare-marks", asked)
    found["report"] = must("report", asked, "--out", place / "agreement.html")
    found["diagnoses"] = must("diagnoses", asked)
    found["findings"] = must("findings", asked)
    found["export"] = must("export", asked, place / "out", "--format", "nifti")
    found["list"] = must("list", asked)
    found["verify"] = must("verify", asked, "--replay")
    found["worker"] = must("worker", project)
    found["plugins"] = must("plugins")
    assert schema["fields"]
    return found


_SCHEMA = """{
  "name": "asked", "title": "Asked",
  "labels": [{"value": 1, "name": "Lesion", "color": "#ff0000"}],
  "fields": [{"key": "seen", "title": "Seen?", "choices": [["yes", "Yes"], ["no", "No"]]}]
}"""


_MARKS = """{"markups": [{"type": "Fiducial", "coordinateSystem": "LPS", "controlPoints": [
  {"label": "tip", "position": [-12.5, 40.0, 7.25]}
]}]}"""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_and_option_is_documented(command: Command) -> None:
    section = _section(command.name)
    usage = section.strip().splitlines()[0]
    assert usage.startswith(f"`annotator {command.name}")
    for argument in command.arguments:
        flag = argument.names[0]
        if flag.startswith("--"):
            assert flag in usage, f"{flag} is missing in the usage line of {command.name}"
    flags = {flag for argument in command.arguments for flag in argument.names}
    assert set(re.findall(r"--[a-z-]+", usage)) <= flags


def test_nothing_else_is_documented() -> None:
    names = re.findall(r"(?m)^## `annotator ([a-z-]+)`$", PAGE)
    assert names == [command.name for command in COMMANDS]
    assert all(flag in PAGE for flag in GLOBAL_FLAGS)
    assert all(f"`{name}`" in _section("new") for name in bundled_schemas())
    scenarios = re.findall(r"(?m)^\| `([a-z-]+)` \|", _section("simulate").split("| key |")[0])
    assert scenarios == [scenario.name for scenario in SCENARIOS]


@pytest.mark.parametrize(
    "name",
    [entry.name for entry in COMMANDS if entry.name not in WINDOW | ELSEWHERE],
)
def test_json_keys_are_the_documented_ones(documents: dict[str, dict[str, Any]], name: str) -> None:
    answered = {path for path in _paths(documents[name]) if not path.endswith("[]")}
    documented = _documented(name) - NEVER_HERE
    if name == "export":  # this one had nothing to skip
        documented = {path for path in documented if not path.startswith("skipped[]")}
    if name == "fuse":  # this method learns nothing
        documented -= {"learned.fit", "learned.summary"}
    assert answered == documented


def test_keys_of_list(documents: dict[str, dict[str, Any]]) -> None:
    answered = set(_paths(documents["list"]))
    documented = _documented("list") | (_documented("new"))
    # nothing was trained here
    assert answered == {path for path in documented if not path.startswith("trained[]")}


def test_methods_and_trainers_are_those_that_come_with_the_program(
    documents: dict[str, dict[str, Any]],
) -> None:
    for command, door in (("fuse", "fusion_methods"), ("train", "trainers")):
        words = _section(command).split("| key |")[0]
        told = re.findall(r"(?m)^\| `([a-z-]+)` \|", words)
        assert sorted(told) == [entry["name"] for entry in documents["plugins"][door]]


def test_keys_of_what_was_learned(tmp_path: Path) -> None:
    must("simulate", tmp_path / "made", "--cases", 2)
    answered = set(_paths(must("fuse", tmp_path / "made", "--method", "pooled-staple")))
    assert {path for path in answered if path.startswith("learned")} == {
        path for path in _documented("fuse") if path.startswith("learned")
    }


def test_keys_of_training_and_of_trained_models(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="models are trained with torch")
    project = tmp_path / "made"
    made = must("simulate", project, "--cases", 6, "--raters", 2)
    trained = must("train", project, "--trainer", "trust-vector", *TINY)
    assert set(_paths(trained)) == _documented("train")
    rater, case = made["raters"][0]["name"], made["cases"][0]["title"]
    read = must("predict", project, case, "--fit", trained["fit"][:12], "--trust", f"{rater}=2")
    assert read["trust"] == {rater: 2.0}
    answered = {path for path in _paths(read) if path != f"trust.{rater}"}
    assert answered == {
        path for path in _documented("predict", table=2) if not path.startswith("skipped[]")
    }
    (reading,) = read["readings"]
    assert reading["annotation"]


def test_keys_of_models_and_of_networks(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="TorchScript is read by torch")
    from tests.unit.small_networks import tiny, write_card, write_torchscript

    project = tmp_path / "asked"
    must("new", project)
    path = write_card(write_torchscript(tmp_path / "tiny.ts", tiny()))
    must_not = annotator("models", project, "--add", path, "--json")
    assert must_not.document["added"] is False
    added = must("models", project, "--add", path, "--label", "1=1", "--accept-licence")
    assert set(added) == _documented("models", table=2)
    assert set(must_not.document) - {"error"} < set(added)
    listed = must("models", project)
    shown = must("models", project, "--show", "Tiny")
    assert shown in listed["models"]
    assert {f"models[].{key}" for key in shown} | {"models"} == _documented("models")
    assert set(must("models", project, "--remove", "Tiny")) == _documented("models", table=3)


def test_keys_of_an_evaluation(tmp_path: Path) -> None:
    made = must("simulate", tmp_path / "made", "--cases", 2, "--raters", 2)
    first, second = (rater["name"] for rater in made["raters"])
    judged = must("evaluate", tmp_path / "made", "--model", first, "--against", second)
    documented = {path for path in _documented("evaluate") if not path.startswith("left_out[]")}
    assert {path for path in _paths(judged) if not path.endswith("[]")} == documented


def test_keys_of_a_prompt(tmp_path: Path) -> None:
    project = tmp_path / "project"
    must("new", project)
    image = np.zeros((6, 40, 40), np.int16)
    image[1:5, 12:28, 10:30] = 100
    must("import", project, write_volume(tmp_path / "One.nii.gz", image))
    must("add-rater", project, "Ann")
    must("assign", project)
    words = ("prompt", project, "One", "--rater", "Ann")
    drawn = must(*words, "--click", "3,20,20", "--negative", "3,3,3")
    assert set(_paths(drawn)) == _documented("prompt")
    assert drawn["changed"]
    assert drawn["n_voxels"] == pytest.approx(4 * 16 * 20, rel=0.3)
    with Store.open(project) as store:
        rater, case = store.rater("Ann"), store.case("One")
        draft = store.open_draft(
            case.case_id, rater.rater_id, purpose="reading", actor=rater.rater_id
        )
        assert draft.can_undo
        assert store.draft_mask(draft.draft_id).slabs
    boxed = must(*words, "--box", "3,12,10,3,27,29", "--model", "edges-slice", "--label", "1")
    assert boxed["n_voxels"] == pytest.approx(16 * 20, rel=0.3)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "nothing to go by"),
        (("--click", "3,20"), "no place"),
        (("--click", "3,20,99"), "outside the image"),
        (("--box", "1,2,3,4,5,6"), "lies on no slice"),
        (("--click", "3,3,3", "--model", "edgse"), "did you mean 'edges'"),
        (("--click", "3,3,3", "--label", "Lung"), "no label 'Lung'"),
        (("--click", "3,3,3", "--model", "nninteractive"), "cannot be used here"),
    ],
)
def test_a_prompt_that_cannot_be_is_told(unread: Path, words: tuple[str, ...], told: str) -> None:
    from tests.e2e.command_line import annotator

    outcome = annotator("prompt", unread, "One", "--rater", "Ann", *words)
    assert outcome.code == 1
    assert told in outcome.err


@pytest.fixture(scope="module")
def unread(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with one case that Ann has still to read."""
    place = tmp_path_factory.mktemp("unread")
    must("new", place / "project")
    image = write_volume(place / "One.nii.gz", np.zeros((6, 40, 40), np.int16))
    must("import", place / "project", image)
    must("add-rater", place / "project", "Ann")
    must("assign", place / "project")
    return place / "project"


def test_keys_of_skipped_masks(tmp_path: Path) -> None:
    project = project_with_readings(tmp_path)
    outcome = annotator("export", project, tmp_path / "o", "--format", "dicom-seg", "--json")
    answered = {path for path in _paths(outcome.document) if path.startswith("skipped[]")}
    assert answered == {path for path in _documented("export") if path.startswith("skipped[]")}


def test_tables_are_the_documented_ones(tmp_path: Path) -> None:
    project = project_with_readings(tmp_path)
    with Store.open(project) as store:
        tables = tables_of(store, None, lambda fraction, message: None)
    (line,) = [line for line in PAGE.splitlines() if line.startswith("| `csv` |")]
    assert re.findall(r"`([a-z]+)`", line)[1:] == list(tables)


def test_the_worked_example_is_understood() -> None:
    import shlex

    block = PAGE.split("## An example")[1].split("```")[1]
    for line in block.strip().splitlines():
        program, *words = shlex.split(line)
        assert program == "annotator"
        parse(words)

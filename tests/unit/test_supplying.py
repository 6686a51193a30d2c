"""Networks come into a project with a card, labels, a licence that was accepted, and hashes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs annotator[torch]")

from annotator.api import NetworkCard  # noqa: E402
from annotator.api.network_cards import card_from  # noqa: E402
from annotator.cli.run import main  # noqa: E402
from annotator.domain.errors import (  # noqa: E402
    AnnotatorError,
    ConflictError,
    IntegrityError,
    UnknownNameError,
    UnsuitableError,
)
from annotator.jobs.supplying import map_labels, require_unchanged  # noqa: E402
from tests.unit.project_builder import SCHEMA, make_session  # noqa: E402
from tests.unit.small_networks import tiny, write_card, write_torchscript  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.session.session import Session

pytestmark = pytest.mark.unit


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as made:
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_card(write_torchscript(tmp_path / "tiny.ts", tiny()))


def test_labels_map_by_name_whatever_the_capitals(session: Session, path: Path) -> None:
    write_card(path, labels={"0": "background tissue", "1": "ORGAN", "2": "lesion"})
    found = session.look_at_network(path)
    assert found.suggested == ((1, 2), (2, 1))
    assert (found.format, session.networks()) == ("torchscript", ())
    network = session.supply_network(path, licence_accepted_by="Dr. Abe")
    assert network.label_values == ((1, 2), (2, 1))
    assert network.licence_accepted_by == "Dr. Abe"
    assert [name for name, _ in network.files] == ["tiny.json", "tiny.ts"]
    assert session.networks() == (network,)
    assert session.store.verify() == ()


def test_this_process_loads_nothing_of_a_network(
    session: Session, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*_: object) -> None:
        raise AssertionError("a network was looked at in the window's process")

    monkeypatch.setattr("annotator_networks.torchscript.TorchScriptFormat.inspect", loaded)
    monkeypatch.setattr("annotator_networks.torchscript.TorchScriptFormat.files", loaded)
    assert session.look_at_network(path).card.title == "Tiny"
    assert session.supply_network(path, licence_accepted_by="me").card.title == "Tiny"


def test_names_with_lines_and_spaces_are_the_same() -> None:
    card = NetworkCard(title="t", n_dims=3, n_channels=1, labels=((4, "  LESION "), (7, "x")))
    assert map_labels(card, SCHEMA) == ((4, 1),)


def test_labels_can_be_said_by_name_or_value(session: Session, path: Path) -> None:
    network = session.supply_network(path, licence_accepted_by="me", labels={1: "organ", 2: "1"})
    assert network.label_values == ((1, 2), (2, 1))
    with pytest.raises(AnnotatorError, match=r"no output 5. It gives out: 1 \(Lesion\), 2"):
        session.supply_network(path, licence_accepted_by="me", labels={5: "organ"})
    with pytest.raises(AnnotatorError, match=r"no label 'Tumour' for output 1. It has: Lesion \(1"):
        session.supply_network(path, licence_accepted_by="me", labels={1: "Tumour"})


def test_nothing_that_maps_is_refused_with_help(session: Session, path: Path) -> None:
    write_card(path, labels={"1": "Liver"})
    with pytest.raises(AnnotatorError, match=r"1 \(Liver\).*Lesion \(1\).*for example 1=Lesion"):
        session.supply_network(path, licence_accepted_by="me")
    assert session.networks() == ()


def test_outputs_without_names_are_named_by_the_user(session: Session, path: Path) -> None:
    write_card(path, labels={})
    network = session.supply_network(path, licence_accepted_by="me", labels={2: "Lesion"})
    assert network.card.labels == ((2, "Lesion"),)
    assert network.label_values == ((2, 1),)


def test_a_licence_must_be_accepted_and_is_shown(session: Session, path: Path) -> None:
    with pytest.raises(AnnotatorError, match="must be accepted first"):
        session.supply_network(path, licence_accepted_by=" ")
    write_card(path, licence="")
    with pytest.raises(AnnotatorError, match="name no licence: ask its author"):
        session.supply_network(path, licence_accepted_by="")
    assert session.networks() == ()


def test_what_the_user_knows_better_goes_onto_the_card(session: Session, path: Path) -> None:
    corrections: dict[str, Any] = {"spacing_mm": [2, 1, 1], "intensity": {"scaling": "none"}}
    network = session.supply_network(path, licence_accepted_by="me", corrections=corrections)
    assert network.card.spacing_mm == (2.0, 1.0, 1.0)
    assert network.card.intensity.scaling == "none"
    assert network.card.licence == "CC0-1.0"
    with pytest.raises(UnknownNameError, match="did you mean 'spacing_mm'"):
        session.supply_network(path, licence_accepted_by="me", corrections={"spacing": [1, 1, 1]})
    with pytest.raises(AnnotatorError, match="overlap is 2"):
        session.supply_network(path, licence_accepted_by="me", corrections={"overlap": 2.0})


def test_files_that_changed_since_are_not_used(session: Session, path: Path) -> None:
    network = session.supply_network(path, licence_accepted_by="me")
    found = require_unchanged(session.registry, network)
    opened = found.open(path, network.card, "cpu", mixed=False)
    assert opened.infer(np.zeros((1, 1, 4, 4, 4), np.float32)).shape == (1, 3, 4, 4, 4)
    card = path.with_suffix(".json")
    card.write_text(card.read_text() + "\n")
    with pytest.raises(IntegrityError, match=r"tiny\.json changed since"):
        require_unchanged(session.registry, network)
    path.unlink()
    with pytest.raises(IntegrityError, match="is no longer at"):
        require_unchanged(session.registry, network)


def test_the_same_again_is_the_same_and_others_need_a_title(
    session: Session, path: Path, tmp_path: Path
) -> None:
    first = session.supply_network(path, licence_accepted_by="me")
    n_rows = len(session.store.audit())
    assert session.supply_network(path, licence_accepted_by="me") == first
    assert len(session.store.audit()) == n_rows
    other = write_card(write_torchscript(tmp_path / "other.ts", tiny(seed=1)))
    with pytest.raises(ConflictError, match="another network titled 'Tiny'"):
        session.supply_network(other, licence_accepted_by="me")
    session.supply_network(other, licence_accepted_by="me", corrections={"title": "Other"})
    assert {network.card.title for network in session.networks()} == {"Tiny", "Other"}


def test_what_is_no_network_is_told_with_what_would_be(session: Session, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("x")
    with pytest.raises(UnsuitableError, match=r"These can: .*ONNX.*docs/models\.md"):
        session.look_at_network(text)
    with pytest.raises(AnnotatorError, match="there is no file or folder"):
        session.look_at_network(tmp_path / "missing.ts")


def test_a_card_comes_back_from_its_own_fields() -> None:
    card = NetworkCard(
        title="Whole",
        n_dims=3,
        n_channels=2,
        labels=((0, "a"), (3, "b")),
        activation="sigmoid",
        spacing_mm=(2.0, 1.0, 1.0),
        patch=(32, 64, 64),
        multiple=16,
        axes="xyz",
        orientation="LPS",
        overlap=0.25,
        flips=("x", "y"),
    )
    from dataclasses import asdict

    assert card_from(json.loads(json.dumps(asdict(card))), what="itself") == card


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main([*words, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, found


def test_the_command_adds_shows_lists_and_removes(
    tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(tmp_path).close()
    project = str(tmp_path / "project")
    code, told = run(capsys, "models", project, "--add", str(path))
    assert code == 1
    assert told["card"]["licence"] == "CC0-1.0"
    assert "--accept-licence" in told["error"]
    assert told["added"] is False
    code, told = run(
        capsys,
        *("models", project, "--add", str(path), "--label", "2=Organ"),
        *("--set", "title=Two words", "--set", "overlap=0.25", "--accept-licence"),
    )
    assert (code, told["added"], told["label_values"]) == (0, True, [[2, 2]])
    assert told["card"]["overlap"] == 0.25
    assert told["licence_accepted_by"]
    network_id = told["network"]
    code, told = run(capsys, "models", project)
    supplied = [entry for entry in told["models"] if entry["kind"] == "supplied"]
    assert [(entry["title"], entry["key"]) for entry in supplied] == [("Two words", network_id)]
    assert {"lungs", "body"} <= {entry["key"] for entry in told["models"]}
    for name in ("Two words", network_id[:10]):
        code, told = run(capsys, "models", project, "--show", name)
        assert (code, told["key"]) == (0, network_id)
    assert main(["models", project, "--show", "lungs"]) == 0
    assert "Limits:" in capsys.readouterr().out
    code, told = run(capsys, "models", project, "--remove", "Two words")
    assert (code, told["removed"]) == (0, network_id)
    code, told = run(capsys, "models", project, "--remove", "Two words")
    assert (code, "no network 'Two words'" in told["error"]) == (1, True)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--show", "a", "--remove", "b"], "give one of --show and --remove"),
        (["--label", "1=x"], "--label is for --add"),
        (["--accept-licence"], "--accept-licence is for --add"),
        (["--show", "lung"], None),
        (["--show", "nothing"], "no model 'nothing'"),
        (["--add", "x.ts", "--label", "one=x"], "--label needs OUTPUT=LABEL"),
        (["--add", "x.ts", "--set", "title", "--accept-licence"], "--set needs KEY=VALUE"),
    ],
)
def test_the_command_says_what_it_does_not_understand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], problem: str | None
) -> None:
    make_session(tmp_path).close()
    code, told = run(capsys, "models", str(tmp_path / "project"), *words)
    assert code == (0 if problem is None else 1)
    assert problem is None or problem in told["error"]

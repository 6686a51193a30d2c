"""`annotator report`: what it writes, what it says, what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.command_line import annotator, must, project_with_readings, refused

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project_with_readings(tmp_path_factory.mktemp("report"))


def test_file_and_numbers(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "agreement.html"
    document = must("report", project, "Head one", "--out", out)
    assert document["file"] == str(out)
    assert document["n_bytes"] == out.stat().st_size
    report = document["report"]
    dice = sorted(pair["dice"]["value"] for pair in report["pairs"])
    by_hand = sorted([2 * 7 / (8 + 7), 2 * 8 / (8 + 11), 2 * 7 / (7 + 11)])
    assert dice == pytest.approx(by_hand)
    compared = must("compare", project)["cases"][0]["pairs"]
    assert sorted(pair["dice"] for pair in compared) == dice
    assert sorted(pair["hd95_mm"] for pair in compared) == pytest.approx(
        sorted(pair["hd95_mm"]["value"] for pair in report["pairs"])
    )


def test_says_what_was_found(project: Path, tmp_path: Path) -> None:
    outcome = annotator("report", project, "--out", tmp_path / "agreement.html")
    assert outcome.code == 0
    assert "over 1 case" in outcome.out
    assert str(tmp_path / "agreement.html") in outcome.out


def test_changes_nothing_in_the_project(project: Path, tmp_path: Path) -> None:
    before = (project / "project.sqlite").read_bytes()
    must("report", project, "--out", tmp_path / "agreement.html")
    assert (project / "project.sqlite").read_bytes() == before


def test_refusals(project: Path, tmp_path: Path) -> None:
    assert "is a directory" in refused("report", project, "--out", tmp_path)
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "agreement.html"
    assert "cannot be written" in refused("report", project, "--out", below)
    assert "no case 'Head tow'; did you mean 'Head one'?" in refused("report", project, "Head tow")
    must("new", tmp_path / "empty")
    assert "no case has two submitted readings" in refused(
        "report", tmp_path / "empty", "--out", tmp_path / "empty.html"
    )
    assert not (tmp_path / "empty.html").exists()

"""``annotator simulate`` makes a project that every other command can use, and tells the truth."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.phantoms import SCENARIOS, simulate_study
from tests.e2e.command_line import annotator, must, refused
from tests.exports import load_nifti

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A small project of simulated readings, and what was told of it."""
    project = tmp_path_factory.mktemp("simulate") / "trial"
    return project, must("simulate", project, "--cases", 2, "--seed", 5, "--scenario", "spammers")


def test_the_readings_and_the_truth_are_those_of_the_study(
    made: tuple[Path, dict[str, Any]],
) -> None:
    project, told = made
    study = simulate_study("spammers", n_cases=2, seed=5)
    kept = json.loads((project / "truth" / "truth.json").read_text(encoding="utf-8"))
    assert kept.items() <= told.items()
    assert [rater["planted"]["is_spammer"] for rater in kept["raters"]] == [False] * 3 + [True] * 2
    for row, case in zip(kept["cases"], study.cases, strict=True):
        mask = np.asanyarray(load_nifti(project / "truth" / row["file"]).dataobj).T
        assert (mask == case.phantom.truth).all()
        assert row["diseased"] == ("yes" if case.phantom.is_diseased else "no")
        assert row["difficulty"] == case.difficulty


def test_the_project_can_be_used(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    project, told = made
    listed = must("list", project)
    assert [case["title"] for case in listed["cases"]] == ["case-001", "case-002"]
    assert all("simulated" in rater["name"] for rater in listed["raters"])
    assert all(rater["n_assigned"] == rater["n_readings"] == 2 for rater in listed["raters"])
    assert all("no patient" in case["notes"][0] for case in listed["cases"])
    study = simulate_study("spammers", n_cases=2, seed=5)
    for row, case in zip(listed["cases"], study.cases, strict=True):
        answers = {entry["rater"]: entry["diagnosis"]["diseased"] for entry in row["readings"]}
        names = [rater["name"] for rater in told["raters"]]
        assert [answers[name] == "yes" for name in names] == list(case.answers)
    assert must("verify", project)["ok"]
    assert len(must("fuse", project, "--out", tmp_path)["fusions"]) == 2


def test_what_cannot_be_made_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    project = tmp_path / "none"
    assert "did you mean 'spammers'" in refused("simulate", project, "--scenario", "spamers")
    assert "at least 2 raters" in refused("simulate", project, "--raters", 1)
    assert "at least one case" in refused("simulate", project, "--cases", 0)
    assert "directory" in refused("simulate", "postgresql+psycopg://a:b@c/d")
    assert not project.exists()


def test_a_project_is_never_written_over(made: tuple[Path, dict[str, Any]]) -> None:
    before = (made[0] / "truth" / "truth.json").read_bytes()
    refused("simulate", made[0], "--cases", 1)
    assert (made[0] / "truth" / "truth.json").read_bytes() == before


def test_help_names_every_scenario() -> None:
    page = annotator("simulate", "--help").out
    assert all(scenario.name in " ".join(page.split()) for scenario in SCENARIOS)

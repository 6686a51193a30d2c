"""A project of tracings by the command line: import, add, look through, report, export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.tracing.swc_writing import write_swc
from annotator.analysis.tracing.tree import make_tree
from tests.e2e.command_line import annotator, must, write_volume
from tests.e2e.test_cli_docs import _documented, _paths

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with one traced case that an automatic tracer has traced in voxels."""
    place = tmp_path_factory.mktemp("traced")
    must("new", place / "project")
    voxels = np.zeros((8, 40, 60), np.int16)
    voxels[4, 20, 5:55] = 200
    cell = write_volume(place / "Cell.nii.gz", voxels)
    imported = must("import", place / "project", "--reads", "tracing", cell)
    assert [case["reads"] for case in imported["cases"]] == ["tracing"]
    trunk = np.stack([np.arange(5.0, 55.0), np.full(50, 20.0), np.full(50, 4.0)], axis=1)
    zigzag = trunk[::2] + np.where(np.arange(25) % 2, 3.0, 0.0)[:, None] * [0.0, 1.0, 0.0]
    for name, points in (("trunk", trunk), ("zigzag", zigzag)):
        tree = make_tree(points, np.arange(-1, len(points) - 1))
        (place / f"{name}.swc").write_bytes(write_swc(tree))
    for name, file in (("Auto", "trunk.swc"), ("Auto 2", "zigzag.swc")):
        add(place / "project", name, file)
    must("add-rater", place / "project", "Rita")
    return place / "project"


def add(project: Path, rater: str, file: str) -> dict[str, Any]:
    """Add a tracing in voxels; the same again is the one that exists."""
    words = ("--unit", "voxel", "--automatic")
    return must("add-tracing", project, "Cell", rater, project.parent / file, *words)


def test_the_way_of_a_tracing(project: Path, tmp_path: Path) -> None:
    added = add(project, "Auto", "trunk.swc")
    assert set(_paths(added)) == _documented("add-tracing")
    assert (added["unit"], added["n_nodes"], added["revision"]) == ("voxel", 50, 1)
    found = must("trace-findings", project)
    answered = {path for path in _paths(found) if not path.endswith("[]")}
    documented = {one for one in _documented("trace-findings") if not one.startswith("skipped[]")}
    assert answered == documented
    assert found["cases"][0]["places"]
    told = must("trace-report", project, "--out", tmp_path / "report.html")
    assert set(_paths(told)) == _documented("trace-report")
    assert "Not signed off" in (tmp_path / "report.html").read_text(encoding="utf-8")
    exported = must("export", project, tmp_path / "out", "--format", "swc")
    assert {entry["name"] for entry in exported["files"]} == {
        "Cell_reading-Auto.swc",
        "Cell_reading-Auto-2.swc",
        "Cell_findings.csv",
    }
    words = ("--reviewer", "Rita", "--base", "Auto 2")
    places = must("trace-findings", project, "--base", "Auto 2")["cases"][0]["places"]
    assert places
    outcome = annotator("trace-sign-off", project, "Cell", *words)
    assert "have no verdict yet" in outcome.err
    for number, place_found in enumerate(places):
        verdict = ("cut", "--node", 20) if number == 0 else ("uncertain",)
        decided = must(
            "trace-decide", project, "Cell", place_found["place"], *verdict, *words,
            "--reason", "other",
        )  # fmt: skip
    assert set(_paths(decided)) >= _documented("trace-decide")
    assert (decided["left"], decided["n_nodes"]) == ([], 19)
    signed = must("trace-sign-off", project, "Cell", *words)
    assert set(_paths(signed)) >= _documented("trace-sign-off")
    assert len(signed["look_again"]) == len(places) - 1
    listed = must("list", project)
    assert listed["cases"][0]["is_signed_off"]
    assert listed["cases"][0]["n_readings"] == 2
    assert must("verify", project)["ok"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("findings", "{project}", "Cell"), "neurons are traced"),
        (("add-tracing", "{project}", "Cell", "Nobody", "{place}/trunk.swc"), "no rater 'Nobody'"),
        (("add-tracing", "{project}", "Cell", "Auto", "{place}/Cell.nii.gz"), "packed by gzip"),
        (("add-tracing", "{project}", "Cell", "Auto", "{place}/none.swc"), "No such file"),
        (("trace-findings", "{project}", "Cell", "--base", "Nobody"), "Nobody"),
        (("learn-traces", "{project}", "--detector", "none"), "no trace detector 'none'"),
        (
            (
                "trace-decide",
                "{project}",
                "Cell",
                "1",
                "keep",
                "--reviewer",
                "Auto",
                "--reason",
                "right",
            ),
            "only a person can review",
        ),
        (
            (
                "trace-decide",
                "{project}",
                "Cell",
                "1",
                "take",
                "--reviewer",
                "Rita",
                "--reason",
                "missed",
                "--take",
                "Auot",
            ),
            "did you mean 'Auto'",
        ),
    ],
)
def test_what_cannot_be_is_told(project: Path, words: tuple[str, ...], told: str) -> None:
    filled = [word.format(project=project, place=project.parent) for word in words]
    outcome = annotator(*filled)
    assert outcome.code == 1
    assert told in outcome.err

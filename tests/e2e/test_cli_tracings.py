"""A project of tracings by the command line: import, add, look through, report, export."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    return place / "project"


def test_the_way_of_a_tracing(project: Path, tmp_path: Path) -> None:
    place = project.parent
    added = must(
        "add-tracing", project, "Cell", "Auto", place / "trunk.swc", "--unit", "voxel",
        "--automatic",
    )  # fmt: skip
    assert set(_paths(added)) == _documented("add-tracing")
    assert (added["unit"], added["n_nodes"]) == ("voxel", 50)
    must(
        "add-tracing", project, "Cell", "Auto 2", place / "zigzag.swc", "--unit", "voxel",
        "--automatic",
    )  # fmt: skip
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
    listed = must("list", project)
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
    ],
)
def test_what_cannot_be_is_told(project: Path, words: tuple[str, ...], told: str) -> None:
    filled = [word.format(project=project, place=project.parent) for word in words]
    outcome = annotator(*filled)
    assert outcome.code == 1
    assert told in outcome.err

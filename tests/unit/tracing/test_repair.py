"""Repairs of tracings do what they are asked for and nothing else; the command over them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from annotator.analysis.tracing.checks import STRUCTURE_CHECKS, check_file
from annotator.analysis.tracing.repair import REPAIRS, offers, repair
from annotator.analysis.tracing.swc import read_swc
from annotator.analysis.tracing.swc_writing import write_swc
from annotator.cli import main
from annotator.domain.errors import UnknownNameError

pytestmark = pytest.mark.unit

TRUNK = "1 1 0 0 0 2 -1\n" + "".join(f"{i} 3 {i} 0 0 0.5 {i - 1}\n" for i in range(2, 41))


def mended(text: str, *names: str) -> str:
    file = read_swc(text.encode())
    findings = check_file(file, names=STRUCTURE_CHECKS)
    tree = repair(file.tree, findings, names)
    return write_swc(tree, file, corrects_lines="rewrite-fields" in names).decode()


@pytest.mark.parametrize(
    ("old", "new", "name", "becomes"),
    [
        ("20 3 20 0 0 0.5 19", "20 3 20 0 0 0.5 30 # x", "cut-loops", "20 3 20 0 0 0.5 -1 # x"),
        ("20 3 20 0 0 0.5 19", "20 3 20 nan 0 0.5 19 7", "fill-places", "20 3 20 0 0 0.5 19 7"),
        ("20 3 20 0 0 0.5 19", "20 3 20 0 0 0 19", "fill-radii", "20 3 20 0 0 0.5 19"),
        ("20 3 20 0 0 0.5 19", "20 3 20 0 0 0.5 99", "rewrite-fields", "20 3 20 0 0 0.5 -1"),
        ("20 3 20 0 0 0.5 19", "20 3 20 0 0 wide 19", "rewrite-fields", "20 3 20 0 0 nan 19"),
        ("40 3 40 0 0 0.5 39", "39 3 40 0 0 0.5 39", "rewrite-fields", "40 3 40 0 0 0.5 39"),
    ],
)
def test_a_repair_changes_the_line_that_is_wrong(
    old: str, new: str, name: str, becomes: str
) -> None:
    assert mended(TRUNK.replace(old, new)) == TRUNK.replace(old, new)
    assert mended(TRUNK.replace(old, new), name) == TRUNK.replace(old, becomes)


def test_nodes_are_left_out_and_their_children_hang_on_what_is_left() -> None:
    doubled = TRUNK.replace("20 3 20 0 0 0.5 19", "20 3 19 0 0 0.5 19")
    without = TRUNK.replace("20 3 20 0 0 0.5 19\n", "").replace("0.5 20\n", "0.5 19\n")
    assert mended(doubled, "drop-repeated") == without
    assert mended(TRUNK + "# a twig\n41 3 20 0.2 0 0.5 20\n", "drop-spurs") == TRUNK + "# a twig\n"


def test_parts_are_joined_where_their_roots_lie_on_a_node() -> None:
    more = "41 3 20 0 0 0.5 -1\n42 3 20 1 0 0.5 41\n"
    assert mended(TRUNK + more, "join-roots") == TRUNK + more.replace("0.5 -1", "0.5 20")
    elsewhere = more.replace("3 20 0", "3 20 9")
    assert mended(TRUNK + elsewhere, "join-roots") == TRUNK + elsewhere


def test_lines_are_sorted_with_the_comments_before_them() -> None:
    text = "# a\n3 3 2 0 0 .5 2\n2 3 1 0 0 .5 1\n1 1 0 0 0 1 -1\n"
    assert mended(text, "sort") == "# a\n1 1 0 0 0 1 -1\n2 3 1 0 0 .5 1\n3 3 2 0 0 .5 2\n"


def test_repairs_are_offered_for_findings_only() -> None:
    file = read_swc(TRUNK.replace("20 3 20 0 0 0.5 19", "20 3 20 0 0 0 30").encode())
    offered = offers(check_file(file, names=STRUCTURE_CHECKS))
    assert [(offer.name, offer.n_findings) for offer in offered] == [
        ("cut-loops", 1),
        ("fill-radii", 1),
        ("sort", 1),
    ]
    with pytest.raises(UnknownNameError, match="did you mean 'sort'"):
        repair(file.tree, (), ["srot"])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_the_command_checks_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.swc", tmp_path / "bad.swc"
    good.write_text("# SCALE 1 1 1\n" + TRUNK)
    bad.write_text(TRUNK.replace("20 3 20 0 0 0.5 19", "20 3 20 nan 0 0.5 19"))
    assert main(["check-traces", str(good), "--json"]) == 0
    (document,) = told(capsys)["files"]
    assert document["n_nodes"] == 40
    assert document["header"] == {"SCALE": "1 1 1"}
    assert main(["check-traces", str(good), str(bad)]) == 1
    shown = capsys.readouterr().out
    assert "error not-finite: line 20, node 20" in shown
    assert "can be repaired: fill-places (1)" in shown
    out = tmp_path / "out.swc"
    assert main(["check-traces", str(bad), "--repair", str(out), "--json"]) == 1
    (document,) = told(capsys)["files"]
    assert document["findings"][0]["point_um"][1] is None
    assert document["repaired"]["repairs"] == ["fill-places"]
    assert out.read_text() == TRUNK
    page = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text(encoding="utf-8")
    section = page.split("## `annotator check-traces`\n")[1].split("\n## ")[0]
    inner = {f"{name}[].{key}" for name in ("findings", "repairs") for key in document[name][0]} | {
        f"repaired.{key}" for key in document["repaired"]
    }
    keys = {"files", *(f"files[].{key}" for key in {*document, *inner})}
    assert set(re.findall(r"(?m)^\| `([^`]+)` \|", section)) == keys
    assert all(f"`{name}`" in section for name in REPAIRS)


def test_the_command_takes_units_and_an_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, image = tmp_path / "a.swc", tmp_path / "a.tif"
    path.write_text(TRUNK)
    assert main(["check-traces", str(path), "--spacing", "0.5,0.5,2", "--json"]) == 0
    (document,) = told(capsys)["files"]
    assert document["unit"] == "voxel"
    assert document["cable_um"] == pytest.approx(20.0)
    voxels = np.zeros((5, 9, 60), np.uint8)
    voxels[0:2, 0:2, :42] = 200
    tifffile.imwrite(image, voxels, metadata={"axes": "ZYX"})
    code = main(["check-traces", str(path), "--image", str(image), "--json"])
    (document,) = told(capsys)["files"]
    assert document["unit"] in ("um", "voxel")
    assert code == int(any(one["severity"] == "error" for one in document["findings"]))


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--spacing", "1,2"], "--spacing takes X,Y,Z"),
        (["--spacing", "1,2,0"], "three numbers above 0"),
        (["--unit", "voxel"], "needs the size of a voxel"),
        (["--fix", "sort"], "--repair OUT.swc"),
        (["--repair", "x.swc", "--fix", "srot"], "did you mean 'sort'"),
        (["--image", "nowhere.tif"], "there is no file"),
        (["other.swc"], "there is no file"),
    ],
)
def test_the_command_says_what_it_cannot_do(
    words: list[str], answer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.swc"
    path.write_text(TRUNK)
    assert main(["check-traces", str(path), *words]) == 1
    assert answer in capsys.readouterr().err


def test_every_repair_answers_a_check() -> None:
    assert all(repair.checks and repair.title for repair in REPAIRS.values())

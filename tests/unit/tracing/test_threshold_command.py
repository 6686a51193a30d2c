"""Thresholds from trusted tracings, by the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from annotator.analysis.tracing.thresholds import DEFAULT_THRESHOLDS, thresholds_from_json
from annotator.cli import main
from annotator.cli.tracing_thresholds import read_thresholds
from annotator.domain.errors import AnnotatorError, UnknownNameError
from tests.unit.tracing.tube_images import draw_tubes, straight

pytestmark = pytest.mark.unit


@pytest.fixture
def swc(tmp_path: Path) -> Path:
    """Write a path that lies 4 µm deep, beside its projection."""
    rows = [f"{k + 1} 3 {5 + 2 * k} 20 4 1 {k if k else -1}" for k in range(30)]
    path = tmp_path / "cell.swc"
    path.write_text("\n".join(rows) + "\n")
    image = draw_tubes([straight((5, 20, 0), (63, 20, 0), 200)], (1, 40, 70), noise=3.0)
    tifffile.imwrite(tmp_path / "cell.tif", np.asarray(image.voxels[0]))
    return path


def test_thresholds_are_written_and_explained(
    swc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = swc.with_name("own.json")
    image = swc.with_suffix(".tif")
    given = ["calibrate-traces", str(swc), "--images", str(image), "--output", str(out)]
    assert main([*given, "--quantile", "0.95", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    thresholds = thresholds_from_json(out.read_text())
    assert document["thresholds"]["offset_um"] == thresholds.offset_um
    assert thresholds.offset_um < DEFAULT_THRESHOLDS.offset_um
    changed = {change["name"]: change for change in document["changes"]}
    assert "95 % of 29 in 1 trees lie below" in changed["offset_um"]["why"]
    assert changed["turn_deg"]["after"] == DEFAULT_THRESHOLDS.turn_deg
    assert read_thresholds(str(out)) == thresholds
    page = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text(encoding="utf-8")
    section = page.split("## `annotator calibrate-traces`\n")[1].split("\n## ")[0]
    keys = set(re.findall(r"(?m)^\| `([^`]+)` \|", section))
    assert keys == {
        "output",
        "thresholds",
        "changes",
        *(f"changes[].{key}" for key in changed["dip"]),
    }


def test_what_is_wrong_is_said(swc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate-traces", str(swc), "--output", str(swc)]) == 1
    assert "is one of the tracings" in capsys.readouterr().err
    assert main(["calibrate-traces", str(swc), "--images", "a.tif", "b.tif"]) == 1
    assert "one for each" in capsys.readouterr().err
    assert main(["calibrate-traces", "nowhere.swc"]) == 1
    assert "there is no file" in capsys.readouterr().err
    with pytest.raises(UnknownNameError, match="lenient"):
        read_thresholds("lenien")
    with pytest.raises(AnnotatorError, match=r"cell\.swc: .*not JSON"):
        read_thresholds(str(swc))

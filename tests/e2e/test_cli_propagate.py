from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.command_line import must, refused

pytestmark = pytest.mark.e2e

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")


def test_a_case_is_propagated_and_told_as_documented(tmp_path: Path) -> None:
    made = tmp_path / "made"
    must("simulate", made, "--cases", 2)
    cases = must("list", made)["cases"]
    first, second = (case["title"] for case in cases)
    rater = cases[0]["readings"][0]["rater"]
    assert "say whose reading" in refused("propagate", made, first)
    found = must("propagate", made, first, "--to", second, "--rater", rater, "--set", "rounds=5")
    section = PAGE.split("## `annotator propagate`\n")[1].split("\n## ")[0]
    documented = set(re.findall(r"(?m)^\| `([^`]+)` \|", section))
    (reading,) = found["readings"]
    answered = {*found, *(f"readings[].{key}" for key in reading)}
    assert answered == {key for key in documented if not key.startswith("skipped[]")}
    raters = {entry["name"]: entry["is_model"] for entry in must("list", made)["raters"]}
    assert raters[found["reader"]]

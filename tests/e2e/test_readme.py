"""Every command of README.md is run; the keys that the user guide names are those of the window."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.gui.action_table import ACTIONS
from tests.e2e.command_line import SHAPE, annotator, box_mask, must, write_volume
from tests.e2e.readme import BLOCKS, COMMANDS, MAKE, PIP, PROGRAM, ROOT, run
from tests.exports import load_nifti

if TYPE_CHECKING:
    from pathlib import Path

    pass

pytestmark = pytest.mark.e2e

MADE_BY_TESTS = {"test", "wheel"}
"""Targets whose recipes are run elsewhere in this suite, or are the suite."""
GESTURES = {"Alt", "Shift+Enter", "Backspace", "Ctrl", "Enter", "Shift", "Space"}
"""Keys of the guide that belong to a gesture on the canvas and are no actions."""


def test_every_command_is_run_here() -> None:
    assert [language for language, _ in BLOCKS] == ["sh"] * len(BLOCKS)
    assert [line for line in COMMANDS if line not in (*MAKE, *PIP, *PROGRAM)] == []
    assert MAKE
    assert PIP
    assert PROGRAM


@pytest.mark.parametrize("line", MAKE)
def test_make_target_exists(line: str) -> None:
    _, target = shlex.split(line, comments=True)
    recipe = run(f"make --dry-run {target}", ROOT)
    assert recipe
    if target == "run":  # what it runs has a test of its own
        assert "-m annotator demo" in recipe
        assert (ROOT / "tests" / "e2e" / "test_demo.py").is_file()
    else:
        assert target in MADE_BY_TESTS
    if target == "test":
        assert "\npart test\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_main_job_from_start_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first command and the last, which opens the window, by the shell; the rest in here."""
    rng = np.random.default_rng(7)
    write_volume(tmp_path / "chest.nii.gz", rng.integers(-900, 200, SHAPE, np.int16))
    write_volume(tmp_path / "abe.nii.gz", box_mask(4, 12, 2))
    write_volume(tmp_path / "baum.nii.gz", box_mask(7, 12, 2))
    monkeypatch.chdir(tmp_path)
    told = run(PROGRAM[0], tmp_path)
    for line in PROGRAM[1:-1]:
        outcome = annotator(*shlex.split(line, comments=True)[1:])
        assert outcome.code == 0, (line, outcome)
        told += outcome.out
    run(PROGRAM[-1], tmp_path, {"ANNOTATOR_QUIT_AFTER_MS": "500"})
    assert "The project is sound" in told
    fused = load_nifti(tmp_path / "fused" / "chest_staple_labels.nii.gz")
    assert set(np.unique(np.asanyarray(fused.dataobj))) == {0, 2}
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"chest_reading-Abe_labels.nii.gz", "chest_reading-Baum_labels.nii.gz"} <= names
    (case,) = must("findings", tmp_path / "lungs")["cases"]
    assert case["findings"]
    assert case["diagnosis_disputed"]


def test_keys_of_the_user_guide_are_those_of_the_window() -> None:
    guide = (ROOT / "docs" / "user-guide.md").read_text(encoding="utf-8")
    known = {key.casefold() for action in ACTIONS for key in action.shortcut}
    key = r"(?:(?:Ctrl|Shift|Alt)\+)*(?:[A-Z0-9+\[\]-]|F\d+|[A-Z][a-z]+)"
    named = set(re.findall(rf"`({key})`", guide))
    assert len(named) > 40
    assert {name for name in named if name.casefold() not in known} <= GESTURES

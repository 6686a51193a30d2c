"""Each import contract holds, and a planted violation of each is caught."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = {entry["id"]: entry for entry in SETTINGS["tool"]["importlinter"]["contracts"]}

# Contract: the file a violation is planted in, and the import.
PLANTED = {
    "layers": ("annotator/analysis/runs.py", "import annotator.session.session"),
    "store-knows-runs-only": ("annotator/store/places.py", "import annotator.analysis.votes"),
    "no-qt-below-the-window": ("annotator/session/session.py", "import qtpy.QtCore"),
    "napari-in-one-file": ("annotator/gui/theme.py", "import napari.layers"),
    "qt-through-qtpy": ("annotator/gui/theme.py", "from PySide6 import QtCore"),
    "heavy-readers-in-plugins": ("annotator/jobs/run.py", "import SimpleITK"),
    "sql-in-the-store": ("annotator/session/session.py", "import sqlalchemy"),
    "core-without-its-plugins": ("annotator/registry.py", "import annotator_builtins.majority"),
    "plugins-through-the-door": (
        "plugins/annotator_builtins/majority.py",
        "import annotator.store",
    ),
    "napari-plugin-above-the-engine": (
        "plugins/annotator_napari/__init__.py",
        "import annotator.store",
    ),
    "facts-are-plain": ("annotator/domain/geometry.py", "import numpy"),
    "pure-numerics": ("annotator/drawing/edit.py", "import pydantic"),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the sources that a test may spoil."""
    copy = tmp_path_factory.mktemp("tree")
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "annotator", copy / "annotator", ignore=skipped)
    for plugin in (
        "annotator_builtins",
        "annotator_napari",
        "annotator_networks",
        "annotator_recipes",
    ):
        shutil.copytree(ROOT / "plugins" / plugin, copy / "plugins" / plugin, ignore=skipped)
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def lint(tree: Path, *contracts: str) -> tuple[int, str]:
    """Check contracts of a tree, or all; return the exit code and what was printed."""
    program = (
        "import importlib.machinery, sys; from importlinter.cli import lint_imports;"
        f"sys.exit(lint_imports(limit_to_contracts={contracts!r}, no_cache=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        cwd=tree,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tree), str(tree / "plugins")])},
    )
    return done.returncode, done.stdout + done.stderr


def test_every_contract_has_a_planted_violation() -> None:
    assert set(PLANTED) == set(CONTRACTS)


def test_every_contract_holds(tree: Path) -> None:
    code, printed = lint(tree)
    assert code == 0, printed
    words = " ".join(printed.split())
    for contract in CONTRACTS.values():
        assert f"{contract['name']} KEPT" in words


@pytest.mark.parametrize("contract", sorted(PLANTED))
def test_catches_a_planted_violation(contract: str, tree: Path) -> None:
    path, statement = PLANTED[contract]
    spoiled = tree / path
    sound = spoiled.read_text(encoding="utf-8")
    spoiled.write_text(f"{sound}\n{statement}\n", encoding="utf-8")
    try:
        code, printed = lint(tree, contract)
    finally:
        spoiled.write_text(sound, encoding="utf-8")
    assert code == 1, printed
    assert f"{CONTRACTS[contract]['name']} BROKEN" in " ".join(printed.split())
    assert statement.split()[1].split(".")[0] in printed

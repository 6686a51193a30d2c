"""The example plugin: installed as an author would, found by the registry, passing its test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "plugins" / "example_plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the example plugin installed into it, as a distribution."""
    source = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("source") / "example_plugin")
    target = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)],
        check=True,
        capture_output=True,
    )
    return target


def run(installed: Path, *arguments: str) -> str:
    """Run Python with the plugin on its path and return what it printed."""
    path = os.pathsep.join([str(installed), str(ROOT), str(ROOT / "plugins")])
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        cwd=installed,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_registry_finds_the_installed_plugin(installed: Path) -> None:
    program = (
        "import json; from annotator.registry import Registry; registry = Registry.load();"
        "method = registry.fusion_method('intersection');"
        "print(json.dumps([method.title, list(method.parameters.model_fields)]))"
    )
    assert json.loads(run(installed, "-c", program)) == ["Intersection", ["may_miss"]]


def test_its_own_test_passes(installed: Path) -> None:
    test = EXAMPLE / "test_intersection.py"
    alone = ["-p", "no:cacheprovider", "-p", "no:napari", "-p", "no:npe2"]
    printed = run(installed, "-m", "pytest", "-q", *alone, "-c", os.devnull, str(test))
    assert "2 passed" in printed


def test_it_is_short() -> None:
    lines = (EXAMPLE / "annotator_intersection.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 65

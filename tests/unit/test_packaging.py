"""What is in the wheel, and what installing it asks for."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = target.glob("*.whl")
    return zipfile.ZipFile(path)


def base_requirements(wheel: zipfile.ZipFile) -> set[str]:
    (name,) = (entry for entry in wheel.namelist() if entry.endswith(".dist-info/METADATA"))
    headers = HeaderParser().parsestr(wheel.read(name).decode())
    found = [Requirement(line) for line in headers.get_all("Requires-Dist") or []]
    return {
        entry.name.lower()
        for entry in found
        if entry.marker is None or entry.marker.evaluate({"extra": ""})
    }


def test_holds_the_program_and_its_plugins(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for package in ("annotator", "annotator_builtins", "annotator_napari", "annotator_recipes"):
        assert f"{package}/__init__.py" in names
    assert "annotator_napari/napari.yaml" in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "annotator",
        "annotator_builtins",
        "annotator_napari",
    }


def test_holds_every_resource(wheel: zipfile.ZipFile) -> None:
    wanted = {
        f"annotator/resources/{path.relative_to(ROOT / 'resources').as_posix()}"
        for path in (ROOT / "resources").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted
    assert wanted <= set(wheel.namelist())


def test_holds_licence_and_entry_points(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    (points,) = (name for name in names if name.endswith(".dist-info/entry_points.txt"))
    text = wheel.read(points).decode()
    for group in ("[annotator.plugins]", "[napari.manifest]", "[console_scripts]"):
        assert group in text


def test_base_install_pins_no_qt_and_no_napari(wheel: zipfile.ZipFile) -> None:
    asked = base_requirements(wheel)
    assert "numpy" in asked
    assert not asked & {"napari", "vispy", "pyside6", "pyside6-essentials", "pyqt5", "pyqt6"}


def test_wheel_stays_small(wheel: zipfile.ZipFile) -> None:
    assert sum(entry.compress_size for entry in wheel.infolist()) < 8_000_000

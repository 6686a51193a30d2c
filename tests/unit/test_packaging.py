"""What is in the wheel, and what installing it asks for."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from hatch_build import SOURCES, compile_kernels, find_compiler, library_name

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "annotator",
    "annotator_builtins",
    "annotator_napari",
    "annotator_networks",
    "annotator_recipes",
}


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
    for package in PACKAGES:
        assert f"{package}/__init__.py" in names
    assert "annotator_napari/napari.yaml" in names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


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


def test_holds_the_kernels_where_there_is_a_compiler(wheel: zipfile.ZipFile) -> None:
    libraries = [name for name in wheel.namelist() if "/_kernels." in name]
    tag = Path(wheel.filename or "").stem.split("-", 2)[2]
    if find_compiler() is None:
        assert not libraries
        assert tag == "py3-none-any"
        return
    assert libraries == [f"annotator/analysis/{library_name()}"]
    assert tag.startswith("py3-none-")
    assert not tag.endswith("-any")


def test_builds_without_a_compiler(tmp_path: Path) -> None:
    for name in ("annotator", "plugins", "resources"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "_kernels.*")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE", "hatch_build.py"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "", "CC": "", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no C compiler was found" in done.stdout + done.stderr
    (path,) = (tmp_path / "dist").glob("*.whl")
    assert path.name.endswith("-py3-none-any.whl")


def test_a_compiler_that_fails_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / SOURCES[0]
    source.parent.mkdir(parents=True)
    source.write_text("no C at all")
    if find_compiler() is None:
        pytest.skip("no C compiler here")
    left_over = source.with_name(library_name())
    left_over.write_bytes(b"of an older source")
    assert compile_kernels(tmp_path) is None
    assert not left_over.exists()
    assert "failed" in capsys.readouterr().err
    monkeypatch.setenv("CC", str(tmp_path / "nothing"))
    monkeypatch.setenv("PATH", "")
    assert compile_kernels(tmp_path) is None
    assert "no C compiler" in capsys.readouterr().err


def test_wheel_stays_small(wheel: zipfile.ZipFile) -> None:
    assert sum(entry.compress_size for entry in wheel.infolist()) < 8_000_000

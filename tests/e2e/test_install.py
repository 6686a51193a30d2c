"""What is in the wheel, what installing it asks for, and that it starts from an empty home."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from hatch_build import find_compiler, library_name
from tests.e2e.readme import PIP, ROOT, run

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

PACKAGES = {
    "annotator",
    "annotator_builtins",
    "annotator_napari",
    "annotator_networks",
    "annotator_recipes",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that the recipe of `make wheel` makes."""
    target = tmp_path_factory.mktemp("dist")
    recipe = run("make --dry-run wheel", ROOT).splitlines()[-1]
    _, *words = shlex.split(recipe)
    run(shlex.join(["python", *words, "--outdir", str(target)]), ROOT)
    (path,) = target.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(built: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(built) as opened:
        yield opened


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


def test_wheel_stays_small(wheel: zipfile.ZipFile) -> None:
    assert sum(entry.compress_size for entry in wheel.infolist()) < 8_000_000


def test_wheel_is_what_pip_is_given(built: Path, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / built.name).symlink_to(built)
    offline = 'pip() { python -m pip "$@" --quiet --dry-run --no-deps --no-index; }\n'
    run(offline + "\n".join(PIP), tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="the installer is for Linux")
def test_installs_into_an_empty_home_and_starts(built: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    # What annotator depends on is lent by the environment of the tests, so that no network is
    # needed; annotator itself is in it as a link only, which a path entry does not follow.
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "ANNOTATOR_PYTHON": sys.executable,
        "ANNOTATOR_EXTRAS": "",
    }
    installer = ROOT / "installers" / "linux" / "install.sh"

    def call(*command: str) -> str:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment, cwd=home
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    for _ in range(2):  # installing again replaces what was there
        call(str(installer), str(built), "--no-deps", "--no-index")
    command = home / ".local" / "bin" / "annotator"
    assert "usage: annotator" in call(str(command), "--help")
    prefix = home / ".local" / "share" / "annotator-program"
    where = call(
        str(prefix / "venv" / "bin" / "python"), "-c", "import annotator; print(annotator.__file__)"
    )
    assert Path(where.strip()).is_relative_to(prefix)
    entry = (home / ".local" / "share" / "applications" / "annotator.desktop").read_text("utf-8")
    lines = dict(line.split("=", 1) for line in entry.splitlines() if "=" in line)
    assert Path(lines["Exec"]).is_file()
    assert Path(lines["Icon"]).is_file()
    assert "@" not in entry

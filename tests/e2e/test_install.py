"""The installer puts the wheel into an empty home, and what it installed starts."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="the installer is for Linux")
def test_installs_into_an_empty_home_and_starts(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    (wheel,) = tmp_path.glob("*.whl")
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

    def run(*command: str) -> str:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment, cwd=home
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    for _ in range(2):  # installing again replaces what was there
        run(str(installer), str(wheel), "--no-deps", "--no-index")
    command = home / ".local" / "bin" / "annotator"
    assert "usage: annotator" in run(str(command), "--help")
    prefix = home / ".local" / "share" / "annotator-program"
    where = run(
        str(prefix / "venv" / "bin" / "python"), "-c", "import annotator; print(annotator.__file__)"
    )
    assert Path(where.strip()).is_relative_to(prefix)
    entry = (home / ".local" / "share" / "applications" / "annotator.desktop").read_text("utf-8")
    lines = dict(line.split("=", 1) for line in entry.splitlines() if "=" in line)
    assert Path(lines["Exec"]).is_file()
    assert Path(lines["Icon"]).is_file()
    assert "@" not in entry

"""The wheel is built where there is no compiler too, or one that fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hatch_build import SOURCES, compile_kernels, find_compiler, library_name

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


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

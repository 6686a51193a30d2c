"""The commands of README.md, and a shell to run them in."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", README)
COMMANDS = [line for _, block in BLOCKS for line in block.splitlines() if shlex.split(line, True)]
MAKE = [line for line in COMMANDS if line.startswith("make ")]
PIP = [line for line in COMMANDS if line.startswith("pip install ")]
PROGRAM = [line for line in COMMANDS if line.startswith("annotator ")]


def run(script: str, directory: Path, more: Mapping[str, str] | None = None) -> str:
    """Run a shell script as a reader would, with this environment's programs; it has to succeed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        cwd=directory,
        env=kept | {"PATH": path} | dict(more or {}),
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout

"""The sample project: built, then shown in the window, or worked through where nobody looks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from annotator.demo.display import has_display, work_through
from annotator.demo.project import build_sample_project, is_project
from annotator.domain.errors import AnnotatorError

__all__ = ["build_sample_project", "run"]


def run(directory: Path | None = None, *, as_json: bool = False) -> int:
    """Build the sample project and open the window on it; return the exit code.

    Without a display a short session is worked through under a virtual one, by mouse and keys;
    its screenshots and exports are left in the project's directory, which is printed.
    """
    place = (directory or _fresh_directory(Path.cwd())).absolute()
    if not is_project(place):
        build_sample_project(place, _say)
    document: dict[str, object] = {"project": str(place)}
    code = 0
    if has_display():
        _tell(f"The sample project is in {place}")
        from annotator.gui.app import run as open_window

        code = open_window(str(place), build_demo=build_sample_project)
    else:
        _tell("There is no display: working through a short session under a virtual one.")
        document |= work_through(place, _tell)
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    elif not has_display():
        sys.stdout.write(
            f"Screenshots of each step: {place / 'screenshots'}\n"
            f"What was exported:        {place / 'export'}\n"
            f"The sample project:       {place}\n"
        )
    return code


def _fresh_directory(parent: Path) -> Path:
    """Return a directory that does not exist yet."""
    for number in range(1, 1000):
        found = parent / ("annotator-demo" if number == 1 else f"annotator-demo-{number}")
        if not found.exists():
            return found
    raise AnnotatorError(f"{parent} holds 999 demos; name a directory: annotator demo DIR")


def _say(fraction: float, message: str) -> None:
    _tell(f"{fraction:4.0%}  {message}")


def _tell(words: str) -> None:
    """Tell a person what goes on, apart from what the program answers."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()

"""The command line in this process, and a small project to use it on."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK

from annotator.cli import main

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (6, 24, 20)
SPACING_MM = (3.0, 1.0, 0.8)
ORIGIN_MM = (-12.5, 40.0, 7.25)
DIRECTION = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)
"""Oblique, so that an axis or a sign in the wrong place shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command left: exit code, output, complaints."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document of the output."""
        content: dict[str, Any] = json.loads(self.out)
        return content


def annotator(*words: object) -> Outcome:
    """Run a command and return its outcome; a traceback anywhere fails."""
    out, err = io.StringIO(), io.StringIO()
    told = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with warnings.catch_warnings(), told[0], told[1]:
        code = main([str(word) for word in words])
    outcome = Outcome(code=code, out=out.getvalue(), err=err.getvalue())
    assert "Traceback" not in outcome.out + outcome.err
    return outcome


def must(*words: object) -> dict[str, Any]:
    """Run a command with ``--json`` that has to go well; return its document."""
    outcome = annotator(*words, "--json")
    assert outcome.code == 0, (words, outcome)
    assert outcome.err == ""
    return outcome.document


def refused(*words: object, code: int = 1) -> str:
    """Run a command that has to fail, both ways; return what it says."""
    plain = annotator(*words)
    assert plain.code == code, (words, plain)
    assert plain.err.startswith("annotator: ")
    assert plain.err.count("\n") == 1, plain.err
    told = annotator(*words, "--json")
    assert told.code == code
    assert told.err == ""
    message: str = told.document["error"]
    assert message
    return message


def write_volume(path: Path, voxels: NDArray[Any]) -> Path:
    """Write an array ``(z, y, x)`` on the grid of these tests."""
    image: Any = SimpleITK.GetImageFromArray(voxels)
    image.SetSpacing(SPACING_MM[::-1])
    image.SetOrigin(ORIGIN_MM)
    image.SetDirection(DIRECTION)
    SimpleITK.WriteImage(image, str(path))
    return path


def box_mask(first: int, last: int, value: int = 1) -> NDArray[np.uint8]:
    """Return a mask with a box between two columns."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:5, 6:18, first:last] = value
    return mask


def project_with_readings(directory: Path) -> Path:
    """Return a project of one case with three raters' readings, and the files that it came of."""
    shutil.copytree(_with_readings(), directory, dirs_exist_ok=True)
    return directory / "project"


@functools.cache
def _with_readings() -> Path:
    """Make the project once; every test has a copy of its own."""
    directory = Path(tempfile.mkdtemp(prefix="annotator-readings-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    rng = np.random.default_rng(3)
    project = directory / "project"
    image = write_volume(directory / "Head one.nii.gz", rng.integers(0, 200, SHAPE, np.int16))
    must("new", project)
    must("import", project, image)
    must("add-rater", project, "Ann", "Bob", "Cy")
    for name, first, last in (("Ann", 4, 12), ("Bob", 5, 12), ("Cy", 4, 15)):
        mask = write_volume(directory / f"{name}.nii.gz", box_mask(first, last))
        must("add-reading", project, "Head one", "--rater", name, "--mask", mask)
    return directory

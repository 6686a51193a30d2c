"""The demonstration where there is no display: a session by mouse and keys, and what it leaves."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import highdicom
import numpy as np
import pytest
from PIL import Image

from annotator.demo.display import SCREEN
from annotator.demo.readings import CT_LARGE, GUEST
from tests.e2e.command_line import must
from tests.exports import load_nifti

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_S = 420
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(LIMIT_S + 60),
    pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb for a virtual display"),
]

FORMATS = ("nifti", "dicom-seg", "csv", "json")
FEWEST_PICTURES = 15
FEWEST_COLORS = 40
"""A blank window has a handful of colours, text alone has more than these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The project that the demonstration left, and what it told of it."""

    project: Path
    report: dict[str, Any]

    def export(self, form: str) -> Path:
        """Return the directory of an export."""
        (found,) = [Path(path) for path in self.report["exports"] if Path(path).name == form]
        return found

    def files(self, form: str, role: str) -> list[Path]:
        """Return the exported files of a role, as the manifest lists them."""
        manifest = json.loads((self.export(form) / "manifest.json").read_text(encoding="utf-8"))
        return [self.export(form) / row["name"] for row in manifest["files"] if row["role"] == role]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Let the demonstration run once."""
    project = tmp_path_factory.mktemp("demo") / "project"
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    process = subprocess.Popen(
        [sys.executable, "-m", "annotator", "demo", str(project), "--json"],
        env={name: value for name, value in os.environ.items() if name not in hidden},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        told, steps = process.communicate(timeout=LIMIT_S)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        _, steps = process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        pytest.fail(f"not through within {LIMIT_S} s; the last steps were:\n{steps[-1000:]}")
    assert process.returncode == 0, steps
    assert "Traceback" not in steps
    yield Demo(project=project, report=json.loads(told))
    shutil.rmtree(project)


def test_reports_what_was_done(demo: Demo) -> None:
    assert demo.report["project"] == str(demo.project)
    assert CT_LARGE in demo.report["submitted"]
    assert demo.report["signed_off"]
    assert demo.report["regions_decided"] > 0
    assert tuple(Path(path).name for path in demo.report["exports"]) == FORMATS


def test_what_was_done_is_in_the_project(demo: Demo) -> None:
    cases = {case["title"]: case for case in must("list", demo.project)["cases"]}
    assert GUEST in {row["rater"] for row in cases[demo.report["submitted"]]["readings"]}
    signed = [title for title, case in cases.items() if case["is_signed_off"]]
    assert signed == [demo.report["signed_off"]]


def test_pictures_show_something(demo: Demo) -> None:
    pictures = [Path(path) for path in demo.report["screenshots"]]
    assert len(set(pictures)) >= FEWEST_PICTURES
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.size == SCREEN
            colors = picture.convert("RGB").getcolors(maxcolors=picture.width * picture.height)
        assert colors is not None
        assert len(colors) > FEWEST_COLORS, f"{path.name} has {len(colors)} colours"
        largest = max(count for count, _ in colors)
        assert largest < 0.98 * SCREEN[0] * SCREEN[1], f"{path.name} is blank"


def test_nifti_is_readable_and_lies_on_the_case(demo: Demo) -> None:
    shapes = {tuple(case["shape"][::-1]) for case in must("list", demo.project)["cases"]}
    adjudicated = demo.files("nifti", "adjudicated")
    assert {path.name.rsplit("_", 1)[1] for path in adjudicated} == {
        "labels.nii.gz",
        "origin.nii.gz",
    }
    for path in sorted(demo.export("nifti").glob("*.nii.gz")):
        image = load_nifti(path)
        assert image.shape in shapes
        voxels = np.asanyarray(image.dataobj)
        assert np.isfinite(voxels).all()
        if path in adjudicated:
            assert voxels.any()
    assert demo.files("nifti", "reading")
    assert demo.files("nifti", "fused")


def test_dicom_seg_is_readable(demo: Demo) -> None:
    assert len(demo.files("dicom-seg", "adjudicated")) == 1
    for path in sorted(demo.export("dicom-seg").glob("*.dcm")):
        segmentation = highdicom.seg.segread(path)
        assert segmentation.number_of_segments >= 1
        assert segmentation.pixel_array.any()
        assert segmentation.get_source_image_uids()


def test_tables_hold_the_session(demo: Demo) -> None:
    document = json.loads((demo.export("json") / "project.json").read_text(encoding="utf-8"))
    tables = {name: rows for name, rows in document.items() if isinstance(rows, list)}
    assert len(tables["adjudications"]) == 1
    assert len(tables["verdicts"]) == demo.report["regions_decided"]
    for name, rows in tables.items():
        with (demo.export("csv") / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
            assert len(list(csv.DictReader(stream))) == len(rows), name


def test_project_verifies(demo: Demo) -> None:
    document = must("verify", demo.project)
    assert document["ok"], document["problems"]
    assert document["n_log_rows"] > 0

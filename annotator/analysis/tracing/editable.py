"""A tree that can be edited: rows found by node id, every edit with its inverse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.tree import NO_PARENT, Tree
from annotator.domain.errors import AnnotatorError, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_GROWTH = 1.5
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nodes:
    """Some nodes of a tree; unlike in a `Tree`, a parent is named by its id.

    Attributes
    ----------
    ids, types, points, radii : ndarray
        As in a `Tree`.
    parent_ids : ndarray
        Id of each node's parent, ``(node,)`` int64; ``NO_PARENT`` for a root.
    """

    ids: NDArray[np.int64]
    types: NDArray[np.int32]
    points: NDArray[np.float64]
    radii: NDArray[np.float64]
    parent_ids: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.ids)

    def is_same(self, other: Nodes) -> bool:
        """Whether both hold the same rows in the same order; what is no number equals itself."""
        return (
            np.array_equal(self.ids, other.ids)
            and np.array_equal(self.types, other.types)
            and np.array_equal(self.parent_ids, other.parent_ids)
            and np.array_equal(self.points, other.points, equal_nan=True)
            and np.array_equal(self.radii, other.radii, equal_nan=True)
        )


NO_NODES = Nodes(
    ids=np.zeros(0, np.int64),
    types=np.zeros(0, np.int32),
    points=np.zeros((0, 3)),
    radii=np.zeros(0),
    parent_ids=np.zeros(0, np.int64),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TraceEdit:
    """What an edit did: the rows that it changed or took away, and the rows there instead.

    A node in both was changed, one in ``before`` alone taken away, one in ``after`` alone added.
    """

    before: Nodes
    after: Nodes

    @property
    def inverse(self) -> TraceEdit:
        """The edit that takes this one back."""
        return TraceEdit(before=self.after, after=self.before)

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return self.before.is_same(self.after)


def canonical(tree: Tree) -> Tree:
    """Return the same tree with its rows ascending by id.

    Raises AnnotatorError where ids are negative or occur twice: rows could not be told apart.
    """
    order = np.argsort(tree.ids, kind="stable")
    ids = np.ascontiguousarray(tree.ids[order], np.int64)
    if len(ids) and ids[0] < 0:
        raise AnnotatorError(f"node ids must be 0 or more; got {ids[0]}")
    doubled = ids[1:][ids[1:] == ids[:-1]]
    if len(doubled):
        raise AnnotatorError(f"{len(doubled)} node ids occur twice, the first is {doubled[0]}")
    place = np.empty(len(order) + 1, np.int64)
    place[order] = np.arange(len(order))
    place[-1] = NO_PARENT
    return Tree(
        ids=ids,
        types=np.ascontiguousarray(tree.types[order], np.int32),
        points=np.ascontiguousarray(tree.points[order], np.float64),
        radii=np.ascontiguousarray(tree.radii[order], np.float64),
        parents=place[tree.parents[order]],
    )


def nodes_of(tree: Tree) -> Nodes:
    """Return all nodes of a tree, in its order."""
    named = np.append(tree.ids, NO_PARENT)
    return Nodes(
        ids=tree.ids,
        types=tree.types,
        points=tree.points,
        radii=tree.radii,
        parent_ids=named[tree.parents],
    )


def replacing(before: Tree, after: Tree) -> TraceEdit:
    """Return the edit that makes one tree of another, of the nodes that differ only."""
    old, new = nodes_of(canonical(before)), nodes_of(canonical(after))
    _, at_old, at_new = np.intersect1d(old.ids, new.ids, assume_unique=True, return_indices=True)
    is_same = (
        (old.types[at_old] == new.types[at_new])
        & (old.parent_ids[at_old] == new.parent_ids[at_new])
        & _equal(old.points[at_old], new.points[at_new]).all(axis=1)
        & _equal(old.radii[at_old], new.radii[at_new])
    )
    return TraceEdit(
        before=_without(old, at_old[is_same]),
        after=_without(new, at_new[is_same]),
    )


class EditableTree:
    """A tree and its edits; each costs what it changes, however large the tree is.

    Belongs to one thread. An edit is put together by the functions of `drawing.tracing`, which
    change nothing, and done by `apply`.
    """

    def __init__(self, tree: Tree) -> None:
        base = canonical(tree)
        self._base = base
        # The base, handed out as the tree before any edit, must not be written to.
        self._columns = replace(
            nodes_of(base),
            types=base.types.copy(),
            points=base.points.copy(),
            radii=base.radii.copy(),
        )
        self._size = len(base)
        self._is_there = np.ones(self._size, np.bool_)
        self._n_nodes = self._size
        self._added: dict[int, int] = {}
        self._next_id = int(base.ids[-1]) + 1 if self._size else 1
        self._order: NDArray[np.int64] | None = None
        self._first = np.zeros(0, np.int64)
        self._children: dict[int, list[int]] = {}
        self._snapshot: Tree | None = base

    def __len__(self) -> int:
        """Return the number of nodes."""
        return self._n_nodes

    def __contains__(self, node_id: int) -> bool:
        """Whether there is such a node."""
        row = self._row_of(node_id)
        return row is not None and bool(self._is_there[row])

    @property
    def next_id(self) -> int:
        """The smallest id from which on all are free."""
        return self._next_id

    def nodes(self, node_ids: Sequence[int]) -> Nodes:
        """Return some nodes in the order given; raises AnnotatorError where one is not there."""
        rows = np.array([self._row(node_id) for node_id in node_ids], np.int64)
        columns = self._columns
        return Nodes(
            ids=columns.ids[rows],
            types=columns.types[rows],
            points=columns.points[rows],
            radii=columns.radii[rows],
            parent_ids=columns.parent_ids[rows],
        )

    def parent(self, node_id: int) -> int:
        """Return the id of a node's parent, ``NO_PARENT`` for a root."""
        return int(self._columns.parent_ids[self._row(node_id)])

    def children(self, node_id: int) -> tuple[int, ...]:
        """Return the ids of a node's children."""
        self._row(node_id)
        return tuple(self._children_of(node_id))

    def to_root(self, node_id: int) -> tuple[int, ...]:
        """Return the ids from a node up to its root; in a loop, once round."""
        found = {node_id: None}
        at = self.parent(node_id)
        while at != NO_PARENT and at not in found:
            found[at] = None
            at = self.parent(at)
        return tuple(found)

    def subtree(self, node_id: int) -> tuple[int, ...]:
        """Return the ids of a node and all below it, parents first; in a loop, each once."""
        self._row(node_id)
        found = {node_id: None}
        waiting = [node_id]
        while waiting:
            for child in self._children_of(waiting.pop()):
                if child not in found:
                    found[child] = None
                    waiting.append(child)
        return tuple(found)

    def is_below(self, node_id: int, other_id: int) -> bool:
        """Whether a node is another one or hangs below it."""
        return other_id in self.to_root(node_id)

    def apply(self, edit: TraceEdit) -> None:
        """Do an edit; raises IntegrityError, and changes nothing, where it does not fit."""
        self._check(edit)
        before, after = edit.before, edit.after
        for node_id, parent_id in zip(before.ids.tolist(), before.parent_ids.tolist(), strict=True):
            if parent_id != NO_PARENT:
                self._own_children(parent_id).remove(node_id)
        stays = set(after.ids.tolist())
        for node_id in before.ids.tolist():
            if node_id not in stays:
                self._is_there[self._row_of(node_id)] = False
        rows = np.array([self._place(node_id) for node_id in after.ids.tolist()], np.int64)
        columns = self._columns
        columns.ids[rows] = after.ids
        columns.types[rows] = after.types
        columns.points[rows] = after.points
        columns.radii[rows] = after.radii
        columns.parent_ids[rows] = after.parent_ids
        self._is_there[rows] = True
        for node_id, parent_id in zip(after.ids.tolist(), after.parent_ids.tolist(), strict=True):
            if parent_id != NO_PARENT:
                self._own_children(parent_id).append(node_id)
        self._n_nodes += len(after) - len(before)
        if len(after):
            self._next_id = max(self._next_id, int(after.ids.max()) + 1)
        self._snapshot = None

    def tree(self) -> Tree:
        """Return the tree as it is now, rows ascending by id; the same object until an edit."""
        if self._snapshot is None:
            rows = np.flatnonzero(self._is_there[: self._size])
            columns = self._columns
            rows = rows[np.argsort(columns.ids[rows], kind="stable")]
            ids = columns.ids[rows]
            parent_ids = columns.parent_ids[rows]
            parents = np.searchsorted(ids, parent_ids)
            self._snapshot = Tree(
                ids=ids,
                types=columns.types[rows],
                points=columns.points[rows],
                radii=columns.radii[rows],
                parents=np.where(parent_ids == NO_PARENT, NO_PARENT, parents),
            )
        return self._snapshot

    def _check(self, edit: TraceEdit) -> None:
        before, after = edit.before.ids.tolist(), edit.after.ids.tolist()
        old, new = set(before), set(after)
        if len(old) < len(before) or len(new) < len(after):
            raise IntegrityError("an edit names a node twice")
        missing = [node_id for node_id in before if node_id not in self]
        if missing or not self.nodes(before).is_same(edit.before):
            raise IntegrityError(
                "an edit does not begin where the tree is"
                + (f": there is no node {_listed(missing)}" if missing else "")
            )
        taken = [node_id for node_id in after if node_id not in old and node_id in self]
        if taken:
            raise IntegrityError(f"an edit adds nodes that are there already: {_listed(taken)}")
        if any(node_id < 0 for node_id in after):
            raise IntegrityError("an edit adds a node with a negative id")
        gone = old - new
        # Once done, every parent must be there: those of the new rows, and of those that stay.
        for parent_id in edit.after.parent_ids.tolist():
            if parent_id != NO_PARENT and (
                parent_id in gone or (parent_id not in new and parent_id not in self)
            ):
                raise IntegrityError(f"an edit hangs nodes on {parent_id}, which is not there")
        for node_id in gone:
            left = [child for child in self._children_of(node_id) if child not in old]
            if left:
                raise IntegrityError(f"an edit leaves {_listed(left)} without their parent")

    def _place(self, node_id: int) -> int:
        """Return the row of a node, a new one where it never had one."""
        row = self._row_of(node_id)
        if row is not None:
            return row
        if self._size == len(self._is_there):
            self._grow()
        row = self._added[node_id] = self._size
        self._size += 1
        return row

    def _grow(self) -> None:
        more = max(64, int(_GROWTH * self._size)) - self._size
        columns = self._columns
        self._columns = Nodes(
            ids=np.append(columns.ids, np.zeros(more, np.int64)),
            types=np.append(columns.types, np.zeros(more, np.int32)),
            points=np.concatenate([columns.points, np.zeros((more, 3))]),
            radii=np.append(columns.radii, np.zeros(more)),
            parent_ids=np.append(columns.parent_ids, np.zeros(more, np.int64)),
        )
        self._is_there = np.append(self._is_there, np.zeros(more, np.bool_))

    def _row_of(self, node_id: int) -> int | None:
        ids = self._base.ids
        row = int(np.searchsorted(ids, node_id))
        if row < len(ids) and ids[row] == node_id:
            return row
        return self._added.get(node_id)

    def _row(self, node_id: int) -> int:
        row = self._row_of(node_id)
        if row is None or not self._is_there[row]:
            raise AnnotatorError(
                f"there is no node {node_id} in this tracing of {len(self)} nodes"
                + (f"; ids from {self._next_id} on are free" if node_id >= self._next_id else "")
            )
        return row

    def _children_of(self, node_id: int) -> list[int]:
        known = self._children.get(node_id)
        if known is not None:
            return known
        base = self._base
        row = int(np.searchsorted(base.ids, node_id))
        if row >= len(base.ids) or base.ids[row] != node_id:
            return []
        if self._order is None:
            self._order = np.argsort(base.parents, kind="stable")
            self._first = np.searchsorted(
                base.parents[self._order], np.arange(len(base) + 1), side="left"
            )
        found: list[int] = base.ids[self._order[self._first[row] : self._first[row + 1]]].tolist()
        return found

    def _own_children(self, node_id: int) -> list[int]:
        """Return the list of a node's children that may be changed."""
        known = self._children.get(node_id)
        if known is None:
            known = self._children[node_id] = self._children_of(node_id)
        return known


def _equal(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return equal


def _without(nodes: Nodes, rows: NDArray[np.int64]) -> Nodes:
    is_left = np.ones(len(nodes), np.bool_)
    is_left[rows] = False
    return Nodes(
        ids=nodes.ids[is_left],
        types=nodes.types[is_left],
        points=nodes.points[is_left],
        radii=nodes.radii[is_left],
        parent_ids=nodes.parent_ids[is_left],
    )


def _listed(node_ids: Sequence[int]) -> str:
    shown = ", ".join(str(node_id) for node_id in node_ids[:_SHOWN])
    return shown + (" …" if len(node_ids) > _SHOWN else "")

"""Checks asked again after an edit, only where the edit can have changed their answer.

Checks that see a node and its neighbours are asked anew within two edges of what was edited; limits
stay those of the tree when it was checked whole. What other checks had found at an edited node is
dropped until the tree is checked whole again: it was about a place that is another one now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.checks import ranked, without_echoes
from annotator.analysis.tracing.editable import canonical
from annotator.analysis.tracing.structure import LOCAL_CHECKS, Kind, Looked, look, tell
from annotator.analysis.tracing.structure_scan import scan_tree
from annotator.analysis.tracing.tree import NO_PARENT, Tree

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from annotator.analysis.tracing.editable import EditableTree, TraceEdit
    from annotator.analysis.tracing.structure_scan import Limits
    from annotator.domain.tracing import TraceFinding

_NEAR = 2
"""Edges from an edited node within which a check of neighbours may answer otherwise."""
_AROUND = 3
"""Further edges that those checks look at."""
_FRAGMENT = Kind(check="fragment", severity="warning", probability=0.8, unit="µm")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """A tree's findings, and what is needed to ask again after an edit.

    ``ids`` ascend; ``below_um`` is the cable on each, ``(node,)``, when the tree was checked whole.
    """

    findings: tuple[TraceFinding, ...]
    limits: Limits
    ids: NDArray[np.int64]
    below_um: NDArray[np.float64]

    def cable_on(self, node_ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the cable that hung on nodes; 0 for those that are new."""
        if not len(self.ids):
            return np.zeros(len(node_ids))
        place = np.minimum(np.searchsorted(self.ids, node_ids), len(self.ids) - 1)
        return np.where(self.ids[place] == node_ids, self.below_um[place], 0.0)


def remember(tree: Tree, findings: Collection[TraceFinding]) -> Checked:
    """Return findings of `check_tree` with what `recheck` needs.

    Raises AnnotatorError where ids are negative or occur twice: such a tree cannot be edited.
    """
    tree = canonical(tree)
    looked = look(tree)
    return Checked(
        findings=tuple(findings),
        limits=looked.scan.limits,
        ids=tree.ids,
        below_um=looked.below_um,
    )


def recheck(editable: EditableTree, edit: TraceEdit, before: Checked) -> Checked:
    """Return the findings after an edit that was applied; costs what the edit touches."""
    edited = {*edit.before.ids.tolist(), *edit.after.ids.tolist()}
    parents = {*edit.before.parent_ids.tolist(), *edit.after.parent_ids.tolist()}
    seeds = [node_id for node_id in edited | parents if node_id in editable]
    near = _around(editable, seeds, _NEAR)
    looked = _look_at(editable, near, before)
    # A change back may lie out of sight: types are judged anew only where they were edited.
    skipped = set() if _changes_types(edit) else {"type-change"}
    names = LOCAL_CHECKS.keys() - skipped
    found = [
        finding
        for name in LOCAL_CHECKS
        if name in names
        for finding in LOCAL_CHECKS[name](looked)
        if finding.node_id in near
    ]
    kept = [
        finding
        for finding in before.findings
        if finding.node_id in editable
        and not (finding.check in names and finding.node_id in near)
        and not (finding.check not in LOCAL_CHECKS and _is_stale(editable, finding, edited))
    ]
    known = {finding.node_id for finding in kept if finding.check == _FRAGMENT.check}
    found += _new_fragments(editable, looked, edit, known)
    return replace(before, findings=ranked(without_echoes([*kept, *found])))


def _around(editable: EditableTree, node_ids: Iterable[int], n_edges: int) -> set[int]:
    """Return nodes within so many edges of some nodes."""
    found = set(node_ids)
    edge = found
    for _ in range(n_edges):
        beside = {child for node_id in edge for child in editable.children(node_id)}
        beside.update(editable.parent(node_id) for node_id in edge)
        beside.discard(NO_PARENT)
        edge = beside - found
        found |= edge
    return found


def _look_at(editable: EditableTree, near: set[int], before: Checked) -> Looked:
    """Return the part of the tree around some nodes, looked over with the limits of the whole."""
    nodes = editable.nodes(sorted(_around(editable, near, _AROUND)))
    place = np.searchsorted(nodes.ids, nodes.parent_ids)
    place = np.minimum(place, max(0, len(nodes) - 1))
    is_here = nodes.ids[place] == nodes.parent_ids if len(nodes) else np.zeros(0, np.bool_)
    tree = Tree(
        ids=nodes.ids,
        types=nodes.types,
        points=nodes.points,
        radii=nodes.radii,
        parents=np.where(is_here, place, NO_PARENT),
    )
    return Looked(
        scan=scan_tree(tree, before.limits),
        below_um=before.cable_on(nodes.ids),
        order=np.arange(len(tree)),
    )


def _changes_types(edit: TraceEdit) -> bool:
    """Return whether an edit changes a type, or what hangs on what."""
    before = dict(zip(edit.before.ids.tolist(), edit.before.types.tolist(), strict=True))
    above = dict(zip(edit.before.ids.tolist(), edit.before.parent_ids.tolist(), strict=True))
    after = dict(zip(edit.after.ids.tolist(), edit.after.types.tolist(), strict=True))
    now_above = dict(zip(edit.after.ids.tolist(), edit.after.parent_ids.tolist(), strict=True))
    return before != after or above != now_above


def _is_stale(editable: EditableTree, finding: TraceFinding, edited: set[int]) -> bool:
    """Return whether a finding of a whole tree is about a place that was edited."""
    if finding.check == _FRAGMENT.check:
        return editable.parent(finding.node_id) != NO_PARENT
    return not edited.isdisjoint(finding.node_ids)


def _new_fragments(
    editable: EditableTree, looked: Looked, edit: TraceEdit, known: set[int]
) -> list[TraceFinding]:
    """Return the parts that an edit cut off: their roots had a parent, or are new."""
    were_roots = {
        node_id
        for node_id, parent_id in zip(
            edit.before.ids.tolist(), edit.before.parent_ids.tolist(), strict=True
        )
        if parent_id == NO_PARENT
    }
    told = []
    for node_id in edit.after.ids.tolist():
        if editable.parent(node_id) == NO_PARENT and node_id not in were_roots | known:
            row = int(np.searchsorted(looked.tree.ids, node_id))
            why = "This part was cut off: it begins a tree of its own."
            cable = float(looked.below_um[row])
            told.append(tell(looked, _FRAGMENT, [row], why, value=cable))
    return told

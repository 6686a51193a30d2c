"""Checks asked again after an edit say what checks of the whole tree say."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis.tracing.checks import check_tree
from annotator.analysis.tracing.editable import EditableTree, TraceEdit
from annotator.analysis.tracing.inject import grow_tree
from annotator.analysis.tracing.recheck import Checked, recheck, remember
from annotator.analysis.tracing.structure import LOCAL_CHECKS
from annotator.analysis.tracing.tree import NO_PARENT, Tree

pytestmark = pytest.mark.unit

NAMES = (*LOCAL_CHECKS, "fragment", "coincident", "double-trace", "wrong-crossing")


@cache
def neuron() -> Tree:
    return grow_tree(1200, seed=5)


def begun() -> tuple[EditableTree, Checked]:
    tree = neuron()
    return EditableTree(tree), remember(tree, check_tree(tree, names=NAMES))


def changed(editable: EditableTree, node_id: int, **values: object) -> TraceEdit:
    """Return the edit that gives a node other values."""
    before = editable.nodes([node_id])
    columns = {name: getattr(before, name).copy() for name in values}
    for name, value in values.items():
        columns[name][0] = value
    return TraceEdit(before=before, after=replace(before, **columns))


def told(checked: Checked) -> set[tuple[str, int]]:
    return {(finding.check, finding.node_id) for finding in checked.findings}


@given(
    st.lists(
        st.tuples(st.integers(2, 1200), st.sampled_from(["move", "radius", "type", "onto", "cut"])),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 99),
)
@settings(max_examples=30)
def test_a_recheck_says_what_the_whole_says(edits: list[tuple[int, str]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    editable, checked = begun()
    for node_id, what in edits:
        node = editable.nodes([node_id])
        parent = editable.parent(node_id)
        if parent == NO_PARENT:
            continue
        values: dict[str, object] = {
            "move": {"points": node.points[0] + rng.normal(scale=8, size=3)},
            "radius": {"radii": float(rng.choice([0.0, 0.3, 20.0]))},
            "type": {"types": int(rng.integers(1, 5))},
            "onto": {"points": editable.nodes([parent]).points[0]},
            "cut": {"parent_ids": NO_PARENT},
        }[what]
        edit = changed(editable, node_id, **values)
        editable.apply(edit)
        checked = recheck(editable, edit, checked)
    # Limits were those of the tree before the edits, and two checks look further than neighbours.
    far = {"coincident", "double-trace", "wrong-crossing", "type-change"}
    whole = remember(editable.tree(), check_tree(editable.tree(), names=NAMES))
    ours = {one for one in told(checked) if one[0] not in far}
    theirs = {one for one in told(whole) if one[0] not in far}
    assert {check for check, _ in ours ^ theirs} <= {"fragment", "gap", "back-track"}
    assert len(ours ^ theirs) <= 2


def test_what_is_put_right_is_gone() -> None:
    editable, checked = begun()
    assert not checked.findings
    edit = changed(editable, 300, points=editable.nodes([300]).points[0] + [0.0, 90.0, 0.0])
    editable.apply(edit)
    after = recheck(editable, edit, checked)
    assert {check for check, _ in told(after)} <= {"gap", "back-track", "wrong-crossing"}
    assert ("gap", 300) in told(after)
    editable.apply(edit.inverse)
    assert not recheck(editable, edit.inverse, after).findings


def test_a_node_that_is_taken_away_takes_its_findings_along() -> None:
    editable, checked = begun()
    tip = next(int(node_id) for node_id in neuron().ids[::-1] if not editable.children(node_id))
    edit = changed(editable, tip, radii=0.0)
    editable.apply(edit)
    checked = recheck(editable, edit, checked)
    assert told(checked) == {("no-radius", tip)}
    gone = TraceEdit(before=editable.nodes([tip]), after=editable.nodes([]))
    editable.apply(gone)
    assert not recheck(editable, gone, checked).findings


def test_a_part_that_is_cut_off_is_told() -> None:
    editable, checked = begun()
    edit = changed(editable, 300, parent_ids=NO_PARENT)
    editable.apply(edit)
    after = recheck(editable, edit, checked)
    assert told(after) == {("fragment", 300)}
    assert after.findings[0].impact_um > 0
    editable.apply(edit.inverse)
    assert not recheck(editable, edit.inverse, after).findings

"""Colours of trees: one rule a mode, from facts of nodes to places in a palette; no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from annotator.analysis.tracing.tree import NO_PARENT, count_children, parents_first
from annotator.domain.errors import UnknownNameError
from annotator.gui.tracing.shown import SEVERITY_COLORS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.tracing import Severity, TraceFinding

ColorMode = Literal["plain", "order", "type", "finding"]
COLOR_MODES: tuple[ColorMode, ...] = get_args(ColorMode)
COLOR_TITLES: dict[ColorMode, str] = {
    "plain": "One colour",
    "order": "Branch order",
    "type": "Type",
    "finding": "Findings",
}
PLAIN = "#ffd84d"
_GREY = "#aab4bf"
_ORDERS = ("#ffd84d", "#56b4e9", "#ff7fc4", "#58d68d", "#ff9a3c", "#b69cff", "#4fd8d8", "#f26d6d")
TYPE_COLORS = ("#e6e6e6", "#ff5fd2", "#4fc3ff", "#ff7a5c", "#b98cff", "#7ee08a", "#ffd84d")
"""Undefined, soma, axon, dendrite, apical dendrite; then what others call theirs."""
TYPE_NAMES = ("undefined", "soma", "axon", "dendrite", "apical dendrite")
_SEVERITIES: tuple[Severity, ...] = ("hint", "warning", "error")


def colored(
    tree: Tree, mode: ColorMode, *, plain: str = PLAIN, findings: Iterable[TraceFinding] = ()
) -> tuple[tuple[str, ...], NDArray[np.uint8] | None]:
    """Return the palette and codes of a tree, as `ShownTree` takes them."""
    if mode == "plain":
        return (plain,), None
    if mode == "order":
        return _ORDERS, (branch_orders(tree) % len(_ORDERS)).astype(np.uint8)
    if mode == "type":
        n_own = len(TYPE_COLORS) - len(TYPE_NAMES)
        others = len(TYPE_NAMES) + (tree.types - len(TYPE_NAMES)) % n_own
        known = (tree.types >= 0) & (tree.types < len(TYPE_NAMES))
        return TYPE_COLORS, np.where(known, tree.types, others).astype(np.uint8)
    if mode == "finding":
        palette = (_GREY, *(SEVERITY_COLORS[severity] for severity in _SEVERITIES))
        return palette, _worst(tree, findings)
    raise UnknownNameError("colouring", mode, COLOR_MODES)


def branch_orders(tree: Tree) -> NDArray[np.int64]:
    """Return how many forks lie between each node and its root, ``(node,)``; 0 in loops."""
    orders = np.zeros(len(tree), np.int64)
    outward = parents_first(tree)
    is_fork = count_children(tree) > 1
    starts = is_fork[tree.parents] & (tree.parents != NO_PARENT)
    # Pointers double: each node sums the forks above it without a loop over nodes.
    ahead = np.full(len(tree) + 1, len(tree))
    ahead[:-1][outward] = np.where(
        tree.parents[outward] == NO_PARENT, len(tree), tree.parents[outward]
    )
    sums = np.append(starts.astype(np.int64), 0)
    while (ahead[:-1] != len(tree)).any():
        sums = sums + sums[ahead]
        ahead = ahead[ahead]
    orders[outward] = sums[:-1][outward]
    return orders


def _worst(tree: Tree, findings: Iterable[TraceFinding]) -> NDArray[np.uint8]:
    codes = np.zeros(len(tree), np.uint8)
    order = np.argsort(tree.ids, kind="stable")
    ids = tree.ids[order]
    for finding in findings:
        wanted = np.asarray(finding.node_ids, np.int64)
        place = np.minimum(np.searchsorted(ids, wanted), max(0, len(ids) - 1))
        rows = order[place[ids[place] == wanted]] if len(ids) else place[:0]
        code = 1 + _SEVERITIES.index(finding.severity)
        codes[rows] = np.maximum(codes[rows], code)
    return codes

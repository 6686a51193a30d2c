"""What is wrong with the text of a tracing, as findings: one an event, however many lines it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.analysis.tracing.tree import Tree, cable_below_um
from annotator.domain.tracing import TraceFinding

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from annotator.domain.tracing import Severity

MOST_FINDINGS = 1000
"""Of one check; the last says how many more there are."""

_SEVERITIES: dict[str, tuple[Severity, float]] = {
    "no-node-line": ("error", 0.9),
    "bad-field": ("error", 1.0),
    "too-few-columns": ("error", 1.0),
    "duplicate-id": ("error", 1.0),
    "missing-parent": ("error", 1.0),
    "odd-id": ("warning", 1.0),
    "parent-after-child": ("hint", 0.1),
}
FORMAT_CHECKS = tuple(_SEVERITIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """A problem of one line; ``row`` is that of its node, or of the last node before it."""

    check: str
    row: int
    line: int
    value: float | None
    why: str


def tell_problems(
    tree: Tree, lines: NDArray[np.int64], problems: Iterable[RowProblem]
) -> tuple[TraceFinding, ...]:
    """Return problems as findings, in the order of lines; none where the tree has no node."""
    events = _events(sorted(problems, key=lambda problem: (problem.line, problem.check)))
    if not events or not len(tree):
        return ()
    below = cable_below_um(tree)
    counts: dict[str, int] = {}
    found: list[TraceFinding] = []
    for first, n_lines in events:
        counts[first.check] = counts.get(first.check, 0) + 1
        if counts[first.check] < MOST_FINDINGS:
            found.append(_finding(tree, below, first, n_lines))
    for check, n_found in counts.items():
        if n_found >= MOST_FINDINGS:
            last = next(one for one, _ in reversed(events) if one.check == check)
            more = f" {n_found - MOST_FINDINGS:,} more of this kind are not listed."
            found.append(_finding(tree, below, last, 1, more if n_found > MOST_FINDINGS else ""))
    return tuple(sorted(found, key=lambda finding: finding.line or 0))


def _events(problems: list[RowProblem]) -> list[tuple[RowProblem, int]]:
    """Join lines without a node that follow each other; other problems are events of their own."""
    events: list[tuple[RowProblem, int]] = []
    for problem in problems:
        if events and problem.check == "no-node-line":
            first, n_lines = events[-1]
            if first.check == problem.check and first.line + n_lines == problem.line:
                events[-1] = (first, n_lines + 1)
                continue
        events.append((problem, 1))
    return events


def _finding(
    tree: Tree, below: NDArray[np.float64], first: RowProblem, n_lines: int, more: str = ""
) -> TraceFinding:
    row = max(0, first.row)
    node_id = int(tree.ids[row])
    severity, probability = _SEVERITIES[first.check]
    span = f" So are the {n_lines - 1:,} lines after it." if n_lines > 1 else ""
    x, y, z = tree.points[row].tolist()
    return TraceFinding(
        check=first.check,
        source="format",
        severity=severity,
        node_id=node_id,
        node_ids=(node_id,),
        point_um=(x, y, z),
        value=first.value,
        threshold=None,
        unit="",
        impact_um=float(below[row]),
        probability=probability,
        line=first.line,
        why=first.why + span + more,
    )

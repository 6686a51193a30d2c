"""What is wrong with the text of a tracing, as findings: one an event, however many lines it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.analysis.tracing.tree import Tree, cable_below_um
from annotator.domain.tracing import TraceFinding

if TYPE_CHECKING:
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


class Problems:
    """Problems as events, bounded: of each check a thousand are kept and the others counted."""

    def __init__(self) -> None:
        self._events: dict[str, list[tuple[RowProblem, int]]] = {}
        self._n_found: Counter[str] = Counter()

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self._events)

    def add(self, problem: RowProblem) -> None:
        """Take a problem; lines without a node that follow each other are one event."""
        events = self._events.setdefault(problem.check, [])
        if events and problem.check == "no-node-line":
            first, n_lines = events[-1]
            if first.line + n_lines == problem.line:
                events[-1] = (first, n_lines + 1)
                return
        self._n_found[problem.check] += 1
        if len(events) < MOST_FINDINGS:
            events.append((problem, 1))

    def tell(self, tree: Tree) -> tuple[TraceFinding, ...]:
        """Return findings in the order of lines; none where the tree has no node."""
        if not self or not len(tree):
            return ()
        below = cable_below_um(tree)
        found = []
        for check, events in self._events.items():
            n_more = self._n_found[check] - len(events)
            for place, (first, n_lines) in enumerate(events):
                is_last = n_more > 0 and place == len(events) - 1
                more = f" At least {n_more:,} more of this kind are not listed." if is_last else ""
                found.append(_finding(tree, below, first, n_lines, more))
        return tuple(sorted(found, key=lambda finding: (finding.line or 0, finding.check)))


def _finding(
    tree: Tree, below: NDArray[np.float64], first: RowProblem, n_lines: int, more: str
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

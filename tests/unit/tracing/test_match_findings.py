"""Where tracers differ, told on each one's own tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.tracing.match_findings import find_disputes
from annotator.analysis.tracing.simulate_tracers import TracerSkill, grow_neuron, trace_as
from tests.unit.tracing.test_consensus import DOWN, STEM, TOLERANCE, UP, grown

if TYPE_CHECKING:
    from annotator.analysis.tracing.tree import Tree

pytestmark = pytest.mark.unit

ROOTS = [(0.0, 0.0), (0.0, 20.0)], [(0.0, 0.0), (0.0, -20.0)]
CROSSED = grown(
    *ROOTS,
    [(0.0, 20.0), (20.0, 0.0), (40.0, -20.0)],
    [(0.0, -20.0), (20.0, 0.0), (40.0, 20.0)],
)
TURNED = grown(
    *ROOTS,
    [(0.0, 20.0), (19.0, 1.0), (39.0, 21.0)],
    [(0.0, -20.0), (19.0, -1.0), (39.0, -21.0)],
)


def place_of(tree: Tree, node_id: int) -> list[float]:
    found: list[float] = tree.points[int(np.flatnonzero(tree.ids == node_id)[0])].tolist()
    return found


def test_who_has_a_branch_and_who_has_not() -> None:
    trees = {"a": grown(STEM, UP, DOWN), "b": grown(STEM, UP), "c": grown(STEM, UP)}
    found = find_disputes(trees, tolerance=TOLERANCE)
    (only,) = found["a"]
    assert only.check == "traced-by-some"
    assert (only.tracers_for, only.tracers_against) == (("a",), ("b", "c"))
    assert place_of(trees["a"], only.node_id) == [30.0, -1.0, 0.0]
    assert only.impact_um == pytest.approx(30.0)
    assert only.probability > 0.5
    for name in "bc":
        (missing,) = found[name]
        assert missing.check == "missing-branch"
        assert (missing.tracers_for, missing.tracers_against) == (("a",), ("b", "c"))
        assert place_of(trees[name], missing.node_id) == [30.0, 0.0, 0.0]
        assert missing.impact_um == pytest.approx(30.0, abs=1.0)
        assert missing.probability == pytest.approx(1 - only.probability, abs=0.01)


def test_what_most_have_is_likely_missing() -> None:
    trees = {"a": grown(STEM, UP), "b": grown(STEM, UP), "c": grown(STEM)}
    found = find_disputes(trees, tolerance=TOLERANCE)
    (missing,) = found["c"]
    assert missing.severity == "warning"
    assert missing.probability > 0.9
    assert "a and b traced 30 µm" in missing.why
    assert [finding.severity for finding in found["a"]] == ["hint"]


def test_two_branches_that_only_one_joins() -> None:
    trees = {"a": CROSSED, "b": CROSSED, "w": TURNED}
    found = find_disputes(trees, tolerance=TOLERANCE)
    assert found["w"]
    assert {finding.check for finding in found["w"]} == {"joined-elsewhere"}
    for finding in found["w"]:
        assert np.hypot(finding.point_um[0] - 20, finding.point_um[1]) < 2 * TOLERANCE
        assert finding.tracers_against == ("a", "b")
        assert finding.probability > 0.5
    assert all(finding.probability < 0.5 for finding in (*found["a"], *found["b"]))


def test_tracers_who_agree_have_no_dispute() -> None:
    truth = grow_neuron(1, n_sections=9)
    trees = {name: trace_as(truth, TracerSkill(sensitivity=1), n) for n, name in enumerate("abc")}
    assert find_disputes(trees, tolerance=TOLERANCE) == {"a": (), "b": (), "c": ()}
    assert find_disputes({"a": truth}, tolerance=TOLERANCE) == {"a": ()}


def test_false_branches_come_first() -> None:
    """Ranked by what is at stake, what a tracer invented stands above what others missed."""
    truth = grow_neuron(2, n_sections=15)
    trees = {name: trace_as(truth, TracerSkill(sensitivity=1), n) for n, name in enumerate("abc")}
    trees["d"] = trace_as(truth, TracerSkill(sensitivity=1, n_false=3), 7)
    found = find_disputes(trees, tolerance=TOLERANCE)["d"]
    assert len(found) == 3
    for finding in found:
        assert finding.tracers_for == ("d",)
        assert finding.probability > 0.9
        assert finding.impact_um == pytest.approx(30, abs=8)
        assert int(finding.node_id) > len(truth) - 2

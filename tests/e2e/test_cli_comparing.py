"""Tracings of one neuron compared and merged from the command line, without a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.tracing.simulate_tracers import TracerSkill, grow_neuron, trace_as
from annotator.analysis.tracing.swc import read_swc_file
from annotator.analysis.tracing.swc_writing import write_swc
from annotator.analysis.tracing.tree import NO_PARENT, edge_lengths
from tests.e2e.command_line import annotator, must
from tests.e2e.test_cli_docs import _documented, _paths

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three tracers of one neuron, the third with branches of its own, and the truth."""
    truth = grow_neuron(5, n_sections=9)
    skills = [TracerSkill(sensitivity=1, n_false=n) for n in (0, 0, 2)]
    paths = [tmp_path / f"{name}.swc" for name in ("abe", "baum", "chen", "gold")]
    trees = [trace_as(truth, skill, seed) for seed, skill in enumerate(skills)]
    for path, tree in zip(paths, [*trees, truth], strict=True):
        path.write_bytes(write_swc(tree))
    return paths


def test_compare_with_a_gold_tracing(files: list[Path]) -> None:
    found = must("compare-traces", *files[:3], "--gold", files[3], "--tolerance", 3)
    answered = {path for path in _paths(found) if not path.startswith("differences.")}
    assert answered == _documented("compare-traces")
    rows = {row["test"]: row for row in found["metrics"]}
    assert rows["abe"]["length_precision"] == rows["abe"]["length_recall"] == 1.0
    assert rows["chen"]["length_precision"] < 0.95
    assert rows["chen"]["reference"] == "gold"
    own = [
        finding for finding in found["differences"]["chen"] if finding["tracers_for"] == ["chen"]
    ]
    assert len(own) == 2
    assert all(finding["probability"] > 0.9 for finding in own)


def test_compare_every_pair(files: list[Path]) -> None:
    found = must("compare-traces", *files[:3])
    pairs = [(row["test"], row["reference"]) for row in found["metrics"]]
    assert pairs == [("abe", "baum"), ("abe", "chen"), ("baum", "chen")]
    told = annotator("compare-traces", *files[:3]).out
    assert "abe : baum" in told
    assert "chen traced this branch; abe and baum stopped here or passed by." in told


def test_merge_writes_what_readers_take(files: list[Path]) -> None:
    output = files[0].parent / "merged.swc"
    found = must("merge-traces", *files[:3], "--output", output)
    answered = {path for path in _paths(found) if not path.endswith("[]")}
    assert answered == _documented("merge-traces")
    tree = read_swc_file(output).tree
    truth = read_swc_file(files[3]).tree
    assert found["n_nodes"] == len(tree)
    assert found["n_roots"] == 1 == np.count_nonzero(tree.parents == NO_PARENT)
    assert edge_lengths(tree).sum() == pytest.approx(edge_lengths(truth).sum(), rel=0.05)
    precision = {entry["name"]: entry["precision"] for entry in found["tracers"]}
    assert precision["chen"] < 0.95 < precision["abe"]
    text = output.read_text()
    assert "support 1.000, traced by abe, baum, chen" in text
    np.testing.assert_allclose(np.loadtxt(output)[:, 2:5], tree.points, atol=1e-6)
    lengths = sum(branch["length_um"] for branch in found["branches"])
    assert lengths == pytest.approx(found["cable_um"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--tolerance", "0"), "give one above 0"),
        (("--tolerance", "nan"), "give one above 0"),
    ],
)
def test_a_tolerance_that_is_none(files: list[Path], words: tuple[str, str], told: str) -> None:
    outcome = annotator("compare-traces", *files[:2], *words)
    assert outcome.code == 1
    assert told in outcome.err


def test_files_that_cannot_be_compared(files: list[Path]) -> None:
    assert "2 tracings are needed" in annotator("compare-traces", files[0]).err
    assert "given twice" in annotator("compare-traces", files[0], files[0]).err
    assert annotator("compare-traces", files[0], files[0].parent / "none.swc").code == 1


def test_no_tracing_is_written_over(files: list[Path]) -> None:
    before = files[0].read_bytes()
    outcome = annotator("merge-traces", *files[:2], "--output", files[0])
    assert outcome.code == 1
    assert "one of the tracings" in outcome.err
    assert files[0].read_bytes() == before


def test_tracings_without_common_cable(files: list[Path]) -> None:
    away = read_swc_file(files[0]).tree
    apart = files[0].parent / "apart.swc"
    apart.write_bytes(
        write_swc(
            type(away)(
                ids=away.ids,
                types=away.types,
                points=away.points + 1000,
                radii=away.radii,
                parents=away.parents,
            )
        )
    )
    output = files[0].parent / "merged.swc"
    outcome = annotator("merge-traces", files[0], apart, "--output", output)
    assert outcome.code == 1
    assert "no cable in common" in outcome.err
    assert not output.exists()

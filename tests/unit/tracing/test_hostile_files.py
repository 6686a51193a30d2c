"""Files that are no good tracings: what is wrong is told, in bounded time and memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.tracing import swc
from annotator.analysis.tracing.checks import check_file, check_tree
from annotator.analysis.tracing.swc import read_swc
from annotator.analysis.tracing.tree import make_tree
from annotator.domain.errors import AnnotatorError
from tests.benchmarks.bench_hostile_traces import FILES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

N_LINES = 2500
MEMORY = 4 << 30
TOLD = {
    "one loop through all": "loop",
    "loops of two": "loop",
    "no parent is there": "missing-parent",
    "all are roots": "fragment",
    "all at one place": "zero-length",
    "one node with all children": "touching-tip",
    "all in a heap": "",
    "no place is a number": "not-finite",
    "places of 1e308": "not-finite",
    "ids 10^12 apart": "fragment",
    "ids of 40 digits": "odd-id",
    "the same id throughout": "duplicate-id",
    "every second line a word": "no-node-line",
}
"""File → a check that must tell of it; that of the heap is only to end."""


def test_all_are_checked_within_the_memory_allowed(tmp_path: Path) -> None:
    for name in TOLD:
        path = tmp_path / f"{name}.swc"
        path.write_bytes(b"".join(FILES[name](N_LINES)))
    script = (
        "import json, pathlib, sys\n"
        "from annotator.analysis.tracing.checks import check_file\n"
        "from annotator.analysis.tracing.swc import read_swc_file\n"
        "paths = sorted(pathlib.Path(sys.argv[1]).glob('*.swc'))\n"
        "told = {p.stem: [one.check for one in check_file(read_swc_file(p))] for p in paths}\n"
        "print(json.dumps(told))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        check=True,
        capture_output=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    told = json.loads(done.stdout)
    assert set(told) == set(TOLD)
    for name, check in TOLD.items():
        assert not check or check in told[name], name
        assert all(told[name].count(one) <= 1000 for one in told[name]), name


@pytest.mark.parametrize("name", ["words", "zeros", "ends of lines"])
def test_what_is_no_tracing_is_refused_in_words(name: str) -> None:
    with pytest.raises(AnnotatorError, match=r"no SWC file|is empty"):
        read_swc(b"".join(FILES[name](N_LINES)))


def test_too_many_lines_that_are_no_plain_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swc, "MOST_ODD_LINES", 1000)
    with pytest.raises(AnnotatorError, match=r"2,500 of 5,000 lines are no plain nodes"):
        read_swc(b"".join(FILES["every second line a word"](N_LINES)))


def test_one_absurd_place_leaves_the_others_alone() -> None:
    points = np.column_stack([np.arange(50.0), np.zeros(50), np.zeros(50)])
    points[20] = 1e200
    findings = check_tree(make_tree(points, np.arange(-1, 49)))
    assert [(one.check, one.node_id) for one in findings if one.source == "structure"] == [
        ("not-finite", 21)
    ]


def test_a_loop_is_told_once_with_what_hangs_on_it() -> None:
    lines = ["1 3 0 0 0 1 3", "2 3 1 0 0 1 1", "3 3 2 0 0 1 2", "4 3 9 0 0 1 2", "5 3 3 0 0 1 5"]
    findings = check_file(read_swc("\n".join(lines).encode()), names=["loop"])
    loops = [one for one in findings if one.check == "loop"]
    assert [one.value for one in loops] == [3.0, 1.0]
    assert loops[0].impact_um == pytest.approx(2 + 1 + 1 + 8)


def test_many_nodes_are_checked_in_threads_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree = read_swc(b"".join(FILES["all are roots"](N_LINES))).tree
    alone = check_tree(tree)
    monkeypatch.setattr("annotator.analysis.tracing.checks._MANY_NODES", 1)
    assert alone
    assert check_tree(tree) == alone

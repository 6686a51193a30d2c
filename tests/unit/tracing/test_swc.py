"""SWC files: dialects, what is wrong with them, and bytes that stay as they were."""

from __future__ import annotations

import gzip
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis import kernels
from annotator.analysis.tracing import swc_lines
from annotator.analysis.tracing.swc import SwcFile, fresh_ids, link, read_swc, read_swc_file
from annotator.analysis.tracing.swc_writing import write_swc
from annotator.analysis.tracing.tree import NO_PARENT, Tree, make_tree
from annotator.domain.errors import AnnotatorError

pytestmark = pytest.mark.unit

NEURONS = Path(__file__).parents[4] / "shared" / "data" / "neurons"
PLAIN = b"""# SCALE 1 1 1
# made by hand
1 1 0 0 0 2 -1
2 3 1.5 0 0 1 1

# a fork
3 3 3 1 0 .5 2
4 3 3 -1e0 0 0.5 2
"""


def checks(file: SwcFile) -> list[tuple[str, int | None, int]]:
    return [(finding.check, finding.line, finding.node_id) for finding in file.findings]


def alike(one: Tree, other: Tree) -> bool:
    names = ("ids", "types", "points", "radii", "parents")
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names
    )


def both_ways(text: bytes) -> SwcFile:
    """Read with and without the compiled loops; they must say the same."""
    fast = read_swc(text)
    with kernels.without_kernels():
        slow = read_swc(text)
    assert alike(fast.tree, slow.tree)
    assert [repr(finding) for finding in fast.findings] == [
        repr(finding) for finding in slow.findings
    ]
    for name in ("starts", "lines", "written_ids"):
        assert np.array_equal(getattr(fast, name), getattr(slow, name))
    return fast


def test_halves_of_a_long_file_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"{row} 3 {row / 7!r} 0 {-row} 1 {row - 1}" for row in range(1, 3000)]
    lines[1200:1200] = ["", "# a comment where the first half is read", "3 no node"]
    lines[2500:2500] = ["4000 3 nan 0 0 1 nothing", "  # and one in the second"]
    monkeypatch.setattr(swc_lines, "_WORTH_A_THREAD", 1000)
    for end in ("\n", "\r\n", "\r"):
        file = both_ways(end.join(lines).encode())
        assert len(file.tree) == 3000
        assert file.tree.parents[2990] != NO_PARENT


def test_a_plain_file() -> None:
    file = both_ways(PLAIN)
    assert file.tree.ids.tolist() == [1, 2, 3, 4]
    assert file.tree.types.tolist() == [1, 3, 3, 3]
    assert file.tree.parents.tolist() == [NO_PARENT, 0, 1, 1]
    assert file.tree.points[3].tolist() == [3, -1, 0]
    assert file.tree.radii.tolist() == [2, 1, 0.5, 0.5]
    assert file.lines.tolist() == [3, 4, 7, 8]
    assert file.header() == {"SCALE": "1 1 1", "made": "by hand"}
    assert not file.findings


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.rstrip(),
        PLAIN.decode().encode("utf-16"),
        b"#\xb5m \xe4\n" + PLAIN,
        PLAIN.replace(b" ", b"\t"),
        b"\n".join(
            line if line.startswith(b"#") else line.replace(b" ", b",")
            for line in PLAIN.split(b"\n")
        ),
        b"\n".join(
            line if line.startswith(b"#") else line.replace(b" ", b" , ")
            for line in PLAIN.split(b"\n")
        ),
        PLAIN.replace(b"1.5", b"1,5"),
        PLAIN.replace(b"1 1\n", b"1 1 7 8.5 text # the first\n"),
        PLAIN.replace(b"2 3 1.5", b"2.0 3.0 +15E-1"),
    ],
    ids=[
        "crlf",
        "cr",
        "bom",
        "no-end",
        "utf-16",
        "latin-1",
        "tabs",
        "commas",
        "spaced-commas",
        "decimal-commas",
        "further-columns",
        "reals",
    ],
)
def test_dialects_say_the_same(text: bytes) -> None:
    file = both_ways(text)
    assert alike(file.tree, read_swc(PLAIN).tree)
    assert not file.findings


def test_ids_in_any_order_and_from_zero() -> None:
    file = both_ways(b"7 3 1 0 0 1 0\n0 1 0 0 0 1 -1\n-5 3 2 0 0 1 7\n")
    assert file.tree.parents.tolist() == [1, NO_PARENT, 0]
    assert checks(file) == [("parent-after-child", 1, 7)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"3 3 x 0 0 1 1", ("bad-field", 3, 3)),
        (b"3 3 2 0 0 wide 1", ("bad-field", 3, 3)),
        (b"3 axon 2 0 0 1 1", ("bad-field", 3, 3)),
        (b"3 99999999999 2 0 0 1 1", ("bad-field", 3, 3)),
        (b"3 3 2 0 0 1 1.5", ("bad-field", 3, 3)),
        (b"3 3 2 0 0 1", ("too-few-columns", 3, 3)),
        (b"3 3 2 0 0", ("too-few-columns", 3, 3)),
        (b"2 3 2 0 0 1 1", ("duplicate-id", 3, 3)),
        (b"3 3 2 0 0 1 8", ("missing-parent", 3, 3)),
        (b"3 3 2 0 0 1 99999999999999999999", ("missing-parent", 3, 3)),
        (b"99999999999999999999 3 2 0 0 1 1", ("odd-id", 3, 3)),
        (b"x3 3 2 0 0 1 1", ("bad-field", 3, 3)),
        (b"end of file", ("no-node-line", 3, 2)),
    ],
)
def test_what_is_wrong_is_told_with_its_line(line: bytes, found: tuple[str, int, int]) -> None:
    file = both_ways(b"1 1 0 0 0 1 -1\n2 3 1 0 0 1 1\n" + line + b"\n")
    assert checks(file) == [found]
    assert write_swc(file.tree, file) == file.original
    assert all(finding.why.endswith(".") for finding in file.findings)


def test_numbers_that_are_none_are_read() -> None:
    file = both_ways(b"1 1 NaN 0 -inf 1 -1\n2 3 1e400 1e-400 0 nan 1\n")
    assert np.isnan(file.tree.points[0, 0])
    assert file.tree.points[0, 2] == -math.inf
    assert file.tree.points[1].tolist() == [math.inf, 0, 0]
    assert np.isnan(file.tree.radii[1])
    assert not file.findings


def test_ids_beyond_64_bits_still_connect() -> None:
    file = both_ways(b"9999999999999999999999 1 0 0 0 1 -1\n5 3 1 0 0 1 9999999999999999999999\n")
    assert file.tree.parents.tolist() == [NO_PARENT, 0]
    assert file.tree.ids.tolist() == [6, 5]


def test_ids_near_the_end_of_64_bits() -> None:
    top = (1 << 63) - 1
    file = both_ways(b"%d 1 0 0 0 1 -1\n-%d 3 1 0 0 1 %d\n%d 3 2 0 0 1 5\n" % (top, top, top, top))
    assert file.tree.parents.tolist() == [NO_PARENT, 0, NO_PARENT]
    assert file.tree.ids.tolist() == [top, -top, 1]


@given(
    st.lists(
        st.one_of(
            st.floats().map(repr),
            st.floats(-1e6, 1e6).map(lambda value: f"{value:.6f}"),
            st.floats().map(lambda value: f"{value:.18e}"),
            st.from_regex(r"[+-]?[0-9]{1,22}\.[0-9]{0,22}(e[+-]?[0-9]{1,3})?", fullmatch=True),
        ),
        min_size=4,
        max_size=4,
    )
)
def test_numbers_are_those_of_python(texts: list[str]) -> None:
    file = read_swc(f"1 1 {' '.join(texts)} -1".encode())
    numbers = [*file.tree.points[0].tolist(), float(file.tree.radii[0])]
    for number, text in zip(numbers, texts, strict=True):
        expected = float(text)
        assert number == expected or (math.isnan(number) and math.isnan(expected))
        assert math.copysign(1, number) == math.copysign(1, expected) or math.isnan(number)


@given(st.lists(st.sampled_from(b" \t\r\n,;.#-+eE0123456789xn").map(chr), max_size=80))
def test_any_text_is_read_alike_both_ways(letters: list[str]) -> None:
    text = b"1 1 0 0 0 1 -1\n" + "".join(letters).encode()
    file = both_ways(text)
    assert write_swc(file.tree, file) == text


@given(st.lists(st.integers(-3, 9), min_size=1, max_size=12), st.integers(0, 2), st.integers(0, 99))
def test_parents_are_found_alike_both_ways(ids: list[int], spread: int, seed: int) -> None:
    given_ids = np.array(ids) * [1, 1000, 1 << 55][spread]
    parent_ids = np.random.default_rng(seed).permutation(given_ids)
    parents, state = link(given_ids, parent_ids)
    with kernels.without_kernels():
        slow_parents, slow_state = link(given_ids, parent_ids)
    assert np.array_equal(parents, slow_parents)
    assert np.array_equal(state, slow_state)


def test_only_lines_that_changed_are_written() -> None:
    text = PLAIN.replace(b"3 3 3 1 0 .5 2", b"3\t3  3 1 0 .50 2 7.25 # keep")
    file = read_swc(text)
    points = file.tree.points.copy()
    points[2, 1] = 4.25
    made = write_swc(replace(file.tree, points=points), file)
    assert made == text.replace(b"3\t3  3 1 0 .50 2 7", b"3\t3  3 4.25 0 .50 2 7")


def test_nodes_that_come_and_go() -> None:
    file = read_swc(PLAIN.rstrip())
    tree = file.tree
    fewer = make_tree(
        np.vstack([tree.points[[0, 1, 3]], [[9.0, 9.0, 9.5]]]),
        np.array([NO_PARENT, 0, 1, 2]),
        radii=np.append(tree.radii[[0, 1, 3]], 0.25),
        types=np.append(tree.types[[0, 1, 3]], np.int32(4)),
        ids=np.array([1, 2, 4, 5]),
    )
    made = write_swc(fewer, file)
    assert made == PLAIN.replace(b"3 3 3 1 0 .5 2\n", b"") + b"5 4 9 9 9.5 0.25 4\n"
    assert alike(read_swc(made).tree, fewer)


def test_files_in_voxels_are_scaled_both_ways() -> None:
    file = read_swc(PLAIN, scale_um=(0.3, 0.3, 2.0))
    np.testing.assert_allclose(file.tree.points[2], [0.9, 0.3, 0])
    assert write_swc(file.tree, file) == PLAIN
    points = file.tree.points.copy()
    points[0] = [0.3 * 7, 0.3 * 8.1, 5.0]
    assert b"1 1 7 8.1 2.5 2 -1\n" in write_swc(replace(file.tree, points=points), file)


def test_a_node_whose_id_was_taken_is_named_where_others_need_it() -> None:
    file = read_swc(b"1 1 0 0 0 1 -1\n1 3 1 0 0 1 1\n2 3 2 0 0 1 1\n")
    below_the_second = replace(file.tree, parents=np.array([NO_PARENT, 0, 1]))
    made = write_swc(below_the_second, file)
    assert made == b"1 1 0 0 0 1 -1\n3 3 1 0 0 1 1\n2 3 2 0 0 1 3\n"
    assert alike(read_swc(made).tree, below_the_second)


def test_a_tree_alone_is_written() -> None:
    tree = read_swc(PLAIN).tree
    assert alike(read_swc(write_swc(tree)).tree, tree)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(PLAIN, mtime=0), "gzip"),
        (b"PK\x03\x04" + bytes(30), "ZIP"),
        (bytes(344) + b"n+1\x00", "NIfTI"),
        (b"\x00\x01\x02" * 50, "binary"),
        (b"<!DOCTYPE html><p>Not found", "web page"),
        (b"", "empty"),
        (b"one\ntwo\n", "no line of it is a node"),
        (b"a,b,c\n" * 2000, "of the first 1,000 lines none is a node"),
    ],
    ids=["gzip", "zip", "nifti", "binary", "page", "nothing", "words", "table"],
)
def test_what_is_no_tracing_is_refused_in_words(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "neuron.swc"
    path.write_bytes(content)
    with pytest.raises(AnnotatorError, match=rf"neuron\.swc.*{words}"):
        read_swc_file(path)


def test_comments_alone_are_an_empty_tree() -> None:
    file = both_ways(b"# nothing yet\n")
    assert len(file.tree) == 0
    one = make_tree(np.ones((1, 3)), np.array([NO_PARENT]))
    assert write_swc(one, file) == b"# nothing yet\n1 0 1 1 1 1 -1\n"


def test_a_file_of_too_many_lines_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swc_lines, "MOST_LINES", 3)
    with pytest.raises(AnnotatorError, match="more than 3 nodes"):
        read_swc(PLAIN)


def test_wrong_lines_that_follow_each_other_are_one_event() -> None:
    file = both_ways(PLAIN + b"a\nb\n\nc\n" + b"3 3 0 0 0 1 77\n" * 1500)
    by_check = [finding.check for finding in file.findings]
    assert by_check.count("no-node-line") == 2
    assert "So are the 1 lines after it" in file.findings[0].why
    assert by_check.count("duplicate-id") == by_check.count("missing-parent") == 1000
    assert "500 more" in file.findings[-1].why


def test_a_very_long_line() -> None:
    file = both_ways(PLAIN + b"5 3 4 0 0 1 4 " + b"9" * 100_000 + b"\n" + b"x" * 100_000)
    assert len(file.tree) == 5
    assert max(len(finding.why) for finding in file.findings) < 300


def test_fresh_ids_are_free() -> None:
    ids = np.array([1, 3, (1 << 63) - 1])
    assert fresh_ids(ids, 3).tolist() == [2, 4, 5]


@pytest.mark.skipif(not NEURONS.exists(), reason="the shared neurons are not there")
def test_real_files_come_back_byte_by_byte() -> None:
    paths = [*NEURONS.glob("rivulet/*.swc"), *NEURONS.glob("bigneuron/12/*.swc")]
    assert len(paths) > 20
    for path in paths:
        file = read_swc_file(path)
        assert len(file.tree)
        assert write_swc(file.tree, file) == path.read_bytes()

"""Tracings from files and into files, the queue as a job, the report."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.tracing.editable import EditableTree, nodes_of
from annotator.analysis.tracing.swc import read_swc_file
from annotator.analysis.tracing.swc_writing import write_swc
from annotator.analysis.tracing.tree import make_tree
from annotator.api import no_progress
from annotator.api.tracing import TracedImage
from annotator.domain.errors import AnnotatorError
from annotator.domain.trace_review import TraceOffer
from annotator.domain.tracing import TraceFinding
from annotator.jobs.handlers import HANDLERS
from annotator.jobs.trace_adjudicating import adjudicate
from annotator.jobs.trace_files import read_tracing, write_tracing
from annotator.jobs.trace_finding import merge_reasons
from tests.unit.project_builder import make_session
from tests.unit.tracing.test_trace_session import YES, add_traced, neuron, review

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.study import Case
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

SPACING_UM = (2.0, 0.5, 0.5)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        yield opened


@pytest.fixture
def case(session: Session) -> Case:
    session.add_rater("Rita")
    return add_traced(session)


def along_bright(points: NDArray[np.float64]) -> TracedImage:
    """Return an image that is bright where these points (µm) lie and dark elsewhere."""
    voxels = np.zeros((12, 300, 200), np.uint8)
    z, y, x = np.rint(points[:, ::-1] / SPACING_UM).astype(int).T
    voxels[z, y, x] = 200
    return TracedImage(voxels=voxels, spacing_um=SPACING_UM)


def put(path: Path, tree: Tree) -> Path:
    path.write_bytes(write_swc(tree))
    return path


def test_the_unit_is_found_by_what_fits_and_told(tmp_path: Path) -> None:
    tree = neuron()
    tree.points[:, 2] = 8.0  # in either unit inside the image
    image = along_bright(tree.points)
    in_voxels = make_tree(tree.points / SPACING_UM[::-1], tree.parents)
    um = read_tracing(put(tmp_path / "um.swc", tree), image)
    voxel = read_tracing(put(tmp_path / "voxel.swc", in_voxels), image)
    assert (um.unit, voxel.unit) == ("um", "voxel")
    assert "brighter" in um.told
    np.testing.assert_allclose(voxel.tree.points, um.tree.points)
    np.testing.assert_allclose(voxel.tree.radii, 0.5)
    asked = read_tracing(tmp_path / "um.swc", image, "voxel")
    assert asked.told == "read in voxels, as asked for"


def test_the_unit_by_which_more_lies_inside_is_taken(tmp_path: Path) -> None:
    image = TracedImage(voxels=np.zeros((12, 300, 200)), spacing_um=SPACING_UM)
    far = make_tree(np.array([[190.0, 290.0, 11.0]]), np.array([-1]))
    read = read_tracing(put(tmp_path / "far.swc", far), image)
    assert read.unit == "voxel"
    assert read.told == "read in voxels: 100% of its nodes lie in the image then, 0% in µm"
    away = make_tree(np.full((3, 3), 1e5), np.array([-1, 0, 1]))
    with pytest.raises(AnnotatorError, match=r"does not lie in the image.*--unit um"):
        read_tracing(put(tmp_path / "away.swc", away), image)
    assert len(read_tracing(tmp_path / "away.swc", image, "um").tree) == 3


def test_depth_does_not_count_over_a_projection(tmp_path: Path) -> None:
    image = TracedImage(voxels=np.zeros((1, 300, 200)), spacing_um=(1.0, 1.0, 1.0))
    read = read_tracing(put(tmp_path / "deep.swc", neuron()), image)
    assert read.unit == "um"
    assert read.tree.points[0, 2] == 20.0


def test_a_file_becomes_a_tracing_or_the_start_of_one(
    session: Session, case: Case, tmp_path: Path
) -> None:
    path = put(tmp_path / "auto.swc", neuron())
    annotation, read = session.add_tracing_file(
        case.case_id, "APP2", path, unit="um", is_automatic=True
    )
    assert session.store.rater("APP2").is_model
    assert (read.unit, annotation.revision) == ("um", 1)
    again, _ = session.add_tracing_file(case.case_id, "APP2", path, unit="um")
    assert again == annotation
    with pytest.raises(AnnotatorError, match="is a person"):
        session.add_tracing_file(case.case_id, "Rita", path, unit="um", is_automatic=True)
    session.assign()
    session.draft_tracing_file(case.case_id, "Rita", path, unit="um")
    room = session.rater_room(session.store.rater("Rita").rater_id)
    opened = room.open_tracing(case.case_id)
    assert len(opened.drawing.tree) == 80
    assert opened.drawing.undo() is not None
    assert len(opened.drawing.tree) == 0
    opened.close()
    with pytest.raises(AnnotatorError, match="cannot be read"):
        session.add_tracing_file(case.case_id, "Rita", tmp_path / "none.swc")
    assert session.store.verify() == ()


def test_what_is_exported_reads_back_equal(session: Session, case: Case, tmp_path: Path) -> None:
    tree = neuron()
    tree.points[3] += 1 / 3
    for name in ("Ada", "Ada!"):
        rater = session.add_rater(name)
        session.store.add_tracing(case.case_id, rater.rater_id, tree, YES, actor="system")
    opened = review(session, case)
    for item in opened.items:
        opened.decide(item.region, "keep", reason="right")
    opened.sign_off(YES)
    report = session.export_here(str(tmp_path / "out"), "swc")
    names = [entry["name"] for entry in report["files"]]
    assert len(names) == 4
    assert {"Neuron_adjudicated.swc", "Neuron_findings.csv", "Neuron_reading-Ada.swc"} < set(names)
    again = read_swc_file(tmp_path / "out" / "Neuron_adjudicated.swc").tree
    assert nodes_of(again).is_same(nodes_of(EditableTree(tree).tree()))
    with (tmp_path / "out" / "Neuron_findings.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == sum(len(item.reasons) for item in opened.items)
    assert {row["verdict"] for row in rows} <= {"keep"}
    nothing = session.export_here(str(tmp_path / "masks"), "nifti")
    assert nothing["files"] == []


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.full((2, 3), np.nan)])
def test_odd_trees_are_written_too(tmp_path: Path, points: NDArray[np.float64]) -> None:
    tree = make_tree(points, np.arange(-1, len(points) - 1))
    path = write_tracing(tmp_path / "odd.swc", tree)
    if len(tree):
        assert nodes_of(read_swc_file(path).tree).is_same(nodes_of(tree))


def test_the_queue_is_found_by_a_job_and_reported(
    session: Session, case: Case, tmp_path: Path
) -> None:
    store, registry = session.store, session.registry
    with pytest.raises(AnnotatorError, match="nobody has traced"):
        HANDLERS["trace findings"](store, registry, {}, no_progress)
    with pytest.raises(AnnotatorError, match="no traced case was looked through"):
        session.trace_report(tmp_path / "report.html")
    for name, tree in (("Ada", neuron(left=False)), ("<Ben>", neuron())):
        rater = session.add_rater(name)
        store.add_tracing(case.case_id, rater.rater_id, tree, YES, actor="system")
    done = HANDLERS["trace findings"](store, registry, {"cases": [case.title]}, no_progress)
    kept = store.trace_findings(case.case_id)
    assert kept is not None
    assert done["findings"] == [
        {
            "case": case.case_id,
            "places": len(kept.items),
            "at_stake_um": sum(item.at_stake_um for item in kept.items),
        }
    ]
    opened = review(session, case)
    offered = next(item for item in opened.items if item.offers)
    opened.decide(offered.region, "take", reason="missed")
    for region in opened.undecided():
        opened.decide(region, "uncertain", reason="unclear", comment="too dark")
    opened.sign_off(YES)
    result = HANDLERS["trace report"](
        store, registry, {"path": str(tmp_path / "report.html")}, no_progress
    )
    assert result["n_cases"] == 1
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "&lt;Ben&gt;" in text
    assert "<Ben>" not in text
    for words in ("missing-branch", "take: missed", "Signed off by Rita", "taken away"):
        assert words in text
    cells = re.findall(r"added</th><td><span class=\"value\">(\d+)<", text)
    assert cells == ["20"]


def finding(check: str, x_um: float, impact_um: float) -> TraceFinding:
    return TraceFinding(
        check=check,
        source="shape",
        severity="hint",
        node_id=1,
        node_ids=(1,),
        point_um=(x_um, 0.0, 0.0),
        value=None,
        threshold=None,
        unit="",
        impact_um=impact_um,
        probability=0.5,
        why=check,
    )


def test_reasons_near_each_other_are_one_place() -> None:
    offer = TraceOffer(annotation_id="a", rater_id="b", node_ids=(1,), to_id=1, length_um=1.0)
    items = merge_reasons(
        [
            (finding("small", 3.0, 2.0), (offer,)),
            (finding("far", 20.0, 6.0), ()),
            (finding("large", 0.0, 10.0), ()),
            (finding("nowhere", float("nan"), 1.0), ()),
        ],
        5.0,
    )
    assert [[reason.check for reason in item.reasons] for item in items] == [
        ["large", "small", "nowhere"],
        ["far"],
    ]
    assert [item.region for item in items] == [1, 2]
    assert items[0].offers == (offer,)
    assert merge_reasons([]) == ()


def test_verdicts_do_not_depend_on_the_order_they_were_given_in(
    session: Session, case: Case
) -> None:
    for name, tree in (("Ada", neuron(left=False)), ("Ben", neuron())):
        rater = session.add_rater(name)
        session.store.add_tracing(case.case_id, rater.rater_id, tree, YES, actor="system")
    opened = review(session, case)
    item = next(item for item in opened.items if item.offers)
    opened.decide(item.region, "take", reason="missed")
    (take,) = opened.verdicts.values()
    trees = {one.annotation.annotation_id: one.tree for one in opened.readings}
    cut = replace(take, region=99, choice="cut", node_id=12, annotation_id=None, taken=())
    one, other = (adjudicate(opened.tree, order, trees) for order in ((take, cut), (cut, take)))
    assert nodes_of(one).is_same(nodes_of(other))
    assert len(one) == 60 + len(take.taken) - 29 - 20

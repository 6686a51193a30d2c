"""Agreement on marks over a project, in the report, and in the review room."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.api import no_progress
from annotator.cli import main
from annotator.domain.geometry import Geometry
from annotator.domain.marks import Mark
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Landmark
from annotator.domain.study import Series
from annotator.jobs.agreement_report import report_agreement
from annotator.jobs.mark_scale import scale_of_marks
from annotator.jobs.report_html import picture_address, sections_of
from annotator.jobs.report_panels import LIGHT
from annotator.jobs.report_pictures import PICTURES
from tests.unit.project_builder import SCHEMA, SHAPE, add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.domain.study import SeriesKind
    from annotator.jobs.agreement_facts import AgreementReport
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

MARKED = replace(
    SCHEMA,
    fields=(),
    landmarks=(Landmark(key="spur", title="Scleral spur"), Landmark(key="apex", title="Apex")),
)
SPACING = np.array([2.0, 0.5, 0.5])
N_CASES = 4
RATERS = ("Ada", "Ben", "Cem", "Net")
# What each rater sets the spur off by: in voxels (z, y, x); Ben 2 mm to the back, Net far away.
OFFSETS = {"Ada": (0, 0, 0), "Ben": (0, 4, 0), "Cem": (0, 0, 1), "Net": (1.5, 0, 0)}


def marks_of(rater: str, case: int) -> list[Mark]:
    """Return what a rater marked on a case: the truth, a little off, and not everything."""
    z, y, x = 1.0, 2.0 + case / 4, 3.0
    off_z, off_y, off_x = OFFSETS[rater]
    found = []
    if not (rater == "Cem" and case == 0):
        place = (z + off_z, y + off_y, x + off_x)
        found.append(Mark(mark_id=1, kind="landmark", name="spur", places=(place,)))
    if rater == "Net":
        return found
    apex = ((0.0, 1.0, 1.0),)
    if rater == "Ada":
        found.append(Mark(mark_id=2, kind="landmark", name="apex", places=apex))
    length = 6 + case + (0.5 if rater == "Ben" else 0.0)
    line = ((0.0, 1.0, 2.0), (0.0, 1.0 + length, 2.0))
    found.append(Mark(mark_id=3, kind="line", label=1, places=line))
    found.append(Mark(mark_id=4, kind="point", places=((0.0, 0.0, 9.0),)))
    if rater != "Ada":
        found.append(Mark(mark_id=5, kind="point", places=((3.0, 11.0, 9.0),)))
    corner = 4.0 if rater == "Ada" else 3.0
    box = ((0.0, 0.0, 0.0), (corner, 4.0, 4.0))
    found.append(Mark(mark_id=6, kind="box", name="lesion", places=box))
    return found


def fill(session: Session, *, is_drawn: bool = False) -> None:
    session.store.set_schema(MARKED, actor="system")
    for name in RATERS:
        session.store.add_rater(name, is_model=name == "Net", actor="system")
    empty = np.zeros(SHAPE, np.uint8)
    for number in range(N_CASES):
        case = add_case(session, number + 1)
        for name in RATERS:
            mask = block(((0, 0, 0), (1, 3, 3))) if is_drawn else empty
            session.store.add_annotation(
                case.case_id,
                session.store.rater(name).rater_id,
                encode(mask),
                Diagnosis(),
                marks=marks_of(name, number),
                actor="system",
            )


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with make_session(tmp_path_factory.mktemp("marks")) as opened:
        fill(opened)
        yield opened


@pytest.fixture(scope="module")
def report(session: Session) -> AgreementReport:
    from annotator.jobs.agreement_report import ReportSettings

    return report_agreement(
        session.store,
        session.registry,
        session.store.cases(),
        no_progress,
        ReportSettings(include_models=True, mark_limit_mm=3.0),
    )


def test_landmarks_are_compared_in_mm_and_missing_ones_counted(report: AgreementReport) -> None:
    spur, apex = report.marks.landmarks
    assert (spur.title, spur.unit, spur.n_cases) == ("Scleral spur", "mm", 4)
    assert (spur.n_read, spur.n_missing) == (12, 1)
    places = {
        (name, case): np.multiply(mark.places[0], SPACING)
        for name, case in itertools.product(("Ada", "Ben", "Cem"), range(N_CASES))
        for mark in marks_of(name, case)
        if mark.name == "spur"
    }
    apart = [
        [
            float(np.linalg.norm(places[one, case] - places[other, case]))
            for one, other in itertools.combinations(("Ada", "Ben", "Cem"), 2)
            if (one, case) in places and (other, case) in places
        ]
        for case in range(N_CASES)
    ]
    assert spur.distance.value == pytest.approx(np.mean([np.mean(own) for own in apart]))
    everything = list(itertools.chain(*apart))
    assert spur.spread.n == len(everything)
    assert spur.spread.p95 == pytest.approx(np.percentile(everything, 95))
    assert spur.within == pytest.approx((8 / 11, 1, 1, 1))
    by_name = {report.rater_name(one.rater_id): one for one in spur.raters}
    ben = by_name["Ben"]
    assert ben.offset is not None
    x, y, z = (estimate.value for estimate in ben.offset)
    assert (y, z) == pytest.approx((2.0, 0.0))
    assert x == pytest.approx(-0.25 * 3 / 4), "in three cases between Ada and Cem"
    assert (by_name["Cem"].n_read, by_name["Cem"].n_missing) == (4, 1)
    net = by_name["Net"]
    assert net.within[0] == 0.0
    assert net.distance.value is not None
    assert net.distance.value > 3.0
    assert (apex.n_cases, apex.n_missing, apex.distance.value) == (0, 8, None)
    assert apex.points == ()
    assert [report.rater_name(one.rater_id) for one in apex.raters] == list(RATERS[:3]), (
        "no model sets it"
    )


def test_other_marks_are_matched_and_measured(report: AgreementReport) -> None:
    rows = {(row.kind, row.label): row for row in report.marks.matched}
    line, point, box = rows["line", 1], rows["point", 0], rows["box", 0]
    assert (line.label_name, line.n_marks, line.f1.value) == ("Lesion", 12, 1.0)
    first = line.pairs[0]
    assert [report.rater_name(name) for name in (first.rater_a, first.rater_b)] == ["Ada", "Ben"]
    assert first.difference is not None
    assert first.difference.bias.value == pytest.approx(-0.25)
    assert first.compared == pytest.approx(0.25 * 0.25 / 3.25 / 2 * 0.5, abs=0.02)
    assert line.icc is not None
    agreed = line.icc.form("C,1").value
    assert agreed == pytest.approx(1.0)
    assert point.f1.value == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    with_ada = point.pairs[0]
    assert (with_ada.precision, with_ada.recall) == (0.5, 1.0)
    assert (with_ada.n_a, with_ada.n_b, with_ada.n_matched) == (4, 8, 4)
    assert box.pairs[0].compared == pytest.approx(3 / 4), "the overlap"
    assert box.size is None
    assert len(box.pairs) == 3, "without the model, which sets none"


def test_a_project_of_marks_only_has_a_report(report: AgreementReport) -> None:
    assert json.loads(json.dumps(report.as_document()))["marks"]["landmarks"][0]["name"] == "spur"
    sections = sections_of(report)
    keys = [section.key for section in sections]
    assert "marks" in keys
    assert not {"agreement", "pairs", "cases"} & set(keys)
    text = str(sections)
    for words in (
        "Scleral spur: two raters set it",
        "geometric median of the raters",
        "1 of 12",
        "Line of Lesion",
        "Box “lesion”",
        "to the back",
    ):
        assert words in text
    (picture,) = (one for one in PICTURES if one.has_content(report))
    assert picture.key == "landmarks"
    assert picture_address(picture, report, LIGHT).startswith("data:image/svg+xml;base64,")
    assert "3 people set marks, and submitted 12 readings" in text


def test_marks_stand_beside_masks_and_a_project_without_any_says_nothing(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        session.store.set_schema(MARKED, actor="system")
        case = add_case(session, 1)
        for name in ("Ada", "Ben"):
            rater = session.add_rater(name)
            mask = encode(block(((0, 0, 0), (1, 3, 3))))
            session.store.add_annotation(
                case.case_id, rater.rater_id, mask, Diagnosis(), actor="system"
            )
        report = report_agreement(session.store, session.registry, [case], no_progress)
    assert report.marks.is_empty
    assert "marks" not in [section.key for section in sections_of(report)]


def test_the_reviewer_sees_the_marks_of_all_and_their_consensus(session: Session) -> None:
    reviewer = session.store.rater("Ada")
    room = session.review_room(reviewer.rater_id)
    case = session.store.cases()[1]
    opened = room.open_case(case.case_id)
    found = opened.marks
    ids = {name: session.store.rater(name).rater_id for name in RATERS}
    assert set(found.by_rater) == {ids[name] for name in RATERS[:3]}, "models were not asked for"
    assert found.by_rater[ids["Ben"]] == tuple(marks_of("Ben", 1))
    assert found.unit == "mm"
    spur = next(group for group in found.groups if group.key.name == "spur")
    assert set(spur.marks) == {ids[name] for name in RATERS[:3]}
    assert spur.consensus == pytest.approx((1.0, 2.25, 3.0), abs=0.5)
    assert spur.distances[ids["Ben"]] > spur.distances[ids["Ada"]]
    opened.close()


def test_the_command_line_tells_the_same(
    session: Session, report: AgreementReport, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare-marks", str(session.store.location), "--models", "--limit", "3"]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["marks"] == json.loads(json.dumps(report.as_document()["marks"]))
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "Scleral spur over 4 cases: two raters 1.64 mm apart" in out
    assert "Ada and Ben: 4 matched of 4 and 8, F1 0.67, 0.00 mm apart" in out
    assert "box “lesion” over 4 cases: F1 1.00, overlap 0.83" in out


@pytest.mark.parametrize(
    ("kind", "is_calibrated", "unit", "position"),
    [
        ("volume", True, "mm", (11.5, -8.0, 35.0)),
        ("picture", False, "px", (3.0, 2.0, 1.0)),
        ("video", True, "px", (3.0, 2.0, 1.0)),
    ],
)
def test_marks_are_in_mm_only_where_the_image_has_a_scale_in_space(
    kind: SeriesKind, is_calibrated: bool, unit: str, position: tuple[float, float, float]
) -> None:
    geometry = Geometry(
        shape=(4, 5, 6),
        spacing_mm=(5.0, 1.0, 0.5),
        origin_mm=(10.0, -10.0, 30.0),
        is_calibrated=is_calibrated,
        is_time=kind == "video",
    )
    series = Series(
        series_id="s", kind=kind, modality="OT", description="", geometry=geometry, dtype="uint8"
    )
    scale = scale_of_marks(series)
    assert scale.unit == unit
    assert scale.spacing == (geometry.spacing_mm if unit == "mm" else (1.0, 1.0, 1.0))
    assert scale.position((1.0, 2.0, 3.0)) == position

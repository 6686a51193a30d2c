"""Marks leave as tables and as markups files, and come back from those that others wrote."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.api import series_id
from annotator.domain.errors import UnreadableError
from annotator.domain.geometry import Geometry
from annotator.domain.marks import Mark
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Landmark
from annotator.domain.study import Series
from annotator.drawing.mark_measures import image_surface, measure_mark
from annotator.jobs.mark_files import SCHEMA, read_marks, write_marks
from annotator.jobs.mark_tables import marks_table
from annotator.session.adding_marks import add_marks
from tests.unit.project_builder import SCHEMA as LABELS
from tests.unit.project_builder import SHAPE, add_case, block, make_session

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

MARKED = replace(LABELS, landmarks=(Landmark(key="spur", title="Scleral spur"),))
TURN = math.radians(30)
OBLIQUE = Geometry(
    shape=(20, 30, 40),
    spacing_mm=(3.0, 0.5, 0.8),
    origin_mm=(-40.0, 12.5, 900.0),
    direction=(
        math.cos(TURN), 0.0, math.sin(TURN),
        0.0, -1.0, 0.0,
        math.sin(TURN), 0.0, -math.cos(TURN),
    ),
)  # fmt: skip
MARKS = (
    Mark(mark_id=1, kind="landmark", name="spur", places=((2.0, 3.25, 4.5),)),
    Mark(mark_id=2, kind="point", label=2, places=((0.0, 0.0, 0.0),)),
    Mark(mark_id=3, kind="line", name="long", places=((1.0, 2.0, 3.0), (1.0, 12.0, 3.0))),
    Mark(mark_id=4, kind="line", places=((1.0, 2.0, 3.0), (2.0, 12.0, 3.0), (2.0, 0.0, 7.5))),
    Mark(mark_id=5, kind="angle", places=((1.0, 2.0, 3.0), (1.0, 12.0, 3.0), (1.0, 4.0, 9.0))),
    Mark(mark_id=6, kind="area", label=1, places=((1.0, 2.0, 3.0), (1.0, 9.0, 3.0), (1.0, 4, 9))),
    Mark(mark_id=7, kind="box", places=((1.0, 2.0, 9.0), (4.0, 12.0, 3.0))),
)
# What the published schema of markups asks for, as far as it concerns what is written here.
_TRIPLE = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
_POINT = {
    "properties": {
        "id": {"type": "string"},
        "label": {"type": "string"},
        "description": {"type": "string"},
        "position": _TRIPLE,
        "positionStatus": {"enum": ["undefined", "preview", "defined"]},
    }
}
_MARKUP = {
    "required": ["type"],
    "properties": {
        "type": {"enum": ["Fiducial", "Line", "Angle", "Curve", "ClosedCurve", "Plane", "ROI"]},
        "coordinateSystem": {"enum": ["LPS", "RAS"]},
        "coordinateUnits": {"enum": ["mm", "um"]},
        "roiType": {"type": "string"},
        "center": _TRIPLE,
        "size": _TRIPLE,
        "orientation": _TRIPLE | {"minItems": 9, "maxItems": 9},
        "controlPoints": {"type": "array", "items": _POINT},
        "measurements": {
            "type": "array",
            "items": {"properties": {"name": {"type": "string"}, "value": {"type": "number"}}},
        },
    },
}
PUBLISHED = {
    "required": ["@schema", "markups"],
    "properties": {"@schema": {"type": "string"}, "markups": {"type": "array", "items": _MARKUP}},
}


def written(path: Path, geometry: Geometry = OBLIQUE) -> Path:
    surface = image_surface(None, geometry)
    marks = [(mark, measure_mark(mark, surface)) for mark in MARKS]
    return write_marks(path / "a.mrk.json", marks, geometry, MARKED)


def test_marks_are_written_as_the_published_format_asks_and_read_back(tmp_path: Path) -> None:
    path = written(tmp_path)
    document = json.loads(path.read_text())
    pytest.importorskip("jsonschema", reason="jsonschema is not installed").validate(
        document, PUBLISHED
    )
    assert document["@schema"] == SCHEMA
    markups = document["markups"]
    assert [markup["type"] for markup in markups] == [
        "Fiducial", "Fiducial", "Line", "Curve", "Angle", "ClosedCurve", "ROI",
    ]  # fmt: skip
    spur = markups[0]["controlPoints"][0]
    assert spur["label"] == "spur"
    assert spur["position"] == pytest.approx(OBLIQUE.to_lps_mm(MARKS[0].places[0]))
    assert markups[1]["controlPoints"][0]["description"] == "Organ"
    assert markups[2]["measurements"] == [
        {"name": "length", "enabled": True, "value": 5.0, "units": "mm"}
    ]
    box = markups[6]
    axes = np.reshape(box["orientation"], (3, 3))
    assert box["size"] == pytest.approx([6 * 0.8, 10 * 0.5, 3 * 3.0])
    far = np.array(box["center"]) + axes @ (np.array(box["size"]) / 2)
    assert far == pytest.approx(OBLIQUE.to_lps_mm((4.0, 12.0, 9.0)))
    again = read_marks(path, OBLIQUE, MARKED, first_id=11)
    assert [mark.mark_id for mark in again] == list(range(11, 18))
    for mark, found in zip(MARKS, again, strict=True):
        assert (found.kind, found.name, found.label) == (mark.kind, mark.name, mark.label)
        places = np.sort(mark.places, axis=0) if mark.kind == "box" else mark.places
        np.testing.assert_allclose(found.places, places, atol=1e-9)


def test_places_that_two_roundings_are_as_near_to_are_written(tmp_path: Path) -> None:
    places = np.random.default_rng(0).integers(0, 600, (40, 3)) / 32
    marks = [
        Mark(mark_id=number, kind="line", places=tuple(map(tuple, places[number - 1 :].tolist())))
        for number in range(1, 39)
    ]
    surface = image_surface(None, OBLIQUE)
    measured = [(mark, measure_mark(mark, surface)) for mark in marks]
    path = write_marks(tmp_path / "a.mrk.json", measured, OBLIQUE, MARKED)
    for mark, found in zip(marks, read_marks(path, OBLIQUE, MARKED), strict=True):
        np.testing.assert_allclose(found.places, mark.places, atol=1e-9)


def test_files_of_others_are_read(tmp_path: Path) -> None:
    x, y, z = OBLIQUE.to_lps_mm((2.0, 3.0, 4.0))
    points = [
        {"label": "scleral SPUR", "position": [-x, -y, z]},
        {"label": "F-2", "position": [-x, -y, z]},
        {"label": "never placed", "position": [], "positionStatus": "undefined"},
    ]
    far = [value * 1000 for value in (x, y, z)]
    content = {
        "@schema": SCHEMA,
        "markups": [
            {"type": "Fiducial", "coordinateSystem": "RAS", "controlPoints": points},
            {"type": "Plane", "controlPoints": []},
            {
                "type": "Line",
                "coordinateUnits": ["um", "UCUM", "micrometer"],
                "controlPoints": [{"position": far}, {"position": [0.0, 0.0, 0.0]}],
            },
        ],
    }
    path = tmp_path / "other.mrk.json"
    path.write_text(json.dumps(content))
    spur, second, line = read_marks(path, OBLIQUE, MARKED)
    assert (spur.kind, spur.name) == ("landmark", "spur")
    assert (second.kind, second.name) == ("point", "F-2")
    for mark in (spur, second, line):
        np.testing.assert_allclose(mark.places[0], (2.0, 3.0, 4.0), atol=1e-9)
    document = json.loads(written(tmp_path).read_text())
    box = document["markups"][6]
    box["coordinateSystem"] = "RAS"
    box["center"][:2] = [-value for value in box["center"][:2]]
    box["orientation"][:6] = [-value for value in box["orientation"][:6]]
    path.write_text(json.dumps({"markups": [box]}))
    np.testing.assert_allclose(
        read_marks(path, OBLIQUE, MARKED)[0].places, ((1, 2, 3), (4, 12, 9)), atol=1e-9
    )
    straight = replace(OBLIQUE, direction=Geometry(shape=(1, 1, 1)).direction)
    with pytest.raises(UnreadableError, match="turned against the axes"):
        read_marks(path, straight, MARKED)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"markups": [{}]}',
        '{"markups": [{"type": "Line", "controlPoints": []}]}',
        '{"markups": [{"type": "Fiducial", "controlPoints": [{"position": [1, 2]}]}]}',
        '{"markups": [{"type": "Fiducial", "coordinateUnits": "inch"}]}',
        '{"markups": [{"type": "ROI", "controlPoints": []}]}',
    ],
)
def test_what_is_no_markups_file_is_told_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.mrk.json"
    path.write_text(text)
    with pytest.raises(UnreadableError, match=r"x\.mrk\.json"):
        read_marks(path, OBLIQUE, MARKED)


def test_a_project_gives_out_the_marks_of_its_readings(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        session.store.set_schema(MARKED, actor="system")
        case = add_case(session, 1)
        for name, marks in (("Ada", MARKS[:3]), ("Ben", ())):
            rater = session.add_rater(name)
            mask = encode(block(((0, 0, 0), (1, 2, 2))))
            session.store.add_annotation(
                case.case_id, rater.rater_id, mask, Diagnosis(), marks=marks, actor="system"
            )
        out = tmp_path / "out"
        session.export_here(str(out), "csv")
        report = session.export_here(str(out), "mrk.json")
        geometry = session.store.series(case.series_ids[0]).geometry
        image = np.asarray(session.store.voxels(case.series_ids[0]))
    with (out / "marks.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["rater"], row["kind"]) for row in rows] == [
        ("Ada", "landmark"), ("Ada", "point"), ("Ada", "line"),
    ]  # fmt: skip
    assert (rows[0]["name"], rows[0]["title"], rows[1]["label_name"]) == (
        "spur", "Scleral spur", "Organ",
    )  # fmt: skip
    assert rows[0]["places_voxel"] == "2.0;3.25;4.5"
    assert rows[0]["positions"] == "2.25;1.625;4.0"
    assert (rows[2]["length"], rows[2]["unit"], rows[0]["length"]) == ("5.0", "mm", "")
    assert float(rows[1]["mean"]) == image[0, 0, 0]
    assert [entry["name"] for entry in report["files"]] == ["Case-1_reading-Ada.mrk.json"]
    assert len(read_marks(out / "Case-1_reading-Ada.mrk.json", geometry, MARKED)) == 3
    assert geometry.shape == SHAPE


def test_marks_on_a_video_are_measured_in_the_unit_that_is_told(tmp_path: Path) -> None:
    geometry = Geometry(shape=(2, 8, 10), spacing_mm=(1.0, 0.25, 0.25), is_time=True)
    voxels = np.zeros(geometry.shape, np.uint8)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="video",
        modality="US",
        description="",
        geometry=geometry,
        dtype="uint8",
    )
    line = Mark(mark_id=1, kind="line", places=((0.0, 0.0, 0.0), (0.0, 4.0, 0.0)))
    with make_session(tmp_path) as session:
        store, ada = session.store, session.add_rater("Ada")
        store.add_series(series, voxels, actor="system")
        case = store.add_case("Heart", [series.series_id], actor="system")
        store.add_annotation(
            case.case_id, ada.rater_id, encode(voxels), Diagnosis(), marks=[line], actor="system"
        )
        (row,) = marks_table(store, [case], {ada.rater_id: ada}, LABELS).rows
    assert (row["unit"], row["length"]) == ("px", 4.0)
    assert row["positions"] == [0.0, 0.0, 0.0, 0.0, 4.0, 0.0]


def test_marks_from_a_file_take_the_place_of_those_of_the_last_reading(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        store = session.store
        store.set_schema(MARKED, actor="system")
        case, ada = add_case(session, 1), session.add_rater("Ada")
        geometry = store.series(case.series_ids[0]).geometry
        path = write_marks(
            tmp_path / "a.mrk.json",
            [(MARKS[0], measure_mark(MARKS[0], image_surface(None, geometry)))],
            geometry,
            MARKED,
        )
        words = (store, case.case_id, ada.rater_id, path)
        first, marks = add_marks(*words, actor="system")
        assert (first.revision, len(marks), marks[0].mark_id) == (1, 1, 1)
        assert add_marks(*words, actor="system")[0] == first, "the same once more"
        mask = encode(block(((0, 0, 0), (1, 2, 2))))
        answers = Diagnosis(answers=(("dx", "yes"),))
        drawn = store.add_annotation(
            case.case_id, ada.rater_id, mask, answers, marks=[MARKS[1]], actor="system"
        )
        again, marks = add_marks(*words, actor="system")
        assert (again.parent_id, again.diagnosis) == (drawn.annotation_id, answers)
        assert [(mark.mark_id, mark.name) for mark in marks] == [(3, "spur")], "numbers go on"
        kept = store.annotation_mask(again.annotation_id)
        assert kept.slabs.keys() == mask.slabs.keys()
        document = json.loads(path.read_text())
        document["markups"][0]["controlPoints"][0]["position"] = [0.0, 0.0, 99.0]
        path.write_text(json.dumps(document))
        with pytest.raises(UnreadableError, match=r"“spur” lies outside the image, at voxel \(49"):
            add_marks(*words, actor="system")
        path.write_text('{"markups": []}')
        with pytest.raises(UnreadableError, match="holds no marks"):
            add_marks(*words, actor="system")
        assert store.verify() == ()

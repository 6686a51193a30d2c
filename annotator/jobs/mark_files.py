"""Marks as markups files (``.mrk.json``), as 3D Slicer reads and writes them.

The format is that of Slicer's published schema of markups, version 1.0.3: LPS positions in mm.
Every mark goes by its kind: points and landmarks into two lists of fiducials, a line of two places
as ``Line`` and a longer one as ``Curve``, an area as ``ClosedCurve``, a box as ``ROI`` along the
axes of the image. A control point's ``label`` is the name, its ``description`` the label's name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.api import checked_file
from annotator.domain.errors import AnnotatorError, IntegrityError, UnreadableError
from annotator.domain.marks import Mark, sound_mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry
    from annotator.domain.marks import MarkKind, Place
    from annotator.domain.schema import LabelSchema
    from annotator.drawing.mark_measures import MarkMeasures

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/"
    "Resources/Schema/markups-schema-v1.0.3.json#"
)
_LISTS: dict[MarkKind, str] = {"landmark": "Landmarks", "point": "Points"}
_KINDS: dict[str, MarkKind] = {
    "Line": "line",
    "Curve": "line",
    "Angle": "angle",
    "ClosedCurve": "area",
}
_PER_MM = {"mm": 1.0, "um": 1000.0}
_TURNED = 1e-3
"""How far the axes of a box may differ from those of the image: what rounding in files leaves."""
_OFF = 1e-4
"""Voxels that a place may lie off when it is read back."""


def write_marks(
    path: Path,
    marks: Sequence[tuple[Mark, MarkMeasures]],
    geometry: Geometry,
    schema: LabelSchema,
) -> Path:
    """Write marks on a grid, with what they measure, and read them back."""
    document = {"@schema": SCHEMA, "markups": list(_markups(marks, geometry, schema))}
    with checked_file(path) as part:
        part.write_text(
            json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n",
            encoding="utf-8",
        )
        if not _are_same(read_marks(part, geometry, schema), [mark for mark, _ in marks]):
            raise IntegrityError(f"{path} reads back with other marks than were written")
    return path


def read_marks(
    path: Path, geometry: Geometry, schema: LabelSchema, *, first_id: int = 1
) -> tuple[Mark, ...]:
    """Return the marks in a markups file, on a grid; numbered from ``first_id``.

    A fiducial whose label is the key or the title of a landmark of the schema is that landmark.
    Planes and fiducials that were never placed are left out. Raises UnreadableError in words.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        markups = document["markups"]
        found = [mark for markup in markups for mark in _marks_of(markup, geometry, schema)]
    except AnnotatorError as error:
        raise UnreadableError(f"{path}: {error}") from error
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UnreadableError(f"{path} is no markups file (.mrk.json): {error!r}") from error
    numbered = []
    for number, (kind, places, name, label) in enumerate(found, first_id):
        mark = Mark(mark_id=number, kind=kind, places=places, name=name, label=label)
        try:
            numbered.append(sound_mark(mark))
        except AnnotatorError as error:
            raise UnreadableError(f"{path}: {error}") from error
    return tuple(numbered)


def _are_same(read: Sequence[Mark], written: Sequence[Mark]) -> bool:
    """Whether marks lie in the same places, to a ten-thousandth of a voxel; in a file's order."""
    lists = [mark for kind in _LISTS for mark in written if mark.kind == kind]
    order = [*lists, *(mark for mark in written if mark.kind not in _LISTS)]
    return len(read) == len(order) and all(
        len(one.places) == len(other.places)
        and np.abs(_lower_first(one) - _lower_first(other)).max() <= _OFF
        for one, other in zip(read, order, strict=True)
    )


def _lower_first(mark: Mark) -> NDArray[np.float64]:
    """Return the places of a mark, ``(place, 3)``; of a box its lower corner first."""
    places = np.asarray(mark.places, np.float64)
    return np.sort(places, axis=0) if mark.kind == "box" else places


def _markups(
    marks: Sequence[tuple[Mark, MarkMeasures]], geometry: Geometry, schema: LabelSchema
) -> Iterator[dict[str, Any]]:
    for kind, title in _LISTS.items():
        own = [mark for mark, _ in marks if mark.kind == kind]
        if own:
            points = [_control_point(mark, mark.places[0], geometry, schema) for mark in own]
            yield {**_basic("Fiducial", title), "controlPoints": points}
    for mark, measures in marks:
        if mark.kind in _LISTS:
            continue
        shown = mark.name or f"{mark.kind} {mark.mark_id}"
        markup = {**_basic(_type_of(mark), shown), "measurements": _measurements(measures)}
        if mark.kind == "box":
            corners = np.array([geometry.to_lps_mm(place) for place in mark.places])
            edges = np.ptp(mark.places, axis=0) * geometry.spacing_mm
            middle = corners.mean(axis=0).tolist()
            markup |= {
                "roiType": "Box",
                "center": middle,
                "orientation": list(geometry.direction),
                "size": edges[::-1].tolist(),
            }
            places: Sequence[Place] = [tuple(np.mean(mark.places, axis=0).tolist())]
        else:
            places = mark.places
        markup["controlPoints"] = [
            _control_point(mark, place, geometry, schema) for place in places
        ]
        yield markup


def _basic(kind: str, name: str) -> dict[str, Any]:
    return {"type": kind, "name": name, "coordinateSystem": "LPS", "coordinateUnits": "mm"}


def _type_of(mark: Mark) -> str:
    if mark.kind == "line":
        return "Line" if len(mark.places) == 2 else "Curve"
    return {"angle": "Angle", "area": "ClosedCurve", "box": "ROI"}[mark.kind]


def _control_point(
    mark: Mark, place: Place, geometry: Geometry, schema: LabelSchema
) -> dict[str, Any]:
    label = schema.label(mark.label)
    return {
        "id": str(mark.mark_id),
        "label": mark.name,
        "description": label.name if label else "",
        "position": list(geometry.to_lps_mm(place)),
        "positionStatus": "defined",
    }


def _measurements(found: MarkMeasures) -> list[dict[str, Any]]:
    sizes = (
        ("length", found.length, found.unit),
        ("angle", found.angle_degrees, "deg"),
        ("area", found.area, f"{found.unit}2"),
        ("volume", found.volume, f"{found.unit}3"),
    )
    return [
        {"name": name, "enabled": True, "value": value, "units": unit}
        for name, value, unit in sizes
        if value is not None
    ]


def _marks_of(
    markup: dict[str, Any], geometry: Geometry, schema: LabelSchema
) -> Iterator[tuple[MarkKind, tuple[Place, ...], str, int]]:
    units = markup.get("coordinateUnits", "mm")
    per_mm = _PER_MM[units[0] if isinstance(units, list) else units]
    is_ras = markup.get("coordinateSystem", "LPS") == "RAS"
    points = [
        point
        for point in markup.get("controlPoints", [])
        if point.get("positionStatus", "defined") == "defined" and point.get("position")
    ]

    def place(position: Sequence[float]) -> Place:
        x, y, z = (float(value) / per_mm for value in position)
        return _to_place((-x, -y, z) if is_ras else (x, y, z), geometry)

    kind = markup["type"]
    if kind == "Fiducial":
        for point in points:
            yield _fiducial(point, place(point["position"]), schema)
        return
    name, label = (points[0].get("label", ""), _label(points[0], schema)) if points else ("", 0)
    if kind == "ROI":
        yield "box", _corners(markup, geometry, is_ras=is_ras, per_mm=per_mm), name, label
    elif kind in _KINDS:
        yield _KINDS[kind], tuple(place(point["position"]) for point in points), name, label


def _fiducial(
    point: dict[str, Any], place: Place, schema: LabelSchema
) -> tuple[MarkKind, tuple[Place, ...], str, int]:
    name = str(point.get("label", ""))
    for landmark in schema.landmarks:
        if name.casefold() in {landmark.key.casefold(), landmark.title.casefold()}:
            return "landmark", (place,), landmark.key, _label(point, schema)
    return "point", (place,), name, _label(point, schema)


def _label(point: dict[str, Any], schema: LabelSchema) -> int:
    given = str(point.get("description", ""))
    return next((label.value for label in schema.labels if label.name == given), 0)


def _corners(
    markup: dict[str, Any], geometry: Geometry, *, is_ras: bool, per_mm: float
) -> tuple[Place, Place]:
    """Return opposite corners of a box; it must lie along the axes of the image."""
    flip = np.array([-1.0, -1.0, 1.0]) if is_ras else np.ones(3)
    middle = np.array(markup["center"], np.float64) * flip / per_mm
    axes = np.array(markup["orientation"], np.float64).reshape(3, 3) * flip[:, None]
    along = np.reshape(geometry.direction, (3, 3)).T @ axes
    if np.abs(np.sort(np.abs(along), axis=0) - [[0.0], [0.0], [1.0]]).max() > _TURNED:
        raise AnnotatorError("a box in it is turned against the axes of the image")
    half = np.round(np.abs(along)) @ np.array(markup["size"], np.float64) / per_mm / 2
    edges = half[::-1] / geometry.spacing_mm
    at = np.array(_to_place((middle[0], middle[1], middle[2]), geometry))
    (z0, y0, x0), (z1, y1, x1) = (at - edges).tolist(), (at + edges).tolist()
    return (z0, y0, x0), (z1, y1, x1)


def _to_place(position: tuple[float, float, float], geometry: Geometry) -> Place:
    """Return the array position of LPS mm: the inverse of `Geometry.to_lps_mm`."""
    away = np.subtract(position, geometry.origin_mm)
    along: NDArray[np.float64] = np.reshape(geometry.direction, (3, 3)).T @ away
    z, y, x = (along[::-1] / geometry.spacing_mm).tolist()
    return z, y, x

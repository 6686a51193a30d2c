"""Points, landmarks, boxes, lines, angles and areas: set, moved, measured, on each plane."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.domain.marks import Mark, MarkEdit
from annotator.domain.schema import Label, LabelSchema, Landmark
from annotator.drawing.gesture import NOTHING, Held, Markings, NothingToDoError
from annotator.drawing.mark_measures import measure_mark
from annotator.drawing.mark_places import crossings, grips, is_flat, is_looked_into, lies_on
from annotator.drawing.mark_tools import BoxMark, LandmarkMark, PointMark
from annotator.drawing.mark_words import (
    mark_title,
    range_words,
    size_words,
    table_columns,
    table_row,
    value_words,
)
from annotator.drawing.options import with_defaults
from annotator.drawing.ruler import Ruler
from annotator.drawing.surface import Surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.marks import Place
    from annotator.domain.reading import Box
    from annotator.drawing.mark_gesture import MarkGesture

pytestmark = pytest.mark.unit

SPACING = (2.0, 0.5, 0.25)
SHAPE = (20, 30, 40)
SURFACE = Surface(
    mask=np.zeros(SHAPE, np.uint8), image=np.zeros(SHAPE, np.int16), spacing_mm=SPACING
)


class Unread(Surface):
    """A surface whose image must not be asked for."""

    def values(self, box: Box) -> NDArray[np.float32]:
        raise AssertionError(box)


def take_up(
    tool: type[MarkGesture],
    *marks: Mark,
    plane: int = 0,
    index: int = 5,
    landmark: Landmark | None = None,
    is_3d: bool = False,
    shape: str = "corners",
) -> MarkGesture:
    held = Held(
        label=1,
        is_3d=is_3d,
        chosen=with_defaults(tool.options, {"shape": shape} if tool is Ruler else {}),
        reach_mm=0.6,
        markings=Markings(marks=marks, next_id=len(marks) + 1, landmark=landmark),
    )
    return tool(SURFACE, held, plane=plane, index=index)


def on(plane: int, row: float, column: float, index: float = 5.0) -> Place:
    """Return a place on slice 5 across a plane, where nothing is said of another."""
    place = [row, column]
    place.insert(plane, index)
    return place[0], place[1], place[2]


def drag(gesture: MarkGesture, *places: Place) -> MarkEdit | None:
    gesture.hover(places[0])
    gesture.press(places[0])
    for place in places[1:]:
        gesture.drag(place)
    gesture.release()
    return gesture.finish_mark() if gesture.is_done else None


def left(edit: MarkEdit | None) -> Mark:
    assert edit is not None
    assert edit.after is not None
    return edit.after


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_click_leaves_a_point_and_a_drag_moves_it(plane: int) -> None:
    place = on(plane, 6.25, 11.5)
    edit = drag(take_up(PointMark, plane=plane), place)
    mark = left(edit)
    assert (mark, edit and edit.before) == (Mark(mark_id=1, kind="point", places=(place,)), None)
    grabbed = take_up(PointMark, mark, plane=plane)
    grabbed.hover(place)
    assert grabbed.preview.ring == place
    still = drag(grabbed, place, np.add(place, 0.05))  # type: ignore[arg-type]
    assert still is None, "a click that trembles moves nothing"
    assert grabbed.marked == 1
    # pressed beside it, it keeps that distance to the pointer
    moved = drag(take_up(PointMark, mark, plane=plane), on(plane, 6.0, 11.5), on(plane, 14.0, 17.5))
    assert moved == MarkEdit(before=mark, after=replace(mark, places=(on(plane, 14.25, 17.5),)))
    away = take_up(PointMark, mark, plane=plane, index=6)
    assert left(drag(away, on(plane, 6.25, 11.5, 6.0))).mark_id != 1, "of another slice"


def test_nothing_is_left_outside_or_after_esc() -> None:
    assert left(drag(take_up(PointMark), (5.0, -3.0, 99.0))).places == ((5.0, 0.0, 39.0),)
    mark = Mark(mark_id=1, kind="point", places=((5.0, 6.0, 7.0),))
    gesture = take_up(PointMark, mark)
    gesture.press((5.0, 6.0, 7.0))
    gesture.drag((5.0, 16.0, 17.0))
    assert gesture.preview.mark == replace(mark, places=((5.0, 16.0, 17.0),))
    gesture.cancel()
    assert gesture.finish_mark() is None
    assert gesture.preview is NOTHING
    assert not SURFACE.mask.any()


def test_the_landmark_in_hand_is_named_and_set() -> None:
    spur = Landmark(key="spur", title="Scleral spur")
    gesture = take_up(LandmarkMark, landmark=spur)
    gesture.hover((5.0, 3.0, 4.0))
    assert gesture.preview.text == "Scleral spur"
    mark = left(drag(gesture, (5.0, 3.0, 4.0)))
    assert (mark.kind, mark.name, mark.places) == ("landmark", "spur", ((5.0, 3.0, 4.0),))
    with pytest.raises(NothingToDoError, match="Every landmark is set"):
        take_up(LandmarkMark, mark).press((5.0, 20.0, 20.0))
    assert drag(take_up(LandmarkMark, mark), (5.0, 3.0, 4.0), (5.0, 9.0, 4.0)) is not None


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_box_is_flat_or_as_deep_as_its_shorter_side(plane: int) -> None:
    rows, columns = (axis for axis in range(3) if axis != plane)
    corners = on(plane, 12.0, 20.0, 12.0), on(plane, 8.0, 10.0, 12.0)
    flat = left(drag(take_up(BoxMark, plane=plane, index=12), *corners))
    area = 4 * SPACING[rows] * 10 * SPACING[columns]
    assert flat.kind == "box"
    assert measure_mark(flat, SURFACE).area == pytest.approx(area)
    deep = left(drag(take_up(BoxMark, plane=plane, index=12, is_3d=True), *corners))
    side = min(4 * SPACING[rows], 10 * SPACING[columns])
    first, last = deep.places
    assert (last[plane] - first[plane]) * SPACING[plane] == pytest.approx(side)
    assert (last[plane] + first[plane]) / 2 == pytest.approx(12.0)
    assert measure_mark(deep, SURFACE).volume == pytest.approx(area * side)
    assert drag(take_up(BoxMark, plane=plane), on(plane, 8.0, 10.0), on(plane, 8.5, 20.0)) is None


def test_each_corner_of_a_box_moves_its_two_sides_in_every_view() -> None:
    box = Mark(mark_id=1, kind="box", places=((4.0, 6.0, 8.0), (4.0, 16.0, 28.0)))
    assert lies_on(box, 1, 10)
    assert not lies_on(box, 1, 17)
    assert not lies_on(box, 0, 5)
    assert {grip.at for grip in grips(box, 0, 4)} == {
        (4.0, row, column) for row in (6.0, 16.0) for column in (8.0, 28.0)
    }
    gesture = take_up(BoxMark, box, index=4)
    wider = left(drag(gesture, (4.0, 6.0, 28.0), (4.0, 2.0, 30.0)))
    assert wider.places == ((4.0, 2.0, 8.0), (4.0, 16.0, 30.0))
    # a flat box is given a depth in a view from the side
    pulled = left(drag(take_up(BoxMark, box, plane=1, index=9), (4.0, 9.0, 8.0), (9.0, 9.0, 8.0)))
    found = np.sort(np.asarray(pulled.places), axis=0)
    assert found.tolist() == [[4.0, 6.0, 8.0], [9.0, 16.0, 28.0]]


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_the_ruler_leaves_lines_angles_and_areas(plane: int) -> None:
    rows, columns = (axis for axis in range(3) if axis != plane)
    down, along = SPACING[rows], SPACING[columns]
    corners = [on(plane, *at) for at in ((2.0, 4.0), (10.0, 4.0), (10.0, 16.0), (2.0, 16.0))]
    found = {}
    for n in (2, 3, 4):
        gesture = take_up(Ruler, plane=plane)
        for corner in corners[:n]:
            assert drag(gesture, corner) is None
        gesture.confirm()
        found[n] = left(gesture.finish_mark())
    assert [found[n].kind for n in (2, 3, 4)] == ["line", "angle", "area"]
    assert measure_mark(found[2], SURFACE).length == pytest.approx(8 * down)
    assert measure_mark(found[3], SURFACE).angle_degrees == pytest.approx(90)
    assert measure_mark(found[4], SURFACE).area == pytest.approx(8 * down * 12 * along)
    # the end of the line is moved, and both numbers follow
    end = drag(take_up(PointMark, found[2], plane=plane), corners[1], corners[2])
    length = math.hypot(8 * down, 12 * along)
    assert measure_mark(left(end), SURFACE).length == pytest.approx(length)
    # a press on the first corner closes an area of three
    gesture = take_up(Ruler, plane=plane)
    for corner in corners[:3]:
        drag(gesture, corner)
    area = left(drag(gesture, corners[0]))
    assert (area.kind, len(area.places)) == ("area", 3)
    assert measure_mark(area, SURFACE).area == pytest.approx(8 * down * 12 * along / 2)


def test_the_ruler_may_keep_a_line_along_all_corners_and_drops_what_is_nothing() -> None:
    gesture = take_up(Ruler, shape="line")
    for corner in ((5.0, 2.0, 4.0), (5.0, 10.0, 4.0), (5.0, 10.0, 16.0), (5.0, 2.0, 16.0)):
        drag(gesture, corner)
    assert gesture.preview.text == f"{8 * 0.5 + 12 * 0.25 + 8 * 0.5:.1f} mm"
    gesture.confirm()
    assert left(gesture.finish_mark()).kind == "line"
    for places in ([(5.0, 2.0, 4.0)], []):
        single = take_up(Ruler)
        for place in places:
            drag(single, place)
        single.confirm()
        assert single.finish_mark() is None
    dropped = take_up(Ruler)
    drag(dropped, (5.0, 2.0, 4.0), (5.0, 9.0, 4.0))
    dropped.cancel()
    assert not dropped.has_begun
    assert dropped.finish_mark() is None


def test_lines_are_seen_where_they_go_through_other_slices() -> None:
    line = Mark(mark_id=1, kind="line", places=((4.0, 6.0, 8.0), (4.0, 16.0, 28.0)))
    assert crossings(line, 1, 11) == [(4.0, 11.0, 18.0)]
    assert crossings(line, 1, 17) == []
    assert crossings(line, 0, 4) == [], "it lies on this one"
    ring = replace(line, kind="area", places=(*line.places, (4.0, 16.0, 8.0)))
    assert sorted(crossings(ring, 1, 11)) == [(4.0, 11.0, 8.0), (4.0, 11.0, 18.0)]
    assert is_flat(line)
    assert not is_flat(replace(line, places=((4.0, 6.0, 8.0), (9.0, 16.0, 28.0))))
    assert lies_on(line, 0, 4)
    assert not lies_on(line, 1, 11)


def test_words_and_table_of_known_marks() -> None:
    image = np.arange(math.prod(SHAPE), dtype=np.int16).reshape(SHAPE) % 50 - 25
    surface = replace(SURFACE, image=image)
    line = Mark(mark_id=2, kind="line", places=((5.0, 2.0, 4.0), (5.0, 10.0, 4.0)), label=1)
    box = Mark(mark_id=3, kind="box", places=((2.0, 4.0, 8.0), (7.0, 2.0, 4.0)), name="Node")
    flat = replace(box, places=((2.0, 4.0, 8.0), (2.0, 2.0, 4.0)))
    square = tuple((5.0, row, column) for row, column in ((2.0, 4.0), (6.0, 4.0), (6.0, 12.0)))
    area = Mark(mark_id=4, kind="area", places=(*square, (5.0, 2.0, 12.0)))
    point = Mark(mark_id=5, kind="point", places=((5.0, 2.0, 4.0),))
    sizes = [size_words(mark, surface) for mark in (line, box, flat, area, point)]
    assert sizes == ["4.0 mm", "1.0 × 1.0 × 10.0 mm", "1.0 × 1.0 mm", "4.0 mm²", ""]
    assert value_words(point, surface, "HU") == f"{image[5, 2, 4]} HU".replace("-", "−")
    inside = image[5, 2:7, 4:13]
    spread = f"{inside.mean():.4g} ± {inside.std(ddof=1):.3g}".replace("-", "−")
    assert value_words(area, surface, "") == spread
    assert range_words([line, replace(line, places=(square[0], square[2]))], surface) == (
        f"{math.hypot(4 * 0.5, 8 * 0.25):.1f}–4.0 mm"
    )
    tiny = replace(surface, spacing_mm=(1.0, 0.0005, 0.0005))
    assert [size_words(mark, tiny) for mark in (line, area)] == ["0.004 mm", "8e-06 mm²"]
    schema = LabelSchema(name="s", title="S", labels=(Label(value=1, name="Cyst", color="#fff"),))
    row = dict(zip(table_columns("mm"), table_row(line, surface, schema), strict=True))
    assert (row["Mark"], row["Label"], row["Length, mm"]) == ("Line 2", "Cyst", "4")
    assert row["Places (slice, row, column)"] == "6.00 3.00 5.00; 6.00 11.00 5.00"
    assert mark_title(box, schema) == "Node"
    # what takes long to look at is not looked at
    wide = replace(line, places=((0.0, 0.0, 0.0), (0.0, 3000.0, 3000.0)))
    assert not is_looked_into(wide.places)
    assert value_words(wide, Unread(mask=surface.mask, image=image), "") == ""

"""What a mark is called and what it measures, in words and as a row of a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annotator.drawing.mark_measures import measure_mark
from annotator.drawing.mark_places import is_looked_into

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annotator.domain.marks import Mark
    from annotator.domain.schema import LabelSchema
    from annotator.drawing.mark_measures import MarkMeasures
    from annotator.drawing.measures import Intensities
    from annotator.drawing.surface import Surface

_WHOLE_FROM = 10
"""Areas and volumes of so much and more are said without a fraction."""


def mark_title(mark: Mark, schema: LabelSchema) -> str:
    """Return the name of a mark: of its landmark, as it was given, or by kind and number."""
    found = schema.landmark(mark.name) if mark.kind == "landmark" else None
    if found is not None:
        return found.title
    return mark.name or f"{mark.kind.capitalize()} {mark.mark_id}"


def size_words(mark: Mark, surface: Surface) -> str:
    """Return how large a mark is, in mm or what the image has; empty for a point."""
    unit = surface.unit
    if mark.kind == "box":
        first, last = mark.places
        edges = [
            abs(a - b) * step for a, b, step in zip(first, last, surface.spacing_mm, strict=True)
        ]
        return " × ".join(said_length(edge) for edge in edges[::-1] if edge > 0) + f" {unit}"
    if mark.kind in ("point", "landmark"):
        return ""
    found = _measured(mark, surface, with_values=False)
    if found.angle_degrees is not None:
        return f"{found.angle_degrees:.0f}°"
    if found.area is not None:
        return f"{said_area(found.area)} {unit}²"
    return "" if found.length is None else f"{said_length(found.length)} {unit}"


def range_words(marks: Iterable[Mark], surface: Surface) -> str:
    """Return from where to where the sizes of marks of one kind lie; empty for points."""
    measured = [_measured(mark, surface, with_values=False) for mark in marks]
    for attribute, say, unit in (
        ("angle_degrees", said_area, "°"),
        ("area", said_area, f" {surface.unit}²"),
        ("volume", said_area, f" {surface.unit}³"),
        ("length", said_length, f" {surface.unit}"),
    ):
        found = [getattr(one, attribute) for one in measured]
        sizes = sorted(size for size in found if size is not None)
        if sizes:
            ends = dict.fromkeys(say(size) for size in (sizes[0], sizes[-1]))
            return "–".join(ends) + unit
    return ""


def value_words(mark: Mark, surface: Surface, unit: str) -> str:
    """Return how bright the image is at a point, along a line or inside an area; else nothing."""
    found = _measured(mark, surface, with_values=mark.kind not in ("box", "angle")).intensities
    if found is None:
        return ""
    spread = "" if mark.kind in ("point", "landmark") else f" ± {found.sd:.3g}"
    return f"{found.mean:.4g}{spread} {unit}".rstrip().replace("-", "−")


def table_columns(unit: str) -> tuple[str, ...]:
    """Return the titles of the columns of `table_row`; ``unit`` is that of lengths."""
    return (
        *("Mark", "Kind", "Label", f"Length, {unit}", "Angle, °", f"Area, {unit}²"),
        *(f"Volume, {unit}³", "Mean", "SD", "Lowest", "Highest", "Places (slice, row, column)"),
    )


def table_row(mark: Mark, surface: Surface, schema: LabelSchema) -> tuple[str, ...]:
    """Return all that is measured of a mark, and where it is; slices, rows, columns from 1."""
    found = _measured(mark, surface, with_values=True)
    about = schema.label(mark.label)
    sizes = (found.length, found.angle_degrees, found.area, found.volume)
    places = "; ".join(" ".join(f"{at + 1:.2f}" for at in place) for place in mark.places)
    return (
        *(mark_title(mark, schema), mark.kind, "" if about is None else about.name),
        *("" if size is None else f"{size:.5g}" for size in sizes),
        *_values(found.intensities),
        places,
    )


def _measured(mark: Mark, surface: Surface, *, with_values: bool) -> MarkMeasures:
    """Return what a mark measures; the image is looked at where wanted and where that is quick."""
    if not with_values or not is_looked_into(mark.places):
        surface = replace(surface, image=None)
    return measure_mark(mark, surface)


def _values(found: Intensities | None) -> tuple[str, ...]:
    if found is None:
        return ("", "", "", "")
    shown = (found.mean, found.sd, found.minimum, found.maximum)
    return tuple(f"{value:.5g}" for value in shown)


def said_length(value: float) -> str:
    """Return a length in tenths; what is less than 1 with two digits."""
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def said_area(value: float) -> str:
    """Return an area, a volume or an angle, without a fraction where it is not small."""
    return f"{value:.0f}" if value >= _WHOLE_FROM else said_length(value)

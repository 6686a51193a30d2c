"""The marks of a project as a table: where they are and what they measure."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError
from annotator.drawing.mark_measures import image_surface, measure_mark
from annotator.jobs.mark_scale import scale_of_marks
from annotator.jobs.table_files import Table, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annotator.domain.marks import Mark
    from annotator.domain.reading import Annotation, Rater
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case, Series
    from annotator.drawing.mark_measures import MarkMeasures
    from annotator.drawing.surface import Surface
    from annotator.store import Store

    Row = dict[str, Value]

_COLUMNS = (
    "case_id", "case", "rater_id", "rater", "is_model", "annotation_id", "revision", "mark_id",
    "kind", "name", "title", "label", "label_name", "places_voxel", "positions", "unit", "length",
    "angle_degrees", "area", "volume", "mean", "sd", "minimum", "maximum", "median",
)  # fmt: skip


def marks_table(
    store: Store, cases: Sequence[Case], names: Mapping[str, Rater], schema: LabelSchema
) -> Table:
    """Return every mark of the last readings of cases, a row each.

    ``places_voxel`` are continuous array positions, ``z;y;x`` one after the other; ``positions``
    are the same as ``x;y;z`` in LPS mm, or in pixels where ``unit`` says so. Lengths, areas and
    volumes are in that unit, squared and cubed; values in modality units.
    """
    rows: list[Row] = []
    for case in cases:
        annotations = store.annotations(case.case_id)
        marks = store.annotation_marks([entry.annotation_id for entry in annotations])
        if not marks:
            continue
        series = store.series(case.series_ids[0])
        surface = _surface(store, series)
        for annotation in annotations:
            reader = names[annotation.rater_id]
            for mark in marks.get(annotation.annotation_id, ()):
                row = _reading(case, annotation, reader) | _mark(mark, series, schema)
                rows.append(row | _measures(measure_mark(mark, surface)))
    return Table(columns=_COLUMNS, rows=tuple(rows))


def _surface(store: Store, series: Series) -> Surface:
    """Return what marks on a series are measured on, in the unit of its scale."""
    try:
        voxels = store.voxels(series.series_id)
    except AnnotatorError:  # a slide, or the cache was cleared: sizes are told without values
        voxels = None
    found = image_surface(voxels, series.geometry, slope=series.slope, intercept=series.intercept)
    scale = scale_of_marks(series)
    return replace(found, spacing_mm=scale.spacing, unit=scale.unit)


def _reading(case: Case, annotation: Annotation, rater: Rater) -> Row:
    return {
        "case_id": case.case_id,
        "case": case.title,
        "rater_id": rater.rater_id,
        "rater": rater.name,
        "is_model": rater.is_model,
        "annotation_id": annotation.annotation_id,
        "revision": annotation.revision,
    }


def _mark(mark: Mark, series: Series, schema: LabelSchema) -> Row:
    label, landmark = schema.label(mark.label), schema.landmark(mark.name)
    scale = scale_of_marks(series)
    is_asked = landmark is not None and mark.kind == "landmark"
    return {
        "mark_id": mark.mark_id,
        "kind": mark.kind,
        "name": mark.name,
        "title": landmark.title if landmark is not None and is_asked else None,
        "label": mark.label or None,
        "label_name": label.name if label else None,
        "places_voxel": [value for place in mark.places for value in place],
        "positions": [value for place in mark.places for value in scale.position(place)],
        "unit": scale.unit,
    }


def _measures(found: MarkMeasures) -> Row:
    values = found.intensities
    row: Row = {
        "length": found.length,
        "angle_degrees": found.angle_degrees,
        "area": found.area,
        "volume": found.volume,
        "mean": values.mean if values else None,
        "sd": values.sd if values else None,
        "minimum": values.minimum if values else None,
        "maximum": values.maximum if values else None,
        "median": values.median if values else None,
    }
    # Images of fractions may hold voxels that are no numbers.
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }

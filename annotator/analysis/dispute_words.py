"""Sentences about disputes, for a reviewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annotator.domain.geometry import Geometry
    from annotator.domain.schema import LabelSchema

_CM3 = 1000.0


def describe_region(
    *,
    part: str,
    label: int,
    n_objects: int,
    n_for: int,
    n_raters: int,
    n_voxels: int,
    max_distance_mm: float | None,
    others: Mapping[int, int],
    geometry: Geometry,
    schema: LabelSchema,
) -> str:
    """Return one sentence about a region.

    ``part`` is ``object``, ``place``, ``rim`` or ``specks``; ``others`` says how many raters gave
    the region another label.
    """
    name = label_name(schema, label)
    size = size_in_words(n_voxels, geometry)
    distance = length_in_words(max_distance_mm or 0.0, geometry)
    instead = "".join(
        f"; {count} drew {label_name(schema, other)} instead" for other, count in others.items()
    )
    if part == "object":
        left = "the others left out" if n_raters - n_for > 1 else "the other left out"
        tail = instead[1:].strip() if instead else ""
        sentence = f"{n_for} of {n_raters} raters drew {name} here ({size})"
        return f"{sentence}; {tail}" if tail else f"{sentence} that {left}"
    if part == "specks":
        things = "one speck" if n_objects == 1 else f"{n_objects} specks and small objects"
        return f"{things} of {name} that not all raters drew ({size} in all)"
    if part == "place":
        return (
            f"{n_for} of {n_raters} raters count most of this place as {name} ({size}); "
            f"outlines are up to {distance} apart{instead}"
        )
    return f"outlines of {name} differ along the edge ({size}), by up to {distance}{instead}"


def describe_structure(
    label: int,
    *,
    n_drew: int,
    n_raters: int,
    n_presence: int,
    outline_mm: float | None,
    doubt: float | None,
    geometry: Geometry,
    schema: LabelSchema,
) -> str:
    """Return one sentence about how much a label of a case is disputed."""
    name = label_name(schema, label)
    said = []
    if n_drew < n_raters:
        said.append(f"only {n_drew} of {n_raters} raters drew any {name}")
    elif n_presence:
        things = "one object" if n_presence == 1 else f"{n_presence} objects"
        said.append(f"{things} of {name} that only some raters drew")
    if outline_mm is not None:
        apart = length_in_words(outline_mm, geometry)
        said.append(f"outlines of {name} lie {apart} from the majority's on average")
    if doubt is not None:
        said.append(f"{100 * doubt:.0f} % of it is in doubt")
    return "; ".join(said)


def describe_stretch(
    *,
    who: str,
    label: int,
    direction: str,
    off_mm: float,
    size_mm: float,
    probability: float,
    geometry: Geometry,
    schema: LabelSchema,
) -> str:
    """Return one sentence on a stretch of contour that a detector holds wrong; ``who`` drew it.

    ``size_mm`` is an area, mm², in a volume, else a length, mm.
    """
    off = length_in_words(off_mm, geometry)
    if geometry.is_volume:
        unit = "mm²" if geometry.is_calibrated else "faces"
        size = f"{_rounded(size_mm)} {unit}"
    else:
        size = length_in_words(size_mm, geometry)
    return (
        f"{who} drew the outline of {label_name(schema, label)} about {off} too far {direction} "
        f"here, over {size}, says a detector of contour errors ({probability:.0%} sure)"
    )


def label_name(schema: LabelSchema, value: int) -> str:
    """Return the name of a mask value: its label's, or those of all labels that share the voxel.

    Its number where the schema has none.
    """
    label = schema.label(value)
    if label is not None:
        return label.name
    shared = next((entry.labels for entry in schema.overlaps if entry.value == value), ())
    return " and ".join(label_name(schema, one) for one in shared) or f"label {value}"


def group_words(schema: LabelSchema, group: str) -> str:
    """Return what a person calls a label group: its name, or those of its labels."""
    return group or _names_in(schema, group)


def group_choices(schema: LabelSchema) -> tuple[tuple[str, str], ...]:
    """Return each label group with its name and labels in words; none where there is but one."""
    if len(schema.groups) < 2:
        return ()
    return tuple(
        (group, ": ".join(filter(None, (group, _names_in(schema, group)))))
        for group in schema.groups
    )


def _names_in(schema: LabelSchema, group: str) -> str:
    return ", ".join(label.name for label in schema.labels if label.group == group)


def size_in_words(n_voxels: int, geometry: Geometry) -> str:
    """Return a volume in mm³ or cm³, an area in mm² for a picture, pixels where uncalibrated."""
    if not geometry.is_calibrated:
        return f"{n_voxels} {'voxels' if geometry.is_volume else 'pixels'}"
    if not geometry.is_volume:
        area = n_voxels * geometry.spacing_mm[1] * geometry.spacing_mm[2]
        return f"{_rounded(area)} mm²"
    volume = n_voxels * geometry.voxel_mm3
    return f"{_rounded(volume)} mm³" if volume < _CM3 else f"{_rounded(volume / _CM3)} cm³"


def _rounded(value: float) -> str:
    """Return three figures, and never an exponent."""
    return f"{value:.3g}" if value < 999.5 else f"{value:,.0f}"


def length_in_words(length_mm: float, geometry: Geometry) -> str:
    """Return a length in mm, or in pixels where the image is not calibrated."""
    return f"{length_mm:.1f} {'mm' if geometry.is_calibrated else 'pixels'}"

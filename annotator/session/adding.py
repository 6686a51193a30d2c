"""Readings that were drawn elsewhere: onto the grid of the case, into the labels of the schema."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from annotator.analysis.label_tables import group_table, holds_table, put_table
from annotator.analysis.runs import encode, labels_in, mask_dtype
from annotator.analysis.sparse_array import is_large, sparse_zeros
from annotator.domain.errors import AnnotatorError, GeometryMismatchError, UnreadableError
from annotator.domain.label_groups import MaskValues, in_place_of
from annotator.domain.schema import Label
from annotator.session.diagnosis import require_diagnosis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import Progress, PyramidVoxels
    from annotator.domain.geometry import Geometry
    from annotator.domain.reading import Annotation, Diagnosis
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case
    from annotator.store import Store

_LARGEST = 65535
_BAND_ROWS = 512
_COLORS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")


def add_reading(
    store: Store,
    case_id: str,
    rater: str,
    mask: NDArray[Any],
    geometry: Geometry,
    diagnosis: Diagnosis,
    *,
    others: Sequence[tuple[NDArray[Any], Geometry]] = (),
    resample: bool,
    extend: bool,
    actor: str,
) -> Annotation:
    """Add a mask ``(z, y, x)`` with its grid as a rater's reading of a case.

    ``others`` are further masks with their grids, of labels of other groups, that belong to the
    same reading. A value that stands for several labels in this project is taken for these.
    Raises GeometryMismatchError where the grid is another one, unless ``resample`` takes the
    nearest voxel, and AnnotatorError on values that the schema lacks, unless ``extend`` adds them.
    The same reading again gives the annotation that exists.
    """
    case = store.case(case_id)
    found = store.rater(rater)
    masks = [
        on_grid_of(store, case, part, grid, resample=resample)
        for part, grid in ((mask, geometry), *others)
    ]
    given = [encode(part) for part in masks]
    values = set(labels_in(given)) - {0}
    before = store.project().schema
    runs = given[0]
    if others:
        unknown = sorted(values.difference(MaskValues(before).known))
        runs = encode(joined(masks, in_place_of(before, extended(before, unknown))))

    def fit(schema: LabelSchema) -> LabelSchema:
        """Check the reading against the schema; called while nobody else can change it."""
        if others and schema != before:
            raise AnnotatorError("the labels of the project were changed meanwhile; try again")
        unknown = sorted(values.difference(MaskValues(schema).known))
        if unknown and not extend:
            raise AnnotatorError(
                f"the mask has the values {_listed(unknown)}, which the schema {schema.name!r} "
                f"lacks; it has {_listed(schema.values)}. Extend the schema to keep them"
            )
        require_diagnosis(schema, diagnosis, needs_required=False)
        return extended(schema, unknown)

    return store.add_annotation(
        case.case_id,
        found.rater_id,
        runs,
        diagnosis,
        fit_schema=fit,
        only_new=True,
        actor=actor,
    )


def on_grid_of(
    store: Store, case: Case, mask: NDArray[Any], geometry: Geometry, *, resample: bool
) -> NDArray[np.unsignedinteger]:
    """Return a mask ``(z, y, x)`` with its own grid on that of a case, as uint8 or uint16."""
    grid = store.series(case.series_ids[0]).geometry
    labels = whole_labels(mask)
    if labels.shape != geometry.shape:
        raise GeometryMismatchError(
            f"the mask has shape {labels.shape}, its own grid {geometry.shape} (z, y, x)"
        )
    differences = grid.differences(geometry)
    if differences and not resample:
        raise GeometryMismatchError(
            f"the mask does not lie on the grid of {case.title!r}: {'; '.join(differences)}. "
            "Ask for resampling to bring it there by nearest neighbour"
        )
    if differences and is_large(grid.shape):
        raise GeometryMismatchError(
            f"the mask does not lie on the grid of {case.title!r}: {'; '.join(differences)}. "
            "The mask of a slide is not resampled"
        )
    return resample_nearest(labels, geometry, grid) if differences else labels


def drawn_only(voxels: PyramidVoxels, progress: Progress) -> NDArray[Any]:
    """Return a mask that was read as a slide, ``(1, y, x)``; memory is taken where it is not 0."""
    found = sparse_zeros(voxels.shape, voxels.dtype)
    for first in range(0, voxels.shape[1], _BAND_ROWS):
        progress(first / voxels.shape[1], "Reading the mask")
        band = voxels[:, first : first + _BAND_ROWS]
        np.copyto(found[:, first : first + _BAND_ROWS], band, where=band != 0)
    if voxels.damage:
        raise UnreadableError(voxels.damage)
    return found


def joined(
    masks: Sequence[NDArray[np.unsignedinteger]], schema: LabelSchema
) -> NDArray[np.unsignedinteger]:
    """Return one mask that holds the labels of several, each of other groups at every voxel.

    Raises AnnotatorError where two of them give a voxel different labels of one group.
    """
    values = MaskValues(schema)
    names = {label.value: label.name for label in schema.labels}
    found = np.zeros(masks[0].shape, np.uint16)
    for mask in masks:
        for label in sorted(values.drawn(np.unique(mask).tolist())):
            place = holds_table(values, label)[mask]
            there = group_table(values, values.group_of(label))[found[place]]
            differs = np.flatnonzero((there != 0) & (there != label))
            if differs.size:
                z, y, x = (int(axis[differs[0]]) for axis in np.nonzero(place))
                other = int(there[differs[0]])
                raise AnnotatorError(
                    f"the masks cannot be joined: slice {z + 1}, row {y + 1}, column {x + 1} is "
                    f"{names.get(label, label)!r} in one and {names.get(other, other)!r} in "
                    "another, and labels of one group exclude each other"
                )
            found[place] = put_table(values, label)[found[place]]
    return found.astype(mask_dtype(int(found.max(initial=0))))


def whole_labels(mask: NDArray[Any]) -> NDArray[np.unsignedinteger]:
    """Return a mask as uint8 or uint16; raises AnnotatorError where a value is no label."""
    if mask.ndim != 3:
        raise AnnotatorError(f"a mask has the axes (z, y, x); this one has shape {mask.shape}")
    if mask.dtype.kind not in "buif":
        raise AnnotatorError(f"a mask holds whole numbers; this one holds {mask.dtype}")
    if mask.dtype.kind == "f":
        bad = mask[~(np.isfinite(mask) & (mask == np.floor(mask)))]
        if bad.size:
            raise AnnotatorError(
                f"a mask holds whole numbers; this one has {bad.size} other values, for example "
                f"{float(bad.flat[0]):g}. A probability map must be thresholded first"
            )
    low, high = (mask.min(), mask.max()) if mask.size else (0, 0)
    if low < 0 or high > _LARGEST:
        wrong = low if low < 0 else high
        raise AnnotatorError(f"label values run from 0 to {_LARGEST}; the mask has {wrong:g}")
    return mask.astype(mask_dtype(int(high)), copy=False)


def resample_nearest(
    mask: NDArray[np.unsignedinteger], source: Geometry, target: Geometry
) -> NDArray[np.unsignedinteger]:
    """Return a mask on another grid, each voxel from the nearest one; 0 where there is none."""
    to_source = np.linalg.inv(_to_lps(source)) @ _to_lps(target)
    return ndimage.affine_transform(
        mask,
        to_source[:3, :3],
        offset=to_source[:3, 3],
        output_shape=target.shape,
        order=0,
        mode="constant",
        cval=0,
        prefilter=False,
    )


def extended(schema: LabelSchema, values: list[int]) -> LabelSchema:
    """Return the schema with a label for each of the values, which it must lack.

    They go into the first group, of which a value is that nobody knows.
    """
    added = tuple(
        Label(
            value=value,
            name=f"Label {value}",
            color=_COLORS[(len(schema.labels) + place) % len(_COLORS)],
            group=schema.groups[0] if schema.groups else "",
        )
        for place, value in enumerate(values)
    )
    return replace(schema, labels=schema.labels + added)


def _to_lps(geometry: Geometry) -> NDArray[np.float64]:
    """Return the 4 x 4 matrix from array index ``(z, y, x)`` to LPS mm ``(x, y, z)``."""
    matrix = np.eye(4)
    direction = np.array(geometry.direction).reshape(3, 3)
    # The direction's columns are the array's x, y, z axes; the index comes as z, y, x.
    matrix[:3, :3] = direction[:, ::-1] * np.array(geometry.spacing_mm)
    matrix[:3, 3] = geometry.origin_mm
    return matrix


def _listed(values: list[int] | tuple[int, ...]) -> str:
    return ", ".join(str(value) for value in values) or "none"

"""How sure a model was of its prediction, voxel by voxel, kept beside the annotation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from sqlalchemy import delete, insert, select

from annotator.domain.errors import GeometryMismatchError
from annotator.domain.reading import Diagnosis
from annotator.store import masks, readings
from annotator.store.tables import prediction_maps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from annotator.analysis.runs import MaskRuns
    from annotator.domain.reading import Annotation
    from annotator.store.database import Change

MapKind = Literal["probability", "uncertainty"]


class PredictionMap(NamedTuple):
    """One map: ``content`` is ``1 + round(254 * value)``, 0 where nothing is kept.

    ``label`` is the mask value that a probability is of, and 0 for uncertainty.
    """

    kind: MapKind
    label: int
    content: MaskRuns


def add(
    change: Change,
    case_id: str,
    rater_id: str,
    *,
    mask: MaskRuns,
    maps: Sequence[PredictionMap],
) -> Annotation:
    """Keep a model's prediction and its maps, both or neither.

    A prediction that is there already stays, and its maps give way to these.
    """
    annotation = readings.add(
        change,
        case_id,
        rater_id,
        mask=mask,
        diagnosis=Diagnosis(),
        started_from_id=None,
        fit_schema=None,
        marks=None,
        only_new=True,
    )
    _put(change, annotation.annotation_id, mask, maps)
    return annotation


def _put(change: Change, annotation_id: str, mask: MaskRuns, maps: Sequence[PredictionMap]) -> None:
    connection = change.connection
    for one in maps:
        if one.content.grid != mask.grid:
            raise GeometryMismatchError(
                f"a {one.kind} map has shape (z, y, x) {one.content.grid.shape}; its mask has "
                f"{mask.grid.shape}"
            )
    placed = {(one.kind, one.label): masks.put_slabs(connection, one.content) for one in maps}
    known = {
        (kind, label): masks.placed(connection, mask_id)
        for (kind, label), mask_id in mask_ids(connection, annotation_id).items()
    }
    if known == placed:
        return
    connection.execute(
        delete(prediction_maps).where(prediction_maps.c.annotation_id == annotation_id)
    )
    for (kind, label), content in placed.items():
        connection.execute(
            insert(prediction_maps).values(
                annotation_id=annotation_id,
                kind=kind,
                label=label,
                mask_id=masks.add_placed(connection, mask.grid, content),
            )
        )
    change.log(
        "put prediction maps",
        annotation_id=annotation_id,
        maps=[
            [kind, label, masks.mask_digest(mask.grid, content)]
            for (kind, label), content in sorted(placed.items())
        ],
    )


def mask_ids(connection: Connection, annotation_id: str) -> dict[tuple[str, int], int]:
    """Return by kind and label the rows of the masks that hold the maps of an annotation."""
    rows = connection.execute(
        select(prediction_maps)
        .where(prediction_maps.c.annotation_id == annotation_id)
        .order_by(prediction_maps.c.kind, prediction_maps.c.label)
    )
    return {(row.kind, row.label): row.mask_id for row in rows}


def every(connection: Connection, annotation_id: str) -> tuple[tuple[str, int], ...]:
    """Return the kind and label of each map that is kept of an annotation."""
    readings.row_of(connection, annotation_id)
    return tuple(mask_ids(connection, annotation_id))


def read(connection: Connection, annotation_id: str, kind: MapKind, label: int) -> MaskRuns | None:
    """Return one map, or None where it is not kept."""
    readings.row_of(connection, annotation_id)
    mask_id = mask_ids(connection, annotation_id).get((kind, label))
    return None if mask_id is None else masks.read(connection, [mask_id])[0]

"""Fusions: a recipe and its result; the same recipe must give the same bytes."""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import zstandard
from sqlalchemy import insert, select

from annotator.domain.errors import IntegrityError, UnknownNameError
from annotator.domain.review import Fusion, FusionRecipe, RaterPerformance
from annotator.store import masks, readings
from annotator.store.facts import (
    canonical,
    digest,
    from_json,
    list_from_json,
    list_to_json,
    to_json,
)
from annotator.store.tables import fusion_weights, fusions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection, Row

    from annotator.analysis.runs import MaskRuns, SlabGrid
    from annotator.store.database import Change
    from annotator.store.masks import Placed

NO_WEIGHTS: Mapping[str, MaskRuns] = MappingProxyType({})


def identity(
    row: Mapping[str, Any],
    grid: SlabGrid,
    labels: Placed,
    patterns: Placed,
    probability: bytes,
    weights: Mapping[str, Placed],
) -> str:
    """Return the id of a fusion: SHA-256 over the recipe and everything that came of it."""
    content: list[object] = [
        row["recipe"],
        row["performance"],
        row["warnings"],
        row["n_labels"],
        masks.content_of(grid, labels),
        masks.content_of(grid, patterns),
        hashlib.sha256(probability).hexdigest(),
    ]
    # Left out where there is nothing to say, as in projects from before there was.
    if weights:
        content.append(
            [[rater_id, masks.content_of(grid, weights[rater_id])] for rater_id in sorted(weights)]
        )
    if row["training_target_only"]:
        content.append("training target only")
    return digest(content)


def add(
    change: Change,
    recipe: FusionRecipe,
    *,
    labels: MaskRuns,
    patterns: MaskRuns,
    probability: NDArray[np.float64],
    performance: Sequence[RaterPerformance],
    warnings: Sequence[str],
    weights: Mapping[str, MaskRuns] = NO_WEIGHTS,
    training_target_only: bool = False,
) -> Fusion:
    """Keep a fusion; the one that is there where the recipe was run before."""
    connection = change.connection
    for annotation_id in recipe.inputs:
        readings.row_of(connection, annotation_id)
    table = np.ascontiguousarray(probability, dtype="<f8").tobytes()
    row: dict[str, Any] = {
        "case_id": recipe.case_id,
        "recipe": to_json(recipe),
        "performance": list_to_json(performance),
        "warnings": canonical(list(warnings)),
        "n_labels": probability.shape[1],
        "fit_id": recipe.fit_id,
        "training_target_only": training_target_only,
    }
    placed_labels = masks.put_slabs(connection, labels)
    placed_patterns = masks.put_slabs(connection, patterns)
    placed_weights = {
        rater_id: masks.put_slabs(connection, mask) for rater_id, mask in weights.items()
    }
    fusion_id = identity(row, labels.grid, placed_labels, placed_patterns, table, placed_weights)
    known = connection.execute(
        select(fusions.c.fusion_id).where(fusions.c.recipe == row["recipe"])
    ).scalar_one_or_none()
    if known == fusion_id:
        return read(connection, fusion_id)
    if known is not None:
        raise IntegrityError(
            f"method {recipe.method!r} version {recipe.method_version} gave another result for the "
            f"same recipe on case {recipe.case_id} (kept: {known[:12]}, now: {fusion_id[:12]}); "
            "a method must be a pure function, and change its version when its result changes"
        )
    connection.execute(
        insert(fusions).values(
            fusion_id=fusion_id,
            labels_mask_id=masks.add_placed(connection, labels.grid, placed_labels),
            patterns_mask_id=masks.add_placed(connection, patterns.grid, placed_patterns),
            probability=zstandard.compress(table),
            created_at=change.now,
            **row,
        )
    )
    for rater_id, placed in placed_weights.items():
        mask_id = masks.add_placed(connection, labels.grid, placed)
        connection.execute(
            insert(fusion_weights).values(fusion_id=fusion_id, rater_id=rater_id, mask_id=mask_id)
        )
    change.log("add fusion", fusion_id=fusion_id, case_id=recipe.case_id, method=recipe.method)
    return read(connection, fusion_id)


def of_case(connection: Connection, case_id: str) -> tuple[Fusion, ...]:
    """Return the fusions of a case, newest last."""
    rows = connection.execute(
        select(fusions)
        .where(fusions.c.case_id == case_id)
        .order_by(fusions.c.created_at, fusions.c.fusion_id)
    )
    return tuple(_fact(row) for row in rows)


def read(connection: Connection, fusion_id: str) -> Fusion:
    """Return one fusion."""
    return _fact(row_of(connection, fusion_id))


def row_of(connection: Connection, fusion_id: str) -> Row[Any]:
    """Return the row of a fusion."""
    row = connection.execute(select(fusions).where(fusions.c.fusion_id == fusion_id)).first()
    if row is None:
        known = connection.execute(select(fusions.c.fusion_id)).scalars()
        raise UnknownNameError("fusion", fusion_id, known)
    return row


def read_labels(connection: Connection, fusion_id: str) -> MaskRuns:
    """Return the fused labels."""
    (found,) = masks.read(connection, [row_of(connection, fusion_id).labels_mask_id])
    return found


def read_probability(
    connection: Connection, fusion_id: str
) -> tuple[MaskRuns, NDArray[np.float64]]:
    """Return per voxel the row of its pattern, and the ``(pattern, label)`` probabilities."""
    row = row_of(connection, fusion_id)
    (patterns,) = masks.read(connection, [row.patterns_mask_id])
    table = np.frombuffer(probability_bytes(row), "<f8").reshape(-1, row.n_labels)
    return patterns, table.astype(np.float64, copy=False)


def weight_masks(connection: Connection, fusion_id: str) -> dict[str, int]:
    """Return the row of the mask of each rater's weights; none where raters were not weighed."""
    rows = connection.execute(
        select(fusion_weights.c.rater_id, fusion_weights.c.mask_id)
        .where(fusion_weights.c.fusion_id == fusion_id)
        .order_by(fusion_weights.c.rater_id)
    )
    return {row.rater_id: row.mask_id for row in rows}


def read_weights(connection: Connection, fusion_id: str) -> dict[str, MaskRuns]:
    """Return how far each rater was believed, as ``1 + round(254 * weight)``, by rater."""
    found = weight_masks(connection, row_of(connection, fusion_id).fusion_id)
    return dict(zip(found, masks.read(connection, list(found.values())), strict=True))


def probability_bytes(row: Row[Any]) -> bytes:
    """Return the probability table as it went into the identity."""
    try:
        return zstandard.decompress(row.probability)
    except (zstandard.ZstdError, TypeError) as error:
        raise IntegrityError(
            f"the probability table of fusion {row.fusion_id[:12]} cannot be decompressed ({error})"
        ) from error


def _fact(row: Row[Any]) -> Fusion:
    warnings: tuple[str, ...] = list_from_json(str, row.warnings)
    return Fusion(
        fusion_id=row.fusion_id,
        recipe=from_json(FusionRecipe, row.recipe),
        performance=list_from_json(RaterPerformance, row.performance),
        warnings=warnings,
        created_at=row.created_at,
        training_target_only=row.training_target_only,
    )

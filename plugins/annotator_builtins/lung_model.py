"""Lungs in CT, by threshold and connected components; no weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage

from annotator.analysis.runs import mask_dtype
from annotator.api import ModelCard
from annotator_builtins.ct_air import axial_axis, closed, in_plane_mm, is_air, refuses_ct
from annotator_builtins.label_choice import choose_label, no_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.domain.schema import Label, LabelSchema
    from annotator.domain.study import Series

_SECOND_LUNG = 0.1
"""A second component this much of the first one's size is the other lung."""


class LungParameters(BaseModel):
    """How the lungs are cleaned up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    closing_mm: float = Field(default=4.0, ge=0, le=20)
    """Radius of the closing that takes vessels in and smooths the hilum, mm."""
    minimum_ml: float = Field(default=100.0, ge=0)
    """Smallest air space that counts as lung in a whole chest, mL; less in a thin slab."""


class LungModel:
    """Air inside the body: below -320 HU, not open to the side of the image, the largest parts."""

    name = "lungs"
    version = "1"
    card = ModelCard(
        title="Lungs by threshold",
        what_it_draws="Both lungs as one label, vessels inside the lungs included.",
        works_on="CT of the chest in Hounsfield units, in any slice orientation.",
        limits=(
            "Leaves out consolidation, effusion and tumours at the pleura; keeps the large airways "
            "where they are open to the lungs."
        ),
        licence="BSD-3-Clause",
    )
    parameters: type[BaseModel] = LungParameters

    def refuses(self, series: Series, schema: LabelSchema) -> str | None:
        """Say why the model does not fit this series or schema, or None where it fits."""
        reason = refuses_ct(series)
        if reason is None and _label(schema) is None:
            return no_label(schema, "both lungs")
        return reason

    def predict(
        self,
        voxels: NDArray[Any],
        series: Series,
        schema: LabelSchema,
        parameters: BaseModel,
        progress: Progress,
    ) -> NDArray[np.unsignedinteger]:
        """Return the mask of the lungs, ``(z, y, x)``, on the grid of the series."""
        chosen = LungParameters.model_validate(parameters, from_attributes=True)
        label = _label(schema)
        if label is None:
            raise ValueError(no_label(schema, "both lungs"))
        axis = axial_axis(series.geometry)
        spacing = in_plane_mm(series.geometry, axis)
        inside = is_air(voxels, series)
        slices = np.moveaxis(inside, axis, 0)
        for index in range(len(slices)):
            progress(0.4 * index / len(slices), "removing the air around the body")
            slices[index] &= ~_open_to_edge(slices[index])
        progress(0.4, "finding the lungs")
        length_mm = len(slices) * series.geometry.spacing_mm[axis]
        smallest_mm3 = 1000 * chosen.minimum_ml * min(1.0, length_mm / 100)
        lungs = _largest_two(inside, smallest_mm3 / series.geometry.voxel_mm3)
        slices = np.moveaxis(lungs, axis, 0)
        for index in range(len(slices)):
            progress(0.6 + 0.4 * index / len(slices), "closing over vessels")
            if slices[index].any():
                slices[index] = closed(slices[index], chosen.closing_mm, spacing)
        progress(1.0, "done")
        return np.where(lungs, label.value, 0).astype(mask_dtype(label.value))


def _label(schema: LabelSchema) -> Label | None:
    return choose_label(schema, words=("lung",), codes=("39607008", "74101002"))


def _open_to_edge(air: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the air of an axial slice that reaches the edge of the image."""
    parts, _ = ndimage.label(air)
    edge = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    touching = np.unique(edge)
    return np.asarray(np.isin(parts, touching[touching > 0]))


def _largest_two(air: NDArray[np.bool_], smallest: float) -> NDArray[np.bool_]:
    """Return the largest component, and the second where it is of a lung's size."""
    parts, n_parts = ndimage.label(air)
    if n_parts == 0:
        return air
    sizes = np.bincount(parts.reshape(-1))
    sizes[0] = 0
    order = np.argsort(sizes, kind="stable")[::-1][:2]
    enough = max(smallest, _SECOND_LUNG * int(sizes[order[0]]))
    kept = [int(part) for part in order if part > 0 and sizes[part] >= enough]
    return np.asarray(np.isin(parts, kept))

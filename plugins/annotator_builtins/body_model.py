"""The body in CT, without table and clothes, by threshold and connected components; no weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage

from annotator.analysis.runs import mask_dtype
from annotator.api import ModelCard
from annotator_builtins.ct_air import (
    axial_axis,
    dilated,
    eroded,
    in_plane_mm,
    is_air,
    refuses_ct,
)
from annotator_builtins.label_choice import choose_label, no_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.domain.schema import Label, LabelSchema
    from annotator.domain.study import Series


class BodyParameters(BaseModel):
    """How the body is parted from the table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    opening_mm: float = Field(default=5.0, ge=0, le=30)
    """Radius of the opening that parts the body from table and clothes, mm."""


class BodyModel:
    """The largest part above -320 HU, opened within axial slices, its holes filled."""

    name = "body"
    version = "1"
    card = ModelCard(
        title="Body by threshold",
        what_it_draws="The body with all that is inside it, as one label.",
        works_on="CT in Hounsfield units, in any slice orientation.",
        limits=(
            "Only the largest connected part: an arm beside the chest may be left out; thin parts "
            "(ears, fingers) are rounded off."
        ),
        licence="BSD-3-Clause",
    )
    parameters: type[BaseModel] = BodyParameters

    def refuses(self, series: Series, schema: LabelSchema) -> str | None:
        """Say why the model does not fit this series or schema, or None where it fits."""
        reason = refuses_ct(series)
        if reason is None and _label(schema) is None:
            return no_label(schema, "the body")
        return reason

    def predict(
        self,
        voxels: NDArray[Any],
        series: Series,
        schema: LabelSchema,
        parameters: BaseModel,
        progress: Progress,
    ) -> NDArray[np.unsignedinteger]:
        """Return the mask of the body, ``(z, y, x)``, on the grid of the series."""
        chosen = BodyParameters.model_validate(parameters, from_attributes=True)
        label = _label(schema)
        if label is None:
            raise ValueError(no_label(schema, "the body"))
        axis = axial_axis(series.geometry)
        spacing = in_plane_mm(series.geometry, axis)
        solid = ~is_air(voxels, series)
        core = np.moveaxis(solid.copy(), axis, 0)
        for index in range(len(core)):
            progress(0.4 * index / len(core), "parting the body from the table")
            core[index] = eroded(core[index], chosen.opening_mm, spacing)
        progress(0.4, "finding the body")
        body = _largest(core)
        slices = np.moveaxis(solid, axis, 0)
        for index in range(len(slices)):
            progress(0.6 + 0.4 * index / len(slices), "filling")
            grown = dilated(body[index], chosen.opening_mm, spacing)
            slices[index] = ndimage.binary_fill_holes(grown & slices[index])
        progress(1.0, "done")
        return np.where(solid, label.value, 0).astype(mask_dtype(label.value))


def _label(schema: LabelSchema) -> Label | None:
    return choose_label(schema, words=("body", "patient", "torso"), codes=("38266002",))


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    parts, n_parts = ndimage.label(mask)
    if n_parts == 0:
        return mask
    sizes = np.bincount(parts.reshape(-1))
    sizes[0] = 0
    return np.asarray(parts == int(np.argmax(sizes)))

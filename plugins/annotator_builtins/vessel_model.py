"""Vessels in colour fundus photographs, by ridge enhancement; no weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage

from annotator.analysis.runs import mask_dtype
from annotator.api import ModelCard
from annotator_builtins.label_choice import choose_label, no_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.domain.schema import Label, LabelSchema
    from annotator.domain.study import Series

_WORK_PX = 900
"""Diameter that the field of view is brought down to; vessels stay at least two pixels wide."""
_HALF_WIDTHS = (1 / 700, 1 / 500, 1 / 350, 1 / 250, 1 / 180)
"""Scales of the ridge filter as parts of the field's diameter: from twigs to the large veins."""
_LOW_SHARE = 0.5
"""A faint vessel is followed down to this part of the threshold where it meets a clear one."""
_FUNDUS_MODALITIES = ("OP", "XC", "OPT", "OT", "GM", "SC")


class VesselParameters(BaseModel):
    """How much counts as a vessel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(default=0.04, gt=0, lt=1)
    """Ridge strength that is surely a vessel; about 0.4 of the vessel's relative contrast."""
    minimum_length: float = Field(default=0.05, ge=0, le=1)
    """Shortest piece that is kept, as a part of the field's diameter."""


class VesselModel:
    """Dark ridges of the green channel after even lighting, over several widths, by hysteresis."""

    name = "vessels"
    version = "1"
    card = ModelCard(
        title="Fundus vessels by ridge filter",
        what_it_draws="Arteries and veins of the retina as one label.",
        works_on="Colour fundus photographs with the whole field of view in the picture.",
        limits=(
            "Misses twigs thinner than three pixels; draws along edges of large haemorrhages and "
            "scars; does not tell arteries from veins."
        ),
        licence="BSD-3-Clause",
    )
    parameters: type[BaseModel] = VesselParameters

    def refuses(self, series: Series, schema: LabelSchema) -> str | None:
        """Say why the model does not fit this series or schema, or None where it fits."""
        if series.n_channels != 3 or series.geometry.shape[0] != 1:
            return "it needs one colour (RGB) fundus photograph"
        if series.modality not in _FUNDUS_MODALITIES:
            return f"it needs a colour fundus photograph; this series is {series.modality}"
        return None if _label(schema) else no_label(schema, "vessels")

    def predict(
        self,
        voxels: NDArray[Any],
        series: Series,
        schema: LabelSchema,
        parameters: BaseModel,
        progress: Progress,
    ) -> NDArray[np.unsignedinteger]:
        """Return the mask of the vessels, ``(1, y, x)``, on the grid of the series."""
        chosen = VesselParameters.model_validate(parameters, from_attributes=True)
        label = _label(schema)
        if label is None:
            raise ValueError(no_label(schema, "vessels"))
        progress(0.0, "finding the field of view")
        field, strength = vesselness(voxels[0], progress)
        progress(0.9, "following vessels")
        low, high = _LOW_SHARE * chosen.threshold, chosen.threshold
        kept = _long_parts(_followed(strength, low, high), chosen.minimum_length, field)
        progress(1.0, "done")
        return np.where(kept, label.value, 0).astype(mask_dtype(label.value))[np.newaxis]


def _label(schema: LabelSchema) -> Label | None:
    return choose_label(schema, words=("vessel", "vasculature", "vascular"), codes=("59820001",))


def _followed(strength: NDArray[np.float32], low: float, high: float) -> NDArray[np.bool_]:
    """Return the parts above ``low`` that hold a pixel above ``high``, ``(y, x)``."""
    parts, _ = ndimage.label(strength > low, structure=np.ones((3, 3)))
    sure = np.unique(parts[strength > high])
    return np.asarray(np.isin(parts, sure[sure > 0]))


def _long_parts(
    vessels: NDArray[np.bool_], share: float, field: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the connected parts whose box is at least ``share`` of the field's diameter long."""
    parts, _ = ndimage.label(vessels, structure=np.ones((3, 3)))
    length_px = share * field_diameter(field)
    boxes = ndimage.find_objects(parts)
    long_enough = [
        part
        for part, (rows, columns) in enumerate(boxes, 1)
        if np.hypot(rows.stop - rows.start, columns.stop - columns.start) >= length_px
    ]
    return np.asarray(np.isin(parts, long_enough))


def vesselness(
    picture: NDArray[Any], progress: Progress
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return the field of view and the strength of dark ridges, each ``(y, x)``.

    ``picture`` is ``(y, x, 3)`` RGB. Strength is 0 outside the field and where nothing is darker
    than both its sides; it grows with relative contrast, whatever the brightness.
    """
    full = field_of_view(picture)
    factor = max(1, round(field_diameter(full) / _WORK_PX))
    field = full[::factor, ::factor]
    green = _shrink(picture[..., 1].astype(np.float32), factor)[: field.shape[0], : field.shape[1]]
    diameter = field_diameter(field)
    even = _even_lighting(green, field, diameter)
    strength = np.zeros_like(even)
    for index, part in enumerate(_HALF_WIDTHS):
        progress(0.1 + 0.8 * index / len(_HALF_WIDTHS), "enhancing vessels")
        np.maximum(strength, _dark_ridges(even, max(1.0, part * diameter)), out=strength)
    strength[_fine_detail(even, diameter) > 0] = 0
    inner = ndimage.binary_erosion(field, iterations=max(1, round(diameter / 90)), border_value=1)
    strength[~inner] = 0
    return full, _enlarge(strength, factor, full.shape)


def field_of_view(picture: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the lit part of a fundus photograph, ``(y, x)``; all of it where no rim is dark."""
    bright = ndimage.uniform_filter(picture.max(axis=-1).astype(np.float32), 5)
    parts, n_parts = ndimage.label(bright > 0.12 * np.percentile(bright, 99))
    if n_parts == 0:
        return np.ones(bright.shape, np.bool_)
    sizes = np.bincount(parts.reshape(-1))
    sizes[0] = 0
    return np.asarray(ndimage.binary_fill_holes(parts == int(np.argmax(sizes))))


def field_diameter(field: NDArray[np.bool_]) -> float:
    """Return the diameter, in pixels, of a disc with the area of the field."""
    return float(2 * np.sqrt(max(1, int(np.count_nonzero(field))) / np.pi))


def _even_lighting(
    green: NDArray[np.float32], field: NDArray[np.bool_], diameter: float
) -> NDArray[np.float32]:
    """Return green relative to its surroundings, about 0; the dark rim leaves no edge behind."""
    nearest = ndimage.distance_transform_edt(~field, return_distances=False, return_indices=True)
    filled = green[tuple(nearest)]
    around = ndimage.gaussian_filter(filled, diameter / 25)
    return np.asarray(filled / np.maximum(around, 1.0) - 1.0, np.float32)


def _fine_detail(image: NDArray[np.float32], diameter: float) -> NDArray[np.float32]:
    """Return how much brighter a pixel is than its near surroundings: a vessel is darker."""
    near = ndimage.gaussian_filter(image, diameter / 700)
    return np.asarray(near - ndimage.gaussian_filter(image, diameter / 90), np.float32)


def _dark_ridges(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Return the strength of dark ridges about ``sigma`` pixels in half width.

    The larger eigenvalue of the Hessian at that scale, less the part that a spot (dark in every
    direction) would have.
    """
    yy, yx, xx = (
        np.asarray(sigma**2 * ndimage.gaussian_filter(image, sigma, order=order))
        for order in ((2, 0), (1, 1), (0, 2))
    )
    half_sum = 0.5 * (yy + xx)
    root = np.hypot(0.5 * (yy - xx), yx)
    across, along = half_sum + root, half_sum - root
    return np.asarray(np.maximum(across - np.maximum(along, 0), 0), np.float32)


def _shrink(image: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Return an image averaged over squares of ``factor`` pixels; edges are repeated to fit."""
    if factor == 1:
        return image
    rows, columns = (-(-size // factor) for size in image.shape)
    padding = [(0, n * factor - size) for n, size in zip((rows, columns), image.shape, strict=True)]
    blocks = np.pad(image, padding, mode="edge").reshape(rows, factor, columns, factor)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def _enlarge(
    image: NDArray[np.float32], factor: int, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return an image shrunk by ``factor`` at its first size, by linear interpolation."""
    if factor == 1:
        return image
    places = [(np.arange(size) - (factor - 1) / 2) / factor for size in shape]
    grid = np.meshgrid(*places, indexing="ij")
    return np.asarray(ndimage.map_coordinates(image, grid, order=1, mode="nearest"), np.float32)

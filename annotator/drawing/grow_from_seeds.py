"""Grow from seeds: strokes inside each structure spread until they meet."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from annotator.domain.errors import AnnotatorError
from annotator.drawing.edit import common_box
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.operation import Change, trimmed, unwatched
from annotator.drawing.options import LabelOption, NumberOption, SwitchOption, with_defaults
from annotator.drawing.scope import Scope, moved, refuse_other_group, within
from annotator.drawing.seed_growing import HIGHEST_LEVEL, Grown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.operation import Asked, Progress
    from annotator.drawing.options import Chosen, Option
    from annotator.drawing.surface import Surface

MAX_VOXELS = 100_000_000
"""What is grown over at once: it takes some twelve bytes each."""
_SHORTEST = 16
"""Length of the shortest step, in levels: a difference of 0.025 % of the values weighs as much."""
_LONGEST = 1 << 17
"""So that no way through a box adds up to more than a distance can hold."""
_TAILS = (0.1, 99.9)
_N_SLICES = 24
_TRUNCATE = 3.0
_LEAST_SIGMA = 0.2
"""Of a voxel: less smooths nothing."""
_ADVICE = (
    "Draw a stroke inside each structure, each with its label; what belongs to none gets a stroke "
    "with a label of its own, which you then choose as the background label."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kept:
    """What a run leaves for the next one: as long as ``basis`` is the same, only seeds differ."""

    image: weakref.ref[NDArray[Any]]
    basis: tuple[object, ...]
    bounds: tuple[float, float]
    box: Box
    grown: Grown


class GrowFromSeeds:
    """Gives every voxel around the strokes the label of the stroke that it looks most like.

    A run after another stroke works out only what the stroke changes; what it returns is the same
    as if it had begun anew.
    """

    name: ClassVar[str] = "grow-from-seeds"
    title: ClassVar[str] = "Grow from seeds"
    explanation: ClassVar[str] = (
        "Draw a stroke inside each structure, each with its label, and one around them with a "
        "label for what belongs to none. They grow until they meet, along values that are alike. "
        "Draw more where it is wrong; what you drew is never changed."
    )
    options: ClassVar[tuple[Option, ...]] = (
        LabelOption(
            key="background",
            title="Background label",
            tooltip="What grows from strokes with this label belongs to nothing and stays empty.",
        ),
        SwitchOption(
            key="clear_background",
            title="Take background strokes away",
            tooltip="When it is accepted, the strokes with the background label go, too.",
        ),
        NumberOption(
            key="margin",
            title="Margin",
            tooltip="How far it grows beyond the box around all strokes, in percent of that box.",
            default=5.0,
            minimum=0.0,
            maximum=100.0,
            unit="%",
        ),
        NumberOption(
            key="smoothing",
            title="Smoothing",
            tooltip="How much noise of the image is smoothed before; 0 leaves it as it is.",
            default=1.0,
            minimum=0.0,
            maximum=3.0,
            unit="voxels",
        ),
        NumberOption(
            key="locality",
            title="Seed locality",
            tooltip="How much distance counts beside values: more keeps each stroke's growth near "
            "it, and needs strokes everywhere.",
            default=0.0,
            minimum=0.0,
            maximum=10.0,
            unit="%/mm",
        ),
    )
    needs_image: ClassVar[bool] = True
    is_live: ClassVar[bool] = True

    def __init__(self) -> None:
        # A run takes what is kept out of the list, so that no two runs ever share it.
        self._kept: list[_Kept] = []

    def run(self, surface: Surface, asked: Asked, progress: Progress = unwatched) -> Change | None:
        """Return the grown labels in the box of the seeds and its margin."""
        chosen = with_defaults(self.options, asked.chosen)
        background = int(chosen["background"])
        image = surface.image
        if image is None:
            raise AnnotatorError("Grow from seeds needs an image; this case has none to look at.")
        refuse_other_group(surface, background)
        box = _seed_box(surface, background, float(chosen["margin"]) / 100)
        # A copy: who draws goes on meanwhile.
        seeds = surface.labels(box).copy()
        kept = self._prepared(surface, image, box, chosen, progress)
        try:
            kept.grown.update(seeds, progress)
        finally:
            self._kept[:] = [kept]
        labels = kept.grown.labels(seeds.dtype)
        if background:
            empties = labels == background
            if not chosen["clear_background"]:
                empties &= seeds == 0
            labels[empties] = 0
        return trimmed(surface, Change(box=box, labels=labels))

    def _prepared(
        self,
        surface: Surface,
        image: NDArray[Any],
        box: Box,
        chosen: dict[str, Chosen],
        progress: Progress,
    ) -> _Kept:
        """Return where to go on from."""
        smoothing, locality = float(chosen["smoothing"]), float(chosen["locality"])
        basis = (surface.slope, surface.intercept, surface.spacing_mm, smoothing, locality)
        before = self._kept.pop() if self._kept else None
        if before is not None and (before.image() is not image or before.basis != basis):
            before = None
        if before is not None and before.box == box:
            return before
        bounds = before.bounds if before is not None else _bounds(surface)
        levels = _levels(surface, box, bounds, smoothing)
        progress(0.0)
        grown = Grown(levels, _lengths(surface.spacing_mm, locality))
        if before is not None and common_box(before.box, box) == before.box:
            z, y, x = box[0]
            try:
                grown.take_over(before.grown, moved(before.box, (-z, -y, -x)), progress)
            except AnnotatorError:
                self._kept[:] = [before]
                raise
        # Nothing is kept of an image that is closed.
        held = weakref.ref(image, lambda _: self._kept.clear())
        return _Kept(image=held, basis=basis, bounds=bounds, box=box, grown=grown)


def _seed_box(surface: Surface, background: int, margin: float) -> Box:
    """Return the box to grow in; raises NothingToDoError where seeds are missing."""
    inner = Scope(surface=surface, box=surface.whole, plane=None).find(None)
    if inner is None:
        raise NothingToDoError(f"Nothing is drawn yet. {_ADVICE}")
    drawn = surface.labels(inner)
    labels = np.unique(drawn[drawn != 0])
    if len(labels) == 1:
        what = "the background label" if labels[0] == background else f"label {labels[0]}"
        raise NothingToDoError(f"Only {what} is drawn, and growing needs two to meet. {_ADVICE}")
    low, high = [], []
    for first, last, size in zip(*inner, surface.shape, strict=True):
        reach = math.ceil(margin * (last - first))
        low.append(max(0, first - reach))
        high.append(min(size, last + reach))
    n_voxels = math.prod(last - first for first, last in zip(low, high, strict=True))
    if n_voxels > MAX_VOXELS:
        raise AnnotatorError(
            f"The box around all strokes has {n_voxels / 1e6:.0f} million voxels; up to "
            f"{MAX_VOXELS / 1e6:.0f} million can be grown over at once. Take strokes away that lie "
            "far from the others, or choose a smaller margin."
        )
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def _bounds(surface: Surface) -> tuple[float, float]:
    """Return which values lie on the lowest and the highest level, from a sample of the image.

    Far outliers, as metal or a broken voxel, must not leave few levels for all others.
    """
    planes, rows, columns = surface.shape
    stride = max(1, math.isqrt(rows * columns) // 256)
    sample = [
        surface.values(((z, 0, 0), (z + 1, rows, columns)))[:, ::stride, ::stride].reshape(-1)
        for z in np.unique(np.linspace(0, planes - 1, min(planes, _N_SLICES)).astype(int)).tolist()
    ]
    values = np.concatenate(sample)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, _TAILS))
    width = high - low
    return max(float(values.min()), low - width), min(float(values.max()), high + width)


def _levels(
    surface: Surface, box: Box, bounds: tuple[float, float], smoothing: float
) -> NDArray[np.uint16]:
    """Return the image in a box as levels, smoothed by so much of the smallest side of a voxel."""
    from scipy import ndimage  # scipy takes a while to import

    finest = min(surface.spacing_mm)
    sigmas = [smoothing * finest / step for step in surface.spacing_mm]
    halos = [math.ceil(_TRUNCATE * sigma) if sigma >= _LEAST_SIGMA else 0 for sigma in sigmas]
    z, y, x = halos
    scope = Scope(surface=surface, box=surface.whole, plane=None)
    around = scope.grown(box, (z, y, x))
    values = surface.values(around)
    low, high = bounds
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    for axis, (sigma, halo) in enumerate(zip(sigmas, halos, strict=True)):
        if halo:
            ndimage.gaussian_filter1d(
                values, sigma, axis, output=values, mode="nearest", radius=halo
            )
    values = values[within(box, around)]
    values -= np.float32(low)
    values *= np.float32(HIGHEST_LEVEL / (high - low) if high > low else 0.0)
    np.clip(values, 0, HIGHEST_LEVEL, out=values)
    return np.rint(values, out=values).astype(np.uint16)


def _lengths(spacing_mm: tuple[float, float, float], locality: float) -> NDArray[np.int32]:
    """Return how long a step to each neighbour is, in levels; ``locality`` in % of them per mm."""
    per_mm = _SHORTEST / min(spacing_mm) + locality / 100 * HIGHEST_LEVEL
    steps = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1) * spacing_mm
    lengths: NDArray[np.float64] = per_mm * np.linalg.norm(steps, axis=-1)
    return np.minimum(np.rint(lengths), _LONGEST).astype(np.int32)

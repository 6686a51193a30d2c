"""Draws what a person points at, without any learned weights: a random walk within a region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis.prompt_region import SMOOTHING, cut_region
from annotator.analysis.prompt_scale import CLEAR, size_at, thing_at
from annotator.api import ModelCard, PromptAnswer
from annotator.domain.errors import AnnotatorError
from annotator_builtins.prompt_seeds import object_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.prompt_region import Region
    from annotator.api import Progress, Prompt, PromptKind
    from annotator.domain.reading import Box
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series

REACH = 24
"""How far around what was pointed at is looked first, in voxels of the finest axis."""
LEAVING = 0.42
"""How likely an object must be at the edge of the region to be looked for beyond."""
LEAST_CONTRAST = 0.45
"""How far an answer must differ from what lies next to it, in their deviations, to be believed
where nothing of the size of a ball stands out."""
MOST_GROWTH = 3
"""How often the region is doubled while the object reaches to its edge."""


class RegionPrompt:
    """Follows edges and likeness from clicks, scribbles, boxes and lassos; needs no training.

    On a slice, or through slices. A hint of one slice holds on that slice; a box also bounds the
    object on the others.
    """

    version = "2"
    kinds: frozenset[PromptKind] = frozenset({"click", "box", "scribble", "lasso"})

    def __init__(self, *, is_3d: bool) -> None:
        self.is_3d = is_3d
        self.name = "edges" if is_3d else "edges-slice"
        self.card = ModelCard(
            title="Follow edges, volume" if is_3d else "Follow edges, this slice",
            what_it_draws="what is pointed at, as far as edges and likeness in intensity tell",
            works_on="every image",
            limits="Knows no anatomy: where an edge is missing it needs more clicks.",
            licence="part of this program",
        )

    def refuses(self, series: Series, schema: LabelSchema) -> str | None:
        """Say that the frames of a video are no volume."""
        del schema
        if self.is_3d and series.kind == "video":
            return "the frames of a video are no volume; draw on each with the other model"
        if self.is_3d and series.geometry.shape[0] == 1:
            return "a picture has one slice"
        return None

    def take_in(
        self,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        progress: Progress,
    ) -> RegionPrompted:
        """Take in modality values; nothing has to be worked out before the first prompt."""
        del progress
        return RegionPrompted(image, spacing_mm, is_3d=self.is_3d)


class RegionPrompted:
    """One image that is pointed at."""

    def __init__(
        self, image: NDArray[np.float32], spacing_mm: tuple[float, float, float], *, is_3d: bool
    ) -> None:
        self._image = image
        self._spacing_mm = spacing_mm
        self._is_3d = is_3d

    def answer(self, prompts: tuple[Prompt, ...]) -> PromptAnswer:
        """Draw what the prompts mean; raises AnnotatorError where none shows the object."""
        if not any(prompt.is_positive for prompt in prompts):
            raise AnnotatorError("point at the object first; so far only what is not meant is said")
        if self._is_3d:
            return self._draw(prompts, self._whole)
        slices: dict[tuple[int, int], list[Prompt]] = {}
        for prompt in prompts:
            slices.setdefault((prompt.plane, prompt.voxels[0][prompt.plane]), []).append(prompt)
        return joined(
            [
                self._draw(tuple(group), self._slice(*where))
                for where, group in slices.items()
                if any(prompt.is_positive for prompt in group)
            ]
        )

    @property
    def _whole(self) -> Box:
        depth, height, width = self._image.shape[:3]
        return (0, 0, 0), (depth, height, width)

    def _slice(self, plane: int, index: int) -> Box:
        low, high = (list(corner) for corner in self._whole)
        low[plane], high[plane] = index, index + 1
        return (low[0], low[1], low[2]), (high[0], high[1], high[2])

    def _draw(self, prompts: tuple[Prompt, ...], limits: Box) -> PromptAnswer:
        if len(prompts) > 1 or prompts[0].kind != "click":
            return self._followed(prompts, limits)
        voxel = prompts[0].voxels[0]
        size = size_at(self._image, self._spacing_mm, voxel, limits)
        if size.clearness < CLEAR:  # no ball; it may still have edges all around
            answer = self._followed(prompts, limits)
            if self._contrast(answer) >= LEAST_CONTRAST:
                return answer
        region, field = thing_at(self._image, self._spacing_mm, voxel, limits, size.radius_mm)
        return PromptAnswer(box=region.box, mask=_kept(region, field, prompts))

    def _contrast(self, answer: PromptAnswer) -> float:
        """Return how far an answer differs from what lies next to it, in their deviations."""
        shape = self._image.shape[:3]
        low = [max(0, start - 3) for start in answer.box[0]]
        high = [min(size, end + 3) for size, end in zip(shape, answer.box[1], strict=True)]
        mask = np.zeros(np.subtract(high, low), np.bool_)
        mask[
            tuple(
                slice(start - offset, end - offset)
                for start, end, offset in zip(*answer.box, low, strict=True)
            )
        ] = answer.mask
        beside = ndimage.binary_dilation(mask, iterations=2) & ~mask
        if not beside.any():
            return 0.0
        finest = min(self._spacing_mm)
        blur = [SMOOTHING * finest / mm for mm in self._spacing_mm]
        part = self._image[tuple(slice(*ends) for ends in zip(low, high, strict=True))]
        values = ndimage.gaussian_filter(part, [*blur, *[0.0] * (part.ndim - 3)])
        step = np.abs(values[mask].mean(axis=0) - values[beside].mean(axis=0))
        spread = values[mask].std(axis=0) + values[beside].std(axis=0)
        return float(np.max(step / np.maximum(spread, 1e-9)))

    def _followed(self, prompts: tuple[Prompt, ...], limits: Box) -> PromptAnswer:
        boxes = [p for p in prompts if p.kind == "box" and p.is_positive]
        bounds = box_around([p.voxels for p in prompts if p.is_positive])
        reach = float(REACH)
        if boxes:  # it says how large the object is
            low, high = box_around([p.voxels for p in boxes])
            sides = np.subtract(high, low)
            reach = max(6.0, float((sides * self._spacing_mm).max()) / min(self._spacing_mm) / 6)
        for growth in range(MOST_GROWTH + 1):
            scale = 2**growth
            around = self._widened(bounds, reach * scale, limits, boxes)
            region = cut_region(self._image, self._spacing_mm, around, scale)
            may_leave = growth < MOST_GROWTH and not boxes
            field = object_of(region, prompts, limits, may_leave=may_leave)
            if not may_leave or not _reaches_edge(field > LEAVING, region, limits):
                break
        mask = _kept(region, field, prompts)
        return PromptAnswer(box=region.box, mask=mask)

    def _widened(self, bounds: Box, reach: float, limits: Box, boxes: list[Prompt]) -> Box:
        """Return a box so much wider, in voxels of the finest axis, within the limits.

        Across the slice of a box as far as the box is long.
        """
        finest = min(self._spacing_mm)
        far = np.array([reach * finest / mm for mm in self._spacing_mm])
        for box in boxes:
            corners = np.asarray(box.voxels)
            longest = ((np.ptp(corners, axis=0) + 1) * self._spacing_mm).max()
            far[box.plane] = max(far[box.plane], 0.75 * longest / self._spacing_mm[box.plane])
        far = np.maximum(np.ceil(far), 2)
        low = np.maximum(np.asarray(bounds[0]) - far, limits[0]).astype(int)
        high = np.minimum(np.asarray(bounds[1]) + far, limits[1]).astype(int)
        z0, y0, x0 = low.tolist()
        z1, y1, x1 = high.tolist()
        return (z0, y0, x0), (z1, y1, x1)


def _kept(
    region: Region, field: NDArray[np.float32], prompts: tuple[Prompt, ...]
) -> NDArray[np.bool_]:
    """Return the parts of the answer that were pointed at, with their holes filled."""
    mask = region.to_image(field) > 0.5
    shown, ruled_out = (_voxels(prompts, region.box, is_positive=one) for one in (True, False))
    mask[shown] = True
    mask[ruled_out] = False
    if not mask.any():
        raise AnnotatorError("nothing stands out there; point at the object with a click")
    labels, n_parts = ndimage.label(mask)
    if n_parts > 1:
        touched = set(labels[shown].tolist()) - {0}
        if not touched:
            touched = {int(np.bincount(labels[mask]).argmax())}
        mask = np.isin(labels, list(touched))
    mask = _without_holes(mask)
    mask[ruled_out] = False
    return mask


def _voxels(
    prompts: tuple[Prompt, ...], box: Box, *, is_positive: bool
) -> tuple[NDArray[np.int64], ...]:
    """Return the voxels of clicks and scribbles as indices into a box."""
    places = [
        place
        for prompt in prompts
        if prompt.is_positive == is_positive and prompt.kind in ("click", "scribble")
        for place in prompt.voxels
    ]
    found = np.asarray(places, np.int64).reshape(-1, 3)
    found = found[((found >= box[0]) & (found < box[1])).all(axis=1)] - np.asarray(box[0])
    return tuple(found.T)


def _without_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    thin = [axis for axis in range(3) if mask.shape[axis] == 1]
    if not thin:
        return np.asarray(ndimage.binary_fill_holes(mask), np.bool_)
    filled = ndimage.binary_fill_holes(mask.squeeze(axis=thin[0]))
    return np.expand_dims(np.asarray(filled, np.bool_), thin[0])


def _reaches_edge(mask: NDArray[np.bool_], region: Region, limits: Box) -> bool:
    """Whether the object runs into an edge of the region that is none of the image."""
    for axis in range(3):
        for side, near in enumerate((slice(0, 3), slice(-3, None))):
            if region.box[side][axis] == limits[side][axis] or mask.shape[axis] < 8:
                continue
            face = mask[(slice(None),) * axis + (near,)].any(axis=axis)
            if face.mean() > 0.02:
                return True
    return False


def box_around(groups: Sequence[Sequence[tuple[int, int, int]]]) -> Box:
    """Return the smallest half-open box around groups of voxels."""
    places = np.concatenate([np.asarray(group) for group in groups])
    z0, y0, x0 = places.min(axis=0).tolist()
    z1, y1, x1 = (places.max(axis=0) + 1).tolist()
    return (z0, y0, x0), (z1, y1, x1)


def joined(answers: list[PromptAnswer]) -> PromptAnswer:
    """Return one answer that holds all."""
    low = np.min([one.box[0] for one in answers], axis=0)
    high = np.max([one.box[1] for one in answers], axis=0)
    mask = np.zeros(high - low, np.bool_)
    for one in answers:
        window = tuple(
            slice(start, end)
            for start, end in zip(
                np.asarray(one.box[0]) - low, np.asarray(one.box[1]) - low, strict=True
            )
        )
        mask[window] |= one.mask
    z0, y0, x0 = low.tolist()
    z1, y1, x1 = high.tolist()
    return PromptAnswer(box=((z0, y0, x0), (z1, y1, x1)), mask=mask)

"""Draws what a person points at, without any learned weights: a random walk within a region."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis.prompt_likeness import like_areas, like_points
from annotator.analysis.prompt_region import cut_region
from annotator.analysis.random_walk import walk
from annotator.api import ModelCard, PromptAnswer
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.prompt_region import Region
    from annotator.api import Progress, Prompt, PromptKind
    from annotator.domain.reading import Box
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series

    Points = NDArray[np.int64]

REACH = 24
"""How far around what was pointed at is looked first, in voxels of the finest axis."""
MOST_GROWTH = 3
"""How often the region is doubled while the object reaches to its edge."""
PRIOR = 0.01
"""Weight of likeness to what was pointed at, against one neighbour of the same intensity."""
AREA_PRIOR = 0.05
"""The same where a box or a lasso was given, which tell more of the intensities."""
MOST_POINTS = 12
"""Of one scribble, at which its intensity is taken."""
_SEED_RADIUS = 1


class RegionPrompt:
    """Follows edges and likeness from clicks, scribbles, boxes and lassos; needs no training.

    On a slice, or through slices. A hint of one slice holds on that slice; a box also bounds the
    object on the others.
    """

    version = "1"
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
        return _joined(
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
        boxes = [p for p in prompts if p.kind == "box" and p.is_positive]
        bounds = _box_around([p.voxels for p in prompts if p.is_positive])
        reach = float(REACH)
        if boxes:  # it says how large the object is
            sides = np.subtract(*reversed(_box_around([p.voxels for p in boxes])))
            reach = max(6.0, float((sides * self._spacing_mm).max()) / min(self._spacing_mm) / 6)
        for growth in range(MOST_GROWTH + 1):
            scale = 2**growth
            around = self._widened(bounds, reach * scale, limits, boxes)
            region = cut_region(self._image, self._spacing_mm, around, scale)
            field = _object_of(region, prompts, limits)
            if boxes or not _reaches_edge(field > 0.5, region, limits):
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


def _object_of(region: Region, prompts: tuple[Prompt, ...], limits: Box) -> NDArray[np.float32]:
    """Return how likely each voxel of the region's grid belongs to the object."""
    seeds = np.zeros(region.shape, np.int8)
    _close_edges(seeds, region, limits)
    areas: list[NDArray[np.bool_]] = []
    points: dict[bool, list[Points]] = {True: [], False: []}
    for prompt in prompts:
        if prompt.kind in ("box", "lasso"):
            inside = _area(region, prompt)
            if prompt.is_positive:
                areas.append(inside)
                _bound(seeds, inside, prompt)
            else:
                seeds[inside] = 2
        else:
            points[prompt.is_positive].append(_points(region, prompt))
    for is_positive in (False, True):  # what was said to be meant has the last word
        for places in points[is_positive]:
            _plant(seeds, places, 1 if is_positive else 2, region.spacing_mm)
    if not (seeds == 1).any():
        seeds[_middle(areas, seeds)] = 1
    prior, strength = _prior(region, areas, points)
    return walk(region.values, region.spacing_mm, seeds, prior, strength)


def _prior(
    region: Region, areas: list[NDArray[np.bool_]], points: dict[bool, list[Points]]
) -> tuple[NDArray[np.float32], float]:
    """Return how likely each voxel is by itself, and how much that counts."""
    told = []
    strength = PRIOR
    if areas:
        inside = np.logical_or.reduce(areas)
        around = ndimage.binary_dilation(inside, iterations=3) & ~inside
        if around.any():
            told.append(like_areas(region.values, inside, around))
            strength = AREA_PRIOR
    if points[True]:
        chosen = {
            key: np.concatenate([_sparse(one) for one in found])
            if found
            else np.empty((0, 3), np.int64)
            for key, found in points.items()
        }
        told.append(like_points(region.values, region.spacing_mm, chosen[True], chosen[False]))
    if not told:
        return np.full(region.shape, 0.5, np.float32), strength
    return np.mean(told, axis=0, dtype=np.float32), strength


def _close_edges(seeds: NDArray[np.int8], region: Region, limits: Box) -> None:
    """Say that the object ends before the region does, except where the image does."""
    closed = 0
    for axis in range(3):
        for side, end in enumerate((0, -1)):
            if region.box[side][axis] != limits[side][axis] and seeds.shape[axis] > 2:
                seeds[(slice(None),) * axis + (end,)] = 2
                closed += 1
    if not closed:  # the whole image: without any background everything would be the object
        for axis in range(3):
            if seeds.shape[axis] > 4:
                seeds[(slice(None),) * axis + ([0, -1],)] = 2


def _area(region: Region, prompt: Prompt) -> NDArray[np.bool_]:
    """Return the inside of a box or a lasso on the region's grid."""
    from skimage.draw import polygon2mask

    corners = np.asarray(prompt.voxels)
    low, high = corners.min(axis=0), corners.max(axis=0) + 1
    box: Box = (tuple(low.tolist()), tuple(high.tolist()))
    shape = tuple((high - low).tolist())
    if prompt.kind == "box":
        return region.mask_to_grid(np.ones(shape, np.bool_), box)
    flat = [axis for axis in range(3) if axis != prompt.plane]
    outline = (corners - low)[:, flat]
    size = tuple(shape[axis] for axis in flat)
    filled = polygon2mask(size, outline)  # type: ignore[no-untyped-call]
    filled[tuple(outline.T)] = True
    return region.mask_to_grid(np.expand_dims(filled, prompt.plane), box)


def _bound(seeds: NDArray[np.int8], inside: NDArray[np.bool_], prompt: Prompt) -> None:
    """Say what a box or a lasso around the object leaves out."""
    depths = np.flatnonzero(inside.any(axis=_others(prompt.plane)))
    if not depths.size:
        return
    flat = inside.take(depths, axis=prompt.plane).any(axis=prompt.plane)
    if prompt.kind == "box":  # the object stays within its sides on every slice
        seeds[np.broadcast_to(~np.expand_dims(flat, prompt.plane), seeds.shape)] = 2
        return
    loose = ~ndimage.binary_dilation(flat, iterations=2)
    firm = ndimage.binary_erosion(flat, iterations=2)
    for depth in depths:
        here = (slice(None),) * prompt.plane + (depth,)
        seeds[here][loose] = 2
        seeds[here][firm] = 1


def _points(region: Region, prompt: Prompt) -> Points:
    """Return the places of a click or along a scribble on the region's grid."""
    from skimage.draw import line_nd

    if prompt.kind == "click" or len(prompt.voxels) == 1:
        return region.to_grid(np.asarray(prompt.voxels, np.int64))
    pieces = [
        np.stack(line_nd(start, end, endpoint=True), axis=1)  # type: ignore[no-untyped-call]
        for start, end in pairwise(prompt.voxels)
    ]
    return region.to_grid(np.concatenate(pieces).astype(np.int64))


def _plant(
    seeds: NDArray[np.int8], places: Points, value: int, spacing_mm: Sequence[float]
) -> None:
    """Seed places, a click with its nearest neighbours on the finest axes."""
    finest = min(spacing_mm)
    reach = [int(_SEED_RADIUS * finest / mm) for mm in spacing_mm] if len(places) == 1 else [0] * 3
    for place in places:
        window = tuple(
            slice(max(0, at - far), at + far + 1) for at, far in zip(place, reach, strict=True)
        )
        seeds[window] = value


def _middle(areas: list[NDArray[np.bool_]], seeds: NDArray[np.int8]) -> tuple[NDArray[np.int64], ...]:
    """Return the voxels of the areas that lie deepest inside: what a box most surely means."""
    inside = np.logical_or.reduce(areas) & (seeds != 2)
    if not inside.any():
        raise AnnotatorError("what is meant was ruled out by a later prompt; take one back")
    flat = [axis for axis in range(3) if inside.any(axis=_others(axis)).sum() > 1]
    places = np.argwhere(inside)
    middle = places.mean(axis=0)
    half = np.maximum(np.ptp(places, axis=0) / 2, 0.5)
    away = (((places - middle) / half)[:, flat] ** 2).sum(axis=1)
    return tuple(places[away <= max(0.04, float(away.min()) + 1e-9)].T)


def _kept(
    region: Region, field: NDArray[np.float32], prompts: tuple[Prompt, ...]
) -> NDArray[np.bool_]:
    """Return the parts of the answer that were pointed at, with their holes filled."""
    mask = region.to_image(field) > 0.5
    labels, n_parts = ndimage.label(mask)
    if n_parts > 1:
        low = np.asarray(region.box[0])
        touched: set[int] = set()
        for prompt in prompts:
            if prompt.is_positive and prompt.kind in ("click", "scribble"):
                places = np.asarray(prompt.voxels) - low
                touched |= set(labels[tuple(places.T)].tolist())
        touched -= {0}
        if not touched:
            touched = {int(np.bincount(labels[mask]).argmax())}
        mask = np.isin(labels, list(touched))
    return _without_holes(mask)


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


def _sparse(places: Points) -> Points:
    """Return at most ``MOST_POINTS`` of the places, evenly."""
    every = np.linspace(0, len(places) - 1, min(len(places), MOST_POINTS)).astype(int)
    return places[every]


def _others(axis: int) -> tuple[int, int]:
    first, second = (other for other in range(3) if other != axis)
    return first, second


def _box_around(groups: Sequence[Sequence[tuple[int, int, int]]]) -> Box:
    places = np.concatenate([np.asarray(group) for group in groups])
    z0, y0, x0 = places.min(axis=0).tolist()
    z1, y1, x1 = (places.max(axis=0) + 1).tolist()
    return (z0, y0, x0), (z1, y1, x1)


def _joined(answers: list[PromptAnswer]) -> PromptAnswer:
    """Return one answer that holds all."""
    box = _box_around([(one.box[0], tuple(at - 1 for at in one.box[1])) for one in answers])  # type: ignore[arg-type]
    low = np.asarray(box[0])
    mask = np.zeros(np.subtract(box[1], box[0]), np.bool_)
    for one in answers:
        window = tuple(
            slice(start, end)
            for start, end in zip(
                np.asarray(one.box[0]) - low, np.asarray(one.box[1]) - low, strict=True
            )
        )
        mask[window] |= one.mask
    return PromptAnswer(box=box, mask=mask)

"""What prompts say of a region: where the object is, where it is not, what it looks like."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis.prompt_likeness import like_areas, like_points
from annotator.analysis.random_walk import walk
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.prompt_region import Region
    from annotator.api import Prompt
    from annotator.domain.reading import Box

    Points = NDArray[np.int64]
    Area = NDArray[np.bool_]

PRIOR = 0.01
"""Weight of likeness to what was pointed at, against one neighbour of the same intensity."""
AREA_PRIOR = 0.05
"""The same where a box or a lasso was given, which tell more of the intensities."""
MOST_POINTS = 12
"""Of one scribble, at which its intensity is taken."""
EDGE_PRIOR = 0.25
"""What looks more like the object than this at the region's edge may be the object beyond it."""
_SEED_RADIUS = 1


def object_of(
    region: Region, prompts: tuple[Prompt, ...], limits: Box, *, may_leave: bool
) -> NDArray[np.float32]:
    """Return how likely each voxel of the region's grid belongs to the object.

    ``may_leave``: where it looks like the object at the region's edge, it may go on beyond.
    """
    seeds = np.zeros(region.shape, np.int8)
    areas: list[Area] = []
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
    prior, strength = _prior(region, areas, points)
    edge = _edge(region, limits)
    if may_leave:
        edge &= prior < EDGE_PRIOR
    seeds[edge] = 2
    for is_positive in (False, True):  # what was said to be meant has the last word
        for places in points[is_positive]:
            _plant(seeds, places, 1 if is_positive else 2, region.spacing_mm)
    if not (seeds == 1).any():
        seeds[_middle(areas, seeds)] = 1
    return walk(region.values, region.spacing_mm, seeds, prior, strength)


def _prior(
    region: Region, areas: list[Area], points: dict[bool, list[Points]]
) -> tuple[NDArray[np.float32], float]:
    """Return how likely each voxel is by itself, and how much that counts."""
    told = []
    strength = PRIOR
    if areas:
        inside = np.any(areas, axis=0)
        around = ndimage.binary_dilation(inside, iterations=3) & ~inside
        if around.any():
            told.append(like_areas(region.values, inside, around))
            strength = AREA_PRIOR
    if points[True]:
        shown, ruled_out = (_sparse(points[one]) for one in (True, False))
        told.append(like_points(region.values, region.spacing_mm, shown, ruled_out))
    if not told:
        return np.full(region.shape, 0.5, np.float32), strength
    return np.mean(told, axis=0, dtype=np.float32), strength


def _edge(region: Region, limits: Box) -> Area:
    """Return where the region ends before the image does; where neither ends, its own sides.

    Without any background everything would be the object.
    """
    found = np.zeros(region.shape, np.bool_)
    for axis in range(3):
        for side, end in enumerate((0, -1)):
            if region.box[side][axis] != limits[side][axis] and region.shape[axis] > 2:
                found[(slice(None),) * axis + (end,)] = True
    if not found.any():
        for axis in range(3):
            if region.shape[axis] > 4:
                found[(slice(None),) * axis + ([0, -1],)] = True
    return found


def _area(region: Region, prompt: Prompt) -> Area:
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


def _bound(seeds: NDArray[np.int8], inside: Area, prompt: Prompt) -> None:
    """Say what a box or a lasso around the object leaves out."""
    depths = np.flatnonzero(inside.any(axis=_others(prompt.plane)))
    if not depths.size:
        return
    flat: Area = np.any(inside.take(depths, axis=prompt.plane), axis=prompt.plane)
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


def _middle(areas: list[Area], seeds: NDArray[np.int8]) -> tuple[NDArray[np.int64], ...]:
    """Return the voxels of the areas that lie deepest inside: what a box most surely means."""
    inside = np.any(areas, axis=0) & (seeds != 2)
    if not inside.any():
        raise AnnotatorError("what is meant was ruled out by a later prompt; take one back")
    flat = [axis for axis in range(3) if inside.any(axis=_others(axis)).sum() > 1]
    places = np.argwhere(inside)
    middle = places.mean(axis=0)
    half = np.maximum(np.ptp(places, axis=0) / 2, 0.5)
    away = (((places - middle) / half)[:, flat] ** 2).sum(axis=1)
    return tuple(places[away <= max(0.04, float(away.min()) + 1e-9)].T)


def _sparse(found: list[Points]) -> Points:
    """Return the places of all hints, at most ``MOST_POINTS`` of each, evenly."""
    chosen = [np.empty((0, 3), np.int64)]
    for places in found:
        every = np.linspace(0, len(places) - 1, min(len(places), MOST_POINTS)).astype(int)
        chosen.append(places[every])
    return np.concatenate(chosen)


def _others(axis: int) -> tuple[int, int]:
    first, second = (other for other in range(3) if other != axis)
    return first, second

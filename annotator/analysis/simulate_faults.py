"""What simulated raters do wrong besides moving an outline: one fault a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Spacing = tuple[float, float, float]
    _Mask = NDArray[np.unsignedinteger]

_TOUCHING = np.ones((3, 3, 3))
_SUM_TOLERANCE = 1e-9


def swap_labels(
    drawn: _Mask, labels: Sequence[int], rate: float, random: np.random.Generator
) -> None:
    """Give each connected object, with probability ``rate``, another of the labels; in place."""
    before = drawn.copy()
    for value in labels:
        others = [label for label in labels if label != value]
        objects, n_objects = ndimage.label(before == value, _TOUCHING)
        for number in (1 + np.flatnonzero(random.random(n_objects) < rate)).tolist():
            if others:
                drawn[objects == number] = random.choice(others)


def break_objects(
    drawn: _Mask, spacing_mm: Spacing, n: int, width_mm: float, random: np.random.Generator
) -> None:
    """Cut ``n`` straight gaps of that width through drawn objects, in place.

    Each goes through a random drawn voxel, in a random direction, and through one object only.
    """
    for _ in range(n):
        places = np.argwhere(drawn != 0)
        if not len(places):
            return
        through = places[random.integers(len(places))]
        normal = random.standard_normal(3) * (np.array(drawn.shape) > 1)
        normal /= max(float(np.linalg.norm(normal)), np.finfo(float).tiny)
        objects, _ = ndimage.label(drawn != 0, _TOUCHING)
        own = places[objects[tuple(places.T)] == objects[tuple(through)]]
        off_mm = np.abs((own - through) * np.asarray(spacing_mm) @ normal)
        drawn[tuple(own[off_mm <= 0.5 * width_mm].T)] = 0


def shift_slices(drawn: _Mask, n: int) -> _Mask:
    """Return the mask as drawn ``n`` slices too high; what leaves the grid is lost."""
    shifted = np.zeros_like(drawn)
    size = len(drawn)
    if abs(n) < size:
        shifted[max(0, n) : size + min(0, n)] = drawn[max(0, -n) : size - max(0, n)]
    return shifted


def draw_anything(
    truth: _Mask, labels: Sequence[int], random: np.random.Generator, *, nested: bool
) -> _Mask:
    """Return an ellipse a label that has nothing to do with the truth, inside its grid.

    Nested labels share a centre, each smaller than the one before.
    """
    drawn = np.zeros_like(truth)
    shape = np.array(truth.shape)
    centre, radii = _any_ellipse(shape, random)
    for place, value in enumerate(labels):
        if place and nested:
            radii = radii * random.uniform(0.4, 0.8)
        elif place:
            centre, radii = _any_ellipse(shape, random)
        axes = np.ogrid[tuple(slice(size) for size in truth.shape)]
        squared = sum(
            ((axis - at) / radius) ** 2
            for axis, at, radius in zip(axes, centre, radii, strict=True)
        )
        drawn[squared <= 1.0] = value
    return drawn


def _any_ellipse(
    shape: NDArray[np.signedinteger], random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return random.random(3) * (shape - 1), np.maximum(0.5, random.uniform(0.08, 0.35, 3) * shape)


def confuse_voxels(
    drawn: _Mask, confusion: Sequence[Sequence[float]], random: np.random.Generator
) -> _Mask:
    """Return the mask with each voxel, by itself, relabelled by ``confusion[label][said]``.

    This is the one kind of error under which STAPLE's model is true. Raises AnnotatorError where
    rows do not sum to 1 or a label has none.
    """
    table = np.asarray(confusion, np.float64)
    n_labels = len(table)
    if table.shape != (n_labels, n_labels) or (table < 0).any():
        raise AnnotatorError(f"a confusion table is square and not negative, not {table.shape}")
    if np.abs(table.sum(axis=1) - 1.0).max() > _SUM_TOLERANCE:
        raise AnnotatorError("the rows of a confusion table sum to 1")
    if int(drawn.max(initial=0)) >= n_labels:
        raise AnnotatorError(
            f"the mask has the label {drawn.max()}, the confusion table only 0 to {n_labels - 1}"
        )
    said = np.zeros(drawn.shape, drawn.dtype)
    level = random.random(drawn.shape)
    for below in np.cumsum(table, axis=1)[:, :-1].T:
        said += (level >= below[drawn]).astype(drawn.dtype)
    return said


def draw_ball(
    drawn: NDArray[np.unsignedinteger],
    truth: NDArray[np.unsignedinteger],
    value: int,
    spacing_mm: Spacing,
    radius_mm: float,
    random: np.random.Generator,
) -> None:
    """Draw a ball, all of it on true background, if a few tries find room for one."""
    for _ in range(50):
        centre = [int(random.integers(size)) for size in truth.shape]
        box = tuple(
            slice(max(0, at - int(radius_mm / step)), at + int(radius_mm / step) + 1)
            for at, step in zip(centre, spacing_mm, strict=True)
        )
        axes = np.ogrid[
            tuple(
                slice(part.start, min(part.stop, size))
                for part, size in zip(box, truth.shape, strict=True)
            )
        ]
        squared = sum(
            ((axis - at) * step) ** 2
            for axis, at, step in zip(axes, centre, spacing_mm, strict=True)
        )
        ball = squared <= radius_mm**2
        if not truth[box][ball].any():
            drawn[box][ball] = value
            return

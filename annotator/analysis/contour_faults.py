"""Errors that people make along a contour, put into a right mask at a random place.

To see what a detector of contour errors finds, it must be known where they are and of which kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy import ndimage

from annotator.analysis.contour_points import contour_points
from annotator.analysis.simulate_outline import move_outline, smooth_noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.analysis.contour_points import Spacing

    Mask = NDArray[np.bool_]
    Floats = NDArray[np.float32]
    Fault = Callable[["_Place"], Mask]

FaultKind = Literal["bulge", "dent", "shifted", "jagged", "leak", "missed"]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
_TRIES = 8


class _Place:
    """Where an error is put: a point of the contour, what is drawn there, and how far it goes."""

    def __init__(
        self,
        mask: Mask,
        image: Floats,
        spacing_mm: Spacing,
        depth_mm: float,
        random: np.random.Generator,
    ) -> None:
        points = contour_points(mask, spacing_mm)
        row = int(random.integers(len(points)))
        self.mask, self.image, self.spacing_mm = mask, image, spacing_mm
        self.depth_mm, self.random = depth_mm, random
        self.inner, self.normal = points.inner[row], points.normal[row]
        axes = np.ogrid[tuple(slice(size) for size in mask.shape)]
        self.away_mm = [
            (axis - at) * step
            for axis, at, step in zip(axes, points.at[row], spacing_mm, strict=True)
        ]
        self.distance_mm = np.sqrt(sum(part**2 for part in self.away_mm)).astype(np.float32)

    def bump(self, radius_mm: float) -> Floats:
        """Return 1 at the point, falling to 0 at a distance."""
        near = np.clip(self.distance_mm / radius_mm, 0.0, 1.0)
        return np.asarray(0.5 + 0.5 * np.cos(np.pi * near), np.float32)

    def plateau(self, radius_mm: float) -> Floats:
        """Return 1 around the point, falling to 0 within a depth beyond a distance."""
        beyond = (self.distance_mm - radius_mm) / self.depth_mm
        return np.asarray(np.clip(1.0 - beyond, 0.0, 1.0), np.float32)

    def moved(self, shift_mm: Floats) -> Mask:
        return move_outline(self.mask, shift_mm, self.spacing_mm)


def plant_fault(
    kind: FaultKind,
    mask: Mask,
    image: Floats,
    spacing_mm: Spacing,
    depth_mm: float,
    random: np.random.Generator,
) -> Mask:
    """Return a mask ``(z, y, x)`` with one error of about that depth at a random place.

    ``bulge`` and ``dent`` are round; ``shifted`` is a longer stretch that runs beside the right
    one; ``jagged`` goes to and fro; ``leak`` follows the image to where it looks as inside;
    ``missed`` lacks what lies beyond a straight cut, in a volume on a slice or two. Where no place
    is found the mask comes back as it is. Must not write to its input.
    """
    for _ in range(_TRIES):
        place = _Place(mask, image, spacing_mm, depth_mm, random)
        faulty = _FAULTS[kind](place)
        # Most of it has to be left: what is wrong everywhere is no error along a contour.
        if faulty.any() and 0 < (faulty != mask).sum() < 0.5 * mask.sum():
            return faulty
    return mask.copy()


def waver(
    mask: Mask, spacing_mm: Spacing, by_mm: float, width_mm: float, random: np.random.Generator
) -> Mask:
    """Return a mask as a careful person draws it again: its outline moved a little everywhere.

    ``by_mm`` is the standard deviation of the shift, ``width_mm`` how far it holds along.
    """
    noise = smooth_noise(mask.shape, [width_mm / step for step in spacing_mm], random)
    return move_outline(mask, by_mm * np.clip(noise, -2.0, 2.0), spacing_mm)


def _bulge(place: _Place) -> Mask:
    return place.moved(place.depth_mm * place.bump(3.0 * place.depth_mm))


def _dent(place: _Place) -> Mask:
    return place.moved(-place.depth_mm * place.bump(3.0 * place.depth_mm))


def _shifted(place: _Place) -> Mask:
    way = place.random.choice((-1.0, 1.0))
    return place.moved(np.float32(0.8 * way * place.depth_mm) * place.plateau(3 * place.depth_mm))


def _jagged(place: _Place) -> Mask:
    width = [0.4 * place.depth_mm / step for step in place.spacing_mm]
    noise = smooth_noise(place.mask.shape, width, place.random)
    return place.moved(place.depth_mm * noise * place.plateau(2.5 * place.depth_mm))


def _leak(place: _Place) -> Mask:
    """Take in what looks more like inside than outside near the point, and touches it."""
    near = place.distance_mm <= 3.0 * place.depth_mm
    inside, outside = near & place.mask, near & ~place.mask
    if not inside.any() or not outside.any():
        return place.mask
    smooth = ndimage.gaussian_filter(place.image, [1.0 * (size > 1) for size in near.shape])
    within, beyond = np.median(smooth[inside]), np.median(smooth[outside])
    looks_inside = np.abs(smooth - within) < np.abs(smooth - beyond)
    taken = outside & looks_inside & (place.distance_mm <= 2.0 * place.depth_mm)
    joined = ndimage.binary_opening(place.mask | taken, _cross(near.shape[0] == 1)) | place.mask
    pieces, _ = ndimage.label(joined)
    found = pieces == pieces[tuple(place.inner)]
    return np.asarray(found | place.mask)


def _missed(place: _Place) -> Mask:
    """Cut off what lies beyond a line across the normal, a depth inside the point."""
    along = sum(part * way for part, way in zip(place.away_mm, place.normal, strict=True))
    cut = (along > -place.depth_mm) & (place.distance_mm < 4.0 * place.depth_mm)
    n_slices = place.mask.shape[0]
    if n_slices > 1:
        slices = np.abs(np.arange(n_slices) - place.inner[0]) <= place.random.integers(0, 2)
        cut = cut & slices[:, None, None]
    return np.asarray(place.mask & ~cut)


def _cross(is_flat: bool) -> NDArray[np.bool_]:
    cross: NDArray[np.bool_] = ndimage.generate_binary_structure(3, 1)
    return cross[1:2] if is_flat else cross


_FAULTS: dict[FaultKind, Fault] = {
    "bulge": _bulge,
    "dent": _dent,
    "shifted": _shifted,
    "jagged": _jagged,
    "leak": _leak,
    "missed": _missed,
}

"""Readings drawn by a program from a known truth, for tests, benchmarks and the sample project.

A simulated rater moves the outline of the truth: outwards or inwards everywhere (bias), here and
there by smooth noise (wobble), voxel by voxel (roughness), more in some regions than in others;
overlooks objects; sees some that are not there; mixes labels up; copies somebody else. Whoever
shows such a reading must say that it is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis.simulate_faults import (
    break_objects,
    confuse_voxels,
    draw_anything,
    draw_ball,
    shift_slices,
    swap_labels,
)
from annotator.analysis.simulate_outline import move_outline, smooth_noise
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where a rater draws otherwise than elsewhere: a cone around the middle of the truth.

    In a picture the cone is a sector; opened by 180 degrees it is a half-space.

    Attributes
    ----------
    direction : tuple of float
        Axis of the cone ``(z, y, x)``, of any length but 0.
    opening_deg : float
        Full angle, 0 to 360.
    bias_mm, wobble_mm : float
        Added there to what the rater does everywhere.
    """

    direction: tuple[float, float, float]
    opening_deg: float = 180.0
    bias_mm: float = 0.0
    wobble_mm: float = 0.0

    def covers(self, truth: NDArray[np.unsignedinteger], spacing_mm: Spacing) -> NDArray[np.bool_]:
        """Tell of each voxel ``(z, y, x)`` of a truth's grid whether it lies in the region."""
        inside = np.argwhere(truth != 0)
        middle = inside.mean(axis=0) if len(inside) else (np.array(truth.shape) - 1) / 2
        offsets = [
            (axis - at) * step
            for axis, at, step in zip(
                np.ogrid[tuple(slice(size) for size in truth.shape)],
                middle,
                spacing_mm,
                strict=True,
            )
        ]
        length = np.sqrt(sum(offset**2 for offset in offsets))
        axis = np.asarray(self.direction, np.float64)
        along = sum(
            offset * part for offset, part in zip(offsets, axis / np.linalg.norm(axis), strict=True)
        )
        return np.asarray(along >= np.cos(np.deg2rad(self.opening_deg / 2)) * length)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRater:
    """How a simulated rater departs from the truth; the default draws the truth itself.

    Attributes
    ----------
    bias_mm : float
        How far the outline lies outside (+) or inside (-) the true one.
    wobble_mm, wobble_size_mm : float
        Standard deviation of a smooth shift of the outline, and the width (Gaussian sigma) over
        which it changes.
    roughness_mm : float
        Standard deviation of a shift that differs from voxel to voxel: a ragged outline.
    miss_rate : float
        Probability, 0 to 1, with which each connected object is left out altogether.
    n_false, false_radius_mm : int, float
        Balls drawn where there is nothing, and their radius.
    regions : tuple of Region
        Where the outline is moved further.
    swap_rate : float
        Probability with which each drawn object gets another label.
    empty_rate : float
        Probability with which the reading is empty.
    n_gaps, gap_mm : int, float
        Straight gaps that break drawn objects, and their width.
    slices_off : int
        By how many slices the whole drawing is moved along z.
    is_spammer : bool
        Draws an ellipse anywhere and does not look at the image; of the rest only ``empty_rate``
        and ``confusion`` count then.
    copies : int or None
        Starts from the reading of that rater of the panel instead of from the truth.
    confusion : tuple of tuple of float, or None
        Probability of each label said, in a row a label meant (0 first): every voxel for itself.
    """

    bias_mm: float = 0.0
    wobble_mm: float = 0.0
    wobble_size_mm: float = 5.0
    roughness_mm: float = 0.0
    miss_rate: float = 0.0
    n_false: int = 0
    false_radius_mm: float = 3.0
    regions: tuple[Region, ...] = ()
    swap_rate: float = 0.0
    empty_rate: float = 0.0
    n_gaps: int = 0
    gap_mm: float = 3.0
    slices_off: int = 0
    is_spammer: bool = False
    copies: int | None = None
    confusion: tuple[tuple[float, ...], ...] | None = None

    def scaled(self, factor: float) -> SimulatedRater:
        """Return the rater on a case that is that much harder: every shift is that much larger."""
        return replace(
            self,
            bias_mm=factor * self.bias_mm,
            wobble_mm=factor * self.wobble_mm,
            roughness_mm=factor * self.roughness_mm,
            regions=tuple(
                replace(
                    region, bias_mm=factor * region.bias_mm, wobble_mm=factor * region.wobble_mm
                )
                for region in self.regions
            ),
        )


def simulate_reading(
    truth: NDArray[np.unsignedinteger],
    spacing_mm: Spacing,
    rater: SimulatedRater,
    *,
    seed: int,
    nested: bool = False,
) -> NDArray[np.unsignedinteger]:
    """Return the mask ``(z, y, x)`` that the rater draws of a true mask, in its type.

    The same seed gives the same mask. Where labels are ``nested``, as the cup in the disc, the
    outline of a label is that of all labels from it upwards, and no label leaves the one below.
    Raises AnnotatorError for a rater who copies. Must not write to its input.
    """
    if rater.copies is not None:
        raise AnnotatorError("this rater copies another: use simulate_panel")
    random = np.random.default_rng(seed)
    labels: list[int] = np.unique(truth[truth != 0]).tolist()
    if rater.empty_rate and random.random() < rater.empty_rate:
        return np.zeros_like(truth)
    if rater.is_spammer:
        drawn = draw_anything(truth, labels or [1], random, nested=nested)
    else:
        drawn = _draw(truth, labels, spacing_mm, rater, random, nested=nested)
    return confuse_voxels(drawn, rater.confusion, random) if rater.confusion else drawn


def simulate_panel(
    truth: NDArray[np.unsignedinteger],
    spacing_mm: Spacing,
    raters: Sequence[SimulatedRater],
    seed: int,
    *,
    nested: bool = False,
) -> tuple[NDArray[np.unsignedinteger], ...]:
    """Return the masks ``(z, y, x)`` that all raters of a panel draw of a true mask.

    Each has an own random stream, so that a rater who joins changes nobody's reading. Raises
    AnnotatorError where a rater copies one who is not there, or where copies go round in a circle.
    """
    drawn: dict[int, NDArray[np.unsignedinteger]] = {}
    for place in _copied_first(raters):
        rater = raters[place]
        drawn[place] = simulate_reading(
            truth if rater.copies is None else drawn[rater.copies],
            spacing_mm,
            replace(rater, copies=None),
            seed=int(np.random.SeedSequence((seed, place)).generate_state(1)[0]),
            nested=nested,
        )
    return tuple(drawn[place] for place in range(len(raters)))


def planted_error_mm(
    truth: NDArray[np.unsignedinteger], spacing_mm: Spacing, rater: SimulatedRater
) -> NDArray[np.float32]:
    """Return how far the rater's outline is expected off at each voxel ``(z, y, x)``, mm.

    The root of the mean squared shift: what a method that learns who is good where should find.
    Overlooked and invented objects, copies and spam are not in it.
    """
    bias = np.full(truth.shape, rater.bias_mm, np.float32)
    variance = np.full(truth.shape, rater.wobble_mm**2 + rater.roughness_mm**2, np.float32)
    for region in rater.regions:
        where = region.covers(truth, spacing_mm)
        bias[where] += region.bias_mm
        variance[where] += region.wobble_mm**2
    return np.asarray(np.sqrt(bias**2 + variance), np.float32)


def _copied_first(raters: Sequence[SimulatedRater]) -> list[int]:
    """Return the places of the raters so that whoever is copied comes first."""
    order = [place for place, rater in enumerate(raters) if rater.copies is None]
    while len(order) < len(raters):
        ready = [
            place
            for place, rater in enumerate(raters)
            if place not in order and rater.copies in order
        ]
        if not ready:
            left = [place for place in range(len(raters)) if place not in order]
            raise AnnotatorError(
                f"rater {left[0]} copies rater {raters[left[0]].copies}, who is not in the panel "
                "or copies them in turn"
            )
        order += ready
    return order


def _draw(
    truth: NDArray[np.unsignedinteger],
    labels: list[int],
    spacing_mm: Spacing,
    rater: SimulatedRater,
    random: np.random.Generator,
    *,
    nested: bool,
) -> NDArray[np.unsignedinteger]:
    """Draw every label, then the faults that are no shift of an outline."""
    drawn = np.zeros_like(truth)
    places = [region.covers(truth, spacing_mm) for region in rater.regions]
    for value in labels:
        part = truth >= value if nested else truth == value
        objects, n_objects = ndimage.label(part, np.ones((3, 3, 3)))
        missed = 1 + np.flatnonzero(random.random(n_objects) < rater.miss_rate)
        seen = (objects != 0) & ~np.isin(objects, missed)
        inside = _move(seen, spacing_mm, rater, places, random)
        if nested and value != labels[0]:
            inside &= drawn != 0
        drawn[inside] = value
    if rater.swap_rate:
        swap_labels(drawn, labels, rater.swap_rate, random)
    break_objects(drawn, spacing_mm, rater.n_gaps, rater.gap_mm, random)
    if rater.slices_off:
        drawn = shift_slices(drawn, rater.slices_off)
    for _ in range(rater.n_false):
        value = int(random.choice(labels)) if labels else 1
        draw_ball(drawn, truth, value, spacing_mm, rater.false_radius_mm, random)
    return drawn


def _move(
    inside: NDArray[np.bool_],
    spacing_mm: Spacing,
    rater: SimulatedRater,
    places: Sequence[NDArray[np.bool_]],
    random: np.random.Generator,
) -> NDArray[np.bool_]:
    """Return a label with its outline moved; ``places`` are the rater's regions."""
    moved = np.zeros_like(inside)
    if not inside.any():
        return moved
    reach_mm = max(0.0, rater.bias_mm) + 4.0 * (rater.wobble_mm + rater.roughness_mm)
    reach_mm += sum(max(0.0, region.bias_mm) + 4.0 * region.wobble_mm for region in rater.regions)
    found = ndimage.find_objects(inside.astype(np.uint8))[0]
    box = tuple(
        slice(max(0, part.start - pad), min(size, part.stop + pad))
        for part, size, pad in zip(
            found, inside.shape, [int(reach_mm / step) + 2 for step in spacing_mm], strict=True
        )
    )
    part = inside[box]
    sigma_vox = [rater.wobble_size_mm / step for step in spacing_mm]
    shift = np.full(part.shape, rater.bias_mm, np.float32)
    if rater.wobble_mm:
        shift += rater.wobble_mm * smooth_noise(part.shape, sigma_vox, random)
    for region, place in zip(rater.regions, places, strict=True):
        shift += region.bias_mm * place[box]
        if region.wobble_mm:
            noise = smooth_noise(part.shape, sigma_vox, random)
            shift += region.wobble_mm * noise * place[box]
    if rater.roughness_mm:
        shift += rater.roughness_mm * random.standard_normal(part.shape, np.float32)
    moved[box] = move_outline(part, shift, spacing_mm)
    return moved

"""From slices to a grid: even spacing, gaps, gantry tilt; whatever is odd is said in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.domain.geometry import IDENTITY, Direction, Geometry
from annotator_builtins.dicom_groups import depths_mm, slice_axes
from annotator_builtins.dicom_headers import is_orientation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.study import SeriesKind
    from annotator_builtins.dicom_groups import Group
    from annotator_builtins.dicom_headers import Layout, SliceHeader

GAP_TOLERANCE = 0.1
"""Share of the spacing by which one distance may differ and still be the same spacing."""
QUIET_TOLERANCE = 0.01
"""Share of the spacing by which a slice may lie off the even grid without a note."""
SAID_TOLERANCE = 0.15
"""Share by which the spacing that a header says may differ; a tilted gantry's does."""
SHIFT_VOX = 0.1
"""Pixels by which slices may be shifted against each other before they are moved back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Slices in order, and the grid that their voxels fill.

    ``shifts_vox`` is empty, or says for each slice how far its pixel (0, 0) lies along (y, x)
    from that of the grid, in pixels: the slice is moved there by linear interpolation.
    ``is_converted`` marks slices whose rescale differs: their voxels become modality values.
    """

    slices: tuple[SliceHeader, ...]
    geometry: Geometry
    kind: SeriesKind
    part: str = ""
    notes: tuple[str, ...] = ()
    shifts_vox: tuple[tuple[float, float], ...] = ()
    is_converted: bool = False

    @property
    def layout(self) -> Layout:
        """What the slices have in common."""
        return self.slices[0].layout


def build_stacks(group: Group) -> tuple[Stack, ...] | str:
    """Lay the slices of a group on grids; a text is the reason why that cannot be done."""
    if group.refusal:
        return group.refusal
    if group.is_time or len(group.slices) == 1 or group.slices[0].position is None:
        return (_flat_stack(group),)
    if group.slices[0].layout.bad_orientation and group.slices[0].clue != "slice location":
        return _orientation_words(group.slices[0].layout) + ", so no grid of voxels fits its slices"
    depths = depths_mm(group.slices)
    order = np.argsort(depths, kind="stable")
    slices = tuple(group.slices[i] for i in order)
    depths = depths[order]
    runs = even_runs(depths)
    gaps = np.diff(depths)
    shortest = 2 if _are_multiples(gaps) else 3
    if len(runs) > 1 and len(slices) < shortest * len(runs):
        return (
            f"the distances between its {len(slices)} slices are uneven, from {gaps.min():.4g} to "
            f"{gaps.max():.4g} mm, so no grid of voxels fits them"
        )
    stacks: list[Stack] = []
    for number, (start, stop) in enumerate(runs):
        notes = group.notes + _run_notes(depths, runs, number)
        part = group.part
        if len(runs) > 1:
            part = f"{part}, block {number + 1}" if part else f"block {number + 1}"
        usual = float(np.median(gaps)) if gaps.size else None
        stack = _space_stack(slices[start:stop], depths[start:stop], part, notes, usual)
        if isinstance(stack, str):
            return stack
        stacks.append(stack)
    return tuple(stacks)


def even_runs(depths: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Cut ascending depths (mm) into the longest runs of even spacing, as (start, stop)."""
    gaps = np.diff(depths)
    runs: list[tuple[int, int]] = []
    start = 0
    for index in range(1, len(depths)):
        gap = gaps[index - 1]
        if index - start == 1:
            following = gaps[index] if index < len(gaps) else gap
            is_same = _same_gap(gap, following) or gap < following
        else:
            is_same = _same_gap(gap, float(gaps[start : index - 1].mean()))
        if not is_same:
            runs.append((start, index))
            start = index
    runs.append((start, len(depths)))
    return runs


def _same_gap(gap: float, spacing: float) -> bool:
    """Compare two distances; positions rounded to 0.1 mm may differ by that much."""
    return abs(gap - spacing) <= max(GAP_TOLERANCE * spacing, min(0.101, 0.25 * spacing))


def _are_multiples(gaps: NDArray[np.float64]) -> bool:
    """Whether every distance is a whole number of times the smallest: slices are missing."""
    times = gaps / gaps.min()
    return bool(np.abs(times - np.rint(times)).max() <= GAP_TOLERANCE)


def _run_notes(
    depths: NDArray[np.float64], runs: list[tuple[int, int]], number: int
) -> tuple[str, ...]:
    if len(runs) == 1:
        return ()
    breaks = ", ".join(
        f"{depths[stop] - depths[stop - 1]:.4g} mm between slices {stop} and {stop + 1}"
        for _, stop in runs[:-1]
    )
    start, stop = runs[number]
    gaps = np.diff(depths)
    usual = float(np.median(gaps))
    missing = round(float((gaps / gaps.min()).sum()) - len(gaps))
    what = f"Slices are unevenly spaced: {breaks} (usually {usual:.4g} mm)"
    spacings = [float(gaps[a : b - 1].mean()) for a, b in runs if b - a > 1]
    if not all(_same_gap(spacing, spacings[0]) for spacing in spacings):
        each = ", ".join(
            f"{gaps[a : b - 1].mean():.4g} mm in slices {a + 1} to {b}"
            for a, b in runs
            if b - a > 1
        )
        what = f"The distance between slices changes: {each}"
    elif _are_multiples(gaps):
        who = "1 slice is missing" if missing == 1 else f"{missing} slices are missing"
        what = f"{who}: {breaks} (usually {usual:.4g} mm)"
    return (
        f"{what}. Nothing was filled in: the series was read as {len(runs)} blocks, this is block "
        f"{number + 1} with slices {start + 1} to {stop}.",
    )


def _space_stack(
    slices: tuple[SliceHeader, ...],
    depths: NDArray[np.float64],
    part: str,
    notes: tuple[str, ...],
    usual_mm: float | None = None,
) -> Stack | str:
    n = len(slices)
    layout = slices[0].layout
    spacing, said = _in_plane(layout)
    notes += said
    if n > 1:
        between = float(depths[-1] - depths[0]) / (n - 1)
        off = float(np.abs(depths - depths[0] - between * np.arange(n)).max())
        if off > 0.25 * between:
            return f"the slices lie up to {off:.3g} mm off an even spacing of {between:.4g} mm"
        if off > QUIET_TOLERANCE * between:
            notes += (f"Slices lie up to {off:.3g} mm off an even spacing of {between:.4g} mm.",)
        notes += _said_spacing_notes(layout, between)
    else:
        between, said = _stand_in_spacing(layout, usual_mm)
        notes += said
    if slices[0].clue == "slice location":
        notes += ("Positions are missing: slice locations were used; left and right are unknown.",)
    notes += _orientation_notes(layout, is_placed=slices[0].clue != "slice location")
    axes = slice_axes(layout)
    positions = np.array([item.position for item in slices], dtype=np.float64)
    shifts, shape, origin, said = _shifts(positions, axes, spacing, layout, between)
    if shifts and max(shape) > 3 * max(layout.rows, layout.columns):
        return "its slices are shifted against each other by more than their size"
    is_converted, rescale_notes = _rescale_notes(slices)
    return Stack(
        slices=slices,
        geometry=Geometry(
            shape=(n, *shape),
            spacing_mm=(between, *spacing),
            origin_mm=origin,
            direction=_direction(axes),
            is_calibrated=layout.pixel_spacing_mm is not None,
        ),
        kind="volume" if n > 1 else "picture",
        part=part,
        notes=notes + said + rescale_notes,
        shifts_vox=shifts,
        is_converted=is_converted,
    )


def _said_spacing_notes(layout: Layout, between: float) -> tuple[str, ...]:
    """Say where the header's own distance between slices is another than that of positions."""
    said = layout.spacing_between_mm
    if said is None or abs(between - said) <= SAID_TOLERANCE * said:
        return ()
    why = ": slices may be missing" if between > said else ""
    return (
        f"The header says {said:.4g} mm between slices, but their positions are {between:.4g} mm "
        f"apart{why}. The positions were used.",
    )


def _orientation_words(layout: Layout) -> str:
    return (
        f"the orientation is invalid ({layout.bad_orientation}): it must be two perpendicular "
        "directions of length 1"
    )


def _orientation_notes(layout: Layout, *, is_placed: bool) -> tuple[str, ...]:
    if layout.bad_orientation:
        return (f"{_orientation_words(layout).capitalize()}. It was ignored.",)
    if layout.orientation is None:
        return ("The orientation is missing: slices were taken as axial.",) if is_placed else ()
    if not is_orientation(layout.orientation, tolerance=0.02):
        given = ", ".join(f"{value:g}" for value in layout.orientation)
        return (f"The directions of the orientation ({given}) were brought to length 1.",)
    return ()


def _shifts(
    positions: NDArray[np.float64],
    axes: NDArray[np.float64],
    spacing: tuple[float, float],
    layout: Layout,
    between: float,
) -> tuple[
    tuple[tuple[float, float], ...], tuple[int, int], tuple[float, float, float], tuple[str, ...]
]:
    """Find how the slices are shifted against each other, and the grid that holds them all."""
    first = positions[0]
    offsets = (positions - first) @ axes[[1, 0]].T / np.array(spacing)
    shape = (layout.rows, layout.columns)
    if np.abs(offsets).max() <= SHIFT_VOX:
        return (), shape, (float(first[0]), float(first[1]), float(first[2])), ()
    low = np.floor(offsets.min(axis=0) + 1e-6)
    high = np.ceil(offsets.max(axis=0) - 1e-6)
    y, x = (low * np.array(spacing)).tolist()
    origin = first + axes[1] * y + axes[0] * x
    grown = (high - low).astype(int)
    shifts = tuple((float(a), float(b)) for a, b in offsets - low)
    lateral = (positions[-1] - first) @ axes[:2].T
    angle = math.degrees(math.atan2(float(np.hypot(*lateral)), between * (len(positions) - 1)))
    note = (
        f"Gantry tilt: the slices are shifted against each other ({angle:.1f}° from upright). Each "
        "was moved within its plane onto an upright grid by linear interpolation, so values are "
        f"not the stored ones, and {grown[0]} rows and {grown[1]} columns of padding were added."
    )
    return (
        shifts,
        (shape[0] + int(grown[0]), shape[1] + int(grown[1])),
        (float(origin[0]), float(origin[1]), float(origin[2])),
        (note,),
    )


def _flat_stack(group: Group) -> Stack:
    """Lay out a picture, a video, or a stack without positions."""
    slices, layout = group.slices, group.slices[0].layout
    n = len(slices)
    if slices[0].position is not None and not group.is_time:
        stack = _space_stack(slices, np.zeros(1), group.part, group.notes)
        if isinstance(stack, Stack):
            return stack
    spacing, said = _in_plane(layout)
    notes = group.notes + said + _orientation_notes(layout, is_placed=False)
    between = layout.spacing_between_mm or 1.0
    is_calibrated = layout.pixel_spacing_mm is not None
    if group.is_time:
        between = 1.0
    elif n > 1 and layout.spacing_between_mm is None:
        notes += ("The distance between slices is not known: lengths are shown in pixels.",)
        is_calibrated = False
    is_converted, rescale_notes = _rescale_notes(slices)
    position = slices[0].position
    return Stack(
        slices=slices,
        geometry=Geometry(
            shape=(n, layout.rows, layout.columns),
            spacing_mm=(between, *spacing),
            origin_mm=position or (0.0, 0.0, 0.0),
            direction=_direction(slice_axes(layout)) if layout.orientation else IDENTITY,
            is_calibrated=is_calibrated,
            is_time=group.is_time,
        ),
        kind="video" if group.is_time else "volume" if n > 1 else "picture",
        part=group.part,
        notes=notes + rescale_notes,
        is_converted=is_converted,
    )


def _in_plane(layout: Layout) -> tuple[tuple[float, float], tuple[str, ...]]:
    if layout.pixel_spacing_mm is None:
        note = "The file gives no pixel spacing: lengths are shown in pixels."
        return (1.0, 1.0), (note,)
    if layout.spacing_source == "PixelSpacing":
        return layout.pixel_spacing_mm, ()
    if layout.spacing_source == "UltrasoundSpacing":
        note = "The pixel spacing is that of the two-dimensional ultrasound region."
        return layout.pixel_spacing_mm, (note,)
    note = (
        "The pixel spacing is that at the detector or film, not in the patient: lengths are "
        "approximate."
    )
    return layout.pixel_spacing_mm, (note,)


def _stand_in_spacing(layout: Layout, usual_mm: float | None) -> tuple[float, tuple[str, ...]]:
    """Depth of a single slice: it has no neighbour to measure a spacing to."""
    known = usual_mm or layout.spacing_between_mm
    if known is not None:
        return known, ()
    if layout.thickness_mm is not None:
        note = f"A single slice: its thickness ({layout.thickness_mm:.4g} mm) stands for its depth."
        return layout.thickness_mm, (note,)
    return 1.0, ("A single slice of unknown depth: 1 mm stands for it.",)


def _rescale_notes(slices: tuple[SliceHeader, ...]) -> tuple[bool, tuple[str, ...]]:
    if len({item.rescale for item in slices}) == 1:
        return False, ()
    note = "Slope or intercept differ between slices: voxels were converted to modality values."
    return True, (note,)


def _direction(axes: NDArray[np.float64]) -> Direction:
    """Row-major matrix whose columns are the axes x, y, z; adding 0.0 turns -0.0 into 0.0."""
    a, b, c, d, e, f, g, h, i = (float(value) + 0.0 for value in axes.T.ravel())
    return (a, b, c, d, e, f, g, h, i)

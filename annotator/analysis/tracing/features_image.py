"""What the image says of each traced node: the profile across it, along it, ahead of it.

All is told beside what is usual on this tree, so that images of different brightness can be
compared; 0 where nothing is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.course import climb, reach_out, unit
from annotator.analysis.tracing.image_path import measure_dips, measure_radius_changes
from annotator.analysis.tracing.profile import measure_profile, sample, voxel_um
from annotator.analysis.tracing.ridge import ridge_blocks
from annotator.analysis.tracing.thresholds import DEFAULT_THRESHOLDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course
    from annotator.analysis.tracing.profile import Profile
    from annotator.analysis.tracing.volume import ImageLike

    Floats = NDArray[np.float64]

RINGS = (0.0, 1.0, 2.0, 3.5, 5.5, 8.0)
"""Where brightness around a node is read, in voxels."""

_N_ANGLES = 16
_AHEAD = (3.0, 6.0, 10.0)
_CHORD_UM = 5.0
_RIDGE_VOXELS = (1.0, 2.0)
_ALONG_EDGE = 5
_CLIP = 4.0
_CHUNK = 8192


def describe_image(course: Course, image: ImageLike) -> dict[str, Floats]:
    """Return what the image says, each ``(node,)``; the tree must be sound."""
    profile = measure_profile(course, image, DEFAULT_THRESHOLDS.reach_um)
    known = np.isfinite(profile.brightness) & (course.section >= 0)
    usual = float(np.median(profile.signal[known])) if known.any() else 0.0
    noise = float(np.median(profile.noise[known])) if known.any() else 1.0
    usual = max(usual, noise, 1e-6)
    dark = float(np.median(profile.background[known])) if known.any() else 0.0
    shown = _Shown(course, profile, dark, usual)
    found = {**_on_path(shown), **_around(shown), **_ahead(shown), **_ridge(shown)}
    cleaned = {
        name: np.clip(np.nan_to_num(values, posinf=_CLIP, neginf=-_CLIP), -_CLIP, _CLIP)
        for name, values in found.items()
    }
    cleaned["seen"] = np.isfinite(profile.brightness).astype(np.float64)
    return cleaned


class _Shown:
    """A tree in its image, with brightness as a share of the usual signal on the tree."""

    def __init__(self, course: Course, profile: Profile, dark: float, usual: float) -> None:
        self.course, self.profile = course, profile
        self.voxel = voxel_um(profile.image)
        self._dark, self._usual = dark, usual

    def light(self, points_um: Floats) -> Floats:
        """Return brightness above the background at points: 1 is usual on the tree."""
        return self.scaled(sample(self.profile.image, points_um).astype(np.float64))

    def scaled(self, brightness: Floats) -> Floats:
        return (brightness - self._dark) / self._usual

    def share(self, difference: Floats) -> Floats:
        return difference / self._usual


def _log(light: Floats) -> Floats:
    """Return the logarithm of brightness, level for what is dim."""
    return np.asarray(np.arcsinh(4 * light))


def _on_path(shown: _Shown) -> dict[str, Floats]:
    course, profile = shown.course, shown.profile
    offsets = np.linalg.norm(profile.offsets, axis=1)
    signal = _log(shown.share(profile.signal))
    light = np.nan_to_num(shown.scaled(profile.brightness))
    rows = np.arange(len(light))
    found = {
        "contrast": np.arcsinh(profile.contrast) / 2,
        "signal": signal,
        "background": shown.scaled(profile.background),
        "noise": shown.share(profile.noise),
        "middle": _log(shown.scaled(profile.middle)) - _log(light),
        "offset": offsets / shown.voxel / 3,
        "offset in radii": offsets / np.maximum(course.tree.radii, 0.5 * shown.voxel) / 2,
        "dip": measure_dips(course, profile),
        "radius misfit": measure_radius_changes(course, profile, DEFAULT_THRESHOLDS),
        "measured radius": np.log(profile.radii / shown.voxel),
        "no radius": np.isnan(profile.radii).astype(np.float64),
        "darkest on edge": _darkest(shown) - _log(light),
    }
    for reach in (_CHORD_UM, 3 * _CHORD_UM):
        inner, outer = climb(course, rows, reach), reach_out(course, reach)
        found[f"light step {reach:g}"] = signal[outer] - signal[inner]
        found[f"thickness step {reach:g}"] = np.log(profile.radii[outer] / profile.radii[inner])
    return found


def _darkest(shown: _Shown) -> Floats:
    """Return the lowest brightness along each node's edge, as a logarithm."""
    tree, vectors = shown.course.tree, shown.course.vectors
    back = np.linspace(0, 1, _ALONG_EDGE)[None, :, None]
    lights = shown.light(tree.points[:, None] - back * vectors[:, None])
    return _log(np.nan_to_num(lights).min(axis=1))


def _around(shown: _Shown) -> dict[str, Floats]:
    """Return brightness on spheres about the node (rings in a projection): mean and highest."""
    directions = _directions(is_flat=shown.profile.is_flat)
    points = shown.course.tree.points
    steps = np.array(RINGS) * shown.voxel
    found = np.zeros((2, len(points), len(RINGS)))
    for start in range(0, len(points), _CHUNK):
        rows = slice(start, start + _CHUNK)
        lights = shown.light(points[rows, None, None] + steps[:, None, None] * directions)
        lights = np.nan_to_num(lights)
        found[0, rows], found[1, rows] = lights.mean(axis=2), lights.max(axis=2)
    logs = _log(found)
    return {
        f"{word} at {ring:g}": logs[kind, :, number]
        for kind, word in enumerate(("mean", "highest"))
        for number, ring in enumerate(RINGS)
        if ring or not kind
    }


def _directions(*, is_flat: bool) -> Floats:
    """Return directions spread evenly over the circle, or over the sphere (Fibonacci's spiral)."""
    n_angles = _N_ANGLES if is_flat else 2 * _N_ANGLES
    number = np.arange(n_angles)
    if is_flat:
        angle, height = 2 * np.pi * number / n_angles, np.zeros(n_angles)
    else:
        angle = number * np.pi * (3 - np.sqrt(5))
        height = 1 - 2 * (number + 0.5) / n_angles
    wide = np.sqrt(1 - height**2)
    return np.stack([wide * np.cos(angle), wide * np.sin(angle), height], axis=1)


def _ahead(shown: _Shown) -> dict[str, Floats]:
    """Return how bright it is straight on from the node, beside where the tracing goes.

    At a tip it goes nowhere: what is bright ahead there was missed.
    """
    course = shown.course
    points, rows = course.tree.points, np.arange(len(course.tree))
    arrives = points - points[climb(course, rows, _CHORD_UM)]
    if shown.profile.is_flat:
        arrives = arrives * [1.0, 1.0, 0.0]
    ways = unit(arrives)[:, None] * (np.array(_AHEAD) * shown.voxel)[:, None]
    lights = np.nan_to_num(shown.light(points[:, None] + ways))
    goes_on = course.n_children > 0
    found: dict[str, Floats] = {}
    for number, reach in enumerate(_AHEAD):
        straight = _log(lights[:, number])
        outer = reach_out(course, reach * shown.voxel)
        traced = _log(np.nan_to_num(shown.scaled(shown.profile.brightness))[outer])
        found[f"ahead {reach:g}"] = np.where(goes_on, straight - traced, 0.0)
        found[f"beyond tip {reach:g}"] = np.where(goes_on, 0.0, straight)
    return found


def _ridge(shown: _Shown) -> dict[str, Floats]:
    """Return how tubular the image is at each node, beside what is usual on the tree."""
    image, points = shown.profile.image, shown.course.tree.points
    if shown.profile.is_flat:
        points = points * [1.0, 1.0, 0.0]
    spacing = np.asarray(image.spacing_um)
    places = points[:, ::-1] / spacing
    at = np.clip(
        np.nan_to_num(np.rint(places)).astype(np.int64), 0, np.array(image.voxels.shape) - 1
    )
    is_inside = np.isfinite(shown.profile.brightness)
    ridge = np.zeros(len(points))
    scales = [scale * shown.voxel for scale in _RIDGE_VOXELS]
    if is_inside.any():
        for block in ridge_blocks(
            image.voxels, image.spacing_um, points[is_inside], reach_um=0.0, scales_um=scales
        ):
            high = np.add(block.corner, block.ridge.shape)
            here = is_inside & ((at >= block.corner) & (at < high)).all(axis=1)
            ridge[here] = block.ridge[tuple((at[here] - block.corner).T)]
    usual = max(float(np.median(ridge[is_inside])) if is_inside.any() else 0.0, 1e-6)
    return {"ridge": np.arcsinh(ridge / usual)}

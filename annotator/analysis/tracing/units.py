"""The unit of a tracing's file, found by what fits the image that was traced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.volume import ImageLike

Unit = Literal["voxel", "um"]

UNIT_NAMES: dict[Unit, str] = {"voxel": "voxels", "um": "µm"}
_INSIDE = 0.5
"""Share of the nodes that must lie in the image for a unit to be believed."""
_LIKE = 0.02
"""Shares that differ by less do not tell one unit from the other."""


def scale_um(unit: Unit, image: ImageLike) -> tuple[float, float, float]:
    """Return the µm per unit of a file along x, y and z."""
    if unit == "um":
        return 1.0, 1.0, 1.0
    z, y, x = image.spacing_um
    return x, y, z


def guess_unit(points: NDArray[np.float64], image: ImageLike) -> tuple[Unit, str]:
    """Return the unit by which a file's points ``(node, 3)`` fit the image, and why, in words.

    That is the unit by which more nodes lie in the image; where both fit, the one by which they lie
    where the image is brighter. Raises AnnotatorError where neither fits.
    """
    share: dict[Unit, float] = {}
    bright: dict[Unit, float] = {}
    spacing = np.array(scale_um("voxel", image))
    for unit in UNIT_NAMES:
        places = np.nan_to_num(points * scale_um(unit, image) / spacing, nan=-1.0)
        index = np.rint(places)[:, ::-1]
        if image.voxels.shape[0] == 1:
            # A projection has lost the depth that the tracing may have.
            index[:, 0] = 0
        is_in = ((index >= 0) & (index < image.voxels.shape)).all(axis=1)
        share[unit] = float(is_in.mean()) if len(points) else 1.0
        z, y, x = index[is_in].astype(np.int64).T
        bright[unit] = float(image.voxels[z, y, x].mean()) if is_in.any() else 0.0
    if max(share.values()) < _INSIDE:
        shown = ", ".join(f"{share[unit]:.0%} in {UNIT_NAMES[unit]}" for unit in share)
        raise AnnotatorError(
            f"the tracing does not lie in the image: of its nodes lie inside {shown}. Is it of "
            "another image? If not, say which unit it is in (on the command line --unit um or "
            "--unit voxel)"
        )
    if abs(share["um"] - share["voxel"]) > _LIKE:
        best: Unit = "um" if share["um"] > share["voxel"] else "voxel"
        other: Unit = "voxel" if best == "um" else "um"
        return best, (
            f"read in {UNIT_NAMES[best]}: {share[best]:.0%} of its nodes lie in the image then, "
            f"{share[other]:.0%} in {UNIT_NAMES[other]}"
        )
    if tuple(spacing) == (1.0, 1.0, 1.0):
        return "um", "read in µm: a voxel of the image is one"
    best = "voxel" if bright["voxel"] > bright["um"] else "um"
    return best, f"read in {UNIT_NAMES[best]}: its nodes lie where the image is brighter then"

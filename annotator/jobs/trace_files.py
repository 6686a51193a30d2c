"""Tracings from SWC files onto the image of a case, and back into files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from annotator.analysis.tracing.editable import canonical, nodes_of
from annotator.analysis.tracing.swc import read_swc, read_swc_file
from annotator.analysis.tracing.swc_writing import write_swc
from annotator.api import checked_file
from annotator.domain.errors import AnnotatorError, IntegrityError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree
    from annotator.api.tracing import TracedImage
    from annotator.domain.tracing import TraceFinding

Unit = Literal["voxel", "um"]

_INSIDE = 0.5
"""Share of the nodes that must lie in the image for a unit to be believed."""
_LIKE = 0.02
"""Shares that differ by less do not tell one unit from the other."""
_NAMES: dict[Unit, str] = {"voxel": "voxels", "um": "µm"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadTracing:
    """A file's tree in the image frame, the unit it was read in and how that was found, in words.

    ``problems`` are what is wrong with the file's text; the tree is kept as it is.
    """

    tree: Tree
    unit: Unit
    told: str
    problems: tuple[TraceFinding, ...]


def read_tracing(path: Path, image: TracedImage, unit: Unit | None = None) -> ReadTracing:
    """Read an SWC file for an image, in the unit given or the one by which it fits the image.

    Guessed is the unit by which more nodes lie in the image; where both fit, the one by which the
    nodes lie where the image is brighter. Raises AnnotatorError where neither fits, or the file is
    no SWC file; OSError where it cannot be read.
    """
    file = read_swc_file(path)
    raw = file.tree
    if len(raw) and int(raw.ids.min()) < 0:
        raw = replace(raw, ids=np.arange(1, len(raw) + 1))
    scales: dict[Unit, NDArray[np.float64]] = {
        "um": np.ones(3),
        "voxel": np.array(image.spacing_um[::-1], np.float64),
    }
    if unit is not None:
        told = f"read in {_NAMES[unit]}, as asked for"
    else:
        unit, told = _guess(raw.points, image, scales)
    scale = scales[unit]
    radii = raw.radii * (float(scale[:2].mean()) if unit == "voxel" else 1.0)
    tree = canonical(replace(raw, points=raw.points * scale, radii=radii))
    return ReadTracing(tree=tree, unit=unit, told=told, problems=file.findings)


def _guess(
    points: NDArray[np.float64], image: TracedImage, scales: dict[Unit, NDArray[np.float64]]
) -> tuple[Unit, str]:
    share: dict[Unit, float] = {}
    bright: dict[Unit, float] = {}
    for name, scale in scales.items():
        index = np.rint(points * scale / scales["voxel"])[:, ::-1]
        if image.voxels.shape[0] == 1:
            index[:, 0] = 0  # a maximum projection: nothing is known across it
        if image.voxels.shape[0] == 1:
            # A projection has lost the depth that the tracing may have.
            index[:, 0] = 0
        is_in = ((index >= 0) & (index < image.voxels.shape)).all(axis=1)
        share[name] = float(is_in.mean()) if len(points) else 1.0
        z, y, x = index[is_in].astype(np.int64).T
        bright[name] = float(image.voxels[z, y, x].mean()) if is_in.any() else 0.0
    if max(share.values()) < _INSIDE:
        shown = ", ".join(f"{share[name]:.0%} in {_NAMES[name]}" for name in share)
        raise AnnotatorError(
            f"the tracing does not lie in the image: of its nodes lie inside {shown}. Is it of "
            "another image? If not, say which unit it is in (--unit um or --unit voxel)"
        )
    if abs(share["um"] - share["voxel"]) > _LIKE:
        best: Unit = "um" if share["um"] > share["voxel"] else "voxel"
        return best, (
            f"read in {_NAMES[best]}: {share[best]:.0%} of its nodes lie in the image then, "
            f"{share[_other(best)]:.0%} in {_NAMES[_other(best)]}"
        )
    best = "voxel" if bright["voxel"] > bright["um"] else "um"
    if np.array_equal(scales["voxel"], scales["um"]):
        return "um", "read in µm: a voxel of the image is one"
    return best, f"read in {_NAMES[best]}: its nodes lie where the image is brighter then"


def _other(unit: Unit) -> Unit:
    return "voxel" if unit == "um" else "um"


def write_tracing(path: Path, tree: Tree) -> Path:
    """Write a tree in µm as SWC, rows ascending by id; read back before it counts as written."""
    ordered = canonical(tree)
    text = write_swc(ordered)
    with checked_file(path) as part:
        part.write_bytes(text)
        if len(ordered):
            again = canonical(read_swc(part.read_bytes(), name=path.name).tree)
            if not nodes_of(again).is_same(nodes_of(ordered)):
                raise IntegrityError(f"{path} reads back as another tree than was written")
        elif part.read_bytes() != text:
            raise IntegrityError(f"{path} reads back with other bytes than were written")
    return path

"""Tracings from SWC files onto the image of a case, and back into files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.editable import canonical, nodes_of
from annotator.analysis.tracing.swc import read_swc, read_swc_file
from annotator.analysis.tracing.swc_writing import write_swc
from annotator.analysis.tracing.units import UNIT_NAMES, guess_unit, scale_um
from annotator.api import checked_file
from annotator.domain.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.analysis.tracing.tree import Tree
    from annotator.analysis.tracing.units import Unit
    from annotator.api.tracing import TracedImage
    from annotator.domain.tracing import TraceFinding


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
    if unit is not None:
        told = f"read in {UNIT_NAMES[unit]}, as asked for"
    else:
        unit, told = guess_unit(raw.points, image)
    scale = np.array(scale_um(unit, image))
    radii = raw.radii * (float(scale[:2].mean()) if unit == "voxel" else 1.0)
    tree = canonical(replace(raw, points=raw.points * scale, radii=radii))
    return ReadTracing(tree=tree, unit=unit, told=told, problems=file.findings)


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

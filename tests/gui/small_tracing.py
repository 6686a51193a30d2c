"""A small traced case for tests of the window: a bright Y in a dark volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from annotator.analysis.tracing.tree import make_tree
from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import LabelSchema
from annotator.domain.study import Series
from annotator.session.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree

SHAPE = (16, 64, 96)
SPACING_UM = (2.0, 1.0, 1.0)
TRACER = "Dr Adams"
PROGRAM = "APP2"
STEM = ((8, 32, 8), (8, 32, 48))
"""Voxels ``(z, y, x)`` at the ends of the stem; two branches leave its far end."""
BRANCHES = (((8, 32, 48), (8, 12, 84)), ((8, 32, 48), (8, 52, 84)))


def picture() -> NDArray[np.uint8]:
    """Return the volume ``(z, y, x)``."""
    drawn = np.zeros(SHAPE, np.float32)
    for start, stop in (STEM, *BRANCHES):
        places = np.linspace(start, stop, 200).round().astype(int)
        drawn[tuple(places.T)] = 1.0
    blurred = gaussian_filter(drawn, (0.6, 1.0, 1.0))
    return np.asarray(10 + 220 * blurred / blurred.max(), np.uint8)


def stem_tree() -> Tree:
    """Return a tracing of the stem alone, from the left, a node every 4 µm."""
    x = np.arange(8.0, 45.0, 4.0)
    points = np.stack([x, np.full_like(x, 32.0), np.full_like(x, 16.0)], axis=1)
    return make_tree(points, np.arange(-1, len(x) - 1))


def make_traced_project(directory: Path, *, with_program: bool = False) -> None:
    """Make a project with one traced case, given to one person; a program may have traced too."""
    schema = LabelSchema(name="neurons", title="Neurons", labels=())
    with Session.create(directory, title="Cells", schema=schema) as session:
        voxels = picture()
        z, y, x = SPACING_UM
        geometry = Geometry(shape=SHAPE, spacing_mm=(z / 1000, y / 1000, x / 1000))
        series = Series(
            series_id=series_id(geometry, voxels),
            kind="volume",
            modality="OT",
            description="cell",
            geometry=geometry,
            dtype="uint8",
        )
        session.store.add_series(series, voxels, actor="system")
        case = session.store.add_case("Cell", [series.series_id], reads="tracing", actor="system")
        person = session.add_rater(TRACER, may_review=False)
        session.assign(rater_ids=[person.rater_id])
        if with_program:
            program = session.store.add_rater(
                PROGRAM, is_model=True, may_review=False, actor="system"
            )
            session.store.add_tracing(
                case.case_id, program.rater_id, stem_tree(), Diagnosis(), actor="system"
            )

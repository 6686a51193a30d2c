"""Small projects for tests: a store on disk, a few cases, a few raters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.schema import DiagnosisField, Label, LabelSchema
from annotator.domain.study import Series
from annotator.session.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.domain.study import Case

SHAPE = (4, 12, 10)
SCHEMA = LabelSchema(
    name="test",
    title="Test",
    labels=(
        Label(value=1, name="Lesion", color="#e69f00", required=True),
        Label(value=2, name="Organ", color="#56b4e9"),
    ),
    fields=(DiagnosisField(key="dx", title="Finding", choices=(("yes", "Yes"), ("no", "No"))),),
)


def make_session(path: Path, *, seed: int = 7) -> Session:
    """Return an open session on a new project with a fixed seed."""
    from annotator.store import Store

    return Session(Store.create(path / "project", title="Test", schema=SCHEMA, seed=seed))


def add_case(session: Session, number: int, shape: tuple[int, int, int] = SHAPE) -> Case:
    """Add a case whose voxels differ from those of every other number."""
    voxels = np.random.default_rng(number).integers(0, 1000, shape, dtype=np.int16)
    geometry = Geometry(shape=shape, spacing_mm=(2.0, 0.5, 0.5))
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="CT",
        description=f"series {number}",
        geometry=geometry,
        dtype=voxels.dtype.name,
    )
    session.store.add_series(series, voxels, actor="system")
    return session.store.add_case(f"Case {number}", [series.series_id], actor="system")


def block(
    box: Box, shape: tuple[int, int, int] = SHAPE, value: int = 1
) -> NDArray[np.unsignedinteger]:
    """Return a mask ``(z, y, x)`` that is ``value`` inside a box."""
    mask = np.zeros(shape, np.uint8)
    (z0, y0, x0), (z1, y1, x1) = box
    mask[z0:z1, y0:y1, x0:x1] = value
    return mask

"""Small projects for tests of the window: volumes of 24 × 40 × 40, three readers, a reviewer."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import encode
from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import DiagnosisField, Label, LabelSchema
from annotator.domain.study import Series
from annotator.session.session import Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.study import Case

SHAPE = (24, 40, 40)
SCHEMA = LabelSchema(
    name="test",
    title="Test",
    labels=(
        Label(value=1, name="Lesion", color="#e69f00", required=True),
        Label(value=2, name="Organ", color="#56b4e9"),
    ),
    fields=(
        DiagnosisField(key="dx", title="Is it malignant?", choices=(("yes", "Yes"), ("no", "No"))),
        DiagnosisField(key="size", title="Diameter, mm", kind="number", minimum=0, maximum=200),
        DiagnosisField(key="site", title="Where is it?", kind="text", required=False),
    ),
    windows=("lung",),
)
NOTE = "1 slice is missing after slice 4; it was left out."
READERS = ("Dr Adams", "Dr Brown", "Dr Clark")
REVIEWER = "Prof Zhou"


def ball(centre: tuple[int, int, int], radius: float, value: int = 1) -> NDArray[np.uint8]:
    """Return a mask ``(z, y, x)`` that is ``value`` inside a ball."""
    z, y, x = np.indices(SHAPE)
    distance = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
    return np.where(distance <= radius**2, np.uint8(value), np.uint8(0))


def add_case(session: Session, number: int) -> Case:
    """Add a CT volume that differs from those of other numbers."""
    voxels = np.full(SHAPE, -900, np.int16)
    voxels[ball((12, 18, 18), 8) > 0] = 40
    voxels += np.random.default_rng(number).integers(-20, 20, SHAPE, dtype=np.int16)
    geometry = Geometry(shape=SHAPE, spacing_mm=(2.0, 1.0, 1.0))
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="CT",
        description=f"chest {number}",
        geometry=geometry,
        dtype=voxels.dtype.name,
        notes=(NOTE,),
    )
    session.store.add_series(series, voxels, actor="system")
    return session.store.add_case(f"Chest {number}", [series.series_id], actor="system")


def make_project(directory: Path, *, n_cases: int = 2, with_readings: bool = False) -> None:
    """Make a project; ``with_readings`` lets three readers submit on the first case.

    They agree on a large ball, and dispute a small one that only the last of them drew, and the
    edge of the large one.
    """
    shutil.copytree(_made(n_cases, with_readings), directory)


@functools.cache
def _made(n_cases: int, with_readings: bool) -> Path:
    """Make a project once; every test has a copy of its own."""
    parent = Path(tempfile.mkdtemp(prefix="annotator-small-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    _make(parent / "project", n_cases=n_cases, with_readings=with_readings)
    return parent / "project"


def _make(directory: Path, *, n_cases: int, with_readings: bool) -> None:
    with Session.create(directory, title="Small", schema=SCHEMA) as session:
        cases = [add_case(session, number) for number in range(n_cases)]
        readers = [session.add_rater(name, may_review=False) for name in READERS]
        session.add_rater(REVIEWER)
        session.assign(rater_ids=[reader.rater_id for reader in readers])
        if not with_readings:
            return
        masks = (
            ball((12, 18, 18), 8),
            ball((12, 18, 18), 6),
            np.maximum(ball((12, 18, 18), 8), ball((6, 32, 32), 4)),
        )
        for reader, mask, answer in zip(readers, masks, ("yes", "no", "yes"), strict=True):
            session.store.add_annotation(
                cases[0].case_id,
                reader.rater_id,
                encode(mask),
                Diagnosis(answers=(("dx", answer), ("size", "16")), confidence=0.75),
                actor=reader.rater_id,
            )

"""A made study with labels that overlap: discs, and in most of them a lesion of another group.

The lesion reaches out of the disc on one side, so that all four combinations occur. The same
readings can be put into a project of both groups, or into one of either group alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.label_groups import MaskValues, with_overlaps
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import DiagnosisField, Label, LabelSchema
from annotator.domain.study import Series
from annotator.session.session import Session
from annotator.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Mask = NDArray[np.uint8]

DISC, LESION = 1, 2
SCHEMA = with_overlaps(
    LabelSchema(
        name="two-groups",
        title="Two groups",
        labels=(
            Label(value=DISC, name="Disc", color="#e69f00", group="organ"),
            Label(value=LESION, name="Lesion", color="#56b4e9", group="finding"),
        ),
        fields=(
            DiagnosisField(key="finding", title="Finding", choices=(("yes", "Yes"), ("no", "No"))),
        ),
    )
)
BOTH = MaskValues(SCHEMA).value((DISC, LESION))
RATERS = ("Ada", "Ben", "Cleo")
SHAPE = (2, 32, 32)
SPACING_MM = (2.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MadeCase:
    """A case: its image, the true masks of disc and lesion, and what each rater drew of them.

    Masks are ``(z, y, x)`` bool, readings by rater (disc, lesion).
    """

    title: str
    image: NDArray[np.int16]
    truth: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    readings: dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]]
    is_ill: bool

    def mask(self, rater: str, labels: tuple[int, ...] = (DISC, LESION)) -> Mask:
        """Return what a rater drew of some labels, as mask values."""
        return as_values(*self.readings[rater], labels=labels)


def as_values(
    disc: NDArray[np.bool_],
    lesion: NDArray[np.bool_],
    labels: tuple[int, ...] = (DISC, LESION),
) -> Mask:
    """Return two masks as one of mask values; of labels that are not named there is nothing."""
    own = disc * np.uint8(DISC in labels) + 2 * lesion * np.uint8(LESION in labels)
    return np.array([0, DISC, LESION, BOTH], np.uint8)[own]


def make_cases(n_cases: int, seed: int = 3) -> list[MadeCase]:
    """Return made cases; where somebody is ill, disc and lesion are large."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(n_cases):
        is_ill = number % 2 == 0
        disc_vox = 8.0 + 2.0 * is_ill + random.uniform(-0.7, 0.7)
        lesion_vox = 3.0 + 1.5 * is_ill + random.uniform(-0.4, 0.4)
        middle = np.array([15.5, 15.5]) + random.uniform(-2, 2, 2)
        beside = middle + np.array([0.0, disc_vox - 2.0])
        readings = {
            rater: (
                _round(middle + random.uniform(-1, 1, 2), disc_vox + random.uniform(-1, 1)),
                _round(beside + random.uniform(-1, 1, 2), lesion_vox + random.uniform(-0.8, 0.8)),
            )
            for rater in RATERS
        }
        truth = (_round(middle, disc_vox), _round(beside, lesion_vox))
        bright = 100 * truth[0] + 60 * truth[1] + random.normal(0, 15, SHAPE)
        found.append(
            MadeCase(
                title=f"Case {number}",
                image=bright.astype(np.int16),
                truth=truth,
                readings=readings,
                is_ill=is_ill,
            )
        )
    return found


def _round(middle: NDArray[np.float64], radius_vox: float) -> NDArray[np.bool_]:
    _, y, x = np.ogrid[tuple(slice(size) for size in SHAPE)]
    inside = (y - middle[0]) ** 2 + (x - middle[1]) ** 2 <= radius_vox**2
    return np.broadcast_to(inside, SHAPE).copy()


def make_project(
    path: Path, cases: list[MadeCase], labels: tuple[int, ...] = (DISC, LESION)
) -> Session:
    """Return an open project with these cases, of which the raters drew only these labels."""
    session = Session(Store.create(path, title="Two groups", schema=SCHEMA, seed=7))
    geometry = Geometry(shape=SHAPE, spacing_mm=SPACING_MM)
    for rater in (*RATERS, "Rev"):
        session.add_rater(rater)
    for made in cases:
        series = Series(
            series_id=series_id(geometry, made.image),
            kind="volume",
            modality="CT",
            description=made.title,
            geometry=geometry,
            dtype=made.image.dtype.name,
        )
        session.store.add_series(series, made.image, actor="system")
        case = session.store.add_case(made.title, [series.series_id], actor="system")
        answer = Diagnosis(answers=(("finding", "yes" if made.is_ill else "no"),))
        for rater in RATERS:
            session.add_reading(case.case_id, rater, made.mask(rater, labels), geometry, answer)
    return session

"""The traced case of the sample project: a made neuron, and three tracers who do not exist."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from annotator.analysis.tracing.simulate_tracers import TracerSkill, grow_neuron, trace_as
from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.study import Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree
    from annotator.session.session import Session

NEURON = "neuron (simulated)"
SPACING_UM = (2.0, 1.0, 1.0)
_MARGIN_UM = 12.0
_FLATNESS = 0.4
"""Neurons in slices spread less across the slice than along it."""
_SEED = 7
_BLUR_VOXELS = (0.6, 1.1, 1.1)
_SIGNAL, _BACKGROUND = 150.0, 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tracer:
    name: str
    skill: TracerSkill


_TRACERS = (
    _Tracer(
        name="Tracer A (simulated: misses branches, invents one)",
        skill=TracerSkill(sensitivity=0.85, n_false=1, false_um=25.0, jitter_um=0.5),
    ),
    _Tracer(
        name="Tracer B (simulated: careful)",
        skill=TracerSkill(sensitivity=0.98, jitter_um=0.3),
    ),
    _Tracer(
        name="Tracer C (simulated: misses some, unsteady)",
        skill=TracerSkill(sensitivity=0.93, jitter_um=0.8),
    ),
)


def add_neuron(session: Session) -> None:
    """Add the traced case and its three tracings; the same every time."""
    truth, shape = _placed(grow_neuron(_SEED, n_sections=15, section_um=30.0))
    voxels = _picture(truth, shape)
    z, y, x = SPACING_UM
    geometry = Geometry(shape=shape, spacing_mm=(z / 1000, y / 1000, x / 1000))
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="OT",
        description=NEURON,
        geometry=geometry,
        dtype="uint8",
        notes=("made by the program: a neuron that does not exist",),
    )
    store = session.store
    store.add_series(series, voxels, actor="system")
    case = store.add_case(NEURON, [series.series_id], reads="tracing", actor="system")
    for number, tracer in enumerate(_TRACERS):
        rater = store.add_rater(tracer.name, is_model=True, may_review=False, actor="system")
        store.add_tracing(
            case.case_id,
            rater.rater_id,
            trace_as(truth, tracer.skill, _SEED + number),
            Diagnosis(comment="Simulated tracing of a simulated neuron."),
            actor="system",
        )


def _placed(grown: Tree) -> tuple[Tree, tuple[int, int, int]]:
    """Return a neuron flattened and moved into an image, and the image's shape ``(z, y, x)``."""
    points = grown.points * (1.0, 1.0, _FLATNESS)
    points = points - points.min(axis=0) + _MARGIN_UM
    z_size, y_size, x_size = (
        int(np.ceil((size + _MARGIN_UM) / spacing))
        for size, spacing in zip(points.max(axis=0)[::-1], SPACING_UM, strict=True)
    )
    return replace(grown, points=points), (z_size, y_size, x_size)


def _picture(tree: Tree, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return a fluorescence volume of a tree: its edges blurred, over background, with noise."""
    there = np.maximum(tree.parents, 0)
    parts = [
        tree.points * (1 - share) + tree.points[there] * share for share in np.linspace(0, 0.9, 4)
    ]
    index = np.rint(np.concatenate(parts)[:, ::-1] / SPACING_UM).astype(np.int64)
    drawn = np.zeros(shape, np.float32)
    drawn[tuple(index.T)] = 1.0
    blurred = gaussian_filter(drawn, _BLUR_VOXELS)
    random = np.random.default_rng(_SEED)
    bright = _SIGNAL * blurred / blurred.max() + _BACKGROUND
    noisy = bright + np.sqrt(bright) * random.standard_normal(shape, np.float32)
    picture: NDArray[np.uint8] = np.clip(noisy, 0, 255).astype(np.uint8)
    return picture

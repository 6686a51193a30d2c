"""How a segmentation network is sized to the cases of a project, before anything is trained.

The rules are those of Isensee et al., *nnU-Net* (Nature Methods 2021), cut down: working voxels of
the median spacing, windows as large as the memory allows, no halving across slices that are far
apart.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from annotator.api import Intensity
from annotator_recipes.segmenting_intensity import OF_THE_IMAGE, IntensitySample, Way

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes

Steps = tuple[int, ...]

_THIN_SLICES = 8
"""Volumes of fewer slices are read slice by slice."""
_FAR_APART = 3.0
"""Slices this many times further apart than pixels are read slice by slice."""
_UNEVEN = 2.0
"""How many times wider than others an axis may be spaced and yet be halved with them."""
_LEAST_SIDE = 4
_MOST_SIDE = {2: 256, 3: 128}
_BYTES_PER_VOXEL = 80
"""Memory of training for each voxel of a window and feature of the finest level, measured."""


class SegmenterParameters(BaseModel):
    """What may be set for every network that is trained to segment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dimensions: Literal["auto", "2d", "3d"] = Field(
        default="auto", description="slices or volumes; as the cases suggest by themselves"
    )
    intensity: Way = Field(
        default="auto",
        description="ct: by Hounsfield units of what was drawn; image: each image by its own mean; "
        "auto: ct where all cases say that they are CT",
    )
    size: int = Field(
        default=512, ge=32, le=2048, description="most working pixels along a side of a slice"
    )
    width: int = Field(default=16, ge=4, le=64, description="features of the finest level")
    levels: int = Field(default=5, ge=2, le=7, description="most levels, each halved in size")
    epochs: int = Field(default=60, ge=1, le=10_000, description="most rounds")
    steps: int = Field(default=50, ge=1, le=10_000, description="batches in a round")
    patience: int = Field(
        default=20, ge=1, le=10_000, description="rounds without progress on cases held out"
    )
    batch: int = Field(default=0, ge=0, le=256, description="windows at a time; 0 for what fits")
    learning_rate: float = Field(default=2e-3, gt=0.0, le=0.1, description="step of AdamW")
    held_out: float = Field(
        default=0.2, ge=0.0, le=0.5, description="share of cases to judge progress by"
    )
    flips: str = Field(
        default="", description="axes along which cases may be mirrored, of z, y and x; such as yx"
    )
    memory_mb: int = Field(
        default=2048, ge=64, le=1 << 20, description="memory for windows, and for cases each"
    )
    seed: int = Field(default=0, ge=0, lt=2**31, description="the same seed, the same network")
    stop_after: int | None = Field(
        default=None, ge=1, description="the round after which a person stopped the training"
    )

    @field_validator("flips")
    @classmethod
    def _axes(cls, value: str) -> str:
        if set(value) - set("zyx"):
            raise ValueError("only z, y and x are axes")
        return "".join(sorted(set(value), reverse=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The size of everything: the same while training and afterwards.

    Attributes
    ----------
    n_dims : int
        2 where slices are read one by one, 3 where volumes are.
    spacing_mm : tuple of float or None
        Distance between working voxels, ``(z, y, x)``; None where slices stay as they are.
    patch : tuple of int
        Side of the windows, as many as ``n_dims``.
    strides : tuple of tuple of int
        What each level below the finest is shrunk by, along each axis.
    kernels : tuple of tuple of int
        Reach of the convolutions of each level, finest first: none along an axis that is spaced
        much wider than the others.
    widths : tuple of int
        Features of each level, finest first.
    n_channels : int
        Channels of the image: 3 for colour, 1 for grey.
    labels : tuple of int
        Label values, 0 first: the axis of targets and logits.
    rater_ids : tuple of str
        Everyone who read any of the cases, sorted: the axis of readings.
    batch : int
        Windows at a time.
    intensity : Intensity
        How modality values are scaled.
    """

    n_dims: int
    spacing_mm: tuple[float | None, float, float]
    patch: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    kernels: tuple[tuple[int, ...], ...]
    widths: tuple[int, ...]
    n_channels: int
    labels: tuple[int, ...]
    rater_ids: tuple[str, ...]
    batch: int
    intensity: Intensity = OF_THE_IMAGE

    @property
    def multiple(self) -> tuple[int, ...]:
        """What sides of an image must be multiples of, for each axis."""
        return tuple(int(one) for one in np.prod(np.array(self.strides), axis=0, dtype=int))

    def facts(self) -> dict[str, Any]:
        """Return the plan as JSON can hold it."""
        return asdict(self)

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Plan:
        """Return the plan that `facts` told of."""
        given = dict(facts)
        for name in ("strides", "kernels"):
            given[name] = tuple(tuple(one) for one in given[name])
        for name in ("spacing_mm", "patch", "widths", "labels", "rater_ids"):
            given[name] = tuple(given[name])
        intensity = dict(given["intensity"])
        intensity["clip"] = intensity["clip"] and tuple(intensity["clip"])
        return cls(**{**given, "intensity": Intensity(**intensity)})


def make_plan(cases: Sequence[CaseVotes], settings: SegmenterParameters, n_channels: int) -> Plan:
    """Size a network to the grids of the cases and to the memory."""
    # Once through the cases: each is read when it is asked for.
    facts = []
    sample = IntensitySample(settings.intensity, len(cases))
    for case in cases:
        facts.append((case.spacing_mm, case.shape, labels_of(case), case.votes.rater_ids))
        sample.add(case)
    spacing = np.median([step for step, *_ in facts], axis=0)
    extent_mm = np.median([np.multiply(step, shape) for step, shape, *_ in facts], axis=0)
    n_slices = float(np.median([shape[0] for _, shape, *_ in facts]))
    # Pixels of a slice stay square: an in-plane spacing finer than the other is of no use.
    in_plane = max(float(min(spacing[1:])), float(max(extent_mm[1:])) / settings.size)
    n_dims = _n_dims(settings, n_slices, float(spacing[0]) / in_plane)
    working = (max(float(spacing[0]), in_plane), in_plane, in_plane)
    sides = np.ceil(extent_mm / working)[3 - n_dims :]
    patch, strides, kernels = _windows(sides, working[3 - n_dims :], settings, n_dims)
    labels = tuple(sorted({0, *(label for _, _, found, _ in facts for label in found)}))
    fits = int(settings.memory_mb * 2**20 / (np.prod(patch) * settings.width * _BYTES_PER_VOXEL))
    return Plan(
        n_dims=n_dims,
        spacing_mm=(working[0] if n_dims == 3 else None, *working[1:]),
        patch=patch,
        strides=strides,
        kernels=kernels,
        widths=tuple(min(settings.width * 2**level, 320) for level in range(len(strides) + 1)),
        n_channels=n_channels,
        labels=labels if len(labels) > 1 else (0, 1),
        rater_ids=tuple(sorted({one for *_, rater_ids in facts for one in rater_ids})),
        batch=settings.batch or max(2, min(fits, 16 if n_dims == 2 else 4)),
        intensity=sample.intensity(),
    )


def labels_aimed_at(case: CaseVotes) -> tuple[int, ...]:
    """Return the labels of what a model is to learn of a case."""
    return case.votes.labels if case.target_labels is None else case.target_labels


def labels_of(case: CaseVotes) -> tuple[int, ...]:
    """Return the labels that occur in a case, drawn or aimed at."""
    return (*labels_aimed_at(case), *case.votes.labels)


def _n_dims(settings: SegmenterParameters, n_slices: float, ratio: float) -> int:
    if settings.dimensions != "auto":
        return int(settings.dimensions[0])
    return 2 if n_slices < _THIN_SLICES or ratio > _FAR_APART else 3


def _windows(
    sides: NDArray[np.float64],
    spacing_mm: Sequence[float],
    settings: SegmenterParameters,
    n_dims: int,
) -> tuple[Steps, tuple[Steps, ...], tuple[Steps, ...]]:
    """Return the sides of windows, how they shrink from level to level, and the kernels."""
    patch = np.minimum(sides, _MOST_SIDE[n_dims])
    most = settings.memory_mb * 2**20 / (2 * settings.width * _BYTES_PER_VOXEL)
    while np.prod(patch) > most:
        patch[np.argmax(patch)] *= 0.9
    strides: list[Steps] = []
    left, step = patch.copy(), np.array(spacing_mm)
    kernels = [_kernel(step)]
    while len(strides) < settings.levels - 1:
        is_halved = (left >= 2 * _LEAST_SIDE) & (step < _UNEVEN * step.min())
        if not is_halved.any():
            break
        strides.append(tuple(2 if one else 1 for one in is_halved))
        left, step = left / strides[-1], step * strides[-1]
        kernels.append(_kernel(step))
    if not strides:
        strides, kernels = [(2,) * n_dims], [kernels[0]] * 2
    multiple = np.prod(np.array(strides), axis=0)
    grown = np.ceil(patch / multiple) * multiple
    return tuple(int(one) for one in grown), tuple(strides), tuple(kernels)


def _kernel(step_mm: NDArray[np.float64]) -> Steps:
    return tuple(3 if one < _UNEVEN * step_mm.min() else 1 for one in step_mm)

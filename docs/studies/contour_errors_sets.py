"""Readings with contour errors at known places: cells of BU-BIL, the hippocampus of MSD Task04."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import study_bubil
from scipy.spatial import cKDTree

from annotator.analysis.contour_deviation import signed_deviation_mm
from annotator.analysis.contour_faults import FAULT_KINDS, plant_fault, waver
from annotator.analysis.contour_points import contour_points
from annotator.api import ContourLesson, DrawnContour

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.analysis.contour_faults import FaultKind
    from annotator.analysis.contour_points import ContourPoints

_MARGIN = 64
_COARSER = 2
"""The cells' pictures are read at half their resolution: people are not as exact as that."""
_MOST_OFF = 40.0
"""Crowd workers who outlined another cell are left out: pixels off, on average."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrueCase:
    """A case and its right mask, cut out around it; ``readings`` by real people, by name."""

    name: str
    image: NDArray[np.float32]
    truth: NDArray[np.uint8]
    spacing_mm: tuple[float, float, float]
    readings: dict[str, NDArray[np.uint8]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrongs:
    """How planted readings go wrong, mm: how deep, and how far off a careful hand is anyway."""

    depth_mm: tuple[float, float]
    tolerance_mm: float
    waver_mm: float
    waver_width_mm: float
    n_faults: int
    n_readings: int


WRONGS = {
    "cells": Wrongs(
        depth_mm=(12.0, 30.0),
        tolerance_mm=6.0,
        waver_mm=2.0,
        waver_width_mm=20.0,
        n_faults=3,
        n_readings=6,
    ),
    "hippocampus": Wrongs(
        depth_mm=(2.0, 4.0),
        tolerance_mm=1.5,
        waver_mm=0.35,
        waver_width_mm=4.0,
        n_faults=1,
        n_readings=2,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planted:
    """A contour with its lesson; ``faults`` are (kind, rows of its wrong points)."""

    lesson: ContourLesson
    points: ContourPoints
    faults: tuple[tuple[str, NDArray[np.int64]], ...]


def cells(directory: Path) -> list[TrueCase]:
    """Return the ten cells, with the experts' readings and those of the crowd."""
    found = []
    for number in range(1, 11):
        gold = study_bubil.gold(directory, number)
        experts = study_bubil.experts(directory, number)
        onto = next(iter(experts.values()))
        people = {**experts, **study_bubil.crowd(directory, number, onto)}
        rows, columns = (np.flatnonzero(gold.any(axis=axis)) for axis in (1, 0))
        box = tuple(
            slice(max(0, int(at[0]) - _MARGIN), int(at[-1]) + _MARGIN + 1) for at in (rows, columns)
        )
        found.append(
            TrueCase(
                name=f"B{number:02d}",
                image=_coarser(study_bubil.picture(directory, number)[box])[None],
                truth=(_coarser(gold[box].astype(np.float32)) > 0.5)[None].astype(np.uint8),
                spacing_mm=(1.0, float(_COARSER), float(_COARSER)),
                readings={
                    name: (_coarser(mask[box].astype(np.float32)) > 0.5)[None].astype(np.uint8)
                    for name, mask in people.items()
                    if mask[box].any()
                },
            )
        )
    return found


def _coarser(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return means over squares of pixels ``(y, x)``."""
    height, width = (size - size % _COARSER for size in picture.shape)
    squares = picture[:height, :width].reshape(
        height // _COARSER, _COARSER, width // _COARSER, _COARSER
    )
    return np.asarray(squares.mean(axis=(1, 3)), np.float32)


def hippocampi(directory: Path) -> list[TrueCase]:
    """Return the twenty volumes, on axes (z, y, x)."""
    found = []
    for path in sorted((directory / "imagesTr").glob("*.nii.gz")):
        image = nib.load(path)
        labels = nib.load(directory / "labelsTr" / path.name)
        x, y, z = (float(step) for step in image.header.get_zooms()[:3])
        found.append(
            TrueCase(
                name=path.name.removesuffix(".nii.gz"),
                image=np.asarray(image.dataobj, np.float32).T.copy(),
                truth=np.asarray(labels.dataobj).astype(np.uint8).T.copy(),
                spacing_mm=(z, y, x),
                readings={},
            )
        )
    return found


def plant(
    case: TrueCase,
    wrongs: Wrongs,
    random: np.random.Generator,
    kinds: Sequence[FaultKind] = FAULT_KINDS,
) -> list[Planted]:
    """Return the contours of a few readings of a case with errors of random kinds put in."""
    found = []
    for _ in range(wrongs.n_readings):
        drawn = case.truth.copy()
        changed: list[tuple[int, str, NDArray[np.int64]]] = []
        for label in np.unique(case.truth[case.truth > 0]).tolist():
            mask = waver(
                drawn == label, case.spacing_mm, wrongs.waver_mm, wrongs.waver_width_mm, random
            )
            for _ in range(wrongs.n_faults):
                kind = kinds[int(random.integers(len(kinds)))]
                depth_mm = float(random.uniform(*wrongs.depth_mm))
                faulty = plant_fault(kind, mask, case.image, case.spacing_mm, depth_mm, random)
                changed.append((label, kind, np.argwhere(faulty != mask)))
                mask = faulty
            drawn = np.where(mask, label, np.where(drawn == label, 0, drawn)).astype(np.uint8)
        found += _contours(case, drawn, changed, wrongs.tolerance_mm)
    return found


def real(case: TrueCase) -> dict[str, Planted]:
    """Return the contours that people drew, by name, without those of another object."""
    found = {}
    for name, mask in case.readings.items():
        (contour,) = _contours(case, mask, [], 0.0)
        if np.abs(contour.lesson.deviation_mm).mean() < _MOST_OFF:
            found[name] = contour
    return found


def _contours(
    case: TrueCase,
    drawn: NDArray[np.uint8],
    changed: Sequence[tuple[int, str, NDArray[np.int64]]],
    tolerance_mm: float,
) -> list[Planted]:
    found = []
    for label in np.unique(drawn[drawn > 0]).tolist():
        points = contour_points(drawn == label, case.spacing_mm)
        off = signed_deviation_mm(points, case.truth == label)
        wrong = np.flatnonzero(np.abs(off) > tolerance_mm)
        faults = []
        for of_label, kind, places in changed:
            if of_label == label and len(places) and len(wrong):
                distance, _ = cKDTree(places).query(points.at[wrong])
                rows = wrong[distance <= 1.5]
                if len(rows):
                    faults.append((kind, rows))
        contour = DrawnContour(
            name=case.name, label=label, mask=drawn, image=case.image, spacing_mm=case.spacing_mm
        )
        lesson = ContourLesson(drawn=contour, deviation_mm=off)
        found.append(Planted(lesson=lesson, points=points, faults=tuple(faults)))
    return found

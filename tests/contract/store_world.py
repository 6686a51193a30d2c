"""A small project to try stores on, and a plain replay to hold drafts against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import SlabGrid, decode, encode
from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.review import (
    CaseScore,
    CheckedContours,
    CheckedLabels,
    ContourError,
    Finding,
    FusionRecipe,
    LabelError,
    RaterPerformance,
)
from annotator.domain.schema import Code, DiagnosisField, Label, LabelSchema
from annotator.domain.study import DicomSource, Series, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns, SlabRuns
    from annotator.domain.reading import Annotation, Box, Rater, Step
    from annotator.domain.review import Fusion
    from annotator.domain.study import Case
    from annotator.store import Store

SHAPE = (3, 600, 512)
"""Two slabs a slice."""

ME = "system"

SCHEMA = LabelSchema(
    name="test",
    title="Test",
    labels=(
        Label(
            value=1,
            name="Lesion",
            color="#e69f00",
            required=True,
            code=Code(scheme="SCT", value="52988006", meaning="Lesion"),
        ),
        Label(value=300, name="Organ", color="#56b4e9"),
    ),
    fields=(
        DiagnosisField(key="dx", title="Finding", choices=(("yes", "Yes"), ("no", "No"))),
        DiagnosisField(key="size", title="Size", kind="number", minimum=0.0, required=False),
    ),
    windows=("lung",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A project with one case, two people and a model."""

    store: Store
    case: Case
    anna: Rater
    ben: Rater
    model: Rater


def make_series(
    number: int, shape: tuple[int, int, int] = SHAPE
) -> tuple[Series, NDArray[np.int16]]:
    """Return a series, with every fact that one can have, and its voxels."""
    voxels = np.full(shape, number, np.int16)
    geometry = Geometry(shape=shape, spacing_mm=(2.5, 0.7, 0.7), origin_mm=(-1.5, 0.1, 1e-3))
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="CT",
        description=f"series {number}, ∅ 3 mm",
        geometry=geometry,
        dtype="int16",
        slope=1.0,
        intercept=-1024.0,
        windows=(Window(name="lung", level=-600, width=1500),),
        paths=("/study/1.dcm", "/study/2.dcm"),
        dicom=DicomSource(
            study_uid="1.2",
            series_uid="1.2.3",
            frame_of_reference_uid="1.2.4",
            sop_class_uid="1.2.5",
            sop_instance_uids=("1.2.6", "1.2.7"),
            attributes=(("PatientID", "p"),),
        ),
        notes=("slices were sorted",),
    )
    return series, voxels


def add_case(store: Store, number: int, title: str = "CT") -> Case:
    """Add a case of its own series."""
    series, voxels = make_series(number)
    store.add_series(series, voxels, actor=ME)
    return store.add_case(title, [series.series_id], actor=ME)


def make_world(store: Store) -> World:
    """Fill a new project."""
    return World(
        store=store,
        case=add_case(store, 1),
        anna=store.add_rater("Anna", actor=ME),
        ben=store.add_rater("Ben", may_review=False, actor=ME),
        model=store.add_rater("Body model", is_model=True, may_review=False, actor=ME),
    )


def disc(radius: int, value: int = 1) -> NDArray[np.uint16]:
    """Return a mask ``(z, y, x)`` of a cylinder across both slabs of each slice."""
    y, x = np.ogrid[: SHAPE[1], : SHAPE[2]]
    plane = ((y - 505) ** 2 + (x - 250) ** 2 < radius**2).astype(np.uint16) * np.uint16(value)
    return np.repeat(plane[None], SHAPE[0], axis=0)


def add_reading(world: World, rater: Rater, radius: int) -> Annotation:
    """Add a rater's reading of the case."""
    return world.store.add_annotation(
        world.case.case_id,
        rater.rater_id,
        encode(disc(radius)),
        Diagnosis(answers=(("dx", "yes"),), confidence=0.5, comment="seen"),
        actor=ME,
    )


def add_fusion(world: World, inputs: tuple[str, ...], *, radius: int = 40) -> Fusion:
    """Add a fusion that could have come of readings."""
    return world.store.add_fusion(
        FusionRecipe(
            case_id=world.case.case_id,
            method="majority",
            method_version="1",
            inputs=inputs,
            parameters=(("threshold", "0.5"),),
        ),
        labels=encode(disc(radius)),
        patterns=encode(disc(radius, 1)),
        probability=np.array([[1.0, 0.0], [1 / 3, 2 / 3]]),
        performance=(
            RaterPerformance(
                rater_id=world.anna.rater_id,
                label=1,
                sensitivity=0.9,
                specificity=None,
                volume_mm3=12.0,
            ),
        ),
        warnings=("Anna drew nothing on slice 3",),
        actor=ME,
    )


def make_findings(case_id: str, score: float = 2.5) -> tuple[CaseScore, tuple[Finding, ...]]:
    """Return a score and two findings of a case."""
    findings = tuple(
        Finding(
            case_id=case_id,
            region=region,
            label=1,
            kind="presence" if region == 1 else "boundary",
            score=1.0 / region,
            size_mm3=10.0,
            box=((0, 1, 2), (3, 4, 5)),
            centre=(1, 2, 3),
            raters_for=("a", "b"),
            raters_against=(),
            mean_entropy=0.3,
            max_distance_mm=None if region == 1 else 3.5,
            why="drawn by 2 of 4",
        )
        for region in (1, 2)
    )
    case_score = CaseScore(
        case_id=case_id,
        score=score,
        n_presence=1,
        n_boundary=1,
        disputed_mm3=20.0,
        mean_dice=None,
        diagnosis_disputed=True,
        why="a lesion that 2 of 4 drew",
    )
    return case_score, findings


def make_label_errors(case_id: str, findings_key: str) -> CheckedLabels:
    """Return what a check of labels found in a case: one place."""
    error = LabelError(
        rater_ids=("a", "b"),
        is_agreed=True,
        drawn=1,
        proposed=0,
        doubt=0.9,
        n_voxels=5,
        runs=((3, 2), (9, 3)),
        why="both networks see background",
    )
    return CheckedLabels(case_id=case_id, fit_id="fit", findings_key=findings_key, errors=(error,))


def make_contour_errors(case_id: str, findings_key: str) -> CheckedContours:
    """Return what a check of contours found in a case: one stretch."""
    error = ContourError(
        rater_ids=("a",),
        label=1,
        direction="out",
        probability=0.75,
        off_mm=3.5,
        size_mm=12.0,
        centre=(0, 1, 2),
        runs=((3, 2), (9, 3)),
        why="too far out",
    )
    return CheckedContours(
        case_id=case_id, fit_id="fit", findings_key=findings_key, errors=(error,)
    )


class Replay:
    """A draft as a plain tree of arrays: what the store must agree with."""

    def __init__(self, shape: tuple[int, int, int] = SHAPE) -> None:
        self._masks: list[NDArray[np.uint16]] = [np.zeros(shape, np.uint16)]
        self._parents = [-1]
        self.head = 0

    @property
    def mask(self) -> NDArray[np.uint16]:
        """The mask now."""
        return self._masks[self.head]

    def state(self, number: int) -> NDArray[np.uint16]:
        """Return the mask after a step, counted from 1 as they were made; 0 is the beginning."""
        return self._masks[number]

    @property
    def depth(self) -> int:
        """How many steps led to the present state."""
        found, at = 0, self.head
        while at:
            found, at = found + 1, self._parents[at]
        return found

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return self.head in self._parents

    def paint(self, box: Box, value: int) -> None:
        """Fill a box, in a new branch under the head."""
        (z0, y0, x0), (z1, y1, x1) = box
        changed = self.mask.copy()
        changed[z0:z1, y0:y1, x0:x1] = value
        self._masks.append(changed)
        self._parents.append(self.head)
        self.head = len(self._masks) - 1

    def undo(self) -> bool:
        """Go to the parent; say whether there is one."""
        if self.head == 0:
            return False
        self.head = self._parents[self.head]
        return True

    def redo(self) -> bool:
        """Go to the newest child; say whether there is one."""
        children = [index for index, parent in enumerate(self._parents) if parent == self.head]
        if not children:
            return False
        self.head = children[-1]
        return True


def changed_slabs(mask: NDArray[np.integer], box: Box) -> Mapping[int, SlabRuns | None]:
    """Return the content of the slabs that a box reaches into."""
    z_size, y_size, x_size = mask.shape
    touched = list(SlabGrid((z_size, y_size, x_size)).touched(box))
    runs = encode(mask, touched)
    return {index: runs.slabs.get(index) for index in touched}


def paint(store: Store, draft_id: int, replay: Replay, box: Box, value: int = 1) -> Step:
    """Fill a box in both the store's draft and the replay."""
    replay.paint(box, value)
    return store.record_step(
        draft_id, tool="brush", box=box, slabs=changed_slabs(replay.mask, box), actor=ME
    )


def dense(runs: MaskRuns) -> NDArray[np.uint16]:
    """Return runs as an array."""
    return decode(runs, np.dtype(np.uint16)).astype(np.uint16, copy=False)

"""Marks that were set elsewhere, as a rater's reading of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.analysis.runs import MaskRuns, SlabGrid
from annotator.domain.errors import UnreadableError
from annotator.domain.reading import Diagnosis
from annotator.jobs.mark_files import read_marks

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.domain.marks import Mark
    from annotator.domain.reading import Annotation
    from annotator.store import Store


def add_marks(
    store: Store, case_id: str, rater: str, path: Path, *, actor: str
) -> tuple[Annotation, tuple[Mark, ...]]:
    """Put the marks of a markups file in the place of those of a rater's last reading of a case.

    The mask and the answers stay as they were; where the rater has no reading, it is one of marks
    only. Returns the new revision, or the last one where it has these marks already, with its
    marks. Raises UnreadableError for a file that holds none, and where one lies outside the image.
    """
    case, found = store.case(case_id), store.rater(rater)
    geometry = store.series(case.series_ids[0]).geometry
    own = [entry for entry in store.annotations(case.case_id) if entry.rater_id == found.rater_id]
    last = own[0] if own else None
    before = (
        ()
        if last is None
        else store.annotation_marks([last.annotation_id]).get(last.annotation_id, ())
    )
    first_id = 1 + max((mark.mark_id for mark in before), default=0)
    marks = read_marks(path, geometry, store.project().schema, first_id=first_id)
    if not marks:
        raise UnreadableError(f"{path} holds no marks")
    for mark in marks:
        _require_inside(mark, geometry.shape, path)
    if _said(marks) == _said(before) and last is not None:
        return last, before
    mask = (
        MaskRuns(SlabGrid(geometry.shape), {})
        if last is None
        else store.annotation_mask(last.annotation_id)
    )
    annotation = store.add_annotation(
        case.case_id,
        found.rater_id,
        mask,
        Diagnosis() if last is None else last.diagnosis,
        started_from_id=None if last is None else last.started_from_id,
        marks=marks,
        actor=actor,
    )
    return annotation, marks


def _said(marks: tuple[Mark, ...]) -> list[tuple[object, ...]]:
    """Return what marks say, whatever their numbers are."""
    return sorted((mark.kind, mark.name, mark.label, mark.places) for mark in marks)


def _require_inside(mark: Mark, shape: tuple[int, int, int], path: Path) -> None:
    for place in mark.places:
        if not all(-0.5 <= at <= size - 0.5 for at, size in zip(place, shape, strict=True)):
            shown = ", ".join(f"{value:.4g}" for value in place)
            named = f"“{mark.name}” " if mark.name else ""
            raise UnreadableError(
                f"{path}: the {mark.kind} {named}lies outside the image, at voxel ({shown}) of "
                f"{shape} (z, y, x). Is it of another image?"
            )

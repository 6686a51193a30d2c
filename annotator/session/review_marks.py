"""The marks of all raters on a case in review, and where they agree that each is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.jobs.mark_scale import scale_of_marks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annotator.analysis.mark_groups import MarkGroup
    from annotator.domain.marks import Mark
    from annotator.jobs.readings import Readings
    from annotator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewMarks:
    """What raters marked on a case.

    Attributes
    ----------
    by_rater : mapping
        Every rater of the review with the marks of their last reading, by id; also those who have
        none.
    groups : tuple of MarkGroup
        The same marks in groups that mean the same; of points and landmarks with their consensus.
        Every mark is in one group, but for landmarks that a rater set twice: the last one counts.
    unit : str
        Of the distances in the groups: ``mm``, or ``px`` where the image has no scale.
    """

    by_rater: Mapping[str, tuple[Mark, ...]]
    groups: tuple[MarkGroup, ...]
    unit: str


def review_marks(store: Store, readings: Readings) -> ReviewMarks:
    """Return the marks of the readings that are in review."""
    known = store.annotation_marks(readings.annotation_ids)
    by_rater = {
        entry.rater_id: known.get(entry.annotation_id, ()) for entry in readings.annotations
    }
    scale = scale_of_marks(readings.series)
    if not known:
        return ReviewMarks(by_rater=by_rater, groups=(), unit=scale.unit)
    from annotator.analysis.mark_groups import group_marks  # most cases need none of it

    groups = group_marks(by_rater, scale.spacing)
    return ReviewMarks(by_rater=by_rater, groups=groups, unit=scale.unit)

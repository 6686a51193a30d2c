"""What tests of drafts do by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.runs import decode
from annotator.drawing.edit import Edit, box_slices
from annotator.session.access import DraftAccess
from annotator.session.draft import DraftSession
from tests.unit.project_builder import add_case

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.session.session import Session

UINT8 = np.dtype(np.uint8)


def open_drawing(session: Session, number: int = 1) -> DraftSession:
    """Open a new draft of Ada's on a new case."""
    case = add_case(session, number)
    names = [rater.name for rater in session.people()]
    rater = session.store.rater("Ada") if "Ada" in names else session.add_rater("Ada")
    draft = session.store.open_draft(case.case_id, rater.rater_id, actor=rater.rater_id)
    return DraftSession(DraftAccess(session.store, draft, rater.rater_id), UINT8)


def reopen(session: Session, drawing: DraftSession) -> DraftSession:
    """Open the same draft once more, as another window would."""
    draft = session.store.draft(drawing.draft.draft_id)
    return DraftSession(DraftAccess(session.store, draft, draft.rater_id), UINT8)


def paint(drawing: DraftSession, box: Box, value: int | NDArray[np.unsignedinteger]) -> Edit:
    """Write a label, or one a voxel, into a box of the live mask."""
    before = drawing.mask[box_slices(box)].copy()
    drawing.mask[box_slices(box)] = value
    return Edit(box=box, before=before, after=drawing.mask[box_slices(box)].copy())


def stored(session: Session, drawing: DraftSession) -> NDArray[np.unsignedinteger]:
    """Return the mask as it is on disk."""
    return decode(session.store.draft_mask(drawing.draft.draft_id), UINT8)

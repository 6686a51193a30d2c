"""Gold cases: marking a case whose truth is known, and mixing it into what raters read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.runs import encode
from annotator.domain.errors import AnnotatorError
from annotator.domain.label_groups import MaskValues
from annotator.domain.reading import Assignment
from annotator.session.adding import on_grid_of
from annotator.session.assignment import place_among_unread
from annotator.session.diagnosis import require_diagnosis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry
    from annotator.domain.quality import GoldCase
    from annotator.domain.reading import Diagnosis
    from annotator.store import Store


def mark_gold(
    store: Store,
    case_id: str,
    mask: NDArray[Any],
    geometry: Geometry,
    diagnosis: Diagnosis,
    *,
    source: str,
    resample: bool,
    actor: str,
) -> GoldCase:
    """Keep a mask ``(z, y, x)`` with its grid as the truth of a case.

    Raises GeometryMismatchError where the grid is another one, unless ``resample`` takes the
    nearest voxel, and AnnotatorError on values that the schema lacks.
    """
    case = store.study_case(case_id)
    labels = on_grid_of(store, case, mask, geometry, resample=resample)
    schema = store.project().schema
    unknown = sorted(set(np.unique(labels).tolist()) - set(MaskValues(schema).known))
    if unknown:
        raise AnnotatorError(
            f"the true mask has the values {', '.join(map(str, unknown))}, which the schema "
            f"{schema.name!r} lacks: nobody could draw them"
        )
    require_diagnosis(schema, diagnosis, needs_required=False)
    return store.put_gold(
        case.case_id, mask=encode(labels), diagnosis=diagnosis, source=source, actor=actor
    )


def mark_gold_as_signed_off(store: Store, case_id: str, *, actor: str) -> GoldCase:
    """Make what was signed off on a case last its truth."""
    case = store.study_case(case_id)
    adjudication = store.adjudication(case.case_id)
    if adjudication is None:
        raise AnnotatorError(
            f"{case.title!r} is not signed off; review it first, or give its true mask as a file"
        )
    mask, _ = store.adjudication_mask(adjudication.adjudication_id)
    return store.put_gold(
        case.case_id,
        mask=mask,
        diagnosis=adjudication.diagnosis,
        source=f"adjudication {adjudication.adjudication_id}",
        actor=actor,
    )


def assign_gold(store: Store, *, actor: str) -> int:
    """Give every gold case to everybody, at chance among what they have yet to read.

    Whoever has read a case, or has seen its readings in review, does not get it. Returns how many
    assignments are new.
    """
    seed = store.project().seed
    seen = {(entry.case_id, entry.rater_id) for entry in store.annotations()} | store.reviewed()
    n_new = 0
    for rater in store.raters():
        if rater.is_model:
            continue
        own = list(store.assignments(rater.rater_id))
        asked = {entry.case_id for entry in own}
        for gold in store.gold_cases():
            if gold.case_id in asked or (gold.case_id, rater.rater_id) in seen:
                continue
            position = place_among_unread(own, gold.case_id, n_before=0, seed=seed) or 1
            store.assign(gold.case_id, rater.rater_id, position, actor=actor)
            own.append(
                Assignment(
                    case_id=gold.case_id,
                    rater_id=rater.rater_id,
                    position=position,
                    state="new",
                )
            )
            n_new += 1
    return n_new

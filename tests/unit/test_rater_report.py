"""The report on raters, on masks whose figures are known by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from annotator.analysis.runs import encode
from annotator.domain.reading import Diagnosis
from annotator.jobs.rater_report import report_raters
from tests.unit.project_builder import add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from annotator.jobs.rater_report import RaterRow
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

LESION, ORGAN = 1, 2
WHOLE = block(((0, 2, 2), (2, 6, 6)))
"""32 voxels"""
HALF = block(((0, 2, 2), (2, 6, 4)))
FAR = block(((3, 9, 2), (4, 11, 6)))
"""8 voxels, apart from the other"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        add_case(opened, 1)
        yield opened


def rows_of(
    session: Session, masks: dict[str, NDArray[np.unsignedinteger]], models: Sequence[str] = ()
) -> dict[tuple[str, int], RaterRow]:
    """Let everyone read the only case, fuse by majority, report; rows by rater and label."""
    (case,) = session.cases()
    for name, mask in masks.items():
        rater = session.store.add_rater(name, is_model=name in models, actor="system")
        session.store.add_annotation(
            case.case_id, rater.rater_id, encode(mask), Diagnosis(), actor="system"
        )
    session.fuse(case.case_id, "majority")
    report = report_raters(session.store, [case])
    assert report.n_fused == 1
    return {(row.rater_name, row.label): row for row in report.rows}


def test_overlap_bias_and_misses(session: Session) -> None:
    masks = {"Ann": WHOLE + FAR, "Bob": WHOLE + FAR, "Cy": HALF}
    rows = rows_of(session, masks)
    cy = rows["Cy", LESION]
    assert cy.dice == pytest.approx(2 * 16 / (16 + 40))
    assert cy.volume_bias == pytest.approx(16 / 40 - 1)
    assert (cy.n_missed, cy.n_objects) == (1, 2)
    ann = rows["Ann", LESION]
    assert (ann.dice, ann.volume_bias, ann.n_missed) == (1.0, 0.0, 0)


def test_specks_of_the_consensus_are_no_objects(session: Session) -> None:
    speck = block(((3, 9, 2), (4, 10, 9)))
    rows = rows_of(session, {"Ann": WHOLE + speck, "Bob": WHOLE + speck, "Cy": WHOLE})
    assert (rows["Cy", LESION].n_missed, rows["Cy", LESION].n_objects) == (0, 1)


def test_a_model_is_judged_on_what_it_draws(session: Session) -> None:
    organ = block(((0, 7, 2), (4, 11, 8)), value=ORGAN)
    rows = rows_of(
        session,
        {"Ann": WHOLE, "Bob": WHOLE, "Finds lesions": HALF, "Finds organs": organ},
        models=("Finds lesions", "Finds organs"),
    )
    assert ("Finds lesions", LESION) in rows
    assert not [key for key in rows if key[0] == "Finds organs"], "nobody drew the organ"
    assert not [key for key in rows if key[1] == ORGAN], "and nobody missed it"

"""Detectors that learn contour errors from signed-off cases, and how these come to review."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import BaseModel

from annotator.analysis.contour_points import contour_points
from annotator.api import JudgedContour, Learned, Plugin, no_progress
from annotator.cli.checking import tell_contours
from annotator.domain.errors import AccessDeniedError, AnnotatorError
from annotator.domain.reading import Diagnosis
from annotator.jobs.handlers import HANDLERS
from annotator.jobs.replaying import replay
from tests.unit.project_builder import add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from annotator.api import ContourLesson, DrawnContour, Progress
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

TRUE = block(((0, 2, 2), (3, 7, 7)))
WRONG = block(((0, 2, 2), (3, 10, 7)))
"""Three rows, 1.5 mm, more than there is."""
YES = Diagnosis(answers=(("dx", "yes"),))


def rows_of(drawn: DrawnContour) -> NDArray[np.float64]:
    return contour_points(drawn.mask == drawn.label, drawn.spacing_mm).at[:, 1]


class _Parameters(BaseModel):
    tolerance_mm: float = 0.6


class _Row:
    """Learns from which row on what is drawn is too much."""

    name, title, version = "row", "Which rows are wrong", "1"
    parameters: type[BaseModel] = _Parameters

    def learn(
        self,
        lessons: Sequence[ContourLesson],
        parameters: BaseModel,
        *,
        seed: int,
        progress: Progress,
    ) -> Learned:
        wrong = np.concatenate([rows_of(one.drawn)[one.deviation_mm > 0.6] for one in lessons])
        if not len(wrong):
            raise AnnotatorError("nothing is wrong anywhere")
        return Learned(content=json.dumps(float(wrong.min())).encode(), summary=("Rows.",))

    def judge(self, learned: bytes, drawn: DrawnContour, progress: Progress) -> JudgedContour:
        is_wrong = rows_of(drawn) >= json.loads(learned)
        return JudgedContour(
            too_far_out=np.where(is_wrong, 0.8, 0.05).astype(np.float32),
            too_far_in=np.where(is_wrong, 0.1, 0.05).astype(np.float32),
            deviation_mm=np.where(is_wrong, 1.0, 0.0).astype(np.float32),
        )


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        opened.registry.register(Plugin(name="test", contour_detectors=(_Row,)))
        for name in ("Ann", "Bob", "Rev"):
            opened.add_rater(name)
        yield opened


def read(session: Session, number: int, **drawn: NDArray[np.unsignedinteger]) -> str:
    case = add_case(session, number)
    geometry = session.store.series(case.series_ids[0]).geometry
    for name, mask in drawn.items():
        session.add_reading(case.case_id, name, mask, geometry, YES)
    return case.case_id


def run(session: Session, kind: str, **given: object) -> dict[str, Any]:
    return HANDLERS[kind](session.store, session.registry, given, no_progress)


def learned_on_one(session: Session) -> str:
    """Return the fit after a case on which Bob drew too much was signed off."""
    case_id = read(session, 1, Ann=TRUE, Bob=WRONG)
    case = session.review_room("Rev").open_case(case_id, method="majority")
    ann = session.store.rater("Ann").rater_id
    for region in case.open_regions():
        case.decide(region, "rater", rater_id=ann, reason="over-drawn")
    case.sign_off(YES)
    case.close()
    fit_id = run(session, "learn contours", detector="row")["fit"]
    assert isinstance(fit_id, str)
    return fit_id


def test_nothing_is_learned_from_nothing_and_it_is_said_how_to(session: Session) -> None:
    read(session, 1, Ann=TRUE)
    with pytest.raises(AnnotatorError, match="no case is signed off yet"):
        run(session, "learn contours", detector="row")
    with pytest.raises(AnnotatorError, match="annotator learn-contours PROJECT"):
        run(session, "find contour errors")


def test_what_all_agree_on_and_a_detector_holds_wrong_comes_first_in_the_queue(
    session: Session,
) -> None:
    fit_id = learned_on_one(session)
    assert session.store.fit(fit_id).summary == (
        "Learned from 2 readings of 1 signed-off case.",
        "Rows.",
    )
    assert run(session, "learn contours", detector="row")["fit"] == fit_id
    disputed = read(session, 2, Ann=TRUE, Bob=WRONG)
    agreed = read(session, 3, Ann=WRONG, Bob=WRONG)
    found = run(session, "find contour errors")
    assert [entry["reason"] for entry in found["skipped"]] == [
        "'Case 1' was reviewed; its places stay as they are"
    ]
    assert [len(entry["errors"]) for entry in found["checked"]] == [1, 1]
    queue = session.review_room("Rev").queue()
    assert [entry.case_id for entry in queue][:2] == [agreed, disputed]
    assert [entry.n_rejected for entry in queue][:2] == [1, 0]
    assert queue[0].note == "a check of contours holds 1 line wrong that all raters agree on"
    (_, (finding,)) = session.find(agreed)
    assert (finding.kind, finding.label, finding.score) == ("contour", 1, 0.9)
    assert finding.max_distance_mm == pytest.approx(1.0)
    assert len(finding.raters_for) == 2
    _, (_, y1, _) = finding.box
    assert y1 == 10
    assert 7 <= finding.centre[1] < 10
    assert finding.why == (
        "all raters drew the outline of Lesion about 1.0 mm too far out here, over "
        f"{found['checked'][1]['errors'][0]['size_mm']:.3g} mm², says a detector of contour errors "
        "(90% sure)"
    )
    (_, (told,)) = session.find(disputed)
    assert told.kind == "boundary"
    assert "; Bob drew the outline of Lesion about 1.0 mm too far out here" in told.why
    case = session.review_room("Rev").open_case(agreed, method="majority")
    assert case.open_regions() == (1,)
    case.decide(1, "none", reason="over-drawn")
    mask, _ = case.composed()
    assert (mask <= WRONG).all()
    assert mask.sum() == WRONG.sum() - round(finding.size_mm3 / 0.5)
    case.close()
    with pytest.raises(AnnotatorError, match="was reviewed; its places stay"):
        run(session, "find contour errors", cases=[agreed])
    again = replay(session.store, session.registry, no_progress, actor="system")
    assert (again.different, again.not_done) == ((), ())
    assert session.store.verify() == ()


def test_other_readings_bring_other_places_and_one_reading_is_checked_too(
    session: Session,
) -> None:
    learned_on_one(session)
    case_id = read(session, 2, Ann=WRONG)
    run(session, "find contour errors", cases=[case_id])
    checked = session.store.contour_errors(case_id)
    assert checked is not None
    (error,) = checked.errors
    assert error.why.startswith("Ann drew the outline of Lesion")
    assert error.rater_ids == (session.store.rater("Ann").rater_id,)
    taken = np.zeros(WRONG.size, np.bool_)
    for start, size in error.runs:
        taken[start : start + size] = True
    assert (taken.reshape(WRONG.shape) & (WRONG == 0)).sum() == 0
    geometry = session.store.series(session.store.case(case_id).series_ids[0]).geometry
    session.add_reading(case_id, "Bob", WRONG, geometry, YES)
    (_, findings) = session.find(case_id)
    assert findings == ()


def test_a_rater_who_still_reads_a_case_sees_no_stretch_of_it(session: Session) -> None:
    learned_on_one(session)
    case_id = read(session, 2, Ann=WRONG, Bob=WRONG)
    reviewer = session.store.rater("Rev")
    session.store.assign(case_id, reviewer.rater_id, 0, actor="system")
    run(session, "find contour errors", cases=[case_id])
    room = session.review_room("Rev")
    assert case_id not in [entry.case_id for entry in room.queue()]
    with pytest.raises(AccessDeniedError):
        room.open_case(case_id)


def test_what_is_told_is_documented(session: Session) -> None:
    learned_on_one(session)
    case_id = read(session, 2, Ann=TRUE, Bob=WRONG)
    names = {rater.rater_id: rater.name for rater in session.store.raters()}
    made = run(session, "find contour errors", cases=[case_id])
    told = tell_contours(made, ["Well."], {case_id: "Case 2"}, names)
    assert told.error == ""
    assert told.lines[:2] == ("Well.", "Case 2: 1 stretch held wrong")
    assert told.lines[2].startswith("   Bob drew the outline of Lesion")
    keys = set(told.document)
    keys |= {f"checked[].{key}" for key in told.document["checked"][0]}
    (error,) = told.document["checked"][0]["errors"]
    assert error["raters"] == ["Bob"]
    keys |= {f"checked[].errors[].{key}" for key in error}
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
    section = page.split("## `annotator find-contour-errors`")[1].split("\n## ")[0]
    documented = set(re.findall(r"(?m)^\| `([^`]+)` \|", section))
    assert keys == {key for key in documented if not key.startswith("skipped[]")}

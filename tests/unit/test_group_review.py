"""Labels that may share a voxel: reviewed, signed off, judged and learned from by their group."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import BaseModel

from annotator.analysis.group_votes import replace_group
from annotator.analysis.runs import decode
from annotator.api import BelievedLabels, Learned, Plugin, Prediction, no_progress
from annotator.api.networks import NetworkCard
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.geometry import Geometry
from annotator.domain.label_groups import MaskValues
from annotator.domain.reading import Diagnosis
from annotator.drawing.edit import Edit, box_slices
from annotator.gui.review_view import ReviewView
from annotator.jobs.contour_learning import _lessons_of
from annotator.jobs.finding import find_readings
from annotator.jobs.fusing import fuse_readings
from annotator.jobs.judging import gold_truths, judge_readings
from annotator.jobs.label_errors import check_labels
from annotator.jobs.readings import Readings
from annotator.jobs.signed_off import report_signed_off
from annotator.jobs.supplying import require_exclusive
from annotator.jobs.training import predict_by_fit, train_model
from annotator.session.model_comparison import Drawing, models_on_case
from tests.two_groups import (
    BOTH,
    DISC,
    LESION,
    RATERS,
    SCHEMA,
    SHAPE,
    SPACING_MM,
    MadeCase,
    as_values,
    make_cases,
    make_project,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Progress
    from annotator.domain.review import Finding
    from annotator.session.review_case import ReviewCase
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

VALUES = MaskValues(SCHEMA)
GEOMETRY = Geometry(shape=SHAPE, spacing_mm=SPACING_MM)
YES = Diagnosis(answers=(("finding", "yes"),))
GROUPS: tuple[tuple[int, ...], ...] = ((DISC, LESION), (DISC,), (LESION,))
"""Of a project of both groups, and of those that hold one of them."""


def _with_extras() -> list[MadeCase]:
    """Return cases; in the first, a disc and two lesions more that one rater each drew."""
    first, second = make_cases(2)
    readings = dict(first.readings)
    for rater, group, (rows, columns) in (
        ("Ada", 0, (slice(2, 8), slice(1, 7))),
        ("Ben", 1, (slice(4, 10), slice(3, 6))),
        ("Cleo", 1, (slice(26, 30), slice(2, 6))),
    ):
        drawn = [mask.copy() for mask in readings[rater]]
        drawn[group][:, rows, columns] = True
        readings[rater] = (drawn[0], drawn[1])
    return [replace(first, readings=readings), second]


CASES = _with_extras()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_project(tmp_path / "both", CASES) as opened:
        yield opened


def case_id_of(session: Session, number: int = 0) -> str:
    return session.store.case(f"Case {number}").case_id


def opened_case(session: Session, number: int = 0) -> ReviewCase:
    return session.review_room("Rev").open_case(case_id_of(session, number), method="staple")


def where(finding: Finding) -> tuple[object, ...]:
    return finding.label, finding.box, finding.kind


def holds(mask: NDArray[np.unsignedinteger], label: int) -> NDArray[np.bool_]:
    return np.isin(mask, VALUES.holding(label))


def decide(
    case: ReviewCase, labels: tuple[int, ...], choices: dict[tuple[object, ...], str]
) -> None:
    """Give the verdict that is wanted of each place; redrawings draw all labels of the project."""
    for finding in case.findings:
        choice, _, name = choices[where(finding)].partition(" ")
        if choice == "redraw":
            low, high = finding.box
            box = (low, (high[0], high[1], max(low[2] + 1, high[2] - 1)))
            drawing, place = case.redraw, box_slices(box)
            before = drawing.mask[place].copy()
            drawing.mask[place] = BOTH if len(labels) > 1 else labels[0]
            edit = Edit(box=box, before=before, after=drawing.mask[place].copy())
            drawing.record("brush", edit)
        raters = {one.name: one.rater_id for one in case.readings}
        case.decide(finding.region, choice, rater_id=raters.get(name), reason="other")  # type: ignore[arg-type]


def test_verdicts_on_one_label_leave_the_others_as_they_are(
    session: Session, tmp_path: Path
) -> None:
    """What two groups come to is what each comes to alone, on the screen and signed off."""
    alone = [make_project(tmp_path / str(own), CASES[:1], own) for own in GROUPS[1:]]
    sessions = (session, *alone)
    cases = [opened_case(session) for session in sessions]
    places = [where(one) for one in cases[0].findings]
    assert sorted(map(repr, places)) == sorted(
        repr(where(one)) for case in cases[1:] for one in case.findings
    )
    assert len(places) == 6
    kinds = ("rater Ada", "none", "redraw", "fusion", "rater Cleo")
    choices = {place: kinds[number % len(kinds)] for number, place in enumerate(places)}
    view = ReviewView(cases[0])
    for case, labels in zip(cases, GROUPS, strict=True):
        decide(case, labels, choices)
    for region in view.findings:
        view.apply_verdict(region)
    (mask, origin), disc, lesion = (case.composed() for case in cases)
    np.testing.assert_array_equal(mask, as_values(disc[0] == DISC, lesion[0] == LESION))
    assert {*np.unique(mask)} == {0, DISC, LESION, BOTH}

    number = {where(one): one.region for one in cases[0].findings}
    origins = []
    for case, (_, own) in zip(cases[1:], (disc, lesion), strict=True):
        table = np.zeros(len(places) + 1, np.int64)
        for one in case.findings:
            table[one.region] = number[where(one)]
        origins.append(np.where(table[own] == 0, len(places) + 1, table[own]))
    first = np.minimum(*origins)
    np.testing.assert_array_equal(origin, np.where(first > len(places), 0, first))
    # A redrawing that reaches out of its region is only in what is composed.
    inside = cases[0].region_map > 0
    np.testing.assert_array_equal(view.shown_mask[inside], mask[inside])

    adjudication = cases[0].sign_off(YES)
    store = session.store
    kept, kept_origin = store.adjudication_mask(adjudication.adjudication_id)
    np.testing.assert_array_equal(decode(kept), mask)
    np.testing.assert_array_equal(decode(kept_origin, np.dtype(np.uint16)), origin)
    for case in cases:
        case.close()
    for project in alone:
        project.close()


def test_a_lesion_in_an_agreed_organ_is_the_only_dispute(session: Session) -> None:
    disc, lesion = CASES[0].truth
    case_id = case_id_of(session)
    for rater in RATERS:
        drawn = as_values(disc, lesion & disc & (rater == "Ada"))
        session.add_reading(case_id, rater, drawn, GEOMETRY, YES)
    score, (finding,), maps = find_readings(
        session.store, Readings.load(session.store, case_id), actor="me"
    )
    assert (finding.label, finding.kind) == (LESION, "presence")
    assert finding.why.startswith("1 of 3 raters drew Lesion here")
    assert "Disc" not in finding.why
    assert "1 of 3 raters drew Lesion" in score.why
    np.testing.assert_array_equal(decode(maps["finding"]) > 0, lesion & disc)
    assert not maps["organ"].slabs

    case = opened_case(session)
    np.testing.assert_array_equal(case.entropy > 0, lesion & disc)
    assert case.probability(DISC)[disc].min() > 0.99
    ada = next(one for one in case.readings if one.name == "Ada")
    case.decide(finding.region, "rater", rater_id=ada.rater_id, reason="missed")
    np.testing.assert_array_equal(case.composed()[0], as_values(disc, lesion & disc))
    case.decide(finding.region, "none", reason="artefact")
    np.testing.assert_array_equal(case.composed()[0], as_values(disc, disc & False))
    case.close()


def test_gold_and_sign_offs_judge_every_label_once(session: Session) -> None:
    truth = as_values(*CASES[0].truth)
    case_id = case_id_of(session)
    session.quality.mark_gold(case_id, truth, GEOMETRY, YES, source="made")
    judged = judge_readings(session.store, tuple(gold_truths(session.store)), no_progress)
    assert len(judged) == len(RATERS)
    for one in judged:
        drawn = CASES[0].readings[session.store.rater(one.rater_id).name]
        assert [label.label for label in one.labels] == [DISC, LESION]
        for label, own, true in zip(one.labels, drawn, CASES[0].truth, strict=True):
            assert label.dice == pytest.approx(2 * (own & true).sum() / (own.sum() + true.sum()))
            assert label.counts[0] == (own & true).sum()
    with pytest.raises(AnnotatorError, match="has the values 9"):
        session.quality.mark_gold(case_id, truth * 0 + 9, GEOMETRY, YES, source="made")

    case = opened_case(session)
    for finding in case.findings:
        case.decide(finding.region, "fusion", reason="other")
    signed = case.sign_off(YES)
    case.close()
    report = report_signed_off(session.store, session.store.cases(), no_progress)
    assert {(row.label_name, row.n_cases) for row in report.rows} == {("Disc", 1), ("Lesion", 1)}
    lessons = _lessons_of(session.store, signed)
    assert sorted(one.drawn.label for one in lessons) == [DISC] * 3 + [LESION] * 3
    for lesson in lessons:
        # A lesion that reaches into a disc is no contour of the disc.
        assert {*np.unique(lesson.drawn.mask)} == {0, lesson.drawn.label}


class Nothing(BaseModel):
    """No parameters."""


class Copying:
    """A trainer that remembers the labels and the target of its cases, and draws the first."""

    name, title, version = "copying", "Copying", "1"
    parameters: type[BaseModel] = Nothing
    takes_trust = needs_target = False
    draws = True

    def train(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        case = cases[0]
        (label,) = case.votes.labels[1:]
        if case.target is None:
            window = case.window(None)
            drawn = (window.masks(case.votes) == label).mean(axis=0) > 0.5
        else:
            target = case.target()
            np.testing.assert_allclose(target.sum(axis=0), 1.0, atol=1e-6)
            drawn = target[1] > 0.5
        return Learned(content=bytes([label]) + np.packbits(drawn).tobytes(), summary=("Seen.",))

    def predict(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        *,
        trust: Mapping[str, float] | None,
        progress: Progress,
    ) -> Prediction:
        found = self.believed(learned, image, spacing_mm, progress)
        return Prediction(labels=found.labels, probability=found.most)

    def believed(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        progress: Progress,
    ) -> BelievedLabels:
        bits = np.frombuffer(learned[1:], np.uint8)
        inside = np.unpackbits(bits, count=image.size).reshape(image.shape).astype(np.float32)
        most = 0.02 + 0.96 * np.stack([1 - inside, inside])
        return BelievedLabels(labels=(0, learned[0]), most=most)


def test_a_model_learns_from_one_group_and_draws_it(session: Session) -> None:
    session.registry.register(Plugin(name="test", trainers=(Copying,)))
    store, case_id = session.store, case_id_of(session)
    case = opened_case(session)
    for finding in case.findings:
        case.decide(finding.region, "fusion", reason="other")
    case.sign_off(YES)
    case.close()
    first = min(one.case_id for one in store.cases())
    readings = Readings.load(store, first)
    voted = decode(store.fusion_labels(fused_by_vote(session, readings)))
    decided = decode(store.adjudication_mask(store.adjudications(case_id)[0].adjudication_id)[0])
    for target, truth in (("readings", voted), ("majority", voted), ("adjudicated", decided)):
        for group, label in ((None, DISC), ("Lesion", LESION)):
            fit = train_model(
                store, session.registry, "copying", {}, no_progress,
                target=target, group=group, actor="me",
            )  # fmt: skip
            assert fit.recipe.group == VALUES.group_of(label)
            assert fit.summary == (f"Learned of {VALUES.group_of(label)} only.", "Seen.")
            read = predict_by_fit(
                store, session.registry, fit.fit_id, case_id, no_progress, actor="me"
            )
            assert read.annotation is not None
            drawn = decode(store.annotation_mask(read.annotation.annotation_id))
            np.testing.assert_array_equal(drawn == label, holds(truth, label))
            assert {*np.unique(drawn)} == {0, label}
    names = {one.name.rsplit(" ", 1)[0] for one in store.raters() if one.is_model}
    assert names == {"Copying organ", "Copying finding"}
    shown = models_on_case(store, case_id, reference=Drawing(title="all", mask=decided))
    assert shown.labels == (DISC, LESION)
    assert shown.n_voxels(DISC)[-1] == holds(decided, DISC).sum()


def fused_by_vote(session: Session, readings: Readings) -> str:
    return fuse_readings(
        session.store, session.registry, readings, "majority", actor="me"
    ).fusion_id


def test_a_check_of_labels_is_of_the_group_that_was_learned(session: Session) -> None:
    session.registry.register(Plugin(name="test", trainers=(Copying,)))
    store, case_id = session.store, case_id_of(session)
    disc, lesion = CASES[0].truth
    fit = train_model(
        store, session.registry, "copying", {}, no_progress,
        target="readings", group="finding", actor="me",
    )  # fmt: skip
    wrong = np.zeros(SHAPE, np.bool_)
    wrong[:, 2:7, 2:7] = True
    for rater in RATERS:
        session.add_reading(case_id, rater, as_values(disc, lesion | wrong), GEOMETRY, YES)
    readings = Readings.load(store, case_id)
    found = check_labels(store, session.registry, fit.fit_id, readings, no_progress, actor="me")
    assert {(one.drawn, one.proposed) for one in found.errors} == {(LESION, 0)}
    _, findings, maps = find_readings(store, readings, actor="me")
    assert {one.label for one in findings} == {LESION}
    assert (decode(maps["finding"]) > 0)[wrong].all()


def test_what_cannot_be_done_by_group_is_refused_at_the_beginning(session: Session) -> None:
    session.registry.register(Plugin(name="test", trainers=(Copying,)))
    with pytest.raises(UnknownNameError, match="organ"):
        session.start_training("copying", group="orgam")
    card = NetworkCard(
        title="Both",
        n_dims=3,
        n_channels=1,
        labels=((0, "Disc"), (1, "Lesion")),
        activation="sigmoid",
    )
    with pytest.raises(
        AnnotatorError, match="Map the outputs of one group only, for example 0=Disc"
    ):
        require_exclusive(card, ((0, DISC), (1, LESION)), SCHEMA)
    require_exclusive(card, ((0, DISC),), SCHEMA)


def test_a_group_takes_the_place_of_what_was_there() -> None:
    mask = np.array([0, DISC, LESION, BOTH], np.uint8)
    for other in (0, DISC, LESION, BOTH):
        found = replace_group(mask, np.full(4, other, np.uint8), VALUES, "finding")
        assert (holds(found, DISC) == holds(mask, DISC)).all()
        assert (holds(found, LESION) == (other in VALUES.holding(LESION))).all()

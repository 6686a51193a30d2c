"""Detectors that learn from signed-off tracings, and what they find in others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import BaseModel

from annotator.api import Plugin, no_progress
from annotator.domain.errors import AnnotatorError
from annotator.jobs.handlers import HANDLERS
from annotator.jobs.replaying import replay
from tests.unit.project_builder import make_session
from tests.unit.tracing.test_trace_session import YES, add_traced, neuron, review

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.api.tracing import TracedNeuron, TraceLesson
    from annotator.domain.study import Case
    from annotator.session.session import Session

pytestmark = pytest.mark.unit


class _Parameters(BaseModel):
    margin_um: float = 1.0


class _Side:
    """Learns on which side of y = 100 µm the wrong nodes lie, and how far from it they begin."""

    name = "side"
    title = "Which side is wrong"
    version = "1"
    parameters: type[BaseModel] = _Parameters

    def learn(
        self,
        lessons: Sequence[TraceLesson],
        parameters: BaseModel,
        *,
        seed: int,
        progress: Progress,
    ) -> bytes:
        progress(1.0, "learned")
        wrong = np.concatenate([one.traced.points[one.is_wrong] for one in lessons])
        return json.dumps({"side": float(np.sign(np.mean(wrong[:, 1] - 100.0)))}).encode()

    def judge(
        self, learned: bytes, traced: TracedNeuron, progress: Progress
    ) -> NDArray[np.float32]:
        side = json.loads(learned)["side"]
        is_wrong = (traced.points[:, 1] - 100.0) * side > 1.0
        return np.where(is_wrong, np.float32(0.9), np.float32(0.0))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        opened.registry.register(Plugin(name="side", trace_detectors=(_Side,)))
        yield opened


def signed_off(session: Session, number: int) -> Case:
    """Return a case on which Ada traced a left branch that the reviewer took away."""
    case = add_traced(session, number)
    names = {rater.name for rater in session.people()}
    for name in {"Rita", "Ada"} - names:
        session.add_rater(name)
    ada = session.store.rater("Ada")
    session.store.add_tracing(case.case_id, ada.rater_id, neuron(), YES, actor="system")
    opened = review(session, case)
    first, *_ = opened.items
    opened.decide(first.region, "cut", reason="not-this-neuron", node_id=41)
    for region in opened.undecided():
        opened.decide(region, "keep", reason="right")
    opened.sign_off(YES)
    return case


def test_nothing_is_learned_from_nothing(session: Session) -> None:
    with pytest.raises(AnnotatorError, match="no tracing is signed off"):
        HANDLERS["learn traces"](session.store, session.registry, {"detector": "side"}, no_progress)


def test_what_was_learned_finds_the_same_elsewhere(session: Session) -> None:
    signed_off(session, 1)
    wanted = {"detector": "side"}
    made = HANDLERS["learn traces"](session.store, session.registry, wanted, no_progress)
    assert made["summary"] == [
        "learned from 1 tracings of 1 signed-off cases: 20 of 80 points were wrong"
    ]
    again = HANDLERS["learn traces"](session.store, session.registry, wanted, no_progress)
    assert again["fit"] == made["fit"]
    case = add_traced(session, 2)
    ada = session.store.rater("Ada")
    session.store.add_tracing(case.case_id, ada.rater_id, neuron(), YES, actor="system")
    found = session.find_traces(case.case_id)
    assert f"learned: {made['fit']}" in found.checked
    (learned,) = [
        reason for item in found.items for reason in item.reasons if reason.source == "learned"
    ]
    assert (learned.node_id, len(learned.node_ids)) == (41, 20)
    assert learned.probability == pytest.approx(0.9)
    assert learned.impact_um == pytest.approx(40.0)
    told = replay(session.store, session.registry, no_progress, actor="system")
    assert (told.n_same, told.different, told.not_done) == (1, (), ())
    assert session.store.verify() == ()


def test_the_detector_that_comes_with_the_program_learns_and_finds(session: Session) -> None:
    pytest.importorskip("torch")
    for number in (1, 2):
        signed_off(session, number)
    parameters = {"members": 2, "rounds": 12, "learning_rate": 0.01}
    wanted = {"detector": "trace-committee", "parameters": parameters}
    made = HANDLERS["learn traces"](session.store, session.registry, wanted, no_progress)
    case = add_traced(session, 3)
    ada = session.store.rater("Ada")
    session.store.add_tracing(case.case_id, ada.rater_id, neuron(), YES, actor="system")
    found = session.find_traces(case.case_id)
    assert f"learned: {made['fit']}" in found.checked
    learned = [one for item in found.items for one in item.reasons if one.source == "learned"]
    assert [one.node_id for one in learned] == [41]


def test_findings_that_were_decided_on_stay_when_a_detector_is_learned(session: Session) -> None:
    case = signed_off(session, 1)
    before = session.store.trace_findings(case.case_id)
    HANDLERS["learn traces"](session.store, session.registry, {"detector": "side"}, no_progress)
    assert session.find_traces(case.case_id) == before

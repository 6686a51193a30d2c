from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.api import Plugin, Prediction, no_progress
from annotator.cli import main
from annotator.cli.evaluating import evaluate as evaluate_command
from annotator.cli.parser import parse
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.reading import Diagnosis
from annotator.jobs.evaluating import Evaluation, evaluate_reader
from annotator.jobs.training import train_model
from tests.unit.project_builder import add_case, block, make_session
from tests.unit.test_training_desk import Counting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

TRUE = ((1, 2, 2), (3, 8, 8))
SHIFTED = ((1, 3, 2), (3, 9, 8))


class Drawing(Counting):
    """Draws the true box everywhere."""

    name = "drawing"
    title = "Drawing"

    def predict(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        *,
        trust: Mapping[str, float] | None,
        progress: Progress,
    ) -> Prediction:
        drawn = block(TRUE).astype(np.float32)
        return Prediction(labels=(0, 1), probability=np.stack([1 - drawn, drawn]))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Four cases: Ann draws them true, Bob draws three, half a millimetre off."""
    with closing(make_session(tmp_path)) as session:
        session.registry.register(Plugin(name="test", trainers=(Drawing,)))
        ann, bob = (session.add_rater(name).rater_id for name in ("Ann", "Bob"))
        for number in range(4):
            case_id = add_case(session, number).case_id
            read(session, case_id, ann, TRUE)
            if number:
                read(session, case_id, bob, SHIFTED)
        yield session


def read(session: Session, case_id: str, rater_id: str, box: object) -> None:
    mask = encode(block(box))  # type: ignore[arg-type]
    session.store.add_annotation(case_id, rater_id, mask, Diagnosis(), actor="system")


def judge(session: Session, **given: object) -> Evaluation:
    store, registry = session.store, session.registry
    return evaluate_reader(store, registry, no_progress, actor="system", **given)  # type: ignore[arg-type]


def test_numbers_of_a_known_shift(session: Session) -> None:
    found = judge(session, reader="Bob", against="Ann", tolerance_mm=0.1)
    assert len(found.cases) == 3
    (left,) = found.left_out
    assert left[1] == "Bob has not read it"
    for case in found.cases:
        (score,) = case.labels
        assert score.dice == pytest.approx(2 * 60 / 144)
        assert score.hd95_mm == pytest.approx(0.5)
        assert (score.difference_mm3, score.reference_mm3) == (0.0, 36.0)
        assert score.surface_dice is not None
        assert 0.3 < score.surface_dice < 1.0
    (label,) = found.summary
    assert label.dice is not None
    assert label.n_cases == 3
    assert [label.dice.low, label.dice.value] == pytest.approx([60 / 72, 60 / 72])
    (wider,) = judge(session, reader="Bob", against="Ann", tolerance_mm=0.5).summary
    assert wider.surface_dice is not None
    assert wider.surface_dice.value == pytest.approx(1.0)


def test_cases_that_were_learned_from_are_left_out_of_the_summary(session: Session) -> None:
    store, registry = session.store, session.registry
    fit = train_model(store, registry, "drawing", {}, no_progress, actor="system")
    found = judge(session, fit_id=fit.fit_id, against="Ann")
    assert sorted(case.is_learned for case in found.cases) == [False, True, True, True]
    assert [(one.n_cases, one.dice) for one in found.summary] == [(1, None)]
    counted = judge(session, fit_id=fit.fit_id, against="Ann", with_learned=True)
    assert [(one.n_cases, one.dice and one.dice.value) for one in counted.summary] == [(4, 1.0)]
    again = judge(session, reader=found.reader, against="majority")
    assert (again.fit_id, len(again.cases)) == (fit.fit_id, 3)
    assert all(case.is_learned for case in again.cases)


def test_what_cannot_be_judged_is_said(session: Session) -> None:
    with pytest.raises(AnnotatorError, match="no case has been signed off"):
        judge(session, reader="Bob")
    with pytest.raises(UnknownNameError, match="majority"):
        judge(session, reader="Bob", against="majorty")
    with pytest.raises(UnknownNameError, match="Bob"):
        judge(session, reader="Bop", against="Ann")


def test_the_command(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    place = session.store.location
    _, arguments = parse(["evaluate", place, "--model", "Bob", "--against", "Ann"])
    told = evaluate_command(arguments, no_progress)
    assert told.lines[0] == "Bob against Ann"
    assert "HD95 0.500 mm" in told.lines[1]
    assert "mean Dice 0.833 (95 % interval 0.833 to 0.833)" in told.lines[-1]
    assert told.document["summary"][0]["n_cases"] == 3
    assert main(["evaluate", place]) == 1
    assert "--model RATER or --fit ID" in capsys.readouterr().err

"""A trained model in a process of its own: it answers, refuses in words, and may die."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError
from annotator.domain.reading import Diagnosis
from annotator.jobs.training import ask_model, drawn_mask, train_model
from annotator.jobs.warm import WarmModel
from tests.unit.project_builder import add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.domain.fit import Fit
    from annotator.session.session import Session

pytest.importorskip("torch", reason="the model is a network")

pytestmark = pytest.mark.unit

SHAPE = (2, 32, 32)
SMALL = {"size": 32, "width": 4, "levels": 2, "epochs": 2, "slices": 2}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Session, Fit]]:
    """Train a network told whom to trust, hardly at all, on two raters and six cases."""
    with make_session(tmp_path_factory.mktemp("warm")) as session:
        wide, narrow = session.add_rater("Wide"), session.add_rater("Narrow")
        for number in range(6):
            case = add_case(session, number, SHAPE)
            geometry = session.store.series(case.series_ids[0]).geometry
            for rater, margin in ((wide, 2), (narrow, 10)):
                box = ((0, margin, margin), (2, 32 - margin, 32 - margin))
                session.add_reading(
                    case.case_id, rater.rater_id, block(box, SHAPE), geometry, Diagnosis()
                )
        fit = train_model(
            session.store, session.registry, "trust-vector", SMALL, no_progress, actor="system"
        )
        yield session, fit


def test_it_draws_what_the_model_draws_here(trained: tuple[Session, Fit]) -> None:
    session, fit = trained
    case = session.cases()[0]
    (model,) = session.trained_models()
    assert (model.fit_id, model.takes_trust) == (fit.fit_id, True)
    assert [name for _, name in model.raters] == ["Narrow", "Wide"]
    with session.warm_model(fit.fit_id, case.case_id) as warm:
        for first in (0.0, 0.5, 1.0):
            trust = {model.raters[0][0]: first, model.raters[1][0]: 1.0 - first}
            found = warm.ask(trust)
            _, prediction = ask_model(
                session.store, session.registry, fit.fit_id, case, no_progress, trust=trust
            )
            np.testing.assert_array_equal(found, drawn_mask(prediction))
            np.testing.assert_array_equal(warm.ask(trust, 1)[0], found[1])
        with pytest.raises(AnnotatorError, match="rater"):
            warm.ask({"nobody": 1.0})
        assert warm.ask({}).shape == SHAPE, "it goes on after a refusal"


def test_what_cannot_be_read_is_told(trained: tuple[Session, Fit], tmp_path: Path) -> None:
    session, fit = trained
    case_id = session.cases()[0].case_id
    with (
        WarmModel(session.store.location, "no such fit", case_id) as warm,
        pytest.raises(AnnotatorError, match="fit"),
    ):
        warm.ask({})
    with (
        WarmModel(str(tmp_path / "nowhere"), fit.fit_id, case_id) as warm,
        pytest.raises(AnnotatorError, match="no such directory"),
    ):
        warm.ask({})


def test_a_killed_process_is_told(trained: tuple[Session, Fit]) -> None:
    session, fit = trained
    with session.warm_model(fit.fit_id, session.cases()[0].case_id) as warm:
        warm.ask({})
        warm._process.kill()
        warm._process.wait()
        with pytest.raises(AnnotatorError, match="ended"):
            warm.ask({})


def test_a_process_that_takes_nothing_does_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []

    def begin(*given: Any, **named: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
        begun.append(popen([sys.executable, "-c", "import time; time.sleep(60)"], **named))
        begun[0].stdin.close()  # type: ignore[union-attr]
        return begun[0]

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", begin)
    with pytest.raises(AnnotatorError, match="process of the trained model"):
        WarmModel("nowhere", "fit", "case")
    assert begun[0].returncode is not None

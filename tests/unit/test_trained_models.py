"""Trained models, job side: trained, aimed at fusions, let read cases, shown to nobody too soon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import decode, encode
from annotator.api import (
    no_progress,
)
from annotator.domain.errors import (
    AccessDeniedError,
    AnnotatorError,
    CancelledError,
)
from annotator.domain.reading import Diagnosis
from annotator.jobs.replaying import replay
from annotator.jobs.training import predict_by_fit, train_model, trust_by_id
from annotator.session.access import OwnWork
from tests.unit.learning_case import (
    BOXES,
    Largest,
    first,
    learning_session,
)
from tests.unit.project_builder import add_case, block

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from annotator.session.session import Session

pytestmark = pytest.mark.unit


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with learning_session(tmp_path) as opened:
        yield opened


def test_a_method_to_aim_at_learns_once_for_all_cases(session: Session) -> None:
    store, registry = session.store, session.registry
    other = store.add_rater("Model 1", is_model=True, may_review=False, actor="system")
    store.add_annotation(
        first(session), other.rater_id, encode(block(BOXES[0])), Diagnosis(), actor="system"
    )
    Largest.n_learned = 0
    fit = train_model(
        store,
        registry,
        "mean-mask",
        {},
        no_progress,
        target="largest",
        include_models=True,
        actor="system",
    )
    assert Largest.n_learned == 1, "for cases that a model has read, and for those it has not"
    assert len({store.fusion(one).recipe.fit_id for one in fit.recipe.targets}) == 1


def test_a_recipe_that_runs_again_can_be_cancelled(session: Session) -> None:
    train_model(session.store, session.registry, "mean-mask", {}, no_progress, actor="system")
    told = []

    def cancel(fraction: float, message: str) -> None:
        told.append((fraction, message))
        if "training" in message:
            raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        replay(session.store, session.registry, cancel, actor="system")
    assert told == [(0.0, "recipe 1 of 1"), (0.5, "recipe 1 of 1: training")]


def test_training_predicting_and_foretelling(session: Session) -> None:
    store, registry = session.store, session.registry
    fit = train_model(store, registry, "mean-mask", {}, no_progress, actor="system")
    case_id = first(session)
    found = predict_by_fit(store, registry, fit.fit_id[:8], case_id, no_progress, actor="system")
    assert found.annotation is not None
    drawn = decode(store.annotation_mask(found.annotation.annotation_id))
    np.testing.assert_array_equal(drawn, np.stack([block(box) for box in BOXES]).sum(axis=0) >= 2)
    rater = store.rater(found.annotation.rater_id)
    assert rater.is_model
    assert rater.name == f"Mean mask {fit.fit_id[:8]}"
    (forecast,) = store.forecasts()
    assert (forecast.case_id, forecast.why) == (case_id, "The mean mask varies.")
    again = predict_by_fit(store, registry, fit.fit_id, case_id, no_progress, actor="system")
    assert again.annotation == found.annotation
    trust = trust_by_id(store, {"Bob": 1.0})
    told = predict_by_fit(
        store, registry, fit.fit_id, case_id, no_progress, trust=trust, actor="system"
    )
    assert told.annotation is not None
    np.testing.assert_array_equal(
        decode(store.annotation_mask(told.annotation.annotation_id)), block(BOXES[1])
    )
    assert "trust: Bob 1" in store.rater(told.annotation.rater_id).name


def test_a_model_aims_at_fusions(session: Session) -> None:
    store, registry = session.store, session.registry
    fit = train_model(
        store, registry, "mean-mask", {}, no_progress, target="largest", actor="system"
    )
    assert len(fit.recipe.targets) == 2
    found = predict_by_fit(store, registry, fit.fit_id, first(session), no_progress, actor="system")
    assert found.annotation is not None
    drawn = decode(store.annotation_mask(found.annotation.annotation_id))
    np.testing.assert_array_equal(drawn, block(BOXES[0]))


def test_mistakes_are_told_in_words(session: Session) -> None:
    store, registry = session.store, session.registry
    with pytest.raises(AnnotatorError, match="did you mean 'mean-mask'"):
        train_model(store, registry, "mean-msk", {}, no_progress, actor="system")
    learned = session.learn("largest")
    assert learned
    with pytest.raises(AnnotatorError, match="only what a trainer learned can read cases"):
        predict_by_fit(store, registry, learned.fit_id, first(session), no_progress, actor="system")
    with pytest.raises(AnnotatorError, match="from 0"):
        trust_by_id(store, {"Bob": -1.0})
    with pytest.raises(AnnotatorError, match="did you mean"):
        trust_by_id(store, {"Bobb": 1.0})


def test_cancelling_learning_keeps_nothing(session: Session) -> None:
    def cancel(fraction: float, message: str) -> None:
        raise CancelledError("cancelled")

    with pytest.raises(CancelledError):
        train_model(session.store, session.registry, "mean-mask", {}, cancel, actor="system")
    assert session.store.fits() == ()


def test_no_rater_is_offered_what_tells_of_other_readings(session: Session) -> None:
    store, registry = session.store, session.registry
    dee = session.add_rater("Dee")
    session.assign()
    fresh = add_case(session, 2)
    store.assign(fresh.case_id, dee.rater_id, 9, actor="system")
    fit = train_model(store, registry, "mean-mask", {}, no_progress, actor="system")

    def keep(case_id: str, trust: Mapping[str, float] | None = None) -> str:
        found = predict_by_fit(
            store, registry, fit.fit_id, case_id, no_progress, trust=trust, actor="system"
        )
        assert found.annotation is not None
        return found.annotation.annotation_id

    learned_from = keep(first(session))
    keep(fresh.case_id, trust_by_id(store, {"Bob": 1.0}))
    plain = keep(fresh.case_id)
    work = OwnWork(store, dee)
    assert work.suggestions(first(session)) == ()
    assert work.suggestions(fresh.case_id) == ((plain, f"Mean mask {fit.fit_id[:8]}"),)
    with pytest.raises(AccessDeniedError):
        work.open_draft(first(session)).start_from(learned_from)

"""Trainings that are watched: part of the contract of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from annotator.domain.errors import ConflictError, UnknownNameError
from annotator.domain.fit import FitRecipe
from annotator.domain.training import CurvePoint
from tests.contract.store_world import ME

if TYPE_CHECKING:
    from annotator.store import Store

RECIPE = FitRecipe(kind="trainer", name="unet", version="1", inputs=("a", "b"))


class TrainingsContract:
    def test_a_training_is_kept_as_far_as_it_is(self, store: Store) -> None:
        job = store.add_job("train", {}, actor=ME)
        training = store.begin_training(RECIPE, job_id=job.job_id, actor=ME)
        assert (training.name, training.job_id, training.fit_id) == ("unet", job.job_id, None)
        assert not training.has_checkpoint
        key = training.training_id
        store.put_training_points(key, 0, {"loss": 1.5, "Dice": 0.25})
        store.put_training_points(key, 1, {"loss": 1.0})
        store.put_training_points(key, 1, {"loss": 0.5})
        assert store.training_points(key) == (
            CurvePoint(epoch=0, curve="Dice", value=0.25),
            CurvePoint(epoch=0, curve="loss", value=1.5),
            CurvePoint(epoch=1, curve="loss", value=0.5),
        )
        store.put_training_example(key, "Case 2", b"old")
        store.put_training_example(key, "Case 2", b"new")
        store.put_training_example(key, "Case 1", b"other")
        assert store.training_examples(key) == (("Case 1", b"other"), ("Case 2", b"new"))
        assert store.checkpoint(key) is None
        store.put_checkpoint(key, b"round 1" * 1000)
        store.put_checkpoint(key, b"round 2" * 1000)
        assert store.checkpoint(key) == b"round 2" * 1000
        store.request_stop(key, actor=ME)
        (found,) = store.trainings()
        assert found.stop_requested
        assert found.has_checkpoint
        assert store.training_recipe(key) == RECIPE

    def test_two_jobs_are_never_at_one_training(self, store: Store) -> None:
        first, second = (store.add_job("train", {}, actor=ME).job_id for _ in range(2))
        store.claim_job(first)
        store.begin_training(RECIPE, job_id=first, actor=ME)
        with pytest.raises(ConflictError, match=f"under way in job {first}"):
            store.begin_training(RECIPE, job_id=second, actor=ME)
        store.finish_job(first, state="failed", result={}, error="killed")
        assert store.begin_training(RECIPE, job_id=second, actor=ME).job_id == second

    def test_a_training_goes_on_from_a_checkpoint_and_anew_without(self, store: Store) -> None:
        key = store.begin_training(RECIPE, actor=ME).training_id
        store.put_training_points(key, 0, {"loss": 1.0})
        store.put_checkpoint(key, b"here")
        store.request_stop(key, actor=ME)
        again = store.begin_training(RECIPE, actor=ME)
        assert again.training_id == key
        assert not again.stop_requested
        assert len(store.training_points(key)) == 1
        fit = store.add_fit(RECIPE, content=b"learned", summary=("Learned.",), actor=ME)
        store.finish_training(key, fit_id=fit.fit_id, actor=ME)
        assert store.training(key).fit_id == fit.fit_id
        assert store.checkpoint(key) is None
        assert store.begin_training(RECIPE, actor=ME).fit_id is None
        assert store.training_points(key) == ()
        assert store.verify() == ()

    def test_an_unknown_training_is_named(self, store: Store) -> None:
        with pytest.raises(UnknownNameError, match="no training 'nothing'"):
            store.training("nothing")

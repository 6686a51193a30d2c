from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import ValidationError

from annotator_builtins.collate import Collate
from annotator_builtins.majority import MajorityVote
from annotator_builtins.pooled_staple import PooledStaple
from annotator_builtins.simple import Simple
from annotator_builtins.soft_vote import SoftVote
from annotator_builtins.spatial_staple import SpatialStaple
from annotator_builtins.staple import Staple
from annotator_builtins.weighted_vote import WeightedVote
from tests.contract.fusion_contract import (
    EvenHanded,
    FusionContract,
    LearnedFusionContract,
    SpatialFusionContract,
    make_votes,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from annotator.api import FusionMethod

pytestmark = pytest.mark.contract


class TestMajority(EvenHanded):
    def method(self) -> FusionMethod:
        return MajorityVote()

    def test_most_votes_win_without_more_than_half(self) -> None:
        rows = np.array([[0, 0, 0, 0, 0], [1, 1, 2, 3, 0], [3, 3, 2, 2, 0]])
        fused = self.fuse(make_votes(rows, np.array([9, 1, 1]), (0, 1, 2, 3)))
        assert fused.chosen.tolist() == [0, 1, 2]
        assert fused.undecided.tolist() == [False, False, True]


class TestSoftVote(EvenHanded):
    def method(self) -> FusionMethod:
        return SoftVote()

    @pytest.mark.parametrize(
        ("threshold", "expected"), [(0.0, [0, 1, 1, 1]), (0.4, [0, 0, 1, 1]), (0.99, [0, 0, 0, 1])]
    )
    def test_threshold_runs_from_union_to_intersection(
        self, threshold: float, expected: list[int]
    ) -> None:
        rows = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])
        votes = make_votes(rows, np.array([9, 1, 1, 1]))
        parameters = self.method().parameters(threshold=threshold)
        assert self.fuse(votes, parameters).chosen.tolist() == expected


class TestStaple(EvenHanded):
    counts_votes = False

    def method(self) -> FusionMethod:
        return Staple()

    def full(self) -> BaseModel:
        return self.method().parameters(region="full")

    def test_departure_from_the_vote_is_told(self) -> None:
        rows = [[0, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 1, 0, 0], [1, 1, 1, 1]]
        votes = make_votes(np.array(rows), np.array([1_000_000, 250, 250, 250, 300, 500]))
        assert any("by majority" in text for text in self.fuse(votes, self.full()).warnings)

    def test_nothing_drawn_is_background_for_certain(self) -> None:
        rows = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
        fused = self.fuse(make_votes(rows, np.array([20, 30, 30, 30])))
        assert fused.probability[0].tolist() == [1.0, 0.0]

    def test_two_readings_are_told(self) -> None:
        rows = np.array([[0, 0], [1, 0], [1, 1]])
        fused = self.fuse(make_votes(rows, np.array([20, 30, 30])))
        assert any("cannot tell who is right" in text for text in fused.warnings)

    def test_uncounted_surroundings_are_told(self) -> None:
        votes = make_votes(np.array([[0, 0, 0], [1, 1, 0]]), np.array([20, 30]))
        bare = type(votes)(
            rater_ids=votes.rater_ids,
            patterns=votes.patterns,
            counts=votes.counts,
            labels=votes.labels,
            voxel_mm3=1.0,
        )
        assert any("full field of view" in text for text in self.fuse(bare).warnings)


class TestWeightedVote(EvenHanded):
    def method(self) -> FusionMethod:
        return WeightedVote()

    def test_given_weights_decide(self) -> None:
        rows = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 0]])
        votes = make_votes(rows, np.array([90, 5, 5, 5]))
        fused = self.fuse(votes, self.method().parameters(weights={"a": 2.0, "b": 1.0, "c": 1.0}))
        assert fused.probability[:, 1].tolist() == [0.0, 0.5, 0.5, 0.75]
        assert fused.undecided.tolist() == [False, True, True, False]
        heavier = self.fuse(votes, self.method().parameters(weights={"a": 5}))
        assert heavier.chosen.tolist() == [0, 1, 0, 1]
        assert [row.weight for row in heavier.performance] == pytest.approx([5 / 7, 1 / 7, 1 / 7])

    def test_equal_weights_are_the_majority(self) -> None:
        rows = np.array([[0, 0, 0], [1, 0, 2], [0, 1, 1], [2, 2, 0]])
        votes = make_votes(rows, np.array([90, 5, 5, 5]), (0, 1, 2))
        equal = self.fuse(votes, self.method().parameters(weights=dict.fromkeys("abc", 3.0)))
        voted = MajorityVote().fuse(votes, MajorityVote().parameters())
        np.testing.assert_allclose(equal.probability, voted.probability, atol=1e-15)
        assert equal.chosen.tolist() == voted.chosen.tolist()
        np.testing.assert_allclose(
            self.fuse(votes, self.method().parameters(power=0)).probability, voted.probability
        )

    @pytest.mark.parametrize(
        ("weights", "told"), [({"z": 1.0}, "none of whom"), (dict.fromkeys("ab", 0.0), "weight 0")]
    )
    def test_useless_weights_are_told(self, weights: dict[str, float], told: str) -> None:
        votes = make_votes(np.array([[0, 0], [1, 0], [1, 1]]), np.array([9, 1, 1]))
        fused = self.fuse(votes, self.method().parameters(weights=weights))
        assert fused.probability[:, 1].tolist() == [0.0, 0.5, 1.0]
        assert any(told in text for text in fused.warnings)

    def test_negative_weights_are_refused(self) -> None:
        with pytest.raises(ValidationError):
            self.method().parameters(weights={"a": -1})


class TestSimple(FusionContract):
    def method(self) -> FusionMethod:
        return Simple()


class TestCollate(EvenHanded):
    counts_votes = False

    def method(self) -> FusionMethod:
        return Collate()

    def test_two_readings_are_told(self) -> None:
        rows = np.array([[0, 0], [1, 0], [1, 1]])
        fused = self.fuse(make_votes(rows, np.array([20, 30, 30])))
        assert any("cannot tell who is right" in text for text in fused.warnings)

    @pytest.mark.parametrize("n_empty", [3_000, 3_000_000])
    def test_empty_space_hardly_matters(self, n_empty: int) -> None:
        rows = np.array([[0, 0, 0], [1, 1, 1], [1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 1]])
        counts = np.array([n_empty, 400, 60, 50, 25, 20])
        probability = self.fuse(make_votes(rows, counts)).probability[1:]
        counts[0] = 10_000
        usual = self.fuse(make_votes(rows, counts)).probability[1:]
        np.testing.assert_allclose(probability, usual, atol=0.02)


class TestPooledStaple(LearnedFusionContract, EvenHanded):
    counts_votes = False

    def method(self) -> PooledStaple:
        return PooledStaple()

    def full(self) -> BaseModel:
        return self.method().parameters(region="full")


class TestSpatialStaple(SpatialFusionContract):
    counts_votes = False

    def method(self) -> SpatialStaple:
        return SpatialStaple()

    def usual(self) -> BaseModel:
        return self.method().parameters(sigma_mm=1e6)

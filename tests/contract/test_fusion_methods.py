from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator_builtins.majority import MajorityVote
from annotator_builtins.soft_vote import SoftVote
from annotator_builtins.staple import Staple
from tests.contract.fusion_contract import FusionContract, make_votes

if TYPE_CHECKING:
    from pydantic import BaseModel

    from annotator.api import FusionMethod

pytestmark = pytest.mark.contract


class TestMajority(FusionContract):
    def method(self) -> FusionMethod:
        return MajorityVote()

    def test_most_votes_win_without_more_than_half(self) -> None:
        rows = np.array([[0, 0, 0, 0, 0], [1, 1, 2, 3, 0], [3, 3, 2, 2, 0]])
        fused = self.fuse(make_votes(rows, np.array([9, 1, 1]), (0, 1, 2, 3)))
        assert fused.chosen.tolist() == [0, 1, 2]
        assert fused.undecided.tolist() == [False, False, True]


class TestSoftVote(FusionContract):
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


class TestStaple(FusionContract):
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

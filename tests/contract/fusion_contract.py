"""What every fusion method has to keep, whoever wrote it.

Subclass it, say how the method and its parameters are made, and pytest runs the lot.
"""

from __future__ import annotations

import itertools
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from annotator.analysis.consensus import choose, count_votes
from annotator.api import (
    AnyFusionMethod,
    CaseVotes,
    CaseWindow,
    FusedPatterns,
    FusedVoxels,
    FusionMethod,
    LearnedFusionMethod,
    SpatialFusionMethod,
    VotePatterns,
    no_progress,
)

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray


# Every subclass inherits the same laws on purpose; a method keeps no state between examples.
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors])


def make_votes(
    patterns: NDArray[np.integer], counts: NDArray[np.integer], labels: tuple[int, ...] = (0, 1)
) -> VotePatterns:
    """Patterns of raters a, b, c… on voxels of 2 mm³; the background pattern is put first."""
    rows = np.asarray(patterns, np.uint16)
    sizes = np.asarray(counts, np.int64)
    if not (rows[0] == 0).all():
        rows = np.vstack([np.zeros((1, rows.shape[1]), np.uint16), rows])
        sizes = np.append(np.int64(0), sizes)
    drawn = int(sizes[1:].sum())
    return VotePatterns(
        rater_ids=tuple("abcdefghijklmnopqrstuvwxyz"[: rows.shape[1]]),
        patterns=rows,
        counts=sizes,
        labels=labels,
        voxel_mm3=2.0,
        n_near=drawn + min(int(sizes[0]), 3 * drawn),
    )


@st.composite
def random_votes(draw: st.DrawFn, max_labels: int = 4) -> VotePatterns:
    """Votes as raters give them: mostly background, counts from one voxel to a million."""
    n_raters = draw(st.integers(2, 6))
    labels = (0, *sorted(draw(st.sets(st.integers(1, 9), min_size=1, max_size=max_labels - 1))))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = np.unique(random.choice(labels, (20, n_raters)), axis=0)
    rows = rows[(rows != 0).any(axis=1)]
    rows = np.vstack([np.zeros((1, n_raters), rows.dtype), rows])
    counts = (10 ** random.uniform(0, 5, len(rows))).astype(np.int64)
    counts[0] = int(10 ** random.uniform(2, 6))
    return make_votes(rows, counts, labels)


class FusionContract:
    """Properties of a fusion method; ``full`` counts the whole field of view where that differs.

    ``counts_votes`` is False for a method that may break a tie of votes by other evidence.
    """

    counts_votes = True

    def method(self) -> AnyFusionMethod:
        raise NotImplementedError

    def usual(self) -> BaseModel:
        """Parameters under which all voxels of a pattern are treated alike."""
        return self.method().parameters()

    def full(self) -> BaseModel:
        """Parameters under which background and label are treated alike, too."""
        return self.usual()

    def fuse(self, votes: VotePatterns, parameters: BaseModel | None = None) -> FusedPatterns:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fused = self.run(votes, parameters or self.usual())
        self.check_shape(votes, fused)
        return fused

    def run(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        method = self.method()
        assert isinstance(method, FusionMethod)
        return method.fuse(votes, parameters)

    def check_shape(self, votes: VotePatterns, fused: FusedPatterns) -> None:
        n_patterns = len(votes.patterns)
        assert fused.probability.shape == (n_patterns, len(votes.labels))
        assert fused.probability.dtype == np.float64
        assert np.isfinite(fused.probability).all()
        assert (fused.probability >= 0).all()
        np.testing.assert_allclose(fused.probability.sum(axis=1), 1.0, atol=1e-12)
        assert fused.chosen.shape == fused.undecided.shape == (n_patterns,)
        assert fused.chosen.dtype == np.uint16
        assert fused.undecided.dtype == np.bool_
        assert set(fused.chosen.tolist()) <= set(votes.labels)
        pairs = [(row.rater_id, row.label) for row in fused.performance]
        assert sorted(pairs) == sorted(itertools.product(votes.rater_ids, votes.labels[1:]))
        for row in fused.performance:
            for value in (row.sensitivity, row.specificity):
                assert value is None or 0.0 <= value <= 1.0 + 1e-9
            column = votes.patterns[:, votes.rater_ids.index(row.rater_id)] == row.label
            assert row.volume_mm3 == pytest.approx(votes.counts[column].sum() * votes.voxel_mm3)

    def test_names_are_given(self) -> None:
        method = self.method()
        assert method.name == method.name.lower()
        assert " " not in method.name
        assert method.title
        assert method.version

    def test_unknown_parameters_are_refused(self) -> None:
        with pytest.raises(ValidationError):
            self.method().parameters(no_such_parameter=1)

    @given(random_votes(), st.randoms(use_true_random=False))
    @settings(LAW, max_examples=25)
    def test_order_of_raters_does_not_matter(self, votes: VotePatterns, random: Random) -> None:
        order = list(range(len(votes.rater_ids)))
        random.shuffle(order)
        shuffled = VotePatterns(
            rater_ids=tuple(votes.rater_ids[place] for place in order),
            patterns=votes.patterns[:, order],
            counts=votes.counts,
            labels=votes.labels,
            voxel_mm3=votes.voxel_mm3,
            n_near=votes.n_near,
        )
        first, second = self.fuse(votes), self.fuse(shuffled)
        np.testing.assert_allclose(first.probability, second.probability, atol=1e-6)
        clear = ~(first.undecided | second.undecided)
        assert (first.chosen == second.chosen)[clear].all()

    @given(random_votes(max_labels=4), st.integers(0, 2**32))
    @settings(LAW, max_examples=25)
    def test_names_of_labels_do_not_matter(self, votes: VotePatterns, seed: int) -> None:
        random = np.random.default_rng(seed)
        renamed = np.append(0, random.choice(np.arange(1, 60000), len(votes.labels) - 1, False))
        order = np.argsort(renamed)
        numbers = np.searchsorted(votes.labels, votes.patterns)
        other = VotePatterns(
            rater_ids=votes.rater_ids,
            patterns=renamed[numbers].astype(np.uint16),
            counts=votes.counts,
            labels=tuple(int(value) for value in renamed[order]),
            voxel_mm3=votes.voxel_mm3,
            n_near=votes.n_near,
        )
        first, second = self.fuse(votes), self.fuse(other)
        np.testing.assert_allclose(first.probability[:, order], second.probability, atol=1e-6)
        clear = ~(first.undecided | second.undecided)
        expected = renamed[np.searchsorted(votes.labels, first.chosen)]
        assert (expected == second.chosen)[clear].all()

    @pytest.mark.parametrize("n_raters", [1, 2, 5])
    def test_identical_readings_come_back(self, n_raters: int) -> None:
        rows = np.repeat([[0], [1], [4]], n_raters, axis=1)
        votes = make_votes(rows, np.array([1000, 60, 40]), (0, 1, 4))
        fused = self.fuse(votes)
        assert fused.chosen.tolist() == [0, 1, 4]
        np.testing.assert_allclose(fused.probability, np.eye(3), atol=1e-9)
        assert not fused.undecided.any()
        for row in fused.performance:
            assert row.sensitivity == pytest.approx(1.0)
            assert row.specificity == pytest.approx(1.0)

    def test_one_reading_is_the_result_and_is_told(self) -> None:
        fused = self.fuse(make_votes(np.array([[0], [1]]), np.array([50, 50])))
        assert fused.chosen.tolist() == [0, 1]
        assert any("one reading" in text for text in fused.warnings)

    @pytest.mark.parametrize("n_raters", [1, 2, 4])
    def test_all_empty_is_empty_and_told(self, n_raters: int) -> None:
        fused = self.fuse(make_votes(np.zeros((1, n_raters), int), np.array([500])))
        assert fused.chosen.tolist() == [0]
        assert all(row.sensitivity is None for row in fused.performance)
        assert any("empty" in text for text in fused.warnings)

    @pytest.mark.parametrize("n_raters", [1, 2, 4])
    def test_all_full_is_full_and_told(self, n_raters: int) -> None:
        fused = self.fuse(make_votes(np.ones((1, n_raters), int), np.array([500])))
        assert fused.chosen[1] == 1
        assert all(row.specificity is None for row in fused.performance)
        assert any("every voxel" in text for text in fused.warnings)

    def test_one_empty_reading_is_told(self) -> None:
        rows = np.array([[0, 0, 0], [1, 1, 0], [1, 0, 0]])
        fused = self.fuse(make_votes(rows, np.array([900, 80, 20])))
        assert any("1 of 3 readings is empty" in text for text in fused.warnings)
        empty = [row for row in fused.performance if row.rater_id == "c"]
        assert [row.sensitivity for row in empty] == [pytest.approx(0.0)]
        assert [row.specificity for row in empty] == [pytest.approx(1.0)]

    def test_ties_are_flagged_and_told(self) -> None:
        rows = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
        fused = self.fuse(make_votes(rows, np.array([100, 10, 10, 80])), self.full())
        assert not fused.undecided[[0, 3]].any()
        if not self.counts_votes:
            assert fused.chosen[1] == fused.chosen[2]
            return
        assert fused.undecided.tolist() == [False, True, True, False]
        assert fused.chosen.tolist() == [0, 0, 0, 1]
        assert any("20 voxels are tied" in text for text in fused.warnings)

    @given(random_votes())
    @settings(LAW, max_examples=20)
    def test_same_bytes_every_time(self, votes: VotePatterns) -> None:
        before = votes.patterns.tobytes(), votes.counts.tobytes()
        first, second = self.fuse(votes), self.fuse(votes)
        assert first.probability.tobytes() == second.probability.tobytes()
        assert first.chosen.tobytes() == second.chosen.tobytes()
        assert first.undecided.tobytes() == second.undecided.tobytes()
        assert (first.performance, first.warnings) == (second.performance, second.warnings)
        assert (votes.patterns.tobytes(), votes.counts.tobytes()) == before

    def test_planted_skill_is_recovered(self) -> None:
        random = np.random.default_rng(3)
        skill = np.array([[0.95, 0.9], [0.9, 0.95], [0.85, 0.9], [0.92, 0.86], [0.88, 0.93]])
        truth = random.random(100_000) < 0.4
        said = np.where(
            truth[:, None],
            random.random((100_000, 5)) < skill[:, 0],
            random.random((100_000, 5)) > skill[:, 1],
        )
        rows, counts = np.unique(said, axis=0, return_counts=True)
        votes = make_votes(rows.astype(int), counts)
        for row in self.fuse(votes, self.full()).performance:
            planted = skill[votes.rater_ids.index(row.rater_id)]
            assert row.sensitivity == pytest.approx(planted[0], abs=0.02)
            assert row.specificity == pytest.approx(planted[1], abs=0.02)


def case_of_votes(votes: VotePatterns, case_id: str = "case") -> CaseVotes:
    """Return a case of one row of voxels for methods that look at patterns only."""

    def window(margin: int | None) -> CaseWindow:
        raise AssertionError(f"a method of patterns looked at voxels ({margin})")

    return CaseVotes(
        case_id=case_id,
        title=case_id,
        votes=votes,
        shape=(1, 1, int(votes.counts.sum())),
        spacing_mm=(1.0, 1.0, 1.0),
        moments=lambda: np.zeros((len(votes.rater_ids), len(votes.labels) - 1, 10)),
        window=window,
    )


class LearnedFusionContract(FusionContract):
    """The same for a method that learns, here from the case that it then fuses."""

    def run(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        method = self.method()
        assert isinstance(method, LearnedFusionMethod)
        case = case_of_votes(votes)
        learned = method.learn([case], parameters, no_progress)
        fused = method.fuse_learned(case, learned.content, parameters, no_progress)
        assert isinstance(fused, FusedPatterns)
        return fused

    def test_the_same_is_learned_every_time(self) -> None:
        method = self.method()
        assert isinstance(method, LearnedFusionMethod)
        rows = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])
        cases = [case_of_votes(make_votes(rows, np.array([90, 9, size, 40])), str(size))
                 for size in (5, 12)]  # fmt: skip
        first, second = (method.learn(cases, self.usual(), no_progress) for _ in range(2))
        assert first == second
        assert all(text.endswith(".") for text in first.summary)

    def test_nothing_to_learn_from_is_defined_and_told(self) -> None:
        method = self.method()
        assert isinstance(method, LearnedFusionMethod)
        learned = method.learn([], self.usual(), no_progress)
        rows = np.array([[0, 0, 0], [1, 1, 0], [1, 1, 1]])
        case = case_of_votes(make_votes(rows, np.array([90, 20, 40])))
        fused = method.fuse_learned(case, learned.content, self.usual(), no_progress)
        assert isinstance(fused, FusedPatterns)
        self.check_shape(case.votes, fused)
        assert fused.chosen.tolist() == [0, 1, 1]
        assert fused.warnings


def laid_out(votes: VotePatterns, most_voxels: int) -> tuple[CaseVotes, NDArray[np.int32]]:
    """Return votes laid out at random over a grid, and the pattern of each voxel ``(z, y, x)``.

    Where there are too many voxels, each pattern keeps its share, but one voxel at least.
    """
    counts = votes.counts
    if counts.sum() > most_voxels:
        counts = np.where(counts > 0, 1 + counts * 4000 // counts.sum(), 0)
    index = np.repeat(np.arange(len(counts)), counts)
    width = len(index)
    if counts[0]:  # the background fills a square up
        width = int(np.sqrt(len(index)))
        index = np.append(index, np.zeros(-len(index) % width, np.intp))
        counts = np.bincount(index, minlength=len(counts))
    np.random.default_rng(0).shuffle(index)
    grid = index.reshape(1, -1, width).astype(np.int32)
    drawn = (votes.patterns != 0).any(axis=1)[grid]

    def window(margin: int | None) -> CaseWindow:
        low, high = np.zeros(3, int), np.array(grid.shape)
        if margin is not None and drawn.any():
            found = np.argwhere(drawn)
            low = np.maximum(low, found.min(axis=0) - margin)
            high = np.minimum(high, found.max(axis=0) + 1 + margin)
        part = grid[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        box = (tuple(low.tolist()), tuple(high.tolist()))
        return CaseWindow(box=box, index=part, image=np.zeros(part.shape, np.float32))

    case = replace(
        case_of_votes(replace(votes, counts=counts.astype(np.int64), n_near=None)),
        shape=grid.shape,
        window=window,
    )
    return case, grid


class SpatialFusionContract(FusionContract):
    """The same for a method that looks at places; ``usual`` must make all places alike."""

    most_voxels = 100_000

    def fuse(self, votes: VotePatterns, parameters: BaseModel | None = None) -> FusedPatterns:
        method = self.method()
        assert isinstance(method, SpatialFusionMethod)
        case, grid = laid_out(votes, self.most_voxels)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fused = method.fuse_voxels(case, parameters or self.usual(), no_progress)
        self.check_voxels(case, grid, fused)
        found = self.by_pattern(case, grid, fused)
        self.check_shape(case.votes, found)
        return found

    def check_voxels(self, case: CaseVotes, grid: NDArray[np.int32], fused: FusedVoxels) -> None:
        size = tuple(high - low for low, high in zip(*fused.box, strict=True))
        outside = np.ones(grid.shape, np.bool_)
        outside[tuple(slice(low, high) for low, high in zip(*fused.box, strict=True))] = False
        assert (case.votes.patterns[grid[outside]] == 0).all()
        assert fused.probability.shape == (len(case.votes.labels), *size)
        assert fused.probability.dtype == np.float32
        np.testing.assert_allclose(fused.probability.sum(axis=0), 1.0, atol=1e-5)
        if fused.weights is not None:
            assert fused.weights.shape == (len(case.votes.rater_ids), *size)
            assert fused.weights.dtype == np.float32
            assert (fused.weights >= 0).all()
            np.testing.assert_allclose(fused.weights.sum(axis=0), 1.0, atol=1e-5)

    def by_pattern(
        self, case: CaseVotes, grid: NDArray[np.int32], fused: FusedVoxels
    ) -> FusedPatterns:
        """Return the fusion of a voxel of each pattern; the votes where no voxel shows it."""
        votes = case.votes
        probability = count_votes(votes.patterns, votes.labels) / len(votes.rater_ids)
        own = grid[tuple(slice(low, high) for low, high in zip(*fused.box, strict=True))]
        probability[own.reshape(-1)] = fused.probability.reshape(len(votes.labels), -1).T
        probability /= probability.sum(axis=1, keepdims=True)
        chosen, undecided = choose(probability, votes.labels)
        return FusedPatterns(
            probability=probability,
            chosen=chosen,
            undecided=undecided,
            performance=fused.performance,
            warnings=fused.warnings,
        )


class EvenHanded(FusionContract):
    """What a method has to keep besides that takes background for a label like any other."""

    @given(random_votes(max_labels=2))
    @settings(LAW, max_examples=25)
    def test_complement_gives_the_complement(self, votes: VotePatterns) -> None:
        label = votes.labels[1]
        if (votes.patterns == label).all(axis=1).any():
            flipped, counts = np.where(votes.patterns == 0, label, 0), votes.counts
        else:
            flipped = np.vstack(
                [np.where(votes.patterns == 0, label, 0), np.zeros(len(votes.rater_ids), int)]
            )
            counts = np.append(votes.counts, 0)
        other = VotePatterns(
            rater_ids=votes.rater_ids,
            patterns=flipped.astype(np.uint16),
            counts=counts,
            labels=votes.labels,
            voxel_mm3=votes.voxel_mm3,
        )
        first, second = self.fuse(votes, self.full()), self.fuse(other, self.full())
        seen = np.flatnonzero(votes.counts > 0)
        np.testing.assert_allclose(
            first.probability[seen], second.probability[seen][:, ::-1], atol=1e-6
        )
        if first.undecided[seen].any():  # a tie goes to the lowest label, not to its complement
            return
        for one, two in zip(first.performance, second.performance, strict=True):
            if one.sensitivity is not None and two.specificity is not None:
                assert one.sensitivity == pytest.approx(two.specificity, abs=1e-5)

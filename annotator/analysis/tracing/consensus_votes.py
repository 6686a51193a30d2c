"""Which branches there are in any of several tracings, who traced each, and whom to believe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

from annotator.analysis.case_bootstrap import sum_ends
from annotator.analysis.staple import staple

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.match import Matched

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

_SHARES = 1_000_000
_ROOM = 10
"""Room that nobody traced, as a multiple of all that somebody did. That it is large says that two
tracers seldom invent the same branch; beyond ten it changes little."""
_SMOOTHING = 0.02
"""As a share of all cable, how much each tracer is taken to have judged rightly beforehand."""
_FEWEST_TO_LEARN = 3
_LEAST_TRUST = 0.01
_LEAST_CHANCE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class TracerPerformance:
    """How good a tracer is against the consensus, by cable, 0 to 1; None where there is none.

    The intervals are 95 %, of drawing branches anew; they do not tell how wrong the consensus is.
    """

    name: str
    sensitivity: float | None
    precision: float | None
    sensitivity_interval: tuple[float, float] | None
    precision_interval: tuple[float, float] | None
    length_um: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Belief:
    """How likely cable is there, given who has it.

    ``evidence`` ``(2, tracer)`` is the logarithm of the odds that a tracer's having it not, and
    having it, is worth; ``prior`` those before anybody is asked. None: votes count alike.
    """

    evidence: Floats | None
    prior: float = 0.0

    def probability(self, votes: NDArray[np.bool_]) -> Floats:
        """Return how likely cable with these votes ``(piece, tracer)`` is there, ``(piece,)``."""
        if self.evidence is None:
            shares: Floats = votes.mean(axis=1)
            return shares
        odds = self.prior + np.where(votes, self.evidence[1], self.evidence[0]).sum(axis=1)
        found: Floats = expit(odds)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Union:
    """All cable that anybody traced, each piece once: edges of the fine trees.

    Attributes
    ----------
    tracers, rows : ndarray
        Whose tree each piece is of, and its row there, ``(piece,)``.
    lengths : ndarray
        ``(piece,)`` µm.
    votes : ndarray
        Who has it, ``(piece, tracer)`` bool.
    probability : ndarray
        That it is there, ``(piece,)``.
    trust : ndarray
        What each tracer's word weighs where joints are disputed, ``(tracer,)``: estimated
        sensitivity times precision, greater than 0.
    belief : Belief
        What made the probability of the votes.
    """

    tracers: Rows
    rows: Rows
    lengths: Floats
    votes: NDArray[np.bool_]
    probability: Floats
    trust: Floats
    belief: Belief


def rank_tracers(matched: Matched) -> Rows:
    """Return the tracers, those first who share most with the others; ties by their cable."""
    shared = matched.share_lengths()
    own = np.maximum(np.diag(shared), 1e-12)
    # The harmonic mean of both shares, with each of the others.
    alike = (shared + shared.T) / (own[:, None] + own)
    np.fill_diagonal(alike, 0.0)
    scores = alike.sum(axis=1)
    keys = [
        (-round(score, 9), -round(length, 6), fine.tree.points.tobytes())
        for score, length, fine in zip(scores.tolist(), own.tolist(), matched.trees, strict=True)
    ]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)


def unite(matched: Matched) -> Union:
    """Return all cable of all tracers, each piece once, and how likely each is there.

    Pieces are taken from the first tracer, then from the next what nobody before has. The tracers'
    worth is estimated with the truth (STAPLE by length of cable; Warfield, Zou and Wells 2004);
    with fewer than three, nobody can tell who is right, and votes count alike.
    """
    tracers, rows, votes, lengths = [], [], [], []
    for tracer, (fine, shared) in enumerate(zip(matched.trees, matched.shared, strict=True)):
        course = fine.course
        is_new = course.is_edge & (course.section >= 0) & ~shared[:, :tracer].any(axis=1)
        own = np.flatnonzero(is_new)
        tracers.append(np.full(len(own), tracer))
        rows.append(own)
        votes.append(shared[own])
        lengths.append(fine.lengths[own])
    all_votes, all_lengths = np.concatenate(votes), np.concatenate(lengths)
    belief = _believe(all_votes, all_lengths)
    probability = belief.probability(all_votes)
    hits, said = (all_lengths * probability) @ all_votes, all_lengths @ all_votes
    true = float(all_lengths @ probability)
    return Union(
        tracers=np.concatenate(tracers),
        rows=np.concatenate(rows),
        lengths=all_lengths,
        votes=all_votes,
        probability=probability,
        trust=np.maximum(hits**2 / np.maximum(said * true, 1e-12), _LEAST_TRUST),
        belief=belief,
    )


def _believe(votes: NDArray[np.bool_], lengths: Floats) -> Belief:
    """Learn from all votes ``(piece, tracer)`` what each tracer's is worth."""
    n_tracers = votes.shape[1]
    total = float(lengths.sum())
    if n_tracers < _FEWEST_TO_LEARN or total <= 0:
        return Belief(evidence=None)
    shown, which = np.unique(votes, axis=0, return_inverse=True)
    cable = np.bincount(which.ravel(), weights=lengths, minlength=len(shown)) / total
    # Nobody traced the room around.
    patterns: Rows = np.concatenate([shown, np.zeros((1, n_tracers), np.bool_)]).astype(np.int64)
    counts = np.maximum(np.round(np.append(cable, _ROOM) * _SHARES), 1).astype(np.int64)
    found = staple(patterns, counts, (0, 1), smoothing=_SMOOTHING * _SHARES)
    said = np.log(np.maximum(found.confusion, _LEAST_CHANCE))
    prior = float(counts @ patterns.mean(axis=1)) / float(counts.sum())
    return Belief(evidence=(said[:, :, 1] - said[:, :, 0]).T, prior=float(logit(prior)))


def judge_tracers(
    union: Union, branches: Rows, names: tuple[str, ...]
) -> tuple[TracerPerformance, ...]:
    """Judge tracers against what is likely there; ``branches`` numbers the pieces' branches."""
    n_branches = int(branches.max(initial=-1)) + 1
    found: list[TracerPerformance] = []
    for tracer, name in enumerate(names):
        has = union.lengths * union.votes[:, tracer]
        parts = (has * union.probability, union.lengths * union.probability, has)
        sums: Floats = np.stack(
            [np.bincount(branches, weights=part, minlength=n_branches) for part in parts], axis=1
        ).astype(np.float64)
        hits, true, said = sums.sum(axis=0).tolist()
        found.append(
            TracerPerformance(
                name=name,
                sensitivity=hits / true if true > 0 else None,
                precision=hits / said if said > 0 else None,
                sensitivity_interval=sum_ends(sums, lambda drawn: _ratio(drawn, 1)),
                precision_interval=sum_ends(sums, lambda drawn: _ratio(drawn, 2)),
                length_um=said,
            )
        )
    return tuple(found)


def _ratio(drawn: Floats, below: int) -> Floats:
    whole = drawn[:, below]
    return np.where(whole > 0, drawn[:, 0] / np.where(whole > 0, whole, 1.0), np.nan)

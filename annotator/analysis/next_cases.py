"""Which cases to draw next: those that a model would gain most from."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FARTHEST = 3.0
"""Standard deviations from which on a feature counts as no farther."""
_TOP_SHARE = 0.01
_HIGH, _LOW = 2 / 3, 1 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A case that could be drawn next, and what is known of it.

    Attributes
    ----------
    uncertainty : float or None
        How unsure a model is of its own drawing of the case; only the order of cases matters.
        None where no model has read it.
    difficulty : float or None
        How likely raters are to disagree, as a model foretells it; only the order matters.
    features : tuple of float
        What the image, and a prediction on it, look like: as many numbers for each case, any units.
        Empty where nothing is known.
    """

    case_id: str
    uncertainty: float | None = None
    difficulty: float | None = None
    features: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GainWeights:
    """How much each reason counts, 0 or more; only their ratios matter."""

    uncertainty: float = 1.0
    difficulty: float = 1.0
    diversity: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what gives no order."""
        weights = (self.uncertainty, self.difficulty, self.diversity)
        if min(weights) < 0 or not sum(weights) > 0:
            raise AnnotatorError(f"weights are 0 or more, and one of them above 0; got {weights}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NextCase:
    """A case in the order in which to draw, and why.

    Attributes
    ----------
    gain : float
        The weighted mean of the three below that are known, 0 to 1.
    uncertainty, difficulty : float or None
        The share of cases that are less so, 0 to 1.
    diversity : float or None
        How much of the pool is like this case and like none that is drawn or comes before it,
        against the case that stands for most; 0 to 1.
    why : str
        The same in a sentence.
    """

    case_id: str
    gain: float
    uncertainty: float | None
    difficulty: float | None
    diversity: float | None
    why: str


def next_cases(
    candidates: Sequence[Candidate],
    *,
    drawn: Sequence[tuple[float, ...]] = (),
    n: int | None = None,
    weights: GainWeights | None = None,
) -> tuple[NextCase, ...]:
    """Return the ``n`` cases to draw next (all where None), the one with most to gain first.

    ``drawn`` are the features of cases that were drawn already. The order in which cases are
    given does not matter. Cases that are equal in everything come by id.

    Uncertainty and difficulty count as ranks, so that their scales cannot matter; a case of which
    one is not known counts as a middle one. Diversity is facility location: cases are chosen
    greedily, each by how much better the whole pool is then covered, which is within 1 - 1/e of
    the best cover (Nemhauser, Wolsey and Fisher, Math Program 14 (1978) 265; for choosing training
    data Wei, Iyer and Bilmes, ICML 2015). Unlike the farthest case, the one that covers most is no
    outlier. Cases are alike by a Gaussian kernel over their standardised features, half the mean
    distance wide. Since what was chosen only lowers the gain of what is left, stale gains are
    looked at again only when they come first (Minoux 1978).

    Raises AnnotatorError where cases come twice, or have different numbers of features.
    """
    ordered = sorted(candidates, key=lambda entry: entry.case_id)
    _check(ordered, drawn)
    weights = weights or GainWeights()
    unsure = _ranks([entry.uncertainty for entry in ordered])
    hard = _ranks([entry.difficulty for entry in ordered])
    cover = _Cover.of(ordered, drawn) if weights.diversity else None
    parts = [(weights.uncertainty, unsure), (weights.difficulty, hard)]
    known = [(weight, ranks) for weight, ranks in parts if ranks is not None and weight]
    total = sum(weight for weight, _ in known) + (weights.diversity if cover else 0.0)
    fixed = np.zeros(len(ordered))
    for weight, ranks in known:
        fixed += weight * ranks
    found: list[NextCase] = []
    wanted = len(ordered) if n is None else min(n, len(ordered))
    # Each entry: what the case gained when it was looked at, and after how many choices that was.
    heap = [(-np.inf, place, -1) for place in range(len(ordered))]
    while len(found) < wanted:
        _, place, seen = heapq.heappop(heap)
        new = cover.gain(place) if cover else None
        gain = (fixed[place] + weights.diversity * (new or 0.0)) / total if total else 0.0
        if seen < len(found):
            heapq.heappush(heap, (-gain, place, len(found)))
            continue
        if cover:
            cover.add(place)
        found.append(
            _said(
                ordered[place].case_id,
                gain=float(gain),
                uncertainty=_known_rank(unsure, ordered[place].uncertainty, place),
                difficulty=_known_rank(hard, ordered[place].difficulty, place),
                diversity=new,
            )
        )
    return tuple(found)


def doubt_of_map(uncertainty: NDArray[np.floating], mask: NDArray[np.integer]) -> float:
    """Return how unsure a model is along the outlines that it drew, as one number.

    ``uncertainty`` is ``(z, y, x)``, 0 to 1 (an entropy over its greatest value, for example),
    ``mask`` what was drawn on the same grid. It is the mean over the voxels on both sides of the
    outlines: over the whole image, large objects would always be the doubtful ones, as their
    outlines are longer. Where nothing is drawn, the mean of the hundredth of the voxels that are
    least sure.
    """
    is_drawn = mask > 0
    cross = _cross(mask.shape)
    is_edge = np.zeros(mask.shape, np.bool_)
    for label in np.unique(mask[is_drawn]).tolist():
        own = mask == label
        is_edge |= binary_dilation(own, cross) & ~binary_erosion(own, cross, border_value=1)
    if is_edge.any():
        return float(uncertainty[is_edge].mean())
    n_top = max(1, round(_TOP_SHARE * uncertainty.size))
    top = np.partition(uncertainty, -n_top, axis=None)[-n_top:]
    return float(top.mean())


class _Cover:
    """How well the pool is covered by what was drawn and chosen."""

    def __init__(self, alike: NDArray[np.float32], best: NDArray[np.float32], most: float) -> None:
        self._alike, self._best, self._most = alike, best, most

    @classmethod
    def of(
        cls, candidates: Sequence[Candidate], drawn: Sequence[tuple[float, ...]]
    ) -> _Cover | None:
        if not candidates or not candidates[0].features:
            return None
        pool = np.array([entry.features for entry in candidates])
        # Sorted, so that sums over them round in the same way whatever their order.
        done = np.array(sorted(drawn)).reshape(len(drawn), pool.shape[1])
        both = np.concatenate([pool, done])
        spread = both.std(axis=0)
        scaled = (both - both.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        scaled = np.clip(scaled, -_FARTHEST, _FARTHEST)
        apart = cdist(scaled[: len(pool)], scaled).astype(np.float32)
        width = float(apart[:, : len(pool)].mean()) / 2 or 1.0
        alike = np.exp(-((apart / width) ** 2) / 2)
        own, known = alike[:, : len(pool)], alike[:, len(pool) :]
        return cls(own, known.max(axis=1, initial=0.0), float(own.sum(axis=1).max()))

    def gain(self, place: int) -> float:
        more = np.maximum(self._alike[:, place] - self._best, 0.0)
        return min(1.0, float(more.sum(dtype=np.float64)) / self._most)

    def add(self, place: int) -> None:
        self._best = np.maximum(self._best, self._alike[:, place])


def _ranks(values: Sequence[float | None]) -> NDArray[np.float64] | None:
    """Return the share of known values that are smaller, 0 to 1; the middle where not known."""
    given = np.array([np.nan if value is None else value for value in values], np.float64)
    is_known = np.isfinite(given)
    if not is_known.any():
        return None
    ranks = np.full(len(given), 0.5)
    n_known = int(is_known.sum())
    if n_known > 1:
        ranks[is_known] = (rankdata(given[is_known]) - 1) / (n_known - 1)
    return ranks


def _known_rank(ranks: NDArray[np.float64] | None, value: float | None, place: int) -> float | None:
    return None if ranks is None or value is None else float(ranks[place])


def _check(candidates: Sequence[Candidate], drawn: Sequence[tuple[float, ...]]) -> None:
    ids = [entry.case_id for entry in candidates]
    if len(set(ids)) < len(ids):
        raise AnnotatorError("a case can be drawn next only once, and some were given twice")
    lengths = {len(entry.features) for entry in candidates} | {len(entry) for entry in drawn}
    if candidates and len(lengths) > 1:
        raise AnnotatorError(
            f"all cases need the same number of features; got {sorted(lengths)} of them"
        )


def _cross(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a voxel and its neighbours: six, or four where there is one slice."""
    cross = np.zeros((3, 3, 3), np.bool_)
    cross[1, 1, :] = cross[1, :, 1] = True
    cross[:, 1, 1] = shape[0] > 1
    cross[1, 1, 1] = True
    return cross


def _said(
    case_id: str,
    *,
    gain: float,
    uncertainty: float | None,
    difficulty: float | None,
    diversity: float | None,
) -> NextCase:
    said = []
    if uncertainty is not None:
        said.append(f"the model is {_level(uncertainty)} unsure of it")
    if difficulty is not None:
        said.append(f"raters are {_level(difficulty)} likely to disagree")
    if diversity is not None:
        said.append(
            "many cases are like it and none of them is drawn"
            if diversity > _HIGH
            else "what it shows is little covered so far"
            if diversity > _LOW
            else "cases like it are drawn or come before it"
        )
    sentence = "; ".join(said) or "nothing is known of it yet"
    return NextCase(
        case_id=case_id,
        gain=gain,
        uncertainty=uncertainty,
        difficulty=difficulty,
        diversity=diversity,
        why=sentence[0].upper() + sentence[1:] + ".",
    )


def _level(rank: float) -> str:
    """Return how a share of cases that are less so is said."""
    return "very" if rank > _HIGH else "fairly" if rank > _LOW else "little"

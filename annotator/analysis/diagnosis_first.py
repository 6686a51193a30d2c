"""Weights of raters under which the fused masks tell the diagnosis best.

After Wu et al., "Opinions vary? Diagnosis first!" (MICCAI 2022, arXiv 2202.06505), with one weight
a rater and structure for the whole project in place of maps for each image. A map that is fitted to
the diagnosis of its own image leaks that diagnosis; here the weights of a case come from folds of
cases without it. The criterion is a logistic regression on size and shape of the soft fused mask,
trained on random mixtures of raters, so that it favours no fusion.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, softmax

from annotator.analysis.diagnosis_criterion import AucInterval, compare_aucs, fit_criterion
from annotator.analysis.diagnosis_features import MaskFeatures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.diagnosis_criterion import Criterion

N_MIXTURES = 8
"""Random mixtures of each case's raters that the criterion learns from."""
_CONCENTRATION = 0.5
_PRIOR = 0.5
_ROUGH = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskStudy:
    """The masks of raters over cases, as sums, and the diagnosis of each case.

    Attributes
    ----------
    sums : ndarray
        ``(case, rater, label, N_SUMS)``; see :func:`diagnosis_features.mask_sums`.
    has_read : ndarray
        Whether a rater read a case, ``(case, rater)`` bool; at least one of each case did.
    spacing_mm : ndarray
        ``(case, 3)`` along z, y, x.
    is_positive : ndarray
        The diagnosis, ``(case,)`` bool.
    mixtures : ndarray
        Random weights, ``(case, mixture, rater, label)``, not below 0; of absent raters too.
    """

    sums: NDArray[np.float64]
    has_read: NDArray[np.bool_]
    spacing_mm: NDArray[np.float64]
    is_positive: NDArray[np.bool_]
    mixtures: NDArray[np.float64]

    def shares(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return weights ``(rater, label)`` or ``(case, rater, label)`` of those who read a case.

        They sum to 1 over raters.
        """
        own = weights * self.has_read[:, :, None]
        return np.asarray(own / own.sum(axis=1, keepdims=True))

    def features(self, weights: NDArray[np.float64]) -> MaskFeatures:
        """Return the features of the masks that are fused with weights."""
        fused = np.einsum("nrl,nrlm->nlm", self.shares(weights), self.sums)
        return MaskFeatures.of(fused, self.spacing_mm)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightFit:
    """Weights ``(rater, label)``, and the cross-entropy per case before and after, in nats."""

    weights: NDArray[np.float64]
    first_loss: float
    last_loss: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedWeights:
    """What was learned of the raters of a study.

    Attributes
    ----------
    folds : ndarray
        Fold of each case, ``(case,)``.
    by_fold : ndarray
        Weights from all cases but those of a fold, ``(fold, rater, label)``; sum to 1 over raters.
    mean_auc, weighted_auc, gain : AucInterval
        AUC of the criterion on cases that neither it nor the weights were fitted to, where raters
        count alike and where they are weighed; and the difference.
    """

    folds: NDArray[np.int64]
    by_fold: NDArray[np.float64]
    mean_auc: AucInterval
    weighted_auc: AucInterval
    gain: AucInterval

    @property
    def weights(self) -> NDArray[np.float64]:
        """Mean over folds, ``(rater, label)``: for cases that were not learned from."""
        return np.asarray(self.by_fold.mean(axis=0))


def draw_mixtures(n_cases: int, n_raters: int, n_labels: int, seed: int = 0) -> NDArray[np.float64]:
    """Return random weights ``(case, mixture, rater, label)``, Dirichlet once they sum to 1."""
    random = np.random.default_rng(seed)
    drawn = random.gamma(_CONCENTRATION, size=(n_cases, N_MIXTURES, n_raters, n_labels))
    return np.maximum(drawn, 1e-12)


def make_folds(
    is_positive: NDArray[np.bool_], keys: Sequence[str], n_folds: int
) -> NDArray[np.int64]:
    """Return a fold for each case, with as many of either diagnosis in each as can be.

    The folds depend on the keys of the cases, not on their order.
    """
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in keys]
    order = sorted(range(len(keys)), key=lambda case: (bool(is_positive[case]), digests[case]))
    folds = np.empty(len(keys), np.int64)
    folds[order] = np.arange(len(keys)) % n_folds
    return folds


def train_criterion(study: MaskStudy, counts: NDArray[np.float64]) -> Criterion:
    """Train the criterion on mixtures of raters; each case counts so often, ``(case,)``."""
    return _train(_mixed_features(study), study.is_positive, counts)


def _mixed_features(study: MaskStudy) -> NDArray[np.float64]:
    """Return the features of all random mixtures, ``(case, mixture, feature)``."""
    n_mixtures = study.mixtures.shape[1]
    return np.stack(
        [study.features(study.mixtures[:, number]).values for number in range(n_mixtures)], axis=1
    )


def _train(
    mixed: NDArray[np.float64], is_positive: NDArray[np.bool_], counts: NDArray[np.float64]
) -> Criterion:
    n_mixtures = mixed.shape[1]
    used = np.flatnonzero(counts > 0)
    return fit_criterion(
        mixed[used].reshape(-1, mixed.shape[2]),
        np.repeat(is_positive[used], n_mixtures),
        np.repeat(counts[used] / n_mixtures, n_mixtures),
    )


def fit_weights(
    study: MaskStudy,
    criterion: Criterion,
    counts: NDArray[np.float64],
    start: NDArray[np.float64] | None = None,
    tolerance: float = 1e-10,
) -> WeightFit:
    """Return the weights under which the criterion tells the diagnosis of the fused masks best.

    Weights are a softmax over raters; a normal prior on what goes into it keeps them near equal
    where the diagnosis says little. ``start`` is other weights to begin from; ``first_loss`` is
    that of equal ones. The search ends where a step changes the loss by less than a share of
    ``tolerance``.
    """
    used = counts > 0
    own = replace(
        study,
        sums=study.sums[used],
        has_read=study.has_read[used],
        spacing_mm=study.spacing_mm[used],
        is_positive=study.is_positive[used],
        mixtures=study.mixtures[used],
    )
    shape = study.sums.shape[1:3]
    shares = counts[used] / counts.sum()
    strength = _PRIOR / counts.sum()

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        entropy, slope = _loss(own, criterion, shares, point.reshape(shape))
        return (
            entropy + 0.5 * strength * float(point @ point),
            slope.ravel() + strength * point,
        )

    flat = np.zeros(shape)
    begin = flat if start is None else np.log(np.maximum(start, 1e-9))
    found = minimize(
        loss,
        (begin - begin.mean(axis=0)).ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 200, "ftol": tolerance, "gtol": 1e-6},
    )
    weights = softmax(found.x.reshape(shape), axis=0)
    return WeightFit(
        weights=np.asarray(weights),
        first_loss=_loss(own, criterion, shares, flat)[0],
        last_loss=_loss(own, criterion, shares, found.x.reshape(shape))[0],
    )


def _loss(
    study: MaskStudy,
    criterion: Criterion,
    shares: NDArray[np.float64],
    point: NDArray[np.float64],
) -> tuple[float, NDArray[np.float64]]:
    """Return the cross-entropy of the diagnosis, and its slope along ``(rater, label)``."""
    weights = softmax(point, axis=0)
    masked = weights * study.has_read[:, :, None]
    total = masked.sum(axis=1, keepdims=True)
    own = masked / total
    features = MaskFeatures.of(np.einsum("nrl,nrlm->nlm", own, study.sums), study.spacing_mm)
    logit = criterion.logit(features.values)
    entropy = shares @ (np.logaddexp(0.0, logit) - study.is_positive * logit)
    by_logit = shares * (expit(logit) - study.is_positive)
    by_sums = features.back(by_logit[:, None] * criterion.slopes, study.spacing_mm)
    by_own = np.einsum("nlm,nrlm->nrl", by_sums, study.sums)
    by_own -= (by_own * own).sum(axis=1, keepdims=True)
    by_weight = (by_own * study.has_read[:, :, None] / total).sum(axis=0)
    slope = weights * (by_weight - (weights * by_weight).sum(axis=0))
    return float(entropy), slope


def learn_weights(
    study: MaskStudy, folds: NDArray[np.int64], *, progress: Callable[[float, str], None]
) -> LearnedWeights:
    """Learn the weights of raters fold by fold, ``folds`` naming that of each case, ``(case,)``."""
    n_cases, n_folds = len(folds), int(folds.max()) + 1
    mixed = _mixed_features(study)
    plain = study.features(np.ones(study.sums.shape[1:3])).values
    by_fold, of_mean, of_weighted = [], np.empty(n_cases), np.empty(n_cases)
    for fold in range(n_folds):
        progress(fold / n_folds, f"learning without part {fold + 1} of {n_folds}")
        is_held = folds == fold
        counts = (~is_held).astype(np.float64)
        criterion = _train(mixed, study.is_positive, counts)
        weights = fit_weights(study, criterion, counts).weights
        by_fold.append(weights)
        of_mean[is_held] = criterion.logit(plain[is_held])
        of_weighted[is_held] = criterion.logit(study.features(weights).values[is_held])
    mean_auc, weighted_auc, gain = compare_aucs(of_mean, of_weighted, study.is_positive, folds)
    return LearnedWeights(
        folds=folds,
        by_fold=np.array(by_fold),
        mean_auc=mean_auc,
        weighted_auc=weighted_auc,
        gain=gain,
    )


def draw_weights(
    study: MaskStudy,
    start: NDArray[np.float64],
    *,
    n_draws: int = 100,
    seed: int = 0,
    progress: Callable[[float, str], None],
) -> NDArray[np.float64]:
    """Return weights learned from cases drawn with replacement, ``(draw, rater, label)``.

    The criterion is trained anew on each draw too. ``start`` is the weights of all cases.
    """
    n_cases = len(study.is_positive)
    mixed = _mixed_features(study)
    random = np.random.default_rng(seed)
    draws = np.empty((n_draws, *start.shape))
    for number in range(n_draws):
        progress(number / n_draws, f"drawing cases anew, {number + 1} of {n_draws}")
        counts = random.multinomial(n_cases, np.full(n_cases, 1 / n_cases)).astype(np.float64)
        if not (counts @ study.is_positive) or not (counts @ ~study.is_positive):
            draws[number] = start  # one diagnosis alone says nothing of anybody
            continue
        criterion = _train(mixed, study.is_positive, counts)
        draws[number] = fit_weights(study, criterion, counts, start, _ROUGH).weights
    return draws

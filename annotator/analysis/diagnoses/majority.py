"""Majority of the answers: each rater counts alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.diagnoses.answers import MISSING, check_answers, one_hot, vote_share

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Majority:
    """The share of raters for each class, ``(item, class)``, as its probability.

    ``skill`` is the mean share of the raters that gave a rater's answer, ``(rater,)``; a rater
    without answers has that of a coin with as many sides as there are classes.
    """

    posterior: NDArray[np.float64]
    skill: NDArray[np.float64]
    trace: NDArray[np.float64]
    has_converged: bool = True


def majority(answers: NDArray[np.integer], n_classes: int) -> Majority:
    """Count the answers ``(item, rater)``."""
    table = check_answers(answers, n_classes)
    posterior = vote_share(table, n_classes)
    n_answers = (table != MISSING).sum(axis=0)
    agreed = np.einsum("irk,ik->r", one_hot(table, n_classes), posterior)
    skill = np.where(n_answers > 0, agreed / np.maximum(n_answers, 1), 1.0 / n_classes)
    return Majority(posterior=posterior, skill=skill, trace=np.zeros(0))

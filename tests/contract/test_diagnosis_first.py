"""Diagnosis-first fusion keeps what every method keeps, here with raters who weigh alike.

It has a file of its own because it cannot learn from the one case that it is tried on.
"""

from __future__ import annotations

import json
from string import ascii_lowercase
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.api import FusedPatterns, no_progress
from annotator.domain.errors import AnnotatorError
from annotator_builtins.diagnosis_first import DiagnosisFirst
from tests.contract.fusion_contract import EvenHanded, case_of_votes, make_votes

if TYPE_CHECKING:
    from pydantic import BaseModel

    from annotator.api import VotePatterns

pytestmark = pytest.mark.contract

_LABELS = list(range(1, 10))
_WEIGHTS = np.full((26, 9), 1 / 26)
ALIKE = json.dumps(
    {
        "raters": list(ascii_lowercase),
        "labels": _LABELS,
        "folds": [],
        "weights": _WEIGHTS.tolist(),
        "draws": np.stack([_WEIGHTS] * 2).tolist(),
    }
).encode()


class TestDiagnosisFirst(EvenHanded):
    def method(self) -> DiagnosisFirst:
        return DiagnosisFirst()

    def run(self, votes: VotePatterns, parameters: BaseModel) -> FusedPatterns:
        return self.method().fuse_learned(case_of_votes(votes), ALIKE, parameters, no_progress)

    def test_nothing_to_learn_from_is_refused(self) -> None:
        rows = np.array([[0, 0], [1, 0], [1, 1]])
        case = case_of_votes(make_votes(rows, np.array([20, 30, 30])))
        for cases in ([], [case]):
            with pytest.raises(AnnotatorError, match=r"^diagnosis-first .*there are none"):
                self.method().learn(cases, self.usual(), no_progress)

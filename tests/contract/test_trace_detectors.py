from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from annotator_recipes.trace_detector import TraceCommittee, TraceCommitteeParameters
from tests.contract.trace_detector_contract import TraceDetectorContract

if TYPE_CHECKING:
    from pydantic import BaseModel

    from annotator.api.tracing import TraceDetector

pytestmark = pytest.mark.contract


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
class TestTraceCommittee(TraceDetectorContract):
    def detector(self) -> TraceDetector:
        return TraceCommittee()

    def quick(self) -> BaseModel:
        return TraceCommitteeParameters(members=2, rounds=2, width=16)

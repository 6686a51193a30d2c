"""Every contour detector that comes with the program keeps the contract."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from annotator_recipes.contour_recipe import ContourNetDetector, ContourParameters
from tests.contract.contour_detector_contract import TOLERANCE_MM, ContourDetectorContract

if TYPE_CHECKING:
    from pydantic import BaseModel

    from annotator.api import ContourDetector

pytestmark = pytest.mark.contract


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
class TestContourPatches(ContourDetectorContract):
    def detector(self) -> ContourDetector:
        return ContourNetDetector()

    def quick(self) -> BaseModel:
        return ContourParameters(tolerance_mm=TOLERANCE_MM, rounds=6)

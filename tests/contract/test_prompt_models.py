from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from annotator_builtins.region_prompt import RegionPrompt
from tests.contract.prompt_contract import PromptModelContract

if TYPE_CHECKING:
    from annotator.api import PromptModel

pytestmark = pytest.mark.contract


class TestEdgesInAVolume(PromptModelContract):
    least_dice = 0.9

    def model(self) -> PromptModel:
        return RegionPrompt(is_3d=True)


class TestEdgesOnASlice(PromptModelContract):
    least_dice = 0.9

    def model(self) -> PromptModel:
        return RegionPrompt(is_3d=False)

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from annotator_builtins.registration import RegistrationParameters, RegistrationPropagator
from annotator_recipes.atlas_flow import AtlasFlowParameters, AtlasFlowPropagator
from tests.contract.propagator_contract import PropagatorContract

if TYPE_CHECKING:
    from pydantic import BaseModel

    from annotator.api import Propagator

pytestmark = pytest.mark.contract


class TestRegistration(PropagatorContract):
    def propagator(self) -> Propagator:
        return RegistrationPropagator()

    def quick(self) -> BaseModel:
        return RegistrationParameters(rounds=25)


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
class TestLabelTransfer(PropagatorContract):
    def propagator(self) -> Propagator:
        return AtlasFlowPropagator()

    def quick(self) -> BaseModel:
        return AtlasFlowParameters(rounds=20, size=20, width=4, learning_rate=1e-2, cycle=0.3)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from annotator_builtins.registration import RegistrationParameters, RegistrationPropagator
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

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator_builtins.body_model import BodyModel
from annotator_builtins.lung_model import LungModel
from annotator_builtins.vessel_model import VesselModel
from tests.contract.model_contract import ModelContract
from tests.phantoms import chest, ct_series, fundus, fundus_series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Model
    from annotator.domain.study import Series

pytestmark = pytest.mark.contract


def _small_chest() -> tuple[NDArray[np.int16], Series]:
    voxels, geometry, _, _ = chest((12, 64, 64), spacing_mm=6.0)
    return voxels, ct_series(geometry)


class TestLungModel(ModelContract):
    def model(self) -> Model:
        return LungModel()

    def fitting(self) -> tuple[NDArray[Any], Series]:
        return _small_chest()

    def unfitting(self) -> Series:
        return fundus_series((8, 8))


class TestBodyModel(ModelContract):
    def model(self) -> Model:
        return BodyModel()

    def fitting(self) -> tuple[NDArray[Any], Series]:
        return _small_chest()

    def unfitting(self) -> Series:
        return fundus_series((8, 8))


class TestVesselModel(ModelContract):
    def model(self) -> Model:
        return VesselModel()

    def fitting(self) -> tuple[NDArray[Any], Series]:
        picture, _ = fundus(200)
        return picture[np.newaxis], fundus_series((200, 200))

    def unfitting(self) -> Series:
        return _small_chest()[1]

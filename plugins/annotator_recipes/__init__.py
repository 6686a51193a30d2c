"""Methods that train networks on the readings of a project, through the door that everyone uses.

Importing this package imports nothing heavy: each entry is loaded when it is first called, and
torch when something is first trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.api import Plugin

if TYPE_CHECKING:
    from annotator.api import (
        ContourDetector,
        LearnedFusionMethod,
        Propagator,
        TraceDetector,
        Trainer,
    )


def _self_calibrated_fusion() -> LearnedFusionMethod:
    from annotator_recipes.self_calibration import SelfCalibratedFusion

    return SelfCalibratedFusion()


def _self_calibrated() -> Trainer:
    from annotator_recipes.self_calibration import SelfCalibratedTrainer

    return SelfCalibratedTrainer()


def _trust_vector() -> Trainer:
    from annotator_recipes.trust_vector import TrustVectorTrainer

    return TrustVectorTrainer()


def _difficulty() -> Trainer:
    from annotator_recipes.difficulty import DifficultyTrainer

    return DifficultyTrainer()


def _diagnosis_map() -> LearnedFusionMethod:
    from annotator_recipes.diagnosis_map import DiagnosisMap

    return DiagnosisMap()


def _diagnosis_image() -> LearnedFusionMethod:
    from annotator_recipes.diagnosis_image import DiagnosisImage

    return DiagnosisImage()


def _take_and_give() -> Trainer:
    from annotator_recipes.take_and_give import TakeAndGiveTrainer

    return TakeAndGiveTrainer()


def _unet() -> Trainer:
    from annotator_recipes.unet import UNetTrainer

    return UNetTrainer()


def _softened() -> Trainer:
    from annotator_recipes.label_trainers import SoftenedTrainer

    return SoftenedTrainer()


def _cross_denoising() -> Trainer:
    from annotator_recipes.label_trainers import CrossDenoisingTrainer

    return CrossDenoisingTrainer()


def _correlated() -> Trainer:
    from annotator_recipes.label_trainers import CorrelatedTrainer

    return CorrelatedTrainer()


def _mixed_supervision() -> Trainer:
    from annotator_recipes.label_trainers import MixedSupervisionTrainer

    return MixedSupervisionTrainer()


def _distractor_aware() -> Trainer:
    from annotator_recipes.label_trainers import DistractorTrainer

    return DistractorTrainer()


def _crisp_edges() -> Trainer:
    from annotator_recipes.outline_trainers import CrispEdgesTrainer

    return CrispEdgesTrainer()


def _paired_slices() -> Trainer:
    from annotator_recipes.outline_trainers import PairedSlicesTrainer

    return PairedSlicesTrainer()


def _crossover() -> Trainer:
    from annotator_recipes.outline_trainers import CrossoverTrainer

    return CrossoverTrainer()


def _label_transfer() -> Propagator:
    from annotator_recipes.atlas_flow import AtlasFlowPropagator

    return AtlasFlowPropagator()


def _contour_patches() -> ContourDetector:
    from annotator_recipes.contour_recipe import ContourNetDetector

    return ContourNetDetector()


def _trace_committee() -> TraceDetector:
    from annotator_recipes.trace_detector import TraceCommittee

    return TraceCommittee()


plugin = Plugin(
    name="annotator_recipes",
    fusion_methods=(_self_calibrated_fusion, _diagnosis_map, _diagnosis_image),
    trainers=(
        _unet,
        _self_calibrated,
        _trust_vector,
        _difficulty,
        _take_and_give,
        _softened,
        _cross_denoising,
        _correlated,
        _mixed_supervision,
        _distractor_aware,
        _crisp_edges,
        _paired_slices,
        _crossover,
    ),
    propagators=(_label_transfer,),
    trace_detectors=(_trace_committee,),
    contour_detectors=(_contour_patches,),
)

"""Our own readers, writers, fusion methods and models, through the door that everyone uses.

Importing this package imports nothing heavy: each entry is loaded when it is first called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.api import Plugin

if TYPE_CHECKING:
    from annotator.api import (
        FusionMethod,
        LearnedFusionMethod,
        MaskWriter,
        Model,
        PromptModel,
        Propagator,
        SpatialFusionMethod,
        StudyReader,
    )


def _dicom_reader() -> StudyReader:
    from annotator_builtins.dicom_reader import DicomReader

    return DicomReader()


def _volume_reader() -> StudyReader:
    from annotator_builtins.volume_reader import VolumeReader

    return VolumeReader()


def _picture_reader() -> StudyReader:
    from annotator_builtins.picture_reader import PictureReader

    return PictureReader()


def _slide_reader() -> StudyReader:
    from annotator_builtins.slide_reader import SlideReader

    return SlideReader()


def _majority() -> FusionMethod:
    from annotator_builtins.majority import MajorityVote

    return MajorityVote()


def _soft_vote() -> FusionMethod:
    from annotator_builtins.soft_vote import SoftVote

    return SoftVote()


def _staple() -> FusionMethod:
    from annotator_builtins.staple import Staple

    return Staple()


def _weighted_vote() -> FusionMethod:
    from annotator_builtins.weighted_vote import WeightedVote

    return WeightedVote()


def _simple() -> FusionMethod:
    from annotator_builtins.simple import Simple

    return Simple()


def _collate() -> FusionMethod:
    from annotator_builtins.collate import Collate

    return Collate()


def _pooled_staple() -> LearnedFusionMethod:
    from annotator_builtins.pooled_staple import PooledStaple

    return PooledStaple()


def _spatial_staple() -> SpatialFusionMethod:
    from annotator_builtins.spatial_staple import SpatialStaple

    return SpatialStaple()


def _diagnosis_first() -> LearnedFusionMethod:
    from annotator_builtins.diagnosis_first import DiagnosisFirst

    return DiagnosisFirst()


def _vessels() -> Model:
    from annotator_builtins.vessel_model import VesselModel

    return VesselModel()


def _lungs() -> Model:
    from annotator_builtins.lung_model import LungModel

    return LungModel()


def _body() -> Model:
    from annotator_builtins.body_model import BodyModel

    return BodyModel()


def _registration() -> Propagator:
    from annotator_builtins.registration import RegistrationPropagator

    return RegistrationPropagator()


def _edges() -> PromptModel:
    from annotator_builtins.region_prompt import RegionPrompt

    return RegionPrompt(is_3d=True)


def _edges_slice() -> PromptModel:
    from annotator_builtins.region_prompt import RegionPrompt

    return RegionPrompt(is_3d=False)


def _nifti() -> MaskWriter:
    from annotator_builtins.nifti_writer import NiftiWriter

    return NiftiWriter()


def _dicom_seg() -> MaskWriter:
    from annotator_builtins.dicom_seg_writer import DicomSegWriter

    return DicomSegWriter()


def _ome_tiff() -> MaskWriter:
    from annotator_builtins.ome_tiff_writer import OmeTiffWriter

    return OmeTiffWriter()


plugin = Plugin(
    name="annotator_builtins",
    readers=(_slide_reader, _dicom_reader, _volume_reader, _picture_reader),
    fusion_methods=(
        _majority,
        _soft_vote,
        _weighted_vote,
        _staple,
        _spatial_staple,
        _pooled_staple,
        _simple,
        _collate,
        _diagnosis_first,
    ),
    models=(_vessels, _lungs, _body),
    propagators=(_registration,),
    prompt_models=(_edges, _edges_slice),
    mask_writers=(_nifti, _dicom_seg, _ome_tiff),
)

"""Diagnosis-first ground truth as published: one map for each image (torch when learning)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from annotator_recipes.diagnosis_question import DiagnosisParameters
from annotator_recipes.torch_door import require_torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api import CaseVotes, FusedVoxels, Learned, Progress


class DiagnosisImageParameters(DiagnosisParameters):
    """What may be set for the map of one image; steps, rate and sizes are the paper's."""

    n_steps: int = Field(default=120, ge=0, le=10_000, description="steps of Adam for each image")
    learning_rate: float = Field(default=5e-3, gt=0.0, le=1.0)
    n_hidden: int = Field(default=24, ge=1, le=512, description="width of the coordinate network")
    n_layers: int = Field(default=8, ge=2, le=32, description="layers of the coordinate network")


class DiagnosisImage:
    """The mean of the readings, weighed so that a case looks most like its own diagnosis.

    A target for training a model (Wu et al., *Opinions Vary? Diagnosis First!*, MICCAI 2022, arXiv
    2202.06505). The case's own diagnosis goes into its mask: whatever is told from that mask again
    is too good to be true, so it is never a reference.
    """

    name = "diagnosis-first-image"
    title = "Diagnosis first: per image (training target only)"
    version = "1"
    parameters: type[BaseModel] = DiagnosisImageParameters
    needs_image = True

    def learn(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        """Learn to tell the diagnosis; raises AnnotatorError where the cases do not do."""
        require_torch(self.title)
        from annotator_recipes.diagnosis_image_learning import learn_judges

        settings = DiagnosisImageParameters.model_validate(parameters.model_dump())
        return learn_judges(cases, settings, self.title, progress)

    def fuse_learned(
        self, case: CaseVotes, learned: bytes, parameters: BaseModel, progress: Progress
    ) -> FusedVoxels:
        """Fuse one case by its own diagnosis; raises AnnotatorError where it has none."""
        require_torch(self.title)
        from annotator_recipes.diagnosis_image_learning import fuse_by_image

        settings = DiagnosisImageParameters.model_validate(parameters.model_dump())
        return fuse_by_image(case, learned, settings, progress)

"""Fusion that serves the diagnosis, with a map of where to believe whom (torch when learning)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from annotator_recipes.diagnosis_question import DiagnosisParameters
from annotator_recipes.torch_door import require_torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api import CaseVotes, FusedVoxels, Learned, Progress


class DiagnosisMapParameters(DiagnosisParameters):
    """What may be set for the diagnosis-first map."""

    n_epochs: int = Field(
        default=30, ge=0, le=1000, description="passes over the cases, at most; 0 for one trust "
        "for each rater, the same everywhere"
    )  # fmt: skip
    patience: int = Field(
        default=6, ge=1, le=1000, description="passes without a gain on watched cases, then stop"
    )
    learning_rate: float = Field(default=3e-3, gt=0.0, le=1.0)
    smoothness: float = Field(
        default=0.5, ge=0.0, le=100.0, description="cost of weights that change from place to place"
    )
    restraint: float = Field(
        default=3.0, ge=0.0, le=1000.0,
        description="cost of departing from one trust for each rater, the same everywhere",
    )  # fmt: skip


class DiagnosisMap:
    """The mean of the readings, weighed place by place so that it tells the diagnosis best.

    The idea is that of diagnosis-first segmentation (Wu et al., MICCAI 2022, arXiv 2202.06505; IEEE
    TMI 2024, arXiv 2208.03016), made safe to judge by: there one map is fitted to each image by
    that image's own diagnosis; here one network is trained on all cases, and what is said of a case
    was learned from other cases. It needs no diagnosis of a case to fuse it.
    """

    name = "diagnosis-first-map"
    title = "Diagnosis first: map"
    version = "1"
    parameters: type[BaseModel] = DiagnosisMapParameters
    needs_image = True

    def learn(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        """Learn whom to believe where; raises AnnotatorError where the cases do not tell."""
        require_torch(self.title)
        from annotator_recipes.diagnosis_map_learning import learn_maps

        settings = DiagnosisMapParameters.model_validate(parameters.model_dump())
        return learn_maps(cases, settings, self.title, progress)

    def fuse_learned(
        self, case: CaseVotes, learned: bytes, parameters: BaseModel, progress: Progress
    ) -> FusedVoxels:
        """Fuse one case by what was learned without it."""
        del parameters
        require_torch(self.title)
        from annotator_recipes.diagnosis_map_learning import fuse_by_map

        return fuse_by_map(case, learned, progress)

"""Carries a drawing to other images by a network that learns to match them, there and back.

After *LT-Net: Label Transfer by Learning Reversible Voxel-wise Correspondence for One-shot Medical
Image Segmentation* (Wang et al., CVPR 2020): one finished case, no other labels. The network learns
from the images that the case is carried to. Its adversarial loss is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from annotator.analysis.propagation import why_unlike
from annotator.domain.errors import AnnotatorError
from annotator_recipes.torch_door import require_torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from annotator.api import Carrier, PlacedImage, Progress
    from annotator.domain.study import Series


class AtlasFlowParameters(BaseModel):
    """How the network learns."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rounds: int = Field(default=400, ge=1, le=100_000, description="steps of learning")
    size: int = Field(
        default=0, ge=0, le=512, description="working voxels along the longest side; 0: 128, or 48"
    )
    width: int = Field(default=8, ge=4, le=64, description="features of the finest level")
    smoothness: float = Field(
        default=0.3, ge=0, le=1000, description="how much bending costs against likeness"
    )
    cycle: float = Field(
        default=1.0, ge=0, le=1000, description="how much it costs not to come back, 0: nothing"
    )
    learning_rate: float = Field(default=2e-3, gt=0, le=0.1, description="step of Adam")
    seed: int = Field(default=0, ge=0, lt=2**31, description="the same seed, the same network")


class AtlasFlowPropagator:
    """Propagation by a network that learns the way between images."""

    name = "label-transfer"
    title = "Label transfer"
    version = "1"
    parameters: type[BaseModel] = AtlasFlowParameters

    def refuses(self, source: Series, target: Series) -> str | None:
        """Say why one series cannot be matched with another, or None where it can."""
        return why_unlike(source, target)

    def take_in(
        self,
        source: PlacedImage,
        mask: NDArray[np.unsignedinteger],
        targets: Sequence[Callable[[], PlacedImage]],
        parameters: BaseModel,
        progress: Progress,
    ) -> Carrier:
        """Take in the finished case, and learn the way to the targets."""
        require_torch(self.title)
        from annotator_recipes.atlas_flow_learning import learn_flow

        if not isinstance(parameters, AtlasFlowParameters):
            raise TypeError(f"parameters are {type(parameters).__name__}")
        if not mask.any():
            raise AnnotatorError("nothing is drawn on the finished case")
        return learn_flow(source, mask, [read() for read in targets], parameters, progress)

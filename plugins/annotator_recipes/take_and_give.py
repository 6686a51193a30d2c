"""A segmentation network for what serves the diagnosis (torch when training and reading)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, field_validator

from annotator_recipes.reading_slices import NetworkParameters
from annotator_recipes.torch_door import require_torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Learned, Prediction, Progress

_SIZES = (32, 64, 128, 256, 512)


class TakeAndGiveParameters(NetworkParameters):
    """What may be set for Take-and-Give."""

    levels: int = Field(default=4, ge=2, le=5, description="levels of the network, halved in size")
    width: int = Field(
        default=16, ge=8, le=64, multiple_of=8, description="features of the finest level"
    )
    window: int = Field(
        default=8, ge=2, le=16, description="side of the windows of attention: 2, 4, 8 or 16"
    )
    question: str | None = Field(
        default=None,
        description="key of the question that is the diagnosis; the only one that is answered by "
        "yes and no where none is given",
    )
    positive: tuple[str, ...] = Field(
        default=(),
        description="answers that count as positive, with commas between; those that mean yes "
        "where none is given",
    )
    diagnosis_epochs: int = Field(
        default=10, ge=0, le=1000, description="rounds that teach the diagnosis beforehand"
    )
    diagnosis_share: float = Field(
        default=0.1, ge=0.0, le=10.0, description="how much telling the diagnosis counts later"
    )

    @field_validator("positive", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("size")
    @classmethod
    def _power(cls, value: int) -> int:
        if value not in _SIZES:
            raise ValueError(f"one of {', '.join(map(str, _SIZES))} is needed")
        return value

    @field_validator("window")
    @classmethod
    def _even(cls, value: int) -> int:
        if value & (value - 1):
            raise ValueError("one of 2, 4, 8, 16 is needed")
        return value


class TakeAndGiveTrainer:
    """Trains a network that reads an image for its structures and for its diagnosis together.

    It aims at a fusion, best one that serves the diagnosis, and needs to be told which. Each label
    has a channel of its own (a sigmoid); background is what they leave, and where they claim more
    than all of a pixel they share it.
    """

    name = "take-and-give"
    title = "Take-and-Give"
    version = "1"
    parameters: type[BaseModel] = TakeAndGiveParameters
    takes_trust = False
    needs_target = True
    draws = True

    def train(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        """Train on all cases; raises AnnotatorError where they do not do."""
        require_torch(self.title)
        from annotator_recipes.take_and_give_training import train_take_and_give

        settings = TakeAndGiveParameters.model_validate(parameters.model_dump())
        return train_take_and_give(cases, settings, self.title, progress)

    def predict(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        *,
        trust: Mapping[str, float] | None,
        progress: Progress,
    ) -> Prediction:
        """Read an image, slice by slice; it cannot be told whom to trust."""
        del trust
        require_torch(self.title)
        from annotator_recipes.take_and_give_training import predict_take_and_give

        return predict_take_and_give(learned, image, spacing_mm, progress)

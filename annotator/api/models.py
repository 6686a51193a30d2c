"""The door of models: images become a first reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api.progress import Progress
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a person should know before trusting a model."""

    title: str
    what_it_draws: str
    works_on: str
    limits: str
    licence: str


class Model(Protocol):
    """Draws a first reading. Runs in a process of its own, never in the window's."""

    name: str
    version: str
    card: ModelCard
    parameters: type[BaseModel]

    def refuses(self, series: Series, schema: LabelSchema) -> str | None:
        """Say why the model does not fit this series or schema, or None where it fits."""
        ...

    def predict(
        self,
        voxels: NDArray[Any],
        series: Series,
        schema: LabelSchema,
        parameters: BaseModel,
        progress: Progress,
    ) -> NDArray[np.unsignedinteger]:
        """Return a mask ``(z, y, x)`` on the grid of the series, with values of the schema.

        ``voxels`` are stored values; must not be written to.
        """
        ...

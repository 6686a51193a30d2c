"""The door of prompt models: clicks, boxes, scribbles and lassos become a mask at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annotator.api.models import ModelCard
    from annotator.api.progress import Progress
    from annotator.domain.reading import Box
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series

Voxel = tuple[int, int, int]
PromptKind = Literal["click", "box", "scribble", "lasso"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One hint of a person.

    Attributes
    ----------
    kind : str
        ``click``: one voxel; ``box``: its two opposite corners, both inside; ``scribble``: voxels
        along a line; ``lasso``: corners of an outline on one slice.
    is_positive : bool
        Whether it shows what is meant, or what is not.
    voxels : tuple of (int, int, int)
        ``(z, y, x)`` in the grid of the series.
    plane : int
        Axis across the slice that it was made on: 0, 1 or 2.
    """

    kind: PromptKind
    is_positive: bool
    voxels: tuple[Voxel, ...]
    plane: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PromptAnswer:
    """What a prompt model draws.

    ``mask`` is bool ``(z, y, x)`` over ``box``, half-open; nothing outside it is meant.
    """

    box: Box
    mask: NDArray[np.bool_]


class PromptedImage(Protocol):
    """A prompt model that has taken in an image. Used by one thread at a time."""

    def answer(self, prompts: tuple[Prompt, ...]) -> PromptAnswer:
        """Draw what all the prompts so far mean; raises AnnotatorError where they say too little.

        The same prompts give the same answer.
        """
        ...


class PromptModel(Protocol):
    """Draws what a person points at. Runs in a process of its own, never in the window's."""

    name: str
    version: str
    card: ModelCard
    kinds: frozenset[PromptKind]
    """Prompts that it understands."""
    is_3d: bool
    """Whether it draws through slices; otherwise on the slice of the prompts alone."""

    def refuses(self, series: Series, schema: LabelSchema) -> str | None:
        """Say why it does not fit this series, or None where it does."""
        ...

    def take_in(
        self,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        progress: Progress,
    ) -> PromptedImage:
        """Take in modality values ``(z, y, x)`` or ``(z, y, x, channel)``; must not write to them.

        What takes long for each slice (an encoder) is done on first need and kept.
        """
        ...

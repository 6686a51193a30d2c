"""The door of trace detectors: every traced point is judged right or wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TracedImage:
    """A volume that was traced: ``voxels`` ``(z, y, x)``, ``spacing_um`` along ``(z, y, x)``.

    A maximum projection has one slice; nothing is then known across it.
    """

    voxels: NDArray[np.generic]
    spacing_um: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TracedNeuron:
    """A tracing and the image around it, as detectors see it.

    Attributes
    ----------
    name : str
        Which neuron it is; several tracings of one share it, and never stand on both sides of a
        split.
    points, radii : ndarray
        ``(node, 3)`` x, y, z and ``(node,)``, float64, µm in the image frame.
    parents : ndarray
        Row of each node's parent, ``(node,)`` int64, -1 for a root.
    image : TracedImage or None
        None where the tracing alone is judged.
    """

    name: str
    points: NDArray[np.float64]
    radii: NDArray[np.float64]
    parents: NDArray[np.int64]
    image: TracedImage | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TraceLesson:
    """A tracing of which is known where it is wrong: ``is_wrong`` is ``(node,)`` bool."""

    traced: TracedNeuron
    is_wrong: NDArray[np.bool_]


class TraceDetector(Protocol):
    """Learns from tracings with known errors where others are wrong. Runs in its own process."""

    name: str
    title: str
    version: str
    parameters: type[BaseModel]

    def learn(
        self,
        lessons: Sequence[TraceLesson],
        parameters: BaseModel,
        *,
        seed: int,
        progress: Progress,
    ) -> bytes:
        """Return what was learned; the same lessons and seed give the same bytes.

        Raises AnnotatorError, with the reason, where there is too little to learn from.
        """
        ...

    def judge(
        self, learned: bytes, traced: TracedNeuron, progress: Progress
    ) -> NDArray[np.float32]:
        """Return how likely the tracing is wrong at each node, ``(node,)``, 0 to 1.

        Raises IntegrityError where the bytes are not what `learn` returned.
        """
        ...

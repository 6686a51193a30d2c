"""The door of propagators: one finished case is drawn on others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api.progress import Progress
    from annotator.domain.geometry import Geometry
    from annotator.domain.study import Series


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlacedImage:
    """An image and where it lies: modality values ``(z, y, x)`` or ``(z, y, x, channel)`` float32.

    Must not be written to.
    """

    image: NDArray[np.float32]
    geometry: Geometry


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Propagated:
    """A drawing as it was carried to another image, on the grid of that image.

    Attributes
    ----------
    mask : ndarray
        ``(z, y, x)`` with the label values of the drawing it came from.
    error_mm : ndarray
        How far a voxel ends from where it began when it is carried to the finished case and back,
        ``(z, y, x)`` float32: large where the images were not matched.
    folded : float
        Share of the voxels where the way there folds over itself (its Jacobian is not positive).
    """

    mask: NDArray[np.unsignedinteger]
    error_mm: NDArray[np.float32]
    folded: float


class Carrier(Protocol):
    """A finished case, ready to be carried to others. Used by one thread at a time."""

    def carry(self, target: PlacedImage, progress: Progress) -> Propagated:
        """Draw on another image what is drawn on the finished case; the same image, the same mask.

        Raises AnnotatorError, with the reason, where it cannot.
        """
        ...


@runtime_checkable
class Aligner(Protocol):
    """A propagator that can also lay one volume on another as a whole, without bending it."""

    def align(
        self, fixed: PlacedImage, moving: PlacedImage, progress: Progress
    ) -> NDArray[np.float64]:
        """Return the rigid 4 x 4 matrix from places of ``fixed`` to those of ``moving``, LPS mm.

        Raises AnnotatorError, with the reason, where they cannot be matched.
        """
        ...


class Propagator(Protocol):
    """Draws on other cases what is drawn on one. Runs in a process of its own."""

    name: str
    title: str
    version: str
    parameters: type[BaseModel]

    def refuses(self, source: Series, target: Series) -> str | None:
        """Say why one series cannot be carried to another, or None where it can."""
        ...

    def take_in(
        self,
        source: PlacedImage,
        mask: NDArray[np.unsignedinteger],
        targets: Sequence[Callable[[], PlacedImage]],
        parameters: BaseModel,
        progress: Progress,
    ) -> Carrier:
        """Take in the finished case and its drawing ``(z, y, x)``.

        ``targets`` are the images that it will be carried to, read at each call, for propagators
        that learn from them first.
        """
        ...

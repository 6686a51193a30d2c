"""What is asked of an image that was traced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ImageLike(Protocol):
    """A volume that was traced, as `annotator.api.tracing.TracedImage` is one.

    One slice is a maximum projection: nothing is then known across it.
    """

    @property
    def voxels(self) -> NDArray[np.generic]:
        """``(z, y, x)``."""
        ...

    @property
    def spacing_um(self) -> tuple[float, float, float]:
        """Along ``(z, y, x)``."""
        ...

"""Carries a drawing to other images by matching the images, there and back. Learns nothing.

Affine by mutual information (Mattes et al. 2003), then diffeomorphic demons (Vercauteren et al.
2009), both from coarse to fine, as SimpleITK has them. The way back is matched on its own, so that
where the two ways disagree tells where neither can be relied on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from annotator.analysis.propagation import why_unlike
from annotator.api import Propagated
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from annotator.api import Carrier, PlacedImage, Progress
    from annotator.domain.study import Series


class RegistrationParameters(BaseModel):
    """How images are matched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    smoothness: float = Field(
        default=1.0,
        gt=0,
        le=10,
        description="how stiff the way between images is: standard deviation in working voxels",
    )
    rounds: int = Field(
        default=40, ge=1, le=1000, description="rounds of matching at each of three sizes"
    )


class RegistrationPropagator:
    """Propagation by registration."""

    name = "registration"
    title = "Registration"
    version = "1"
    parameters: type[BaseModel] = RegistrationParameters

    def refuses(self, source: Series, target: Series) -> str | None:
        """Say why one series cannot be matched with another, or None where it can."""
        return why_unlike(source, target)

    def align(
        self, fixed: PlacedImage, moving: PlacedImage, progress: Progress
    ) -> NDArray[np.float64]:
        """Return the rigid 4 x 4 matrix from places of ``fixed`` to those of ``moving``, LPS mm."""
        from annotator_builtins.registration_rigid import lay_on

        return lay_on(fixed, moving, progress)

    def take_in(
        self,
        source: PlacedImage,
        mask: NDArray[np.unsignedinteger],
        targets: Sequence[Callable[[], PlacedImage]],
        parameters: BaseModel,
        progress: Progress,
    ) -> Carrier:
        """Take in the finished case and its drawing; the targets are not looked at."""
        if not isinstance(parameters, RegistrationParameters):
            raise TypeError(f"parameters are {type(parameters).__name__}")
        progress(0.0, "taking the finished case in")
        if not mask.any():
            raise AnnotatorError("nothing is drawn on the finished case")
        carrier = RegistrationCarrier(source, mask, parameters)
        progress(1.0, "took the finished case in")
        return carrier


class RegistrationCarrier:
    """A finished case that is matched with one image after the other."""

    def __init__(
        self,
        source: PlacedImage,
        mask: NDArray[np.unsignedinteger],
        parameters: RegistrationParameters,
    ) -> None:
        self._source = source
        self._mask = mask
        self._parameters = parameters

    def carry(self, target: PlacedImage, progress: Progress) -> Propagated:
        """Match there and back, and take the drawing along."""
        from annotator_builtins.registration_images import Pair
        from annotator_builtins.registration_steps import match

        progress(0.0, "preparing the images")
        pair = Pair.of(self._source, target)
        smoothness, rounds = self._parameters.smoothness, self._parameters.rounds

        def there(fraction: float, message: str) -> None:
            progress(0.02 + 0.44 * fraction, message)

        def back(fraction: float, message: str) -> None:
            progress(0.46 + 0.44 * fraction, f"{message}, the other way")

        forward = match(pair.target, pair.source, there, smoothness=smoothness, rounds=rounds)
        backward = match(pair.source, pair.target, back, smoothness=smoothness, rounds=rounds)
        progress(0.9, "carrying the drawing")
        carried = Propagated(
            mask=pair.carried(self._mask, forward),
            error_mm=pair.error_mm(forward, backward),
            folded=pair.folded(forward),
        )
        progress(1.0, "carried")
        return carried

"""In what unit marks on a series are measured, and where they lie in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from annotator.domain.geometry import Geometry
    from annotator.domain.marks import Place
    from annotator.domain.study import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkScale:
    """The scale of marks on a series.

    Attributes
    ----------
    unit : str
        ``mm``; ``px`` in a picture without a scale, and in a video, whose frames lie apart in time.
    spacing : tuple of float
        Of voxels along ``(z, y, x)``, in that unit.
    """

    unit: Literal["mm", "px"]
    spacing: tuple[float, float, float]
    geometry: Geometry

    def position(self, place: Place) -> tuple[float, float, float]:
        """Return a place as ``(x, y, z)``: in LPS mm, or in pixels along the image's axes."""
        if self.unit == "mm":
            return self.geometry.to_lps_mm(place)
        z, y, x = place
        return x, y, z


def scale_of_marks(series: Series) -> MarkScale:
    """Return the scale of marks on a series."""
    geometry = series.geometry
    if not geometry.is_calibrated or geometry.is_time or series.kind == "video":
        return MarkScale(unit="px", spacing=(1.0, 1.0, 1.0), geometry=geometry)
    return MarkScale(unit="mm", spacing=geometry.spacing_mm, geometry=geometry)

"""The brush: paints a label with a disc or a ball."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from annotator.drawing.capsule import sweep
from annotator.drawing.edit import EditRecorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Edit, Mask, Point


class Brush:
    """One stroke of the brush, from press to release, on a live mask ``(z, y, x)``.

    Parameters
    ----------
    mask : ndarray
        Written to in place.
    spacing_mm : sequence of float
        Voxel spacing along ``(z, y, x)``; the brush is round in millimetres.
    value : int
        Label to paint.
    diameter_mm : float
        Diameter of the disc or ball.
    plane : int
        Array axis that the view looks along, for a disc.
    is_3d : bool
        Paint a ball and not a disc.
    """

    name: ClassVar[str] = "brush"

    def __init__(
        self,
        mask: Mask,
        *,
        spacing_mm: Sequence[float],
        value: int,
        diameter_mm: float,
        plane: int,
        is_3d: bool = False,
    ) -> None:
        self._recorder = EditRecorder(mask)
        self._shape = mask.shape
        self._spacing_mm = tuple(spacing_mm)
        self._value = value
        self._radius_mm = diameter_mm / 2
        self._plane = None if is_3d else plane
        self._at: Point | None = None

    def move(self, to: Point) -> Box | None:
        """Paint from the last position (the first call: at the position) to this one.

        Returns the box written to, or None where nothing lies inside the mask.
        """
        start = self._at or to
        self._at = to
        stamp = sweep(
            start,
            to,
            radius_mm=self._radius_mm,
            spacing_mm=self._spacing_mm,
            plane=self._plane,
            shape=self._shape,
        )
        if stamp is None:
            return None
        return self._recorder.paint(stamp.origin, stamp.inside, self._value)

    def finish(self) -> Edit | None:
        """End the stroke; None where it changed nothing."""
        return self._recorder.finish()

    def cancel(self) -> Box | None:
        """Take the stroke back; returns the box that is as before again."""
        return self._recorder.revert()

"""What can be switched of the views of a canvas, whatever is drawn on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from annotator.gui.cine import Cine
from annotator.gui.view_style import COLORMAPS, ViewStyle

if TYPE_CHECKING:
    from annotator.gui.canvas import Canvas

SLABS_MM = (5.0, 10.0, 20.0, 40.0)


class ViewTools(QObject):
    """Colours, slabs, contours, zooming to a label and playing; the style stays from case to case.

    Emits ``told`` with words for the person.
    """

    told = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.style = ViewStyle()
        self.cine = Cine(self)
        self._canvas: Canvas | None = None
        self._slab_mm = SLABS_MM[1]

    def use(self, canvas: Canvas | None) -> None:
        """Show another canvas in the style that was chosen last; slabs begin thin again."""
        self.cine.stop()
        self._canvas = canvas
        self._set(slab_mm=0.0)

    def turn_contours(self) -> None:
        """Show labels as lines, or filled."""
        self._set(is_contour=not self.style.is_contour)

    def invert(self) -> None:
        """Show bright what was dark."""
        self._set(is_inverted=not self.style.is_inverted)

    def turn_smoothing(self) -> None:
        """Show the image between voxel centres interpolated, or every voxel as a square."""
        self._set(is_smooth=not self.style.is_smooth)

    def next_colormap(self) -> None:
        """Show values in other colours."""
        names = list(COLORMAPS)
        name = names[(names.index(self.style.colormap) + 1) % len(names)]
        self._set(colormap=name)
        self.told.emit(f"Colours: {COLORMAPS[name][0]}.")

    def turn_slab(self) -> None:
        """Project a slab around the slice, or show the slice alone."""
        self._set(slab_mm=0.0 if self.style.slab_mm else self._slab_mm)

    def thicken_slab(self, steps: int) -> None:
        """Make the slab thicker or thinner, and show it."""
        place = SLABS_MM.index(self._slab_mm) + steps
        self._slab_mm = SLABS_MM[min(max(place, 0), len(SLABS_MM) - 1)]
        self._set(slab_mm=self._slab_mm)

    def next_projection(self) -> None:
        """Project the highest values, the lowest, or the mean."""
        order = ("maximum", "minimum", "mean")
        following = order[(order.index(self.style.projection) + 1) % len(order)]
        self._set(projection=following, slab_mm=self._slab_mm)

    def zoom_to_label(self) -> None:
        """Bring the label in hand into view, as large as it fits."""
        if self._canvas is not None and not self._canvas.zoom_to_label():
            self.told.emit("This label is not drawn yet.")

    def show_oblique(self) -> None:
        """Show a slice through the crosshair in any direction, beside the window."""
        canvas = self._canvas
        surface = None if canvas is None else canvas.surface
        if canvas is None or surface is None:
            return
        if surface.image is None or surface.image.ndim != 3 or min(surface.shape) == 1:
            self.told.emit("Oblique slices are cut through volumes of grey levels only.")
            return
        from annotator.gui.oblique_dialog import ObliqueDialog

        dialog = ObliqueDialog(canvas, canvas.window())
        dialog.show()
        dialog.refresh()

    def play(self) -> None:
        """Play through the frames or slices, or stop."""
        if self.cine.is_playing or self._canvas is None:
            self.cine.stop()
        else:
            self.cine.play(self._canvas)

    def change_rate(self, steps: int) -> None:
        """Play faster or slower."""
        self.cine.change_rate(steps)
        self.told.emit(f"{self.cine.rate} frames a second.")

    def _set(self, **changed: Any) -> None:  # noqa: ANN401 - fields of the style
        self.style = replace(self.style, **changed)
        if self._canvas is not None:
            self._canvas.set_style(self.style)

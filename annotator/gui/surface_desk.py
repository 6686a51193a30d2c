"""The 3D view of a canvas and the surfaces in it; nothing is made before it is first shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from annotator.gui.live_surfaces import LiveSurfaces
from annotator.gui.patient_frame import PatientFrame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qtpy.QtWidgets import QWidget

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Mask
    from annotator.drawing.label_layers import LabelLayers
    from annotator.gui.label_colors import Color
    from annotator.gui.planes import Plane
    from annotator.gui.surface_view import SurfaceView


class SurfaceDesk(QObject):
    """Keeps the 3D view to what the slice views show."""

    picked = Signal(object)
    """Voxel ``(z, y, x)`` whose slices are wanted."""
    pressed = Signal()
    outlined = Signal(object)
    """A SpaceOutline: where the scissors are to cut."""
    told = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.view: SurfaceView | None = None
        self.live = LiveSurfaces(self)
        self._mask: Mask | None = None
        self._layers: LabelLayers | None = None
        self._frame: PatientFrame | None = None
        self._colors: Mapping[int, Color] = {}
        self._position = (0, 0, 0)
        self._cuts = False
        self.live.failed.connect(
            lambda error: self.told.emit(f"A surface could not be shown in 3D: {error}")
        )

    @property
    def frame(self) -> PatientFrame | None:
        """How the volume lies in the patient; None where none is shown, or a picture."""
        return self._frame

    def make_view(self, parent: QWidget) -> QWidget:
        """Make the view; once, when it is first wanted."""
        from annotator.gui.surface_view import SurfaceView  # vispy takes a while to import

        view = self.view = SurfaceView(parent)
        self.live.changed.connect(view.show_surface)
        self.live.busy_changed.connect(view.set_busy)
        view.clicked.connect(self.picked)
        view.pressed.connect(self.pressed)
        view.outlined.connect(self.outlined)
        view.overlay.set_drawing(self._cuts)
        view.shown.connect(self.live.set_active)
        self._open(view)
        return view

    def use(
        self,
        mask: Mask,
        planes: Sequence[Plane],
        spacing_mm: Sequence[float],
        layers: LabelLayers | None = None,
    ) -> None:
        """Show the labels of another live mask ``(z, y, x)``; nothing where it is no volume.

        ``layers`` is given where labels of several groups may share a voxel.
        """
        self.clear()
        if len(planes) == 3:
            z, y, x = mask.shape
            self._mask, self._layers = mask, layers
            self._frame = PatientFrame.of(planes, (z, y, x), spacing_mm)
            if self.view is not None:
                self._open(self.view)

    def clear(self) -> None:
        """Let the mask go."""
        self.live.clear()
        self._mask = self._frame = self._layers = None
        if self.view is not None:
            self.view.show_volume(None)

    def touch(self, box: Box | None) -> None:
        """Tell that the mask was written to in a box; None where it is not known where."""
        self.live.touch(box)

    def set_colors(self, colors: Mapping[int, Color]) -> None:
        """Show labels in these colours, others not."""
        self._colors = colors
        if self.view is not None:
            self.view.set_colors(colors)

    def set_position(self, zyx: tuple[int, int, int]) -> None:
        """Show where the crosshair is."""
        self._position = zyx
        if self.view is not None:
            self.view.set_position(zyx)

    def set_cutting(self, on: bool) -> None:
        """Let the left button draw where to cut, instead of turning."""
        self._cuts = on
        if self.view is not None:
            self.view.overlay.set_drawing(on)

    def drop_outline(self) -> bool:
        """Forget what is being drawn around; False where nothing is."""
        return self.view is not None and self.view.overlay.drop_outline()

    def fit(self) -> None:
        """Show the whole volume."""
        if self.view is not None:
            self.view.fit()

    def close(self) -> None:
        """Give the drawing surface back, and end what is being worked out."""
        self.live.close()
        if self.view is not None:
            self.view.close_scene()
            self.view = None

    def _open(self, view: SurfaceView) -> None:
        view.show_volume(self._frame)
        view.set_colors(self._colors)
        view.set_position(self._position)
        if self._mask is not None and self._frame is not None:
            self.live.use(self._mask, self._frame, self._layers)

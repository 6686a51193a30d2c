"""One view: a scene with the pixels of a slice, and the overlay above it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPointF, QTimer, Signal
from qtpy.QtWidgets import QWidget

from annotator.analysis.pyramid import PyramidVoxels
from annotator.gui.overlay import Overlay
from annotator.gui.slide_overview import SlideOverview
from annotator.gui.slide_patch import SlidePatch
from annotator.gui.slide_picture import SlidePicture
from annotator.gui.view_camera import fitted
from annotator.gui.view_style import ViewStyle

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QResizeEvent

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Mask, Point
    from annotator.gui.marks import Marks
    from annotator.gui.planes import Plane
    from annotator.gui.scene import Scene
    from annotator.gui.view_camera import ViewCamera


class SliceView(QWidget):
    """Shows one slice of a volume ``(z, y, x[, channel])`` with its mask, along one plane.

    Mouse positions leave it as continuous array positions ``(z, y, x)``.
    """

    pressed = Signal(object)
    dragged = Signal(object)
    linked = Signal(object)
    hovered = Signal(object)
    double_clicked = Signal(object)
    right_clicked = Signal(object)
    picked = Signal(object)
    boxed = Signal(object)
    """Half-open voxel box of the part of the slice that was dragged over."""
    looked = Signal()
    """Another part of the slice is shown, or in another size."""

    def __init__(self, scene: Scene, plane: Plane, marks: Marks, parent: QWidget) -> None:
        super().__init__(parent)
        self.plane = plane
        self.index = 0
        self.scene = scene
        self._marks = marks
        self._voxels: NDArray[Any] | None = None
        self._mask: Mask | None = None
        self._heat: NDArray[np.float32] | None = None
        self._style = ViewStyle()
        self._slide: SlidePatch | None = None
        self._camera = fitted(plane, (1, 1))
        self._is_fitted = True
        scene.widget.setParent(self)
        self.overlay = self._make_overlay(marks)
        self.overlay.pressed.connect(lambda at: self.pressed.emit(self._point(at)))
        self.overlay.dragged.connect(lambda at: self.dragged.emit(self._point(at)))
        self.overlay.linked.connect(lambda at: self.linked.emit(self._point(at)))
        self.overlay.double_clicked.connect(lambda at: self.double_clicked.emit(self._point(at)))
        self.overlay.right_clicked.connect(lambda at: self.right_clicked.emit(self._point(at)))
        self.overlay.picked.connect(lambda at: self.picked.emit(self._point(at)))
        self.overlay.boxed.connect(lambda a, b: self.boxed.emit(self._box(a, b)))
        self.overlay.hovered.connect(
            lambda at: self.hovered.emit(None if at is None else self._point(at))
        )
        self.overlay.zoomed.connect(self.zoom_by)
        self.overlay.panned.connect(self._pan)
        self._overview = SlideOverview(self)
        self._overview.moved.connect(self._centre)

    @property
    def camera(self) -> ViewCamera:
        """What part of the slice is shown."""
        return self._camera

    @property
    def slide(self) -> SlidePatch | None:
        """What of a slide is shown; None for other pictures."""
        return self._slide

    def show_volume(self, voxels: NDArray[Any] | PyramidVoxels, mask: Mask, plane: Plane) -> None:
        """Show another volume; ``mask`` is the live array."""
        self.plane = self.overlay.plane = plane
        self._mask, self._heat = mask, None
        self.index = self.overlay.index = 0
        self.close_slide()
        if isinstance(voxels, PyramidVoxels):
            self._voxels = None
            self._open_slide(voxels, mask, plane)
            return
        self._voxels = voxels
        self.scene.open(
            plane.cut(voxels, 0),
            plane.cut(mask, 0),
            spacing_mm=plane.spacing_mm,
            is_rgb=voxels.ndim == mask.ndim + 1,
        )
        self.fit()

    def _open_slide(self, voxels: PyramidVoxels, mask: Mask, plane: Plane) -> None:
        picture = voxels if isinstance(voxels, SlidePicture) else SlidePicture(voxels, mask)
        ratio = self.devicePixelRatioF()
        self._slide = SlidePatch(self.scene, picture, plane, ratio, self._outlined, self)
        self._slide.overview_ready.connect(self._overview.show_picture)
        self._overview.use(plane)
        self.overlay.wheel_zooms = True
        self.fit()

    def close_slide(self) -> None:
        """Let a slide go that is shown."""
        if self._slide is not None:
            self._slide.close()
            self._slide.deleteLater()
            self._slide = None
            self._overview.use(None)
        self.overlay.wheel_zooms = False

    def set_index(self, index: int) -> None:
        """Show another slice."""
        if self._slide is not None:
            self._slide.refresh_mask(None)
            self.overlay.show_index(index)
        if self._voxels is None or self._mask is None:
            return
        self.index = index
        self.scene.put_image(self._image(self._voxels))
        self.scene.put_mask(self._labels(self._mask))
        if self._heat is not None:
            self.scene.put_heat(self.plane.cut(self._heat, index))
        self.overlay.show_index(index)

    def set_style(self, style: ViewStyle) -> None:
        """Show image and labels in another way."""
        is_cut_anew = (style.slab_mm, style.projection) != (
            self._style.slab_mm,
            self._style.projection,
        )
        self._style = style
        layers = self._marks.layers
        self.scene.set_style(style if layers is None else replace(style, is_contour=False))
        if self._slide is not None:
            self._slide.refresh_mask(None)
            return
        if layers is not None and self._mask is not None:
            self.scene.put_mask(self._labels(self._mask))
        if is_cut_anew and self._voxels is not None:
            self.scene.put_image(self._image(self._voxels))

    def _image(self, voxels: NDArray[Any]) -> NDArray[Any]:
        return self._style.section(voxels, self.plane, self.index)

    def set_heat(self, heat: NDArray[np.float32] | None) -> None:
        """Show a heat map ``(z, y, x)`` over the image; None takes it away."""
        self._heat = heat
        self.scene.put_heat(None if heat is None else self.plane.cut(heat, self.index))

    def refresh_mask(self, box: Box | None = None) -> None:
        """Show what was written to the mask, in ``box`` or anywhere."""
        if self._mask is None or (box is not None and not self.plane.meets(box, self.index)):
            return
        if self._slide is not None:
            self._slide.refresh_mask(box)
            return
        window = (slice(None), slice(None)) if box is None else self.plane.window(box)
        if self._marks.layers is not None and self._style.is_contour:
            rows, columns = window  # what is beside may be a border now, or none any more
            window = _wider(rows), _wider(columns)
        self.scene.put_mask(self._labels(self._mask), window)

    def _labels(self, mask: Mask) -> NDArray[Any]:
        """Return the slice of the mask, with what is suggested on it."""
        section, suggestion = self.plane.cut(mask, self.index), self._marks.suggestion
        if suggestion is not None:
            section = suggestion.pasted(section, self.plane, self.index)
        return self._outlined(section)

    def _outlined(self, section: NDArray[Any]) -> NDArray[Any]:
        """Return the lines of labels where they share voxels, if lines are wanted."""
        layers = self._marks.layers
        if layers is not None and self._style.is_contour:
            return layers.outlined(section)
        return section

    def fit(self) -> None:
        """Show the whole slice."""
        self._is_fitted = True
        self._look(fitted(self.plane, (self.width(), self.height())))

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom about a place of the view, or its middle."""
        place = at or QPointF(self.width() / 2, self.height() / 2)
        self._is_fitted = False
        self._look(self._camera.zoomed(factor, place.x(), place.y()))

    def bring_into_view(self, point: Point) -> None:
        """Pan so that an array position is visible, where it is not."""
        camera = self._camera.showing(*self.plane.to_screen(point))
        if camera is not self._camera:
            self._look(camera)

    def frame(self, box: Box) -> None:
        """Zoom and pan so that a voxel box is seen well, where it is not."""
        rows, columns = self.plane.window(box)
        camera = self._camera.framing(
            (rows.start - 0.5, rows.stop - 0.5), (columns.start - 0.5, columns.stop - 0.5)
        )
        if camera.zoom < min(self._camera.zoom, fitted(self.plane, camera.size).zoom):
            self.fit()  # there is nothing to see around the image
        elif camera is not self._camera:
            self._is_fitted = False
            self._look(camera)

    def zoom_to(self, box: Box) -> None:
        """Fill the view with a voxel box."""
        rows, columns = self.plane.window(box)
        self._is_fitted = False
        self._look(
            self._camera.filled(
                (rows.start - 0.5, rows.stop - 0.5), (columns.start - 0.5, columns.stop - 0.5)
            )
        )

    def look(self, camera: ViewCamera) -> None:
        """Show another part of the slice, or in another size."""
        self._is_fitted = False
        self._look(camera)

    def to_screen(self, point: Point) -> QPointF:
        """Return the place in the view of an array position."""
        return QPointF(*self._camera.to_screen(*self.plane.to_screen(point)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep what is in the middle there, and a fitted slice fitted."""
        size = (self.width(), self.height())
        self.scene.widget.setGeometry(0, 0, *size)
        self.overlay.setGeometry(0, 0, *size)
        self.overlay.raise_()
        if self._is_fitted:
            self._look(fitted(self.plane, size))
        else:
            self._look(self._camera.resized(size))
        # The drawing surface learns its new size only when its own events have run.
        QTimer.singleShot(0, self, self._look_again)

    def _make_overlay(self, marks: Marks) -> Overlay:
        return Overlay(self.plane, marks, self._camera, self)

    def _point(self, place: QPointF) -> Point:
        row, column = self._camera.to_slice(place.x(), place.y())
        return self.plane.to_index(row, column, self.index)

    def _box(self, one: QPointF, other: QPointF) -> Box:
        """Return the voxels of the slice between two places of the view, inside the volume."""
        last = np.array((1, 1, 1) if self._mask is None else self._mask.shape) - 1
        ends = np.clip(np.rint([self._point(one), self._point(other)]).astype(int), 0, last)
        z0, y0, x0 = (int(value) for value in ends.min(axis=0))
        z1, y1, x1 = (int(value) + 1 for value in ends.max(axis=0))
        return (z0, y0, x0), (z1, y1, x1)

    def _pan(self, moved: QPointF) -> None:
        self._is_fitted = False
        self._look(self._camera.moved(moved.x(), moved.y()))

    def _look(self, camera: ViewCamera) -> None:
        self._camera = self.overlay.camera = camera
        self.scene.look(camera.centre_mm, camera.zoom)
        if self._slide is not None:
            self._slide.look(camera)
            self._overview.follow(camera, is_calibrated=self._marks.is_calibrated)
        self.overlay.update()

    def _centre(self, row: float, column: float) -> None:
        """Look at a place of a slide, as near as before."""
        self._is_fitted = False
        steps = self.plane.spacing_mm
        self._look(replace(self._camera, centre_mm=(row * steps[0], column * steps[1])))
        self.looked.emit()

    def _look_again(self) -> None:
        self._look(self._camera)


def _wider(part: slice) -> slice:
    """Return a slice with one more at each side."""
    if part.start is None:
        return part
    return slice(max(0, part.start - 1), part.stop + 1)

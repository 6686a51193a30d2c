"""The image canvas: linked views of a volume, drawn by napari, driven by our own mouse events.

The only file that knows napari. It takes seconds to import: import it when a case opens.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QWidget

from annotator.domain.errors import GeometryMismatchError
from annotator.drawing.eraser import Eraser
from annotator.gui.contours import ContourBook, RaterContour
from annotator.gui.drawing_desk import CROSSHAIR, DrawingDesk
from annotator.gui.label_colors import LabelColors
from annotator.gui.linked_views import LinkedViews
from annotator.gui.marks import Marks
from annotator.gui.planes import planes_of
from annotator.gui.window_level import WindowLevel, first_window

# napari reads the person's own settings at import; the canvas must look the same everywhere.
os.environ["NAPARI_CONFIG"] = str(
    Path(tempfile.gettempdir()) / "annotator-napari" / "settings.yaml"
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what its own imports do, napari warns its developers
    from napari.components import ViewerModel
    from napari.layers import Image, Labels
    from napari.qt import QtViewer
    from napari.utils.colormaps import Colormap, DirectLabelColormap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray
    from qtpy.QtCore import QPointF
    from qtpy.QtGui import QCloseEvent, QFocusEvent, QKeyEvent, QResizeEvent

    from annotator.domain.reading import Box
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series
    from annotator.drawing.edit import Edit, Mask, Point
    from annotator.gui.label_colors import Color
    from annotator.gui.slice_view import SliceView

__all__ = ["Canvas", "RaterContour", "Scene"]

_HEAT_COLORS = [
    (0.0, 0.0, 0.0, 0.0),
    (0.25, 0.1, 0.6, 0.45),
    (0.85, 0.15, 0.4, 0.65),
    (1.0, 0.6, 0.1, 0.75),
    (1.0, 1.0, 0.6, 0.85),
]
_FLASH_MS = 900
_BANNER_MS = 5000
_OVER = "translucent_no_depth"
"""Blending of layers above the image; with depth, napari drops them now and then."""
_QUIET = {"thumbnail": False, "highlight": False, "extent": False}


class Scene:
    """The pixels of one view: an image, a mask and a heat map, each a 2D layer of napari.

    napari gets one slice at a time and never the volume: no slicing, thumbnails or history of its
    own, so that a step costs a copy and a redraw.
    """

    def __init__(self) -> None:
        self._model = ViewerModel()
        self._model.canvas.background_color_override = "black"
        self.widget = QtViewer(self._model)
        self.widget.dims.hide()
        for part in (self.widget, *self.widget.findChildren(QWidget)):
            part.setAcceptDrops(False)  # files are imported by us, not read by napari
            part.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._image: Image | None = None
        self._mask: Labels | None = None
        self._heat: Image | None = None
        self._scale: tuple[float, float] = (1.0, 1.0)

    def open(
        self,
        image: NDArray[Any],
        mask: NDArray[Any],
        *,
        spacing_mm: tuple[float, float],
        is_rgb: bool,
    ) -> None:
        """Show other slices ``(rows, columns[, channel])``.

        Layers of the same kind are used again: they hold no history, because napari never edits.
        """
        self.put_heat(None)
        self._scale = spacing_mm
        if self._image is None or self._mask is None or not self._fits(image, mask, is_rgb):
            for layer in list(self._model.layers):
                self._model.layers.remove(layer)
            grey = {} if is_rgb else {"contrast_limits": (0.0, 1.0)}
            self._image = Image(np.array(image), rgb=is_rgb, interpolation2d="linear", **grey)
            self._mask = Labels(np.array(mask), opacity=1.0, blending=_OVER)
            self._model.layers.append(self._image)
            self._model.layers.append(self._mask)
        else:
            self._image.data = np.array(image)
            self._mask.data = np.array(mask)
        self._image.scale = self._mask.scale = spacing_mm

    def _fits(self, image: NDArray[Any], mask: NDArray[Any], is_rgb: bool) -> bool:
        old_image, old_mask = self._image, self._mask
        return (
            old_image is not None
            and old_mask is not None
            and bool(old_image.rgb) == is_rgb
            and old_image.data.dtype == image.dtype
            and old_mask.data.dtype == mask.dtype
        )

    def put_image(self, pixels: NDArray[Any]) -> None:
        """Show another slice of the image."""
        if self._image is not None:
            np.copyto(self._image.data, pixels)
            self._image.refresh(**_QUIET)

    def put_mask(
        self, pixels: NDArray[Any], window: tuple[slice, slice] = (slice(None), slice(None))
    ) -> None:
        """Show what the mask holds now; only the window of the slice is copied."""
        if self._mask is not None:
            np.copyto(self._mask.data[window], pixels[window])
            self._mask.refresh(**_QUIET)

    def put_heat(self, pixels: NDArray[np.float32] | None) -> None:
        """Show a slice of a heat map, 0 to 1; None takes the layer away."""
        if pixels is None:
            if self._heat is not None:
                self._model.layers.remove(self._heat)
                self._heat = None
        elif self._heat is None:
            self._heat = Image(
                np.array(pixels),
                scale=self._scale,
                contrast_limits=(0.0, 1.0),
                colormap=Colormap(_HEAT_COLORS, name="dispute"),
                interpolation2d="linear",
                blending=_OVER,
            )
            self._model.layers.insert(1, self._heat)
        else:
            np.copyto(self._heat.data, pixels)
            self._heat.refresh(**_QUIET)

    def set_limits(self, limits: tuple[float, float]) -> None:
        """Show stored values between these from black to white."""
        if self._image is not None and not self._image.rgb:
            self._image.contrast_limits = limits

    def set_colors(self, colors: Mapping[int, Color]) -> None:
        """Show each label in a colour, RGBA 0 to 1; others are not shown."""
        if self._mask is not None:
            nothing = (0.0, 0.0, 0.0, 0.0)
            table: dict[int | None, Color] = {None: nothing, 0: nothing}
            table |= dict(colors.items())
            self._mask.colormap = DirectLabelColormap(color_dict=table)

    def look(self, centre_mm: tuple[float, float], zoom: float) -> None:
        """Show this place in the middle, at so many screen pixels a mm."""
        camera = self._model.scene.camera
        camera.center = (0.0, *centre_mm)
        camera.zoom = zoom

    def close(self) -> None:
        """Give the drawing surface back."""
        self._model.layers.clear()
        self.widget.close()


class Canvas(QWidget):
    """Three linked views of a volume, or one of a picture or video, to look at and draw on.

    The mask is the live array of the draft, ``(z, y, x)``: tools write into it in place.
    """

    edited = Signal(str, object)
    """Name of the tool and the Edit, when a stroke ends."""
    cursor_moved = Signal(object)
    """Voxel ``(z, y, x)`` under the cursor, or None."""
    position_changed = Signal(object)
    """Voxel ``(z, y, x)`` of the crosshair: each view shows the slice through it."""
    window_changed = Signal(float, float)
    """Level and width in modality units."""
    label_picked = Signal(int)
    layout_changed = Signal(str)
    told = Signal(str)
    """Words for the person, which are shown on the view as well."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(240, 180)
        self._marks = Marks()
        self._views = LinkedViews(Scene, self._marks, self)
        self._desk = DrawingDesk(self)
        self._mask: Mask | None = None
        self._window: WindowLevel | None = None
        self._colors = LabelColors()
        self._is_read_only = False
        self._flash_end = self._timer(_FLASH_MS, self._end_flash)
        self._banner_end = self._timer(_BANNER_MS, lambda: self._say(""))
        self._connect()

    @property
    def position(self) -> tuple[int, int, int]:
        """Voxel ``(z, y, x)`` whose slices are shown."""
        return self._marks.position

    @property
    def views(self) -> tuple[SliceView, ...]:
        """The views on the screen."""
        return self._views.views

    # a case

    def show_volume(
        self, voxels: NDArray[Any], series: Series, mask: Mask, schema: LabelSchema
    ) -> None:
        """Show a series with a live mask ``(z, y, x)`` that tools write into."""
        if voxels.shape[:3] != mask.shape:
            raise GeometryMismatchError(
                f"the mask has shape (z, y, x) {mask.shape}, the series {voxels.shape[:3]}; "
                "a mask is drawn on the grid of its series"
            )
        self._mask = mask
        self._desk.use(mask, series.geometry.spacing_mm)
        self._colors.use(schema)
        self._marks.contours = ContourBook()
        self._marks.highlight = self._marks.flash = self._marks.polygon = None
        self._marks.is_calibrated = series.geometry.is_calibrated
        planes = planes_of(series)
        self._marks.has_crosshair = len(planes) == 3
        self._views.show_volume(voxels, mask, planes)
        self._window = None
        self._marks.window_text = ""
        if series.n_channels == 1:
            first = first_window(voxels, series)
            self._window = first
            self.set_window(first.level, first.width)
        self._show_colors()
        self._show_pen()
        self._say("")
        self.position_changed.emit(self.position)

    def clear(self) -> None:
        """Let the case go."""
        self._desk.use(None)
        self._views.clear()
        self._mask = self._window = None
        self._marks.contours = ContourBook()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Give the drawing surfaces back."""
        self.clear()
        self._views.close_scenes()
        super().closeEvent(event)

    # where to look

    def set_layout(self, name: str) -> None:
        """Show ``three`` views, or the ``single`` one that was worked in last."""
        self._views.set_layout(name)
        self.layout_changed.emit(name)

    def set_position(self, zyx: Sequence[int]) -> None:
        """Show the slices through a voxel, and bring it into view."""
        self._views.set_position(zyx)
        self._views.bring_into_view()

    def step_slices(self, steps: int) -> None:
        """Go on by slices in the view that was worked in last."""
        self._views.step(steps)

    def zoom_by(self, factor: float) -> None:
        """Zoom the view that was worked in last about its middle."""
        self._views.zoom_by(factor)

    def fit(self) -> None:
        """Show whole slices."""
        self._views.fit()

    def set_window(self, level: float, width: float) -> None:
        """Show grey levels around ``level``, ``width`` wide, in modality units."""
        if self._window is None:
            return
        self._window = self._window.at(level, width)
        self._marks.window_text = self._window.text
        self._views.set_limits(self._window.limits)
        self._views.repaint_marks()
        self.window_changed.emit(self._window.level, self._window.width)

    # drawing

    def set_tool(self, name: str) -> None:
        """Take a tool by its stable name: see ``drawing_desk.TOOLS``."""
        self._desk.set_tool(name)
        self._show_pen()

    def set_label(self, value: int) -> None:
        """Draw with this label."""
        self._desk.label = value
        self._show_pen()

    def set_brush_mm(self, diameter: float) -> None:
        """Set the diameter of brush and eraser, mm."""
        self._desk.brush_mm = diameter
        self._show_pen()

    def set_brush_3d(self, on: bool) -> None:
        """Make brush, eraser and fill work in the volume and not in one slice."""
        self._desk.brush_is_3d = on

    def set_read_only(self, on: bool) -> None:
        """Refuse drawing; the left button then moves the crosshair."""
        self._desk.cancel()
        self._is_read_only = on
        self._show_pen()

    def confirm(self) -> None:
        """Close and fill the polygon in progress."""
        self._desk.confirm()
        self._show_pen()

    def cancel(self) -> bool:
        """Drop the polygon, stroke or fill in progress; False where there was none."""
        had = self._desk.cancel()
        self._say("")
        self._show_pen()
        return had

    def refresh_mask(self, box: Box | None = None) -> None:
        """Show the mask again after undo, redo or a new start; frame ``box`` for a moment."""
        self._desk.cancel()
        self._views.refresh_mask()
        self._marks.flash = box
        if box is not None:
            self._flash_end.start()
        self._views.repaint_marks()

    # what is shown over the image

    def set_mask_opacity(self, opacity: float) -> None:
        """Show the mask at an opacity, 0 to 1."""
        self._colors.opacity = opacity
        self._show_colors()

    def set_label_opacity(self, value: int, opacity: float) -> None:
        """Show one label at a part of the mask's opacity, 0 to 1."""
        self._colors.set_part(value, opacity)
        self._show_colors()

    def set_label_visible(self, value: int, visible: bool) -> None:
        """Show or hide one label."""
        self._colors.set_visible(value, visible)
        self._show_colors()

    def set_contours(self, contours: Sequence[RaterContour]) -> None:
        """Show readings as lines; the masks must not change while they are shown."""
        self._marks.contours = self._marks.contours.with_contours(contours)
        self._views.repaint_marks()

    def set_heat(self, heat: NDArray[np.float32] | None) -> None:
        """Show a heat map ``(z, y, x)``, 0 to 1, under the mask; None takes it away."""
        self._views.set_heat(heat)

    def set_highlight(self, region: Box | NDArray[np.bool_] | None) -> None:
        """Frame a voxel box, or outline where a ``(z, y, x)`` array is True; None for nothing."""
        self._marks.highlight = region
        self._views.repaint_marks()

    # events

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the views over the whole area."""
        self._views.setGeometry(self.rect())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Handle the keys that belong to a gesture; the others are the window's."""
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._views.hold_to_pan(True)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._desk.polygon:
            self.confirm()
        elif event.key() == Qt.Key.Key_Backspace and self._desk.step_back():
            self._show_pen()
        elif event.key() == Qt.Key.Key_Escape and self.cancel():
            pass
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """End panning with space."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._views.hold_to_pan(False)
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """End panning with space: its release will not be heard."""
        self._views.hold_to_pan(False)
        super().focusOutEvent(event)

    def _connect(self) -> None:
        views, desk = self._views, self._desk
        views.pressed.connect(self._press)
        views.dragged.connect(self._drag)
        views.released.connect(self._release)
        views.linked.connect(self._link)
        views.hovered.connect(self._hover)
        views.windowed.connect(self._drag_window)
        views.right_clicked.connect(self.confirm)
        views.double_clicked.connect(self._double_click)
        views.position_changed.connect(self.position_changed)
        desk.touched.connect(views.show_touched)
        desk.edited.connect(self._end_edit)
        desk.label_picked.connect(self.label_picked)
        desk.told.connect(self._tell)

    @property
    def _is_looking(self) -> bool:
        return self._is_read_only or self._desk.tool == CROSSHAIR

    def _press(self, axis: int, point: Point) -> None:
        self.setFocus()
        if self._is_looking:
            self._link(point)
        else:
            self._desk.press(axis, point)
            if self._desk.is_filling:
                self._say("Filling… Esc cancels.", lasting=True)
            self._show_pen()

    def _drag(self, point: Point) -> None:
        if self._is_looking:
            self._link(point)
        else:
            self._desk.drag(point)

    def _release(self) -> None:
        self._desk.release()

    def _double_click(self, axis: int, point: Point) -> None:
        if self._is_looking:
            self._views.enlarge(axis)
            self.layout_changed.emit(self._views.layout_name)
        elif self._desk.polygon is not None:
            self.confirm()
        else:
            self._press(axis, point)

    def _link(self, point: Point) -> None:
        self._views.set_position([round(value) for value in point])

    def _hover(self, point: Point | None) -> None:
        voxel = None if point is None else tuple(round(value) for value in point)
        inside = (
            voxel is not None
            and self._mask is not None
            and all(0 <= at < size for at, size in zip(voxel, self._mask.shape, strict=True))
        )
        self.cursor_moved.emit(voxel if inside else None)

    def _drag_window(self, moved: QPointF) -> None:
        if self._window is not None:
            dragged = self._window.dragged(moved.x(), moved.y())
            self.set_window(dragged.level, dragged.width)

    def _end_edit(self, tool: str, edit: Edit) -> None:
        self._say("")
        self._show_pen()
        self.edited.emit(tool, edit)

    def _show_pen(self) -> None:
        """Let the overlays show tool, size and colour as they are now."""
        desk, marks = self._desk, self._marks
        can_draw = not self._is_read_only
        marks.brush_mm = desk.brush_mm if desk.draws_with_brush and can_draw else None
        marks.polygon = desk.polygon
        marks.color = "#ffffff" if desk.tool == Eraser.name else self._colors.pen(desk.label)
        self._views.repaint_marks()

    def _show_colors(self) -> None:
        self._views.set_colors(self._colors.table())

    def _tell(self, text: str) -> None:
        self._say(text)
        self.told.emit(text)

    def _say(self, text: str, *, lasting: bool = False) -> None:
        self._banner_end.stop()
        if text and not lasting:
            self._banner_end.start()
        if text != self._marks.banner:
            self._marks.banner = text
            self._views.repaint_marks()

    def _end_flash(self) -> None:
        self._marks.flash = None
        self._views.repaint_marks()

    def _timer(self, interval_ms: int, run: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval_ms)
        timer.timeout.connect(run)
        return timer

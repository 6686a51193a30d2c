"""The canvas of tracings: linked slabs of a volume and a 3D view, with trees over them.

It draws with napari and vispy, which take seconds to import: import it when a case opens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QSplitter, QVBoxLayout, QWidget

from annotator.gui.linked_views import LinkedViews
from annotator.gui.marks import Marks
from annotator.gui.scene import Scene
from annotator.gui.tracing.shown import Pointer
from annotator.gui.tracing.slab import first_slab_um, planes_of_image, prepare_image
from annotator.gui.tracing.slab_view import SlabView, TreeScene
from annotator.gui.tracing.view_3d import View3D

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QPointF
    from qtpy.QtGui import QCloseEvent, QFocusEvent, QKeyEvent

    from annotator.api.tracing import TracedImage
    from annotator.domain.tracing import PointUm
    from annotator.drawing.edit import Point
    from annotator.gui.planes import Plane
    from annotator.gui.tracing.paint import Sketch
    from annotator.gui.tracing.shown import PlaceMark, ShownTree, TreeHit
    from annotator.gui.tracing.slab import PreparedImage
    from annotator.gui.window_level import WindowLevel

_BANNER_MS = 5000
_SLAB_STEP = 1.5


class TraceCanvas(QWidget):
    """Shows a traced volume and trees over it; changes no tree itself.

    Places are µm in the image frame, x, y, z. In the slabs, the left button belongs to whoever
    listens; Shift moves the crosshair (unless `set_takes_shift`), the wheel turns slices, with Ctrl
    it zooms, the middle button or space moves, the right one sets brightness and contrast.
    """

    pressed = Signal(object)
    """A Pointer: the left button went down in a slab, or clicked in the 3D view."""
    dragged = Signal(object)
    """A Pointer: it moved with the left button down. Its place is as deep as the press."""
    released = Signal(bool)
    """It went up; whether that was a click."""
    double_clicked = Signal(object)
    right_clicked = Signal(object)
    hovered = Signal(object)
    """A Pointer, or None where the pointer has left the views."""
    node_pressed = Signal(str, int)
    """Key of a tree and row of the node that was pressed, beside ``pressed``."""
    position_changed = Signal(object)
    """Voxel ``(z, y, x)`` of the crosshair: each slab is the one about it."""
    window_changed = Signal(float, float)
    """Level and width of the grey-level window."""
    slab_changed = Signal(float)
    """Thickness, µm."""
    layout_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(240, 180)
        self.setAccessibleName("Image")
        self._trees = TreeScene()
        self._marks = Marks(unit="µm")
        self._views = LinkedViews(Scene, self._marks, self, self._make_view)
        self._window: WindowLevel | None = None
        self._prepared: PreparedImage | None = None
        self._view_3d: View3D | None = None
        self._pressed_at: Point | None = None
        self._pressed_um: PointUm = (0.0, 0.0, 0.0)
        self._pressed_axis = 0
        self._banner_end = QTimer(self, singleShot=True, interval=_BANNER_MS)
        self._banner_end.timeout.connect(lambda: self.say(""))
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setHandleWidth(3)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self._views)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._split)
        self._connect()

    # what is shown

    def open(self, image: TracedImage, prepared: PreparedImage | None = None) -> None:
        """Show another volume and no trees; ``prepared`` saves time where a worker made it."""
        self._prepared = prepared or prepare_image(image)
        trees = self._trees
        trees.image = image
        trees.show_trees(())
        trees.places, trees.selected_um, trees.sketch = (), None, None
        trees.slab_um = first_slab_um(image)
        trees.is_hidden = False
        planes = planes_of_image(image)
        self._marks.has_crosshair = len(planes) == 3
        self._say_slab()
        self._window = self._prepared.window
        # The mask of the views is empty; without strides it takes no memory.
        nothing = np.broadcast_to(np.uint8(0), image.voxels.shape)
        self._views.show_volume(image.voxels, nothing, planes)
        if self._view_3d is not None:
            self._view_3d.show_image(self._prepared)
        self.set_window(self._window.level, self._window.width)
        self.slab_changed.emit(trees.slab_um)
        self.position_changed.emit(self._marks.position)

    def clear(self) -> None:
        """Let volume and trees go."""
        self._views.clear()
        self._trees.image = self._prepared = self._window = None
        self._trees.show_trees(())
        self._trees.places, self._trees.selected_um, self._trees.sketch = (), None, None
        if self._view_3d is not None:
            self._view_3d.clear()

    def show_trees(self, trees: Sequence[ShownTree]) -> None:
        """Show these trees, in this order; the same object again costs nothing."""
        self._trees.show_trees(trees)
        if self.is_3d and self._view_3d is not None:
            self._view_3d.show_trees(self._trees.trees)
        self._views.repaint_marks()

    def mark_findings(self, places: Sequence[PlaceMark]) -> None:
        """Ring these places."""
        self._trees.places = tuple(places)
        if self.is_3d and self._view_3d is not None:
            self._view_3d.show_places(self._trees.places)
        self._views.repaint_marks()

    def select_node(self, key: str, row: int | None) -> None:
        """Ring a node of a tree; None rings none."""
        found = self._trees.find(key) if row is not None else None
        point: PointUm | None = None
        if found is not None and row is not None:
            point = found[1].place(row)
        if point != self._trees.selected_um:
            self._trees.selected_um = point
            if self.is_3d and self._view_3d is not None:
                self._view_3d.show_selected(point)
            self._views.repaint_marks()

    def show_sketch(self, sketch: Sketch | None) -> None:
        """Show what a tool is about to do; None nothing."""
        if sketch is not None or self._trees.sketch is not None:
            self._trees.sketch = sketch
            self._views.repaint_marks()

    def set_trees_hidden(self, on: bool) -> None:
        """Show the image alone."""
        self._trees.is_hidden = on
        self._trees.version += 1
        if self._view_3d is not None:
            self._view_3d.show_trees(() if on else self._trees.trees)
        self._views.repaint_marks()

    def set_outside_shown(self, on: bool) -> None:
        """Show faintly what lies outside the slab, or not at all."""
        self._trees.shows_outside = on
        self._views.repaint_marks()

    def say(self, text: str, *, lasting: bool = False) -> None:
        """Show words on the first view, for a moment or until others come."""
        self._banner_end.stop()
        if text and not lasting:
            self._banner_end.start()
        if text != self._marks.banner:
            self._marks.banner = text
            self._views.repaint_marks()

    # where it looks

    @property
    def position(self) -> tuple[int, int, int]:
        """Voxel ``(z, y, x)`` of the crosshair."""
        return self._marks.position

    @property
    def views(self) -> tuple[SlabView, ...]:
        """The slabs on the screen."""
        return tuple(view for view in self._views.views if isinstance(view, SlabView))

    @property
    def view_3d(self) -> View3D | None:
        """The 3D view, once it was shown."""
        return self._view_3d

    @property
    def slab_um(self) -> float:
        """Thickness of the slabs."""
        return self._trees.slab_um

    @property
    def shows_outside(self) -> bool:
        """Whether what lies outside the slab is painted."""
        return self._trees.shows_outside

    @property
    def is_3d(self) -> bool:
        """Whether the 3D view is shown."""
        return self._view_3d is not None and self._view_3d.isVisibleTo(self)

    @property
    def layout_name(self) -> str:
        """``three`` slabs, or the ``single`` one."""
        return self._views.layout_name

    def fly_to(self, point_um: PointUm, extent_um: float) -> None:
        """Bring a place to the middle of every view, with so much around it, µm."""
        image = self._trees.image
        if image is None:
            return
        x, y, z = point_um
        place = [at / step for at, step in zip((z, y, x), image.spacing_um, strict=True)]
        self._views.set_position([round(at) for at in place])
        self._views.catch_up()
        reach = [extent_um / 2 / step for step in image.spacing_um]
        low = [int(at - half) for at, half in zip(place, reach, strict=True)]
        high = [int(at + half) + 2 for at, half in zip(place, reach, strict=True)]
        self._views.frame(((low[0], low[1], low[2]), (high[0], high[1], high[2])))
        if self.is_3d and self._view_3d is not None:
            self._view_3d.fly_to(point_um, max(extent_um, self._view_3d.whole_um / 8))

    def bring_into_view(self, point_um: PointUm) -> None:
        """Show the slabs through a place, and the place in them; the zoom stays."""
        image = self._trees.image
        if image is not None:
            x, y, z = point_um
            steps = zip((z, y, x), image.spacing_um, strict=True)
            self._views.set_position([round(at / step) for at, step in steps])
            self._views.catch_up()
            self._views.bring_into_view()

    def set_position(self, zyx: Sequence[int]) -> None:
        """Show the slabs about a voxel."""
        self._views.set_position(zyx)
        self._views.catch_up()
        self._views.bring_into_view()

    def set_slab(self, slab_um: float) -> None:
        """Set how thick the slabs are."""
        image = self._trees.image
        if image is None:
            return
        whole = max(n * step for n, step in zip(image.voxels.shape, image.spacing_um, strict=True))
        self._trees.slab_um = min(max(slab_um, min(image.spacing_um)), whole)
        self._say_slab()
        self._views.refresh_slices()
        self._views.repaint_marks()
        self.slab_changed.emit(self._trees.slab_um)

    def step_slab(self, steps: int) -> None:
        """Make the slabs thicker or thinner."""
        self.set_slab(self._trees.slab_um * _SLAB_STEP**steps)

    def show_3d(self, on: bool) -> None:
        """Show the 3D view beside the slabs, or the slabs alone."""
        if on and self._view_3d is None:
            self._view_3d = View3D()
            self._view_3d.clicked.connect(self._click_3d)
            self._view_3d.double_clicked.connect(self._double_click_3d)
            self._split.addWidget(self._view_3d)
            if self._prepared is not None:
                self._view_3d.show_image(self._prepared)
        if self._view_3d is None:
            return
        self._view_3d.setVisible(on)
        if on:
            if self._window is not None:
                self._view_3d.set_limits(self._window.limits)
            self._view_3d.show_trees(() if self._trees.is_hidden else self._trees.trees)
            self._view_3d.show_places(self._trees.places)
            self._view_3d.show_selected(self._trees.selected_um)
            self._split.setSizes([3 * self.width() // 5, 2 * self.width() // 5])

    def set_layout(self, name: str) -> None:
        """Show ``three`` slabs, or the ``single`` one that was worked in last."""
        self._views.set_layout(name)
        self.layout_changed.emit(name)

    def step_slices(self, steps: int) -> None:
        """Go on by slices in the slab that was worked in last."""
        self._views.step(steps)

    def zoom_by(self, factor: float) -> None:
        """Zoom the slab that was worked in last about its middle."""
        self._views.zoom_by(factor)

    def fit(self) -> None:
        """Show everything."""
        self._views.fit()
        if self._view_3d is not None:
            self._view_3d.fit()

    def set_window(self, level: float, width: float) -> None:
        """Show grey levels around ``level``, ``width`` wide."""
        if self._window is None:
            return
        self._window = self._window.at(level, width)
        self._marks.window_text = self._window.text
        self._views.set_limits(self._window.limits)
        if self._view_3d is not None:
            self._view_3d.set_limits(self._window.limits)
        self._views.repaint_marks()
        self.window_changed.emit(self._window.level, self._window.width)

    def set_takes_shift(self, on: bool) -> None:
        """Leave Shift to whoever listens, and do not move the crosshair with it."""
        self._marks.tool_takes_shift = on

    # events

    def closeEvent(self, event: QCloseEvent) -> None:
        """Give the drawing surfaces back."""
        self._banner_end.stop()
        self.clear()
        self._views.close_scenes()
        if self._view_3d is not None:
            self._view_3d.close_scene()
        super().closeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space moves the image with the left button; other keys are the window's."""
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._views.hold_to_pan(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """End moving with space."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._views.hold_to_pan(False)
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """End moving with space: its release will not be heard."""
        self._views.hold_to_pan(False)
        super().focusOutEvent(event)

    def _make_view(self, scene: Scene, plane: Plane, marks: Marks, parent: QWidget) -> SlabView:
        return SlabView(scene, plane, marks, parent, self._trees)

    def _connect(self) -> None:
        views = self._views
        views.pressed.connect(self._press)
        views.dragged.connect(self._drag)
        views.released.connect(self._release)
        views.linked.connect(self._link)
        views.hovered.connect(self._hover)
        views.double_clicked.connect(self._double_click)
        views.right_clicked.connect(self._right_click)
        views.windowed.connect(self._drag_window)
        views.position_changed.connect(self.position_changed)

    def _view_along(self, axis: int) -> SlabView | None:
        return next((view for view in self.views if view.plane.axis == axis), None)

    def _pointer(self, axis: int, point: Point) -> Pointer | None:
        view = self._view_along(axis)
        if view is None:
            return None
        held = self._views.modifiers
        return Pointer(
            point_um=view.point_um(point),
            hit=view.hit(point),
            is_shift=bool(held & Qt.KeyboardModifier.ShiftModifier),
            is_control=bool(held & Qt.KeyboardModifier.ControlModifier),
        )

    def _press(self, axis: int, point: Point) -> None:
        self.setFocus()
        pointer = self._pointer(axis, point)
        if pointer is None:
            return
        self._pressed_at, self._pressed_axis, self._pressed_um = point, axis, pointer.point_um
        if pointer.hit is not None:
            self._pressed_um = pointer.hit.point_um
        self._tell_press(pointer)

    def _tell_press(self, pointer: Pointer) -> None:
        if pointer.hit is not None and pointer.hit.is_node:
            self.node_pressed.emit(pointer.hit.key, pointer.hit.row)
        self.pressed.emit(pointer)

    def _drag(self, point: Point) -> None:
        image = self._trees.image
        if self._pressed_at is None or image is None:
            return
        z, y, x = (at * step for at, step in zip(point, image.spacing_um, strict=True))
        place = [x, y, z]
        place[2 - self._pressed_axis] = self._pressed_um[2 - self._pressed_axis]
        self.dragged.emit(Pointer(point_um=(place[0], place[1], place[2]), hit=None))

    def _release(self) -> None:
        if self._pressed_at is not None:
            self._pressed_at = None
            self.released.emit(not self._views.has_moved)

    def _double_click(self, axis: int, point: Point) -> None:
        self.setFocus()
        pointer = self._pointer(axis, point)
        if pointer is not None:
            self.double_clicked.emit(pointer)

    def _right_click(self, axis: int, point: Point) -> None:
        pointer = self._pointer(axis, point)
        if pointer is not None:
            self.right_clicked.emit(pointer)

    def _hover(self, point: Point | None) -> None:
        sender = self._views.hovering_axis
        if point is None or sender is None:
            self.hovered.emit(None)
        elif self._pressed_at is None:
            self.hovered.emit(self._pointer(sender, point))

    def _link(self, point: Point) -> None:
        self._views.set_position([round(at) for at in point])

    def _click_3d(self, hit: TreeHit | None, held: Qt.KeyboardModifier) -> None:
        self.setFocus()
        if hit is not None:
            self._tell_press(
                Pointer(
                    point_um=hit.point_um,
                    hit=hit,
                    is_shift=bool(held & Qt.KeyboardModifier.ShiftModifier),
                    is_control=bool(held & Qt.KeyboardModifier.ControlModifier),
                    is_3d=True,
                )
            )

    def _double_click_3d(self, hit: TreeHit | None) -> None:
        if hit is None and self._view_3d is not None:
            self._view_3d.fit()
        elif hit is not None:
            self.bring_into_view(hit.point_um)

    def _drag_window(self, moved: QPointF) -> None:
        if self._window is not None:
            dragged = self._window.dragged(moved.x(), moved.y())
            self.set_window(dragged.level, dragged.width)

    def _say_slab(self) -> None:
        image = self._trees.image
        is_deep = image is not None and image.voxels.shape[0] > 1
        self._marks.slab_text = f"Slab {self._trees.slab_um:.3g} µm" if is_deep else "Projection"

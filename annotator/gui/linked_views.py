"""The views of one canvas: which are shown, where they look, when they are redrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPointF, QRect, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QWidget

from annotator.domain.errors import UnknownNameError
from annotator.drawing.edit import join_boxes
from annotator.gui.slice_view import SliceView
from annotator.gui.stroke_clock import StrokeClock
from annotator.gui.view_style import ViewStyle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from qtpy.QtGui import QPaintEvent, QResizeEvent

    from annotator.analysis.pyramid import PyramidVoxels
    from annotator.domain.reading import Box
    from annotator.drawing.edit import Mask
    from annotator.gui.label_colors import Color
    from annotator.gui.marks import Marks
    from annotator.gui.planes import Plane
    from annotator.gui.scene import Scene

LAYOUTS = ("three", "four", "beside", "single")
_LATE_MS = 30
"""How long the views that are not worked in may lag behind."""
_FLASH_MS = 900
_GAP_PX = 2


class LinkedViews(QWidget):
    """One to three views of a volume that share position, window, colours and marks.

    Where it is told how to make one, a view of space is the fourth. A view is made when it is
    first shown. What happens in the view that is worked in is shown at
    once, in the others within ``_LATE_MS``.
    """

    pressed = Signal(int, object)
    """Axis that the view looks along, and the array position ``(z, y, x)``."""
    dragged = Signal(object)
    released = Signal()
    linked = Signal(object)
    hovered = Signal(object)
    windowed = Signal(QPointF)
    picked = Signal(object)
    boxed = Signal(object)
    right_clicked = Signal(int, object)
    double_clicked = Signal(int, object)
    position_changed = Signal(object)
    mask_touched = Signal(object)
    """Box that was written to; None where it is not known where."""
    looked = Signal()
    """Something else is seen in the view that is worked in."""

    def __init__(
        self,
        make_scene: Callable[[], Scene],
        marks: Marks,
        parent: QWidget,
        make_view: Callable[[Scene, Plane, Marks, QWidget], SliceView] = SliceView,
        make_space: Callable[[QWidget], QWidget] | None = None,
    ) -> None:
        super().__init__(parent)
        self._make_scene = make_scene
        self._make_view = make_view
        self._make_space = make_space
        self._space: QWidget | None = None
        self._marks = marks
        self._slots: list[SliceView] = []
        self._planes: tuple[Plane, ...] = ()
        self._voxels: NDArray[Any] | PyramidVoxels | None = None
        self._mask: Mask | None = None
        self._heat: NDArray[np.float32] | None = None
        self._limits = (0.0, 1.0)
        self._style = ViewStyle()
        self._colors: Mapping[int, Color] = {}
        self._active = 0
        self._hovering: int | None = None
        self._late_slots: set[int] = set()
        self._late_marks: set[int] = set()
        self._late_box: Box | None = None
        self._late = self._timer(_LATE_MS, self.catch_up)
        self._next_box: Box | None = None
        self._next = self._timer(0, self._show_next)
        self._flash_end = self._timer(_FLASH_MS, lambda: self.flash(None))
        self.layout_name = self._layout_before = "three"
        self.has_companion = False
        self.clock = StrokeClock()

    @property
    def views(self) -> tuple[SliceView, ...]:
        """The views on the screen, the first one first."""
        return tuple(self._slots[slot] for slot in self._shown())

    @property
    def modifiers(self) -> Qt.KeyboardModifier:
        """Keys that were held at the last press."""
        return self._slots[self._active].overlay.modifiers

    @property
    def pressure(self) -> float:
        """How hard the pen is pressed, 0 to 1; a mouse always fully."""
        return self._slots[self._active].overlay.pressure

    @property
    def plane_in_hand(self) -> Plane:
        """The plane of the view that was worked in last."""
        return self._planes[min(self._active, len(self._planes) - 1)]

    @property
    def zoom(self) -> float:
        """Screen pixels a mm in the view under the pointer, or the one worked in last."""
        slot = self._active if self._hovering is None else self._hovering
        return self._slots[slot].camera.zoom

    @property
    def has_moved(self) -> bool:
        """Whether the last press was dragged, and not only a click."""
        return self._slots[self._active].overlay.has_moved

    @property
    def is_pressed(self) -> bool:
        """Whether a button is held in a view."""
        return any(view.overlay.is_pressed for view in self._slots)

    @property
    def hovering_axis(self) -> int | None:
        """Axis that the view under the pointer looks along; None where the pointer is in none."""
        return None if self._hovering is None else self._slots[self._hovering].plane.axis

    def show_volume(
        self, voxels: NDArray[Any] | PyramidVoxels, mask: Mask, planes: Sequence[Plane]
    ) -> None:
        """Show another volume ``(z, y, x[, channel])`` with the live mask, at its middle."""
        self._voxels, self._mask, self._heat = voxels, mask, None
        self._planes = tuple(planes)
        self._late_slots.clear()
        self._late_marks.clear()
        self._late_box = self._next_box = None
        self._active = 0
        z, y, x = (size // 2 for size in mask.shape)
        self._marks.position = (0 if planes[0].name == "video" else z, y, x)
        for slot, view in enumerate(self._slots[: len(planes)]):
            self._open(slot, view)
        self._arrange()

    def clear(self) -> None:
        """Let the volume go."""
        self._planes = ()
        self._voxels = self._mask = self._heat = None
        for view in self._slots:
            view.close_slide()
        self._arrange()

    def close_scenes(self) -> None:
        """Give all drawing surfaces back."""
        for timer in (self._late, self._next, self._flash_end):
            timer.stop()
        for view in self._slots:
            view.close_slide()
            view.scene.close()
        self._slots.clear()
        self._planes = ()

    @property
    def layouts(self) -> tuple[str, ...]:
        """Names of the layouts that there are, in the order in which they are stepped through."""
        missing = {"four": self._make_space is None, "beside": not self.has_companion}
        return tuple(name for name in LAYOUTS if not missing.get(name, False))

    def set_layout(self, name: str) -> None:
        """Show ``three`` views, ``four`` with space, or the ``single`` one worked in last.

        That one is shown ``beside`` another series as well, which stands beside this widget.
        """
        if name not in self.layouts:
            raise UnknownNameError("layout", name, self.layouts)
        self.layout_name = name
        if name != "single":
            self._layout_before = name
        self._arrange()

    def enlarge(self, axis: int) -> None:
        """Show only the view along an axis, or as many as before where it is the only one."""
        self._active = self._slot_of(axis)
        self.set_layout(self._layout_before if self.layout_name == "single" else "single")

    def turn(self) -> None:
        """Work in the next plane; shown where one view is."""
        self._active = (self._active + 1) % max(len(self._planes), 1)
        self._arrange()
        self.looked.emit()

    def set_position(self, zyx: Sequence[int]) -> None:
        """Show the slices through a voxel; one outside is moved to the nearest inside."""
        if self._mask is None:
            return
        z, y, x = (
            min(max(int(at), 0), size - 1) for at, size in zip(zyx, self._mask.shape, strict=True)
        )
        if (z, y, x) == self._marks.position:
            return
        before, self._marks.position = self._marks.position, (z, y, x)
        for slot in self._shown():
            plane = self._slots[slot].plane
            is_new_slice = before[plane.axis] != self._marks.position[plane.axis]
            has_moved = any(
                before[axis] != self._marks.position[axis]
                for axis in (plane.row_axis, plane.column_axis)
            )
            if slot == self._active and is_new_slice:
                self._slots[slot].set_index(self._marks.position[plane.axis])
            elif is_new_slice:
                self._late_slots.add(slot)
            if has_moved:
                self._late_marks.add(slot)
        if (self._late_slots or self._late_marks) and not self._late.isActive():
            self._late.start()
        self.position_changed.emit(self._marks.position)

    def step(self, steps: int, *, around: bool = False) -> None:
        """Go on by slices in the view that was worked in last, ``around`` from end to beginning."""
        if self._planes:
            axis = self.plane_in_hand.axis
            position = list(self._marks.position)
            position[axis] += steps
            if around and self._mask is not None:
                position[axis] %= self._mask.shape[axis]
            self.set_position(position)

    def bring_into_view(self) -> None:
        """Pan each view so that the position is visible."""
        for view in self.views:
            view.bring_into_view(self._marks.position)

    def frame(self, box: Box) -> None:
        """Zoom and pan each view so that a voxel box is seen well."""
        for view in self.views:
            view.frame(box)

    def zoom_to(self, box: Box) -> None:
        """Fill each view with a voxel box."""
        for view in self.views:
            view.zoom_to(box)

    def show_touched(self, box: Box) -> None:
        """Show what a tool has just written: here with the next frame, elsewhere soon.

        A fast mouse sends several events a frame; each only writes to the mask.
        """
        self.clock.touch()
        self.mask_touched.emit(box)
        self._next_box = join_boxes(self._next_box, box)
        if not self._next.isActive():
            self._next.start()
        for slot in self._shown():
            view = self._slots[slot]
            if slot != self._active and view.plane.meets(box, view.index):
                self._late_box = join_boxes(self._late_box, box)
        if self._late_box is not None and not self._late.isActive():
            self._late.start()

    def refresh_mask(self) -> None:
        """Show what the whole mask holds now."""
        self.mask_touched.emit(None)
        for view in self.views:
            view.refresh_mask()

    def catch_up(self) -> None:
        """Show what was put off."""
        self._late.stop()
        self._show_next()
        slots, marks, box = self._late_slots, self._late_marks, self._late_box
        self._late_slots, self._late_marks, self._late_box = set(), set(), None
        for slot in self._shown():
            view = self._slots[slot]
            if slot in slots:
                view.set_index(self._marks.position[view.plane.axis])
            elif box is not None and slot != self._active:
                view.refresh_mask(box)
            if slot in marks:
                view.overlay.update()

    def _show_next(self) -> None:
        box, self._next_box = self._next_box, None
        for slot in self._shown():
            if slot == self._active and box is not None:
                with self.clock.copying():
                    self._slots[slot].refresh_mask(box)

    def set_heat(self, heat: NDArray[np.float32] | None) -> None:
        """Show a heat map over the image; None takes it away."""
        self._heat = heat
        for view in self.views:
            view.set_heat(heat)

    def set_limits(self, limits: tuple[float, float]) -> None:
        """Show stored values between these from black to white."""
        self._limits = limits
        for view in self.views:
            view.scene.set_limits(limits)

    def set_style(self, style: ViewStyle) -> None:
        """Show image and labels in another way."""
        self._style = style
        for view in self.views:
            view.set_style(style)

    def set_colors(self, colors: Mapping[int, Color]) -> None:
        """Show labels in these colours."""
        self._colors = colors
        for view in self.views:
            view.scene.set_colors(colors)

    def flash(self, box: Box | None) -> None:
        """Frame a voxel box for a moment."""
        self._marks.flash = box
        if box is not None:
            self._flash_end.start()
        self.repaint_marks()

    def refresh_slices(self) -> None:
        """Show the same slices again, cut anew."""
        for view in self.views:
            view.set_index(view.index)

    def repaint_marks(self) -> None:
        """Paint the marks again."""
        for view in self.views:
            view.overlay.update()

    def fit(self) -> None:
        """Show whole slices."""
        for view in self.views:
            view.fit()

    def zoom_by(self, factor: float) -> None:
        """Zoom the view that was worked in last about its middle."""
        for slot in self._shown():
            if slot == self._active:
                self._slots[slot].zoom_by(factor)

    def hold_to_pan(self, on: bool) -> bool:
        """Make the left button pan while ``on``; returns whether it did since it was told last."""
        has_panned = any(view.overlay.was_panned for view in self.views)
        for view in self.views:
            view.overlay.is_panning_with_left = on
            view.overlay.was_panned = False
            view.overlay.setCursor(
                Qt.CursorShape.OpenHandCursor if on else Qt.CursorShape.CrossCursor
            )
        return has_panned

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange the views anew."""
        self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the gaps between the views."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#000000" if not self._planes else "#20252d"))
        painter.end()

    def _shown(self) -> list[int]:
        if not self._planes:
            return []
        if self.layout_name in ("beside", "single") or len(self._planes) == 1:
            return [min(self._active, len(self._planes) - 1)]
        return list(range(len(self._planes)))

    def _slot_of(self, axis: int) -> int:
        return next(n for n, plane in enumerate(self._planes) if plane.axis == axis)

    def _arrange(self) -> None:
        shown = self._make_missing()
        areas = _areas(self.width(), self.height(), len(shown))
        if self.layout_name == "four" and len(shown) == 3:
            areas = self._arrange_space()
        elif self._space is not None:
            self._space.hide()
        for slot, view in enumerate(self._slots):
            if slot not in shown:
                view.hide()
        for slot, area in zip(shown, areas, strict=False):
            view = self._slots[slot]
            view.setGeometry(area)
            view.overlay.shows_banner = slot == shown[0]
            if view.isHidden():
                self._wake(view)
        self.update()

    def _arrange_space(self) -> list[QRect]:
        """Show space in the upper right quarter; returns where the three slices lie."""
        if self._space is None and self._make_space is not None:
            self._space = self._make_space(self)
        upper_left, upper_right, lower_left, lower_right = _quarters(self.width(), self.height())
        if self._space is not None:
            self._space.setGeometry(upper_right)
            self._space.show()
        return [upper_left, lower_left, lower_right]

    def _make_missing(self) -> list[int]:
        """Make the views that are to be shown for the first time."""
        shown = self._shown()
        while shown and len(self._slots) <= max(shown):
            slot = len(self._slots)
            view = self._make_view(self._make_scene(), self._planes[slot], self._marks, self)
            view.hide()
            self._slots.append(view)
            self._connect(slot, view)
            self._open(slot, view)
            for surface in view.scene.widget.findChildren(QOpenGLWidget):
                surface.aboutToCompose.connect(self.clock.compose)
                surface.frameSwapped.connect(self.clock.show)
        return shown

    def _open(self, slot: int, view: SliceView) -> None:
        if self._voxels is not None and self._mask is not None:
            view.show_volume(self._voxels, self._mask, self._planes[slot])
            if not view.isHidden():
                self._wake(view)

    def _wake(self, view: SliceView) -> None:
        """Bring a view that was not shown, or has a new volume, up to date."""
        view.scene.set_limits(self._limits)
        view.scene.set_colors(self._colors)
        view.set_style(self._style)
        view.set_heat(self._heat)
        view.set_index(self._marks.position[view.plane.axis])
        view.show()

    def _timer(self, interval_ms: int, run: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval_ms)
        timer.timeout.connect(run)
        return timer

    def _connect(self, slot: int, view: SliceView) -> None:
        def work_here() -> None:
            if slot != self._active:
                self.catch_up()
                self._active = slot

        def press(point: object) -> None:
            self.catch_up()  # what is pressed on must be the slice that is seen
            work_here()
            self.pressed.emit(view.plane.axis, point)

        def double_click(point: object) -> None:
            work_here()
            self.double_clicked.emit(view.plane.axis, point)

        def right_click(point: object) -> None:
            work_here()
            self.right_clicked.emit(view.plane.axis, point)

        def link(point: object) -> None:
            work_here()
            self.linked.emit(point)

        def hover(point: object) -> None:
            self._hovering = None if point is None else slot
            self.hovered.emit(point)

        def step(steps: int) -> None:
            work_here()
            self.step(steps)

        def look() -> None:
            if slot == self._active:
                self.looked.emit()

        view.looked.connect(look)
        view.pressed.connect(press)
        view.dragged.connect(self.dragged)
        view.linked.connect(link)
        view.hovered.connect(hover)
        view.double_clicked.connect(double_click)
        view.overlay.released.connect(self.released)
        view.overlay.stepped.connect(step)
        view.overlay.windowed.connect(self.windowed)
        view.picked.connect(self.picked)
        view.boxed.connect(self.boxed)
        view.right_clicked.connect(right_click)


def _quarters(width: int, height: int) -> list[QRect]:
    left, top = width // 2, height // 2
    column, row = left + _GAP_PX, top + _GAP_PX
    return [
        QRect(0, 0, left, top),
        QRect(column, 0, width - column, top),
        QRect(0, row, left, height - row),
        QRect(column, row, width - column, height - row),
    ]


def _areas(width: int, height: int, n_views: int) -> list[QRect]:
    """Return where the views lie: the first one large, beside or above the two others."""
    if n_views == 1:
        return [QRect(0, 0, width, height)]
    if width >= height:
        left, top = int(width * 0.58), height // 2
        column = left + _GAP_PX
        return [
            QRect(0, 0, left, height),
            QRect(column, 0, width - column, top),
            QRect(column, top + _GAP_PX, width - column, height - top - _GAP_PX),
        ]
    left, top = width // 2, int(height * 0.58)
    row = top + _GAP_PX
    return [
        QRect(0, 0, width, top),
        QRect(0, row, left, height - row),
        QRect(left + _GAP_PX, row, width - left - _GAP_PX, height - row),
    ]

"""The image canvas: linked views of a volume, driven by our own mouse events.

It takes seconds to import, as napari does: import it when a case opens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QWidget

from annotator.analysis.pyramid import PyramidVoxels
from annotator.domain.errors import GeometryMismatchError
from annotator.domain.label_groups import MaskValues
from annotator.drawing.gesture import UNMARKED
from annotator.drawing.label_layers import LabelLayers
from annotator.drawing.scope import Scope
from annotator.drawing.slide_surface import SlideSurface
from annotator.drawing.surface import Surface
from annotator.gui.contours import ContourBook, RaterContour
from annotator.gui.gestures import Gestures
from annotator.gui.label_colors import LabelColors
from annotator.gui.linked_views import LinkedViews
from annotator.gui.mark_layer import NO_MARKS
from annotator.gui.marks import Marks
from annotator.gui.planes import planes_of
from annotator.gui.scene import Scene
from annotator.gui.slide_desk import SlideDesk
from annotator.gui.slide_picture import SlidePicture
from annotator.gui.surface_desk import SurfaceDesk
from annotator.gui.window_level import WindowLevel, first_window, window_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from qtpy.QtCore import QPointF
    from qtpy.QtGui import QCloseEvent, QFocusEvent, QResizeEvent

    from annotator.analysis.mask_levels import MaskLevels
    from annotator.api import Prompt, PromptKind
    from annotator.domain.reading import Box
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Series
    from annotator.drawing.edit import Edit, Mask
    from annotator.drawing.gesture import Markings
    from annotator.drawing.options import Chosen
    from annotator.drawing.rules import MaskingRules
    from annotator.gui.label_colors import Color
    from annotator.gui.mark_layer import MarkLayer
    from annotator.gui.planes import Plane
    from annotator.gui.slice_view import SliceView
    from annotator.gui.stroke_clock import StrokeClock
    from annotator.gui.suggestion import Suggestion
    from annotator.gui.view_style import ViewStyle

__all__ = ["Canvas", "RaterContour"]


class Canvas(QWidget):
    """Linked views of a volume, or one of a picture or video, to look at and draw on.

    Tools write into the mask that is shown, ``(z, y, x)``, in place.
    """

    edited = Signal(str, object)
    """Name of the tool and the Edit, when a stroke ends."""
    marked = Signal(str, object)
    """Name of the tool and the MarkEdit, when a mark was set or moved."""
    mark_taken = Signal(int)
    """Number of the mark that was set, moved or clicked."""
    cursor_moved = Signal(object)
    """Voxel ``(z, y, x)`` under the cursor, or None."""
    position_changed = Signal(object)
    """Voxel ``(z, y, x)`` of the crosshair: each view shows the slice through it."""
    window_changed = Signal(float, float)
    """Level and width in modality units."""
    label_picked = Signal(int)
    cleared = Signal()
    """The case was let go."""
    peeked = Signal()
    """H was held and let go: what it hid is to be seen again."""
    prompted = Signal(object)
    """A Prompt: what was pointed at."""
    object_ended = Signal()
    """What was pointed at is kept, and another object begins."""
    object_dropped = Signal()
    layout_changed = Signal(str)
    told = Signal(str)
    """Words for the person, which are shown on the view as well."""
    refused = Signal()
    """A gesture changed nothing, because the rules forbade it."""
    suggestion_answered = Signal(str)
    """``all``, ``slice`` or ``drop``: what is suggested is wanted, or not."""
    looked = Signal()
    """Another part of the slice is seen in the view that is worked in, or another plane."""
    mask_touched = Signal(object)
    """Box of the mask that was written to; None where it is not known where."""
    tool_let_go = Signal(bool)
    """The tool before is wanted again; whether for good, by a tap of space."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(240, 180)
        self._marks = Marks()
        self.space = SurfaceDesk(self)
        self.slide = SlideDesk(lambda: self._views.views, self)
        self._views = LinkedViews(Scene, self._marks, self, make_space=self.space.make_view)
        self._window: WindowLevel | None = None
        self._colors = LabelColors()
        self._gestures = Gestures(self._views, self._marks, self._colors, self)
        self._connect()

    @property
    def position(self) -> tuple[int, int, int]:
        """Voxel ``(z, y, x)`` whose slices are shown."""
        return self._marks.position

    @property
    def limits(self) -> tuple[float, float]:
        """Stored values that are shown black and white."""
        return (0.0, 1.0) if self._window is None else self._window.limits

    @property
    def window_values(self) -> tuple[float, float] | None:
        """Level and width in modality units; None for colour, which is shown as it is."""
        return None if self._window is None else (self._window.level, self._window.width)

    @property
    def label_colors(self) -> Mapping[int, Color]:
        """Colour of each label that is shown, RGBA 0 to 1."""
        return self._colors.table()

    @property
    def clock(self) -> StrokeClock:
        """How fast drawing is seen."""
        return self._views.clock

    @property
    def views(self) -> tuple[SliceView, ...]:
        """The views on the screen."""
        return self._views.views

    def show_volume(
        self,
        voxels: NDArray[Any] | PyramidVoxels,
        series: Series,
        mask: Mask,
        schema: LabelSchema,
        levels: MaskLevels | None = None,
    ) -> None:
        """Show a series with a live mask ``(z, y, x)`` that tools write into.

        ``levels`` are those of the mask of a slide on which something is drawn.
        """
        if voxels.shape[:3] != mask.shape:
            raise GeometryMismatchError(
                f"the mask has shape (z, y, x) {mask.shape}, the series {voxels.shape[:3]}; "
                "a mask is drawn on the grid of its series"
            )
        self._colors.use(schema)
        values = MaskValues(schema)
        layers = self._marks.layers = (
            LabelLayers(values, mask.dtype) if values.may_overlap else None
        )
        surface = Surface(
            mask=mask,
            image=voxels,  # type: ignore[arg-type]  # a pyramid is cut like an array
            spacing_mm=series.geometry.spacing_mm,
            unit="mm" if series.geometry.is_calibrated else "px",
            slope=series.slope,
            intercept=series.intercept,
            layers=layers,
            group=values.groups[0],
        )
        if isinstance(voxels, PyramidVoxels):
            voxels = self.slide.open(voxels, mask, levels)
            surface = self.slide.surface(surface)
        self._gestures.use(surface)
        self._marks.contours = ContourBook(layers=layers)
        self._marks.highlight = self._marks.flash = None
        self._marks.hints = ()
        self._gestures.set_kept(NO_MARKS, UNMARKED)
        self._marks.is_calibrated = series.geometry.is_calibrated
        planes = planes_of(series)
        self._marks.has_crosshair = len(planes) == 3
        self._views.show_volume(voxels, mask, planes)
        self.space.use(mask, planes, series.geometry.spacing_mm, layers)
        self.space.set_position(self.position)
        sample = voxels.sample() if isinstance(voxels, SlidePicture) else voxels
        self._window = first_window(sample, series)
        self._marks.window_text = ""
        if self._window is not None:
            self.set_window(self._window.level, self._window.width)
        self._show_colors()
        self.position_changed.emit(self.position)

    def clear(self) -> None:
        """Let the case go."""
        self.cleared.emit()
        self._gestures.use(None)
        self.slide.close()
        self._views.clear()
        self.space.clear()
        self._window = None
        self._marks.contours = ContourBook()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Give the drawing surfaces back."""
        self.clear()
        self.space.close()
        self._views.close_scenes()
        super().closeEvent(event)

    def set_layout(self, name: str) -> None:
        """Show the views in one of the layouts that there are: see ``LinkedViews``."""
        self._views.set_layout(name)
        self.layout_changed.emit(name)

    @property
    def layout_name(self) -> str:
        """The layout that is shown."""
        return self._views.layout_name

    @property
    def view_in_hand(self) -> SliceView:
        """The view that was worked in last, or the first one on the screen."""
        axis = self.plane_in_hand.axis
        return next((one for one in self.views if one.plane.axis == axis), self.views[0])

    @property
    def shows_contours(self) -> bool:
        """Whether labels are lines and not areas."""
        return self._marks.style.is_contour

    def offer_companion(self, on: bool) -> None:
        """Have the layout ``beside``, or not."""
        self._views.has_companion = on

    def turn(self) -> None:
        """Work in the next plane."""
        self._views.turn()

    @property
    def next_layout(self) -> str:
        """The layout that comes after the one that is shown."""
        names = self._views.layouts
        return names[(names.index(self._views.layout_name) + 1) % len(names)]

    def set_position(self, zyx: Sequence[int]) -> None:
        """Show the slices through a voxel, and bring it into view."""
        self._views.set_position(zyx)
        self._views.catch_up()
        self._views.bring_into_view()

    def step_slices(self, steps: int, *, around: bool = False) -> None:
        """Go on by slices in the view that was worked in last, ``around`` from end to beginning."""
        self._views.step(steps, around=around)

    def set_style(self, style: ViewStyle) -> None:
        """Show image and labels in another way."""
        self._marks.style = style
        self._views.set_style(style)
        self._views.repaint_marks()

    def zoom_to_label(self) -> bool:
        """Bring the label that is drawn with into view; False where it is not drawn."""
        surface = self.surface
        if surface is None:
            return False
        if isinstance(surface, SlideSurface):
            found = surface.label_box(self.label)
        else:
            found = Scope(surface=surface, box=surface.whole, plane=None).find(self.label)
        if found is None:
            return False
        self.set_position([(start + stop) // 2 for start, stop in zip(*found, strict=True)])
        self._views.zoom_to(found)
        return True

    def zoom_by(self, factor: float) -> None:
        """Zoom the view that was worked in last about its middle."""
        self._views.zoom_by(factor)

    def fit(self) -> None:
        """Show whole slices, and the whole volume."""
        self._views.fit()
        self.space.fit()

    def set_window(self, level: float, width: float) -> None:
        """Show grey levels around ``level``, ``width`` wide, in modality units."""
        if self._window is None:
            return
        self._window = self._window.at(level, width)
        self._marks.window_text = self._window.text
        half = self._window.width / 2
        self._marks.window_ends = (self._window.level - half, self._window.level + half)
        self._views.set_limits(self._window.limits)
        self._views.repaint_marks()
        self.window_changed.emit(self._window.level, self._window.width)

    def set_tool(self, name: str) -> None:
        """Take a tool by its stable name: see ``drawing_desk.IN_HAND``."""
        self._gestures.set_tool(name)
        self.space.set_cutting(self._gestures.cuts)

    def set_options(self, tool: str, chosen: Mapping[str, Chosen]) -> None:
        """Set options of a tool, for what begins from now on."""
        self._gestures.set_options(tool, chosen)

    @property
    def surface(self) -> Surface | None:
        """What is drawn on; None where no case is shown."""
        return self._gestures.surface

    @property
    def plane_in_hand(self) -> Plane:
        """The plane of the view that was worked in last."""
        return self._views.plane_in_hand

    def set_rules(self, rules: MaskingRules) -> None:
        """Hold every tool to rules."""
        self._gestures.set_rules(rules)

    def set_tinted(self, on: bool) -> None:
        """Show on the image where the rules let tools draw, where they limit that."""
        self._gestures.set_tinted(on and self.slide.picture is None)

    def show_suggestion(self, suggestion: Suggestion | None, words: str) -> None:
        """Show what would change in place of the mask, with words; None shows the mask again."""
        self._gestures.show_suggestion(suggestion, words)
        self.space.live.suggest(suggestion)

    def set_label(self, value: int) -> None:
        """Draw with this label."""
        self._gestures.set_label(value)

    @property
    def label(self) -> int:
        """The label that is drawn with."""
        return self._gestures.label

    def set_drag_kind(self, kind: PromptKind) -> None:
        """Set what dragging draws with the tool that points."""
        self._gestures.set_drag_kind(kind)

    def set_hints(self, prompts: tuple[Prompt, ...]) -> None:
        """Show what was pointed at for the object in progress."""
        self._gestures.set_hints(prompts)

    def set_marks(self, layer: MarkLayer, markings: Markings) -> None:
        """Show the marks of the case; ``markings`` are those that tools take hold of."""
        self._gestures.set_kept(layer, markings)

    def settle(self) -> None:
        """Keep what is being measured, as it is."""
        self._gestures.settle()

    def go_to(self, box: Box) -> None:
        """Show the slices through the middle of a voxel box, and frame it for a moment."""
        self.set_position([(low + high - 1) // 2 for low, high in zip(*box, strict=True)])
        self._views.flash(box)

    def show_edit(self, tool: str, edit: Edit) -> None:
        """Show an edit that was made on the live mask elsewhere; told as ``edited``."""
        self._gestures.show_edit(tool, edit)

    def say(self, text: str, *, lasting: bool = False) -> None:
        """Show words on the first view, for a moment or until others come."""
        self._gestures.say(text, lasting=lasting)

    def set_brush_mm(self, diameter: float) -> None:
        """Set the diameter of brush and eraser, mm."""
        self._gestures.set_brush_mm(diameter)

    def set_brush_px(self, diameter: float) -> None:
        """Keep brush and eraser this large on the screen, whatever the zoom."""
        self._gestures.set_brush_px(diameter)

    def set_brush_3d(self, on: bool) -> None:
        """Make tools work in the volume, where they can, and not in one slice."""
        self._gestures.set_brush_3d(on)

    def set_read_only(self, on: bool) -> None:
        """Refuse drawing; the left button then moves the crosshair."""
        self._gestures.set_read_only(on)
        self.space.set_cutting(self._gestures.cuts)

    def confirm(self) -> None:
        """Mean what is in progress as it is: close the polygon."""
        self._gestures.confirm()

    def cancel(self) -> bool:
        """Drop the gesture in progress; False where there was none."""
        return self._gestures.cancel()

    def refresh_mask(self, box: Box | None = None) -> None:
        """Show the mask again after undo, redo or a new start; frame ``box`` for a moment."""
        self.cancel()
        if box is None:
            self.slide.touch_all()
        self.slide.touch(box)
        self._views.refresh_mask()
        self._views.flash(box)

    def _show_caught_up(self, box: Box) -> None:
        for view in self._views.views:
            view.refresh_mask(box)

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

    def set_heat(self, heat: NDArray[np.float32] | None, title: str = "") -> None:
        """Show a heat map ``(z, y, x)``, 0 to 1, and its scale; None takes it away."""
        if heat is not None and self.slide.picture is not None:
            self.say("A map cannot be shown over a whole slide.")
            return
        self._marks.heat_title = "" if heat is None else title
        self._views.set_heat(heat)
        self._views.repaint_marks()

    def frame(self, box: Box) -> None:
        """Zoom and pan so that a voxel box is seen well, where it is not."""
        self._views.frame(box)

    def set_highlight(self, region: Box | NDArray[np.bool_] | None) -> None:
        """Frame a voxel box, or outline where a ``(z, y, x)`` array is True; None for nothing."""
        self._marks.highlight = region
        self._views.repaint_marks()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the views over the whole area."""
        self._views.setGeometry(self.rect())

    def event(self, event: QEvent) -> bool:
        """Note every key that goes down here, also one that is a shortcut of the window."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and not event.isAutoRepeat()
        ):
            self._gestures.hold_key(event.key())
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Handle the keys that belong to a gesture; the others are the window's."""
        if event.key() == Qt.Key.Key_Escape and self.space.drop_outline():
            return
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        is_ours = self._gestures.press_key(
            event.key(), is_repeat=event.isAutoRepeat(), with_shift=shift
        )
        if not is_ours:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """End panning with space, or with a tool whose key was held."""
        if event.isAutoRepeat() or not self._gestures.release_key(event.key()):
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """End what keys are held for: their release will not be heard."""
        self._gestures.forget_keys()
        super().focusOutEvent(event)

    def _connect(self) -> None:
        gestures, views = self._gestures, self._views
        gestures.edited.connect(self.edited)
        gestures.marked.connect(self.marked)
        gestures.mark_taken.connect(self.mark_taken)
        gestures.peeked.connect(self.peeked)
        gestures.label_picked.connect(self.label_picked)
        gestures.prompted.connect(self.prompted)
        gestures.object_ended.connect(self.object_ended)
        gestures.object_dropped.connect(self.object_dropped)
        gestures.cursor_moved.connect(self.cursor_moved)
        gestures.told.connect(self.told)
        gestures.refused.connect(self.refused)
        gestures.suggestion_answered.connect(self.suggestion_answered)
        gestures.tool_let_go.connect(self.tool_let_go)
        gestures.enlarged.connect(self._enlarge)
        gestures.pressed.connect(self.setFocus)
        views.windowed.connect(self._drag_window)
        views.boxed.connect(self._window_box)
        views.position_changed.connect(self.position_changed)
        views.position_changed.connect(self.space.set_position)
        views.mask_touched.connect(self.space.touch)
        self.slide.caught_up.connect(self._show_caught_up)
        self.slide.told.connect(self.say)
        views.mask_touched.connect(self.mask_touched)
        views.looked.connect(self.looked)
        self.space.picked.connect(self.set_position)
        self.space.pressed.connect(self.setFocus)
        self.space.outlined.connect(gestures.cut_in_space)
        self.space.told.connect(self.told)

    def _enlarge(self, axis: int) -> None:
        self._views.enlarge(axis)
        self.layout_changed.emit(self._views.layout_name)

    def _drag_window(self, moved: QPointF) -> None:
        if self._window is not None:
            dragged = self._window.dragged(moved.x(), moved.y())
            self.set_window(dragged.level, dragged.width)

    def _window_box(self, box: Box) -> None:
        """Show the grey levels of a part of the slice best."""
        surface = self.surface
        if surface is None or self._window is None:
            return
        values = (
            surface.seen_values(box) if isinstance(surface, SlideSurface) else surface.values(box)
        )
        self.set_window(*window_of(values))

    def _show_colors(self) -> None:
        self._views.set_colors(self._colors.table())
        self.space.set_colors(self._colors.solid())

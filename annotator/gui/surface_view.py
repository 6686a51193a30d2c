"""The 3D view: the surfaces of labels, seen from any side of the patient.

Drawn by vispy, which napari brings along: import it when the view is first shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy import API_NAME
from qtpy.QtCore import QPointF, Qt, QTimer, Signal
from qtpy.QtWidgets import QWidget
from vispy import app as vispy_app
from vispy import gloo

from annotator.drawing.space_scissors import SpaceOutline
from annotator.gui.marks import PLANE_COLORS
from annotator.gui.patient_frame import OrbitCamera, corners_of, nearest_in_front
from annotator.gui.surface_overlay import SurfaceOverlay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from qtpy.QtGui import QHideEvent, QResizeEvent, QShowEvent

    from annotator.gui.label_colors import Color
    from annotator.gui.live_surfaces import PatientSurface
    from annotator.gui.patient_frame import Ends, PatientFrame

_LATE_MS = 30
"""How long the crosshair may lag behind: a frame of many triangles can take that long."""
_FRAME_COLOR = (0.36, 0.41, 0.47, 1.0)
_SLICE_COLORS = tuple(PLANE_COLORS[name] for name in ("sagittal", "coronal", "axial"))
"""Of the slices across the axes towards left, back and head."""
_CROSS_COLOR = (1.0, 1.0, 1.0, 1.0)
_CROSS_PX = 7.0
_BACKGROUND = (0.0, 0.0, 0.0, 1.0)

_LIT_VERTEX = """
uniform mat4 u_clip;
uniform mat3 u_axes;
attribute vec3 a_point;
attribute vec3 a_normal;
varying vec3 v_normal;
void main() {
    gl_Position = u_clip * vec4(a_point, 1.0);
    v_normal = u_axes * a_normal;
}
"""
_LIT_FRAGMENT = """
uniform vec4 u_color;
varying vec3 v_normal;
void main() {
    vec3 normal = normalize(v_normal);
    normal *= normal.z < 0.0 ? -1.0 : 1.0;
    vec3 lamp = normalize(vec3(-0.4, 0.5, 0.8));
    float shine = pow(max(dot(normal, normalize(lamp + vec3(0.0, 0.0, 1.0))), 0.0), 32.0);
    float light = 0.30 + 0.70 * max(dot(normal, lamp), 0.0);
    float edge = pow(1.0 - normal.z, 3.0);
    float alpha = u_color.a + (1.0 - u_color.a) * 0.6 * edge;
    gl_FragColor = vec4(u_color.rgb * light + 0.22 * shine, alpha);
}
"""
_LINE_VERTEX = """
uniform mat4 u_clip;
attribute vec3 a_point;
void main() { gl_Position = u_clip * vec4(a_point, 1.0); }
"""
_LINE_FRAGMENT = """
uniform vec4 u_color;
void main() { gl_FragColor = u_color; }
"""


class SurfaceView(QWidget):
    """Turns with the left button, moves with the right one or Shift, zooms with the wheel."""

    pressed = Signal()
    clicked = Signal(object)
    """Voxel ``(z, y, x)`` just under the surface that was clicked."""
    shown = Signal(bool)
    """Whether it can be seen from now on."""
    outlined = Signal(object)
    """A SpaceOutline of what was drawn around."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        vispy_app.use_app(API_NAME.lower())
        self._picture = _Picture()
        native: QWidget = self._picture.native
        native.setParent(self)
        native.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._native = native
        self._frame: PatientFrame | None = None
        self._surfaces: dict[int, PatientSurface] = {}
        self._colors: Mapping[int, Color] = {}
        self._position: tuple[int, int, int] = (0, 0, 0)
        self._camera = OrbitCamera()
        self._is_near = False
        self._late = QTimer(self, singleShot=True, interval=_LATE_MS)
        self._late.timeout.connect(self._draw)
        self.overlay = SurfaceOverlay(self)
        self.overlay.pressed.connect(self.pressed)
        self.overlay.turned.connect(lambda x, y: self._look(self._camera.turned(x, y)))
        self.overlay.moved.connect(lambda x, y: self._look(self._camera.moved(x, y)))
        self.overlay.zoomed.connect(
            lambda factor, at: self._look(self._camera.zoomed(factor, at.x(), at.y()))
        )
        self.overlay.clicked.connect(self._click)
        self.overlay.double_clicked.connect(self._change_distance)
        self.overlay.outlined.connect(self._tell_outline)

    @property
    def camera(self) -> OrbitCamera:
        """From where it is looked at."""
        return self._camera

    @property
    def surfaces(self) -> dict[int, PatientSurface]:
        """Surfaces of the labels that are drawn, hidden or not."""
        return dict(self._surfaces)

    @property
    def visible_labels(self) -> frozenset[int]:
        """Labels whose surface can be seen."""
        return frozenset(value for value in self._surfaces if self._alpha(value) > 0)

    def show_volume(self, frame: PatientFrame | None) -> None:
        """Show another volume with nothing in it, from where the last was seen; None: no volume."""
        self._surfaces.clear()
        self._picture.clear()
        self._frame = frame
        self.overlay.ends = None if frame is None else frame.ends
        self._say_if_empty()
        self.fit()

    def show_surface(self, label: int, surface: PatientSurface | None) -> None:
        """Show the surface of a label; None takes it away."""
        if surface is None:
            self._surfaces.pop(label, None)
        else:
            self._surfaces[label] = surface
        self._picture.put(label, surface)
        self._say_if_empty()
        self._draw()

    def set_colors(self, colors: Mapping[int, Color]) -> None:
        """Show labels in these colours; those that are not named, or fully clear, are hidden."""
        self._colors = colors
        self._say_if_empty()
        self._draw()

    def set_position(self, zyx: tuple[int, int, int]) -> None:
        """Show where the crosshair is."""
        self._position = zyx
        if self.isVisible() and not self._late.isActive():
            self._late.start()

    def set_busy(self, on: bool) -> None:
        """Show that what is seen is not yet what is drawn."""
        self.overlay.is_busy = on
        self._say_if_empty()

    def fit(self) -> None:
        """Show the whole volume."""
        self._is_near = False
        if self._frame is not None:
            self._look(self._camera.fitted(corners_of(self._frame.ends)))

    def pick(self, place: QPointF) -> tuple[int, int, int] | None:
        """Return the voxel ``(z, y, x)`` just under the surface at a place of the view."""
        if self._frame is None:
            return None
        found = [
            nearest_in_front(
                self._camera.to_screen(surface.points), surface.triangles, place.x(), place.y()
            )
            for value, surface in self._surfaces.items()
            if self._alpha(value) > 0
        ]
        depths = [depth for depth in found if depth is not None]
        if not depths:
            return None
        inside = max(depths) - min(self._frame.spacing_mm) / 2
        return self._frame.to_voxel(self._camera.from_screen(place.x(), place.y(), inside))

    def screen_of(self, zyx: tuple[int, int, int]) -> QPointF:
        """Return where a voxel is in the view."""
        if self._frame is None:
            return QPointF()
        x, y, _ = self._camera.to_screen(self._frame.from_voxel(zyx)[None])[0]
        return QPointF(float(x), float(y))

    def close_scene(self) -> None:
        """Give the drawing surface back."""
        self._late.stop()
        self._surfaces.clear()
        self._picture.clear()
        self._picture.close()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep what is seen in the middle, at the same share of the view."""
        before, size = self._camera.size, (max(self.width(), 1), max(self.height(), 1))
        self._native.setGeometry(0, 0, *size)
        self.overlay.setGeometry(0, 0, *size)
        self.overlay.raise_()
        if before == (1, 1):
            self._camera = replace(self._camera, size=size)
            self.fit()
        else:
            zoom = self._camera.zoom * min(size) / min(before)
            self._look(replace(self._camera, size=size, zoom=zoom))

    def showEvent(self, event: QShowEvent) -> None:
        """Tell that it is seen."""
        super().showEvent(event)
        self._draw()
        self.shown.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Tell that it is not seen any more."""
        self._late.stop()
        super().hideEvent(event)
        self.shown.emit(False)

    def _alpha(self, value: int) -> float:
        return self._colors[value][3] if value in self._colors else 0.0

    def _click(self, place: QPointF) -> None:
        voxel = self.pick(place)
        if voxel is not None:
            self.clicked.emit(voxel)

    def _tell_outline(self, corners: NDArray[np.float64]) -> None:
        if self._frame is not None:
            self.outlined.emit(
                SpaceOutline(
                    corners=corners,
                    to_screen=self._camera.of_voxels(self._frame),
                    visible=self.visible_labels,
                )
            )

    def _change_distance(self) -> None:
        """Look at what is drawn from near, or at the whole volume again."""
        seen = [self._surfaces[value].points for value in self.visible_labels]
        if self._is_near or not seen:
            self.fit()
        else:
            self._is_near = True
            self._look(self._camera.fitted(np.concatenate(seen)))

    def _look(self, camera: OrbitCamera) -> None:
        self._camera = self.overlay.camera = camera
        self._draw()

    def _say_if_empty(self) -> None:
        words = ""
        if self._frame is not None and not self.overlay.is_busy and not self.visible_labels:
            words = "All labels are hidden." if self._surfaces else "Nothing is drawn yet."
        self.overlay.words = words
        self.overlay.update()

    def _draw(self) -> None:
        frame = self._frame
        self._picture.camera = self._camera
        self._picture.ends = None if frame is None else frame.ends
        # What is clear shows what was drawn before it: large surfaces are drawn last.
        order = sorted(
            self.visible_labels,
            key=lambda value: (self._alpha(value) < 1, len(self._surfaces[value].points)),
        )
        self._picture.colors = {value: self._colors[value] for value in order}
        if frame is not None:
            self._picture.crosshair = frame.from_voxel(self._position)
        self.overlay.update()
        self._picture.update()


class _Picture(vispy_app.Canvas):  # type: ignore[misc]
    """What OpenGL draws. The buffers of a label are filled when it changes, and not before."""

    def __init__(self) -> None:
        super().__init__(keys=None, config={"samples": 4, "depth_size": 24})
        self.camera = OrbitCamera()
        self.ends: Ends | None = None
        self.colors: dict[int, Color] = {}
        self.crosshair: NDArray[np.float32] = np.zeros(3, np.float32)
        self._lit = gloo.Program(_LIT_VERTEX, _LIT_FRAGMENT)
        self._line = gloo.Program(_LINE_VERTEX, _LINE_FRAGMENT)
        self._lines = gloo.VertexBuffer(np.zeros((24, 3), np.float32))
        self._buffers: dict[int, tuple[Any, Any, Any]] = {}

    def put(self, label: int, surface: PatientSurface | None) -> None:
        """Draw a label with another surface; None takes it away."""
        for buffer in self._buffers.pop(label, ()):
            buffer.delete()
        if surface is not None:
            self._buffers[label] = (
                gloo.VertexBuffer(surface.points),
                gloo.VertexBuffer(surface.normals),
                gloo.IndexBuffer(surface.triangles),
            )

    def clear(self) -> None:
        """Let all surfaces go."""
        for label in list(self._buffers):
            self.put(label, None)
        self.colors = {}

    def on_draw(self, _event: object) -> None:
        """Draw the frame and the surfaces; those that let light through last."""
        gloo.set_viewport(0, 0, *self.physical_size)
        gloo.set_state(depth_test=True, cull_face=False, blend=True, depth_mask=True)
        gloo.set_blend_func("src_alpha", "one_minus_src_alpha", "zero", "one")
        gloo.clear(color=_BACKGROUND, depth=True)
        if self.ends is None:
            return
        clip = self.camera.clip_matrix(self.ends)
        self._lit["u_clip"] = self._line["u_clip"] = clip
        self._lit["u_axes"] = self.camera.axes.T.astype(np.float32)
        self._draw_lines(_box_edges(self.ends), _FRAME_COLOR)
        for axis, name in enumerate(_SLICE_COLORS):
            red, green, blue = (part / 255 for part in bytes.fromhex(name[1:]))
            edges = _slice_edges(self.ends, axis, self.crosshair[axis])
            self._draw_lines(edges, (red, green, blue, 0.75))
        for label, color in self.colors.items():
            is_clear = color[3] < 1
            gloo.set_state(cull_face=is_clear, depth_mask=not is_clear)
            points, normals, triangles = self._buffers[label]
            self._lit["a_point"], self._lit["a_normal"] = points, normals
            self._lit["u_color"] = color
            self._lit.draw("triangles", triangles)
        gloo.set_state(cull_face=False, depth_mask=True, depth_test=False)
        self._draw_lines(_cross(self.crosshair, _CROSS_PX / self.camera.zoom), _CROSS_COLOR)

    def _draw_lines(self, ends: NDArray[np.float32], color: Color) -> None:
        self._lines.set_data(ends)
        self._line["a_point"], self._line["u_color"] = self._lines, color
        self._line.draw("lines")


def _box_edges(ends: Ends) -> NDArray[np.float32]:
    """Return the twelve edges of a box as pairs of corners, ``(24, 3)``."""
    pairs = [(one, one | bit) for one in range(8) for bit in (1, 2, 4) if not one & bit]
    made: NDArray[np.float32] = corners_of(ends)[np.array(pairs).ravel()]
    return made


def _slice_edges(ends: Ends, axis: int, at: float) -> NDArray[np.float32]:
    """Return the four edges of the slice of a box across an axis, ``(8, 3)``."""
    low, high = (end.copy() for end in ends)
    low[axis] = high[axis] = at
    others = [bit for place, bit in enumerate((4, 2, 1)) if place != axis]
    corners = [0, others[0], others[0] | others[1], others[1]]
    around = np.array([corners, [*corners[1:], corners[0]]]).T.ravel()
    made: NDArray[np.float32] = corners_of((low, high))[around]
    return made


def _cross(place: NDArray[np.float32], arm_mm: float) -> NDArray[np.float32]:
    """Return three short lines through a place, ``(6, 3)``."""
    arms = np.eye(3, dtype=np.float32) * np.float32(arm_mm)
    made: NDArray[np.float32] = np.stack([place - arms, place + arms], axis=1).reshape(-1, 3)
    return made

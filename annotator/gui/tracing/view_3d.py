"""The 3D view: the volume's brightest along each line of sight, and the trees in it.

Drawn by vispy, which napari brings along; like the canvas it takes seconds to import.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy import API_NAME
from qtpy.QtCore import QEvent, QObject, QPointF, Qt, QTimer, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget
from vispy import app as vispy_app
from vispy import scene
from vispy.visuals.transforms import STTransform

from annotator.gui.tracing.shown import SEVERITY_COLORS, TreeHit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from qtpy.QtGui import QCloseEvent, QHideEvent

    from annotator.domain.tracing import PointUm
    from annotator.gui.tracing.lines import TreeLines
    from annotator.gui.tracing.shown import PlaceMark, ShownTree
    from annotator.gui.tracing.slab import PreparedImage

_PICK_PX = 9.0
_CLICK_PX = 4.0
_COARSE, _FINE = 2.5, 0.8
"""Steps along a line of sight, in voxels: while it turns, and when it rests."""
_REST_MS = 220
_MAX_EDGES = 400_000
"""More are thinned while they are too small to tell apart."""


class View3D(QWidget):
    """Turns with the left button, moves with the right one or Shift, zooms with the wheel."""

    clicked = Signal(object, object)
    """What of a tree was clicked, or None; and the keys that were held."""
    double_clicked = Signal(object)
    """What of a tree was clicked twice, or None."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        vispy_app.use_app(API_NAME.lower())
        self._canvas = scene.SceneCanvas(keys=None, bgcolor="black", create_native=False)
        self._canvas.create_native()
        native: QWidget = self._canvas.native
        native.setParent(self)
        native.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        native.setAccessibleName("3D view")
        native.setToolTip(
            "Drag turns, Shift + drag moves, the wheel zooms. A click on a tree goes there; "
            "a double click shows all."
        )
        native.installEventFilter(self)
        self._native = native
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(native)
        self._view = self._canvas.central_widget.add_view()
        self._view.camera = scene.cameras.TurntableCamera(fov=0, elevation=15, azimuth=75, up="-y")
        self._volume: Any = None
        self._trees: dict[str, tuple[ShownTree, TreeLines, Any]] = {}
        self._frame: Any = None
        self._places: Any = None
        self._cross: Any = None
        self._extent_um = np.ones(3)
        self._pressed: QPointF | None = None
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(lambda: self._set_step(_FINE))

    def show_image(self, prepared: PreparedImage) -> None:
        """Show another volume, whole."""
        self.clear()
        spacing = np.array(prepared.image.spacing_um[::-1])
        step = np.array(prepared.small_step[::-1])
        self._extent_um = spacing * np.array(prepared.image.voxels.shape[::-1])
        self._volume = scene.visuals.Volume(
            prepared.small,
            method="mip",
            cmap="grays",
            clim=prepared.window.limits,
            relative_step_size=_FINE,
            interpolation="linear",
            parent=self._view.scene,
        )
        # Texture places count from a voxel's corner; a shrunk voxel stands for `step` of them.
        self._volume.transform = STTransform(
            scale=(*(spacing * step),), translate=(*(spacing * (step - 1) / 2),)
        )
        self._volume.set_gl_state("additive", depth_test=False)
        self._volume.order = 0
        self._frame = scene.visuals.Line(
            _box_corners(self._extent_um - spacing, -spacing / 2),
            connect="segments",
            color=(0.45, 0.5, 0.56, 1.0),
            parent=self._view.scene,
        )
        self._frame.set_gl_state("translucent", depth_test=False)
        self._frame.order = 1
        self.fit()

    def set_limits(self, limits: tuple[float, float]) -> None:
        """Show values between these from black to white."""
        if self._volume is not None:
            self._volume.clim = limits

    def show_trees(self, trees: Sequence[tuple[ShownTree, TreeLines]]) -> None:
        """Show these trees; what is the same object as before is left alone."""
        keys = {tree.key for tree, _ in trees}
        for key in [key for key in self._trees if key not in keys]:
            self._trees.pop(key)[2].parent = None
        for order, (tree, lines) in enumerate(trees):
            known = self._trees.get(tree.key)
            if known is not None and known[0] is tree:
                continue
            visual = known[2] if known is not None else self._new_line(order)
            _fill(visual, tree, lines)
            self._trees[tree.key] = (tree, lines, visual)
        self._canvas.update()

    def show_places(self, places: Sequence[PlaceMark]) -> None:
        """Show places to look at."""
        if self._places is None:
            self._places = scene.visuals.Markers(parent=self._view.scene)
            self._places.set_gl_state("translucent", depth_test=False)
            self._places.order = 20
        self._places.visible = bool(places)
        if places:
            colors = np.array([_rgba(SEVERITY_COLORS[mark.severity], 1.0) for mark in places])
            chosen = np.array([mark.is_selected for mark in places])
            self._places.set_data(
                np.array([mark.point_um for mark in places], np.float32),
                face_color=np.where(chosen[:, None], colors, 0.0),
                edge_color=colors,
                edge_width=2.0,
                size=np.where(chosen, 16.0, 11.0),
            )
        self._canvas.update()

    def show_selected(self, point_um: PointUm | None) -> None:
        """Show the node that is worked on."""
        if self._cross is None:
            self._cross = scene.visuals.Markers(parent=self._view.scene)
            self._cross.set_gl_state("translucent", depth_test=False)
            self._cross.order = 30
        self._cross.visible = point_um is not None
        if point_um is not None:
            self._cross.set_data(
                np.array([point_um], np.float32),
                face_color=(0, 0, 0, 0),
                edge_color="white",
                edge_width=2.0,
                size=14.0,
            )
        self._canvas.update()

    def fly_to(self, point_um: PointUm, extent_um: float) -> None:
        """Bring a place to the middle, with so much around it."""
        camera = self._view.camera
        camera.center = point_um
        camera.scale_factor = extent_um
        self._canvas.update()

    def fit(self) -> None:
        """Show the whole volume."""
        middle = self._extent_um / 2
        self.fly_to((float(middle[0]), float(middle[1]), float(middle[2])), self.whole_um)

    @property
    def whole_um(self) -> float:
        """What must be seen for the whole volume to be."""
        return 1.15 * float(self._extent_um.max())

    def turn(self, azimuth_deg: float, elevation_deg: float) -> None:
        """Turn by angles, as dragging does."""
        self._set_step(_COARSE)
        self._view.camera.orbit(azimuth_deg, elevation_deg)
        self._rest.start()

    def zoom_by(self, factor: float) -> None:
        """Zoom about the middle."""
        self._view.camera.scale_factor /= factor
        self._canvas.update()

    def clear(self) -> None:
        """Let volume and trees go."""
        for _, _, visual in self._trees.values():
            visual.parent = None
        self._trees.clear()
        for visual in (self._volume, self._frame, self._places, self._cross):
            if visual is not None:
                visual.parent = None
        self._volume = self._frame = self._places = self._cross = None

    def close_scene(self) -> None:
        """Give the drawing surface back."""
        self._rest.stop()
        self.clear()
        self._native.removeEventFilter(self)
        self._canvas.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Give the drawing surface back."""
        self.close_scene()
        super().closeEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Draw nothing that is not seen."""
        self._rest.stop()
        super().hideEvent(event)

    def pick(self, place: QPointF) -> TreeHit | None:
        """Return the node under a place of the view."""
        at = np.array((place.x(), place.y()))
        best: tuple[float, TreeHit] | None = None
        for tree, lines, visual in self._trees.values():
            if not tree.is_pickable or not len(lines):
                continue
            far = np.linalg.norm(_on_screen(visual, lines.points) - at[:, None], axis=0)
            row = int(np.nanargmin(far))
            if far[row] <= _PICK_PX and (best is None or far[row] < best[0]):
                hit = TreeHit(
                    key=tree.key,
                    row=row,
                    edge_row=row if lines.above[row] != row else -1,
                    is_node=True,
                    point_um=lines.place(row),
                )
                best = (float(far[row]), hit)
        return None if best is None else best[1]

    def screen_of(self, point_um: PointUm) -> QPointF:
        """Return where a place of the image frame is in the view."""
        transform = self._view.scene.node_transform(self._canvas.scene)
        mapped = transform.map(np.array([point_um]))[0]
        return QPointF(mapped[0] / mapped[3], mapped[1] / mapped[3])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Tell a click from a drag, and draw coarsely while it turns."""
        kind = event.type()
        if isinstance(event, QMouseEvent) and watched is self._native:
            place = event.position()
            if kind == QEvent.Type.MouseButtonPress:
                self._pressed = place
            elif kind == QEvent.Type.MouseMove and event.buttons() != Qt.MouseButton.NoButton:
                self._set_step(_COARSE)
                self._rest.start()
            elif kind == QEvent.Type.MouseButtonDblClick:
                self.double_clicked.emit(self.pick(place))
            elif kind == QEvent.Type.MouseButtonRelease and self._pressed is not None:
                moved, self._pressed = place - self._pressed, None
                if math.hypot(moved.x(), moved.y()) < _CLICK_PX:
                    self.clicked.emit(self.pick(place), event.modifiers())
        elif kind == QEvent.Type.Wheel and watched is self._native:
            self._set_step(_COARSE)
            self._rest.start()
        return super().eventFilter(watched, event)

    def _new_line(self, order: int) -> Any:  # noqa: ANN401 - vispy's classes are made at run time
        visual = scene.visuals.Line(
            np.zeros((2, 3), np.float32), connect="segments", method="gl", parent=self._view.scene
        )
        visual.set_gl_state("translucent", depth_test=False)
        visual.order = 2 + order
        return visual

    def _set_step(self, step: float) -> None:
        if self._volume is not None and self._volume.relative_step_size != step:
            self._volume.relative_step_size = step
            self._canvas.update()


def _fill(visual: Any, tree: ShownTree, lines: TreeLines) -> None:  # noqa: ANN401 - see above
    rows = np.flatnonzero(lines.above != np.arange(len(lines)))
    if len(rows) > _MAX_EDGES:
        # Of so many, most are shorter than a pixel: some stand for all.
        rows = rows[:: -(-len(rows) // _MAX_EDGES)]
    visual.visible = bool(len(rows))
    if not len(rows):
        return
    places = np.empty((2 * len(rows), 3), np.float32)
    places[0::2], places[1::2] = lines.points[:, rows].T, lines.ends[:, rows].T
    alpha = 0.35 if tree.is_faded else 1.0
    palette = np.array([_rgba(color, alpha) for color in tree.palette], np.float32)
    if tree.codes is None:
        color: NDArray[np.float32] = palette[0]
    else:
        color = np.repeat(palette[tree.codes[rows]], 2, axis=0)
    visual.set_data(pos=places, color=color, connect="segments", width=tree.width_px)


def _on_screen(visual: Any, points: NDArray[np.float32]) -> NDArray[np.float64]:  # noqa: ANN401 - see above
    """Return where points ``(3, point)`` are in the view, ``(2, point)``.

    Without perspective the way to the screen is affine: four points tell it for all.
    """
    corners = np.vstack([np.zeros(3), np.eye(3)])
    mapped = visual.get_transform("visual", "canvas").map(corners)
    places = mapped[:, :2] / mapped[:, 3:]
    turned: NDArray[np.float64] = (places[1:] - places[0]).T @ points + places[0][:, None]
    return turned


def _rgba(color: str, alpha: float) -> tuple[float, float, float, float]:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue, alpha


def _box_corners(high: NDArray[np.float64], low: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the twelve edges of a box as pairs of corners, ``(24, 3)``."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    pairs = [
        (one, other)
        for one in range(8)
        for other in range(one + 1, 8)
        if np.abs(corners[one] - corners[other]).sum() == 1
    ]
    places = low + corners * (high - low)
    made: NDArray[np.float32] = places[np.array(pairs).reshape(-1)].astype(np.float32)
    return made

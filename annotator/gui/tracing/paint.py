"""Painting of trees over a slab: smooth lines where there are few, pixels where there are many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QLineF, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen

from annotator.gui.tracing.lines import Window
from annotator.gui.tracing.shown import SEVERITY_COLORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.domain.tracing import PointUm
    from annotator.gui.planes import Plane
    from annotator.gui.tracing.lines import TreeLines
    from annotator.gui.tracing.shown import PlaceMark, ShownTree
    from annotator.gui.view_camera import ViewCamera

MAX_SMOOTH = 4000
"""Edges that are painted as smooth lines; more become pixels, which takes a time that is bound."""
MAX_DOTS = 1500
_MANY = 200_000
"""Edges near the window from which on nobody asks which of them are in it."""
_MAX_STEP = 64
_APART_PX = 7.0
_MAX_SAMPLES = 2_000_000
_PAD_PX = 12
_RIM = QColor(0, 0, 0, 150)
_FADED, _FULL = 70, 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a view of a plane shows of the image frame.

    ``depth_um`` are the ends of the slab along the axis looked along; None shows all depths alike.
    """

    plane: Plane
    camera: ViewCamera
    depth_um: tuple[float, float] | None
    shows_outside: bool

    @property
    def axes(self) -> tuple[int, int]:
        """Axes of the image frame (0 is x) that run to the right and down."""
        return 2 - self.plane.column_axis, 2 - self.plane.row_axis

    @property
    def depth_axis(self) -> int:
        """Axis of the image frame that is looked along."""
        return 2 - self.plane.axis

    def to_screen(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the places on the screen, ``(2, point)`` x and y, of points ``(3, point)``."""
        camera = self.camera
        screen = np.empty((2, points.shape[1]), np.float32)
        for place, axis in enumerate(self.axes):
            shift = camera.size[place] / 2 - camera.centre_mm[1 - place] * camera.zoom
            np.multiply(points[axis], np.float32(camera.zoom), out=screen[place])
            screen[place] += np.float32(shift)
        return screen

    def window(self, *, pad_px: float = _PAD_PX, in_slab: bool = False) -> Window:
        """Return the box of the image frame that is seen; with ``in_slab`` only as deep as that."""
        camera, (right, down) = self.camera, self.axes
        low, high = [-np.inf] * 3, [np.inf] * 3
        for axis, centre, size in (
            (right, camera.centre_mm[1], camera.size[0]),
            (down, camera.centre_mm[0], camera.size[1]),
        ):
            reach = (size / 2 + pad_px) / camera.zoom
            low[axis], high[axis] = centre - reach, centre + reach
        if in_slab and self.depth_um is not None:
            low[self.depth_axis], high[self.depth_axis] = self.depth_um
        return Window(low=(low[0], low[1], low[2]), high=(high[0], high[1], high[2]))

    def is_in_slab(
        self, points: NDArray[np.float32], ends: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Return which edges reach into the slab, by their two ends ``(3, edge)``."""
        if self.depth_um is None:
            return np.ones(points.shape[1], np.bool_)
        one, other = points[self.depth_axis], ends[self.depth_axis]
        low, high = self.depth_um
        inside: NDArray[np.bool_] = np.minimum(one, other) <= high
        inside &= np.maximum(one, other) >= low
        return inside


def paint_tree(painter: QPainter, tree: ShownTree, lines: TreeLines, sight: Sight) -> None:
    """Paint the edges of a tree that are seen; those outside the slab faint, or not at all."""
    window = sight.window(in_slab=not sight.shows_outside)
    near = lines.candidates(window)
    n_near = len(lines) if near is None else len(near)
    if n_near > _MANY:
        _paint_pixels(painter, tree, lines, near, sight)
        return
    rows = lines.edges_in(window)
    if not len(rows):
        return
    if len(rows) > MAX_SMOOTH:
        _paint_pixels(painter, tree, lines, rows, sight)
        return
    points, ends = lines.points[:, rows], lines.ends[:, rows]
    inside = sight.is_in_slab(points, ends)
    codes = _codes(tree, rows)
    _paint_smooth(painter, tree, sight.to_screen(points), sight.to_screen(ends), codes, inside)


def _paint_smooth(
    painter: QPainter,
    tree: ShownTree,
    start: NDArray[np.float32],
    stop: NDArray[np.float32],
    codes: NDArray[np.uint8],
    inside: NDArray[np.bool_],
) -> None:
    groups: list[tuple[QColor, float, NDArray[np.bool_]]] = []
    strength = 150 if tree.is_faded else _FULL
    if inside.any() and not tree.is_faded:
        groups.append((_RIM, tree.width_px + 2.0, inside))
    for code in np.unique(codes).tolist():
        color = QColor(tree.palette[code])
        color.setAlpha(strength)
        groups.append((color, tree.width_px, inside & (codes == code)))
        faint = QColor(color)
        faint.setAlpha(_FADED)
        groups.insert(0, (faint, max(1.0, tree.width_px - 0.8), ~inside & (codes == code)))
    for color, width, chosen in groups:
        if not chosen.any():
            continue
        pen = QPen(color, width)
        pen.setCapStyle(
            Qt.PenCapStyle.RoundCap if color.alpha() == _FULL else Qt.PenCapStyle.FlatCap
        )
        painter.setPen(pen)
        columns = np.concatenate([start[:, chosen], stop[:, chosen]]).astype(np.float64)
        painter.drawLines(list(map(QLineF, *columns.tolist())))


def _paint_pixels(
    painter: QPainter,
    tree: ShownTree,
    lines: TreeLines,
    rows: NDArray[np.int64] | None,
    sight: Sight,
) -> None:
    """Paint many edges, of the rows given or all, as the pixels that they cross."""
    ratio = painter.device().devicePixelRatio()
    width, height = (max(1, round(length * ratio)) for length in sight.camera.size)
    scale = sight.camera.zoom * ratio
    # Where nodes lie closer than pixels, some of them stand for all.
    step = max(1, min(_MAX_STEP, int(0.7 / max(scale * lines.usual_um, 1e-6))))
    some = slice(None, None, step) if rows is None else rows[::step]
    places = sight.to_screen(lines.points[:, some]) * np.float32(ratio)
    inside = sight.is_in_slab(lines.points[:, some], lines.points[:, some])
    marks = None if tree.codes is None else tree.codes[some] + np.uint8(1)
    reach = lines.reach if rows is None else lines.reach[rows]
    long = np.flatnonzero(reach > 1.0 / scale)
    if rows is not None:
        long = rows[long]
    between, long_inside, long_marks = _sampled(tree, lines, long, sight, ratio)
    seen = np.zeros((height, width), np.uint8)
    n_colors = len(tree.palette)
    # Outside the slab first, so that what is inside lies over it.
    for wants, first in ((False, 0), (True, n_colors)):
        if wants or sight.shows_outside:
            _put(seen, places, inside == wants, marks, first)
            _put(seen, between, long_inside == wants, long_marks, first)
    thick = seen.copy()
    np.maximum(thick[:, 1:], seen[:, :-1], out=thick[:, 1:])
    np.maximum(thick[1:], seen[:-1], out=thick[1:])
    pixels = np.ascontiguousarray(_color_table(tree)[thick])
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    painter.drawImage(0, 0, image)


def _color_table(tree: ShownTree) -> NDArray[np.uint32]:
    """Return what a mark looks like, premultiplied: faint colours, then full ones."""
    table = np.zeros((256, 4), np.uint8)
    strength = 150 if tree.is_faded else _FULL
    for code, name in enumerate(tree.palette):
        color = QColor(name)
        for first, alpha in ((1, _FADED), (1 + len(tree.palette), strength)):
            share = alpha / 255
            mixed = [round(part * share) for part in (color.blue(), color.green(), color.red())]
            table[code + first] = (*mixed, alpha)
    looks: NDArray[np.uint32] = table.view(np.uint32)[:, 0]
    return looks


def _sampled(
    tree: ShownTree, lines: TreeLines, rows: NDArray[np.int64], sight: Sight, ratio: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.uint8] | None]:
    """Return places a pixel apart on edges that are longer, whether in the slab, and marks."""
    if len(rows) > _MAX_SAMPLES // 4:
        rows = rows[:: -(-4 * len(rows) // _MAX_SAMPLES)]
    points, ends = lines.points[:, rows], lines.ends[:, rows]
    start = sight.to_screen(points) * np.float32(ratio)
    along = sight.to_screen(ends) * np.float32(ratio) - start
    most = 2 * sum(sight.camera.size)
    length = np.nan_to_num(np.abs(along).max(axis=0, initial=0.0), nan=0.0, posinf=0.0)
    counts = np.clip(np.ceil(length), 1, most).astype(np.int64)
    total = int(counts.sum())
    if total > _MAX_SAMPLES:
        counts = np.maximum(1, counts * _MAX_SAMPLES // total)
    which = np.repeat(np.arange(len(rows)), counts)
    step = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = ((step + 1) / counts[which]).astype(np.float32)
    inside = sight.is_in_slab(points, ends)[which]
    marks = None if tree.codes is None else (tree.codes[rows] + np.uint8(1))[which]
    return start[:, which] + share * along[:, which], inside, marks


def _put(
    seen: NDArray[np.uint8],
    places: NDArray[np.float32],
    chosen: NDArray[np.bool_],
    marks: NDArray[np.uint8] | None,
    first: int,
) -> None:
    """Write marks, or 1 where there are none, plus ``first``, into the pixels of chosen places."""
    height, width = seen.shape
    x, y = places
    valid = chosen & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    at = y[valid].astype(np.int32) * np.int32(width) + x[valid].astype(np.int32)
    seen.reshape(-1)[at] = np.uint8(1 + first) if marks is None else marks[valid] + np.uint8(first)


def paint_nodes(painter: QPainter, tree: ShownTree, lines: TreeLines, sight: Sight) -> None:
    """Paint the nodes where they lie apart, and roots, forks and tips where there are few."""
    window = sight.window(in_slab=True)
    near = lines.candidates(window)
    if near is None:
        near = np.arange(len(lines) if len(lines) <= _MANY else 0)
    rows = lines.within(near, window) if len(near) <= _MANY else near[:0]
    if len(rows) <= MAX_DOTS and _lie_apart(lines, rows, sight):
        _dots(painter, sight.to_screen(lines.points[:, rows]), QColor("#11151a"), 6.0)
        codes = _codes(tree, rows)
        for code in np.unique(codes).tolist():
            chosen = rows[codes == code]
            color = QColor(tree.palette[code])
            _dots(painter, sight.to_screen(lines.points[:, chosen]), color, 4.0)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for kind, paint, most in (
        (lines.tips, _paint_tip, MAX_DOTS // 4),
        (lines.forks, _paint_fork, MAX_DOTS // 4),
        (lines.roots, _paint_root, MAX_DOTS),
    ):
        chosen = lines.within(kind, window)
        if len(chosen) <= most:
            codes = _codes(tree, chosen)
            for x, y, code in zip(
                *sight.to_screen(lines.points[:, chosen]).tolist(), codes.tolist(), strict=True
            ):
                paint(painter, QPointF(x, y), QColor(tree.palette[code]))


def _codes(tree: ShownTree, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.zeros(len(rows), np.uint8) if tree.codes is None else tree.codes[rows]


def _lie_apart(lines: TreeLines, rows: NDArray[np.int64], sight: Sight) -> bool:
    """Whether single nodes can be told apart: half of the edges are longer than a dot."""
    if not len(rows):
        return False
    return float(np.median(lines.reach[rows])) * sight.camera.zoom > _APART_PX


def _dots(painter: QPainter, places: NDArray[np.float32], color: QColor, width: float) -> None:
    pen = QPen(color, width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.drawPoints(list(map(QPointF, *places.astype(np.float64).tolist())))


def _paint_tip(painter: QPainter, place: QPointF, color: QColor) -> None:
    for pen in (QPen(_RIM, 3.5), QPen(color, 1.5)):
        painter.setPen(pen)
        painter.drawEllipse(place, 4.0, 4.0)


def _paint_fork(painter: QPainter, place: QPointF, color: QColor) -> None:
    painter.setPen(QPen(_RIM, 1.2))
    painter.setBrush(color.lighter(140))
    painter.drawEllipse(place, 3.6, 3.6)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_root(painter: QPainter, place: QPointF, color: QColor) -> None:
    painter.setPen(QPen(QColor("#11151a"), 1.5))
    painter.setBrush(QColor("#ffffff"))
    painter.drawRect(QRectF(place.x() - 4.5, place.y() - 4.5, 9.0, 9.0))
    painter.fillRect(QRectF(place.x() - 2.0, place.y() - 2.0, 4.0, 4.0), color)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def paint_places(painter: QPainter, marks: Sequence[PlaceMark], sight: Sight) -> None:
    """Paint rings around places to look at; outside the slab they are faint."""
    if not marks:
        return
    points = np.array([mark.point_um for mark in marks], np.float32).T
    inside = sight.is_in_slab(points, points)
    screen = sight.to_screen(points)
    width, height = sight.camera.size
    limits = np.array([[width + _PAD_PX], [height + _PAD_PX]], np.float32)
    seen = ((screen >= -_PAD_PX) & (screen <= limits)).all(axis=0)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for number in np.flatnonzero(seen).tolist():
        mark, place = marks[number], QPointF(*screen[:, number].tolist())
        color = QColor(SEVERITY_COLORS[mark.severity])
        color.setAlpha(_FULL if inside[number] or mark.is_selected else 90)
        radius = 13.0 if mark.is_selected else 8.0
        rim = QColor("#ffffff") if mark.is_selected else _RIM
        for pen in (QPen(rim, 5.0 if mark.is_selected else 4.0), QPen(color, 2.2)):
            painter.setPen(pen)
            painter.drawEllipse(place, radius, radius)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sketch:
    """What a tool is about to do: painted over the trees, in no tree yet.

    Attributes
    ----------
    path : ndarray or None
        ``(point, 3)`` x, y, z in µm.
    is_sure : bool
        Whether a click makes just this path; otherwise it is dashed.
    node_um, radius_um : optional
        A node that is chosen, and its radius to be.
    """

    path: NDArray[np.float64] | None = None
    is_sure: bool = False
    node_um: PointUm | None = None
    radius_um: float | None = None
    color: str = "#ffffff"


def paint_sketch(painter: QPainter, sketch: Sketch, sight: Sight) -> None:
    """Paint what a tool is about to do."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if sketch.path is not None and len(sketch.path) > 1:
        places = sight.to_screen(sketch.path.T.astype(np.float32)).astype(np.float64)
        line = list(map(QPointF, *places.tolist()))
        pen = QPen(QColor(sketch.color), 2.0)
        if not sketch.is_sure:
            pen.setDashPattern([4.0, 3.0])
        for part in (QPen(_RIM, 4.0), pen):
            painter.setPen(part)
            painter.drawPolyline(line)
    if sketch.node_um is not None:
        at = sight.to_screen(np.array([sketch.node_um], np.float32).T)
        place = QPointF(*at[:, 0].tolist())
        radius = 7.0
        if sketch.radius_um is not None:
            radius = max(2.0, sketch.radius_um * sight.camera.zoom)
        for pen in (QPen(_RIM, 4.0), QPen(QColor(sketch.color), 2.0)):
            painter.setPen(pen)
            painter.drawEllipse(place, radius, radius)

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
        """Return the places on the screen, ``(point, 2)`` x and y, of points ``(point, 3)``."""
        camera, (right, down) = self.camera, self.axes
        zoom = np.float32(camera.zoom)
        screen = np.empty((len(points), 2), np.float32)
        screen[:, 0] = (points[:, right] - np.float32(camera.centre_mm[1])) * zoom
        screen[:, 1] = (points[:, down] - np.float32(camera.centre_mm[0])) * zoom
        screen += np.float32(camera.size) / 2
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
        """Return which edges reach into the slab, by their two ends ``(edge, 3)``."""
        if self.depth_um is None:
            return np.ones(len(points), np.bool_)
        one, other = points[:, self.depth_axis], ends[:, self.depth_axis]
        low, high = self.depth_um
        inside: NDArray[np.bool_] = np.minimum(one, other) <= high
        inside &= np.maximum(one, other) >= low
        return inside


def paint_tree(painter: QPainter, tree: ShownTree, lines: TreeLines, sight: Sight) -> None:
    """Paint the edges of a tree that are seen; those outside the slab faint, or not at all."""
    rows = lines.edges_in(sight.window(in_slab=not sight.shows_outside))
    if not len(rows):
        return
    is_whole = len(rows) == len(lines)
    points = lines.points if is_whole else lines.points[rows]
    ends = lines.ends if is_whole else lines.ends[rows]
    inside = sight.is_in_slab(points, ends)
    start, stop = sight.to_screen(points), sight.to_screen(ends)
    codes = np.zeros(len(rows), np.uint8) if tree.codes is None else tree.codes[rows]
    if len(rows) <= MAX_SMOOTH:
        _paint_smooth(painter, tree, start, stop, codes, inside)
    else:
        _paint_pixels(painter, tree, start, stop, codes, inside, sight.camera.size)


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
        columns = np.concatenate([start[chosen], stop[chosen]], axis=1).astype(np.float64)
        painter.drawLines(list(map(QLineF, *columns.T.tolist())))


def _paint_pixels(
    painter: QPainter,
    tree: ShownTree,
    start: NDArray[np.float32],
    stop: NDArray[np.float32],
    codes: NDArray[np.uint8],
    inside: NDArray[np.bool_],
    size: tuple[int, int],
) -> None:
    ratio = painter.device().devicePixelRatio()
    width, height = max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))
    seen = np.zeros((height, width), np.uint8)
    n_colors = len(tree.palette)
    marks = codes + np.uint8(1)
    # Outside the slab first, so that what is inside lies over it.
    for chosen, first in ((~inside, 0), (inside, n_colors)):
        if chosen.all():
            _scatter(seen, start, stop, marks + np.uint8(first), ratio)
        elif chosen.any():
            _scatter(seen, start[chosen], stop[chosen], marks[chosen] + np.uint8(first), ratio)
    thick = seen.copy()
    np.maximum(thick[:, 1:], seen[:, :-1], out=thick[:, 1:])
    np.maximum(thick[1:], seen[:-1], out=thick[1:])
    table = np.zeros((256, 4), np.uint8)
    strength = 150 if tree.is_faded else _FULL
    for code, name in enumerate(tree.palette):
        color = QColor(name)
        for first, alpha in ((1, _FADED), (1 + n_colors, strength)):
            share = alpha / 255
            mixed = [round(part * share) for part in (color.blue(), color.green(), color.red())]
            table[code + first] = (*mixed, alpha)
    pixels = np.ascontiguousarray(table.view(np.uint32)[:, 0][thick])
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    painter.drawImage(0, 0, image)


def _scatter(
    seen: NDArray[np.uint8],
    start: NDArray[np.float32],
    stop: NDArray[np.float32],
    marks: NDArray[np.uint8],
    ratio: float,
) -> None:
    """Write the marks of edges into the pixels that they cross."""
    height, width = seen.shape
    if ratio != 1.0:
        start, stop = start * np.float32(ratio), stop * np.float32(ratio)
    _put(seen, start, marks)
    length = np.abs(stop - start).max(axis=1)
    long = np.flatnonzero(length > 1.0)
    if not len(long):
        return
    counts = np.minimum(np.ceil(length[long]), 2 * (width + height)).astype(np.int64)
    total = int(counts.sum())
    if total > _MAX_SAMPLES:
        counts = np.maximum(1, counts * _MAX_SAMPLES // total)
    which = np.repeat(np.arange(len(long)), counts)
    step = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = ((step + 1) / counts[which]).astype(np.float32)[:, None]
    begin = start[long][which]
    _put(seen, begin + share * (stop[long][which] - begin), marks[long][which])


def _put(seen: NDArray[np.uint8], places: NDArray[np.float32], marks: NDArray[np.uint8]) -> None:
    height, width = seen.shape
    with np.errstate(invalid="ignore"):
        column, row = places[:, 0].astype(np.int32), places[:, 1].astype(np.int32)
    valid = (places[:, 0] >= 0) & (column < width) & (places[:, 1] >= 0) & (row < height)
    at = row[valid] * np.int32(width) + column[valid]
    seen.reshape(-1)[at] = marks[valid]


def paint_nodes(painter: QPainter, tree: ShownTree, lines: TreeLines, sight: Sight) -> None:
    """Paint the nodes where they lie apart, and roots, forks and tips where there are few."""
    window = sight.window(in_slab=True)
    rows = lines.within(lines.candidates(window), window)
    color = QColor(tree.palette[0])
    if len(rows) <= MAX_DOTS and _lie_apart(lines, rows, sight):
        _dots(painter, sight.to_screen(lines.points[rows]), QColor("#11151a"), 6.0)
        for code in np.unique(_codes(tree, rows)).tolist():
            chosen = rows[_codes(tree, rows) == code]
            _dots(painter, sight.to_screen(lines.points[chosen]), QColor(tree.palette[code]), 4.0)
    shown = np.zeros(len(lines), np.bool_)
    shown[rows] = True
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for kind, paint in ((lines.tips, _paint_tip), (lines.forks, _paint_fork)):
        chosen = kind[shown[kind]]
        if len(chosen) <= MAX_DOTS // 4:
            for x, y in sight.to_screen(lines.points[chosen]).tolist():
                paint(painter, QPointF(x, y), color)
    for x, y in sight.to_screen(lines.points[lines.roots[shown[lines.roots]]][:MAX_DOTS]).tolist():
        _paint_root(painter, QPointF(x, y), color)


def _codes(tree: ShownTree, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.zeros(len(rows), np.uint8) if tree.codes is None else tree.codes[rows]


def _lie_apart(lines: TreeLines, rows: NDArray[np.int64], sight: Sight) -> bool:
    """Whether single nodes can be told apart: half of the edges are longer than a dot."""
    if not len(rows):
        return False
    step = sight.to_screen(lines.points[rows]) - sight.to_screen(lines.ends[rows])
    return bool(np.median(np.abs(step).max(axis=1)) > 7.0)


def _dots(painter: QPainter, places: NDArray[np.float32], color: QColor, width: float) -> None:
    pen = QPen(color, width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.drawPoints(list(map(QPointF, *places.astype(np.float64).T.tolist())))


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
    points = np.array([mark.point_um for mark in marks], np.float32)
    inside = sight.is_in_slab(points, points)
    screen = sight.to_screen(points)
    width, height = sight.camera.size
    seen = ((screen >= -_PAD_PX) & (screen <= np.float32((width + _PAD_PX, height + _PAD_PX)))).all(
        axis=1
    )
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for number in np.flatnonzero(seen).tolist():
        mark, place = marks[number], QPointF(*screen[number].tolist())
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
        places = sight.to_screen(sketch.path.astype(np.float32)).astype(np.float64)
        line = list(map(QPointF, *places.T.tolist()))
        pen = QPen(QColor(sketch.color), 2.0)
        if not sketch.is_sure:
            pen.setDashPattern([4.0, 3.0])
        for part in (QPen(_RIM, 4.0), pen):
            painter.setPen(part)
            painter.drawPolyline(line)
    if sketch.node_um is not None:
        at = sight.to_screen(np.array([sketch.node_um], np.float32))[0].tolist()
        place = QPointF(*at)
        radius = 7.0
        if sketch.radius_um is not None:
            radius = max(2.0, sketch.radius_um * sight.camera.zoom)
        for pen in (QPen(_RIM, 4.0), QPen(QColor(sketch.color), 2.0)):
            painter.setPen(pen)
            painter.drawEllipse(place, radius, radius)

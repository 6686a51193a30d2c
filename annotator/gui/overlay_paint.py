"""Painting of what lies over a slice: lines, letters, scale and text."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRect, QRectF, QSizeF, Qt
from qtpy.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QLinearGradient,
    QPainter,
    QPainterPath,
    QPen,
    QPixmap,
    QTransform,
)

from annotator.analysis.outline import outlines
from annotator.gui.contours import DASHES
from annotator.gui.marks import HEAT_COLORS, PLANE_COLORS
from annotator.gui.view_style import COLORMAPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.reading import Box
    from annotator.gui.marks import Marks
    from annotator.gui.planes import Plane
    from annotator.gui.view_camera import ViewCamera

PAD = 10
TEXT = QColor("#eef2f6")
SHADE = QColor(0, 0, 0, 170)
TEXT_SHADE = QColor(0, 0, 0, 235)
SLICE_TEXT = QRect(0, 0, 190, 50)
"""Where the name and number of the slice stand: all that a step changes on an empty slice."""
_RIM = 3.0
_GAP = 14
"""Half of the opening of the crosshair, so that it never hides what it points at."""
_LARGER = {"mm": ("cm", 10.0), "µm": ("mm", 1000.0)}
"""The unit that lengths are given in from so many on."""
_SMALL_MM = 0.1
"""Lengths below this are given in µm."""


def paint_contours(
    painter: QPainter, marks: Marks, plane: Plane, index: int, camera: ViewCamera
) -> None:
    """Paint the raters' lines, then their letters, so that no line crosses a letter."""
    tags: list[tuple[QPointF, str, QColor]] = []
    for number, contour in enumerate(marks.contours.contours):
        if not contour.is_visible:
            continue
        trace = marks.contours.trace(number, plane, index)
        color = QColor(contour.color)
        _line(painter, _to_view(camera).map(trace.path), color, DASHES.get(contour.dash, ()))
        if trace.tag is not None:
            tags.append((QPointF(*camera.to_screen(*trace.tag)), contour.letter, color))
    for place, letter, color in tags:
        _tag(painter, place, letter, color)


def paint_crosshair(painter: QPainter, marks: Marks, plane: Plane, camera: ViewCamera) -> None:
    """Paint where the other planes cut this one, each in the colour of its plane."""
    paint_cross(painter, plane.to_screen(marks.position), plane, camera)


def paint_cross(
    painter: QPainter, place: tuple[float, float], plane: Plane, camera: ViewCamera
) -> None:
    """Paint a crosshair at a place ``(row, column)`` of a slice."""
    x, y = camera.to_screen(*place)
    width, height = camera.size
    across, down = _cutting_colors(plane)
    painter.setPen(_pen(across, 1.0))
    painter.drawLine(QPointF(0, y), QPointF(x - _GAP, y))
    painter.drawLine(QPointF(x + _GAP, y), QPointF(width, y))
    painter.setPen(_pen(down, 1.0))
    painter.drawLine(QPointF(x, 0), QPointF(x, y - _GAP))
    painter.drawLine(QPointF(x, y + _GAP), QPointF(x, height))


def paint_box(
    painter: QPainter, box: Box, plane: Plane, index: int, camera: ViewCamera, color: QColor
) -> None:
    """Paint the frame of a voxel box where it reaches into the slice."""
    if not plane.meets(box, index):
        return
    rows, columns = plane.window(box)
    left, top = camera.to_screen(rows.start - 0.5, columns.start - 0.5)
    right, bottom = camera.to_screen(rows.stop - 0.5, columns.stop - 0.5)
    frame = QRectF(left, top, right - left, bottom - top).adjusted(-4, -4, 4, 4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (_pen(SHADE, 4.0), _pen(color, 2.0)):
        painter.setPen(pen)
        painter.drawRoundedRect(frame, 4, 4)


def paint_highlight(
    painter: QPainter, marks: Marks, plane: Plane, index: int, camera: ViewCamera
) -> None:
    """Paint what the reviewer should look at: a frame, or the outline of a region."""
    color = QColor("#ffffff")
    if isinstance(marks.highlight, tuple):
        paint_box(painter, marks.highlight, plane, index, camera, color)
    elif marks.highlight is not None:
        path = QPainterPath()
        for outline in outlines(plane.cut(marks.highlight.view(np.uint8), index)):
            path.addPolygon([QPointF(column, row) for row, column in outline.points])
        _line(painter, _to_view(camera).map(path), color, ())


def paint_brush(painter: QPainter, marks: Marks, camera: ViewCamera, cursor: QPointF) -> None:
    """Paint the outline of the brush in its true size."""
    radius = marks.brush_radius_px(camera.zoom)
    if radius is None:
        return
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (_pen(SHADE, 3.0), _pen(QColor(marks.color), 1.5)):
        painter.setPen(pen)
        if marks.brush_is_square:
            painter.drawRect(QRectF(-radius, -radius, 2 * radius, 2 * radius).translated(cursor))
        else:
            painter.drawEllipse(cursor, radius, radius)


def paint_rubber_band(painter: QPainter, area: QRectF) -> None:
    """Paint the part that is being dragged over."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    dashed = _pen(QColor("#ffffff"), 1.5)
    dashed.setDashPattern([4, 3])
    for pen in (_pen(SHADE, 3.0), dashed):
        painter.setPen(pen)
        painter.drawRect(area)


def paint_tint(
    painter: QPainter, marks: Marks, plane: Plane, index: int, camera: ViewCamera
) -> None:
    """Paint where the rules let tools draw."""
    if marks.tint is not None:
        image = marks.tint.image(plane, index)
        area = QRectF(-0.5, -0.5, image.width(), image.height())
        painter.drawImage(_to_view(camera).mapRect(area), image)


def paint_suggestion(
    painter: QPainter, marks: Marks, plane: Plane, index: int, camera: ViewCamera
) -> None:
    """Paint a dashed line around what would change."""
    if marks.suggestion is not None:
        path = _to_view(camera).map(marks.suggestion.outline(plane, index))
        _line(painter, path, QColor("#ffffff"), (4.0, 3.0))


def paint_texts(
    painter: QPainter, marks: Marks, plane: Plane, index: int, camera: ViewCamera
) -> None:
    """Paint the name of the plane, the slice, the window, the edges' letters and the scale."""
    font = QFont(painter.font())
    font.setPixelSize(13)
    painter.setFont(font)
    width, height = camera.size
    color = QColor(PLANE_COLORS[plane.name])
    top = PAD
    if plane.name not in ("picture", "video"):
        name = plane.name[:1].upper() + plane.name[1:]
        paint_text(painter, QPointF(PAD, top), name, color, bold=True)
        top += 18
    if plane.n_slices > 1:
        what = "Frame" if plane.name == "video" else "Slice"
        paint_text(painter, QPointF(PAD, top), f"{what} {index + 1} / {plane.n_slices}", TEXT)
        top += 18
    slab_text = marks.slab_text or marks.style.slab_text
    if slab_text:
        paint_text(painter, QPointF(PAD, top), slab_text, TEXT)
    if marks.window_text and width > 300:
        paint_text(painter, QPointF(PAD, height - PAD - 16), marks.window_text, TEXT)
    left, right, above, below = plane.letters
    middle = QPointF(width / 2, height / 2)
    paint_text(painter, QPointF(PAD, middle.y() - 8), left, TEXT, bold=True)
    paint_text(painter, QPointF(width - PAD - 11, middle.y() - 8), right, TEXT, bold=True)
    paint_text(painter, QPointF(middle.x() - 5, PAD), above, TEXT, bold=True)
    paint_text(painter, QPointF(middle.x() - 5, height - PAD - 16), below, TEXT, bold=True)
    _scale_bar(painter, marks, camera)


def paint_banner(painter: QPainter, text: str, camera: ViewCamera) -> None:
    """Paint a message in the middle of the lower edge."""
    font = QFont(painter.font())
    font.setPixelSize(13)
    painter.setFont(font)
    width, height = camera.size
    wide = min(QFontMetricsF(font).horizontalAdvance(text) + 24.0, width - 2.0 * PAD)
    flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
    needed = QFontMetricsF(font).boundingRect(QRectF(0, 0, wide - 24, height), flags, text)
    tall = needed.height() + 14
    frame = QRectF((width - wide) / 2, height - tall - 36, wide, tall)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(20, 24, 30, 225))
    painter.drawRoundedRect(frame, 6, 6)
    painter.setPen(TEXT)
    painter.drawText(frame.adjusted(12, 6, -12, -6), flags, text)


def paint_heat_scale(painter: QPainter, title: str, camera: ViewCamera) -> None:
    """Paint what the colours of the heat map mean, above the window in the lower left."""
    shades = [
        QColor.fromRgbF(red * opacity, green * opacity, blue * opacity)
        for red, green, blue, opacity in HEAT_COLORS
    ]
    top = camera.size[1] - PAD - 76.0
    paint_text(painter, QPointF(PAD, top), title, TEXT)
    _scale(painter, QPointF(PAD, top + 20), shades, ("0", "1"))


def paint_color_bar(painter: QPainter, marks: Marks, camera: ViewCamera) -> None:
    """Paint which value has which colour, where that is not grey from dark to bright."""
    if not marks.window_text or marks.style.ramp == COLORMAPS["grey"][1]:
        return
    ends = tuple(f"{value:.4g}" for value in marks.window_ends)
    shades = [QColor(color) for color in marks.style.ramp]
    above = 56 if marks.heat_title else 0
    place = QPointF(PAD, camera.size[1] - PAD - 56.0 - above)
    _scale(painter, place, shades, (ends[0], ends[1]))


def _scale(
    painter: QPainter, place: QPointF, shades: Sequence[QColor], ends: tuple[str, str]
) -> None:
    """Paint a bar from the first colour to the last, with what they stand for below."""
    bar = QRectF(place.x(), place.y(), 150, 9)
    colors = QLinearGradient(bar.topLeft(), bar.topRight())
    for number, shade in enumerate(shades):
        colors.setColorAt(number / (len(shades) - 1), shade)
    painter.setPen(_pen(TEXT, 1.0))
    painter.setBrush(colors)
    painter.drawRect(bar)
    width = QFontMetricsF(painter.font()).horizontalAdvance(ends[1])
    paint_text(painter, QPointF(bar.left(), bar.top() + 12), ends[0], TEXT)
    paint_text(painter, QPointF(bar.right() - width, bar.top() + 12), ends[1], TEXT)


def _scale_bar(painter: QPainter, marks: Marks, camera: ViewCamera) -> None:
    width, height = camera.size
    length = nice_length(min(120.0, width / 5) / camera.zoom)
    shown = length_words(length, marks.unit if marks.is_calibrated else "px")
    bar = length * camera.zoom
    left, y = width - PAD - bar, height - PAD - 2.0
    for pen in (_pen(SHADE, 5.0), _pen(TEXT, 2.0)):
        painter.setPen(pen)
        painter.drawLine(QPointF(left, y), QPointF(left + bar, y))
        painter.drawLine(QPointF(left, y - 5), QPointF(left, y))
        painter.drawLine(QPointF(left + bar, y - 5), QPointF(left + bar, y))
    advance = QFontMetricsF(painter.font()).horizontalAdvance(shown)
    paint_text(painter, QPointF(left + (bar - advance) / 2, y - 23), shown, TEXT)


def nice_length(longest: float) -> float:
    """Return the greatest of 1, 2 and 5 times a power of ten that is no longer than this."""
    power = 10.0 ** math.floor(math.log10(longest) + 1e-9)
    return max(part * power for part in (1, 2, 5) if part * power <= longest * (1 + 1e-9))


def length_words(length: float, unit: str) -> str:
    """Return a length with the unit that suits it: ``unit`` is that of the number."""
    larger, ratio = _LARGER.get(unit, (unit, math.inf))
    if unit == "mm" and length < _SMALL_MM * (1 - 1e-9):
        return f"{1000 * length:g} µm"
    return f"{length / ratio:g} {larger}" if length >= ratio else f"{length:g} {unit}"


def _line(painter: QPainter, path: QPainterPath, color: QColor, pattern: tuple[float, ...]) -> None:
    """Stroke a line with a dark rim; bevelled joins cost a quarter of round ones."""
    rim, pen = QPen(QColor(0, 0, 0, 150), 4.0), QPen(color, 2.0)
    for part in (rim, pen):
        part.setJoinStyle(Qt.PenJoinStyle.BevelJoin)
        part.setCapStyle(Qt.PenCapStyle.FlatCap)
    if pattern:
        pen.setDashPattern(list(pattern))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    painter.strokePath(path, rim)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.strokePath(path, pen)


def _tag(painter: QPainter, place: QPointF, letter: str, color: QColor) -> None:
    frame = QRectF(place.x() - 8, place.y() - 8, 16, 16)
    painter.setPen(_pen(SHADE, 1.5))
    painter.setBrush(color)
    painter.drawRoundedRect(frame, 4, 4)
    font = QFont(painter.font())
    font.setPixelSize(11)
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(QColor("#000000") if color.lightness() > 110 else QColor("#ffffff"))
    painter.drawText(frame, int(Qt.AlignmentFlag.AlignCenter), letter)


def paint_text(
    painter: QPainter, corner: QPointF, text: str, color: QColor, *, bold: bool = False
) -> None:
    """Paint light text with a dark rim, readable on any image; ``corner`` is its top left."""
    ratio = painter.device().devicePixelRatio()
    painter.drawPixmap(corner - QPointF(_RIM, 0), _stamp(text, color.name(), bold, ratio))


@lru_cache(maxsize=512)
def _stamp(text: str, color: str, bold: bool, ratio: float) -> QPixmap:
    """Return a text with its rim; stroking the rim anew at every step would cost milliseconds."""
    font = QFont()
    font.setPixelSize(13)
    font.setBold(bold)
    metrics = QFontMetricsF(font)
    size = QSizeF(metrics.horizontalAdvance(text) + 2 * _RIM, metrics.height() + 2)
    pixmap = QPixmap((size * ratio).toSize())
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    path = QPainterPath()
    path.addText(_RIM, metrics.ascent(), font, text)
    painter.strokePath(path, _pen(TEXT_SHADE, 3.0))
    painter.fillPath(path, QColor(color))
    painter.end()
    return pixmap


def _pen(color: QColor, width: float) -> QPen:
    pen = QPen(color, width)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen


def _cutting_colors(plane: Plane) -> tuple[QColor, QColor]:
    """Return the colours of the planes that cut this one along its rows, and along its columns."""
    across, down = {
        "axial": ("coronal", "sagittal"),
        "coronal": ("axial", "sagittal"),
        "sagittal": ("axial", "coronal"),
        "XY": ("XZ", "YZ"),
        "XZ": ("XY", "YZ"),
        "YZ": ("XY", "XZ"),
    }.get(plane.name, (plane.name, plane.name))
    colors = QColor(PLANE_COLORS[across]), QColor(PLANE_COLORS[down])
    for color in colors:
        color.setAlpha(200)
    return colors


def _to_view(camera: ViewCamera) -> QTransform:
    """Return the map from (column, row) pixels of the slice to the screen."""
    x0, y0 = camera.to_screen(0, 0)
    return QTransform(
        camera.spacing_mm[1] * camera.zoom, 0, 0, camera.spacing_mm[0] * camera.zoom, x0, y0
    )

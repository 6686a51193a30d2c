"""Our own icons: SVG line drawings, coloured when they are drawn."""

from __future__ import annotations

from functools import lru_cache

from qtpy.QtCore import QByteArray, QRectF, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer

from annotator.bundled import resource
from annotator.domain.errors import UnknownNameError


def icon_names() -> tuple[str, ...]:
    """Return the names of all icons."""
    return tuple(sorted(path.stem for path in resource("icons").glob("*.svg")))


@lru_cache(maxsize=512)
def pixmap(name: str, color: str, size: int, ratio: float = 1.0) -> QPixmap:
    """Draw an icon in a ``#rrggbb`` colour, ``size`` logical pixels square."""
    path = resource(f"icons/{name}.svg")
    if not path.is_file():
        raise UnknownNameError("icon", name, icon_names())
    source = path.read_text(encoding="utf-8").replace("currentColor", color)
    drawn = QPixmap(round(size * ratio), round(size * ratio))
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(source.encode())).render(
        painter, QRectF(0, 0, size * ratio, size * ratio)
    )
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    return drawn


def icon(name: str, *, normal: str, active: str, disabled: str, size: int = 20) -> QIcon:
    """Return an icon in three colours: normal, checked or pressed, disabled."""
    made = QIcon()
    for ratio in (1.0, 2.0):
        for color, mode, state in (
            (normal, QIcon.Mode.Normal, QIcon.State.Off),
            (active, QIcon.Mode.Normal, QIcon.State.On),
            (disabled, QIcon.Mode.Disabled, QIcon.State.Off),
            (disabled, QIcon.Mode.Disabled, QIcon.State.On),
        ):
            made.addPixmap(pixmap(name, color, size, ratio), mode, state)
    return made

"""In which colour, and how strongly, each label of a schema is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QColor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.schema import LabelSchema

Color = tuple[float, float, float, float]
"""Red, green, blue, alpha, 0 to 1."""


class LabelColors:
    """Mutable: opacity of the mask, opacity of each label (a part of it), and what is hidden."""

    def __init__(self) -> None:
        self.opacity = 0.5
        self._schema: LabelSchema | None = None
        self._parts: dict[int, float] = {}
        self._hidden: set[int] = set()

    def use(self, schema: LabelSchema) -> None:
        """Show the labels of another schema, all of them fully."""
        self._schema = schema
        self._parts.clear()
        self._hidden.clear()

    def set_part(self, value: int, opacity: float) -> None:
        """Show a label at a part of the mask's opacity, 0 to 1."""
        self._parts[value] = opacity

    def set_visible(self, value: int, visible: bool) -> None:
        """Show or hide a label."""
        if visible:
            self._hidden.discard(value)
        else:
            self._hidden.add(value)

    def pen(self, value: int) -> str:
        """Return the colour of a label, ``#rrggbb``; white for one that is not in the schema."""
        label = self._schema.label(value) if self._schema is not None else None
        return label.color if label is not None else "#ffffff"

    def table(self) -> dict[int, Color]:
        """Return the colour of each mask value that is shown; later groups lie over others."""
        colors = self._labels()
        if self._schema is None:
            return colors
        groups = self._schema.groups
        place = {label.value: groups.index(label.group) for label in self._schema.labels}
        for entry in self._schema.overlaps:
            shown = sorted(set(entry.labels) & colors.keys(), key=lambda value: place[value])
            if shown:
                colors[entry.value] = layered([colors[value] for value in shown])
        return colors

    def _labels(self) -> dict[int, Color]:
        """Return the colour of each label that is shown."""
        labels = self._schema.labels if self._schema is not None else ()
        colors: dict[int, Color] = {}
        for label in labels:
            if label.value not in self._hidden:
                color = QColor(label.color)
                alpha = self.opacity * self._parts.get(label.value, 1.0)
                colors[label.value] = (color.redF(), color.greenF(), color.blueF(), alpha)
        return colors

    def solid(self) -> dict[int, Color]:
        """Return the colours in which bodies are shown: as clear as each label is by itself."""
        if self.opacity <= 0:
            return {}
        return {
            value: (red, green, blue, self._parts.get(value, 1.0))
            for value, (red, green, blue, _) in self._labels().items()
        }


def layered(colors: Sequence[Color]) -> Color:
    """Return the colour of sheets that lie on each other, the first lowest (Porter and Duff 1984).

    It lets as little through as all sheets together.
    """
    red, green, blue, alpha = colors[0]
    for upper in colors[1:]:
        over = upper[3]
        whole = over + alpha * (1 - over)
        share = over / whole if whole else 1.0
        red, green, blue = (
            share * above + (1 - share) * below
            for above, below in zip(upper[:3], (red, green, blue), strict=True)
        )
        alpha = whole
    return red, green, blue, alpha


def opaque_colors(schema: LabelSchema) -> dict[int, str]:
    """Return the colour of each mask value of a schema, ``#rrggbb``, all labels equally strong."""
    colors = LabelColors()
    colors.use(schema)
    return {
        value: QColor.fromRgbF(red, green, blue).name()
        for value, (red, green, blue, _) in colors.table().items()
    }

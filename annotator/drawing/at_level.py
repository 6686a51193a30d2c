"""Tools that look at the image, on a slide: at the level that is seen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.level_pixels import LevelPixels
from annotator.drawing.edit import EditRecorder, common_box
from annotator.drawing.gesture import Gesture, Held
from annotator.drawing.large_shapes import stamp_shape
from annotator.drawing.slide_surface import Sight, SlideRecorder, SlideSurface
from annotator.drawing.surface import Surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point, Shape
    from annotator.drawing.gesture import Preview

_WHOLE = frozenset({"livewire", "level-tracing", "threshold-brush", "adaptive-brush"})
"""Tools that look only near the pointer: they may go anywhere."""
_WITHIN = frozenset({"region-growing", "nudge"})
"""Tools that look at all there is: they are given what is seen and as much around it."""


def gesture_of(
    tool: type[Gesture], surface: Surface, held: Held, *, plane: int, index: int
) -> Gesture:
    """Return a new gesture; on a slide, of tools that look at the image, at the level seen."""
    if isinstance(surface, SlideSurface) and tool.name in _WHOLE | _WITHIN:
        return AtLevel(tool, surface, held, plane=plane, index=index)
    return tool(surface, held, plane=plane, index=index)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _LevelSurface(Surface):
    """A part of a slide in pixels of the level that is seen; what is painted goes to the finest.

    ``origin`` is the first row and column of the part.
    """

    slide: SlideSurface
    writer: SlideRecorder
    factor: int
    origin: tuple[int, int] = field(default=(0, 0))

    def recorder(self) -> EditRecorder:
        """Return what writes to the finest level."""
        return _LevelRecorder(self)


class _LevelRecorder(EditRecorder):
    """Writes each pixel of a level as the finest pixels that it covers."""

    def __init__(self, surface: _LevelSurface) -> None:
        super().__init__(surface.mask)
        self._surface = surface

    def paint(
        self, origin: tuple[int, int, int], stamp: NDArray[np.bool_], value: int
    ) -> Box | None:
        """Set the pixels of a stamp, whose first pixel lies at ``origin``, to ``value``."""
        surface, factor = self._surface, self._surface.factor
        low = (origin[0], max(0, origin[1]), max(0, origin[2]))
        box = common_box((low, _end(origin, stamp.shape)), surface.whole)
        if any(a >= b for a, b in zip(*box, strict=True)):
            return None
        inside = stamp[
            0,
            box[0][1] - origin[1] : box[1][1] - origin[1],
            box[0][2] - origin[2] : box[1][2] - origin[2],
        ]
        first = (
            (box[0][1] + surface.origin[0]) * factor,
            (box[0][2] + surface.origin[1]) * factor,
        )
        shape = stamp_shape(first, inside, factor, surface.slide.mask.shape)
        if shape is not None:
            surface.writer.paint_shape(shape, value)
        return box

    def paint_shape(self, shape: Shape, value: int) -> Box:
        """Set the pixels of a shape, which lies inside the mask, to ``value``; returns its box."""
        self.paint(shape.box[0], shape.inside, value)
        return shape.box


class AtLevel(Gesture):
    """A gesture of another tool in pixels of the level that is seen, told in those of the finest.

    As long as it has not begun it follows the zoom; from then on it keeps its level.
    """

    def __init__(
        self, tool: type[Gesture], surface: SlideSurface, held: Held, *, plane: int, index: int
    ) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self.name = tool.name  # type: ignore[misc]  # the history knows the tool, not this
        self._slide = surface
        self._tool = tool
        self._sight = surface.sight()
        self._level, self._inner = self._begin(self._sight)

    @property
    def has_begun(self) -> bool:
        """Whether dropping it would lose something that the person did."""
        return self._inner.has_begun

    @property
    def preview(self) -> Preview:
        """What is seen of it now."""
        shown = self._inner.preview
        return replace(
            shown,
            lines=tuple(replace(line, points=self._finer(line.points)) for line in shown.lines),
            anchors=tuple(self._finer_point(anchor) for anchor in shown.anchors),
            ring=None if shown.ring is None else self._finer_point(shown.ring),
        )

    def hover(self, at: Point) -> None:
        """Follow the pointer while no button is held."""
        self._look_again()
        self._inner.hover(self._coarser(at))

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Begin, or go on, where the button went down."""
        self._look_again()
        return self._told(self._inner.press(self._coarser(at), pressure))

    def drag(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Follow the pointer with the button held."""
        return self._told(self._inner.drag(self._coarser(at), pressure))

    def release(self) -> Box | None:
        """End what the button was held for."""
        return self._told(self._inner.release())

    def confirm(self) -> Box | None:
        """Mean it as it is now."""
        return self._told(self._inner.confirm())

    def step_back(self) -> bool:
        """Take the last step inside the gesture back; False where there is none."""
        has_stepped = self._inner.step_back()
        self.is_done = self._inner.is_done
        return has_stepped

    def take(self, result: Any) -> Box | None:  # noqa: ANN401 - whatever its own work returned
        """Go on with what ``work`` returned."""
        self._inner.work = None
        return self._told(self._inner.take(result))

    def _look_again(self) -> None:
        sight = self._slide.sight()
        if sight != self._sight and not self._inner.has_begun:
            self._sight = sight
            self._level, self._inner = self._begin(sight)

    def _begin(self, sight: Sight) -> tuple[_LevelSurface, Gesture]:
        slide, factor = self._slide, sight.factor
        number = factor.bit_length() - 1
        size = slide.levels.shape(number)
        rows, columns = (0, size[0]), (0, size[1])
        if self._tool.name in _WITHIN:
            (_, top, left), (_, bottom, right) = sight.box
            rows = (top // factor, min(size[0], -(-bottom // factor)))
            columns = (left // factor, min(size[1], -(-right // factor)))
        depth, tall, wide = slide.spacing_mm
        level = _LevelSurface(
            mask=slide.levels.live(number, rows, columns),
            image=LevelPixels(slide.tiles, factor, rows, columns),  # type: ignore[arg-type]
            spacing_mm=(depth, tall * factor, wide * factor),
            unit=slide.unit,
            slope=slide.slope,
            intercept=slide.intercept,
            rules=replace(slide.rules, regions=()),  # those are kept where it is written
            layers=slide.layers,
            group=slide.group,
            slide=slide,
            writer=self._writer,
            factor=factor,
            origin=(rows[0], columns[0]),
        )
        held = replace(self.held, is_3d=False)
        return level, self._tool(level, held, plane=self.plane, index=self.index)

    @property
    def _writer(self) -> SlideRecorder:
        if not isinstance(self._recorder, SlideRecorder):
            raise TypeError("a slide is written to by its own recorder")
        return self._recorder

    def _told(self, box: Box | None) -> Box | None:
        """Take over how far the gesture is, and return its box in pixels of the finest."""
        self.is_done, self.work = self._inner.is_done, self._inner.work
        if box is None:
            return None
        factor, (row, column) = self._level.factor, self._level.origin
        (z0, y0, x0), (z1, y1, x1) = box
        finest: Box = (
            (z0, (y0 + row) * factor, (x0 + column) * factor),
            (z1, (y1 + row) * factor, (x1 + column) * factor),
        )
        return common_box(finest, self._slide.whole)

    def _coarser(self, at: Point) -> Point:
        factor, (row, column) = self._level.factor, self._level.origin
        z, y, x = at
        return z, (y + 0.5) / factor - 0.5 - row, (x + 0.5) / factor - 0.5 - column

    def _finer(self, points: NDArray[Any]) -> NDArray[Any]:
        origin = (0.0, *self._level.origin)
        found: NDArray[Any] = (points + origin + 0.5) * self._level.factor - 0.5
        found[:, 0] = points[:, 0]
        return found

    def _finer_point(self, at: Point) -> Point:
        z, y, x = self._finer(np.asarray([at], np.float64))[0].tolist()
        return z, y, x


def _end(origin: tuple[int, int, int], shape: tuple[int, ...]) -> tuple[int, int, int]:
    z, y, x = (a + n for a, n in zip(origin, shape, strict=True))
    return z, y, x

"""The livewire: an outline that follows edges between the places that are clicked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.edge_map import EdgeMap
from annotator.drawing.gesture import NOTHING, Gesture, Held, Line, NothingToDoError, Preview
from annotator.drawing.options import NumberOption, Option
from annotator.drawing.polygon import paint_outline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.path_tree import Pixel
    from annotator.domain.reading import Box
    from annotator.drawing.edit import Point
    from annotator.drawing.surface import Surface

_GRIP = 3.0
"""How near to an anchor it is taken hold of, pixels."""
_FEWEST = 3
"""Anchors of an outline: the way back between two is the way there."""


class Livewire(Gesture):
    """An outline in progress, anchor by anchor; between two it takes the cheapest way along edges.

    Intelligent scissors after Mortensen and Barrett 1998 (Graphical Models and Image Processing
    60(5), 349-384): all cheapest ways from an anchor are found once, when it is set; the way to
    the pointer is then read off. What a way costs is told in `annotator.analysis.edge_cost`.
    """

    name: ClassVar[str] = "livewire"
    title: ClassVar[str] = "Livewire"
    watches: ClassVar[bool] = True
    needs_image: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (
        NumberOption(
            key="smoothing",
            title="Smoothing",
            tooltip="How much noise is smoothed away before edges are looked for; less keeps "
            "fine detail.",
            default=1.5,
            minimum=0.5,
            maximum=6.0,
            unit="voxels",
        ),
        NumberOption(
            key="snap",
            title="Snap",
            tooltip="How far a click may lie beside the edge that it means; 0 takes it as it is.",
            default=2,
            minimum=0,
            maximum=10,
            unit="voxels",
            is_whole=True,
        ),
    )
    advice: ClassVar[str] = (
        "Click along an edge; drag an anchor to move it, Backspace takes one back. A click on the "
        "first, Enter or the right button closes and fills."
    )

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        super().__init__(surface, held, plane=plane, index=index)
        self.anchors: list[Pixel] = []
        self._ways: list[NDArray[np.float64]] = []
        self._live: NDArray[np.float64] | None = None
        self._in_hand: int | None = None
        self._is_moved = False
        self._at: Point | None = None
        self._edges = self._map_of(index)

    @property
    def has_begun(self) -> bool:
        """Whether there is an anchor."""
        return bool(self.anchors)

    @property
    def preview(self) -> Preview:
        """The outline so far, how it would go on to the pointer, and how it would be closed."""
        if not self.anchors:
            if self._at is None:
                return NOTHING
            return Preview(anchors=(self._edges.point(self._snapped(self._at)),))
        lines = []
        if self._ways:
            lines.append(Line(points=self._edges.points(np.concatenate(self._ways))))
        if self._live is not None and len(self._live) > 1:
            lines.append(Line(points=self._edges.points(self._live), is_dashed=True))
        return Preview(
            lines=tuple(lines), anchors=tuple(self._edges.point(anchor) for anchor in self.anchors)
        )

    def hover(self, at: Point) -> None:
        """Let the outline go on to the pointer; near the first anchor, to that."""
        index = round(at[self.plane])
        if not self.anchors and index != self.index:
            self.index = index
            self._edges = self._map_of(index)
        self._at, self._live = at, None
        if self.anchors and index == self.index:
            end = self.anchors[0] if self._closes(at) else self._snapped(at)
            self._live = self._edges.way(self.anchors[-1], end)

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Take hold of the anchor here; where none is, set one."""
        self._at, self._live, self._is_moved = at, None, False
        self._in_hand = self._anchor_at(at)
        if self._in_hand is None:
            anchor = self._snapped(at)
            if anchor in self.anchors:
                return None
            if self.anchors:
                self._ways.append(self._edges.way(self.anchors[-1], anchor))
            self.anchors.append(anchor)
            self._in_hand = len(self.anchors) - 1
            self._is_moved = True  # a click that sets the first anchor must not close
            self._edges.begin_at(anchor)
        return None

    def drag(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Move the anchor in hand; the ways to both of its neighbours follow."""
        held = self._in_hand
        if held is None or (not self._is_moved and self._anchor_at(at) == held):
            return None
        anchor = self._snapped(at)
        self._is_moved = True
        if anchor in self.anchors:
            return None
        self.anchors[held] = anchor
        if held > 0:
            self._ways[held - 1] = self._edges.way(self.anchors[held - 1], anchor)
        if held + 1 < len(self.anchors):
            self._ways[held] = self._edges.way(self.anchors[held + 1], anchor)[::-1]
        return None

    def release(self) -> Box | None:
        """Let the anchor go; a click on the first one closes the outline."""
        held, self._in_hand = self._in_hand, None
        if held == 0 and not self._is_moved and len(self.anchors) >= _FEWEST:
            return self.confirm()
        if self.anchors:
            self._edges.begin_at(self.anchors[-1])
        return None

    def step_back(self) -> bool:
        """Take the last anchor back; without any the outline is over."""
        if not self.anchors:
            return False
        self.anchors.pop()
        self._in_hand = None
        if self._ways:
            self._ways.pop()
        self.is_done = not self.anchors
        if self._at is not None and self.anchors:
            self.hover(self._at)
        return True

    def confirm(self) -> Box | None:
        """Close the outline along the edges, and fill it.

        Raises NothingToDoError for less than three anchors.
        """
        if len(self.anchors) < _FEWEST:
            raise NothingToDoError(
                f"An outline needs {_FEWEST} anchors and has {len(self.anchors)}: click along the "
                "edge, then close it."
            )
        self.is_done = True
        closing = self._edges.way(self.anchors[-1], self.anchors[0])
        outline = self._edges.points(np.concatenate([*self._ways, closing]))
        return paint_outline(
            self._recorder, self.surface, list(map(tuple, outline)), self.held, self.plane
        )

    def _map_of(self, index: int) -> EdgeMap:
        return EdgeMap(
            self.surface,
            plane=self.plane,
            index=index,
            sigma_vox=float(self.held.chosen["smoothing"]),
        )

    def _snapped(self, at: Point) -> Pixel:
        return self._edges.snap(self._edges.pixel_at(at), int(self.held.chosen["snap"]))

    def _closes(self, at: Point) -> bool:
        return len(self.anchors) >= _FEWEST and self._anchor_at(at) == 0

    def _anchor_at(self, at: Point) -> int | None:
        """Return the number of the nearest anchor within reach; the first wins a tie."""
        away = [math.dist(self._edges.point(anchor), at) for anchor in self.anchors]
        nearest = min(range(len(away)), key=away.__getitem__, default=None)
        return None if nearest is None or away[nearest] > _GRIP else nearest

"""The marks that are shown over the image: points, landmarks, lines, angles, areas, boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.drawing.mark_places import depth, lies_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from annotator.domain.marks import Mark
    from annotator.gui.planes import Plane

MARK_COLOR = "#4de8f4"
"""Of a mark that is about no label: none of the planes has it, and it is seen on grey."""
FADE_MM = 10.0
"""So far from its slice a point is still seen."""
_FAINT = 0.55
POINTS = ("point", "landmark")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMark:
    """A mark with its colour, ``#rrggbb``, and the words beside it; who set it, as a letter."""

    mark: Mark
    color: str = MARK_COLOR
    text: str = ""


def _plain(mark: Mark) -> ShownMark:
    return ShownMark(mark=mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkLayer:
    """All marks of a case that are shown; ``describe`` says how one in progress looks."""

    shown: tuple[ShownMark, ...] = ()
    selected: int = 0
    describe: Callable[[Mark], ShownMark] = _plain

    def with_changed(self, mark: Mark | None) -> Iterator[ShownMark]:
        """Yield what is shown, a mark that is being set or moved in place of what it was."""
        if mark is None:
            yield from self.shown
            return
        yield from (one for one in self.shown if one.mark.mark_id != mark.mark_id)
        yield self.describe(mark)

    def is_on(self, plane: Plane, index: int) -> bool:
        """Whether anything of the marks is seen on a slice."""
        return any(strength(one.mark, plane, index) > 0 for one in self.shown)


NO_MARKS = MarkLayer()


def strength(mark: Mark, plane: Plane, index: int) -> float:
    """Return how clearly a slice shows a mark: 1 on its own, 0 where it is not seen.

    Points fade over some mm; of a line that only goes through a slice it is seen where.
    """
    if lies_on(mark, plane.axis, index):
        return 1.0
    low, high = depth(mark, plane.axis)
    if mark.kind in POINTS:
        away_mm = abs(low - index) * plane.thickness_mm
        return _FAINT * max(0.0, 1.0 - away_mm / FADE_MM)
    return _FAINT if mark.kind != "box" and low - 0.5 <= index <= high + 0.5 else 0.0
